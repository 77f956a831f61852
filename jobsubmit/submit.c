/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void wattle_tell(char **err_msg, const char *text)
{
	char all[2048];

	if (!err_msg)
		return;
	snprintf(all, sizeof(all), "%.1024s%s%s%s", *err_msg ? *err_msg : "", *err_msg ? "\n" : "",
		 strncmp(text, "wattle: ", 8) == 0 ? "" : "wattle: ", text);
	slurm_xfree((void **) err_msg);
	*err_msg = slurm_xstrdup(all);
}

/* What the user asked for in Slurm's own words must be what the decision charges. */
static int check_explicit(const struct wattle_siteconf *site, const struct wattle_words *words, const struct wattle_decision *decision,
			  struct wattle_err *err)
{
	bool from_licence = words->request.power.kind == WATTLE_WATTS_PER_JOB && strncmp(words->said, "licence ", 8) == 0;

	if (words->explicit_licence && !from_licence && words->licence_w != decision->charge_w)
		return wattle_err_set(err, EINVAL, "licence %s:%" PRIu64 " disagrees with %s, which is %" PRIu64 " W on %u node%s: say one of them",
				      site->licence, words->licence_w, words->said, decision->charge_w, decision->nodes_max,
				      decision->nodes_max == 1 ? "" : "s");
	if (words->explicit_gres && words->gres_w != decision->watts_w)
		return wattle_err_set(err, EINVAL, "gres %s:%" PRIu64 " disagrees with %s, which is %u W per node: say one of them", site->gres,
				      words->gres_w, words->said, decision->watts_w);
	return 0;
}

/* Its profile is looked for only where somebody asked for what it says. model and profile of facts point into chosen. For a scaled job one
 * that nobody named is a help and no need: *carbon_profile alone points to it. */
static int find_profile(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_request *request,
			struct wattle_chosen_profile *chosen, struct wattle_facts *facts,
			const struct wattle_chosen_profile **carbon_profile, struct wattle_err *err)
{
	bool asked = request->slowdown_pct > 0 || request->profile[0] || request->profile_own;
	struct wattle_err ignored = WATTLE_ERR_INIT;
	int rc;

	*carbon_profile = NULL;
	if (!asked && request->carbon != WATTLE_CARBON_SCALE)
		return 0;
	rc = wattle_profile_of_job(job_desc, site, request, facts->partitions, chosen, asked ? err : &ignored);
	if (rc < 0)
		return asked ? rc : 0;
	*carbon_profile = chosen;
	if (asked) {
		facts->model = &chosen->model;
		facts->profile = chosen->name;
	}
	return 0;
}

static void append_tail(struct wattle_decision *decision, const struct wattle_carbon_answer *carbon)
{
	size_t len = strlen(decision->answer);

	if (carbon->text[0])
		snprintf(decision->answer + len, sizeof(decision->answer) - len, ", %s", carbon->text);
}

/* When it starts: after watts and nodes are decided, which scale then changes. */
static int decide_carbon(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_request *request,
			 const struct wattle_chosen_profile *profile, const struct wattle_facts *facts, struct wattle_decision *decision,
			 struct wattle_carbon_answer *ret, struct wattle_err *err)
{
	int rc;

	wattle_carbon_of_job(job_desc, site, request, profile, facts->partitions, decision, ret);
	rc = wattle_carbon_size(&ret->decision, decision, err);
	if (rc == 0)
		append_tail(decision, ret);
	return rc;
}

static int decide_and_rewrite(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_decision *ret,
			      struct wattle_err *err)
{
	const struct wattle_chosen_profile *profile;
	struct wattle_chosen_profile chosen;
	struct wattle_carbon_answer carbon;
	struct wattle_words words;
	struct wattle_facts facts;
	int rc;

	wattle_facts_from_job(job_desc, &facts);
	if (!facts.partitions && !*site->default_partition && &default_part_name)
		facts.partitions = default_part_name;

	if ((rc = wattle_words_collect(job_desc, site, &words, err)) < 0)
		;
	else if ((rc = wattle_check_licence_tres(job_desc, site, err)) < 0)
		;
	else if ((rc = wattle_check_other_gres(job_desc, site, err)) < 0)
		;
	else if ((rc = find_profile(job_desc, site, &words.request, &chosen, &facts, &profile, err)) < 0)
		;
	else if ((rc = wattle_decide(site, &words.request, &facts, ret, err)) < 0)
		;
	else if ((rc = check_explicit(site, &words, ret, err)) < 0)
		;
	else if ((rc = decide_carbon(job_desc, site, &words.request, profile, &facts, ret, &carbon, err)) < 0)
		;
	else if ((rc = wattle_strip_names(job_desc, err)) < 0)
		;
	else if ((rc = wattle_carbon_apply(job_desc, &carbon.decision, err)) < 0)
		;
	else if ((rc = wattle_rewrite(job_desc, site, &facts, ret, &carbon, err)) < 0)
		;
	else
		rc = wattle_het_charge(job_desc, site, ret, err);
	return rc;
}

/* No configuration was ever good: jobs run as if we were not there, but nobody is left to think that a cap is in force, and
 * no user's grant reaches a node. */
static int pass_unconfigured(job_desc_msg_t *job_desc, const struct wattle_err *why, struct wattle_err *err)
{
	struct wattle_words words;
	int rc;

	if ((rc = wattle_words_collect(job_desc, NULL, &words, err)) < 0)
		return rc;
	if (!wattle_request_empty(&words.request))
		return wattle_err_set(err, ENOENT, "%s can't be honoured, the site's configuration is missing or wrong (%s): tell your administrator",
				      words.said, why->text);
	return wattle_strip_names(job_desc, err);
}

int wattle_submit(job_desc_msg_t *job_desc, uint32_t submit_uid, char **err_msg)
{
	struct wattle_err err = WATTLE_ERR_INIT, why = WATTLE_ERR_INIT;
	struct wattle_conf *conf = wattle_conf_acquire(&why);
	struct wattle_decision decision;
	int rc;

	if (conf)
		rc = decide_and_rewrite(job_desc, wattle_conf_site(conf), &decision, &err);
	else
		rc = pass_unconfigured(job_desc, &why, &err);
	wattle_conf_release(conf);
	if (rc < 0) {
		slurm_info("wattle: submission by uid %u refused: %s", submit_uid, err.text);
		wattle_tell(err_msg, err.text);
		return ESLURM_INVALID_TRES;
	}
	if (conf)
		wattle_tell(err_msg, decision.answer);
	return SLURM_SUCCESS;
}
