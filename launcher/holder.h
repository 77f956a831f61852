/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_HOLDER_H
#define WATTLE_HOLDER_H

#include <stdint.h>
#include <sys/types.h>

/* Who holds this batch script: the first of our ancestors that is another user's, in a job slurmstepd. When that dies the script lives on
 * and Slurm runs the job a second time. 0: none, or our user is root, whose processes can't be told from it. */
pid_t wattle_holder_find(void);

/* SIGKILL for all of our user's processes on this node that carry the job's id in their environment, but for the caller: what a slurmstepd
 * that was killed has left behind, ranks and script. */
void wattle_holder_clear(uint32_t job_id);

#endif
