/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUEUE_WORKLOAD_H
#define WATTLE_KUEUE_WORKLOAD_H

/* The Workloads of the ledger's ClusterQueue: what each has reserved, what the ledger has done to it, and who is to be stopped. What was done stands in
 * annotations of the Workload, written before anything else is: a bridge that takes over finds it there. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATTLE_ANNOTATION_TIGHTENED "wattle.hpc/tightened" /* since when caps of its pods are lowered, ISO 8601; on a pod: to how many watts */
#define WATTLE_ANNOTATION_EVICTED "wattle.hpc/evicted"     /* when the ledger stopped it, ISO 8601 */
#define WATTLE_KUEUE_MANAGER "wattle-ledger"

struct wattle_kueue_workload {
	char namespace[64], name[254], version[64];
	char owner_api[64], owner_kind[64], owner_name[254], owner_uid[64]; /* "": nobody controls it */
	uint64_t reserved_w;   /* in the queue's quota; 0: it is not admitted, or not for watts */
	uint64_t wanted_w;     /* what it would reserve */
	int64_t priority, created_s;
	int64_t tightened_s, evicted_s; /* Unix time; 0: not */
	bool active;           /* spec.active */
	bool leaving;          /* it was stopped, by whomever, and holds reserved_w until its pods are gone */
};

struct wattle_kueue_workloads {
	size_t n;
	struct wattle_kueue_workload *item;
};

/* What workloads want that wait for that ClusterQueue: a WorkloadList and a LocalQueueList. Gated, finished and inactive ones want nothing, but for
 * those that the ledger stopped. */
uint64_t wattle_kueue_waiting(struct json_object *workloads, struct json_object *local_queues, const char *cluster_queue, const char *resource);

/* From the same lists: those that have watts of that flavor of that ClusterQueue reserved, and those of it that bear a mark of the
 * ledger. False: out of memory, *ret is then empty. */
bool wattle_kueue_workloads_read(struct json_object *workloads, struct json_object *local_queues, const char *cluster_queue, const char *flavor,
				 const char *resource, struct wattle_kueue_workloads *ret);
void wattle_kueue_workloads_free(struct wattle_kueue_workloads *set);

/* Orders the set so that those come first that are to be stopped: of least priority, and of those the newest; and returns how many of them: as few as
 * free excess_w. What leaves already is never among them. */
size_t wattle_kueue_victims(struct wattle_kueue_workloads *set, uint64_t excess_w);
/* Which of those that the ledger stopped, and that have left, or were started by somebody else, comes back first: the one that would be stopped last.
 * NULL: none. */
const struct wattle_kueue_workload *wattle_kueue_returner(const struct wattle_kueue_workloads *set);

/* Merge patches; the caller puts them. NULL: out of memory. */
/* Sets or, at_s 0, takes away the mark of lowered caps. */
struct json_object *wattle_kueue_mark_patch(int64_t at_s);
/* Stops it, or at_s 0: starts it again. Valid for the workload as it was read alone. */
struct json_object *wattle_kueue_stop_patch(const struct wattle_kueue_workload *workload, int64_t at_s);
/* For a pod of a workload whose queue has limit_w and uses used_w: its part in proportion, 1 W at least; limit_w 0 and used_w 0: the allocated watts
 * again. *ret_patch NULL: nothing has to be done. False: out of memory. */
bool wattle_kueue_pod_patch(struct json_object *pod, const char *resource, uint64_t limit_w, uint64_t used_w, struct json_object **ret_patch);

/* Watts that Kueue counts for an admitted workload; flavor NULL: of any. */
uint64_t wattle_kueue_counted(struct json_object *workload, const char *flavor, const char *resource);

#endif
