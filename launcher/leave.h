/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_LEAVE_H
#define WATTLE_LEAVE_H

/* How a run of the job ends so that another follows: at another size, after a pause, with a new time limit. */

#include <signal.h>
#include <stdint.h>

#include "err.h"
#include "follow.h"

/* Those that tell wattlerun to end. */
void wattle_signals_of_end(sigset_t *set);

/* A slurmctld that is being restarted answers again; without it no step starts and no job is requeued. Negative if we are to end. */
int wattle_wait_for_slurm(const struct wattle_run *run);

/* What wattle-resize is to do is written down, and the job put on hold. -ESTALE: that has been done, or it runs again
 * already: it is none of ours any more. */
int wattle_requeue(const struct wattle_run *run, uint32_t nodes, int64_t begin_s, struct wattle_err *err);

/* The job goes back into the queue, held; wattle-resize gives it its size and lets it go. Slurm ends us on the way. Returns only if
 * that did not come about. */
void wattle_leave_for(struct wattle_run *run, const struct wattle_choice *next);

#endif
