/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "csv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "decimal.h"

int wattle_csv_refuse(const struct wattle_csv *csv, int code, struct wattle_err *err, const char *format, ...)
{
	char what[400];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return wattle_err_set(err, code, "%s:%u: %s", csv->name, csv->line, what);
}

/* Cuts the next line off, or returns NULL at the end. */
static char *next_line(struct wattle_csv *csv)
{
	char *line = csv->at;
	size_t len;

	if (!*line)
		return NULL;
	len = strcspn(line, "\n");
	csv->at = line + len + (line[len] == '\n');
	line[len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	csv->line++;
	return line + strspn(line, " \t");
}

/* Takes a quoted field's text; doubled quotes stand for one. Returns what follows the closing quote, or NULL. */
static char *unquote(char *s)
{
	char *to = s;

	for (s++; *s; s++) {
		if (*s == '"' && s[1] == '"')
			s++;
		else if (*s == '"')
			break;
		*to++ = *s;
	}
	if (*s != '"')
		return NULL;
	*to = '\0';
	return s + 1;
}

static int cut(struct wattle_csv *csv, char *s, struct wattle_err *err)
{
	csv->n = 0;
	for (;;) {
		char *end;

		if (csv->n == WATTLE_CSV_FIELDS_MAX)
			return wattle_csv_refuse(csv, E2BIG, err, "more than %d columns", WATTLE_CSV_FIELDS_MAX);
		s += strspn(s, " \t");
		csv->field[csv->n++] = s;
		if (*s == '"') {
			end = unquote(s);
			if (!end)
				return wattle_csv_refuse(csv, EINVAL, err, "a quote is not closed");
			end += strspn(end, " \t");
			if (*end && *end != ',')
				return wattle_csv_refuse(csv, EINVAL, err, "text behind a closing quote");
			s = end;
		} else {
			s += strcspn(s, ",");
			for (end = s; end > csv->field[csv->n - 1] && (end[-1] == ' ' || end[-1] == '\t'); end--)
				;
		}
		if (!*s) {
			*end = '\0';
			return 0;
		}
		*end = '\0';
		s++;
	}
}

/* The next line that is neither blank nor a comment, cut up: 1, 0 at the end, or -errno. */
static int next_row(struct wattle_csv *csv, struct wattle_err *err)
{
	char *line;
	int rc;

	do {
		line = next_line(csv);
		if (!line)
			return 0;
	} while (!*line || *line == '#');
	rc = cut(csv, line, err);
	return rc < 0 ? rc : 1;
}

int wattle_csv_begin(struct wattle_csv *csv, const char *name, char *text, struct wattle_err *err)
{
	double number;
	int rc;

	memset(csv, 0, sizeof(*csv));
	csv->name = name;
	csv->at = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
	rc = next_row(csv, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return wattle_err_set(err, EINVAL, "%s is empty", name);
	for (uint32_t i = 0; i < csv->n; i++)
		if (wattle_decimal_parse(csv->field[i], &number) == 0)
			return wattle_csv_refuse(csv, EINVAL, err, "a header line with the columns' names is needed, not numbers");
	csv->n_columns = csv->n;
	return 0;
}

int wattle_csv_column(const struct wattle_csv *csv, const char *name, struct wattle_err *err)
{
	int found = -1;

	for (uint32_t i = 0; i < csv->n_columns; i++) {
		if (strcasecmp(csv->field[i], name) != 0)
			continue;
		if (found >= 0) {
			wattle_csv_refuse(csv, EINVAL, err, "column %s stands twice", name);
			return -2;
		}
		found = (int) i;
	}
	return found;
}

int wattle_csv_next(struct wattle_csv *csv, struct wattle_err *err)
{
	int rc = next_row(csv, err);

	if (rc <= 0)
		return rc;
	if (csv->n != csv->n_columns)
		return wattle_csv_refuse(csv, EINVAL, err, "%u fields where the header has %u columns", csv->n, csv->n_columns);
	return 1;
}

int wattle_csv_positive(const struct wattle_csv *csv, int column, const char *what, double max, double *ret,
			struct wattle_err *err)
{
	const char *text = csv->field[column];
	char quoted[40];
	double value;

	if (!*text)
		return -ENODATA;
	wattle_err_quote(quoted, sizeof(quoted), text);
	if (wattle_decimal_parse(text, &value) < 0)
		return wattle_csv_refuse(csv, EINVAL, err, "%s \"%s\" is no plain number", what, quoted);
	if (!(value > 0) || value > max)
		return wattle_csv_refuse(csv, ERANGE, err, "%s %s is out of range: above 0, at most %g", what, quoted, max);
	*ret = value;
	return 0;
}
