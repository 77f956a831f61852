/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLAN_TEXT_H
#define WATTLE_PLAN_TEXT_H

/* How the plan of a --carbon=scale job reaches the job: the variable WATTLE_PLAN in the environment of its batch script, put there by
 * the job_submit plugin in place of any that the user had. wattlerun follows it. It is advice: no node trusts it, and nothing in it goes
 * beyond the grant, which holds its greatest watts.
 *
 *   v1 start=1763776800 end=1763798400 deadline=1763820000 overhead=60 slots=0:4:300,7200:0:0,10800:8:250 work=40000
 *      sizes=4:300:1000000:1200,8:300:1900000:2400,8:250:1750000:2000                              (one line)
 *
 * Space-separated key=value, version first, unknown keys ignored. Times are Unix seconds; slots are SECONDS:NODES:WATTS, in seconds
 * from start, rising, the first at 0: from there to the next one, or to the end, the job runs on NODES nodes at WATTS per node; 0:0 is a
 * pause. end is when the work should be done by this plan. deadline (0: none) is when the job must have ended, margin taken off.
 * overhead is how long a change of nodes or a resume was reckoned with, in seconds.
 * work and sizes (both or none) are what the plan was made of, so that another one can be made on the way: seconds on the configuration
 * of speed 1000000, and configurations NODES:WATTS:SPEED:POWER, watts per node, millionths of that speed, watts of all nodes.
 *
 * Pure: no I/O, no allocation, no globals, any thread. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_PLAN_NAME "WATTLE_PLAN"
#define WATTLE_PLAN_TEXT_MAX 3072 /* bytes, with the NUL: whatever is valid fits */
#define WATTLE_PLAN_STEPS_MAX 40
#define WATTLE_PLAN_SIZES_MAX 24
#define WATTLE_PLAN_SPEED_ONE 1000000u

struct wattle_plan_step {
	int64_t from_s;    /* Unix time */
	uint32_t nodes;    /* 0: pause */
	uint32_t watts_w;  /* per node; 0 in a pause */
};

struct wattle_plan_size {
	uint32_t nodes, watts_w; /* per node */
	uint32_t speed;          /* in millionths */
	uint32_t power_w;        /* of all nodes */
};

struct wattle_plan_steps {
	int64_t end_s;
	int64_t deadline_s; /* 0: none */
	uint32_t overhead_s;
	uint32_t n;         /* >= 1; the first is no pause */
	struct wattle_plan_step step[WATTLE_PLAN_STEPS_MAX];
	uint32_t work_s;    /* 0: not said, and no sizes */
	uint32_t n_sizes;
	struct wattle_plan_size size[WATTLE_PLAN_SIZES_MAX];
};

/* -EINVAL: no plan (empty, not rising, begins with a pause); -ENOSPC. */
int wattle_plan_text_format(const struct wattle_plan_steps *plan, char *text, size_t size);
/* From anyone: everything is checked. -EINVAL, -E2BIG: *ret is then untouched. */
int wattle_plan_text_parse(const char *text, struct wattle_plan_steps *ret, struct wattle_err *err);

#endif
