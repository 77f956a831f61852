/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PODSET_H
#define WATTLE_PODSET_H

/* The pods of a node: what the API server tells of them beside what runs of them here, and so which of them hold leases.
 *
 * A pod holds its lease from when it was given to this node, before any process of it, until nothing of it runs and nothing of it can begin any
 * more. Processes are believed before the API server: of a pod that is said to be over, or gone, and that still computes, the lease stays; and of
 * one that can't begin again it goes with its last process, a second or two before anybody has told.
 * The sandbox ("pause") of a pod outlives its containers and computes nothing: it does not count, but holds the pod's entry in the book.
 *
 * Bounded: WATTLE_PODS_MAX pods with watts, as many without that belong to MPIJobs; of more the rest is not taken, which is told. No I/O; one thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lease.h"
#include "pod.h"

#define WATTLE_PODSET_MAX (2 * WATTLE_PODS_MAX)

struct wattle_pod_container {
	char id[WATTLE_CONTAINER_ID_MAX];
	struct wattle_proc oldest;
	uint32_t n_procs;
};

struct wattle_pod_state {
	struct wattle_pod pod;
	bool gone;                 /* the API server has it no more */
	bool seen;                 /* something of it besides its sandbox ran at some time */
	bool over;                 /* holds no lease any more */
	bool adopted;              /* known from the book alone */
	struct wattle_proc sandbox; /* pid 0: none */
	uint32_t n_procs;          /* besides the sandbox */
	uint32_t n_containers;     /* besides the sandbox */
	struct wattle_pod_container container[WATTLE_POD_CONTAINERS_MAX]; /* with processes, the sandbox too */
	void *own;                 /* of whoever uses the set; freed by them before the state goes */
};

struct wattle_podset {
	size_t n, room;
	struct wattle_pod_state **pod;
	bool silent;               /* the API server can't be asked */
	uint64_t refused;          /* pods for which there was no room */
};

/* A pod is there, in this state; of pods that have neither watts nor a job nothing is kept. *ret, unless NULL: its state, NULL if none is kept.
 * 0, or -ENOBUFS, -ENOMEM: not taken. */
int wattle_podset_has(struct wattle_podset *set, const struct wattle_pod *pod, struct wattle_pod_state **ret);
/* Of an earlier agent's: from the book, until the API server has told of all that there are (wattle_podset_synced); what it has not told of is gone. */
int wattle_podset_adopt(struct wattle_podset *set, const struct wattle_lease_pod *lease);
void wattle_podset_synced(struct wattle_podset *set);
/* The API server has it no more. */
void wattle_podset_gone(struct wattle_podset *set, const char *uid);
struct wattle_pod_state *wattle_podset_find(const struct wattle_podset *set, const char *uid);

/* A look at all processes: begin, saw for each, end. Between begin and end the states say nothing. */
void wattle_podset_scan_begin(struct wattle_podset *set);
void wattle_podset_saw(struct wattle_podset *set, const char *uid, const char *container, const struct wattle_proc *proc);
void wattle_podset_scan_end(struct wattle_podset *set);

/* What was learnt since makes pods over, or revives them: the number of those for which that changed. */
size_t wattle_podset_judge(struct wattle_podset *set);
/* True if the pod holds a lease now. */
bool wattle_pod_leased(const struct wattle_pod_state *state);
/* Entries for wattle_lease_pods_set, sorted by UID: their number. ret has room for WATTLE_PODS_MAX. */
uint32_t wattle_podset_leases(const struct wattle_podset *set, const struct wattle_proc *keeper, struct wattle_lease_pod *ret);

/* Forgets those that are gone and over: drop() is called for each first. */
void wattle_podset_forget(struct wattle_podset *set, void (*drop)(struct wattle_pod_state *state, void *arg), void *arg);
void wattle_podset_free(struct wattle_podset *set);

#endif
