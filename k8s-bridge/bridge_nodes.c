/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes: their classes for decisions, their watts as a resource that schedulers count. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bridge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dig.h"
#include "log.h"
#include "quantity.h"

#define AGAIN_S 5.0 /* after a patch that failed, and between patches of a node whose status somebody else keeps changing */

struct node {
	struct bridge *bridge;
	struct wattle_kube_request *request;
	double not_before_s;
	uint64_t shown_w, shown_alias_w, wanted_w;
	bool told;
	char name[];
};

static uint64_t shown(struct json_object *object, const char *resource)
{
	struct json_object *capacity = wattle_dig(object, json_type_object, "status", "capacity", NULL), *value;
	uint64_t w = 0;

	if (!capacity || !json_object_object_get_ex(capacity, resource, &value) || !wattle_quantity_whole(value, &w))
		return 0;
	return w;
}

/* What the site says it draws at full power; 0: no class of ours. */
static uint64_t wanted(const struct bridge *bridge, const char *name)
{
	const struct wattle_class *class = wattle_siteconf_node_class(bridge->conf, name);

	return class ? class->max_w : 0;
}

static bool lacking(const struct bridge *bridge, const struct node *node)
{
	return node->wanted_w > 0 && (node->shown_w != node->wanted_w || (bridge->alias && node->shown_alias_w != node->wanted_w));
}

static void on_patched(void *arg, int status, struct json_object *body, const char *why)
{
	struct node *node = arg;
	struct bridge *bridge = node->bridge;

	node->request = NULL;
	if (status != 200) {
		wattle_log(WATTLE_LOG_WARNING, "node %s: its watts can't be set: %s", node->name, why);
		return;
	}
	bridge->counts.node_patches++;
	if (body) {
		node->shown_w = shown(body, bridge->resource);
		node->shown_alias_w = bridge->alias ? shown(body, bridge->alias) : 0;
	}
	wattle_log(WATTLE_LOG_NOTICE, "node %s shows %" PRIu64 " of %s", node->name, node->wanted_w, bridge->resource);
}

static void patch(struct bridge *bridge, struct node *node)
{
	struct json_object *body = json_object_new_object(), *status = json_object_new_object();
	static const char *const sections[] = { "capacity", "allocatable" }; /* a kubelet would copy it; there are nodes without */
	char path[400], watts[32];

	node->not_before_s = bridge_now_s() + AGAIN_S;
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/status?fieldManager=" BRIDGE_NAME, node->name);
	snprintf(watts, sizeof(watts), "%" PRIu64, node->wanted_w);
	json_object_object_add(body, "status", status);
	for (size_t i = 0; i < 2; i++) {
		struct json_object *section = json_object_new_object();

		json_object_object_add(section, bridge->resource, json_object_new_string(watts));
		if (bridge->alias)
			json_object_object_add(section, bridge->alias, json_object_new_string(watts));
		json_object_object_add(status, sections[i], section);
	}
	node->request = wattle_kube_send(bridge->kube,
					 &(struct wattle_kube_call){ .method = "PATCH", .path = path, .content_type = WATTLE_KUBE_MERGE,
								     .body = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) },
					 on_patched, node);
	json_object_put(body);
}

static void look(struct bridge *bridge, struct node *node)
{
	if (bridge->no_nodes || node->request || !lacking(bridge, node) || bridge_now_s() < node->not_before_s)
		return;
	if (bridge->dry_run) {
		if (!node->told)
			wattle_log(WATTLE_LOG_NOTICE, "dry run: node %s would show %" PRIu64 " of %s (now %" PRIu64 ")", node->name, node->wanted_w, bridge->resource,
				   node->shown_w);
		node->told = true;
		return;
	}
	if (bridge_may_write(bridge))
		patch(bridge, node);
}

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	struct bridge *bridge = arg;
	struct node *node = *own;
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_nodes_put(bridge->nodes, object, &err) < 0)
		wattle_log(WATTLE_LOG_WARNING, "node %s: %s", key, err.text);
	if (!node || node->shown_w != shown(object, bridge->resource))
		bridge->nodes_changed = true;
	if (!node) {
		node = calloc(1, sizeof(*node) + strlen(key) + 1);
		if (!node)
			return;
		node->bridge = bridge;
		memcpy(node->name, key, strlen(key) + 1);
		*own = node;
	}
	node->shown_w = shown(object, bridge->resource);
	node->shown_alias_w = bridge->alias ? shown(object, bridge->alias) : 0;
	node->wanted_w = wanted(bridge, node->name);
	look(bridge, node);
}

static void on_gone(void *arg, const char *key, void *own)
{
	struct bridge *bridge = arg;
	struct node *node = own;

	wattle_nodes_remove(bridge->nodes, key);
	if (node)
		wattle_kube_cancel(node->request);
	free(node);
}

static void on_synced(void *arg)
{
	struct bridge *bridge = arg;

	wattle_log(WATTLE_LOG_INFO, "%zu nodes", wattle_kube_watch_count(bridge->node_watch));
	bridge_jobs_start(bridge);
}

static void on_trouble(void *arg, const char *text)
{
	(void) arg;
	wattle_log(text[0] ? WATTLE_LOG_WARNING : WATTLE_LOG_NOTICE, "watching nodes: %s", text[0] ? text : "works again");
}

int bridge_nodes_start(struct bridge *bridge)
{
	bridge->nodes = wattle_nodes_new(bridge->resource);
	if (!bridge->nodes)
		return -1;
	bridge->site.nodes = bridge->nodes;
	bridge->node_watch = wattle_kube_watch_new(bridge->kube, &(struct wattle_kube_watch_spec){ .path = "/api/v1/nodes", .has = on_has, .gone = on_gone,
												   .synced = on_synced, .trouble = on_trouble,
												   .arg = bridge });
	return bridge->node_watch ? 0 : -1;
}

static int visit(void *arg, const char *key, void *own)
{
	struct bridge *bridge = arg;
	struct node *node = own;

	(void) key;
	if (!node)
		return 0;
	node->wanted_w = wanted(bridge, node->name);
	look(bridge, node);
	return 0;
}

void bridge_nodes_tick(struct bridge *bridge)
{
	if (bridge->node_watch)
		wattle_kube_watch_each(bridge->node_watch, visit, bridge);
}

static int add_shown(void *arg, const char *key, void *own)
{
	const struct node *node = own;

	(void) key;
	if (node)
		*(uint64_t *) arg += node->shown_w;
	return 0;
}

uint64_t bridge_nodes_shown_w(const struct bridge *bridge)
{
	uint64_t sum_w = 0;

	if (bridge->node_watch)
		wattle_kube_watch_each(bridge->node_watch, add_shown, &sum_w);
	return sum_w;
}
