/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fit_judge.h"

#include <math.h>
#include <stdio.h>

#include <gsl/gsl_cdf.h>

/* In fractions of S. */
#define EFFECT_MIN 0.01        /* less than a point over the whole range is no effect to steer by */
#define NOISE_MIN 0.02         /* run times differ by that much for no reason, even unrepeated */
#define NOISE_OF_EFFECT 0.10
#define ERRORS 3               /* standard errors that a difference must exceed to count */
#define FLOOR_SLOPE 0.25       /* of the slope above it: the curve is convex, so it should be 1 and more */
#define OUTLIERS_OF_RUNS 10    /* one in that many may be set aside */
#define SPREAD_MAX 0.12        /* of a cap's runs: standard deviation over mean */
#define OUT_OF_LINE_MIN 0.03
#define OUT_OF_LINE_P 0.01

struct verdict {
	const struct wattle_sight *sight;
	const struct wattle_model *model;
	double min_s, max_s; /* of the caps' mean slowdowns */
	char *why, *note;
	size_t why_size, note_size;
};

static double cap_w(const struct verdict *v, uint32_t i)
{
	return v->sight->caps.cap[i].cap_w;
}

static double slowdown(const struct verdict *v, uint32_t i)
{
	return v->sight->point[i].s;
}

/* How much two caps may differ for no reason. */
static double noise_between(const struct verdict *v, uint32_t i, uint32_t j)
{
	double error = ERRORS * hypot(v->sight->error[i], v->sight->error[j]);

	return fmax(error, fmax(NOISE_MIN, NOISE_OF_EFFECT * (v->max_s - v->min_s)));
}

#define REFUSE(v, ...) (snprintf((v)->why, (v)->why_size, __VA_ARGS__), false)

static bool enough_caps(struct verdict *v)
{
	uint32_t n = v->sight->caps.n;

	if (n >= WATTLE_MODEL_CAPS_MIN)
		return true;
	return REFUSE(v, "%u distinct cap%s, and a model needs %d: add caps to the sweep", n, n == 1 ? "" : "s",
		      WATTLE_MODEL_CAPS_MIN);
}

static bool few_outliers(struct verdict *v)
{
	const struct wattle_caps *caps = &v->sight->caps;
	const struct wattle_cap *worst = NULL;

	for (uint32_t i = 0; i < caps->n; i++)
		if (caps->cap[i].n_set_aside > 0 &&
		    (!worst || caps->cap[i].odd_s / caps->cap[i].time_s > worst->odd_s / worst->time_s))
			worst = &caps->cap[i];
	if (!worst)
		return true;
	if (caps->n_set_aside * OUTLIERS_OF_RUNS <= caps->n_runs) {
		snprintf(v->note, v->note_size, "%u of %u runs set aside as outliers: under %g W one took %.4g times as long as "
			 "the others", caps->n_set_aside, caps->n_runs, worst->cap_w, worst->odd_s / worst->time_s);
		return true;
	}
	return REFUSE(v, "%u of %u runs are outliers; under %g W one took %.4g times as long as the others: repeat the sweep "
		      "where nothing else runs", caps->n_set_aside, caps->n_runs, worst->cap_w, worst->odd_s / worst->time_s);
}

static bool repeats_agree(struct verdict *v)
{
	const struct wattle_caps *caps = &v->sight->caps;

	for (uint32_t i = 0; i < caps->n; i++) {
		double spread = sqrt(caps->cap[i].variance_s2) / caps->cap[i].time_s;

		if (spread > SPREAD_MAX)
			return REFUSE(v, "outliers: %u runs under %g W differ by %.0f%% (standard deviation over mean); repeat that cap "
				      "where nothing else runs, and leave out what went wrong", caps->cap[i].n, cap_w(v, i),
				      100 * spread);
	}
	return true;
}

static bool some_effect(struct verdict *v)
{
	uint32_t top = v->sight->caps.n - 1;

	if (v->max_s - v->min_s < EFFECT_MIN)
		return REFUSE(v, "flat: run times differ by %.2g points of slowdown between %g and %g W, so these caps do not slow "
			      "the job; sweep lower ones", 100 * (v->max_s - v->min_s), cap_w(v, 0), cap_w(v, top));
	return true;
}

static bool falls(struct verdict *v)
{
	const struct wattle_model *m = v->model;
	uint32_t top = v->sight->caps.n - 1;

	if (slowdown(v, top) - slowdown(v, 0) > noise_between(v, 0, top) || (m->linear <= 0 && m->square <= 0))
		return REFUSE(v, "rising: the job is no slower under %g W (%.1f%%) than under %g W (%.1f%%): are the rows' caps "
			      "right, and is it run time, not throughput?", cap_w(v, 0), 100 * slowdown(v, 0), cap_w(v, top),
			      100 * slowdown(v, top));
	return true;
}

/* Under the least power that the hardware holds a lower cap changes nothing, while the convex curve should get steeper. */
static bool above_floor(struct verdict *v)
{
	uint32_t top = v->sight->caps.n - 1;
	double width = cap_w(v, 1) - cap_w(v, 0), slope = (slowdown(v, 0) - slowdown(v, 1)) / width;
	double above = (slowdown(v, 1) - slowdown(v, top)) / (cap_w(v, top) - cap_w(v, 1));

	if (slope >= FLOOR_SLOPE * above || (above - slope) * width <= noise_between(v, 0, 1))
		return true;
	return REFUSE(v, "flat part: %g W is hardly slower than %g W (%.1f%% and %.1f%%), so the hardware's floor lies above it; leave "
		      "out the caps under the floor", cap_w(v, 0), cap_w(v, 1), 100 * slowdown(v, 0), 100 * slowdown(v, 1));
}

static bool monotone(struct verdict *v)
{
	uint32_t n = v->sight->caps.n, fastest = 0, low = 0, high = 0;
	double worst = 0;

	/* upwards in watts, the least slowdown so far is what a higher cap must not exceed */
	for (uint32_t i = 1; i < n; i++) {
		double over = slowdown(v, i) - slowdown(v, fastest) - noise_between(v, i, fastest);

		if (over > worst) {
			worst = over;
			low = fastest;
			high = i;
		}
		if (slowdown(v, i) < slowdown(v, fastest))
			fastest = i;
	}
	if (worst <= 0)
		return true;
	return REFUSE(v, "not monotone: %.1f%% slower under %g W, but only %.1f%% under %g W, more than noise explains; repeat these caps",
		      100 * slowdown(v, high), cap_w(v, high), 100 * slowdown(v, low), cap_w(v, low));
}

static bool in_line(struct verdict *v)
{
	uint32_t n = v->sight->caps.n;

	/* the ends are left alone: without one of them the curve is extrapolated, and off for that reason alone */
	for (uint32_t i = 1; i + 1 < n; i++) {
		const struct wattle_left_out *out = &v->sight->out[i];

		if (out->freedom == 0 || fabs(out->predicted - slowdown(v, i)) < fmax(OUT_OF_LINE_MIN, ERRORS * v->sight->error[i]))
			continue;
		if (2 * n * gsl_cdf_tdist_Q(out->student, out->freedom) < OUT_OF_LINE_P)
			return REFUSE(v, "outlier: %g W is %.1f%% slower where the other caps say %.1f%%; repeat that cap, or leave it out",
				      cap_w(v, i), 100 * slowdown(v, i), 100 * out->predicted);
	}
	return true;
}

static bool above_noise(struct verdict *v)
{
	uint32_t n = v->sight->caps.n;
	double squares = 0, error, effect;

	for (uint32_t i = 0; i < n; i++)
		squares += v->sight->error[i] * v->sight->error[i];
	error = sqrt(squares / n);
	effect = (wattle_model_curve(v->model, cap_w(v, 0)) - wattle_model_curve(v->model, cap_w(v, n - 1))) / 100;
	if (effect >= ERRORS * error)
		return true;
	return REFUSE(v, "noise above effect: the caps make %.1f points of slowdown, and repeats leave it uncertain by %.1f; repeat "
		      "more often, or run longer", 100 * effect, 100 * error);
}

static bool explains(struct verdict *v)
{
	if (v->model->r2 >= WATTLE_MODEL_R2_MIN)
		return true;
	return REFUSE(v, "poor fit: R2 %.2f, and %.2f is needed; repeat each cap, or try the other form", v->model->r2,
		      WATTLE_MODEL_R2_MIN);
}

static bool valid(struct verdict *v)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	return wattle_model_check(v->model, &err) == 0 || REFUSE(v, "%s", err.text);
}

bool wattle_fit_judge(const struct wattle_sight *sight, const struct wattle_model *model, char *why, size_t why_size,
		      char *note, size_t note_size)
{
	struct verdict v = { sight, model, INFINITY, -INFINITY, why, note, why_size, note_size };
	bool ok;

	why[0] = note[0] = '\0';
	for (uint32_t i = 0; i < sight->caps.n; i++) {
		v.min_s = fmin(v.min_s, sight->point[i].s);
		v.max_s = fmax(v.max_s, sight->point[i].s);
	}
	/* the plainest reason first: a rising sweep also fits poorly */
	ok = enough_caps(&v) && few_outliers(&v) && repeats_agree(&v) && some_effect(&v) && falls(&v) && monotone(&v) && above_floor(&v) &&
	     above_noise(&v) && explains(&v) && in_line(&v) && valid(&v);
	if (!ok)
		note[0] = '\0';
	return ok;
}
