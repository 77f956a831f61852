/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_BARRIER_H
#define WATTLE_BARRIER_H

/* Tells a pod when its cap is in force: a unix socket that its processes connect to. Who asks is read from the kernel (SO_PEERCRED, then the
 * process's cgroup), so that a pod hears of itself alone; what it sends is not read, and nothing that it does changes anything.
 *
 * The answer is one line, then the connection ends:
 *   applied 250      the pod's share of the node, in watts, is in force
 *   none             the pod holds no lease here
 *   failed TEXT      its cap did not take, and the site's on_cap_failure is not "continue"
 *   refused TEXT     who asks is in no pod, or its pod asks too often at once */

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* A folder of its own, which pods may mount: the lease book's is root's alone. */
#define WATTLE_BARRIER_DIR "/run/wattle-barrier"
#define WATTLE_BARRIER_SOCKET WATTLE_BARRIER_DIR "/barrier.sock"
#define WATTLE_BARRIER_CONNECTIONS_MAX 512
#define WATTLE_BARRIER_POD_MAX 8 /* connections of one pod */

struct wattle_barrier;

/* ask: the line for this pod, without newline; false: not yet. Called from the loop, and from wattle_barrier_changed. The folder (0755) is made where
 * missing; a socket that is there is replaced. */
int wattle_barrier_open(struct event_base *base, const char *dir, bool (*ask)(void *arg, const char *uid, char *line, size_t size), void *arg,
			struct wattle_barrier **ret, struct wattle_err *err);
/* Asks again for all that wait. */
void wattle_barrier_changed(struct wattle_barrier *barrier);
void wattle_barrier_close(struct wattle_barrier *barrier);

#endif
