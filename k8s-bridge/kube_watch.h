/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_WATCH_H
#define WATTLE_KUBE_WATCH_H

/* Keeps up with all objects of one kind: list, then watch from there, for ever. For each object the owner keeps what it needs of it,
 * and is told of the object's states (not of each change: two changes may arrive as one) and of its end.
 *
 * Lists by WatchList (sendInitialEvents) where the server has it, else page by page. Goes on from the last resourceVersion or bookmark
 * after a broken connection, with back-off and jitter; lists again when that is too old (410, as status and as an event in a stream), and
 * then says what has vanished meanwhile. A kind that the server does not have (404) is asked for again every 30 s or so. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube_http.h"

struct wattle_kube_watch;

struct wattle_kube_watch_spec {
	const char *path;            /* "/apis/kubeflow.org/v2beta1/mpijobs", "/api/v1/namespaces/NS/pods" */
	const char *label_selector;  /* unescaped, NULL: all */
	const char *field_selector;  /* "spec.nodeName=k1" */
	/* An object is there, in this state. key: "namespace/name", or "name" of what has no namespace; object: borrowed. *own: what the owner keeps
	 * for the key, NULL at first. May be called again with the same state. The watch must not be freed from within. */
	void (*has)(void *arg, const char *key, struct json_object *object, void **own);
	/* It is no more: the owner frees *own. Also for each object when the watch is freed. */
	void (*gone)(void *arg, const char *key, void *own);
	/* Everything that was there has been told: once after each list. May be NULL. */
	void (*synced)(void *arg);
	/* Something does not work: text, one line, told when it begins or changes; "" when it is over. May be NULL. */
	void (*trouble)(void *arg, const char *text);
	void *arg;
	uint32_t silent_s; /* a watch that is quiet for so long is begun anew; 0: 120 */
};

struct wattle_kube_watch_stats {
	uint64_t events, lists, reconnects, gone_410, bad_lines;
};

/* spec is copied, its strings too. NULL: out of memory. Nothing is called before the loop runs. */
struct wattle_kube_watch *wattle_kube_watch_new(struct wattle_kube *kube, const struct wattle_kube_watch_spec *spec);
void wattle_kube_watch_free(struct wattle_kube_watch *watch);

/* A list has been told whole, at least once. False also while the kind does not exist. */
bool wattle_kube_watch_synced(const struct wattle_kube_watch *watch);
/* The server answered that it has no such kind. */
bool wattle_kube_watch_absent(const struct wattle_kube_watch *watch);
const struct wattle_kube_watch_stats *wattle_kube_watch_stats(const struct wattle_kube_watch *watch);

size_t wattle_kube_watch_count(const struct wattle_kube_watch *watch);
/* What the owner keeps for a key; NULL if there is none. */
void *wattle_kube_watch_find(const struct wattle_kube_watch *watch, const char *key);
/* Until visit returns other than 0, which is then returned. The set must not change meanwhile. */
int wattle_kube_watch_each(const struct wattle_kube_watch *watch, int (*visit)(void *arg, const char *key, void *own), void *arg);

#endif
