/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sweep.h"

#include <errno.h>

#include "csv.h"
#include "units.h"

#define TIME_MAX_S 1e9
#define ENERGY_MAX_J 1e15

struct columns {
	int cap, time, throughput, energy;
};

static int find_columns(const struct wattle_csv *csv, struct columns *ret, struct wattle_err *err)
{
	struct columns c = { wattle_csv_column(csv, "cap_w", err), wattle_csv_column(csv, "time_s", err),
			     wattle_csv_column(csv, "throughput", err), wattle_csv_column(csv, "energy_j", err) };

	if (c.cap == -2 || c.time == -2 || c.throughput == -2 || c.energy == -2)
		return -EINVAL;
	if (c.cap < 0 || (c.time < 0 && c.throughput < 0))
		return wattle_csv_refuse(csv, EINVAL, err, "a sweep needs the columns cap_w,time_s[,energy_j] or cap_w,throughput");
	if (c.time >= 0 && c.throughput >= 0)
		return wattle_csv_refuse(csv, EINVAL, err, "both time_s and throughput: leave one of them out");
	*ret = c;
	return 0;
}

static int take_row(const struct wattle_csv *csv, const struct columns *c, struct wattle_run *ret, struct wattle_err *err)
{
	struct wattle_run run = { 0, 0, 0 };
	double throughput;
	int rc;

	rc = wattle_csv_positive(csv, c->cap, "cap_w", WATTLE_WATTS_MAX, &run.cap_w, err);
	if (rc == 0 && c->time >= 0)
		rc = wattle_csv_positive(csv, c->time, "time_s", TIME_MAX_S, &run.time_s, err);
	if (rc == 0 && c->time < 0) {
		rc = wattle_csv_positive(csv, c->throughput, "throughput", 1e18, &throughput, err);
		if (rc == 0)
			run.time_s = 1 / throughput;
	}
	if (rc == -ENODATA)
		return wattle_csv_refuse(csv, EINVAL, err, "a cap without a result: remove the row or repeat the run");
	if (rc == 0 && c->energy >= 0)
		rc = wattle_csv_positive(csv, c->energy, "energy_j", ENERGY_MAX_J, &run.energy_j, err);
	if (rc < 0 && rc != -ENODATA)
		return rc;
	*ret = run;
	return 0;
}

int wattle_sweep_parse(const char *name, char *text, struct wattle_sweep *ret, struct wattle_err *err)
{
	struct wattle_csv csv;
	struct columns c = { 0 };
	int rc = wattle_csv_begin(&csv, name, text, err);

	if (rc == 0)
		rc = find_columns(&csv, &c, err);
	if (rc < 0)
		return rc;
	ret->relative = c.time < 0;
	ret->n = 0;
	for (;;) {
		struct wattle_run run;

		rc = wattle_csv_next(&csv, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		rc = take_row(&csv, &c, &run, err);
		if (rc < 0)
			return rc;
		if (ret->n == WATTLE_SWEEP_RUNS_MAX)
			return wattle_csv_refuse(&csv, E2BIG, err, "more than %d runs: average some", WATTLE_SWEEP_RUNS_MAX);
		ret->run[ret->n++] = run;
	}
	if (ret->n == 0)
		return wattle_err_set(err, EINVAL, "%s has no runs", name);
	rc = wattle_sweep_check(ret, err);
	if (rc < 0)
		wattle_err_wrap(err, "%s", name);
	return rc;
}
