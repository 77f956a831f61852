/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_JUDGE_H
#define WATTLE_CARBON_JUDGE_H

/* Whether a new forecast may take the place of the one that we have. Pure. */

#include "forecast.h"

/* Clocks differ by that much. */
#define CARBON_CLOCK_S 600

struct carbon_rules {
	int64_t now_s;
	int64_t stale_after_s;
};

/* Can it still be planned with? Of the zone and signal of `as`, issued lately, and not over. */
bool carbon_is_good(const struct wattle_forecast *kept, const struct wattle_forecast *as, const struct carbon_rules *rules);

/* Cuts next at its first hole and a day before now, and lets it begin with the slot of now, where the last forecast (may be NULL) or a first value that is at
 * most an hour away can fill in. next->room must hold the slots that this takes: carbon_fill_slots says how many at most.
 * -EINVAL: over, issued in the future, or too long ago. */
uint32_t carbon_fill_slots(const struct wattle_forecast *next, const struct carbon_rules *rules);
int carbon_complete(struct wattle_forecast *next, const struct wattle_forecast *last, const struct carbon_rules *rules,
		    struct wattle_err *err);

/* 1: take it; 0: it is the one that we have; -EINVAL: older than kept, or ends before it, while kept is good. kept may be NULL. */
int carbon_compare(const struct wattle_forecast *next, const struct wattle_forecast *kept, const struct carbon_rules *rules,
		   struct wattle_err *err);

#endif
