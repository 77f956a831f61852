/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TABLE_H
#define WATTLE_TABLE_H

/* Tables for people: columns as wide as their widest cell, two spaces between, no trailing blanks. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WATTLE_TABLE_COLUMNS_MAX 16

struct wattle_table {
	size_t n_columns, n_cells, n_room;
	char **cell; /* row by row, the head first */
	int failed;  /* out of memory: the table prints nothing but a remark */
};

/* head is n_columns strings; one that begins with '>' has its column set to the right. */
void wattle_table_begin(struct wattle_table *table, const char *const *head, size_t n_columns);
/* The next cell, left to right. Control characters become '?'. */
void wattle_table_cell(struct wattle_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints to `to` and frees. */
void wattle_table_print(struct wattle_table *table, FILE *to);

/* "12.3 J", "4.56 kJ" … stay comparable in a column, so: whole joules with a thin rule for small values. */
const char *wattle_text_energy(char *buf, size_t size, double energy_j);
const char *wattle_text_watts(char *buf, size_t size, double watts_w);
/* "1h02m03s", "5m11s", "12.3s" */
const char *wattle_text_duration(char *buf, size_t size, double s);
/* Unix time as the clock here shows it, "2026-05-08 14:00:00"; "?" for none */
const char *wattle_text_moment(char *buf, size_t size, int64_t s);

#endif
