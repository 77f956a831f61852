/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void add(struct wattle_table *table, char *text)
{
	if (table->n_cells == table->n_room) {
		size_t room = table->n_room ? table->n_room * 2 : 64;
		char **cell = realloc(table->cell, room * sizeof(*cell));

		if (!cell) {
			table->failed = 1;
			free(text);
			return;
		}
		table->cell = cell;
		table->n_room = room;
	}
	table->cell[table->n_cells++] = text;
}

void wattle_table_begin(struct wattle_table *table, const char *const *head, size_t n_columns)
{
	memset(table, 0, sizeof(*table));
	table->n_columns = n_columns <= WATTLE_TABLE_COLUMNS_MAX ? n_columns : WATTLE_TABLE_COLUMNS_MAX;
	for (size_t i = 0; i < table->n_columns; i++)
		wattle_table_cell(table, "%s", head[i]);
}

void wattle_table_cell(struct wattle_table *table, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (!text) {
		table->failed = 1;
		return;
	}
	for (char *s = text; *s; s++)
		if ((unsigned char) *s < 0x20 || (unsigned char) *s == 0x7f)
			*s = '?';
	add(table, text);
}

/* columns of a terminal, not bytes: what we print ourselves may hold UTF-8 */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char) *s & 0xc0) != 0x80;
	return n;
}

static const char *text_of(const struct wattle_table *table, size_t i, size_t column)
{
	return i < table->n_columns && table->cell[column][0] == '>' ? table->cell[i] + 1 : table->cell[i];
}

void wattle_table_print(struct wattle_table *table, FILE *to)
{
	size_t wide[WATTLE_TABLE_COLUMNS_MAX] = { 0 };

	if (table->failed || table->n_cells < table->n_columns) {
		fputs("(out of memory: table left out)\n", to);
		goto out;
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t w = width(text_of(table, i, i % table->n_columns));

		if (w > wide[i % table->n_columns])
			wide[i % table->n_columns] = w;
	}
	for (size_t row = 0; row + table->n_columns <= table->n_cells; row += table->n_columns) {
		size_t owed = 0; /* blanks that are printed only if something follows */

		for (size_t c = 0; c < table->n_columns; c++) {
			const char *text = text_of(table, row + c, c);
			size_t pad = wide[c] - width(text);
			int right = table->cell[c][0] == '>';

			if (*text) {
				fprintf(to, "%*s%s", (int) (owed + (right ? pad : 0)), "", text);
				owed = right ? 0 : pad;
			} else {
				owed += wide[c];
			}
			owed += 2;
		}
		fputc('\n', to);
	}
out:
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cell[i]);
	free(table->cell);
	memset(table, 0, sizeof(*table));
}

const char *wattle_text_energy(char *buf, size_t size, double energy_j)
{
	if (energy_j < 0)
		snprintf(buf, size, "not measured");
	else if (energy_j < 100)
		snprintf(buf, size, "%.1f J", energy_j);
	else
		snprintf(buf, size, "%.0f J", energy_j);
	return buf;
}

const char *wattle_text_watts(char *buf, size_t size, double watts_w)
{
	if (watts_w < 0)
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%.1f W", watts_w);
	return buf;
}

const char *wattle_text_duration(char *buf, size_t size, double s)
{
	int64_t whole = (int64_t) (s + 0.5);

	if (s < 0 || s > 1e12)
		snprintf(buf, size, "-");
	else if (s < 60)
		snprintf(buf, size, s == (double) (int) s ? "%.0fs" : "%.1fs", s);
	else if (whole < 3600)
		snprintf(buf, size, "%dm%02ds", (int) (whole / 60), (int) (whole % 60));
	else
		snprintf(buf, size, "%lldh%02dm%02ds", (long long) (whole / 3600), (int) (whole / 60 % 60), (int) (whole % 60));
	return buf;
}

const char *wattle_text_moment(char *buf, size_t size, int64_t s)
{
	time_t t = (time_t) s;
	struct tm tm;

	if (s <= 0 || !localtime_r(&t, &tm) || strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, size, "?");
	return buf;
}
