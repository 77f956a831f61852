/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan_window.h"

#include <errno.h>
#include <math.h>

#include "instant.h"

/* The mean price over a carbon slot: price slots may be longer or shorter. NAN where the series does not cover it. */
static double mean_price(const struct wattle_forecast *price, int64_t start_s, uint32_t length_s)
{
	int64_t at_s = start_s, end_s = start_s + length_s;
	double sum = 0;

	while (at_s < end_s) {
		int64_t slot = wattle_forecast_slot_at(price, at_s), next_s;

		if (slot < 0)
			return NAN;
		next_s = price->start_s + (slot + 1) * price->slot_s;
		if (next_s > end_s)
			next_s = end_s;
		sum += price->value[slot] * (double) (next_s - at_s);
		at_s = next_s;
	}
	return sum / length_s;
}

static double weight_of(const struct wattle_plan_goal *goal, int64_t start_s, uint32_t length_s, double g_per_kwh)
{
	if (!goal->price)
		return g_per_kwh;
	/* g/kWh is kg/MWh */
	return mean_price(goal->price, start_s, length_s) + goal->carbon_price * g_per_kwh / 1000;
}

int wattle_plan_window(const struct wattle_plan_goal *goal, int64_t from_s, int64_t to_s, struct wattle_plan_slot *slot, uint32_t max,
		       uint32_t *ret_n, struct wattle_err *err)
{
	const struct wattle_forecast *f = goal->carbon;
	char from[WATTLE_INSTANT_SIZE], a[WATTLE_INSTANT_SIZE], b[WATTLE_INSTANT_SIZE];
	int64_t first = wattle_forecast_slot_at(f, from_s), at_s;
	uint32_t n = 0;

	if (f->quantity != WATTLE_QUANTITY_CARBON)
		return wattle_err_set(err, EINVAL, "prices alone: carbon intensities are needed too");
	if (first < 0 && f->dated)
		return wattle_err_set(err, ERANGE, "%s lies outside the forecast, which runs from %s to %s", wattle_instant_format(from_s, from),
				      wattle_instant_format(f->start_s, a), wattle_instant_format(wattle_forecast_end(f), b));
	if (first < 0)
		return wattle_err_set(err, ERANGE, "slot %lld lies outside the series, which has %u", (long long) (from_s / f->slot_s), f->n);
	at_s = f->start_s + first * f->slot_s;
	for (uint32_t i = (uint32_t) first; i < f->n && n < max; i++, at_s += f->slot_s) {
		double weight = weight_of(goal, at_s, f->slot_s, f->value[i]);

		if (!isfinite(weight))
			break;
		slot[n++] = (struct wattle_plan_slot){ (double) at_s, f->slot_s, f->value[i], weight };
	}
	/* the end of the series is a horizon; a hole in it is damage */
	if (n == 0 || (at_s < to_s && at_s < wattle_forecast_end(f) && n < max))
		return wattle_err_set(err, ERANGE, "no %s for %s: the plan would need it", goal->price && isfinite(f->value[(at_s - f->start_s) / f->slot_s]) ?
				      "price" : "carbon intensity", wattle_instant_format(at_s, a));
	*ret_n = n;
	return 0;
}
