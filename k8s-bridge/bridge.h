/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_BRIDGE_H
#define WATTLE_BRIDGE_H

/* wattle-bridge's parts and what they share. One thread, one event loop.
 *
 *     bridge.c          starts, configures, ends; who leads
 *     bridge_nodes.c    nodes: what is there, and watts in their status
 *     bridge_kueue.c    whether Kueue is there, its queues
 *     bridge_jobs.c     MPIJobs: from what is seen to the one next step
 *     bridge_ledger.c   one budget of watts with Slurm
 *     bridge_workloads.c  what that does to Kueue's workloads
 *     bridge_status.c   /metrics, /healthz, /readyz
 *
 * Nothing is kept that could not be seen again in the cluster: killed at any moment, the next one goes on from there. */

#include <event2/event.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "kube_http.h"
#include "kube_lease.h"
#include "kube_watch.h"
#include "kueue_workload.h"
#include "ledger.h"
#include "mpijob.h"
#include "nodes.h"
#include "siteconf.h"
#include "sources.h"
#include "stamp.h"

#define BRIDGE_NAME "wattle-bridge"

/* Upper bounds of the histogram of the time from an event to the end of what it led to, seconds. */
#define BRIDGE_BUCKETS { 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30 }
#define BRIDGE_N_BUCKETS 11

struct bridge_counts {
	uint64_t granted, refused, deferred, released, held, failed, dry, node_patches;
	uint64_t bucket[BRIDGE_N_BUCKETS + 1];
	double took_s;
	uint64_t took_n;
};

struct bridge {
	/* as started */
	const char *conf_path, *resource, *alias, *lease_namespace;
	bool dry_run, no_lease, kueue_all, no_nodes;
	struct event_base *base;
	struct wattle_kube *kube;

	/* the site */
	struct wattle_siteconf *conf;
	struct wattle_stamp conf_stamp;
	struct wattle_sources *sources;
	struct wattle_k8s_site site;
	char conf_trouble[512];        /* "": the file in force is the newest */

	/* what is seen */
	struct wattle_nodes *nodes;
	struct wattle_kube_watch *node_watch, *job_watch, *queue_watch, *cluster_queue_watch;
	bool nodes_changed;            /* what was refused or left alone for want of nodes may be looked at anew */
	double nodes_looked_s;
	bool kueue_asked;              /* whether there is Kueue is known */
	double kueue_asked_s;
	char kueue_version[32];
	struct wattle_kube_request *kueue_request;

	/* leading */
	struct wattle_kube_lease *lease;
	bool leads, leaving;
	char leader[300];

	struct event *tick;
	struct bridge_counts counts;
	struct bridge_status *status;
	struct wattle_admission *admission;
	uint64_t reviews[4];           /* by enum wattle_review_kind */
	double reviews_s;
	struct wattle_mpijob job;      /* large: what is being looked at */
	struct wattle_ruling ruling;
	uint32_t busy;                 /* jobs with a request on its way */
	struct bridge_ledger *ledger;  /* NULL: none yet */
};

double bridge_now_s(void); /* monotonic */

/* May this process write now? */
bool bridge_may_write(const struct bridge *bridge);

int bridge_nodes_start(struct bridge *bridge);
/* Patches what lacks its watts. Every second, and when something changed. */
void bridge_nodes_tick(struct bridge *bridge);
uint64_t bridge_nodes_shown_w(const struct bridge *bridge);

void bridge_kueue_start(struct bridge *bridge);
void bridge_kueue_tick(struct bridge *bridge);
void bridge_kueue_stop(struct bridge *bridge);
/* Does anything hang on a question that is not answered yet? */
bool bridge_kueue_known(const struct bridge *bridge);

/* Begins to act on MPIJobs once nodes and Kueue are known; looks at all of them anew if it did already. */
void bridge_jobs_start(struct bridge *bridge);
void bridge_jobs_stop(struct bridge *bridge);
void bridge_jobs_tick(struct bridge *bridge);

enum bridge_job_state { BRIDGE_JOB_NEW, BRIDGE_JOB_UNTOUCHED, BRIDGE_JOB_REFUSED, BRIDGE_JOB_WAITING, BRIDGE_JOB_GRANTED, BRIDGE_JOB_ENDED, BRIDGE_JOB_STATES };
/* How many there are in each state. */
void bridge_jobs_count(const struct bridge *bridge, uint64_t ret[BRIDGE_JOB_STATES]);

/* Every second: reads both sides when it is time, and changes one. */
void bridge_ledger_tick(struct bridge *bridge);
void bridge_ledger_free(struct bridge *bridge);
size_t bridge_ledger_metrics(const struct bridge *bridge, char *text, size_t size);

struct bridge_chore;
/* What the ledger does to workloads: TIGHTEN and LOOSEN those of the set that are concerned, EVICT and RESUME the first n. */
struct bridge_chore_spec {
	enum wattle_ledger_what what;
	struct wattle_kueue_workloads set; /* taken over by bridge_chore_begin */
	size_t n;
	uint64_t limit_w, used_w;          /* of Kueue's side */
	/* Once, maybe before bridge_chore_begin has returned; the chore is freed after that. trouble "": none. */
	void (*done)(void *arg, const struct bridge_chore_spec *spec, const char *trouble);
	void *arg;
	uint64_t patched, changed;         /* pods, workloads, so far: zeros */
};
/* NULL: out of memory; done is then not called. */
struct bridge_chore *bridge_chore_begin(struct bridge *bridge, struct bridge_chore_spec *spec);
/* NULL is fine; done is not called any more. */
void bridge_chore_free(struct bridge_chore *chore);

/* address: "0.0.0.0:9470", "[::1]:9470", ":0". */
int bridge_status_open(struct bridge *bridge, const char *address, struct wattle_err *err);
void bridge_status_close(struct bridge *bridge);

/* Writes how things stand into text, Prometheus' format; returns its length. */
size_t bridge_metrics(struct bridge *bridge, char *text, size_t size);
/* "": ready; else why not. */
void bridge_readiness(struct bridge *bridge, char *text, size_t size);

#endif
