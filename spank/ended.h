/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_ENDED_H
#define WATTLE_ENDED_H

/* Grants of jobs that ended here a moment ago.
 *
 * slurmd remembers a job for some time after its end, and when the job is requeued and started again within about two seconds
 * of that memory's last clean-up, it takes its prolog for done: no prolog, no extern step, and so no lease
 * (slurm_cred.c, _clear_expired_job_states; seen on 22.05.8). A grant does not change over a job's life, so
 * the one that the epilog of its earlier run saw is still right.
 *
 * One file in the lease book's folder (root's), a ring of slots by job id; a record is written whole by one pwrite, and one
 * that does not add up is none. */

#include <stdint.h>

#include "err.h"

#define WATTLE_ENDED_MAX_S 300

/* In the epilog. 0 or -errno. */
int wattle_ended_write(const char *run_dir, uint32_t job_id, uint32_t grant_w, struct wattle_err *err);

/* The grant in watts; 0: not known, or its job ended too long ago. */
uint32_t wattle_ended_find(const char *run_dir, uint32_t job_id);

#endif
