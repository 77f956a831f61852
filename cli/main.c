/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <signal.h>

static const struct wattle_command commands[] = {
	{ "report", wattle_cmd_report, "what a job drew, under which cap, and whether the cap was held" },
	{ "lease", wattle_cmd_lease, "the leases that cap this node: list, sweep (root)" },
	{ "sweep", wattle_cmd_sweep, "run a job under several caps, and fit its slowdown model" },
	{ "profile", wattle_cmd_profile, "slowdown models: fit a sweep, watts for a slowdown, slowdown at a cap" },
	{ "plan", wattle_cmd_plan, "when a job should run, how wide, and at how many watts" },
	{ "carbon", wattle_cmd_carbon, "carbon intensity over time: fetch and show forecasts" },
	{ "slots", wattle_cmd_slots, "how full the times are to which jobs are put off" },
	{ "advise", wattle_cmd_advise, "what carbon-aware starts would have saved on the jobs that ran here" },
	{ "check", wattle_cmd_check, "what is wrong with this installation and how to mend it" },
};

int main(int argc, char **argv)
{
	/* so that `wattle … | head` ends with an error that wattle_finish sees, not with a signal */
	signal(SIGPIPE, SIG_IGN);
	return wattle_command_dispatch("wattle", "Power and carbon, first-class for batch jobs.", commands,
				       sizeof(commands) / sizeof(commands[0]), argc, argv);
}
