/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SAMPLER_H
#define WATTLE_SAMPLER_H

/* The step's meter: one thread per slurmstepd that reads the energy counters once a second. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lease.h"
#include "meter.h"

struct wattle_sums {
	struct wattle_meter meter;
	bool metered;          /* counters were read at least twice: there are sums */
	uint32_t effective_w;  /* node watts in force when last looked; 0: no cap */
};

struct wattle_sampler {
	const struct wattle_node *node;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;    /* guards stop and sums */
	pthread_cond_t wake;     /* on CLOCK_MONOTONIC */
	bool stop;
	struct wattle_sums sums; /* as of the last sample */
	pthread_mutex_t reading; /* held while files are open */
	bool fork_waits;         /* the forking thread holds `reading` */
	struct timespec book_seen;
};

/* Starts the thread, which takes the first sample at once; later ones follow the cap as the book changes. 0 or -errno:
 * nothing is metered then. */
int wattle_sampler_start(struct wattle_sampler *sampler, const struct wattle_node *node, uint32_t effective_w);

/* Ends the thread, which takes a last sample, and gives the sums. A thread stuck in a read is left behind after a second: the
 * sums are then those of the sample before. */
void wattle_sampler_stop(struct wattle_sampler *sampler, struct wattle_sums *ret);

/* For pthread_atfork: libpowercap opens counters without O_CLOEXEC, and a user's task must not inherit one (what a core
 * draws gives away what it computes). A fork waits until none is open, at most a second. */
void wattle_sampler_before_fork(struct wattle_sampler *sampler);
void wattle_sampler_after_fork(struct wattle_sampler *sampler);

#endif
