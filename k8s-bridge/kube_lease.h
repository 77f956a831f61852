/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_LEASE_H
#define WATTLE_KUBE_LEASE_H

/* Who of several leads: by a Lease of coordination.k8s.io, in the way of client-go's leaderelection. Clocks of other hosts are not
 * believed: another's lease has run out when we saw it unchanged for its whole duration, by our own monotonic clock. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "kube_http.h"

#define WATTLE_KUBE_LEASE_DURATION_S 15 /* others wait so long for a dead leader */
#define WATTLE_KUBE_LEASE_DEADLINE_S 10 /* a leader that could not renew for so long stops leading */
#define WATTLE_KUBE_LEASE_RETRY_S 2

struct wattle_kube_lease;

struct wattle_kube_lease_spec {
	const char *namespace, *name;
	const char *identity; /* unlike any other's, also one's own of before: host, pid, random */
	/* leads changed, or another than before leads: holder is its identity. */
	void (*changed)(void *arg, bool leads, const char *holder);
	void (*trouble)(void *arg, const char *text); /* as in kube_watch.h; may be NULL */
	void *arg;
};

/* Begins at once to try. NULL: out of memory or a bad name. */
struct wattle_kube_lease *wattle_kube_lease_new(struct wattle_kube *kube, const struct wattle_kube_lease_spec *spec);
/* Asked before each write: also false in a process that was stopped for longer than its lease lasts, before its timers have run. */
bool wattle_kube_lease_held(const struct wattle_kube_lease *lease);
/* Gives it up, so that another need not wait; done when the server has answered or 2 s have passed. Then free it. */
void wattle_kube_lease_release(struct wattle_kube_lease *lease, void (*done)(void *arg), void *arg);
void wattle_kube_lease_free(struct wattle_kube_lease *lease);

#endif
