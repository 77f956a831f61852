/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A grant can't change after submission; what a user changes later must neither shed its charge nor outgrow it. */

#include "jobsubmit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tres.h"

/* The job as it is. Strings point into the environment it was read from. */
struct job {
	struct wattle_grant grant;
	const char *licences;
	uint64_t licence_w;   /* our licence in them, 0: none */
	bool pending;
	bool het;             /* a component whose charge stands on the first one, with the others' */
};

/* One change of one job. */
struct change {
	job_desc_msg_t *asked;              /* what is to change: everything else is NO_VAL or NULL */
	const struct wattle_siteconf *site;
	struct job job;
	bool admin;                         /* may override by naming licences, gres or a partition */
};

static bool changes_tasks(const job_desc_msg_t *d)
{
	return d->num_tasks != NO_VAL || d->min_cpus != NO_VAL || d->cpus_per_task != NO_VAL16 || d->ntasks_per_node != NO_VAL16 ||
	       d->pn_min_cpus != NO_VAL16 || d->shared != NO_VAL16;
}

static bool changes_nodes(const job_desc_msg_t *d)
{
	return d->min_nodes != NO_VAL || d->max_nodes != NO_VAL;
}

static bool changes_tres(const job_desc_msg_t *d)
{
	return d->licenses || d->tres_per_node || d->tres_per_job || d->tres_per_socket || d->tres_per_task;
}

static bool concerns_us(const job_desc_msg_t *d)
{
	return d->partition || changes_tres(d) || changes_nodes(d) || changes_tasks(d);
}

/* --- jobs that named no watts ---------------------------------------------------------------------------------------------- */

/* True if value is said and is more than what the default was computed for. */
static bool above(uint32_t value, uint32_t unsaid, uint64_t granted)
{
	return value != unsaid && value > granted;
}

/* Nothing that a share of a node depends on may grow. Each value is held to the submission's by itself: so no series of
 * changes, each of them harmless, can add up. */
static bool share_grows(const job_desc_msg_t *asked, const struct wattle_grant *grant)
{
	uint64_t tasks = grant->tasks ? grant->tasks : 1, per_task = grant->cpus_per_task ? grant->cpus_per_task : 1;

	return above(asked->num_tasks, NO_VAL, tasks) || above(asked->min_cpus, NO_VAL, tasks * per_task) ||
	       above(asked->cpus_per_task, NO_VAL16, per_task) ||
	       (asked->ntasks_per_node && above(asked->ntasks_per_node, NO_VAL16, grant->tasks_per_node)) ||
	       above(asked->pn_min_cpus, NO_VAL16, grant->cpus_per_node > per_task ? grant->cpus_per_node : per_task) ||
	       (asked->min_nodes != NO_VAL && asked->min_nodes < grant->nodes_min) || asked->shared == JOB_SHARED_NONE ||
	       asked->shared == JOB_SHARED_USER || asked->shared == JOB_SHARED_MCS;
}

static int check_default(const struct change *change, struct wattle_err *err)
{
	const struct wattle_request request = WATTLE_REQUEST_INIT;
	const struct wattle_grant *grant = &change->job.grant;
	struct wattle_facts facts = { .partitions = change->asked->partition, .exclusive = true };
	struct wattle_decision whole, share;
	int rc;

	if (share_grows(change->asked, grant)) {
		rc = wattle_decide(change->site, &request, &facts, &whole, err);
		if (rc < 0)
			return rc;
		/* who was charged whole nodes may use them as he likes */
		if (whole.watts_w > grant->watts_w)
			return wattle_err_set(err, ERANGE, "the job was granted a share, %u W per node, of a node's %u W: submit it again, or with "
					      "--power=WATTS, to use more of its nodes", grant->watts_w, whole.watts_w);
	}
	if (!change->asked->partition)
		return 0;
	facts = (struct wattle_facts) {
		.partitions = change->asked->partition, .nodes_min = grant->nodes_min, .nodes_max = grant->nodes_max,
		.tasks = grant->tasks, .cpus_per_task = grant->cpus_per_task, .tasks_per_node = grant->tasks_per_node,
		.cpus_per_node = grant->cpus_per_node,
	};
	rc = wattle_decide(change->site, &request, &facts, &share, err);
	if (rc < 0)
		return rc;
	if (share.watts_w > grant->watts_w)
		return wattle_err_set(err, ERANGE, "partition %s charges such a job %u W per node, it was granted %u W: submit it again there",
				      change->asked->partition, share.watts_w, grant->watts_w);
	return 0;
}

/* --- the rules ------------------------------------------------------------------------------------------------------------- */

static int check_range(const struct change *change, struct wattle_err *err)
{
	const struct wattle_grant *grant = &change->job.grant;
	const struct wattle_request request = { .power = { WATTLE_WATTS_PER_NODE, grant->watts_w } };
	const struct wattle_facts facts = { .partitions = change->asked->partition, .nodes_max = 1 };
	struct wattle_decision decision;

	if (change->admin)
		return 0;
	if (grant->defaulted)
		return check_default(change, err);
	return change->asked->partition ? wattle_decide(change->site, &request, &facts, &decision, err) : 0;
}

static int check_licences(const struct change *change, uint64_t charge_w, struct wattle_err *err)
{
	const char *asked = change->asked->licenses, *name = change->site->licence;
	uint64_t count_w = 0;
	int rc;

	if (!asked || change->admin || !(change->site->charge & WATTLE_CHARGE_LICENCE))
		return 0;
	if (!*asked && change->job.licence_w > 0)
		return wattle_err_set(err, EPERM, "dropping all licences would shed the job's %s:%" PRIu64 ": refused", name,
				      change->job.licence_w);
	rc = wattle_licence_find(asked, name, &count_w, err);
	if (rc < 0)
		return rc;
	if (rc > 0 && count_w != change->job.licence_w && count_w != charge_w)
		return wattle_err_set(err, EPERM, "licence %s:%" PRIu64 " is not the job's charge, %" PRIu64 " W: leave it out and it is kept",
				      name, count_w, charge_w);
	return 0;
}

static int check_tres(const struct change *change, struct wattle_err *err)
{
	const char *name = change->site->gres;
	uint64_t count_w;
	int rc;

	if (change->admin)
		return 0;
	if ((rc = wattle_check_licence_tres(change->asked, change->site, err)) < 0)
		return rc;
	if (!(change->site->charge & WATTLE_CHARGE_GRES))
		return 0;
	if ((rc = wattle_check_other_gres(change->asked, change->site, err)) < 0)
		return rc;
	rc = wattle_gres_find(change->asked->tres_per_node, name, &count_w, err);
	if (rc > 0 && count_w != change->job.grant.watts_w)
		return wattle_err_set(err, EPERM, "gres %s:%" PRIu64 " is not the job's grant, %u W per node: leave it out and it is kept", name,
				      count_w, change->job.grant.watts_w);
	return rc < 0 ? rc : 0;
}

/* The greatest node count after the change. The record itself can't be seen, the charge can: it is watts x nodes. */
static uint32_t nodes_max_after(const struct change *change)
{
	const struct wattle_grant *grant = &change->job.grant;
	uint32_t max = grant->nodes_max;

	if ((change->site->charge & WATTLE_CHARGE_LICENCE) && change->job.licence_w >= grant->watts_w && !change->job.het)
		max = (uint32_t) (change->job.licence_w / grant->watts_w);
	return change->asked->max_nodes == NO_VAL || change->asked->max_nodes == 0 ? max : change->asked->max_nodes;
}

/* The charge follows a change of nodes; a list that the user named gets the charge back. (admin_comment stays what it was at
 * submission: Slurm takes no other for a user's change, even from us.) */
static int follow(const struct change *change, const struct wattle_decision *decision, struct wattle_err *err)
{
	const struct wattle_siteconf *site = change->site;
	job_desc_msg_t *asked = change->asked;
	int rc = 0;

	if ((site->charge & WATTLE_CHARGE_LICENCE) && asked->licenses && !change->admin)
		rc = wattle_charge_licences(site, asked->licenses, decision->charge_w, &asked->licenses, err);
	else if ((site->charge & WATTLE_CHARGE_LICENCE) && !asked->licenses && decision->charge_w != change->job.licence_w)
		rc = wattle_charge_licences(site, change->job.licences, decision->charge_w, &asked->licenses, err);
	if (rc == 0 && (site->charge & WATTLE_CHARGE_GRES) && asked->tres_per_node && !change->admin)
		rc = wattle_charge_gres(site, asked->tres_per_node, decision->watts_w, &asked->tres_per_node, err);
	return rc;
}

static int judge_pending(const struct change *change, struct wattle_err *err)
{
	const struct wattle_grant *grant = &change->job.grant;
	struct wattle_decision decision = { .watts_w = grant->watts_w, .defaulted = grant->defaulted };
	job_desc_msg_t *asked = change->asked;
	uint32_t nodes_min = asked->min_nodes == NO_VAL ? grant->nodes_min : asked->min_nodes, nodes_max;
	int rc;

	/* to Slurm a maximum of 0 is none at all */
	if (asked->max_nodes == 0 && !change->admin)
		return wattle_err_set(err, EINVAL, "a job's nodes need a maximum, for that is what it is charged: say NumNodes=MIN-MAX");
	if (change->job.het && changes_nodes(asked) && !change->admin)
		return wattle_err_set(err, EINVAL, "the nodes of one component can't be changed, its watts stand on the first one: submit the job again");
	nodes_max = nodes_max_after(change);
	/* Slurm refuses it too, but up to 22.05 only after it raised the job's CPUs to that number */
	if (asked->min_nodes != NO_VAL && nodes_min > nodes_max && !change->admin)
		return wattle_err_set(err, EINVAL, "%" PRIu32 " nodes at least are more than the %" PRIu32 " that the job may have: say NumNodes=MIN-MAX",
				      nodes_min, nodes_max);
	if (nodes_min > nodes_max)
		nodes_min = nodes_max; /* only the answer shows it */

	if ((rc = check_range(change, err)) < 0)
		;
	else if ((rc = wattle_decision_resize(&decision, nodes_min, nodes_max, err)) < 0)
		;
	else if (!change->admin && changes_nodes(asked) &&
		 (rc = wattle_budget_check(change->site, decision.charge_w, 0, grant->watts_w, err)) < 0)
		;
	else if (change->job.het)
		decision.charge_w = change->job.licence_w;

	if (rc < 0)
		;
	else if ((rc = check_licences(change, decision.charge_w, err)) < 0)
		;
	else if ((rc = check_tres(change, err)) < 0)
		;
	else if (changes_nodes(asked) || changes_tres(asked))
		rc = follow(change, &decision, err);
	return rc;
}

/* Slurm lets a user do two things to a running job's charge: drop all its licences, which is refused, and shrink the job, which
 * keeps them. Anything else in a list of licences it refuses itself, unless the list is the job's own. */
static int judge_running(const struct change *change, struct wattle_err *err)
{
	job_desc_msg_t *asked = change->asked;
	int rc;

	if (change->admin)
		return 0;
	if ((rc = check_tres(change, err)) < 0 || (rc = check_licences(change, change->job.licence_w, err)) < 0)
		return rc;
	if (!asked->licenses || !(change->site->charge & WATTLE_CHARGE_LICENCE))
		return 0;
	return wattle_charge_licences(change->site, asked->licenses, change->job.licence_w, &asked->licenses, err);
}

static const char *find_name(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

static int judge_job(struct change *change, void *job_ptr, char *const *env, struct wattle_err *err)
{
	const char *grant = find_name(env, "SPANK_" WATTLE_GRANT_NAME);
	int rc;

	if (!grant)
		return 0; /* submitted before us, or without a configuration */
	rc = wattle_grant_parse(grant, &change->job.grant, err);
	if (rc < 0)
		return change->admin ? 0 : rc;
	if (!change->site)
		return change->admin ? 0 : wattle_err_set(err, ENOENT, "the job's charge can't be checked, the site's configuration is missing or "
							  "wrong: tell your administrator");
	change->job.licences = find_name(env, "SLURM_JOB_LICENSES");
	if (wattle_licence_find(change->job.licences, change->site->licence, &change->job.licence_w, NULL) <= 0)
		change->job.licence_w = 0; /* an administrator's doing */
	change->job.het = WATTLE_HET_LICENCES_ON_LEADER && find_name(env, "SLURM_HET_JOB_ID");
	change->job.pending = job_alloc_info_ptr(0, job_ptr) == ESLURM_JOB_PENDING;
	return change->job.pending ? judge_pending(change, err) : judge_running(change, err);
}

static int judge(job_desc_msg_t *asked, void *job_ptr, const struct wattle_siteconf *site, uint32_t uid, struct wattle_err *err)
{
	struct change change = { .asked = asked, .site = site, .admin = uid == 0 || (validate_operator && validate_operator(uid)) };
	char **env;
	int rc;

	if (!job_common_env_vars || !job_alloc_info_ptr)
		return change.admin ? 0 : wattle_err_set(err, ENOSYS, "this Slurm does not show jobs to plugins: their charge can't be checked, and "
							 "only administrators may change them");
	env = job_common_env_vars(job_ptr, false);
	rc = judge_job(&change, job_ptr, env, err);
	for (uint32_t i = 0; env && env[i]; i++)
		slurm_xfree((void **) &env[i]);
	slurm_xfree((void **) &env);
	return rc;
}

int wattle_modify(job_desc_msg_t *job_desc, void *job_ptr, uint32_t submit_uid, char **err_msg)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_conf *conf;
	int rc;

	if (!concerns_us(job_desc))
		return SLURM_SUCCESS;
	conf = wattle_conf_acquire(NULL);
	rc = judge(job_desc, job_ptr, wattle_conf_site(conf), submit_uid, &err);
	wattle_conf_release(conf);
	if (rc == 0)
		return SLURM_SUCCESS;
	slurm_info("wattle: change of a job by uid %u refused: %s", submit_uid, err.text);
	wattle_tell(err_msg, err.text);
	/* up to 22.05 the user sees nothing but this code's text */
	return rc == -EPERM ? ESLURM_ACCESS_DENIED : ESLURM_INVALID_TRES;
}
