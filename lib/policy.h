/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_POLICY_H
#define WATTLE_POLICY_H

/* The second stage: a request and the facts of a job become a decision. One function, called alike by every
 * scheduler's adapter; pure: no I/O, no clock, no allocation, no globals. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "model.h"
#include "request.h"
#include "siteconf.h"

struct wattle_facts {
	const char *partitions;   /* comma-separated as the user said it, NULL or "": the site's default */
	/* Of the nodes that it may land on, where no partition is named: it must fit in each. n_classes 0: the default partition decides. */
	const struct wattle_class *const *classes;
	uint32_t n_classes;
	uint32_t nodes_min;       /* 0: not said */
	uint32_t nodes_max;       /* 0: not said */
	uint32_t tasks;           /* 0: not said */
	uint32_t cpus_per_task;   /* 0: not said (1) */
	uint32_t tasks_per_node;  /* 0: not said */
	uint32_t cpus_per_node;   /* at least so many on each node, 0: not said */
	bool exclusive;           /* the job takes whole nodes */
	bool packing_unknown;     /* something besides CPUs (memory, gres, sockets) may limit the tasks on a node */
	/* What the job's profile says (profile_choose.h); NULL where the request needs none. Checked by wattle_model_check. */
	const struct wattle_model *model;
	const char *profile;      /* its name; with a model only */
};

struct wattle_decision {
	uint32_t watts_w;    /* per node, whole watts, rounded up */
	uint32_t least_w;    /* per node that all its partitions allow */
	uint32_t nodes_min;  /* >= 1 */
	uint32_t nodes_max;  /* >= nodes_min: what is charged; the adapter must hold the scheduler to it */
	bool nodes_bounded;  /* the user gave no node count: nodes_max is ours, to be set on the job */
	bool defaulted;      /* no watts were asked for */
	uint64_t charge_w;   /* watts_w x nodes_max */
	char profile[WATTLE_MODEL_NAME_MAX]; /* that predicts; "": nothing is predicted */
	double slowdown_pct; /* predicted at watts_w, >= 0; with a profile only */
	char clamped[160];   /* why the prediction isn't the slowdown asked for, "" if it is */
	/* One line for the user: "wattle: 300 W/node x 4 nodes: 1200 W", "wattle: 312 W/node x 4 (slowdown 5.0%, profile nbody)". */
	char answer[512];
};

/* The most that one job can be charged: Slurm counts licences in 32 signed bits. */
#define WATTLE_CHARGE_MAX_W INT32_MAX

/* Watts: with several partitions (or classes) the job must fit in each, a percentage is of the smallest maximum and the default is the
 * smallest. "/job" is divided by nodes_max and rounded down, so that the total is never exceeded; everything else is rounded up.
 * Nodes: without a maximum from the user the job gets the nodes that its tasks need when packed (tasks_per_node, else the
 * class's CPUs); as many as it has tasks where the packing can't be known; one where it names no tasks.
 * No watts named: the partition's default, whole for exclusive jobs, with default_charge = node in one of the partitions or where
 * CPUs are not known; else the share of the class's CPUs the job can take on one node, at least 1 W.
 * A slowdown: the least watts that the model says keep it, within what was measured and what the partitions allow; watts named
 * beside it are a ceiling that wins over the slowdown. Where a limit decides, the prediction at the limit is the answer's.
 * With a model and no slowdown the watts are decided without it, and what they cost is predicted if they were measured.
 * A charge above the site's budget_w is refused: such a job would wait for ever.
 *
 * On error *ret is untouched; err names the allowed range. -ERANGE: out of range; -EINVAL: can't be decided. */
int wattle_decide(const struct wattle_siteconf *conf, const struct wattle_request *request,
		  const struct wattle_facts *facts, struct wattle_decision *ret, struct wattle_err *err);

/* Could watts_w on so many nodes ever be had? -ERANGE: no, they are more than budget_w; err says the most that is. 0 also where the site
 * names no budget or does not charge licences. */
int wattle_budget_check(const struct wattle_siteconf *conf, uint64_t charge_w, uint32_t nodes, uint32_t least_w, struct wattle_err *err);

/* A decision whose node count was changed afterwards: charge and answer follow. -ERANGE: more than can be charged. */
int wattle_decision_resize(struct wattle_decision *decision, uint32_t nodes_min, uint32_t nodes_max, struct wattle_err *err);

#endif
