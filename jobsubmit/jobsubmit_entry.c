/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The symbols that slurmctld looks for in job_submit_wattle.so, and nothing else. */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "jobsubmit.h"

#define EXPORT __attribute__((visibility("default")))

/* Slurm compares the version with its own, to the last digit. */
EXPORT extern const char plugin_name[];
EXPORT extern const char plugin_type[];
EXPORT extern const uint32_t plugin_version;
const char plugin_name[] = "Wattle: watts as a resource";
const char plugin_type[] = "job_submit/wattle";
const uint32_t plugin_version = SLURM_VERSION_NUMBER;

EXPORT int init(void);
EXPORT int fini(void);
EXPORT int job_submit(job_desc_msg_t *job_desc, uint32_t submit_uid, char **err_msg);
EXPORT int job_modify(WATTLE_JOB_MODIFY_ARGS);

int init(void)
{
	wattle_conf_open(WATTLE_CONF_PATH);
	wattle_submit_open();
	return SLURM_SUCCESS;
}

int fini(void)
{
	wattle_conf_close();
	wattle_submit_close();
	return SLURM_SUCCESS;
}

int job_submit(job_desc_msg_t *job_desc, uint32_t submit_uid, char **err_msg)
{
	return wattle_submit(job_desc, submit_uid, err_msg);
}

int job_modify(WATTLE_JOB_MODIFY_ARGS)
{
	return wattle_modify(job_desc, job_ptr, submit_uid, WATTLE_JOB_MODIFY_ERR_MSG);
}
