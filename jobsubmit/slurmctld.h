/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLURMCTLD_H
#define WATTLE_SLURMCTLD_H

/* The functions of slurmctld that no installed header declares. They are resolved by slurmctld when the plugin is loaded: -lslurm would
 * bring a second copy of its globals. */

#include <slurm/slurm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Memory of job_desc and *err_msg is Slurm's: glibc's free() on it, or its xfree on glibc's, aborts. Out of memory, they end the
 * process, so only bounded sizes are asked for. Both take the address of the pointer or the size, never a user's number. */
extern char *slurm_xstrdup(const char *str);
extern void slurm_xfree(void **item);
extern void *slurm_xcalloc(size_t count, size_t size, bool clear, bool try_alloc, const char *file, int line, const char *func);

extern void slurm_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void slurm_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void slurm_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Weak: a version without them makes the plugin refuse what it can't judge, and slurmctld starts. */
#define WATTLE_WEAK __attribute__((weak))
/* The environment PrologSlurmctld gets: an xmalloc'd, NULL-ended array of xmalloc'd strings. It is how we look at a job:
 * copy_job_record_to_job_desc() shows more, but reads two files, dereferences data that a job has only once it was tried for
 * scheduling, and slurm_free_job_desc_msg() aborts on the environment in it (seen on 22.05.8; the same code in 24.11). */
extern char **job_common_env_vars(void *job_ptr, bool is_complete) WATTLE_WEAK;
/* ESLURM_JOB_PENDING, ESLURM_ALREADY_DONE or 0. */
extern int job_alloc_info_ptr(uint32_t uid, void *job_ptr) WATTLE_WEAK;
extern bool validate_operator(uid_t uid) WATTLE_WEAK;
extern char *default_part_name WATTLE_WEAK;

#endif
