/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A grant can't change after submission; what a user changes later must neither shed its charge nor outgrow it. */

#include "jobsubmit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tres.h"

/* One change of one job. */
struct change {
	job_desc_msg_t *asked;          /* what the user changes: everything else is NO_VAL or NULL */
	const job_desc_msg_t *present;  /* the job as it is */
	const struct wattle_siteconf *site;
	struct wattle_grant grant;
	bool admin;                     /* may override by naming licences, gres or a partition */
	bool pending;
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

/* --- the job as it is ------------------------------------------------------------------------------------------------------ */

static const char *find_grant(char *const *env, uint32_t size, const char *name)
{
	size_t n = strlen(name);

	for (uint32_t i = 0; env && i < size && env[i]; i++)
		if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
			return env[i] + n + 1;
	return NULL;
}

/* Copying a job that never went through our job_submit could crash slurmctld (wattle_keep_copyable), so this comes first. */
static bool job_has_grant(void *job_ptr)
{
	char **env = job_common_env_vars(job_ptr, false);
	bool found = find_grant(env, UINT32_MAX, "SPANK_" WATTLE_GRANT_NAME) != NULL;

	for (uint32_t i = 0; env && env[i]; i++)
		slurm_xfree((void **) &env[i]);
	slurm_xfree((void **) &env);
	return found;
}

static bool can_see_jobs(void)
{
	return job_common_env_vars && copy_job_record_to_job_desc && slurm_free_job_desc_msg && job_alloc_info_ptr;
}

/* --- the rules ------------------------------------------------------------------------------------------------------------- */

static uint32_t asked_or(uint32_t asked, uint32_t present)
{
	return asked != NO_VAL ? asked : present;
}

static uint16_t asked_or16(uint16_t asked, uint16_t present)
{
	return asked != NO_VAL16 ? asked : present;
}

/* The job as it would be. Strings stay their owners'. */
static void overlay(const struct change *change, job_desc_msg_t *ret)
{
	const job_desc_msg_t *asked = change->asked;

	*ret = *change->present;
	ret->min_nodes = asked_or(asked->min_nodes, ret->min_nodes);
	ret->max_nodes = asked_or(asked->max_nodes, ret->max_nodes);
	ret->num_tasks = asked_or(asked->num_tasks, ret->num_tasks);
	ret->min_cpus = asked_or(asked->min_cpus, ret->min_cpus);
	ret->cpus_per_task = asked_or16(asked->cpus_per_task, ret->cpus_per_task);
	ret->ntasks_per_node = asked_or16(asked->ntasks_per_node, ret->ntasks_per_node);
	ret->pn_min_cpus = asked_or16(asked->pn_min_cpus, ret->pn_min_cpus);
	ret->shared = asked_or16(asked->shared, ret->shared);
	if (asked->partition)
		ret->partition = asked->partition;
}

/* The grant must be one that the partition would give: a job that named watts must be in its range, one that named none must not
 * have moved to where its default is more than it was granted. */
static int check_range(const struct change *change, const struct wattle_facts *now, const struct wattle_facts *then, struct wattle_err *err)
{
	struct wattle_request request = WATTLE_REQUEST_INIT;
	struct wattle_decision before, after;
	int rc;

	if (change->admin)
		return 0;
	if (!change->grant.defaulted) {
		if (!change->asked->partition)
			return 0;
		request.power.kind = WATTLE_WATTS_PER_NODE;
		request.power.value = change->grant.watts_w;
		return wattle_decide(change->site, &request, then, &after, err);
	}
	if ((rc = wattle_decide(change->site, &request, then, &after, err)) < 0)
		return rc;
	/* the site's default may have been raised since: that alone is no reason to refuse */
	if (after.watts_w <= change->grant.watts_w ||
	    (wattle_decide(change->site, &request, now, &before, NULL) == 0 && after.watts_w <= before.watts_w))
		return 0;
	return wattle_err_set(err, ERANGE, "the job was granted %u W per node and would need %u W after this change: submit it again, or "
			      "with --power=WATTS", change->grant.watts_w, after.watts_w);
}

static int check_licences(const struct change *change, uint64_t charge_w, struct wattle_err *err)
{
	const char *asked = change->asked->licenses, *name = change->site->licence;
	uint64_t had_w = 0, count_w = 0;
	int rc;

	if (!asked || change->admin || !(change->site->charge & WATTLE_CHARGE_LICENCE))
		return 0;
	if (wattle_licence_find(change->present->licenses, name, &had_w, err) < 0)
		had_w = 0;
	if (!*asked)
		return wattle_err_set(err, EPERM, "dropping all licences would shed the job's %s:%" PRIu64 ": refused", name, had_w);
	rc = wattle_licence_find(asked, name, &count_w, err);
	if (rc < 0)
		return rc;
	if (rc > 0 && count_w != had_w && count_w != charge_w)
		return wattle_err_set(err, EPERM, "licence %s:%" PRIu64 " is not the job's charge, %" PRIu64 " W: leave it out and it is kept",
				      name, count_w, charge_w);
	return 0;
}

static int check_gres(const struct change *change, struct wattle_err *err)
{
	const char *asked = change->asked->tres_per_node, *name = change->site->gres;
	uint64_t count_w;
	int rc;

	if (change->admin || !(change->site->charge & WATTLE_CHARGE_GRES))
		return 0;
	if ((rc = wattle_check_other_gres(change->asked, change->site, err)) < 0)
		return rc;
	rc = wattle_gres_find(asked, name, &count_w, err);
	if (rc > 0 && count_w != change->grant.watts_w)
		return wattle_err_set(err, EPERM, "gres %s:%" PRIu64 " is not the job's grant, %u W per node: leave it out and it is kept", name,
				      count_w, change->grant.watts_w);
	return rc < 0 ? rc : 0;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Puts the charge into the change, where it is not there by itself. */
static int follow(const struct change *change, const struct wattle_decision *decision, struct wattle_err *err)
{
	const struct wattle_siteconf *site = change->site;
	job_desc_msg_t *asked = change->asked;
	bool named_licences = asked->licenses != NULL, named_gres = asked->tres_per_node != NULL;
	int rc = 0;

	if ((site->charge & WATTLE_CHARGE_LICENCE) && !(change->admin && named_licences)) {
		rc = wattle_charge_licences(site, named_licences ? asked->licenses : change->present->licenses, decision->charge_w,
					    &asked->licenses, err);
		if (rc == 0 && !named_licences && same_text(asked->licenses, change->present->licenses))
			slurm_xfree((void **) &asked->licenses);
	}
	if (rc == 0 && (site->charge & WATTLE_CHARGE_GRES) && named_gres && !change->admin)
		rc = wattle_charge_gres(site, asked->tres_per_node, decision->watts_w, &asked->tres_per_node, err);
	if (rc == 0 && changes_nodes(asked)) {
		slurm_xfree((void **) &asked->admin_comment);
		asked->admin_comment = slurm_xstrdup(decision->answer);
	}
	return rc;
}

static int judge_pending(const struct change *change, struct wattle_err *err)
{
	struct wattle_decision decision = { .watts_w = change->grant.watts_w, .defaulted = change->grant.defaulted };
	struct wattle_facts now, then;
	job_desc_msg_t after;
	int rc;

	overlay(change, &after);
	wattle_facts_from_job(change->present, &now);
	wattle_facts_from_job(&after, &then);
	if (then.nodes_max == 0)
		/* the record has none only if an administrator removed it */
		then.nodes_max = then.nodes_min > change->grant.nodes_max ? then.nodes_min : change->grant.nodes_max;
	if (then.nodes_min > then.nodes_max)
		return 0; /* Slurm refuses it */

	if ((rc = check_range(change, &now, &then, err)) < 0)
		;
	else if ((rc = wattle_decision_resize(&decision, then.nodes_min ? then.nodes_min : 1, then.nodes_max, err)) < 0)
		;
	else if ((rc = check_licences(change, decision.charge_w, err)) < 0)
		;
	else if ((rc = check_gres(change, err)) < 0)
		;
	else
		rc = follow(change, &decision, err);
	return rc;
}

/* Slurm lets a user do two things to a running job's charge: drop all its licences, and shrink it, which keeps them. */
static int judge_running(const struct change *change, struct wattle_err *err)
{
	uint64_t had_w = 0;
	int rc;

	if (change->admin || !change->asked->licenses || !(change->site->charge & WATTLE_CHARGE_LICENCE))
		return change->admin ? 0 : check_gres(change, err);
	if (wattle_licence_find(change->present->licenses, change->site->licence, &had_w, err) < 0)
		had_w = 0;
	if ((rc = check_licences(change, had_w, err)) < 0)
		return rc;
	return wattle_charge_licences(change->site, change->asked->licenses, had_w, &change->asked->licenses, err);
}

static int judge_copy(struct change *change, void *job_ptr, struct wattle_err *err)
{
	const char *grant = find_grant(change->present->spank_job_env, change->present->spank_job_env_size, WATTLE_GRANT_NAME);
	int rc;

	if (!grant)
		return 0;
	rc = wattle_grant_parse(grant, &change->grant, err);
	if (rc < 0)
		return change->admin ? 0 : rc;
	if (!change->site)
		return change->admin ? 0 : wattle_err_set(err, ENOENT, "the job's charge can't be checked, the site's configuration is missing "
							  "or wrong: tell your administrator");
	change->pending = job_alloc_info_ptr(0, job_ptr) == ESLURM_JOB_PENDING;
	return change->pending ? judge_pending(change, err) : judge_running(change, err);
}

static int judge(job_desc_msg_t *asked, void *job_ptr, const struct wattle_siteconf *site, uint32_t uid, struct wattle_err *err)
{
	struct change change = { .asked = asked, .site = site, .admin = uid == 0 || (validate_operator && validate_operator(uid)) };
	job_desc_msg_t *present;
	int rc;

	if (!can_see_jobs())
		return change.admin ? 0 : wattle_err_set(err, ENOSYS, "this Slurm does not show jobs to plugins: their charge can't be checked, and "
							 "only administrators may change them");
	if (!job_has_grant(job_ptr))
		return 0; /* older than us */
	present = copy_job_record_to_job_desc(job_ptr);
	if (!present)
		return wattle_err_set(err, ENOMEM, "the job's record can't be copied");
	change.present = present;
	rc = judge_copy(&change, job_ptr, err);
	slurm_free_job_desc_msg(present);
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
