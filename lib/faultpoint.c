/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "faultpoint.h"

#ifdef WATTLE_FAULT_POINTS
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FAULTPOINT_FILE "/run/wattle-faultpoint"

/* The count of passes lives in the file: several processes pass by one after the other. */
static int passes_left(const char *name)
{
	FILE *file = fopen(FAULTPOINT_FILE, "re");
	char wanted[64];
	int skip = 0, got;

	if (!file)
		return -1;
	got = fscanf(file, "%63s skip=%d", wanted, &skip);
	fclose(file);
	return got >= 1 && strcmp(wanted, name) == 0 ? skip : -1;
}

static void count_pass(const char *name, int left)
{
	FILE *file = fopen(FAULTPOINT_FILE, "we");

	if (!file)
		return;
	fprintf(file, "%s skip=%d\n", name, left);
	fclose(file);
}

void wattle_fault_point(const char *name)
{
	int saved = errno, skip = passes_left(name);

	if (skip == 0) {
		unlink(FAULTPOINT_FILE);
		kill(getpid(), SIGKILL);
	} else if (skip > 0) {
		count_pass(name, skip - 1);
	}
	errno = saved;
}
#endif
