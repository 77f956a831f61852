/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "podset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sorted by UID: where it is, or where it would be. */
static size_t place_of(const struct wattle_podset *set, const char *uid, bool *ret_there)
{
	size_t low = 0, high = set->n;

	*ret_there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(set->pod[middle]->pod.uid, uid);

		if (order == 0)
			*ret_there = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct wattle_pod_state *wattle_podset_find(const struct wattle_podset *set, const char *uid)
{
	bool there;
	size_t i = place_of(set, uid, &there);

	return there ? set->pod[i] : NULL;
}

static size_t count_with_watts(const struct wattle_podset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		n += set->pod[i]->pod.allocated_w != 0;
	return n;
}

static int insert(struct wattle_podset *set, size_t at, const struct wattle_pod *pod)
{
	size_t with = count_with_watts(set);
	struct wattle_pod_state *state;

	if ((pod->allocated_w ? with : set->n - with) >= WATTLE_PODS_MAX) {
		set->refused++;
		return -ENOBUFS;
	}
	if (set->n == set->room) {
		size_t room = set->room ? set->room * 2 : 32;
		struct wattle_pod_state **more = realloc(set->pod, room * sizeof(struct wattle_pod_state *));

		if (!more)
			return -ENOMEM;
		set->pod = more;
		set->room = room;
	}
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->pod = *pod;
	memmove(&set->pod[at + 1], &set->pod[at], (set->n - at) * sizeof(struct wattle_pod_state *));
	set->pod[at] = state;
	set->n++;
	return 0;
}

int wattle_podset_has(struct wattle_podset *set, const struct wattle_pod *pod, struct wattle_pod_state **ret)
{
	bool there;
	size_t at = place_of(set, pod->uid, &there);
	int rc = 0;

	if (ret)
		*ret = NULL;
	if (there) {
		set->pod[at]->pod = *pod;
		set->pod[at]->gone = set->pod[at]->adopted = false;
	} else if (pod->allocated_w || pod->job[0]) {
		rc = insert(set, at, pod);
	} else {
		return 0;
	}
	if (ret && rc == 0)
		*ret = set->pod[at];
	return rc;
}

int wattle_podset_adopt(struct wattle_podset *set, const struct wattle_lease_pod *lease)
{
	struct wattle_pod pod = { .allocated_w = lease->watts_w, .phase = WATTLE_POD_UNKNOWN, .bound = true };
	struct wattle_pod_state *state = NULL;
	int rc;

	memcpy(pod.uid, lease->uid, sizeof(pod.uid));
	memcpy(pod.name, lease->name, sizeof(pod.name));
	if (wattle_podset_find(set, pod.uid))
		return 0;
	rc = wattle_podset_has(set, &pod, &state);
	if (rc < 0 || !state)
		return rc;
	state->adopted = true;
	state->seen = lease->holder.pid != 0;
	return 0;
}

void wattle_podset_synced(struct wattle_podset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		set->pod[i]->gone = set->pod[i]->gone || set->pod[i]->adopted;
		set->pod[i]->adopted = false;
	}
}

void wattle_podset_gone(struct wattle_podset *set, const char *uid)
{
	struct wattle_pod_state *state = wattle_podset_find(set, uid);

	if (state)
		state->gone = true;
}

/* --- processes -------------------------------------------------------------------- */

void wattle_podset_scan_begin(struct wattle_podset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		set->pod[i]->n_containers = 0;
		set->pod[i]->n_procs = 0;
	}
}

static bool older(const struct wattle_proc *a, const struct wattle_proc *b)
{
	return a->start_ticks != b->start_ticks ? a->start_ticks < b->start_ticks : a->pid < b->pid;
}

void wattle_podset_saw(struct wattle_podset *set, const char *uid, const char *container, const struct wattle_proc *proc)
{
	struct wattle_pod_state *state = wattle_podset_find(set, uid);
	struct wattle_pod_container *at = NULL;

	if (!state)
		return;
	state->n_procs++;
	for (uint32_t i = 0; i < state->n_containers && !at; i++)
		if (strcmp(state->container[i].id, container) == 0)
			at = &state->container[i];
	if (!at && state->n_containers == WATTLE_POD_CONTAINERS_MAX)
		return;
	if (!at) {
		at = &state->container[state->n_containers++];
		memset(at, 0, sizeof(*at));
		snprintf(at->id, sizeof(at->id), "%s", container);
	}
	if (at->n_procs++ == 0 || older(proc, &at->oldest))
		at->oldest = *proc;
}

static bool is_container(const struct wattle_pod *pod, const char *id)
{
	for (uint32_t i = 0; i < pod->n_ids; i++)
		if (strcmp(pod->id[i], id) == 0)
			return true;
	return id[0] == '\0';
}

/* It is made first, is one process, and the API server, which knows of containers, has none of its id. What can't be told apart is no sandbox: then the lease
 * stays a little longer. */
static const struct wattle_pod_container *sandbox_of(const struct wattle_pod_state *state)
{
	const struct wattle_pod_container *first = NULL;

	for (uint32_t i = 0; i < state->n_containers; i++)
		if (!first || older(&state->container[i].oldest, &first->oldest))
			first = &state->container[i];
	/* of a pod that we know with its sandbox that one stays it */
	for (uint32_t i = 0; i < state->n_containers; i++)
		if (state->sandbox.pid && state->container[i].oldest.pid == state->sandbox.pid &&
		    state->container[i].oldest.start_ticks == state->sandbox.start_ticks)
			return &state->container[i];
	if (!first || first->n_procs != 1 || is_container(&state->pod, first->id))
		return NULL;
	return state->n_containers > 1 || state->pod.n_ids > 0 ? first : NULL;
}

void wattle_podset_scan_end(struct wattle_podset *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct wattle_pod_state *state = set->pod[i];
		const struct wattle_pod_container *sandbox = sandbox_of(state);

		state->sandbox = sandbox ? sandbox->oldest : (struct wattle_proc){ 0, 0 };
		if (sandbox)
			state->n_procs -= sandbox->n_procs;
		state->seen = state->seen || state->n_procs > 0;
	}
}

/* --- who holds a lease --------------------------------------------------------------- */

static bool is_over(const struct wattle_podset *set, const struct wattle_pod_state *state)
{
	const struct wattle_pod *pod = &state->pod;

	if (state->n_procs > 0)
		return false;
	if (state->gone || pod->phase == WATTLE_POD_SUCCEEDED || pod->phase == WATTLE_POD_FAILED || pod->ends)
		return true;
	if (!state->seen)
		return false; /* to come */
	/* Its kubelet begins nothing of a pod that is being deleted; and without the API server nothing says that it will begin again. */
	return pod->deleting || (set->silent && state->sandbox.pid == 0);
}

size_t wattle_podset_judge(struct wattle_podset *set)
{
	size_t changed = 0;

	for (size_t i = 0; i < set->n; i++) {
		bool over = is_over(set, set->pod[i]);

		changed += over != set->pod[i]->over;
		set->pod[i]->over = over;
	}
	return changed;
}

bool wattle_pod_leased(const struct wattle_pod_state *state)
{
	return !state->over && state->pod.allocated_w && (state->pod.bound || state->n_procs > 0);
}

/* Without a sandbox its oldest process: whoever sweeps the book in our absence can tell that it lives. */
static struct wattle_proc holder_of(const struct wattle_pod_state *state)
{
	struct wattle_proc holder = state->sandbox;

	for (uint32_t i = 0; i < state->n_containers && state->sandbox.pid == 0; i++)
		if (holder.pid == 0 || older(&state->container[i].oldest, &holder))
			holder = state->container[i].oldest;
	return holder;
}

uint32_t wattle_podset_leases(const struct wattle_podset *set, const struct wattle_proc *keeper, struct wattle_lease_pod *ret)
{
	uint32_t n = 0;

	for (size_t i = 0; i < set->n && n < WATTLE_PODS_MAX; i++) {
		const struct wattle_pod_state *state = set->pod[i];

		if (!wattle_pod_leased(state))
			continue;
		ret[n] = (struct wattle_lease_pod){ .watts_w = wattle_pod_watts(&state->pod), .holder = holder_of(state), .keeper = *keeper };
		memcpy(ret[n].uid, state->pod.uid, sizeof(ret[n].uid));
		memcpy(ret[n].name, state->pod.name, sizeof(ret[n].name));
		n++;
	}
	return n;
}

void wattle_podset_forget(struct wattle_podset *set, void (*drop)(struct wattle_pod_state *state, void *arg), void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct wattle_pod_state *state = set->pod[i];

		if (!state->gone || !state->over) {
			set->pod[kept++] = state;
			continue;
		}
		if (drop)
			drop(state, arg);
		free(state);
	}
	set->n = kept;
}

void wattle_podset_free(struct wattle_podset *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->pod[i]);
	free(set->pod);
	memset(set, 0, sizeof(*set));
}
