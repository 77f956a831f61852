/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "leftover.h"

static const struct timeval poll_every = { 0, 50000 };

static void on_pidfd(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_watches *watches = arg;

	(void) fd;
	(void) what;
	watches->ended(watches->arg);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_watches *watches = arg;

	(void) fd;
	(void) what;
	for (size_t i = 0; i < watches->n; i++)
		if (watches->watch[i]->pidfd < 0 && !wattle_proc_alive(&watches->watch[i]->proc)) {
			watches->ended(watches->arg);
			return;
		}
}

static void watch_free(struct wattle_watch *watch)
{
	if (watch->event)
		event_free(watch->event);
	if (watch->pidfd >= 0)
		close(watch->pidfd);
	free(watch);
}

static struct wattle_watch *find(const struct wattle_watches *watches, const struct wattle_proc *proc, uint32_t job_id)
{
	for (size_t i = 0; i < watches->n; i++)
		if (watches->watch[i]->proc.pid == proc->pid && watches->watch[i]->proc.start_ticks == proc->start_ticks &&
		    watches->watch[i]->job_id == job_id)
			return watches->watch[i];
	return NULL;
}

int wattle_watches_add(struct wattle_watches *watches, const struct wattle_proc *proc, uint32_t job_id)
{
	struct wattle_watch *watch = find(watches, proc, job_id);

	if (watch) {
		watch->kept = true;
		return 0;
	}
	if (watches->n == watches->room) {
		size_t room = watches->room ? watches->room * 2 : 64;
		struct wattle_watch **more = realloc(watches->watch, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		watches->watch = more;
		watches->room = room;
	}
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	watch->proc = *proc;
	watch->job_id = job_id;
	watch->kept = true;
	watch->pidfd = (int) syscall(SYS_pidfd_open, proc->pid, 0);
	/* the descriptor may be another's who got the pid: only now does the start time tell */
	if (!wattle_proc_alive(proc)) {
		watch_free(watch);
		return 1;
	}
	if (job_id)
		wattle_job_cgroup(proc->pid, job_id, watch->cgroup, sizeof(watch->cgroup));
	if (watch->pidfd >= 0)
		watch->event = event_new(watches->base, watch->pidfd, EV_READ, on_pidfd, watches);
	if (watch->pidfd >= 0 && (!watch->event || event_add(watch->event, NULL) < 0)) {
		watch_free(watch);
		return -ENOMEM;
	}
	watches->watch[watches->n++] = watch;
	return 0;
}

static void poll_if_needed(struct wattle_watches *watches)
{
	bool needed = false;

	for (size_t i = 0; i < watches->n && !needed; i++)
		needed = watches->watch[i]->pidfd < 0;
	if (needed == watches->polls)
		return;
	if (!watches->poll)
		watches->poll = event_new(watches->base, -1, EV_PERSIST, on_poll, watches);
	if (!watches->poll)
		return;
	if (needed)
		event_add(watches->poll, &poll_every);
	else
		event_del(watches->poll);
	watches->polls = needed;
}

void wattle_watches_begin(struct wattle_watches *watches)
{
	for (size_t i = 0; i < watches->n; i++)
		watches->watch[i]->kept = false;
}

void wattle_watches_end(struct wattle_watches *watches)
{
	size_t kept = 0;

	for (size_t i = 0; i < watches->n; i++)
		if (watches->watch[i]->kept)
			watches->watch[kept++] = watches->watch[i];
		else
			watch_free(watches->watch[i]);
	watches->n = kept;
	poll_if_needed(watches);
}

int wattle_watches_set(struct wattle_watches *watches, const struct wattle_book *book)
{
	int dead = 0, error = 0, rc;

	wattle_watches_begin(watches);
	for (uint32_t i = 0; book && i < book->n_steps; i++) {
		rc = wattle_watches_add(watches, &book->step[i].holder, book->step[i].job_id);
		dead += rc > 0;
		error = rc < 0 ? rc : error;
	}
	for (uint32_t i = 0; book && i < book->n_jobs; i++) {
		if (!book->job[i].pending || book->job[i].parent.pid <= 0)
			continue;
		rc = wattle_watches_add(watches, &book->job[i].parent, book->job[i].job_id);
		dead += rc > 0;
		error = rc < 0 ? rc : error;
	}
	wattle_watches_end(watches);
	return error < 0 ? error : dead;
}

void wattle_watches_free(struct wattle_watches *watches)
{
	for (size_t i = 0; i < watches->n; i++)
		watch_free(watches->watch[i]);
	free(watches->watch);
	if (watches->poll)
		event_free(watches->poll);
	memset(watches, 0, sizeof(*watches));
}
