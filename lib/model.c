/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "units.h"

/* Wide enough for any sweep, narrow enough that no product of them overflows. */
#define COEFFICIENT_MAX 1e6
#define CAP_MIN_W 1e-3
#define TIME_MAX_S 1e9
#define LOO_MAX_PCT 1e4
#define EFFECT_MIN 1e-4 /* of S over the range: less than that can't be inverted */
#define COUNT_MAX 1000000u

static const char *const form_names[] = {
	[WATTLE_FORM_HYPERBOLIC] = "hyperbolic",
	[WATTLE_FORM_QUADRATIC] = "quadratic",
};

const char *wattle_form_name(enum wattle_form form)
{
	return form_names[form == WATTLE_FORM_QUADRATIC];
}

int wattle_form_parse(const char *name, enum wattle_form *ret, struct wattle_err *err)
{
	char quoted[40];

	for (int i = 0; i < 2; i++)
		if (name && strcmp(name, form_names[i]) == 0) {
			*ret = (enum wattle_form) i;
			return 0;
		}
	return wattle_err_set(err, EINVAL, "\"%s\" is no form of a slowdown model: say hyperbolic or quadratic",
			      wattle_err_quote(quoted, sizeof(quoted), name));
}

double wattle_model_x(const struct wattle_model *model, double cap_w)
{
	if (model->form == WATTLE_FORM_QUADRATIC)
		return 1 - cap_w / model->cap_max_w;
	return model->cap_max_w / cap_w - 1;
}

double wattle_model_curve(const struct wattle_model *model, double cap_w)
{
	double x = wattle_model_x(model, cap_w);

	return 100 * (x * (model->linear + x * model->square) + model->offset);
}

static bool within(double value, double min, double max)
{
	return isfinite(value) && value >= min && value <= max;
}

int wattle_model_check(const struct wattle_model *model, struct wattle_err *err)
{
	double effect_pct;

	if (model->form != WATTLE_FORM_HYPERBOLIC && model->form != WATTLE_FORM_QUADRATIC)
		return wattle_err_set(err, EINVAL, "a slowdown model is hyperbolic or quadratic");
	if (!within(model->linear, 0, COEFFICIENT_MAX) || !within(model->square, 0, COEFFICIENT_MAX) ||
	    !within(model->offset, -COEFFICIENT_MAX, COEFFICIENT_MAX))
		return wattle_err_set(err, ERANGE, "the coefficients %g, %g, %g are no slowdown model's: the first two must be 0 "
				      "or more, none beyond %g", model->linear, model->square, model->offset, COEFFICIENT_MAX);
	if (!within(model->cap_min_w, CAP_MIN_W, WATTLE_WATTS_MAX) || !within(model->cap_max_w, CAP_MIN_W, WATTLE_WATTS_MAX) ||
	    model->cap_min_w >= model->cap_max_w)
		return wattle_err_set(err, ERANGE, "%g to %g W is no range of caps", model->cap_min_w, model->cap_max_w);
	if (!within(model->time_min_s, 0, TIME_MAX_S))
		return wattle_err_set(err, ERANGE, "a least run time of %g s is out of range", model->time_min_s);
	if (model->n_caps < WATTLE_MODEL_CAPS_MIN || model->n_caps > COUNT_MAX || model->n_runs < model->n_caps ||
	    model->n_runs > COUNT_MAX)
		return wattle_err_set(err, ERANGE, "fitted to %u caps in %u runs: at least %d caps are needed", model->n_caps,
				      model->n_runs, WATTLE_MODEL_CAPS_MIN);
	if (!within(model->r2, WATTLE_MODEL_R2_MIN, 1))
		return wattle_err_set(err, ERANGE, "R2 is %.2f: a model of less than %.2f decides nothing", model->r2,
				      WATTLE_MODEL_R2_MIN);
	if (!within(model->loo_error_pct, 0, LOO_MAX_PCT))
		return wattle_err_set(err, ERANGE, "a leave-one-cap-out error of %g points is out of range", model->loo_error_pct);
	effect_pct = wattle_model_curve(model, model->cap_min_w) - wattle_model_curve(model, model->cap_max_w);
	if (!(effect_pct >= 100 * EFFECT_MIN))
		return wattle_err_set(err, ERANGE, "the cap makes no difference between %g and %g W: nothing to decide by",
				      model->cap_min_w, model->cap_max_w);
	return 0;
}

int wattle_model_slowdown(const struct wattle_model *model, double cap_w, double *ret_pct, struct wattle_err *err)
{
	const double grain = 1e-9 * model->cap_max_w;

	if (!(cap_w >= model->cap_min_w - grain && cap_w <= model->cap_max_w + grain))
		return wattle_err_set(err, ERANGE, "%g W lies outside the measured range, %g to %g W: no prediction there; "
				      "sweep that cap too", cap_w, model->cap_min_w, model->cap_max_w);
	*ret_pct = wattle_model_curve(model, cap_w);
	return 0;
}

/* x at which S is reached; 0 for all that Pmax already keeps. */
static double invert(const struct wattle_model *model, double slowdown)
{
	double rest = slowdown - model->offset;

	if (rest <= 0)
		return 0;
	return 2 * rest / (model->linear + sqrt(model->linear * model->linear + 4 * model->square * rest));
}

int wattle_model_watts(const struct wattle_model *model, double slowdown_pct, double floor_w, double ceiling_w,
		       struct wattle_model_watts *ret, struct wattle_err *err)
{
	bool floor_binds = floor_w > model->cap_min_w, ceiling_binds = ceiling_w > 0 && ceiling_w < model->cap_max_w;
	double min_w = floor_binds ? floor_w : model->cap_min_w, max_w = ceiling_binds ? ceiling_w : model->cap_max_w;
	struct wattle_model_watts found = { 0, 0, WATTLE_CLAMP_NONE };
	double x;

	if (!(slowdown_pct >= 0) || !isfinite(slowdown_pct))
		return wattle_err_set(err, EINVAL, "%g%% is no slowdown to aim at", slowdown_pct);
	if (min_w > max_w)
		return wattle_err_set(err, ERANGE, "measured between %g and %g W, but the cap must lie between %g and %g W: no "
				      "prediction there; sweep that range", model->cap_min_w, model->cap_max_w,
				      floor_w > 0 ? floor_w : model->cap_min_w, ceiling_w > 0 ? ceiling_w : model->cap_max_w);
	x = invert(model, slowdown_pct / 100);
	if (model->form == WATTLE_FORM_QUADRATIC)
		found.watts_w = model->cap_max_w * (1 - x);
	else
		found.watts_w = model->cap_max_w / (1 + x);
	if (found.watts_w < min_w) {
		found.watts_w = min_w;
		found.clamped = floor_binds ? WATTLE_CLAMP_FLOOR : WATTLE_CLAMP_RANGE_MIN;
	} else if (found.watts_w > max_w) {
		found.watts_w = max_w;
		found.clamped = WATTLE_CLAMP_CEILING;
	} else if (slowdown_pct / 100 < model->offset) {
		found.clamped = WATTLE_CLAMP_RANGE_MAX;
	}
	found.slowdown_pct = wattle_model_curve(model, found.watts_w);
	*ret = found;
	return 0;
}

const char *wattle_clamp_text(enum wattle_clamp clamp)
{
	switch (clamp) {
	case WATTLE_CLAMP_RANGE_MIN:
		return "clamped to the lowest cap measured";
	case WATTLE_CLAMP_RANGE_MAX:
		return "clamped to the highest cap measured: the target can't be kept";
	case WATTLE_CLAMP_FLOOR:
		return "clamped to the least the node takes";
	case WATTLE_CLAMP_CEILING:
		return "clamped to the ceiling: the target can't be kept";
	case WATTLE_CLAMP_NONE:
		break;
	}
	return "";
}
