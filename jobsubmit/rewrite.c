/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tres.h"

#define SPANK_ENV_MAX 4096 /* entries of spank_job_env; sbatch sends a handful */

static void set_string(char **field, const char *text)
{
	slurm_xfree((void **) field);
	*field = text && *text ? slurm_xstrdup(text) : NULL;
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* The root prolog sees each entry as SPANK_<entry>: whatever could look like ours there is ours alone. */
static bool is_our_name(const char *entry)
{
	return has_prefix(entry, "WATTLE_") || has_prefix(entry, "SPANK_WATTLE_") || has_prefix(entry, "_SLURM_SPANK_OPTION_wattle_");
}

int wattle_strip_names(job_desc_msg_t *job_desc, struct wattle_err *err)
{
	if (!job_desc->spank_job_env) {
		job_desc->spank_job_env_size = 0;
		return 0;
	}
	if (job_desc->spank_job_env_size > SPANK_ENV_MAX)
		return wattle_err_set(err, E2BIG, "%u entries of spank_job_env are more than the %d that are taken",
				      job_desc->spank_job_env_size, SPANK_ENV_MAX);
	wattle_entries_remove(job_desc->spank_job_env, &job_desc->spank_job_env_size, is_our_name);
	return 0;
}

static int append_grant(job_desc_msg_t *job_desc, const struct wattle_submission *submission, const struct wattle_verdict *verdict,
			struct wattle_err *err)
{
	char entry[sizeof(WATTLE_GRANT_NAME) + WATTLE_GRANT_MAX] = WATTLE_GRANT_NAME "=";
	struct wattle_grant grant;

	wattle_flow_grant(submission, verdict, &grant);
	if (wattle_grant_format(&grant, entry + strlen(entry), WATTLE_GRANT_MAX) < 0)
		return wattle_err_set(err, ENOSPC, "the grant does not fit");
	return wattle_entries_append(&job_desc->spank_job_env, &job_desc->spank_job_env_size, entry, err);
}

int wattle_charge_licences(const struct wattle_siteconf *site, const char *present, uint64_t charge_w, char **list,
			   struct wattle_err *err)
{
	char merged[WATTLE_TRES_MAX];
	int rc = wattle_licence_merge(present, site->licence, charge_w, merged, sizeof(merged), err);

	if (rc == 0)
		set_string(list, merged);
	return rc;
}

int wattle_charge_gres(const struct wattle_siteconf *site, const char *present, uint64_t watts_w, char **list, struct wattle_err *err)
{
	char merged[WATTLE_TRES_MAX];
	int rc = wattle_gres_merge(present, site->gres, watts_w, WATTLE_GRES_PREFIX, merged, sizeof(merged), err);

	if (rc == 0)
		set_string(list, merged);
	return rc;
}

/* "license/power:100", "license:power=100" among others. */
static bool names_licence(const char *list, const char *name)
{
	const size_t kind = strlen("license"), n = strlen(name);

	for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
		if (has_prefix(s, "license") && (s[kind] == '/' || s[kind] == ':') && has_prefix(s + kind + 1, name) &&
		    strchr(",:=", s[kind + 1 + n]))
			return true;
	return false;
}

int wattle_check_licence_tres(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_err *err)
{
	const char *const lists[] = {
		job_desc->tres_per_job, job_desc->tres_per_node, job_desc->tres_per_socket, job_desc->tres_per_task,
	};

	for (size_t i = 0; (site->charge & WATTLE_CHARGE_LICENCE) && i < sizeof(lists) / sizeof(lists[0]); i++)
		if (names_licence(lists[i], site->licence))
			return wattle_err_set(err, EINVAL, "licence %s is counted per job: say --power=WATTS, or --licenses=%s:WATTS",
					      site->licence, site->licence);
	return 0;
}

int wattle_check_other_gres(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_err *err)
{
	const char *const lists[] = { job_desc->tres_per_job, job_desc->tres_per_socket, job_desc->tres_per_task };
	uint64_t count;

	for (size_t i = 0; (site->charge & WATTLE_CHARGE_GRES) && i < sizeof(lists) / sizeof(lists[0]); i++) {
		int rc = wattle_gres_find(lists[i], site->gres, &count, err);

		if (rc > 0)
			return wattle_err_set(err, EINVAL, "gres %s is counted per node: say --power=WATTS, or --gres=%s:WATTS", site->gres,
					      site->gres);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int wattle_rewrite(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_submission *submission,
		   const struct wattle_verdict *verdict, struct wattle_err *err)
{
	const struct wattle_decision *decision = &verdict->decision;
	int rc = 0;

	if (site->charge & WATTLE_CHARGE_LICENCE)
		rc = wattle_charge_licences(site, job_desc->licenses, decision->charge_w, &job_desc->licenses, err);
	if (rc == 0 && (site->charge & WATTLE_CHARGE_GRES))
		rc = wattle_charge_gres(site, job_desc->tres_per_node, decision->watts_w, &job_desc->tres_per_node, err);
	if (rc == 0)
		rc = append_grant(job_desc, submission, verdict, err);
	if (rc < 0)
		return rc;
	if (decision->nodes_bounded)
		job_desc->max_nodes = decision->nodes_max;
	set_string(&job_desc->admin_comment, decision->answer);
	return 0;
}
