/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MODEL_H
#define WATTLE_MODEL_H

/* Slowdown over power cap: S(P) = T(P) / T_min - 1, a fraction; T_min is the least run time of the sweep, P watts per node.
 *
 *   hyperbolic   S = a w + b w^2 + c    w = Pmax/P - 1   run time against the inverse of power; the default
 *   quadratic    S = A u^2 + B u + C    u = 1 - P/Pmax   GEOPM's model_sweep.py: A (x0-p)^2 + B (x0-p) + C,
 *                                                        with x0 pinned to 1
 *
 * Pmax is the highest cap of the sweep. With a, b, A, B >= 0 both fall strictly as P rises, so that a slowdown has one cap.
 * It is found by the root that does not cancel: x = 2(S-c) / (l + sqrt (l^2 + 4 q (S-c))), l and q the coefficients of x and
 * x^2 (W. H. Press et al., Numerical Recipes, 5.6); the schoolbook root loses all digits when q is nearly 0.
 *
 * All of this is pure: no I/O, no allocation, no globals, any thread. Percentages are percentage points: 5.0 is 5%. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "scaling.h"

enum wattle_form { WATTLE_FORM_HYPERBOLIC, WATTLE_FORM_QUADRATIC };

#define WATTLE_MODEL_R2_MIN 0.80
#define WATTLE_MODEL_CAPS_MIN 4

struct wattle_model {
	enum wattle_form form;
	double linear, square, offset; /* a, b, c of the hyperbolic form; B, A, C of the quadratic */
	double cap_min_w, cap_max_w;   /* range of the sweep; cap_max_w is Pmax */
	double time_min_s;             /* T_min; 0: unknown, the sweep counted throughput */
	double r2;                     /* weighted, over the means of the caps */
	double loo_error_pct;          /* leave-one-cap-out: mean |predicted - measured| */
	uint32_t n_caps, n_runs;
};

const char *wattle_form_name(enum wattle_form form);
/* 0 or -EINVAL. */
int wattle_form_parse(const char *name, enum wattle_form *ret, struct wattle_err *err);

/* Is this a model to decide by? Numbers finite and within bounds, coefficients >= 0, a real range, a slowdown that the cap
 * makes, R2 and number of caps as the fit demands. The other functions want a checked model. -EINVAL, -ERANGE. */
int wattle_model_check(const struct wattle_model *model, struct wattle_err *err);

/* The form's x at a cap. */
double wattle_model_x(const struct wattle_model *model, double cap_w);
/* S in percent at any cap > 0, measured or not: for plots and for fitting. */
double wattle_model_curve(const struct wattle_model *model, double cap_w);

/* S in percent at a cap within the measured range; outside it -ERANGE and err says the range. May be slightly negative near
 * Pmax, where the fit passes under the best run. */
int wattle_model_slowdown(const struct wattle_model *model, double cap_w, double *ret_pct, struct wattle_err *err);

enum wattle_clamp {
	WATTLE_CLAMP_NONE,
	WATTLE_CLAMP_RANGE_MIN, /* a lower cap would do, but none was measured */
	WATTLE_CLAMP_RANGE_MAX, /* the target is under what the fit gives at Pmax */
	WATTLE_CLAMP_FLOOR,     /* a lower cap would do, but the node takes none */
	WATTLE_CLAMP_CEILING,   /* the target wants more than the ceiling: it will not be kept */
};

struct wattle_model_watts {
	double watts_w;       /* not rounded */
	double slowdown_pct;  /* predicted at watts_w */
	enum wattle_clamp clamped;
};

/* The least cap that keeps S <= slowdown_pct, within the measured range and floor_w..ceiling_w (0: no such limit): clamped
 * says if a limit decided. A tighter target never gives fewer watts. -EINVAL: no target; -ERANGE: floor and
 * ceiling leave nothing of the measured range. *ret is then untouched. */
int wattle_model_watts(const struct wattle_model *model, double slowdown_pct, double floor_w, double ceiling_w,
		       struct wattle_model_watts *ret, struct wattle_err *err);

/* "clamped to the lowest cap measured": what to tell people; "" for WATTLE_CLAMP_NONE. */
const char *wattle_clamp_text(enum wattle_clamp clamp);

/* How a user's own profile travels with a submission: "v1 name=nbody form=hyperbolic linear=… …", space-separated key=value as in a
 * grant, version first, unknown keys ignored, scaling points thinned evenly until it fits. */
#define WATTLE_MODEL_TEXT_MAX 1024 /* bytes, with the NUL */
#define WATTLE_MODEL_NAME_MAX 64

/* A name for a profile: letters, digits, '.', '_', '-', none of '.', '-' first; at most 63 bytes. */
bool wattle_model_name_valid(const char *name);

/* scaling may be NULL. -EINVAL: not a valid model or name; -ENOSPC: size is too small even without scaling points between the ends. */
int wattle_model_format(const char *name, const struct wattle_model *model, const struct wattle_scaling *scaling, char *text,
			size_t size, struct wattle_err *err);
/* Back, from anyone: everything is checked. -E2BIG, -EINVAL, -ERANGE, -EPROTO (a version that is not ours); outputs are then untouched. */
int wattle_model_parse(const char *text, char ret_name[WATTLE_MODEL_NAME_MAX], struct wattle_model *ret,
		       struct wattle_scaling *ret_scaling, struct wattle_err *err);

#endif
