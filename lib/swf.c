/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "swf.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "decimal.h"

/* Fields by the archive's numbers, from 1. */
enum { SUBMIT = 2, WAIT = 3, RUN = 4, PROCS = 5, PROCS_ASKED = 8, QUEUE = 15, PARTITION = 16, FIELDS = 18 };

#define TIME_MAX 2.5e11 /* seconds: the year 9999 */

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t\r");
}

/* "; UnixStartTime: 1119277170" */
static void take_comment(struct wattle_swf *swf, const char *line)
{
	const char *key = line + strspn(line, "; \t"), *end;
	double value;
	size_t n = strcspn(key, ":");

	if (key[n] != ':' || wattle_decimal_read(blanks(key + n + 1), &end, &value) < 0 || value <= 0 || value > TIME_MAX)
		return;
	if (n == 13 && strncasecmp(key, "UnixStartTime", n) == 0)
		swf->unix_start_s = (int64_t) value;
	else if (n == 8 && strncasecmp(key, "MaxNodes", n) == 0)
		swf->max_nodes = value;
	else if (n == 8 && strncasecmp(key, "MaxProcs", n) == 0)
		swf->max_procs = value;
}

static void name_partition(double partition, double queue, char ret[WATTLE_TRACE_NAME_MAX])
{
	if (partition >= 0)
		snprintf(ret, WATTLE_TRACE_NAME_MAX, "partition %.0f", partition);
	else if (queue >= 0)
		snprintf(ret, WATTLE_TRACE_NAME_MAX, "queue %.0f", queue);
	else
		snprintf(ret, WATTLE_TRACE_NAME_MAX, "all");
}

static int take_job(const struct wattle_swf *swf, const double *field, struct wattle_trace_job *ret, struct wattle_err *err)
{
	double cpus = field[PROCS] > 0 ? field[PROCS] : field[PROCS_ASKED];

	if (field[SUBMIT] < 0 || field[SUBMIT] > TIME_MAX)
		return wattle_err_set(err, EINVAL, "no submission time");
	if (!(field[RUN] > 0) || field[WAIT] < 0)
		return WATTLE_TRACE_NOT_RUN;
	if (field[WAIT] > TIME_MAX || field[RUN] > WATTLE_TRACE_RUN_MAX_S)
		return wattle_err_set(err, EINVAL, "waited %g s and ran %g s: that is no job", field[WAIT], field[RUN]);
	if (!(cpus > 0) || cpus > WATTLE_TRACE_COUNT_MAX)
		return wattle_err_set(err, EINVAL, "ran on %g processors", cpus);
	*ret = (struct wattle_trace_job){ .submit_s = swf->unix_start_s + (int64_t) field[SUBMIT], .run_s = field[RUN], .cpus = cpus,
					  .energy_j = -1 };
	ret->start_s = ret->submit_s + (int64_t) field[WAIT];
	name_partition(field[PARTITION], field[QUEUE], ret->partition);
	return WATTLE_TRACE_JOB;
}

int wattle_swf_line(struct wattle_swf *swf, const char *line, struct wattle_trace_job *ret, struct wattle_err *err)
{
	double field[FIELDS + 1] = { 0 };
	const char *s = blanks(line);
	int n = 0;

	if (*s == ';') {
		take_comment(swf, s);
		return WATTLE_TRACE_NOTHING;
	}
	for (; *s; s = blanks(s)) {
		if (n == FIELDS)
			return wattle_err_set(err, EINVAL, "more than 18 fields");
		if (wattle_decimal_read(s, &s, &field[++n]) < 0 || !(*s == '\0' || strchr(" \t\r", *s)))
			return wattle_err_set(err, EINVAL, "field %d is no number", n);
	}
	if (n == 0)
		return WATTLE_TRACE_NOTHING;
	if (n < FIELDS)
		return wattle_err_set(err, EINVAL, "%d fields where SWF has 18", n);
	return take_job(swf, field, ret, err);
}
