/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_WATCH_H
#define WATTLE_WATCH_H

/* The processes that hold leases, each watched through a pidfd: the kernel says within microseconds that one has ended, and never
 * of another that got its pid. On kernels without pidfds (before 5.3) they are looked at 20 times a second. */

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "lease.h"

struct wattle_watch {
	struct wattle_proc proc;
	uint32_t job_id;
	bool kept;          /* still in the book, as of the last wattle_watches_set */
	int pidfd;          /* -1: looked at by time */
	struct event *event;
	char cgroup[512];   /* of the job; empty: it has none of its own */
};

struct wattle_watches {
	struct event_base *base;
	void (*ended)(void *arg);  /* some process has ended */
	void *arg;
	size_t n, room;
	struct wattle_watch **watch;
	struct event *poll;        /* runs while some watch has no pidfd */
	bool polls;
};

/* Makes the set of watches what is added between begin and end. add: 0, 1 (it is dead already: not watched) or -errno. job_id 0: of no job. */
void wattle_watches_begin(struct wattle_watches *watches);
int wattle_watches_add(struct wattle_watches *watches, const struct wattle_proc *proc, uint32_t job_id);
void wattle_watches_end(struct wattle_watches *watches);
/* Makes the set of watches what the book says of jobs. Returns how many of the processes are already dead, or -errno (then the set may lack some). */
int wattle_watches_set(struct wattle_watches *watches, const struct wattle_book *book);
void wattle_watches_free(struct wattle_watches *watches);

#endif
