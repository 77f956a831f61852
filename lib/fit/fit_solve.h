/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FIT_SOLVE_H
#define WATTLE_FIT_SOLVE_H

/* The linear algebra of model_fit.h: weighted least squares of s over 1, x, x^2 with the last two coefficients >= 0. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct wattle_point {
	double x, s, weight;   /* weight > 0 */
};

struct wattle_curve {
	double coef[3];        /* of 1, x, x^2 */
	double chisq;          /* weighted sum of squared residuals */
	uint32_t n_free;       /* coefficients not held at 0 */
};

/* The same without point i. */
struct wattle_left_out {
	double predicted;      /* of s at point i */
	double student;        /* studentised deleted residual, INFINITY if the others lie on the curve */
	uint32_t freedom;      /* its degrees of freedom, 0: it has none and means nothing */
};

/* out: n entries, or NULL. n >= 1; leaving out wants n >= 4. 0, -ENOMEM, -EINVAL. */
int wattle_curve_solve(const struct wattle_point *point, uint32_t n, struct wattle_curve *ret, struct wattle_left_out *out,
		       struct wattle_err *err);

#endif
