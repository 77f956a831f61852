/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tres.h"

/* Slurm hands us the components one by one. For a batch job it does so in one loop, on one thread, before any is made into
 * a job: so the first one can still be changed when the last one comes. Of salloc and srun each is made into a job before the next
 * comes. het_job_offset is slurmctld's own count (NO_VAL for other jobs), whatever a client sent; each count begins at 0, so what is
 * remembered here is never another request's. */
static __thread struct {
	job_desc_msg_t *leader;
	uint32_t next;
} het;

static int add_to_leader(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_err *err)
{
	uint64_t leader_w = 0, ours_w = 0;
	int rc;

	if ((rc = wattle_licence_find(het.leader->licenses, site->licence, &leader_w, err)) < 0)
		return rc;
	if ((rc = wattle_licence_find(job_desc->licenses, site->licence, &ours_w, err)) < 0)
		return rc;
	if (leader_w + ours_w > WATTLE_CHARGE_MAX_W)
		return wattle_err_set(err, ERANGE, "the job's components together are more than the %d W that one job can be charged",
				      WATTLE_CHARGE_MAX_W);
	if ((rc = wattle_budget_check(site, leader_w + ours_w, 0, 0, err)) < 0)
		return wattle_err_wrap(err, "the job's components together");
	rc = wattle_charge_licences(site, het.leader->licenses, leader_w + ours_w, &het.leader->licenses, err);
	return rc < 0 ? rc : wattle_charge_licences(site, job_desc->licenses, 0, &job_desc->licenses, err);
}

/* salloc and srun: the first component is a job by now, no function of slurmctld changes its licences, and with licences of its
 * own this one would be refused. It runs under its grant, and is told of the charge it has not got. */
static int leave_uncharged(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_decision *decision,
			   struct wattle_err *err)
{
	size_t len = strlen(decision->answer);

	snprintf(decision->answer + len, sizeof(decision->answer) - len, ", not charged (only sbatch charges all components)");
	slurm_xfree((void **) &job_desc->admin_comment);
	job_desc->admin_comment = slurm_xstrdup(decision->answer);
	return wattle_charge_licences(site, job_desc->licenses, 0, &job_desc->licenses, err);
}

int wattle_het_charge(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_decision *decision,
		      struct wattle_err *err)
{
	uint32_t offset = job_desc->het_job_offset;

	if (!WATTLE_HET_LICENCES_ON_LEADER)
		return 0;
	if (offset == NO_VAL || offset == 0) {
		het.leader = offset == 0 ? job_desc : NULL;
		het.next = 1;
		return 0;
	}
	if (!(site->charge & WATTLE_CHARGE_LICENCE)) {
		het.leader = NULL;
		return 0;
	}
	if (!het.leader || offset != het.next++) {
		het.leader = NULL;
		return wattle_err_set(err, EINVAL, "component %" PRIu32 " came without the ones before it", offset);
	}
	if (!het.leader->script && site->interactive_het_refused)
		return wattle_err_set(err, EOPNOTSUPP, "this Slurm lets only sbatch charge all components of a heterogeneous job, and this site "
				      "refuses uncharged ones: submit it with sbatch");
	if (!het.leader->script)
		return leave_uncharged(job_desc, site, decision, err);
	return add_to_leader(job_desc, site, err);
}
