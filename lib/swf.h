/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SWF_H
#define WATTLE_SWF_H

/* The Standard Workload Format, as the Parallel Workloads Archive defines it: comments that begin with ';', some of them
 * "; Key: value", then a job a line, 18 numbers, -1 for what is not known. Pure; nothing is allocated. */

#include <stdint.h>

#include "err.h"
#include "trace.h"

struct wattle_swf {
	int64_t unix_start_s;    /* UnixStartTime: added to all times; 0: not said */
	double max_nodes, max_procs; /* 0: not said */
};

/* One line, without newline; `swf`, zeros at first, keeps what comments say. An enum wattle_trace_line, or -EINVAL with a reason that names
 * no line number; then *ret is unspecified. */
int wattle_swf_line(struct wattle_swf *swf, const char *line, struct wattle_trace_job *ret, struct wattle_err *err);

#endif
