/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "holder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANCESTORS_MAX 64

/* 0 if it can't be read. */
static pid_t parent_of(pid_t pid)
{
	char path[40], text[512];
	const char *after;
	size_t n;
	FILE *f;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	/* its name may hold brackets and blanks */
	after = strrchr(text, ')');
	return after && sscanf(after, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* What hidepid hides is another user's. */
static int is_own(pid_t pid)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int) pid);
	return stat(path, &st) == 0 && st.st_uid == geteuid();
}

pid_t wattle_holder_find(void)
{
	pid_t pid = getppid();

	if (geteuid() == 0)
		return 0;
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (!is_own(pid))
			return pid;
		pid = parent_of(pid);
	}
	return 0;
}
