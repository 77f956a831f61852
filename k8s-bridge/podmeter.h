/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PODMETER_H
#define WATTLE_PODMETER_H

/* What the pods of a node draw while something of them runs, from one reading of the counters a second for all of them. The joules are the
 * node's, as in records of steps: pods of several jobs side by side are marked as sharing it. */

#include <stdbool.h>
#include <stdint.h>

#include "cap.h"
#include "meter.h"
#include "node.h"
#include "podset.h"
#include "report.h"

/* What is kept of a pod for its record: the `own` of its state. */
struct wattle_pod_tale {
	char told[200];            /* the last that its events said */
	bool began, runs, recorded;
	bool whole;                /* measured from its begin */
	uint64_t begin_ns, end_ns; /* of the boot clock; end: of its last process so far */
	int64_t start_s;           /* wall clock */
	struct wattle_meter meter; /* n_samples 0: not metered */
	uint32_t granted_w, cap_w; /* as of the last apply */
	bool shared, cap_failed;
	char note[256];
};

struct wattle_podmeter {
	struct wattle_zones zones;
	uint32_t effective_w;      /* node watts in force; 0: no cap */
	uint64_t cap_uw;           /* package cap as last read while a cap was in force */
	uint32_t n_metered;        /* pods that run and are metered */
};

struct wattle_pod_tale *wattle_pod_tale_new(void);
void wattle_pod_tale_free(struct wattle_pod_tale *tale);

/* After a look at the processes: who began, who ended. */
void wattle_podmeter_look(struct wattle_podmeter *meter, struct wattle_podset *set);
/* Once a second while wattle_podmeter_runs. */
void wattle_podmeter_sample(struct wattle_podmeter *meter, struct wattle_podset *set);
bool wattle_podmeter_runs(const struct wattle_podmeter *meter);
/* The leases were applied, with this outcome. */
void wattle_podmeter_applied(struct wattle_podmeter *meter, struct wattle_podset *set, const struct wattle_outcome *outcome);

/* It has ended, and how it ended is known or will not be told: time for its record. */
bool wattle_pod_told(const struct wattle_pod_state *state);
/* True: *ret is the pod's record, which is given once. Pods of no MPIJob, and such as never ran, have none. */
bool wattle_podmeter_record(struct wattle_pod_state *state, const struct wattle_this_node *here, struct wattle_pod_record *ret);

#endif
