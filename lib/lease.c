/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "faultpoint.h"
#include "lease_private.h"

void lease_event(struct wattle_outcome *outcome, enum wattle_event_kind kind, uint32_t job_id, uint32_t step_id,
		 const char *format, ...)
{
	struct wattle_event *event;
	va_list args;

	if (outcome->n_events >= WATTLE_EVENTS_MAX) {
		outcome->n_events_lost++;
		return;
	}
	event = &outcome->event[outcome->n_events++];
	event->kind = kind;
	event->job_id = job_id;
	event->step_id = step_id;
	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
	va_end(args);
}

/* What one call changes in the book, and all that it may know of the call. */
struct change {
	int (*make)(struct lease *lease, const struct change *change, struct wattle_err *err);
	uint32_t job_id, step_id, watts_w;
	uid_t uid;
	const struct wattle_proc *proc;
	const struct wattle_lease_pod *pods; /* of wattle_lease_pods_set */
	uint32_t n_pods;
};

static int check_node(const struct wattle_node *node, struct wattle_err *err)
{
	if (!node->run_dir || node->run_dir[0] != '/' || !node->host)
		return wattle_err_set(err, EINVAL, "the lease book's folder must be an absolute path, and the node have a name");
	if (node->base_w >= node->min_w || node->min_w > node->max_w)
		return wattle_err_set(err, EINVAL, "node %s: its class says base_w %u, min_w %u, max_w %u: base_w < min_w <= max_w is needed",
				      node->host, (unsigned) node->base_w, (unsigned) node->min_w, (unsigned) node->max_w);
	return 0;
}

static void mark_shared(struct lease *lease)
{
	struct wattle_book *book = lease->book;

	if (book->n_jobs + book->n_pods < 2)
		return;
	for (uint32_t i = 0; i < book->n_jobs; i++) {
		lease->dirty |= !book->job[i].shared;
		book->job[i].shared = true;
	}
	for (uint32_t i = 0; i < book->n_pods; i++) {
		lease->dirty |= !book->pod[i].shared;
		book->pod[i].shared = true;
	}
}

static void tell_of_job(const struct lease *lease, uint32_t job_id, struct wattle_outcome *ret)
{
	const struct wattle_lease_job *job = lease_job_find(lease->book, job_id);

	if (!job)
		return;
	ret->job_w = lease_job_watts(lease->book, job);
	ret->grant_w = job->grant_w;
	ret->job_shared = job->shared;
	ret->cap_failed = job->cap_failed;
	memcpy(ret->cap_failure, job->cap_failure, sizeof(ret->cap_failure));
}

/* What stays said when a job's entry could not be made or kept. */
static void tell_of_failure(struct wattle_outcome *ret)
{
	for (uint32_t i = 0; i < ret->n_events && !ret->cap_failed; i++)
		if (ret->event[i].kind == WATTLE_EVENT_CAP_FAILED) {
			ret->cap_failed = true;
			memcpy(ret->cap_failure, ret->event[i].text, sizeof(ret->cap_failure));
		}
}

/* The one flow of all calls, with the book locked. */
static int transact_locked(struct lease *lease, const struct change *change, struct wattle_err *err)
{
	struct wattle_err later = WATTLE_ERR_INIT;
	int rc, applied;

	/* Not before: who waits for the lock must not think entries made meanwhile to be of the future. */
	lease->now_ns = wattle_boottime_ns();
	wattle_fault_point("lease.locked");
	rc = lease_store_load(lease, err);
	if (rc < 0)
		return rc;
	lease->outcome->before_w = lease_effective_watts(lease->book, lease->node);
	lease_entries_sweep(lease);
	tell_of_job(lease, change->job_id, lease->outcome);
	if (change->make)
		rc = change->make(lease, change, err);
	mark_shared(lease);
	wattle_fault_point("lease.changed");
	/* A change that was refused keeps nobody from finishing what others left undone. */
	applied = lease_apply(lease, rc < 0 ? &later : err);
	tell_of_job(lease, change->job_id, lease->outcome);
	tell_of_failure(lease->outcome);
	return rc < 0 ? rc : applied;
}

static int transact(const struct wattle_node *node, const struct change *change, struct wattle_outcome *ret, struct wattle_err *err)
{
	struct lease lease = { .node = node, .dirfd = -1, .outcome = ret, .more_pods = change->n_pods, .pods_told = change->pods != NULL };
	struct wattle_err own = WATTLE_ERR_INIT;
	int rc;

	if (!err)
		err = &own;
	memset(ret, 0, sizeof(*ret));
	rc = check_node(node, err);
	if (rc == 0)
		rc = lease_store_open(&lease, true, true, err);
	if (rc == 0)
		rc = transact_locked(&lease, change, err);
	lease_store_close(&lease);
	if (rc < 0)
		wattle_err_wrap(err, "node %s", node->host);
	return rc;
}

/* Steps of an earlier run whose slurmstepd still lives stay until it ends: they are holders. */
static int make_job_begin(struct lease *lease, const struct change *change, struct wattle_err *err)
{
	struct wattle_lease_job *job = lease_job_find(lease->book, change->job_id);
	struct wattle_lease_job entry = { .job_id = change->job_id, .uid = change->uid, .grant_w = change->watts_w, .pending = true,
					  .since_ns = lease->now_ns };

	if (change->watts_w == 0)
		return wattle_err_set(err, EINVAL, "job %u: a grant of 0 W", (unsigned) change->job_id);
	if (change->proc)
		entry.parent = *change->proc;
	lease->dirty = true;
	if (!job)
		return lease_job_add(lease->book, &entry, err);
	*job = entry;
	return 0;
}

static int make_step_begin(struct lease *lease, const struct change *change, struct wattle_err *err)
{
	struct wattle_lease_job *job = lease_job_find(lease->book, change->job_id);
	struct wattle_lease_step *step, entry = { .job_id = change->job_id, .step_id = change->step_id, .ask_w = change->watts_w,
						  .holder = *change->proc };

	if (!job)
		return wattle_err_set(err, ENOENT, "job %u has no lease here: no prolog with a grant ran for it, or its lease was swept",
				      (unsigned) change->job_id);
	step = lease_step_find(lease->book, change->job_id, change->step_id, change->proc);
	if (!step && !lease_user_has_room(lease->book, job->uid))
		return wattle_err_set(err, ENOBUFS, "jobs of uid %u have %d steps on this node: no more of one user's are taken",
				      (unsigned) job->uid, WATTLE_STEPS_USER_MAX);
	if (change->watts_w > job->grant_w)
		lease_event(lease->outcome, WATTLE_EVENT_ASK_ABOVE, change->job_id, change->step_id,
			    "wattle: %u W asked for, %u W granted to job %u: the step runs at %u W", (unsigned) change->watts_w,
			    (unsigned) job->grant_w, (unsigned) change->job_id, (unsigned) job->grant_w);
	lease->dirty = true;
	lease->light = true;
	job->pending = false;
	if (!step)
		return lease_step_add(lease->book, &entry, err);
	step->ask_w = change->watts_w;
	return 0;
}

static int make_step_end(struct lease *lease, const struct change *change, struct wattle_err *err)
{
	const struct wattle_lease_job *job = lease_job_find(lease->book, change->job_id);

	(void) err;
	lease->light = true;
	if (lease_step_remove(lease->book, change->job_id, change->step_id, change->proc))
		lease->dirty = true;
	if (job && !job->pending && !lease_job_has_steps(lease->book, change->job_id))
		lease->dirty |= lease_job_remove(lease->book, change->job_id);
	return 0;
}

static int make_job_end(struct lease *lease, const struct change *change, struct wattle_err *err)
{
	(void) err;
	if (lease_job_remove(lease->book, change->job_id))
		lease->dirty = true;
	return 0;
}

static int check_pods(const struct change *change, struct wattle_err *err)
{
	char shown[64];

	if (change->n_pods > WATTLE_PODS_MAX)
		return wattle_err_set(err, ENOBUFS, "%u pods with watts on this node, the lease book holds %u", (unsigned) change->n_pods,
				      WATTLE_PODS_MAX);
	for (uint32_t i = 0; i < change->n_pods; i++) {
		const struct wattle_lease_pod *pod = &change->pods[i];

		if (!lease_pod_named(pod->uid, pod->name))
			return wattle_err_set(err, EINVAL, "no pod's name or uid: %s", wattle_err_quote(shown, sizeof(shown), pod->name));
		if (pod->watts_w == 0)
			return wattle_err_set(err, EINVAL, "pod %.150s: 0 W", pod->name);
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(change->pods[j].uid, pod->uid) == 0)
				return wattle_err_set(err, EINVAL, "pod %.150s is there twice", pod->name);
	}
	return 0;
}

/* What the book remembers of a pod that stays. */
static void keep_pod(const struct wattle_lease_pod *old, struct wattle_lease_pod *entry)
{
	entry->since_ns = old->since_ns;
	entry->shared = old->shared;
	entry->cap_failed = old->cap_failed;
	memcpy(entry->cap_failure, old->cap_failure, sizeof(entry->cap_failure));
}

static bool same_pod(const struct wattle_lease_pod *a, const struct wattle_lease_pod *b)
{
	return strcmp(a->uid, b->uid) == 0 && strcmp(a->name, b->name) == 0 && a->watts_w == b->watts_w && a->holder.pid == b->holder.pid &&
	       a->holder.start_ticks == b->holder.start_ticks && a->keeper.pid == b->keeper.pid &&
	       a->keeper.start_ticks == b->keeper.start_ticks;
}

static int make_pods_set(struct lease *lease, const struct change *change, struct wattle_err *err)
{
	struct wattle_book *book = lease->book;
	cleanup_free struct wattle_lease_pod *fresh = NULL;
	int rc = check_pods(change, err);

	if (rc < 0)
		return rc;
	fresh = calloc(change->n_pods + 1, sizeof(*fresh));
	if (!fresh)
		return wattle_err_set(err, ENOMEM, "out of memory for the lease book");
	for (uint32_t i = 0; i < change->n_pods; i++) {
		const struct wattle_lease_pod *pod = &change->pods[i], *old = lease_pod_find(book, pod->uid);

		fresh[i] = (struct wattle_lease_pod) { .watts_w = pod->watts_w, .holder = pod->holder, .keeper = pod->keeper,
						       .since_ns = lease->now_ns };
		memcpy(fresh[i].uid, pod->uid, sizeof(fresh[i].uid));
		memcpy(fresh[i].name, pod->name, sizeof(fresh[i].name));
		if (old)
			keep_pod(old, &fresh[i]);
	}
	lease->dirty |= change->n_pods != book->n_pods;
	for (uint32_t i = 0; i < change->n_pods && !lease->dirty; i++)
		lease->dirty = !same_pod(&book->pod[i], &fresh[i]);
	book->n_pods = change->n_pods;
	memcpy(book->pod, fresh, change->n_pods * sizeof(*fresh));
	return 0;
}

int wattle_lease_job_begin(const struct wattle_node *node, uint32_t job_id, uid_t uid, uint32_t grant_w,
			   const struct wattle_proc *parent, struct wattle_outcome *ret, struct wattle_err *err)
{
	const struct change change = { .make = make_job_begin, .job_id = job_id, .uid = uid, .watts_w = grant_w, .proc = parent };

	return transact(node, &change, ret, err);
}

int wattle_lease_step_begin(const struct wattle_node *node, uint32_t job_id, uint32_t step_id, uint32_t ask_w,
			    const struct wattle_proc *holder, struct wattle_outcome *ret, struct wattle_err *err)
{
	const struct change change = { .make = make_step_begin, .job_id = job_id, .step_id = step_id, .watts_w = ask_w, .proc = holder };

	return transact(node, &change, ret, err);
}

int wattle_lease_step_end(const struct wattle_node *node, uint32_t job_id, uint32_t step_id,
			  const struct wattle_proc *holder, struct wattle_outcome *ret, struct wattle_err *err)
{
	const struct change change = { .make = make_step_end, .job_id = job_id, .step_id = step_id, .proc = holder };

	return transact(node, &change, ret, err);
}

int wattle_lease_job_end(const struct wattle_node *node, uint32_t job_id, struct wattle_outcome *ret, struct wattle_err *err)
{
	const struct change change = { .make = make_job_end, .job_id = job_id };

	return transact(node, &change, ret, err);
}

int wattle_lease_sweep(const struct wattle_node *node, struct wattle_outcome *ret, struct wattle_err *err)
{
	const struct change change = { 0 };

	return transact(node, &change, ret, err);
}

int wattle_lease_pods_set(const struct wattle_node *node, const struct wattle_lease_pod *pods, uint32_t n, struct wattle_outcome *ret,
			  struct wattle_err *err)
{
	static const struct wattle_lease_pod none;
	const struct change change = { .make = make_pods_set, .pods = n ? pods : &none, .n_pods = n };

	return transact(node, &change, ret, err);
}

int wattle_lease_read(const struct wattle_node *node, struct wattle_book **ret, struct wattle_err *err)
{
	struct wattle_outcome unused;
	struct lease lease = { .node = node, .dirfd = -1, .outcome = &unused };
	int rc = lease_store_open(&lease, false, false, err);

	/* Never a job here: nothing to show, and not for a reader to make. */
	if (rc == 0 || rc == -ENOENT)
		rc = lease_store_peek(&lease, ret, err);
	lease_store_close(&lease);
	return rc;
}
