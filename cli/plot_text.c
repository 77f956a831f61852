/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plot.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define COLUMNS 60
#define ROWS 16
#define MARGIN 8 /* for the labels left of the axis */

/* A braille character is 2 dots wide and 4 high: U+2800 and a bit a dot. */
#define DOTS_X 2
#define DOTS_Y 4
static const uint8_t dot_bit[DOTS_Y][DOTS_X] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };

struct canvas {
	uint8_t dots[ROWS][COLUMNS];
	char mark[ROWS][COLUMNS]; /* over the dots; 0: none */
	struct wattle_plot_frame frame;
};

static int place(double value, double min, double max, int cells)
{
	int at = (int) floor((value - min) / (max - min) * cells);

	return at < 0 ? 0 : at >= cells ? cells - 1 : at;
}

static void put_mark(struct canvas *c, double watts_w, double pct, char mark)
{
	int x = place(watts_w, c->frame.x_min, c->frame.x_max, COLUMNS);
	int y = ROWS - 1 - place(pct, c->frame.y_min, c->frame.y_max, ROWS);

	c->mark[y][x] = mark;
}

static void draw_curve(struct canvas *c, const struct wattle_plot *plot)
{
	for (int i = 0; i < COLUMNS * DOTS_X * 4; i++) {
		double watts_w = c->frame.x_min + (c->frame.x_max - c->frame.x_min) * (i + 0.5) / (COLUMNS * DOTS_X * 4);
		double pct = wattle_model_curve(plot->model, watts_w);
		int x = place(watts_w, c->frame.x_min, c->frame.x_max, COLUMNS * DOTS_X);
		int y = ROWS * DOTS_Y - 1 - place(pct, c->frame.y_min, c->frame.y_max, ROWS * DOTS_Y);

		c->dots[y / DOTS_Y][x / DOTS_X] |= dot_bit[y % DOTS_Y][x % DOTS_X];
	}
}

static void print_cell(const struct canvas *c, int row, int column, bool braille, FILE *to)
{
	uint8_t dots = c->dots[row][column];

	if (c->mark[row][column])
		fputc(c->mark[row][column], to);
	else if (!dots)
		fputc(' ', to);
	else if (!braille)
		fputc('.', to);
	else
		fprintf(to, "\xe2%c%c", 0xa0 + (dots >> 6), 0x80 + (dots & 0x3f)); /* UTF-8 of U+2800 + dots */
}

/* The label whose height falls into this row, if there is one. */
static bool row_label(const struct wattle_plot_frame *f, int row, double *ret)
{
	for (double y = f->y_min; y < f->y_max + f->y_step / 2; y += f->y_step)
		if (ROWS - 1 - place(y, f->y_min, f->y_max, ROWS) == row) {
			*ret = y;
			return true;
		}
	return false;
}

static void print_x_labels(const struct wattle_plot_frame *f, FILE *to)
{
	char line[MARGIN + COLUMNS + 16];
	double x;

	memset(line, ' ', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; wattle_plot_x_label(f, i, &x); i++) {
		char label[24];
		int n = snprintf(label, sizeof(label), "%g", x), at = MARGIN + place(x, f->x_min, f->x_max, COLUMNS) - n / 2;

		if (n > 0 && at >= 0 && (size_t) at + (size_t) n < sizeof(line) && (at == 0 || line[at - 1] == ' ') && line[at] == ' ')
			memcpy(line + at, label, (size_t) n);
	}
	for (size_t n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
	fprintf(to, "%s W\n", line);
}

void wattle_plot_text(const struct wattle_plot *plot, bool braille, FILE *to)
{
	struct canvas c;

	memset(&c, 0, sizeof(c));
	wattle_plot_frame(plot, 6, 6, &c.frame);
	draw_curve(&c, plot);
	if (plot->watts_w > 0) {
		int x = place(plot->watts_w, c.frame.x_min, c.frame.x_max, COLUMNS);
		int top = ROWS - 1 - place(plot->slowdown_pct, c.frame.y_min, c.frame.y_max, ROWS);

		for (int y = top; y < ROWS; y++)
			c.mark[y][x] = '|';
	}
	for (uint32_t i = 0; i < plot->sweep->n; i++)
		put_mark(&c, plot->sweep->run[i].cap_w, wattle_plot_run_pct(plot, i), 'o');
	if (plot->watts_w > 0)
		put_mark(&c, plot->watts_w, plot->slowdown_pct, '*');
	fprintf(to, "slowdown  o measured  %s fitted", braille ? "\xe2\xa0\xa4\xe2\xa0\xa4" : "..");
	if (plot->watts_w > 0)
		fprintf(to, "  * %.4g W: %.1f%%", plot->watts_w, plot->slowdown_pct);
	fputc('\n', to);
	for (int row = 0; row < ROWS; row++) {
		double y;
		int last = COLUMNS;

		if (row_label(&c.frame, row, &y))
			fprintf(to, "%*.4g%% |", MARGIN - 3, fabs(y) < c.frame.y_step / 2 ? 0 : y);
		else
			fprintf(to, "%*s|", MARGIN - 1, "");
		while (last > 0 && !c.mark[row][last - 1] && !c.dots[row][last - 1])
			last--;
		for (int column = 0; column < last; column++)
			print_cell(&c, row, column, braille, to);
		fputc('\n', to);
	}
	fprintf(to, "%*s+", MARGIN - 1, "");
	for (int i = 0; i < COLUMNS; i++)
		fputc('-', to);
	fputc('\n', to);
	print_x_labels(&c.frame, to);
}
