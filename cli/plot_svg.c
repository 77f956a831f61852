/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define WIDTH 640
#define HEIGHT 400
#define LEFT 64
#define RIGHT 20
#define TOP 44
#define BOTTOM 52
#define SEGMENTS 120

struct svg {
	const struct wattle_plot *plot;
	struct wattle_plot_frame frame;
	FILE *to;
};

static double px(const struct svg *s, double watts_w)
{
	return LEFT + (watts_w - s->frame.x_min) / (s->frame.x_max - s->frame.x_min) * (WIDTH - LEFT - RIGHT);
}

static double py(const struct svg *s, double pct)
{
	return HEIGHT - BOTTOM - (pct - s->frame.y_min) / (s->frame.y_max - s->frame.y_min) * (HEIGHT - TOP - BOTTOM);
}

static void put_escaped(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		default:
			fputc(*text, to);
		}
	}
}

static void put_head(const struct svg *s)
{
	fprintf(s->to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"font-family=\"sans-serif\" font-size=\"13\">\n<title>", WIDTH, HEIGHT, WIDTH, HEIGHT);
	put_escaped(s->to, s->plot->title);
	fprintf(s->to, "</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n<text x=\"%d\" y=\"24\" font-size=\"15\">",
		LEFT);
	put_escaped(s->to, s->plot->title);
	fputs("</text>\n", s->to);
}

static void put_axes(const struct svg *s)
{
	const struct wattle_plot_frame *f = &s->frame;
	double x;

	fputs("<g stroke=\"#dddddd\">\n", s->to);
	for (double y = f->y_min; y < f->y_max + f->y_step / 2; y += f->y_step)
		fprintf(s->to, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT, WIDTH - RIGHT, py(s, y), py(s, y));
	fputs("</g>\n<g text-anchor=\"end\">\n", s->to);
	for (double y = f->y_min; y < f->y_max + f->y_step / 2; y += f->y_step)
		fprintf(s->to, "<text x=\"%d\" y=\"%.1f\">%g%%</text>\n", LEFT - 8, py(s, y) + 4, fabs(y) < f->y_step / 2 ? 0 : y);
	fputs("</g>\n<g text-anchor=\"middle\">\n", s->to);
	for (int i = 0; wattle_plot_x_label(f, i, &x); i++)
		fprintf(s->to, "<text x=\"%.1f\" y=\"%d\">%g</text>\n", px(s, x), HEIGHT - BOTTOM + 20, x);
	fprintf(s->to, "<text x=\"%d\" y=\"%d\">power cap of a node, W</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12);
	fprintf(s->to, "<text transform=\"translate(16 %d) rotate(-90)\">slowdown</text>\n</g>\n", (TOP + HEIGHT - BOTTOM) / 2);
	fprintf(s->to, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#000000\"/>\n", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
}

static void put_curve(const struct svg *s)
{
	fputs("<path fill=\"none\" stroke=\"#1f6fb4\" stroke-width=\"2\" d=\"", s->to);
	for (int i = 0; i <= SEGMENTS; i++) {
		double x = s->frame.x_min + (s->frame.x_max - s->frame.x_min) * i / SEGMENTS;

		fprintf(s->to, "%c%.1f %.1f", i ? 'L' : 'M', px(s, x), py(s, wattle_model_curve(s->plot->model, x)));
	}
	fputs("\"/>\n", s->to);
}

static void put_runs(const struct svg *s)
{
	fputs("<g fill=\"#d95f02\">\n", s->to);
	for (uint32_t i = 0; i < s->plot->sweep->n; i++) {
		double watts_w = s->plot->sweep->run[i].cap_w, pct = wattle_plot_run_pct(s->plot, i);

		fprintf(s->to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%g W: %.1f%%</title></circle>\n", px(s, watts_w),
			py(s, pct), watts_w, pct);
	}
	fputs("</g>\n", s->to);
}

static void put_recommendation(const struct svg *s)
{
	double x = px(s, s->plot->watts_w), y = py(s, s->plot->slowdown_pct);
	bool left = x > WIDTH / 2.0;

	if (s->plot->watts_w <= 0)
		return;
	fprintf(s->to, "<path d=\"M%d %.1fH%.1fV%d\" fill=\"none\" stroke=\"#1b7a3d\" stroke-dasharray=\"5 4\"/>\n", LEFT, y, x,
		HEIGHT - BOTTOM);
	fprintf(s->to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"#1b7a3d\"/>\n", x, y);
	fprintf(s->to, "<text x=\"%.1f\" y=\"%.1f\" fill=\"#1b7a3d\" text-anchor=\"%s\">%.4g W: %.1f%%</text>\n", x + (left ? -8 : 8),
		y - 10, left ? "end" : "start", s->plot->watts_w, s->plot->slowdown_pct);
}

int wattle_plot_svg(const struct wattle_plot *plot, char **ret_text, size_t *ret_len, struct wattle_err *err)
{
	struct svg s = { .plot = plot };
	char *text = NULL;
	size_t len;

	s.to = open_memstream(&text, &len);
	if (!s.to)
		return wattle_err_set(err, ENOMEM, "out of memory for a plot");
	wattle_plot_frame(plot, 7, 5, &s.frame);
	put_head(&s);
	put_axes(&s);
	put_curve(&s);
	put_runs(&s);
	put_recommendation(&s);
	fputs("</svg>\n", s.to);
	if (fclose(s.to) != 0) {
		free(text);
		return wattle_err_set(err, ENOMEM, "out of memory for a plot");
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}
