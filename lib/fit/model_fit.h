/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MODEL_FIT_H
#define WATTLE_MODEL_FIT_H

/* From a sweep to a slowdown model, or to the reason why there is none. For commands only: GSL, which this uses, has a global
 * error handler that aborts; wattle_model_fit turns it off for the process. Never linked into a daemon of the scheduler's. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "model.h"
#include "sweep.h"

struct wattle_fit {
	struct wattle_model model;  /* valid by wattle_model_check only if usable */
	bool solved;                /* model has coefficients, of whatever worth */
	bool has_r2, has_loo;       /* else those are NaN: no spread to explain, too few caps */
	bool usable;
	char why[320];              /* not usable: the reason and what to do */
	char note[320];             /* usable: what people should know all the same; else and mostly "" */
};

/* Least squares over the means of the caps with linear, square >= 0: of the four choices of which of the two are held at 0, each solved
 * by gsl_multifit_wlinear, the best that is feasible (the problem is convex, so that one is the optimum). A cap counts by its number
 * of runs over their variance; the variance of few runs is drawn towards that of all caps as if 4 more runs had shown that (a
 * shrinkage estimate: B. Efron and C. Morris, 1977), so that two runs that happen to agree don't rule the fit.
 *
 * loo_error_pct: the mean over caps of |predicted - measured| in points of slowdown, fitted without that cap, Pmax and T_min
 * and weights from the whole sweep.
 *
 * Refused (usable false, why set): fewer than 4 caps; more than a tenth of the runs outliers; repeats that differ by more than 12%; a single cap out of line (Bonferroni
 * test on the studentised deleted residual: R. D. Cook and S. Weisberg, 1982, 2.2); no effect, or one below the noise; rising; not monotone beyond noise; a flat
 * part at the low end, under the hardware's floor; R2 < 0.80.
 *
 * The sweep must be a checked one. 0 (also if refused), -ENOMEM, -EINVAL (GSL can't solve it). */
int wattle_model_fit(const struct wattle_sweep *sweep, enum wattle_form form, struct wattle_fit *ret, struct wattle_err *err);

#endif
