/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLURM_COMPAT_H
#define WATTLE_SLURM_COMPAT_H

/* Everything of ours that differs between Slurm 22.05 and 26.05. Its plugins load only into the version they were built for, so all
 * of it is decided at compile time, and nowhere else. */

#include <slurm/slurm.h>
#include <stdint.h>

/* Up to 23.11 sbatch, srun and salloc have a --power of their own (it takes only "level"); a SPANK option of that name is
 * disabled there with an error line on every invocation. 24.05 dropped it. */
#define WATTLE_SLURM_HAS_POWER (SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(24, 5, 0))

/* Since 23.02 a heterogeneous job has licences on its first component or not at all. */
#define WATTLE_HET_LICENCES_ON_LEADER (SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0))

/* How a list spells a generic resource. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0)
#define WATTLE_GRES_PREFIX "gres/"
#else
#define WATTLE_GRES_PREFIX "gres:"
#endif

/* job_modify() can tell the user why since 23.02. */
#define WATTLE_JOB_MODIFY_TELLS (SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0))
#if WATTLE_JOB_MODIFY_TELLS
#define WATTLE_JOB_MODIFY_ARGS job_desc_msg_t *job_desc, void *job_ptr, uint32_t submit_uid, char **err_msg
#define WATTLE_JOB_MODIFY_ERR_MSG err_msg
#else
#define WATTLE_JOB_MODIFY_ARGS job_desc_msg_t *job_desc, void *job_ptr, uint32_t submit_uid
#define WATTLE_JOB_MODIFY_ERR_MSG NULL
#endif

/* The job's id in a job_desc_msg_t or a submit_response_msg_t: within a step's since 25.11, as in other structures of the API. */
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 11, 0)
#define WATTLE_JOB_ID(msg) ((msg)->step_id.job_id)
#else
#define WATTLE_JOB_ID(msg) ((msg)->job_id)
#endif

#endif
