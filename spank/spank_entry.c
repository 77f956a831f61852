/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SPANK plugin: what Slurm calls. Each hook only looks where it runs and passes on; see hooks.h and options.h. */

#include "config.h"

#include <pthread.h>
#include <time.h>

#include "argv_power.h"
#include "context.h"
#include "hooks.h"
#include "options.h"
#include "submission.h"

#pragma GCC visibility push(default)
SPANK_PLUGIN(wattle, 1)
#pragma GCC visibility pop

static struct wattle_spank ctx;
static struct wattle_submission submission;

/* glibc gives constructors of dlopened objects the program's own arguments. */
__attribute__((constructor)) static void keep_arguments(int argc, char *argv[])
{
	ctx.argc = argc;
	ctx.argv = argv;
}

static void before_fork(void)
{
	wattle_sampler_before_fork(&ctx.sampler);
}

static void after_fork(void)
{
	wattle_sampler_after_fork(&ctx.sampler);
}

static int take_option(int val, const char *text, int remote)
{
	int rc = remote ? 0 : wattle_submission_take(&submission, val, text);

	return rc == 0 ? wattle_option_take(&ctx, val, text, remote != 0) : rc < 0 ? -1 : 0;
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Our cost is a promise (doc/), so each hook says what it took: tests/bench sums these lines. */
static void say_cost(const char *hook, int64_t since_us)
{
	slurm_debug("wattle: %s took %lld us of CPU", hook, (long long) (cpu_us() - since_us));
}

int slurm_spank_init(spank_t spank, int argc, char *argv[])
{
	int64_t t = cpu_us();

	wattle_arguments_read(&ctx, argc, argv);
	switch (spank_context()) {
	case S_CTX_LOCAL:
	case S_CTX_ALLOCATOR:
		wattle_options_disinherit();
		wattle_options_register(spank, take_option);
		if (WATTLE_SLURM_HAS_POWER)
			wattle_argv_power_rewrite(ctx.argc, ctx.argv);
		wattle_submission_begin(&submission, wattle_options_mark_allocation(&ctx));
		break;
	case S_CTX_REMOTE:
		wattle_options_register(spank, take_option);
		break;
	case S_CTX_SLURMD:
		wattle_slurmd_start(&ctx);
		say_cost("slurmd init", t);
		break;
	case S_CTX_ERROR:
	case S_CTX_JOB_SCRIPT:
		break;
	}
	return 0;
}

int slurm_spank_init_post_opt(spank_t spank, int argc, char *argv[])
{
	(void) argc, (void) argv;
	if (spank_context() == S_CTX_LOCAL || spank_context() == S_CTX_ALLOCATOR)
		wattle_submission_send(&submission, spank);
	if (spank_context() != S_CTX_REMOTE)
		return 0;
	int64_t t = cpu_us();
	pthread_atfork(before_fork, after_fork, after_fork);
	wattle_step_start(&ctx, spank);
	wattle_options_tell_grant(&ctx, spank);
	say_cost("step start", t);
	return 0;
}

int slurm_spank_user_init(spank_t spank, int argc, char *argv[])
{
	(void) spank, (void) argc, (void) argv;
	wattle_step_tell(&ctx);
	return 0;
}

int slurm_spank_task_init_privileged(spank_t spank, int argc, char *argv[])
{
	(void) argc, (void) argv;
	return wattle_step_task(&ctx, spank);
}

int slurm_spank_exit(spank_t spank, int argc, char *argv[])
{
	(void) spank, (void) argc, (void) argv;
	if (spank_context() != S_CTX_REMOTE)
		return 0;
	int64_t t = cpu_us();
	wattle_step_end(&ctx);
	say_cost("step end", t);
	return 0;
}

int slurm_spank_job_prolog(spank_t spank, int argc, char *argv[])
{
	int64_t t = cpu_us();

	wattle_arguments_read(&ctx, argc, argv);
	wattle_job_start(&ctx, spank);
	say_cost("prolog", t);
	return 0;
}

int slurm_spank_job_epilog(spank_t spank, int argc, char *argv[])
{
	int64_t t = cpu_us();

	wattle_arguments_read(&ctx, argc, argv);
	wattle_job_end(&ctx, spank);
	say_cost("epilog", t);
	return 0;
}
