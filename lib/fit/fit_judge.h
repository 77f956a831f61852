/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FIT_JUDGE_H
#define WATTLE_FIT_JUDGE_H

/* Would you decide by this fit? All that is refused, with its reason, stands in fit_judge.c; what it goes by is here. */

#include <stdbool.h>
#include <stddef.h>

#include "fit_solve.h"
#include "model.h"
#include "sweep.h"

/* What a sweep looks like, cap by cap. S and its errors are fractions. */
struct wattle_sight {
	struct wattle_caps caps;
	struct wattle_point point[WATTLE_SWEEP_RUNS_MAX];    /* s: mean slowdown of the cap */
	struct wattle_left_out out[WATTLE_SWEEP_RUNS_MAX];   /* from WATTLE_MODEL_CAPS_MIN caps on */
	double error[WATTLE_SWEEP_RUNS_MAX];                 /* standard error of point[].s; 0: repeats don't tell */
};

/* True: usable, and note may say something. False: why says what is wrong and what to do. */
bool wattle_fit_judge(const struct wattle_sight *sight, const struct wattle_model *model, char *why, size_t why_size,
		      char *note, size_t note_size);

#endif
