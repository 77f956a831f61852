/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plot.h"

#include <math.h>

double wattle_plot_run_pct(const struct wattle_plot *plot, uint32_t run)
{
	return 100 * (plot->sweep->run[run].time_s / plot->time_min_s - 1);
}

static double round_step(double range, int n)
{
	double step = range / n, ten = pow(10, floor(log10(step)));

	if (step <= ten)
		return ten;
	if (step <= 2 * ten)
		return 2 * ten;
	return step <= 5 * ten ? 5 * ten : 10 * ten;
}

void wattle_plot_frame(const struct wattle_plot *plot, int x_labels, int y_labels, struct wattle_plot_frame *ret)
{
	struct wattle_plot_frame f = { plot->model->cap_min_w, plot->model->cap_max_w, 0, 1, 0, 0 };
	double ends[2] = { wattle_model_curve(plot->model, f.x_min), wattle_model_curve(plot->model, f.x_max) };

	for (int i = 0; i < 2; i++) {
		f.y_min = fmin(f.y_min, ends[i]);
		f.y_max = fmax(f.y_max, ends[i]);
	}
	for (uint32_t i = 0; i < plot->sweep->n; i++)
		f.y_max = fmax(f.y_max, wattle_plot_run_pct(plot, i));
	f.x_step = round_step(f.x_max - f.x_min, x_labels);
	f.y_step = round_step(f.y_max - f.y_min, y_labels);
	f.y_max = f.y_step * ceil(f.y_max / f.y_step);
	f.y_min = f.y_step * floor(f.y_min / f.y_step);
	*ret = f;
}

bool wattle_plot_x_label(const struct wattle_plot_frame *frame, int i, double *ret)
{
	/* counted, not added up: a narrow range far from 0 would never end */
	*ret = frame->x_step * (ceil(frame->x_min / frame->x_step - 1e-9) + i);
	return i < 20 && *ret <= frame->x_max * (1 + 1e-9);
}
