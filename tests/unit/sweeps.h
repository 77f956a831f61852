/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TEST_SWEEPS_H
#define WATTLE_TEST_SWEEPS_H

/* Sweeps for tests. */

#include <stdint.h>

#include "sweep.h"

/* Caps from low_w to high_w in n even steps, times 60 s x (1 + slowdown(u, arg)), u = 1 - P/high_w. Appends nothing: replaces *ret. */
void sweep_make(struct wattle_sweep *ret, double low_w, double high_w, uint32_t n, double (*slowdown)(double u, const void *arg),
		const void *arg);

/* The two forms: coefficients in arg. */
struct form_coef {
	double linear, square, offset;
};
double form_quadratic(double u, const void *arg);
double form_hyperbolic(double u, const void *arg);

/* Repeats every run n times in all, each time off by up to +-noise (a share), from a generator with this seed. */
void sweep_repeat(struct wattle_sweep *sweep, uint32_t n, double noise, uint64_t *seed);

/* xorshift64*: 0 <= x < 1. The seed must not be 0. */
double random_unit(uint64_t *seed);

#endif
