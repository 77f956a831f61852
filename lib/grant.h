/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_GRANT_H
#define WATTLE_GRANT_H

/* What a node trusts: WATTLE_GRANT="v1 watts=312 nodes=4-4 …". Written by the job_submit plugin alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "model.h"
#include "request.h"

#define WATTLE_GRANT_NAME "WATTLE_GRANT"
#define WATTLE_GRANT_MAX 512 /* bytes, with the NUL */

struct wattle_grant {
	uint32_t watts_w;               /* per node, the greatest of the plan, > 0 */
	uint32_t nodes_min, nodes_max;  /* for people; 0: not said. Of --carbon=scale what the job may be resized to */
	bool defaulted;                 /* "default=1": no watts were asked for */
	/* What a default was computed for, 0: not said; the node needs none of it, a later change of the job is held to it. */
	uint32_t tasks, cpus_per_task, tasks_per_node, cpus_per_node;
	/* Which profile predicted which slowdown at watts_w; "": none did. For reports. */
	char profile[WATTLE_MODEL_NAME_MAX];
	double slowdown_pct;            /* 0 to WATTLE_GRANT_SLOWDOWN_MAX_PCT, to 0.001; with a profile only */
	/* A job that --carbon put off or scales; UNSAID: none. For reports. */
	enum wattle_carbon_word carbon; /* "carbon=start", "carbon=scale" */
	int64_t start_s;                /* "start=": planned start, Unix time, > 0 */
	uint32_t saving_pct;            /* "saving=": of CO2, predicted against starting at once, rounded down */
};

#define WATTLE_GRANT_SLOWDOWN_MAX_PCT 1e6

/* Writes at most size bytes with NUL. -ENOSPC if it does not fit; -EINVAL: the profile's name is none, or the slowdown is out of range. */
int wattle_grant_format(const struct wattle_grant *grant, char *text, size_t size);

/* Unknown keys are ignored; an unknown version, a missing, repeated or malformed key of ours, or more than
 * WATTLE_GRANT_MAX bytes: -EINVAL, *ret untouched. */
int wattle_grant_parse(const char *text, struct wattle_grant *ret, struct wattle_err *err);

#endif
