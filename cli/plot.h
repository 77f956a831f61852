/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLOT_H
#define WATTLE_PLOT_H

/* Slowdown over cap, drawn: the sweep's runs, the fitted curve, and the cap that is recommended. */

#include <stdbool.h>
#include <stdio.h>

#include "err.h"
#include "model.h"
#include "sweep.h"

struct wattle_plot {
	const char *title;
	const struct wattle_model *model;  /* solved; its range is the x axis */
	const struct wattle_sweep *sweep;  /* checked; n may be 0 */
	double time_min_s;                 /* T_min in the sweep's unit, > 0 if it has runs */
	double watts_w, slowdown_pct;      /* the recommendation; 0 watts: none */
};

/* What both drawings show: x in watts, y in percent. */
struct wattle_plot_frame {
	double x_min, x_max, y_min, y_max;
	double x_step, y_step; /* between labels: 1, 2 or 5 times a power of ten */
};

void wattle_plot_frame(const struct wattle_plot *plot, int x_labels, int y_labels, struct wattle_plot_frame *ret);
/* The i-th label of the x axis, from 0: false behind the last. */
bool wattle_plot_x_label(const struct wattle_plot_frame *frame, int i, double *ret);
/* S of a run in percent. */
double wattle_plot_run_pct(const struct wattle_plot *plot, uint32_t run);

/* For a terminal: about 72 columns. braille: Unicode, with 8 dots a character; else plain ASCII. */
void wattle_plot_text(const struct wattle_plot *plot, bool braille, FILE *to);

/* A whole SVG document, malloc'd, the caller frees. -ENOMEM. */
int wattle_plot_svg(const struct wattle_plot *plot, char **ret_text, size_t *ret_len, struct wattle_err *err);

#endif
