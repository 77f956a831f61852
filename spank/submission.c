/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "profile.h"
#include "profile_choose.h"
#include "request.h"
#include "submission.h"

void wattle_submission_begin(struct wattle_submission *sub, bool step_only)
{
	char name[WATTLE_OPTION_ENV_MAX];

	sub->step_only = step_only;
	for (int i = 0; i < wattle_options_count(); i++)
		sub->word[i].own_env = getenv(wattle_option_env(i, true, name)) != NULL;
}

/* Slurm leaves each component's options in the client's environment, where it takes them for the next one's: after that one's
 * #SBATCH lines, and over them. */
static bool is_left_over(struct wattle_submission *sub, int val, const char *text)
{
	char name[WATTLE_OPTION_ENV_MAX];
	const char *left = getenv(wattle_option_env(val, true, name));

	if (sub->component == 0 || sub->word[val].own_env || sub->word[val].env_skipped || !left || strcmp(left, text) != 0)
		return false;
	sub->word[val].env_skipped = true;
	return true;
}

int wattle_submission_take(struct wattle_submission *sub, int val, const char *text)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	const char *option = wattle_option_name(val);

	if (!option || !text)
		return 0;
	if (is_left_over(sub, val, text))
		return 1;
	if (sub->step_only && wattle_option_submits(val)) {
		slurm_error("wattle: --%s is decided when a job is submitted; for a step say --power=WATTS, which lowers its cap", option);
		return -1;
	}
	if (wattle_option_is_profile(val)) {
		sub->profile[0] = '\0';
		if (wattle_profile_is_path(text) && wattle_profile_carry(text, sub->profile, &err) < 0) {
			slurm_error("wattle: --%s: %s", option, err.text);
			return -1;
		}
	}
	free(sub->word[val].value);
	sub->word[val].value = strdup(text);
	return 0;
}

/* What Slurm itself does for an option that it was given. */
static void give(spank_t spank, const char *name, const char *value)
{
	if (!value) {
		unsetenv(name);
		spank_job_control_unsetenv(spank, name);
	} else if (setenv(name, value, 1) != 0 || spank_job_control_setenv(spank, name, value, 1) != ESPANK_SUCCESS) {
		slurm_error("wattle: can't send %s along", name);
	}
}

void wattle_submission_send(struct wattle_submission *sub, spank_t spank)
{
	char name[WATTLE_OPTION_ENV_MAX];

	for (int i = 0; i < wattle_options_count(); i++) {
		if (sub->component > 0 && !sub->word[i].own_env)
			give(spank, wattle_option_env(i, false, name), sub->word[i].value);
		free(sub->word[i].value);
		sub->word[i].value = NULL;
		sub->word[i].env_skipped = false;
	}
	if (!sub->profile[0])
		spank_job_control_unsetenv(spank, WATTLE_PROFILE_TEXT_NAME);
	else if (spank_job_control_setenv(spank, WATTLE_PROFILE_TEXT_NAME, sub->profile, 1) != ESPANK_SUCCESS)
		slurm_error("wattle: can't send the profile along");
	sub->profile[0] = '\0';
	sub->component++;
}
