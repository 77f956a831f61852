/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_LEFTOVER_H
#define WATTLE_LEFTOVER_H

/* Processes of a job that outlived all its slurmstepds. They are found by the job's cgroup, which its slurmstepd shared with
 * them: read while it lives, since afterwards nobody can say which processes were the job's. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WATTLE_LEFTOVER_SHOWN 8

/* The path of the job's cgroup as /proc/PID/cgroup has it, up to its "job_N": 0, -ENOENT (PID runs in no cgroup of that job's),
 * -ESRCH or -errno. */
int wattle_job_cgroup(pid_t pid, uint32_t job_id, char *ret, size_t size);

/* The same from the text of such a file. Pure. */
int wattle_job_cgroup_parse(const char *text, uint32_t job_id, char *ret, size_t size);
/* True if that text names cgroup or one below it. Pure. */
int wattle_cgroup_below(const char *text, const char *cgroup);

/* How many processes live in cgroup or below; the first WATTLE_LEFTOVER_SHOWN pids to ret_pids. */
size_t wattle_leftover_find(const char *cgroup, pid_t *ret_pids);

#endif
