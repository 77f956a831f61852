/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model_fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fit_judge.h"

#define PRIOR_RUNS 4 /* how many runs the spread of all caps counts for in the variance of one */

/* Variance of one run of each cap, in S^2: its own, drawn towards that of all. 0 for all if no cap was repeated, or no repeat differed. */
static double pool_variance(const struct wattle_caps *caps)
{
	double squares = 0;
	uint32_t freedom = 0;

	for (uint32_t i = 0; i < caps->n; i++) {
		squares += (caps->cap[i].n - 1) * caps->cap[i].variance_s2;
		freedom += caps->cap[i].n - 1;
	}
	return freedom > 0 ? squares / freedom : 0;
}

static void weigh(const struct wattle_caps *caps, const struct wattle_model *model, struct wattle_point *point,
		  struct wattle_sight *sight)
{
	double pooled = pool_variance(caps), t2 = caps->time_min_s * caps->time_min_s;

	for (uint32_t i = 0; i < caps->n; i++) {
		const struct wattle_cap *cap = &caps->cap[i];
		double own = PRIOR_RUNS * pooled + (cap->n - 1) * cap->variance_s2;
		double variance = own / (PRIOR_RUNS + cap->n - 1);

		point[i].x = wattle_model_x(model, cap->cap_w);
		point[i].s = cap->time_s / caps->time_min_s - 1;
		point[i].weight = pooled > 0 ? cap->n * pooled / variance : cap->n;
		sight->error[i] = sqrt(variance / t2 / cap->n);
	}
}

static double explained(const struct wattle_point *point, uint32_t n, double chisq)
{
	double sum = 0, weight = 0, squares = 0, mean;

	for (uint32_t i = 0; i < n; i++) {
		sum += point[i].weight * point[i].s;
		weight += point[i].weight;
	}
	mean = sum / weight;
	for (uint32_t i = 0; i < n; i++)
		squares += point[i].weight * (point[i].s - mean) * (point[i].s - mean);
	return squares > 0 ? 1 - chisq / squares : NAN;
}

static double left_out_error(const struct wattle_point *point, const struct wattle_left_out *out, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += fabs(out[i].predicted - point[i].s);
	return 100 * sum / n;
}

int wattle_model_fit(const struct wattle_sweep *sweep, enum wattle_form form, struct wattle_fit *ret, struct wattle_err *err)
{
	cleanup_free struct wattle_sight *sight = calloc(1, sizeof(*sight));
	struct wattle_curve curve;
	struct wattle_fit fit = { .model = { .form = form, .r2 = NAN, .loo_error_pct = NAN } };
	struct wattle_model *m = &fit.model;
	int rc;

	if (!sight)
		return wattle_err_set(err, ENOMEM, "out of memory for a fit");
	wattle_sweep_group(sweep, &sight->caps);
	m->cap_min_w = sight->caps.cap[0].cap_w;
	m->cap_max_w = sight->caps.cap[sight->caps.n - 1].cap_w;
	m->time_min_s = sweep->relative ? 0 : sight->caps.time_min_s;
	m->n_caps = sight->caps.n;
	m->n_runs = sight->caps.n_runs - sight->caps.n_set_aside;
	weigh(&sight->caps, m, sight->point, sight);
	if (m->n_caps >= 3) {
		fit.has_loo = m->n_caps >= WATTLE_MODEL_CAPS_MIN;
		rc = wattle_curve_solve(sight->point, m->n_caps, &curve, fit.has_loo ? sight->out : NULL, err);
		if (rc < 0)
			return rc;
		fit.solved = true;
		m->offset = curve.coef[0];
		m->linear = curve.coef[1];
		m->square = curve.coef[2];
		m->r2 = fmin(1, explained(sight->point, m->n_caps, curve.chisq));
		fit.has_r2 = isfinite(m->r2);
		if (fit.has_loo)
			m->loo_error_pct = left_out_error(sight->point, sight->out, m->n_caps);
	}
	fit.usable = wattle_fit_judge(sight, m, fit.why, sizeof(fit.why), fit.note, sizeof(fit.note));
	*ret = fit;
	return 0;
}
