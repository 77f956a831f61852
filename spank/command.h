/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_COMMAND_H
#define WATTLE_COMMAND_H

/* What a node's root asks of slurmctld, without waiting: detached scontrol and scancel, ended after a minute if slurmctld does
 * not answer. Slurm's own calls would wait with their many retries, with no way to bound them in a slurmstepd that must not
 * die. 0, or -errno if the command could not be started. */

#include <stdint.h>

#include "err.h"

/* Drains the node; reason is what `sinfo -R` shows. */
int wattle_node_drain(const char *node, const char *reason, struct wattle_err *err);

/* Ends a step on all its nodes, after a second: the tasks' own exit status and messages go first. */
int wattle_step_kill(uint32_t job_id, uint32_t step_id, struct wattle_err *err);

#endif
