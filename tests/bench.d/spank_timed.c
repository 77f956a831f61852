/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SPANK plugin that loads another, calls its hooks, and writes down the CPU time of each: plugstack.conf has
 * `required spank_timed.so target=/…/spank_wattle.so [the other's arguments]`. Loading, with all that the other pulls in,
 * counts as part of the process's first hook. A record is a line "hook uid cpu_ns"; without the file there are none. */
#include <dlfcn.h>
#include <fcntl.h>
#include <slurm/spank.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
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

static void record(const char *hook, int64_t ns)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "%s %u %lld\n", hook, (unsigned) getuid(), (long long) ns);
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
	int64_t begin_ns = cpu_ns();
	hook_fn *fn = NULL;
	int rc = ESPANK_SUCCESS;

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
	record(hook, cpu_ns() - begin_ns);
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
