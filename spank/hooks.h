/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_HOOKS_H
#define WATTLE_HOOKS_H

/* What each Slurm process does for the node's cap. Nothing here fails a hook but wattle_step_task: a failing prolog,
 * epilog, init or exit drains the node or loses the job. Troubles are logged, and a cap that is not in force is
 * kept in the step until a task starts, where Slurm fails the step and nothing else. */

#include "context.h"

/* slurmd: entries whose holders died are swept, limits put back. */
void wattle_slurmd_start(struct wattle_spank *ctx);

/* Prolog and epilog, root, a process each. */
void wattle_job_start(struct wattle_spank *ctx, spank_t spank);
void wattle_job_end(struct wattle_spank *ctx, spank_t spank);

/* slurmstepd of a step, the batch script or the extern step. */
void wattle_step_start(struct wattle_spank *ctx, spank_t spank);
void wattle_step_end(struct wattle_spank *ctx);
/* What the user is to know: once their stderr is connected. */
void wattle_step_tell(const struct wattle_spank *ctx);
/* In each task's process, before it runs: 0, or -1 if the admin chose that a cap that is not in force fails the step. */
int wattle_step_task(const struct wattle_spank *ctx, spank_t spank);

/* Lease events to slurmd's log. ctx->step gets its share (warning, note) if it has job_id. */
void wattle_events_log(struct wattle_spank *ctx, const struct wattle_outcome *outcome);

#endif
