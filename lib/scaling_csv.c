/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scaling.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "csv.h"
#include "decimal.h"

struct columns {
	int nodes, throughput, power;
};

static int find_columns(const struct wattle_csv *csv, struct columns *ret, struct wattle_err *err)
{
	struct columns c = { wattle_csv_column(csv, "nodes", err), wattle_csv_column(csv, "throughput", err),
			     wattle_csv_column(csv, "power", err) };

	if (c.power == -1)
		c.power = wattle_csv_column(csv, "power_w", err);
	if (c.nodes == -2 || c.throughput == -2 || c.power == -2)
		return -EINVAL;
	if (c.nodes < 0 || c.throughput < 0 || c.power < 0)
		return wattle_csv_refuse(csv, EINVAL, err, "a scaling curve needs the columns nodes,throughput,power");
	*ret = c;
	return 0;
}

static int take_row(const struct wattle_csv *csv, const struct columns *c, struct wattle_scaling *s, struct wattle_err *err)
{
	struct wattle_scaling_point p;
	double nodes;
	int rc;

	if (wattle_decimal_parse(csv->field[c->nodes], &nodes) < 0 || nodes < 0 || nodes > 1e6 || nodes != floor(nodes))
		return wattle_csv_refuse(csv, EINVAL, err, "nodes must be a whole number, 0 to 1000000");
	if (nodes == 0)
		return 0;
	p.nodes = (uint32_t) nodes;
	rc = wattle_csv_positive(csv, c->throughput, "throughput", 1e18, &p.throughput_per_s, err);
	if (rc == 0)
		rc = wattle_csv_positive(csv, c->power, "power", 1e8, &p.power_w, err);
	if (rc == -ENODATA)
		return wattle_csv_refuse(csv, EINVAL, err, "throughput or power is missing");
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->point[i].nodes == p.nodes)
			return wattle_csv_refuse(csv, EINVAL, err, "%u nodes stand twice: average them first", p.nodes);
	if (s->n == WATTLE_SCALING_MAX)
		return wattle_csv_refuse(csv, E2BIG, err, "more than %d points: leave some out", WATTLE_SCALING_MAX);
	s->point[s->n++] = p;
	return 0;
}

static int by_nodes(const void *a, const void *b)
{
	const struct wattle_scaling_point *p = a, *q = b;

	return (p->nodes > q->nodes) - (p->nodes < q->nodes);
}

int wattle_scaling_parse(const char *name, char *text, struct wattle_scaling *ret, struct wattle_err *err)
{
	struct wattle_scaling s = { 0 };
	struct wattle_csv csv;
	struct columns c = { 0 };
	int rc = wattle_csv_begin(&csv, name, text, err);

	if (rc == 0)
		rc = find_columns(&csv, &c, err);
	while (rc == 0) {
		int row = wattle_csv_next(&csv, err);

		if (row < 0)
			return row;
		if (row == 0)
			break;
		rc = take_row(&csv, &c, &s, err);
	}
	if (rc < 0)
		return rc;
	if (s.n == 0)
		return wattle_err_set(err, EINVAL, "%s has no points", name);
	qsort(s.point, s.n, sizeof(s.point[0]), by_nodes);
	*ret = s;
	return 0;
}
