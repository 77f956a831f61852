/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FORECAST_ROWS_H
#define WATTLE_FORECAST_ROWS_H

/* What the readers of formats collect, and how it becomes even slots. */

#include "forecast_read.h"

#define FORECAST_ROWS_MAX 1000000u
#define FORECAST_GAP_MAX_S (6 * 3600)
#define FORECAST_G_PER_LB 453.592

struct forecast_row {
	int64_t at_s;
	double value;
	uint32_t line;      /* of a CSV, or the entry of a JSON array */
	bool estimated;
};

struct forecast_rows {
	const char *name;
	bool json;          /* "entry" instead of "line" in messages */
	enum wattle_series series;
	bool zoned;         /* every time so far named its zone, or the header says UTC */
	uint32_t slot_s;    /* what the source says; 0: to be found out */
	uint32_t n, room;
	struct forecast_row *row; /* malloc'd */
	struct wattle_forecast head; /* zone, source, unit, signal, issued …: value is not used */
};

/* "name:line: …" or "name: entry N: …". Returns -EINVAL. */
int forecast_refuse(const struct forecast_rows *rows, uint32_t line, struct wattle_err *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Checks the range of the head's quantity. -EINVAL, -E2BIG, -ENOMEM. */
int forecast_add(struct forecast_rows *rows, int64_t at_s, double value, uint32_t line, bool estimated, struct wattle_err *err);
/* Even slots; *ret takes the head, and memory of its own. */
int forecast_settle(struct forecast_rows *rows, struct wattle_forecast *ret, struct wattle_err *err);

int forecast_read_csv(struct forecast_rows *rows, char *text, const struct wattle_forecast_wish *wish, struct wattle_err *err);
int forecast_read_json(struct forecast_rows *rows, const char *text, size_t len, struct wattle_err *err);

#endif
