/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_RESIZE_SWEEP_H
#define WATTLE_RESIZE_SWEEP_H

/* Jobs that wattlerun has put on hold and that nobody lets go: the helper of their epilog was killed, or never ran. */

#include <stdbool.h>
#include <stdint.h>

#include "handover.h"

struct wattle_held {
	uint32_t job_id, restarts;
	struct wattle_handover asked;
};

/* A line of the sweep's squeue: "JOBID ARRAYTASK HETJOB RESTARTS REASON"; pure. True for a pending job that ran before and that its own requeue
 * or its user holds; ret->asked is left to the caller. Not for tasks of arrays and components of heterogeneous jobs: to scontrol the number of
 * one may mean all of them. No word of a user's is in such a line: a comment can hold line ends, and so lines that look like other people's
 * jobs. */
bool wattle_resize_line(const char *line, struct wattle_held *ret);

/* Whether the comment of that job asks for a change in the name of its last run; pure. */
bool wattle_resize_asked(const char *comment, struct wattle_held *held);

/* Looks, and half a minute later lets go what is still held: at the begin it asked for, and with the size that it has. (The size that
 * it asked for can't be checked any more: the grant and what the run had are known to its epilog alone.) An administrator's hold stays.
 * Logs what it does. -EIO: Slurm did not answer. */
int wattle_resize_sweep(void);

/* The request in a job's comment has been answered: it says so there, so that a later hold of the job's user is not taken for wattlerun's. */
void wattle_resize_answered(uint32_t job_id, int64_t begin_s);

#endif
