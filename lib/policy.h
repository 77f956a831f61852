/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_POLICY_H
#define WATTLE_POLICY_H

/* The second stage: a request and the facts of a job become a decision. One function, called alike by every
 * scheduler's adapter; pure: no I/O, no clock, no allocation, no globals. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "request.h"
#include "siteconf.h"

struct wattle_facts {
	const char *partitions;   /* comma-separated as the user said it, NULL or "": the site's default */
	uint32_t nodes_min;       /* 0: not said */
	uint32_t nodes_max;       /* 0: not said */
	uint32_t tasks;           /* 0: not said */
	uint32_t cpus_per_task;   /* 0: not said (1) */
	uint32_t tasks_per_node;  /* 0: not said */
	bool exclusive;           /* the job takes whole nodes */
};

struct wattle_decision {
	uint32_t watts_w;    /* per node, whole watts, rounded up */
	uint32_t nodes_min;  /* >= 1 */
	uint32_t nodes_max;  /* >= nodes_min: what is charged; the adapter must hold the scheduler to it */
	bool nodes_bounded;  /* the user gave no node count: nodes_max is ours, to be set on the job */
	bool defaulted;      /* no watts were asked for */
	uint64_t charge_w;   /* watts_w x nodes_max */
	char answer[256];    /* one line for the user, "wattle: 300 W/node x 4: 1200 W" */
};

/* On error *ret is untouched; err names the allowed range. -ERANGE: out of range; -EINVAL: can't be decided. */
int wattle_decide(const struct wattle_siteconf *conf, const struct wattle_request *request,
		  const struct wattle_facts *facts, struct wattle_decision *ret, struct wattle_err *err);

#endif
