/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FORECAST_READ_H
#define WATTLE_FORECAST_READ_H

/* Forecasts and histories in the formats that services and papers publish, told apart by what is in them:
 *   JSON: our cache; Electricity Maps v3 (forecast, history, past-range); WattTime v3; UK Carbon Intensity, national and of one region
 *   CSV:  Electricity Maps portal, CarbonScaler, CarbonCast, Let's Wait Awhile, polls of a live API, hour_index,carbon_intensity;
 *         a price per MWh in a column whose name has "price" or "/MWh"
 *
 * Slots are even: the commonest distance between rows, or what the source says. Rows may come in any order. Of two rows for one moment the
 * later counts; several within a slot are averaged. Times without a zone are UTC, but if such a time stands twice with different
 * values it is refused: that is local time at the end of summer time. Nulls and gaps of up to 6 hours are filled between their
 * neighbours, longer ones stay NAN: wattle_forecast_hole() finds them. lb/MWh becomes g/kWh (x 0.453592).
 *
 * For commands and daemons: allocates, in bounds, and needs json-c. To add a format: a function in forecast_json.c or a name in
 * forecast_csv.c, a sample in tests/unit/test_forecast.c, a line above. */

#include "forecast.h"

#define WATTLE_FORECAST_CSV_BYTES_MAX (64u * 1024 * 1024)
#define WATTLE_FORECAST_JSON_BYTES_MAX (16u * 1024 * 1024)

struct wattle_forecast_wish {
	enum wattle_quantity quantity; /* the column to take where there are several */
	uint32_t index_slot_s;         /* length of slots that are known by index alone; 0: an hour */
};

/* Which of what a service says of a past slot. */
enum wattle_series {
	WATTLE_SERIES_BEST,     /* what was measured, else what was forecast */
	WATTLE_SERIES_FORECAST,
	WATTLE_SERIES_ACTUAL,   /* nothing is filled between neighbours: a hole stays one */
};

/* name is for messages, which say name:line, or name: entry N of JSON. text is changed. On success ret->value is malloc'd, the caller
 * frees; on error *ret is untouched. -EINVAL, -E2BIG, -ENOMEM. */
int wattle_forecast_parse(const char *name, char *text, size_t len, const struct wattle_forecast_wish *wish,
			  struct wattle_forecast *ret, struct wattle_err *err);
int wattle_forecast_parse_series(const char *name, char *text, size_t len, const struct wattle_forecast_wish *wish,
				 enum wattle_series series, struct wattle_forecast *ret, struct wattle_err *err);
/* By file.h's rules, of any owner. */
int wattle_forecast_read(const char *path, const struct wattle_forecast_wish *wish, struct wattle_forecast *ret,
			 struct wattle_err *err);

/* The first slot from `slot` on that has no value; f->n if there is none. */
uint32_t wattle_forecast_hole(const struct wattle_forecast *f, uint32_t slot);

#define WATTLE_FORECAST_HISTORY_S_MAX (400 * 86400)

/* Lays the slots of newer from the one at from_s on over those of a history, which grows, at most to
 * WATTLE_FORECAST_HISTORY_S_MAX before its end; what is older goes. newer takes on the history's slots: means of shorter, repeats of
 * longer. Holes of newer hide nothing. A history with n = 0 becomes a copy. -EINVAL: another signal, quantity or slots that don't
 * fit, as err says; -ENOMEM; *history is as it was then. Its value is malloc'd, before and after. */
int wattle_forecast_append(struct wattle_forecast *history, const struct wattle_forecast *newer, int64_t from_s, struct wattle_err *err);

#endif
