/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CSV_H
#define WATTLE_CSV_H

/* Comma-separated tables as people and spreadsheets write them: a header line, "quoted fields", blanks around fields, CRLF, a byte order
 * mark, blank lines, lines that begin with '#'. A quoted field does not span lines. Nothing is allocated: the text is cut up in place. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_CSV_FIELDS_MAX 160

struct wattle_csv {
	const char *name;   /* for messages */
	char *at;           /* what is still to be read */
	uint32_t line;      /* of the row last read, from 1 */
	uint32_t n_columns; /* of the header */
	uint32_t n;         /* fields of the row last read */
	char *field[WATTLE_CSV_FIELDS_MAX];
};

/* Reads the header into csv->field. name and text must outlive csv; text is changed. -EINVAL: empty, or a header of numbers;
 * -E2BIG: too many columns. */
int wattle_csv_begin(struct wattle_csv *csv, const char *name, char *text, struct wattle_err *err);

/* Finds a column of the header, by name without regard to case: its index, or -1. Only before the first wattle_csv_next. A name that stands
 * twice: -2, err is set. */
int wattle_csv_column(const struct wattle_csv *csv, const char *name, struct wattle_err *err);

/* The next row. 1: there is one, with as many fields as the header; 0: the end; -EINVAL with name:line. */
int wattle_csv_next(struct wattle_csv *csv, struct wattle_err *err);

/* A positive finite number of the row, not above max. -EINVAL, -ERANGE with name:line and the column's name. An empty field is -ENODATA, without err. */
int wattle_csv_positive(const struct wattle_csv *csv, int column, const char *what, double max, double *ret,
			struct wattle_err *err);

/* "name:line: …" of the row last read. Returns -code. */
int wattle_csv_refuse(const struct wattle_csv *csv, int code, struct wattle_err *err, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
