/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forecast_rows.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instant.h"

int forecast_refuse(const struct forecast_rows *rows, uint32_t line, struct wattle_err *err, const char *format, ...)
{
	char what[400];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (rows->json)
		return wattle_err_set(err, EINVAL, "%s: entry %u: %s", rows->name, line, what);
	return wattle_err_set(err, EINVAL, "%s:%u: %s", rows->name, line, what);
}

int forecast_add(struct forecast_rows *rows, int64_t at_s, double value, uint32_t line, bool estimated, struct wattle_err *err)
{
	if (rows->head.quantity == WATTLE_QUANTITY_CARBON && (value < 0 || value > WATTLE_FORECAST_INTENSITY_MAX))
		return forecast_refuse(rows, line, err, "%g g/kWh is no carbon intensity (0 to %g): another unit, or damage?", value,
				       WATTLE_FORECAST_INTENSITY_MAX);
	if (fabs(value) > WATTLE_FORECAST_PRICE_MAX)
		return forecast_refuse(rows, line, err, "a price of %g per MWh is out of range", value);
	if (rows->n == rows->room) {
		uint32_t room = rows->room ? 2 * rows->room : 1024;
		struct forecast_row *more;

		if (rows->n >= FORECAST_ROWS_MAX)
			return wattle_err_set(err, E2BIG, "%s has more than %u rows", rows->name, FORECAST_ROWS_MAX);
		more = reallocarray(rows->row, room, sizeof(*more));
		if (!more)
			return wattle_err_set(err, ENOMEM, "out of memory for %s", rows->name);
		rows->row = more;
		rows->room = room;
	}
	rows->row[rows->n++] = (struct forecast_row){ at_s, value, line, estimated };
	return 0;
}

static int by_time_then_line(const void *a, const void *b)
{
	const struct forecast_row *p = a, *q = b;

	if (p->at_s != q->at_s)
		return p->at_s < q->at_s ? -1 : 1;
	return (p->line > q->line) - (p->line < q->line);
}

/* One row a moment: the last one read. */
static int drop_repeats(struct forecast_rows *rows, struct wattle_err *err)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rows->n; i++) {
		struct forecast_row *row = &rows->row[i];

		if (n > 0 && rows->row[n - 1].at_s == row->at_s) {
			char moment[WATTLE_INSTANT_SIZE];

			if (!rows->zoned && rows->head.dated && rows->row[n - 1].value != row->value)
				return forecast_refuse(rows, row->line, err, "%s stands twice with different values (line %u) and names no "
						       "zone: local time, at the end of summer time? Give UTC, or an offset with each time",
						       wattle_instant_format(row->at_s, moment), rows->row[n - 1].line);
			if (!rows->head.dated && rows->row[n - 1].value != row->value)
				return forecast_refuse(rows, row->line, err, "this index stands twice with different values (line %u)",
						       rows->row[n - 1].line);
			rows->row[n - 1] = *row;
			rows->head.n_repeated++;
			continue;
		}
		rows->row[n++] = *row;
	}
	rows->n = n;
	return 0;
}

/* The commonest distance between rows, the shorter of two as common (Boyer-Moore would not do: a majority is not sure). */
static uint32_t find_slot(const struct forecast_rows *rows)
{
	struct { int64_t s; uint32_t count; } kind[32] = { { 0, 0 } };
	uint32_t best = 0;

	for (uint32_t i = 1; i < rows->n; i++) {
		int64_t s = rows->row[i].at_s - rows->row[i - 1].at_s;

		if (s > 86400)
			continue;
		for (uint32_t k = 0; k < 32; k++)
			if (kind[k].count == 0 || kind[k].s == s) {
				kind[k].s = s;
				kind[k].count++;
				break;
			}
	}
	for (uint32_t k = 1; k < 32; k++)
		if (kind[k].count > kind[best].count || (kind[k].count == kind[best].count && kind[k].count > 0 && kind[k].s < kind[best].s))
			best = k;
	return (uint32_t) kind[best].s;
}

/* Where slots begin within slot_s: as most rows do that stand one slot from the next. */
static int64_t find_phase(const struct forecast_rows *rows, uint32_t slot_s)
{
	int64_t phase = rows->row[0].at_s % slot_s;
	uint32_t votes = 0;

	/* a majority vote: one phase holds nearly all rows, or it does not matter which is taken */
	for (uint32_t i = 0; i < rows->n; i++) {
		int64_t here = rows->row[i].at_s % slot_s;

		if (votes == 0)
			phase = here;
		votes += here == phase ? 1u : -1u;
	}
	return phase;
}

static void fill_gaps(struct wattle_forecast *f)
{
	uint32_t last = 0; /* the first slot always has a value */

	for (uint32_t i = 1; i < f->n; i++) {
		if (isnan(f->value[i]))
			continue;
		if (i - last > 1 && (uint64_t) (i - last - 1) * f->slot_s <= FORECAST_GAP_MAX_S)
			for (uint32_t j = last + 1; j < i; j++) {
				f->value[j] = f->value[last] + (f->value[i] - f->value[last]) * (j - last) / (i - last);
				f->n_filled++;
			}
		last = i;
	}
}

static int judge_unit(const struct forecast_rows *rows, const struct wattle_forecast *f, struct wattle_err *err)
{
	double most = 0;

	for (uint32_t i = 0; i < f->n; i++)
		if (f->value[i] > most)
			most = f->value[i];
	if (f->quantity == WATTLE_QUANTITY_CARBON && most > 0 && most <= 1.5)
		return wattle_err_set(err, EINVAL, "%s: the greatest value is %g: kg/kWh? gCO2/kWh is needed", rows->name, most);
	return 0;
}

int forecast_settle(struct forecast_rows *rows, struct wattle_forecast *ret, struct wattle_err *err)
{
	struct wattle_forecast f;
	uint32_t *count;
	int64_t slots;
	int rc;

	if (rows->n == 0)
		return wattle_err_set(err, EINVAL, "%s has no values", rows->name);
	qsort(rows->row, rows->n, sizeof(*rows->row), by_time_then_line);
	rc = drop_repeats(rows, err);
	if (rc < 0)
		return rc;
	f = rows->head;
	f.slot_s = rows->slot_s ? rows->slot_s : find_slot(rows);
	if (f.slot_s == 0)
		return wattle_err_set(err, EINVAL, "%s: %u row%s tell no slot length: two in a row are needed", rows->name, rows->n,
				      rows->n == 1 ? "" : "s");
	f.start_s = rows->row[0].at_s - ((rows->row[0].at_s - find_phase(rows, f.slot_s)) % f.slot_s + f.slot_s) % f.slot_s;
	slots = (rows->row[rows->n - 1].at_s - f.start_s) / f.slot_s + 1;
	if (slots > WATTLE_FORECAST_SLOTS_MAX)
		return wattle_err_set(err, E2BIG, "%s: %lld slots of %u s from its first time to its last: at most %u are taken",
				      rows->name, (long long) slots, f.slot_s, WATTLE_FORECAST_SLOTS_MAX);
	f.n = f.room = (uint32_t) slots;
	f.value = calloc(f.n, sizeof(*f.value));
	count = calloc(f.n, sizeof(*count));
	if (!f.value || !count) {
		free(f.value);
		free(count);
		return wattle_err_set(err, ENOMEM, "out of memory for %s", rows->name);
	}
	for (uint32_t i = 0; i < rows->n; i++) {
		uint32_t slot = (uint32_t) ((rows->row[i].at_s - f.start_s) / f.slot_s);

		f.value[slot] += (rows->row[i].value - f.value[slot]) / ++count[slot];
		f.n_estimated += rows->row[i].estimated;
	}
	for (uint32_t i = 0; i < f.n; i++)
		if (count[i] == 0)
			f.value[i] = NAN;
	free(count);
	if (rows->series != WATTLE_SERIES_ACTUAL)
		fill_gaps(&f);
	rc = judge_unit(rows, &f, err);
	if (rc < 0) {
		free(f.value);
		return rc;
	}
	*ret = f;
	return 0;
}
