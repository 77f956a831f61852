/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `restore_wait FILE=VALUE …`: on a node, SIGKILLs every slurmstepd and prints the milliseconds from the first signal
 * until each FILE reads its VALUE again. Exit 1 if that takes 10 s, 3 if a FILE held its VALUE before: nothing to restore. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static int holds(const char *path, const char *value)
{
	char text[64] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	text[strcspn(text, "\n")] = 0;
	return strcmp(text, value) == 0;
}

static int kill_all(const char *name)
{
	int killed = 0;
	DIR *proc = opendir("/proc");

	for (struct dirent *d; proc && (d = readdir(proc));) {
		char path[64], comm[32] = "";
		int pid = atoi(d->d_name);
		FILE *f;

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		f = fopen(path, "re");
		if (f && fgets(comm, sizeof(comm), f)) {
			comm[strcspn(comm, "\n")] = 0;
			if (strcmp(comm, name) == 0 && kill(pid, SIGKILL) == 0)
				killed++;
		}
		if (f)
			fclose(f);
	}
	if (proc)
		closedir(proc);
	return killed;
}

int main(int argc, char **argv)
{
	double begin_ms;

	for (int i = 1; i < argc; i++) {
		char *eq = strchr(argv[i], '=');

		if (!eq) {
			fprintf(stderr, "usage: restore_wait FILE=VALUE …\n");
			return 2;
		}
		*eq = 0;
		if (holds(argv[i], eq + 1)) {
			fprintf(stderr, "restore_wait: %s holds %s already\n", argv[i], eq + 1);
			return 3;
		}
	}
	begin_ms = now_ms();
	if (!kill_all("slurmstepd")) {
		fprintf(stderr, "restore_wait: no slurmstepd here\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		while (!holds(argv[i], argv[i] + strlen(argv[i]) + 1)) {
			/* The CPU that is polled away would be the agent's. */
			nanosleep(&(struct timespec) { .tv_nsec = 500000 }, NULL);
			if (now_ms() - begin_ms > 10000) {
				fprintf(stderr, "restore_wait: %s not back within 10 s\n", argv[i]);
				return 1;
			}
		}
	printf("%.2f\n", now_ms() - begin_ms);
	return 0;
}
