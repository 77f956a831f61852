/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli_argv.h"
#include "options.h"

#define FORMS "300, 300W or 0.3kW: cap per node; 1500W/job: total, split evenly over the nodes; 70%: of a node's maximum. " \
	      "For srun inside a job: lowers the cap while the step runs, never raises it"

static const struct word {
	const char *name, *arginfo, *usage;
	bool builtin; /* Slurm has an option of that name: ours would be disabled with an error line */
} words[] = {
	{ "power-cap", "SPEC", "watts: " FORMS, false },
	{ "power", "SPEC", "watts: " FORMS, WATTLE_SLURM_HAS_POWER },
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

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

	if (val < 0 || (size_t) val >= N_WORDS || !text)
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
	snprintf(ctx->option, sizeof(ctx->option), "%s", words[val].name);
	wattle_err_quote(ctx->said, sizeof(ctx->said), text);
	return 0;
}

/* Slurm's name for an option in an environment: prefix, plugin, option, all but letters and digits as '_'. */
static void option_env_name(char *ret, size_t size, const char *prefix, const char *option)
{
	int n = snprintf(ret, size, "%s_SLURM_SPANK_OPTION_wattle_", prefix);
	for (size_t i = n > 0 ? (size_t) n : 0; i + 1 < size; i++, option++) {
		ret[i] = isalnum((unsigned char) *option) || !*option ? *option : '_';
		ret[i + 1] = 0;
		if (!*option)
			break;
	}
}

static bool inside_a_job(void)
{
	return getenv("SLURM_JOB_ID") || getenv("SLURM_JOBID");
}

void wattle_options_disinherit(void)
{
	char name[128];
	bool nested = inside_a_job();

	unsetenv(WATTLE_ALLOCATED_NAME);
	for (size_t i = 0; i < N_WORDS; i++) {
		/* This form is Slurm's own, from client to node: on a client it can only be a leftover. */
		option_env_name(name, sizeof(name), "", words[i].name);
		unsetenv(name);
		if (nested) {
			option_env_name(name, sizeof(name), "SLURM_SPANK_", words[i].name);
			unsetenv(name);
		}
	}
}

void wattle_options_mark_allocation(struct wattle_spank *ctx)
{
	if (spank_context() == S_CTX_LOCAL && !inside_a_job() && !wattle_cli_says(ctx->argc, ctx->argv, "jobid"))
		setenv(WATTLE_ALLOCATED_NAME, "1", 1);
}
