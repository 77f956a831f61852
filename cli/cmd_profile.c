/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile`: how much an application slows down under a power cap. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"
#include "profile_make.h"

#ifndef HAVE_GSL
static int fail_without(void)
{
	return wattle_fail("this wattle was built without GSL, which fitting needs: install libgsl-dev and build again");
}

int wattle_cmd_profile_fit(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	return fail_without();
}

int wattle_cmd_profile_refit(int argc, char **argv)
{
	(void) argc;
	(void) argv;
	return fail_without();
}

int profile_make(const struct profile_making *making, struct wattle_profile *profile)
{
	(void) making;
	(void) profile;
	return fail_without();
}
#endif

static const struct wattle_command commands[] = {
	{ "fit", wattle_cmd_profile_fit, "fit a slowdown model to a sweep, and keep it as a profile" },
	{ "refit", wattle_cmd_profile_refit, "add finished jobs to a profile's sweep, and see what that changes" },
	{ "resize", wattle_cmd_profile_resize, "what a change of nodes costs, as jobs of wattlerun measured it" },
	{ "watts", wattle_cmd_profile_watts, "the least power that keeps a slowdown, or the cap of least energy" },
	{ "slowdown", wattle_cmd_profile_slowdown, "the slowdown that a cap makes" },
	{ "show", wattle_cmd_profile_show, "a profile with its plot" },
	{ "list", wattle_cmd_profile_list, "the site's profiles" },
};

int wattle_cmd_profile(int argc, char **argv)
{
	return wattle_command_dispatch("wattle profile", "How much an application slows down under a power cap.", commands,
				       sizeof(commands) / sizeof(commands[0]), argc, argv);
}
