/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TRACE_H
#define WATTLE_TRACE_H

/* What a scheduler's log says of jobs that ran, one line after the other: swf.h and sacct_dump.h read the formats. */

#include <stdbool.h>
#include <stdint.h>

#define WATTLE_TRACE_NAME_MAX 64
#define WATTLE_TRACE_RUN_MAX_S (10.0 * 366 * 86400)
#define WATTLE_TRACE_COUNT_MAX 1e7   /* nodes or processors of one job */

struct wattle_trace_job {
	char partition[WATTLE_TRACE_NAME_MAX]; /* never empty; control characters are '?' */
	int64_t submit_s, start_s; /* Unix time, or what the trace counts from; start_s >= submit_s */
	double run_s;              /* > 0 */
	double nodes, cpus;        /* 0: not said; one of them is above 0 */
	double energy_j;           /* < 0: not measured */
	bool unzoned;              /* a time named no zone and was taken as UTC */
};

enum wattle_trace_line {
	WATTLE_TRACE_NOTHING, /* blank, a comment, a step */
	WATTLE_TRACE_NOT_RUN, /* a job that never started, or has not ended */
	WATTLE_TRACE_JOB,
};

#endif
