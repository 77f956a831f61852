/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faultpoint.h"

#ifdef WATTLE_FAULT_POINTS
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define FAULTPOINT_FILE "/run/wattle-faultpoint"

/* The count of passes lives in the file: several processes pass by one after the other. */
static int passes_left(const char *name)
{
	cleanup_fclose FILE *file = fopen(FAULTPOINT_FILE, "re");
	char wanted[64];
	int skip = 0;

	if (!file || fscanf(file, "%63s skip=%d", wanted, &skip) < 1 || strcmp(wanted, name) != 0)
		return -1;
	return skip;
}

void wattle_fault_point(const char *name)
{
	int saved = errno, skip = passes_left(name);

	if (skip == 0) {
		unlink(FAULTPOINT_FILE);
		kill(getpid(), SIGKILL);
	} else if (skip > 0) {
		cleanup_fclose FILE *file = fopen(FAULTPOINT_FILE, "we");

		if (file)
			fprintf(file, "%s skip=%d\n", name, skip - 1);
	}
	errno = saved;
}
#endif
