/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "holder.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANCESTORS_MAX 64
#define ENVIRON_MAX (256 * 1024) /* Slurm's own variables stand far ahead of that */

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

/* Where hidepid hides it, it is taken for one. */
static bool is_stepd(pid_t pid)
{
	char path[40], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int) pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	return strcmp(name, "slurmstepd\n") == 0;
}

pid_t wattle_holder_find(void)
{
	pid_t pid = getppid();

	if (geteuid() == 0)
		return 0;
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (!is_own(pid))
			return is_stepd(pid) ? pid : 0;
		pid = parent_of(pid);
	}
	return 0;
}

bool wattle_holder_owns(const char *environment, size_t size, uint32_t job_id, const char *restarts)
{
	static const char count[] = "SLURM_RESTART_COUNT=";
	char job[32];
	bool owns = false;

	snprintf(job, sizeof(job), "SLURM_JOB_ID=%u", job_id);
	for (const char *p = environment; p < environment + size; p += strlen(p) + 1) {
		if (strncmp(p, count, strlen(count)) == 0 && (!restarts || strcmp(p + strlen(count), restarts) != 0))
			return false;
		owns = owns || strcmp(p, job) == 0;
	}
	return owns;
}

/* text has room for ENVIRON_MAX and the NUL. */
static size_t read_environment(pid_t pid, char *text)
{
	char path[40];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int) pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, ENVIRON_MAX, f);
	fclose(f);
	text[n] = '\0';
	return n;
}

void wattle_holder_clear(uint32_t job_id)
{
	const char *restarts = getenv("SLURM_RESTART_COUNT");
	char *text = malloc(ENVIRON_MAX + 1);
	DIR *proc = text ? opendir("/proc") : NULL;
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 1 && pid != getpid() && is_own((pid_t) pid) &&
		    wattle_holder_owns(text, read_environment((pid_t) pid, text), job_id, restarts))
			kill((pid_t) pid, SIGKILL);
	}
	if (proc)
		closedir(proc);
	free(text);
}
