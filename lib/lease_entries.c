/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lease_private.h"

struct wattle_lease_job *lease_job_find(const struct wattle_book *book, uint32_t job_id)
{
	for (uint32_t i = 0; i < book->n_jobs; i++)
		if (book->job[i].job_id == job_id)
			return &book->job[i];
	return NULL;
}

int lease_job_add(struct wattle_book *book, const struct wattle_lease_job *job, struct wattle_err *err)
{
	if (book->n_jobs >= book->room_jobs)
		return wattle_err_set(err, ENOBUFS, "the lease book is full: %u jobs on this node", (unsigned) book->room_jobs);
	book->job[book->n_jobs++] = *job;
	return 0;
}

static bool same_proc(const struct wattle_proc *a, const struct wattle_proc *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks;
}

static void drop_step(struct wattle_book *book, uint32_t i)
{
	book->n_steps--;
	memmove(&book->step[i], &book->step[i + 1], (book->n_steps - i) * sizeof(book->step[0]));
}

static void drop_job(struct wattle_book *book, uint32_t i)
{
	book->n_jobs--;
	memmove(&book->job[i], &book->job[i + 1], (book->n_jobs - i) * sizeof(book->job[0]));
}

bool lease_job_remove(struct wattle_book *book, uint32_t job_id)
{
	for (uint32_t i = book->n_steps; i-- > 0;)
		if (book->step[i].job_id == job_id)
			drop_step(book, i);
	for (uint32_t i = 0; i < book->n_jobs; i++)
		if (book->job[i].job_id == job_id) {
			drop_job(book, i);
			return true;
		}
	return false;
}

/* The holder is part of a step's name: after a requeue the same step comes again while its old slurmstepd may still be ending. */
static bool is_step(const struct wattle_lease_step *step, uint32_t job_id, uint32_t step_id, const struct wattle_proc *holder)
{
	return step->job_id == job_id && step->step_id == step_id && same_proc(&step->holder, holder);
}

struct wattle_lease_step *lease_step_find(const struct wattle_book *book, uint32_t job_id, uint32_t step_id,
					  const struct wattle_proc *holder)
{
	for (uint32_t i = 0; i < book->n_steps; i++)
		if (is_step(&book->step[i], job_id, step_id, holder))
			return &book->step[i];
	return NULL;
}

int lease_step_add(struct wattle_book *book, const struct wattle_lease_step *step, struct wattle_err *err)
{
	if (book->n_steps >= book->room_steps)
		return wattle_err_set(err, ENOBUFS, "the lease book is full: %u steps on this node", (unsigned) book->room_steps);
	book->step[book->n_steps++] = *step;
	return 0;
}

bool lease_user_has_room(const struct wattle_book *book, uid_t uid)
{
	uint32_t n = 0;

	if (book->n_steps < WATTLE_STEPS_USER_MAX)
		return true;
	for (uint32_t i = 0; i < book->n_steps; i++) {
		const struct wattle_lease_job *job = lease_job_find(book, book->step[i].job_id);

		n += job && job->uid == uid;
	}
	return n < WATTLE_STEPS_USER_MAX;
}

bool lease_step_remove(struct wattle_book *book, uint32_t job_id, uint32_t step_id, const struct wattle_proc *holder)
{
	for (uint32_t i = 0; i < book->n_steps; i++)
		if (is_step(&book->step[i], job_id, step_id, holder)) {
			drop_step(book, i);
			return true;
		}
	return false;
}

bool lease_job_has_steps(const struct wattle_book *book, uint32_t job_id)
{
	for (uint32_t i = 0; i < book->n_steps; i++)
		if (book->step[i].job_id == job_id)
			return true;
	return false;
}

struct wattle_lease_pod *lease_pod_find(const struct wattle_book *book, const char *uid)
{
	for (uint32_t i = 0; i < book->n_pods; i++)
		if (strcmp(book->pod[i].uid, uid) == 0)
			return &book->pod[i];
	return NULL;
}

int lease_pod_add(struct wattle_book *book, const struct wattle_lease_pod *pod, struct wattle_err *err)
{
	if (book->n_pods >= book->room_pods)
		return wattle_err_set(err, ENOBUFS, "the lease book is full: %u pods on this node", (unsigned) book->room_pods);
	book->pod[book->n_pods++] = *pod;
	return 0;
}

bool lease_pod_named(const char *uid, const char *name)
{
	const char *slash = strchr(name, '/');
	size_t len = strnlen(name, WATTLE_POD_NAME_MAX);

	return strnlen(uid, WATTLE_POD_UID_MAX) == WATTLE_POD_UID_MAX - 1 && strspn(uid, "0123456789abcdef-") == WATTLE_POD_UID_MAX - 1 &&
	       len < WATTLE_POD_NAME_MAX && slash && slash != name && slash[1] &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-./")] == '\0' && !strchr(slash + 1, '/');
}

static const char *why_no_pod(const struct wattle_lease_pod *pod, uint64_t now_ns)
{
	const uint64_t most_ns = (uint64_t) WATTLE_PENDING_MAX_S * 1000000000u;

	if (pod->holder.pid != 0)
		return wattle_proc_alive(&pod->holder) ? NULL : "its sandbox is gone";
	if ((pod->since_ns > now_ns || now_ns - pod->since_ns > most_ns) && !wattle_proc_alive(&pod->keeper))
		return "it never began here, and the agent that knew of it is gone";
	return NULL;
}

static void sweep_pods(struct lease *lease)
{
	struct wattle_book *book = lease->book;

	for (uint32_t i = book->n_pods; i-- > 0;) {
		const char *why = why_no_pod(&book->pod[i], lease->now_ns);

		if (!why)
			continue;
		lease_event(lease->outcome, WATTLE_EVENT_SWEPT, 0, 0, "node %s: pod %.150s: %s: its lease is swept", lease->node->host,
			    book->pod[i].name, why);
		book->n_pods--;
		memmove(&book->pod[i], &book->pod[i + 1], (book->n_pods - i) * sizeof(book->pod[0]));
		lease->dirty = true;
	}
}

/* Between the prolog and the first slurmstepd nobody holds the entry but the hope that one comes. NULL: it may still. */
static const char *why_not_pending(const struct wattle_lease_job *job, uint64_t now_ns)
{
	const uint64_t most_ns = (uint64_t) WATTLE_PENDING_MAX_S * 1000000000u;

	/* A time to come is nobody's: the clock runs since boot, and the book is of this boot. */
	if (job->since_ns > now_ns || now_ns - job->since_ns > most_ns)
		return "no step came after its prolog";
	if (job->parent.pid != 0 && !wattle_proc_alive(&job->parent))
		return "who started it died before its first step";
	return NULL;
}

void lease_entries_sweep(struct lease *lease)
{
	struct wattle_book *book = lease->book;
	const char *host = lease->node->host;

	for (uint32_t i = book->n_steps; i-- > 0;) {
		const struct wattle_lease_step *step = &book->step[i];

		if (wattle_proc_alive(&step->holder))
			continue;
		lease_event(lease->outcome, WATTLE_EVENT_SWEPT, step->job_id, step->step_id,
			    "node %s: process %d, which held a step of job %u, is gone without giving it back: swept", host,
			    (int) step->holder.pid, (unsigned) step->job_id);
		drop_step(book, i);
		lease->dirty = true;
	}
	for (uint32_t i = book->n_jobs; i-- > 0;) {
		const struct wattle_lease_job *job = &book->job[i];
		const char *why = "its last holder is gone";

		if (lease_job_has_steps(book, job->job_id))
			continue;
		if (job->pending)
			why = why_not_pending(job, lease->now_ns);
		if (!why)
			continue;
		lease_event(lease->outcome, WATTLE_EVENT_SWEPT, job->job_id, 0, "node %s: job %u: %s: its lease is swept", host,
			    (unsigned) job->job_id, why);
		drop_job(book, i);
		lease->dirty = true;
	}
	if (!lease->pods_told)
		sweep_pods(lease);
}
