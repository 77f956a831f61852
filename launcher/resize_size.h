/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_RESIZE_SIZE_H
#define WATTLE_RESIZE_SIZE_H

/* What wattle-resize says to scontrol; pure. */

#include <stdbool.h>
#include <stdint.h>

#include "grant.h"
#include "handover.h"
#include "job.h"

struct wattle_size {
	uint32_t nodes, tasks, cpus;
	int64_t time_limit_min; /* 0: leave it */
};

/* True for a job that its own requeue or its user holds: what any user may release. One that an administrator holds, or that Slurm
 * held because it could not be started, is not ours to let go, though SlurmUser could. */
bool wattle_resize_may(const struct wattle_job *job);

/* The nodes asked for, held within the grant's range (grant NULL: the nodes that the job had); tasks and CPUs in proportion, as many a
 * node as the job had: cpus_per_node is Slurm's list of its last run, such as "4(x2),2", of which the least counts. The time limit is
 * lowered to what is left before the deadline: Slurm kills a job that it doubts to end in time. -EINVAL: no such list. */
int wattle_resize_size(const struct wattle_handover *asked, const struct wattle_grant *grant, const struct wattle_job *job, uint32_t nodes_before,
		       const char *cpus_per_node, int64_t begin_s, struct wattle_size *ret);

#endif
