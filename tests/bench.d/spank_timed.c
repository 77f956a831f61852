/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SPANK plugin that loads another, calls its hooks, and writes down the CPU time of each: plugstack.conf has
 * `required spank_timed.so target=/…/spank_wattle.so [the other's arguments]`. Loading, with all that the other pulls in,
 * counts as part of the process's first hook. A record is a line "hook uid cpu_ns system_us switches", switches being those
 * into waiting; without the file there are none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <slurm/spank.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RECORDS "/tmp/wattle-hooks"

SPANK_PLUGIN(timed, 1)

typedef int hook_fn(spank_t, int, char **);

static int64_t cpu_ns(void)
{
	struct timespec t;

	/* The thread's: the process has others, of Slurm's. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

static void record(const char *hook, int64_t ns, const struct rusage *before, const struct rusage *after)
{
	long system_us = (after->ru_stime.tv_sec - before->ru_stime.tv_sec) * 1000000 + after->ru_stime.tv_usec -
			 before->ru_stime.tv_usec;
	char line[128];
	int n = snprintf(line, sizeof(line), "%s %u %lld %ld %ld\n", hook, (unsigned) getuid(), (long long) ns, system_us,
			 after->ru_nvcsw - before->ru_nvcsw);
	int fd = open(RECORDS, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, line, (size_t) n) != n)
		slurm_error("timed: can't write %s", RECORDS);
	close(fd);
}

static int forward(const char *hook, spank_t spank, int ac, char **av)
{
	static void *other;
	char symbol[64];
	struct rusage before, after;
	int64_t begin_ns, spent_ns;
	hook_fn *fn = NULL;
	int rc = ESPANK_SUCCESS;

	getrusage(RUSAGE_THREAD, &before);
	begin_ns = cpu_ns();
	if (ac < 1 || strncmp(av[0], "target=", 7) != 0) {
		slurm_error("timed: the first argument must be target=PLUGIN");
		return ESPANK_ERROR;
	}
	if (!other && !(other = dlopen(av[0] + 7, RTLD_LAZY | RTLD_LOCAL))) {
		slurm_error("timed: %s", dlerror());
		return ESPANK_ERROR;
	}
	snprintf(symbol, sizeof(symbol), "slurm_spank_%s", hook);
	*(void **) &fn = dlsym(other, symbol);
	if (fn)
		rc = fn(spank, ac - 1, av + 1);
	spent_ns = cpu_ns() - begin_ns;
	getrusage(RUSAGE_THREAD, &after);
	record(hook, spent_ns, &before, &after);
	return rc;
}

#define TIMED(hook) \
	int slurm_spank_##hook(spank_t spank, int ac, char *av[]) { return forward(#hook, spank, ac, av); }

TIMED(init)
TIMED(init_post_opt)
TIMED(local_user_init)
TIMED(user_init)
TIMED(task_init_privileged)
TIMED(task_init)
TIMED(task_post_fork)
TIMED(task_exit)
TIMED(exit)
TIMED(job_prolog)
TIMED(job_epilog)
TIMED(slurmd_exit)
