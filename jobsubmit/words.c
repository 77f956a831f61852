/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tres.h"

static const char option_prefix[] = "_SLURM_SPANK_OPTION_wattle_";

/* Takes one option; *found says that it was ours. */
static int take(const char *word, const char *value, struct wattle_words *words, bool *found, struct wattle_err *err)
{
	char quoted[WATTLE_WORD_MAX], spelled[32];
	size_t used = strlen(words->said);
	int rc = wattle_request_set(&words->request, word, value, err);

	if (rc == -ENOENT)
		return 0; /* an option of ours that job_submit needs not know */
	if (rc < 0)
		return rc;
	*found = true;
	/* as users write it, not SPANK's name for it: power_cap, power_profile */
	snprintf(spelled, sizeof(spelled), "%s", strncmp(word, "power", 5) == 0 && strcmp(word + 5, "_profile") != 0 ? "power" : word);
	for (char *s = spelled; *s; s++)
		if (*s == '_')
			*s = '-';
	snprintf(words->said + used, sizeof(words->said) - used, "%s--%s=%s", used ? " " : "", spelled,
		 wattle_err_quote(quoted, sizeof(quoted), value));
	return 0;
}

/* Options that the SPANK plugin registered arrive as "_SLURM_SPANK_OPTION_wattle_power_cap=300". */
static int look_in_environment(char *const *env, uint32_t size, struct wattle_words *words, bool *found, struct wattle_err *err)
{
	const size_t prefix = sizeof(option_prefix) - 1;

	for (uint32_t i = 0; env && i < size && i < WATTLE_ENTRIES_MAX; i++) {
		char word[32];
		const char *equals;
		int rc;

		if (!env[i] || env[i][0] != '_' || strncmp(env[i], option_prefix, prefix) != 0)
			continue;
		equals = strchr(env[i] + prefix, '=');
		if (!equals || (size_t) (equals - env[i]) - prefix >= sizeof(word))
			continue;
		memcpy(word, env[i] + prefix, (size_t) (equals - env[i]) - prefix);
		word[(size_t) (equals - env[i]) - prefix] = '\0';
		rc = take(word, equals + 1, words, found, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Where Slurm itself has an option --power (up to 23.11) its value is lost on the way, and only the text still has it. */
static int look_in_text(const job_desc_msg_t *job_desc, struct wattle_words *words, bool *found, struct wattle_err *err)
{
	uint32_t component = job_desc->het_job_offset == NO_VAL ? 0 : job_desc->het_job_offset;
	struct wattle_option option;

	if (job_desc->submit_line &&
	    wattle_submit_line_option(job_desc->submit_line, strnlen(job_desc->submit_line, WATTLE_SCRIPT_MAX), component, &option))
		return take(option.word, option.value, words, found, err);
	/* the script belongs to the first component, and so do the lines before its first "hetjob" */
	if (job_desc->script && component == 0 &&
	    wattle_script_option(job_desc->script, strnlen(job_desc->script, WATTLE_SCRIPT_MAX), &option))
		return take(option.word, option.value, words, found, err);
	return 0;
}

/* "-L power:1200" is a total, "--gres=power:300" is per node. */
static int look_in_charge(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_words *words,
			  struct wattle_err *err)
{
	int rc;

	if (site->charge & WATTLE_CHARGE_LICENCE) {
		rc = wattle_licence_find(job_desc->licenses, site->licence, &words->licence_w, err);
		if (rc < 0)
			return rc;
		words->explicit_licence = rc > 0;
	}
	if (site->charge & WATTLE_CHARGE_GRES) {
		rc = wattle_gres_find(job_desc->tres_per_node, site->gres, &words->gres_w, err);
		if (rc < 0)
			return rc;
		words->explicit_gres = rc > 0;
	}
	return 0;
}

static int take_from_charge(const struct wattle_siteconf *site, struct wattle_words *words, struct wattle_err *err)
{
	uint64_t watts_w = words->explicit_gres ? words->gres_w : words->licence_w;

	snprintf(words->said, sizeof(words->said), words->explicit_gres ? "gres %s:%" PRIu64 : "licence %s:%" PRIu64,
		 words->explicit_gres ? site->gres : site->licence, watts_w);
	if (watts_w == 0)
		return wattle_err_set(err, ERANGE, "%s: no job can run at 0 W", words->said);
	words->request.power.kind = words->explicit_gres ? WATTLE_WATTS_PER_NODE : WATTLE_WATTS_PER_JOB;
	words->request.power.value = (double) watts_w;
	return 0;
}

int wattle_words_collect(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_words *ret,
			 struct wattle_err *err)
{
	bool found = false;
	int rc;

	*ret = (struct wattle_words) { .request = WATTLE_REQUEST_INIT };
	if (site) {
		snprintf(ret->licence_name, sizeof(ret->licence_name), "licence %s", site->licence);
		snprintf(ret->gres_name, sizeof(ret->gres_name), "gres %s", site->gres);
	}
	if (site && (rc = look_in_charge(job_desc, site, ret, err)) < 0)
		return rc;
	if ((rc = look_in_environment(job_desc->spank_job_env, job_desc->spank_job_env_size, ret, &found, err)) < 0)
		return rc;
	if (!found && (rc = look_in_environment(job_desc->environment, job_desc->env_size, ret, &found, err)) < 0)
		return rc;
	/* Slurm's own --power takes the name from ours, whatever words of ours came through beside it */
	if (ret->request.power.kind == WATTLE_WATTS_NONE && (rc = look_in_text(job_desc, ret, &found, err)) < 0)
		return rc;
	if (!wattle_request_names_watts(&ret->request) && (ret->explicit_licence || ret->explicit_gres))
		return take_from_charge(site, ret, err);
	return 0;
}
