/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_UNITS_H
#define WATTLE_UNITS_H

/* The words that people say for watts, percentages and durations. All parsers take the whole string, use no
 * locale, know no NaN, infinity or sign, and leave their output untouched on error (-EINVAL, -ERANGE). Thread-safe. */

#include <stdint.h>

#include "err.h"

#define WATTLE_WATTS_MAX 100000000.0 /* 100 MW: larger than any site, small enough that watts x nodes fits 64 bits */

enum wattle_watts_kind {
	WATTLE_WATTS_NONE = 0,  /* nothing was said */
	WATTLE_WATTS_PER_NODE,  /* "500", "500W", "0.5kW" */
	WATTLE_WATTS_PER_JOB,   /* "1500W/job": total, split evenly over the nodes */
	WATTLE_WATTS_PERCENT,   /* "70%": of the node's maximum */
};

struct wattle_watts {
	enum wattle_watts_kind kind;
	double value; /* watts, or percent (0,100] */
};

int wattle_watts_parse(const char *text, struct wattle_watts *ret, struct wattle_err *err);

/* "5%", "5", "7.5%". A bare number in (0,1) is refused with "did you mean 5%?"; 0.5% is taken. Range (0,1000]. */
int wattle_slowdown_parse(const char *text, double *ret_pct, struct wattle_err *err);

/* "90s", "90m", "12h", "2d", or Slurm's "MM", "MM:SS", "HH:MM:SS", "D-HH", "D-HH:MM", "D-HH:MM:SS". Seconds, 1 s to 10 years. */
int wattle_duration_parse(const char *text, int64_t *ret_s, struct wattle_err *err);

#endif
