/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_K8S_NODES_H
#define WATTLE_K8S_NODES_H

/* The nodes that were seen, as far as decisions need them: name, labels, taints. Which classes of wattle.conf a pod may land on
 * decides what its job may ask for. One thread. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "siteconf.h"

struct wattle_nodes;

/* resource: the name of watts in a node's capacity, "wattle.hpc/watts". NULL: out of memory. */
struct wattle_nodes *wattle_nodes_new(const char *resource);
void wattle_nodes_free(struct wattle_nodes *nodes);

/* A Node as the API gives it; what is kept of it is copied. Replaces what was known of its name. -EINVAL: no node; -ENOMEM. */
int wattle_nodes_put(struct wattle_nodes *nodes, struct json_object *node, struct wattle_err *err);
void wattle_nodes_remove(struct wattle_nodes *nodes, const char *name);
size_t wattle_nodes_count(const struct wattle_nodes *nodes);
/* Watts of the node's capacity under `resource`; 0: none, or no such node. */
uint64_t wattle_nodes_watts(const struct wattle_nodes *nodes, const char *name);

/* The classes of the nodes that a pod of this spec may land on: its nodeSelector matches, no taint NoSchedule or NoExecute that it does not
 * tolerate, not unschedulable. Each class once, in the site's order, at most WATTLE_CLASSES_MAX. Returns how many; *ret_powered: how many of
 * those nodes show watts. Affinities are not looked at. pod_spec may be anything. */
uint32_t wattle_nodes_classes(const struct wattle_nodes *nodes, const struct wattle_siteconf *site, struct json_object *pod_spec,
			      const struct wattle_class *ret[WATTLE_CLASSES_MAX], uint32_t *ret_powered);

#endif
