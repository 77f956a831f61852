/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "carbon_account.h"

#include <math.h>

#define J_PER_KWH 3.6e6
#define MOMENT_MAX_S 1e12

/* The first series that knows the moment: its index, or -1. *ret_until_s: up to when that is so, at most end_s. */
static int find_series(const struct wattle_carbon_account *a, double at_s, double end_s, double *ret_until_s, double *ret_g_per_kwh)
{
	double until_s = end_s;

	for (int i = 0; i < a->n_series; i++) {
		const struct wattle_forecast *f = a->series[i];
		int64_t slot = wattle_forecast_slot_at(f, (int64_t) floor(at_s));

		if (slot < 0) {
			/* it may begin while a later series counts */
			if ((double) f->start_s > at_s)
				until_s = fmin(until_s, (double) f->start_s);
			continue;
		}
		until_s = fmin(until_s, (double) (f->start_s + (slot + 1) * f->slot_s));
		if (isnan(f->value[slot]))
			continue;
		*ret_until_s = until_s;
		*ret_g_per_kwh = f->value[slot];
		return i;
	}
	*ret_until_s = until_s;
	return -1;
}

void wattle_carbon_account_add(struct wattle_carbon_account *a, double from_s, double to_s, double energy_j)
{
	double begin_s = from_s + a->shift_s, end_s = to_s + a->shift_s, at_s = begin_s, until_s, g_per_kwh = 0;

	if (!(fabs(begin_s) < MOMENT_MAX_S) || !(fabs(end_s) < MOMENT_MAX_S) || end_s < begin_s || !(energy_j >= 0) || !isfinite(energy_j))
		return;
	a->energy_j += energy_j;
	do {
		int series = find_series(a, at_s, end_s, &until_s, &g_per_kwh);
		double part_j = end_s > begin_s ? energy_j * (until_s - at_s) / (end_s - begin_s) : energy_j;

		if (series >= 0) {
			a->carbon_g += part_j / J_PER_KWH * g_per_kwh;
			a->covered_j += part_j;
			a->by_j[series] += part_j;
		}
		at_s = until_s;
	} while (at_s < end_s);
}

double wattle_carbon_account_covered_pct(const struct wattle_carbon_account *a)
{
	return a->energy_j > 0 ? fmin(100, 100 * a->covered_j / a->energy_j) : 100;
}
