/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PODRELAY_H
#define WATTLE_PODRELAY_H

/* Tells programs on this node that their MPIJob will be stopped soon: wattle-bridge annotates the job with the moment (wattle.hpc/checkpoint), and
 * the processes of its workers here get SIGURG, which does nothing to a program that does not ask for it (launcher/wattle.h).
 *
 * Only jobs with workers on this node are watched, each by itself, WATTLE_RELAY_JOBS of them at most. An annotation is its user's to forge: what
 * he can do with it is to signal his own pods so, once a second at most. The job is found by a label of the pod, which is the user's too: that the
 * job made the pod (its UID is the pod's controller) is checked. One thread. */

#include <stdint.h>

#include "kube_watch.h"
#include "podset.h"

#define WATTLE_RELAY_JOBS 64
#define WATTLE_RELAY_ANNOTATION "wattle.hpc/checkpoint"

struct wattle_podrelay;

struct wattle_podrelay_spec {
	struct wattle_kube *kube;      /* must outlive the relay */
	const struct wattle_podset *set; /* too */
	/* A worker's processes, n of them, have been signalled; moment as annotated. */
	void (*told)(void *arg, struct wattle_pod_state *state, unsigned n, const char *moment);
	void (*trouble)(void *arg, const char *text); /* one line, once; "" when it is over */
	void *arg;
};

/* NULL: out of memory. */
struct wattle_podrelay *wattle_podrelay_new(const struct wattle_podrelay_spec *spec);
/* The set has changed: begins to watch jobs, and ends. Not from within a watch's callbacks. */
void wattle_podrelay_look(struct wattle_podrelay *relay);
void wattle_podrelay_free(struct wattle_podrelay *relay);

/* Is this moment to be told at now_s? It is one, is still to come, and not the one that was told last. Pure. */
bool wattle_podrelay_due(const char *moment, const char *last, int64_t now_s);

#endif
