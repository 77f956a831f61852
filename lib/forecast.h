/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FORECAST_H
#define WATTLE_FORECAST_H

/* A series of carbon intensities (or prices) over time: even slots without holes, whatever they were read from. This header
 * and forecast.c, forecast_cache.c are of the policy half; reading the formats of others is forecast_read.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_FORECAST_SLOTS_MAX 110000u   /* a year of 5-minute slots, and some days */
#define WATTLE_FORECAST_INTENSITY_MAX 5000.0 /* g/kWh: above it is no grid, but a wrong unit */
#define WATTLE_FORECAST_PRICE_MAX 1e6        /* per MWh, either way */
#define WATTLE_FORECAST_CACHE_BYTES_MAX (4u * 1024 * 1024)
#define WATTLE_FORECAST_CACHE_DIR "/var/lib/wattle/carbon" /* ZONE.json */

enum wattle_signal { WATTLE_SIGNAL_UNKNOWN, WATTLE_SIGNAL_AVERAGE, WATTLE_SIGNAL_MARGINAL };
enum wattle_quantity { WATTLE_QUANTITY_CARBON, WATTLE_QUANTITY_PRICE };

struct wattle_forecast {
	char zone[64];          /* "": not said */
	char source[48];        /* the format it was read from, for people: "Electricity Maps forecast" */
	char unit[24];          /* "gCO2/kWh", or of a price "EUR/MWh" */
	enum wattle_quantity quantity;
	enum wattle_signal signal;
	bool life_cycle;        /* life-cycle intensities, where the source says so */
	bool dated;             /* false: start_s counts from an unknown day, slots are known by index */
	int64_t issued_s;       /* when it was made, Unix time; 0: not said */
	int64_t start_s;        /* of the first slot */
	uint32_t slot_s;
	uint32_t n;
	uint32_t n_filled;      /* slots that were missing, filled between their neighbours */
	uint32_t n_estimated;   /* that the source calls estimated */
	uint32_t n_repeated;    /* rows for a slot that had one: the last counts */
	uint32_t region;        /* of the UK's answer for one region, its number; else 0 */
	uint32_t room;          /* of value */
	double *value;          /* n of them; the caller's memory */
};

const char *wattle_signal_name(enum wattle_signal signal);

/* Our own format, at most WATTLE_FORECAST_CACHE_BYTES_MAX:
 * {"zone","signal":"average"|"marginal","unit":"gCO2/kWh","issued","slot_s","start","values":[…]}
 * issued and start in ISO 8601 with Z or an offset, or Unix seconds; unknown keys are skipped, nested at most 8 deep. value must point
 * to room values; nothing is allocated, and no library is called: for slurmctld. -EINVAL with name:line, -E2BIG; *ret is then
 * unspecified but for value and room. */
int wattle_forecast_parse_cache(const char *name, const char *text, struct wattle_forecast *ret, struct wattle_err *err);
/* The same, but a value may be null, a hole, which becomes NAN: what was, not what will be, is kept with its holes. */
int wattle_forecast_parse_history(const char *name, const char *text, struct wattle_forecast *ret, struct wattle_err *err);
/* The text of it; a hole is written as null. Returns its length as snprintf does, or -EINVAL for a series that is undated or holds
 * an infinity. */
int64_t wattle_forecast_format_cache(const struct wattle_forecast *f, char *text, size_t size, struct wattle_err *err);

/* The slot that holds a moment, or -1. */
int64_t wattle_forecast_slot_at(const struct wattle_forecast *f, int64_t at_s);
int64_t wattle_forecast_end(const struct wattle_forecast *f);

/* Other slots: means of longer ones, repeats of shorter. One must divide the other; the last, incomplete one is left out.
 * -EINVAL; -E2BIG: more slots than room. */
int wattle_forecast_reslot(struct wattle_forecast *f, uint32_t slot_s, struct wattle_err *err);

#endif
