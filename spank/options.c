/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_argv.h"
#include "grant.h"
#include "options.h"
#include "profile_choose.h"

#define FORMS "300, 300W or 0.3kW: cap per node; 1500W/job: total, split evenly over the nodes; 70%: of a node's maximum. " \
	      "For srun inside a job: lowers the cap while the step runs, never raises it"

#define SLOWDOWN "run time may grow by so much, 5%: the fewest watts that keep it, by a profile of the program; with --power too, that " \
		 "is the ceiling"
#define PROFILE "which profile: a name of the site's, or a file, ./FILE.json; default: the job's name, then the partition's"

#define CARBON "when and how wide: off; start: put off to when power is clean; scale: nodes and watts by the hour, for wattlerun"
#define WITHIN "must have ended so long after submission, 12h, 2d, HH:MM:SS; --deadline bounds it, too"
#define WORK "expected run time on the fewest nodes at full power; default: the profile's, else --time"

/* To add one: a line here, the word in lib/request.c, a line in the manual page. */
static const struct word {
	const char *name, *arginfo, *usage;
	bool builtin; /* Slurm has an option of that name: ours would be disabled with an error line */
	bool submits; /* decides a submission: not for steps */
} words[] = {
	{ "power-cap", "SPEC", "watts (--power says the same): " FORMS, false, false },
	{ "power", "SPEC", "watts: " FORMS, WATTLE_SLURM_HAS_POWER, false },
	{ "slowdown", "PCT", SLOWDOWN, false, true },
	{ "power-profile", "NAME|PATH", PROFILE, false, true },
	{ "carbon", "off|start|scale", CARBON, false, true },
	{ "carbon-within", "DURATION", WITHIN, false, true },
	{ "carbon-work", "DURATION", WORK, false, true },
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))
_Static_assert(N_WORDS <= WATTLE_OPTIONS_MAX, "more options than a submission remembers");

int wattle_options_count(void)
{
	return (int) N_WORDS;
}

const char *wattle_option_name(int val)
{
	return val < 0 || (size_t) val >= N_WORDS ? NULL : words[val].name;
}

bool wattle_option_submits(int val)
{
	return wattle_option_name(val) && words[val].submits;
}

bool wattle_option_is_profile(int val)
{
	return wattle_option_name(val) && strcmp(words[val].name, "power-profile") == 0;
}

void wattle_options_register(spank_t spank, spank_opt_cb_f cb)
{
	for (size_t i = 0; i < N_WORDS; i++) {
		if (words[i].builtin)
			continue;
		/* Slurm copies the struct and its strings. */
		struct spank_option option = {
			.name = (char *) words[i].name,
			.arginfo = (char *) words[i].arginfo,
			.usage = (char *) words[i].usage,
			.has_arg = 1,
			.val = (int) i,
			.cb = cb,
		};
		if (spank_option_register(spank, &option) != ESPANK_SUCCESS)
			slurm_error("wattle: can't register --%s", words[i].name);
	}
}

int wattle_option_take(struct wattle_spank *ctx, int val, const char *text, bool remote)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (!wattle_option_name(val) || !text)
		return 0;
	if (wattle_request_set(&ctx->request, words[val].name, text, &err) < 0) {
		if (!remote) {
			slurm_error("wattle: %s", err.text);
			return -1;
		}
		/* The client refused this; whoever got past it loses the word, not the node. */
		slurm_error("wattle: --%s from the job's environment is dropped: %s", words[val].name, err.text);
		return 0;
	}
	/* what a step may say */
	if (!words[val].submits) {
		snprintf(ctx->option, sizeof(ctx->option), "%s", words[val].name);
		wattle_err_quote(ctx->said, sizeof(ctx->said), text);
	}
	return 0;
}

/* Slurm's name: prefix, plugin, option, all but letters and digits as '_'. */
const char *wattle_option_env(int val, bool client, char buf[WATTLE_OPTION_ENV_MAX])
{
	const char *option = wattle_option_name(val);
	int n = snprintf(buf, WATTLE_OPTION_ENV_MAX, "%s_SLURM_SPANK_OPTION_wattle_%s", client ? "SLURM_SPANK_" : "", option ? option : "");
	size_t end = (size_t) n, start = option ? end - strlen(option) : end;

	for (size_t i = start; i < end; i++)
		if (!isalnum((unsigned char) buf[i]))
			buf[i] = '_';
	return buf;
}

static bool inside_a_job(void)
{
	return getenv("SLURM_JOB_ID") || getenv("SLURM_JOBID");
}

void wattle_options_disinherit(void)
{
	char name[WATTLE_OPTION_ENV_MAX];
	bool nested = inside_a_job();

	unsetenv(WATTLE_ALLOCATED_NAME);
	for (int i = 0; i < wattle_options_count(); i++) {
		/* This form is Slurm's own, from client to node: on a client it can only be a leftover. */
		unsetenv(wattle_option_env(i, false, name));
		if (nested)
			unsetenv(wattle_option_env(i, true, name));
	}
	unsetenv("SLURM_SPANK_" WATTLE_PROFILE_TEXT_NAME);
}

void wattle_options_tell_grant(const struct wattle_spank *ctx, spank_t spank)
{
	const struct wattle_grant grant = { .watts_w = ctx->step.grant_w };
	char text[WATTLE_GRANT_MAX];

	if (grant.watts_w > 0 && wattle_grant_format(&grant, text, sizeof(text)) == 0)
		spank_setenv(spank, WATTLE_GRANT_NAME, text, 1);
	else
		spank_unsetenv(spank, WATTLE_GRANT_NAME);
}

bool wattle_options_mark_allocation(struct wattle_spank *ctx)
{
	if (spank_context() != S_CTX_LOCAL)
		return false;
	if (inside_a_job() || wattle_cli_says(ctx->argc, ctx->argv, "jobid"))
		return true;
	setenv(WATTLE_ALLOCATED_NAME, "1", 1);
	return false;
}
