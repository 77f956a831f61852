/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PODKEEPER_H
#define WATTLE_PODKEEPER_H

/* The part of wattle-agent that knows Kubernetes: watches the pods of its node, keeps their leases, answers their barriers, meters them and
 * writes their records. It decides when the leases change; when they are applied, and again after a failure, is the agent's.
 *
 * While the API server can't be asked everything goes on with what is known; pods that end meanwhile are noticed by their processes. */

#include <event2/event.h>

#include "err.h"
#include "lease.h"
#include "node.h"

struct wattle_podkeeper;

struct wattle_podkeeper_spec {
	struct event_base *base;
	const struct wattle_this_node *this; /* must outlive the keeper; may change between calls */
	const char *kubeconfig;     /* NULL: what a pod is given */
	void (*changed)(void *arg); /* the leases have changed: wattle_podkeeper_apply is wanted */
	void (*say)(bool warning, const char *text); /* one line for the log; from any thread */
	void *arg;
};

/* Takes over what the book says of pods. Nothing is asked of the API server before the loop runs. */
int wattle_podkeeper_open(const struct wattle_podkeeper_spec *spec, struct wattle_podkeeper **ret, struct wattle_err *err);
/* In place of wattle_lease_sweep: the same, and the pods. */
int wattle_podkeeper_apply(struct wattle_podkeeper *keeper, struct wattle_outcome *ret, struct wattle_err *err);
/* Looks at the node's processes now. */
void wattle_podkeeper_look(struct wattle_podkeeper *keeper);
/* Writes what was measured so far; leases stay. */
void wattle_podkeeper_close(struct wattle_podkeeper *keeper);

#endif
