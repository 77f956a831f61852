/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_REPORT_MPIJOB_H
#define WATTLE_CLI_REPORT_MPIJOB_H

/* MPIJobs of Kubernetes in reports: from the records of their pods, shaped as those of a job's steps. */

#include <stdbool.h>

#include "err.h"
#include "records.h"
#include "slurm.h"

/* "mpijob/NAME", "mpijob/NAMESPACE/NAME" */
bool report_is_mpijob(const char *id);

/* The last MPIJob of that name: the pods of earlier ones are left out. *job: what Slurm would tell of it, as far as the records do: its state by its
 * launcher's, what was predicted in the comment. *records: workers first, *ret_n_workers of them; then launchers, which are not metered: step
 * WATTLE_STEP_BATCH. Both are the caller's to free, also after an error. nodes_said: a host list, NULL: all. -ENOENT and others: err says why. */
int report_mpijob_read(const char *id, const char *report_dir, const char *nodes_said, struct wattle_slurm_job *job,
		       struct wattle_job_records *records, size_t *ret_n_workers, struct wattle_err *err);

/* "worker 3", "launcher" */
const char *report_mpijob_pod(uint32_t step_id, char *buf, size_t size);

#endif
