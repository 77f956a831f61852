/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLAN_TEXT_H
#define WATTLE_PLAN_TEXT_H

/* How the plan of a --carbon=scale job reaches the job: the variable WATTLE_PLAN in the environment of its batch script, put there by
 * the job_submit plugin in place of any that the user had. wattlerun follows it. It is advice: no node trusts it, and nothing in it goes
 * beyond the grant, which holds its greatest watts.
 *
 *   v1 start=1763776800 end=1763798400 deadline=1763820000 overhead=60 slots=0:4:300,7200:0:0,10800:8:250
 *
 * Space-separated key=value, version first, unknown keys ignored. Times are Unix seconds; slots are SECONDS:NODES:WATTS, in seconds
 * from start, rising, the first at 0: from there to the next one, or to the end, the job runs on NODES nodes at WATTS per node; 0:0 is a
 * pause. end is when the work should be done by this plan. deadline (0: none) is when the job must have ended, margin taken off.
 * overhead is how long a change of nodes or a resume was reckoned with, in seconds.
 *
 * Pure: no I/O, no allocation, no globals, any thread. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_PLAN_NAME "WATTLE_PLAN"
#define WATTLE_PLAN_TEXT_MAX 1280 /* bytes, with the NUL */
#define WATTLE_PLAN_STEPS_MAX 40

struct wattle_plan_step {
	int64_t from_s;    /* Unix time */
	uint32_t nodes;    /* 0: pause */
	uint32_t watts_w;  /* per node; 0 in a pause */
};

struct wattle_plan_steps {
	int64_t end_s;
	int64_t deadline_s; /* 0: none */
	uint32_t overhead_s;
	uint32_t n;         /* >= 1; the first is no pause */
	struct wattle_plan_step step[WATTLE_PLAN_STEPS_MAX];
};

/* -EINVAL: no plan (empty, not rising, begins with a pause); -ENOSPC. */
int wattle_plan_text_format(const struct wattle_plan_steps *plan, char *text, size_t size);
/* From anyone: everything is checked. -EINVAL, -E2BIG: *ret is then untouched. */
int wattle_plan_text_parse(const char *text, struct wattle_plan_steps *ret, struct wattle_err *err);

#endif
