/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounded.h"
#include "cleanup.h"
#include "sampler.h"

#define PERIOD_NS 1000000000L
#define RETRY_NS 50000000L
#define WAIT_MS 1000

static void add_ns(struct timespec *t, long ns)
{
	t->tv_nsec += ns;
	t->tv_sec += t->tv_nsec / 1000000000L;
	t->tv_nsec %= 1000000000L;
}

void wattle_sampler_before_fork(struct wattle_sampler *s)
{
	struct timespec until;

	if (!s->running)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	add_ns(&until, WAIT_MS * 1000000L);
	s->fork_waits = pthread_mutex_clocklock(&s->reading, CLOCK_MONOTONIC, &until) == 0;
}

void wattle_sampler_after_fork(struct wattle_sampler *s)
{
	if (!s->fork_waits)
		return;
	s->fork_waits = false;
	pthread_mutex_unlock(&s->reading);
}

/* What is in force, from the book: the watts written to long_term limits plus the node's base. Every transaction replaces the
 * book, so the folder's mtime says whether there is anything new. */
static void follow_book(struct wattle_sampler *s, struct wattle_sums *sums)
{
	cleanup_free struct wattle_book *book = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct stat st;
	uint64_t package_uw = 0;

	if (stat(s->node->run_dir, &st) < 0)
		return;
	if (st.st_mtim.tv_sec == s->book_seen.tv_sec && st.st_mtim.tv_nsec == s->book_seen.tv_nsec)
		return;
	if (wattle_lease_read(s->node, &book, &err) < 0)
		return;
	s->book_seen = st.st_mtim;
	for (uint32_t i = 0; i < book->n_limits; i++)
		if (book->limit[i].constraint == 0 && !book->limit[i].owed)
			package_uw += book->limit[i].wrote_uw;
	sums->effective_w = package_uw ? s->node->base_w + (uint32_t) ((package_uw + 500000) / 1000000) : 0;
}

/* Called without s->lock: a read may take its time. False: not now. */
static bool sample(struct wattle_sampler *s, struct wattle_sums *sums, struct wattle_zones *zones)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	/* While slurmstepd has taken on the user's euid, so have all its threads: the counters are root's. */
	if (geteuid() != 0)
		return false;
	pthread_mutex_lock(&s->reading);
	if (sums->meter.n_samples != 0)
		follow_book(s, sums);
	int rc = wattle_meter_follow(&sums->meter, zones, sums->effective_w != 0, &err);
	if (rc == 0 && sums->meter.n_samples > 1)
		sums->metered = true;
	pthread_mutex_unlock(&s->reading);
	/* Or it became the user in the midst of it. */
	return rc == 0 || geteuid() == 0;
}

static void *run(void *arg)
{
	struct wattle_sampler *s = arg;
	struct wattle_sums sums = s->sums;
	struct wattle_zones zones = { .n = 0 };
	struct timespec next;
	bool stop = false;

	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!stop) {
		add_ns(&next, sample(s, &sums, &zones) ? PERIOD_NS : RETRY_NS);
		pthread_mutex_lock(&s->lock);
		s->sums = sums;
		while (!s->stop && pthread_cond_timedwait(&s->wake, &s->lock, &next) != ETIMEDOUT)
			;
		stop = s->stop;
		pthread_mutex_unlock(&s->lock);
	}
	sample(s, &sums, &zones);
	pthread_mutex_lock(&s->lock);
	s->sums = sums;
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int wattle_sampler_start(struct wattle_sampler *s, const struct wattle_node *node, uint32_t effective_w)
{
	pthread_condattr_t attr;

	memset(s, 0, sizeof(*s));
	s->node = node;
	s->sums.effective_w = effective_w;

	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->reading, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);

	int rc = wattle_thread_start(&s->thread, run, s);
	s->running = rc == 0;
	return rc;
}

void wattle_sampler_stop(struct wattle_sampler *s, struct wattle_sums *ret)
{
	if (s->running) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		(void) wattle_thread_join(s->thread, WAIT_MS);
		s->running = false;
	}
	pthread_mutex_lock(&s->lock);
	*ret = s->sums;
	pthread_mutex_unlock(&s->lock);
}
