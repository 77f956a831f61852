/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sweeps.h"

void sweep_make(struct wattle_sweep *ret, double low_w, double high_w, uint32_t n, double (*slowdown)(double u, const void *arg),
		const void *arg)
{
	ret->relative = false;
	ret->n = n;
	for (uint32_t i = 0; i < n; i++) {
		double cap_w = i + 1 < n ? low_w + (high_w - low_w) * i / (n - 1) : high_w;

		ret->run[i] = (struct wattle_run){ cap_w, 60 * (1 + slowdown(1 - cap_w / high_w, arg)), 0 };
	}
}

double form_quadratic(double u, const void *arg)
{
	const struct form_coef *c = arg;

	return u * (c->linear + u * c->square) + c->offset;
}

double form_hyperbolic(double u, const void *arg)
{
	return form_quadratic(u / (1 - u), arg);
}

void sweep_repeat(struct wattle_sweep *sweep, uint32_t n, double noise, uint64_t *seed)
{
	uint32_t runs = sweep->n;

	for (uint32_t k = n; k-- > 0;)
		for (uint32_t i = 0; i < runs; i++) {
			struct wattle_run run = sweep->run[i];

			run.time_s *= 1 + noise * (2 * random_unit(seed) - 1);
			sweep->run[k * runs + i] = run;
		}
	sweep->n = n * runs;
}

double random_unit(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (double) ((*seed * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}
