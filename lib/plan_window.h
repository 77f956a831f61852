/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLAN_WINDOW_H
#define WATTLE_PLAN_WINDOW_H

/* The planner's slots, cut from forecasts. */

#include "forecast.h"
#include "plan.h"

struct wattle_plan_goal {
	const struct wattle_forecast *carbon;
	const struct wattle_forecast *price; /* NULL: carbon alone is minimised */
	double carbon_price; /* with a price: currency per tonne of CO2 that is added to it; 0: the price alone */
};

/* Slots from the one that holds from_s to the forecasts' end, or to the first one without a value. What is minimised is in g/kWh, or
 * with a price in currency per MWh. At most max slots. -ERANGE: from_s lies outside a forecast, or to_s behind a hole: err says
 * where; -EINVAL: no carbon intensities. */
int wattle_plan_window(const struct wattle_plan_goal *goal, int64_t from_s, int64_t to_s, struct wattle_plan_slot *slot, uint32_t max,
		       uint32_t *ret_n, struct wattle_err *err);

#endif
