/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "argv_power.h"
#include "cli_argv.h"

#define OWN "--power-cap"

static void rewrite(void *arg, int i, bool separate)
{
	static char own_word[] = OWN;
	char **argv = arg;
	const char *value = separate ? argv[i + 1] : strchr(argv[i], '=');

	if (!value)
		return;
	if (!separate)
		value++;
	if (strcasecmp(value, "level") == 0)
		return;
	if (separate) {
		argv[i] = own_word;
		return;
	}
	size_t size = sizeof(OWN "=") + strlen(value);
	char *word = malloc(size);
	if (!word)
		return;
	snprintf(word, size, OWN "=%s", value);
	argv[i] = word;
}

void wattle_argv_power_rewrite(int argc, char *argv[])
{
	wattle_cli_find_own(argc, argv, "power", rewrite, argv);
}
