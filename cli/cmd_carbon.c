/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle carbon`: forecasts of carbon intensity. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plan_cli.h"

static const struct wattle_command commands[] = {
	{ "fetch", wattle_cmd_carbon_fetch, "ask the providers for forecasts" },
	{ "show", wattle_cmd_carbon_show, "draw a forecast" },
};

int wattle_cmd_carbon(int argc, char **argv)
{
	return wattle_command_dispatch("wattle carbon", "Carbon intensity over time.", commands, sizeof(commands) / sizeof(commands[0]),
				       argc, argv);
}
