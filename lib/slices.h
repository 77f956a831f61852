/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLICES_H
#define WATTLE_SLICES_H

/* When energy was drawn, in bounded memory: slices of equal length from a beginning on. They are a second long at first; whenever
 * there are too many, neighbours are put together, so that a day is known to a quarter of an hour. Pure. */

#include <stdint.h>

#define WATTLE_SLICES_MAX 128

struct wattle_slices {
	uint32_t n;                /* the last may be incomplete */
	uint32_t slice_s;          /* a power of two; 0 while n is 0 */
	float j[WATTLE_SLICES_MAX]; /* joules in each */
};

/* Adds energy that was drawn evenly between two moments, in seconds from the beginning on; from_s <= to_s. Moments more than 10 years
 * away, and energies that are no finite numbers from 0 on, are not added. */
void wattle_slices_add(struct wattle_slices *slices, double from_s, double to_s, double energy_j);

/* Puts neighbours together until there are at most n_max (from 1 on). */
void wattle_slices_coarsen(struct wattle_slices *slices, uint32_t n_max);

double wattle_slices_sum(const struct wattle_slices *slices);

#endif
