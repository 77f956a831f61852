/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct wattle_sources *sources; /* from init to fini */

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

static void log_notice(void *arg, const char *text)
{
	(void) arg;
	slurm_error("wattle: %s", text);
}

void wattle_submit_open(void)
{
	sources = wattle_sources_open(log_notice, NULL);
}

void wattle_submit_close(void)
{
	wattle_sources_close(sources);
	sources = NULL;
}

static int decide_and_rewrite(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_verdict *ret,
			      struct wattle_err *err)
{
	struct wattle_submission submission;
	struct wattle_words words;
	int rc;

	if ((rc = wattle_words_collect(job_desc, site, &words, err)) < 0)
		;
	else if ((rc = wattle_check_licence_tres(job_desc, site, err)) < 0)
		;
	else
		rc = wattle_check_other_gres(job_desc, site, err);
	if (rc < 0)
		return rc;
	wattle_submission_of_job(job_desc, site, &words, &submission);
	if ((rc = wattle_flow_decide(sources, site, &submission, ret, err)) < 0)
		;
	else if ((rc = wattle_strip_names(job_desc, err)) < 0)
		;
	else if ((rc = wattle_carbon_apply(job_desc, &ret->carbon, err)) < 0)
		;
	else if ((rc = wattle_rewrite(job_desc, site, &submission, ret, err)) < 0)
		;
	else
		rc = wattle_het_charge(job_desc, site, &ret->decision, err);
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
	struct wattle_verdict verdict;
	int rc;

	if (conf)
		rc = decide_and_rewrite(job_desc, wattle_conf_site(conf), &verdict, &err);
	else
		rc = pass_unconfigured(job_desc, &why, &err);
	wattle_conf_release(conf);
	if (rc < 0) {
		slurm_info("wattle: submission by uid %u refused: %s", submit_uid, err.text);
		wattle_tell(err_msg, err.text);
		return ESLURM_INVALID_TRES;
	}
	if (conf)
		wattle_tell(err_msg, verdict.decision.answer);
	return SLURM_SUCCESS;
}
