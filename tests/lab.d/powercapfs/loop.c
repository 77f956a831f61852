/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define STATE_SIZE 8192

/* With the lock held: keeps or clears what `state` says went wrong. */
static void note(struct pcfs_err *err, int r, const char *what)
{
	if (r < 0)
		(void)pcfs_err_set(err, -r, "cgroup: %s: %s", what, strerror(-r));
	else
		err->text[0] = '\0';
}

/* Hysteresis: while an average settles, quotas a thousandth apart are not worth a write. */
static bool worth_writing(unsigned old_us, unsigned new_us)
{
	unsigned diff_us = old_us > new_us ? old_us - new_us : new_us - old_us;

	return diff_us * 500 > old_us;
}

static void set_quota(struct pcfs_sim *sim, unsigned quota_us)
{
	int r = sim->cgroup.ops->set_quota(&sim->cgroup, quota_us, sim->config.model.period_us);

	pthread_mutex_lock(&sim->lock);
	if (r == 0)
		sim->quota_us = quota_us;
	/* On v1 most likely -EINVAL: a child cgroup holds a larger quota of its own. */
	note(&sim->quota_err, r, "CPU quota not taken");
	pthread_mutex_unlock(&sim->lock);
}

static void step(struct pcfs_sim *sim, uint64_t *last_usage_ns)
{
	uint64_t usage_ns = *last_usage_ns;
	int r = sim->cgroup.ops->usage_ns(&sim->cgroup, &usage_ns);
	unsigned quota_us;
	bool due;

	pthread_mutex_lock(&sim->lock);
	uint64_t now_ns = pcfs_now_ns(CLOCK_MONOTONIC);
	/* A cgroup made anew counts from 0. */
	double cpu_s = usage_ns < *last_usage_ns ? 0 : (double)(usage_ns - *last_usage_ns) / 1e9;

	pcfs_model_step(&sim->model, &sim->tree, (double)(now_ns - sim->stepped_ns) / 1e9, cpu_s);
	sim->stepped_ns = now_ns;
	quota_us = sim->model.quota_us;
	due = worth_writing(sim->quota_us, quota_us);
	note(&sim->usage_err, r, "CPU use can't be read");
	pthread_mutex_unlock(&sim->lock);

	*last_usage_ns = usage_ns;
	if (due)
		set_quota(sim, quota_us);
}

static void publish(struct pcfs_sim *sim)
{
	char text[STATE_SIZE];
	size_t len;

	pthread_mutex_lock(&sim->lock);
	pcfs_control_refresh(sim);
	len = pcfs_control_format(sim, text, sizeof(text));
	pthread_mutex_unlock(&sim->lock);
	pcfs_control_publish(sim, text, len);
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec) { .tv_sec = (time_t)(ns / 1000000000ULL), .tv_nsec = (long)(ns % 1000000000ULL) };
}

/* Until the next tick or a kick; true when it is time to stop. */
static bool rest(struct pcfs_sim *sim, uint64_t until_ns)
{
	struct timespec until = to_timespec(until_ns);
	bool stopping;

	pthread_mutex_lock(&sim->lock);
	while (!sim->kicked && !sim->stopping &&
	       pthread_cond_timedwait(&sim->kick, &sim->lock, &until) != ETIMEDOUT)
		continue;
	sim->kicked = false;
	stopping = sim->stopping;
	pthread_mutex_unlock(&sim->lock);
	return stopping;
}

static void *run(void *arg)
{
	struct pcfs_sim *sim = arg;
	const uint64_t tick_ns = sim->config.tick_ms * 1000000ULL;
	const uint64_t state_ns = sim->config.state_ms * 1000000ULL;
	uint64_t now_ns = pcfs_now_ns(CLOCK_MONOTONIC);
	uint64_t publish_ns = now_ns;
	uint64_t usage_ns = 0;

	(void)sim->cgroup.ops->usage_ns(&sim->cgroup, &usage_ns);
	do {
		step(sim, &usage_ns);
		now_ns = pcfs_now_ns(CLOCK_MONOTONIC);
		if (now_ns >= publish_ns) {
			publish(sim);
			publish_ns = now_ns + state_ns;
		}
	} while (!rest(sim, now_ns + tick_ns));
	return NULL;
}

int pcfs_loop_prepare(struct pcfs_sim *sim, struct pcfs_err *err)
{
	const struct pcfs_config *config = &sim->config;
	int r;

	pcfs_tree_init(&sim->tree, sim->node, &config->tree);
	pcfs_model_init(&sim->model, &config->model, &sim->tree);
	sim->stepped_ns = pcfs_now_ns(CLOCK_MONOTONIC);
	r = sim->cgroup.ops->prepare(&sim->cgroup, config->model.period_us);
	if (r == 0)
		r = sim->cgroup.ops->set_quota(&sim->cgroup, sim->model.quota_us, config->model.period_us);
	if (r < 0)
		return pcfs_err_set(err, -r, "cgroup (%s): a quota of %u us per %u us was not taken: %s", sim->cgroup.ops->name,
				    sim->model.quota_us, config->model.period_us, strerror(-r));
	sim->quota_us = sim->model.quota_us;
	return 0;
}

int pcfs_loop_start(struct pcfs_sim *sim, pthread_t *ret_thread, struct pcfs_err *err)
{
	sigset_t all, old;
	int r;

	/* Signals are for the thread that waits in FUSE's loop. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret_thread, NULL, run, sim);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r ? pcfs_err_set(err, r, "thread: %s", strerror(r)) : 0;
}

void pcfs_loop_stop(struct pcfs_sim *sim, pthread_t thread)
{
	const struct pcfs_model_config *config = &sim->config.model;

	pthread_mutex_lock(&sim->lock);
	sim->stopping = true;
	pthread_cond_signal(&sim->kick);
	pthread_mutex_unlock(&sim->lock);
	(void)pthread_join(thread, NULL);
	/* The cgroup may be gone already, with its node. */
	(void)sim->cgroup.ops->set_quota(&sim->cgroup, (unsigned)(config->period_us * config->full_quota_pct / 100),
					 config->period_us);
}
