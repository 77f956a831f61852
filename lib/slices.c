/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slices.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MOMENT_MAX_S (10.0 * 366 * 86400)

static void pair_up(struct wattle_slices *s)
{
	uint32_t half = (s->n + 1) / 2;

	for (uint32_t i = 0; i < half; i++)
		s->j[i] = s->j[2 * i] + (2 * i + 1 < s->n ? s->j[2 * i + 1] : 0);
	s->n = half;
	s->slice_s *= 2;
}

void wattle_slices_coarsen(struct wattle_slices *slices, uint32_t n_max)
{
	while (slices->n > n_max && n_max > 0)
		pair_up(slices);
}

void wattle_slices_add(struct wattle_slices *slices, double from_s, double to_s, double energy_j)
{
	uint32_t first, last;

	if (!(from_s >= 0) || !(to_s >= from_s) || !(to_s < MOMENT_MAX_S) || !(energy_j >= 0) || !isfinite(energy_j))
		return;
	if (slices->n == 0)
		slices->slice_s = 1;
	/* what ends where a slice ends opens no new one */
	while ((to_s > from_s ? ceil(to_s / slices->slice_s) : floor(to_s / slices->slice_s) + 1) > WATTLE_SLICES_MAX)
		pair_up(slices);
	first = (uint32_t) (from_s / slices->slice_s);
	last = to_s > from_s ? (uint32_t) ceil(to_s / slices->slice_s) - 1 : first;
	if (last >= slices->n) {
		memset(slices->j + slices->n, 0, (last + 1 - slices->n) * sizeof(slices->j[0]));
		slices->n = last + 1;
	}
	for (uint32_t i = first; i <= last; i++) {
		double begin_s = (double) i * slices->slice_s, end_s = begin_s + slices->slice_s;
		double part = to_s > from_s ? (fmin(to_s, end_s) - fmax(from_s, begin_s)) / (to_s - from_s) : 1;

		slices->j[i] += (float) (energy_j * part);
	}
}

double wattle_slices_sum(const struct wattle_slices *slices)
{
	double sum = 0;

	for (uint32_t i = 0; i < slices->n; i++)
		sum += (double) slices->j[i];
	return sum;
}
