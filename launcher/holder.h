/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_HOLDER_H
#define WATTLE_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who holds this batch script: the slurmstepd among our ancestors, the first of them that is another user's. When that dies the script lives
 * on and Slurm runs the job a second time. 0: none (a shell of salloc's, which may well lose the login that it came from), or our user is
 * root, whose processes can't be told from it. */
pid_t wattle_holder_find(void);

/* SIGKILL for all of our user's processes on this node that carry the job's id in their environment, but for the caller and for those of
 * another run of the job: what a slurmstepd that was killed has left behind, ranks and script. */
void wattle_holder_clear(uint32_t job_id);

/* Whether an environment, as /proc has it, is one of the job's run that has this SLURM_RESTART_COUNT (NULL: none); pure. A process without the
 * variable counts as this run's: srun --export may have left it out. */
bool wattle_holder_owns(const char *environment, size_t size, uint32_t job_id, const char *restarts);

#endif
