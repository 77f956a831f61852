/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dig.h"
#include "quantity.h"

#define NAME_MAX_BYTES 254 /* a name of Kubernetes', with its NUL */

struct node {
	struct node *next;
	uint64_t watts_w;
	bool unschedulable;
	int class_index; /* among those of struct classed; NO_CLASS, UNCLASSED */
	struct json_object *labels, *taints; /* our own copies, NULL: none */
	char name[];
};

enum { NO_CLASS = -1, UNCLASSED = -2 };

/* The site's classes that the nodes' are of: matching a host against lists of ranges for each node and job would cost a millisecond. */
struct classed {
	uint32_t n;
	struct wattle_class class[WATTLE_CLASSES_MAX];
};

/* A list is searched in no time where clusters have thousands of nodes at most, and nodes come and go seldom. */
struct wattle_nodes {
	struct node *first;
	size_t n;
	struct classed *classed;
	char resource[NAME_MAX_BYTES];
};

struct wattle_nodes *wattle_nodes_new(const char *resource)
{
	struct wattle_nodes *nodes = calloc(1, sizeof(*nodes));

	if (!nodes)
		return NULL;
	strncpy(nodes->resource, resource, sizeof(nodes->resource) - 1);
	nodes->classed = calloc(1, sizeof(*nodes->classed));
	if (!nodes->classed) {
		free(nodes);
		return NULL;
	}
	return nodes;
}

static void node_free(struct node *node)
{
	json_object_put(node->labels);
	json_object_put(node->taints);
	free(node);
}

void wattle_nodes_free(struct wattle_nodes *nodes)
{
	struct node *next;

	if (!nodes)
		return;
	for (struct node *node = nodes->first; node; node = next) {
		next = node->next;
		node_free(node);
	}
	free(nodes->classed);
	free(nodes);
}

static struct node **find(struct wattle_nodes *nodes, const char *name)
{
	struct node **at = &nodes->first;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

int wattle_nodes_put(struct wattle_nodes *nodes, struct json_object *object, struct wattle_err *err)
{
	struct json_object *meta = wattle_dig(object, json_type_object, "metadata", NULL), *spec = wattle_dig(object, json_type_object, "spec", NULL);
	struct json_object *status = wattle_dig(object, json_type_object, "status", NULL);
	struct json_object *labels = wattle_dig(meta, json_type_object, "labels", NULL), *taints = wattle_dig(spec, json_type_array, "taints", NULL);
	struct json_object *no_schedule = wattle_dig(spec, json_type_boolean, "unschedulable", NULL);
	struct json_object *capacity = wattle_dig(status, json_type_object, "capacity", NULL), *watts;
	const char *name = wattle_dig_text(meta, "name");
	struct node *node, **at;

	if (!*name || strlen(name) >= NAME_MAX_BYTES)
		return wattle_err_set(err, EINVAL, "a node without a name");
	node = calloc(1, sizeof(*node) + strlen(name) + 1);
	if (!node)
		return wattle_err_set(err, ENOMEM, "out of memory for node %s", name);
	memcpy(node->name, name, strlen(name) + 1);
	node->class_index = UNCLASSED;
	node->unschedulable = no_schedule && json_object_get_boolean(no_schedule);
	if (capacity && json_object_object_get_ex(capacity, nodes->resource, &watts))
		wattle_quantity_whole(watts, &node->watts_w);
	if ((labels && json_object_deep_copy(labels, &node->labels, NULL) < 0) || (taints && json_object_deep_copy(taints, &node->taints, NULL) < 0)) {
		node_free(node);
		return wattle_err_set(err, ENOMEM, "out of memory for node %s", name);
	}
	at = find(nodes, name);
	if (*at) {
		node->next = (*at)->next;
		node_free(*at);
	} else {
		nodes->n++;
	}
	*at = node;
	return 0;
}

void wattle_nodes_remove(struct wattle_nodes *nodes, const char *name)
{
	struct node **at = find(nodes, name), *node = *at;

	if (!node)
		return;
	*at = node->next;
	node_free(node);
	nodes->n--;
}

size_t wattle_nodes_count(const struct wattle_nodes *nodes)
{
	return nodes->n;
}

uint64_t wattle_nodes_watts(const struct wattle_nodes *nodes, const char *name)
{
	for (const struct node *node = nodes->first; node; node = node->next)
		if (strcmp(node->name, name) == 0)
			return node->watts_w;
	return 0;
}

/* --- who may land where -------------------------------------------------------------------------------------------------------------- */

static bool selected(const struct node *node, struct json_object *selector)
{
	struct json_object_iterator it, end;

	if (!selector)
		return true;
	it = json_object_iter_begin(selector);
	end = json_object_iter_end(selector);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		struct json_object *wanted = json_object_iter_peek_value(&it), *label;

		if (!node->labels || !json_object_object_get_ex(node->labels, json_object_iter_peek_name(&it), &label) ||
		    !json_object_is_type(wanted, json_type_string) || !json_object_is_type(label, json_type_string) ||
		    strcmp(json_object_get_string(wanted), json_object_get_string(label)) != 0)
			return false;
	}
	return true;
}

/* As k8s.io/component-helpers/scheduling/corev1 ToleratesTaint: no key with Exists tolerates all, no effect tolerates each. */
static bool tolerates(struct json_object *toleration, struct json_object *taint)
{
	const char *effect = wattle_dig_text(toleration, "effect"), *key = wattle_dig_text(toleration, "key"), *operator = wattle_dig_text(toleration, "operator");

	if (*effect && strcmp(effect, wattle_dig_text(taint, "effect")) != 0)
		return false;
	if (*key && strcmp(key, wattle_dig_text(taint, "key")) != 0)
		return false;
	if (strcmp(operator, "Exists") == 0)
		return true;
	return *key && (!*operator || strcmp(operator, "Equal") == 0) && strcmp(wattle_dig_text(toleration, "value"), wattle_dig_text(taint, "value")) == 0;
}

#define TOLERATIONS_MAX 256

static bool repelled(const struct node *node, struct json_object *tolerations)
{
	size_t n_taints = node->taints ? json_object_array_length(node->taints) : 0;
	size_t n = tolerations ? json_object_array_length(tolerations) : 0;

	for (size_t i = 0; i < n_taints; i++) {
		struct json_object *taint = json_object_array_get_idx(node->taints, i);
		const char *effect = wattle_dig_text(taint, "effect");
		bool tolerated = strcmp(effect, "NoSchedule") != 0 && strcmp(effect, "NoExecute") != 0;

		for (size_t j = 0; !tolerated && j < n && j < TOLERATIONS_MAX; j++)
			tolerated = tolerates(json_object_array_get_idx(tolerations, j), taint);
		if (!tolerated)
			return true;
	}
	return false;
}

/* Nodes are classed anew when the site's classes are others. */
static void follow_site(const struct wattle_nodes *nodes, const struct wattle_siteconf *site)
{
	size_t bytes = site->n_classes * sizeof(site->classes[0]);

	if (nodes->classed->n == site->n_classes && memcmp(nodes->classed->class, site->classes, bytes) == 0)
		return;
	nodes->classed->n = site->n_classes;
	memcpy(nodes->classed->class, site->classes, bytes);
	for (struct node *node = nodes->first; node; node = node->next)
		node->class_index = UNCLASSED;
}

static int class_of(struct node *node, const struct wattle_siteconf *site)
{
	const struct wattle_class *class;

	if (node->class_index == UNCLASSED) {
		class = wattle_siteconf_node_class(site, node->name);
		node->class_index = class ? (int) (class - site->classes) : NO_CLASS;
	}
	return node->class_index;
}

uint32_t wattle_nodes_classes(const struct wattle_nodes *nodes, const struct wattle_siteconf *site, struct json_object *pod_spec,
			      const struct wattle_class *ret[WATTLE_CLASSES_MAX], uint32_t *ret_powered)
{
	struct json_object *selector = wattle_dig(pod_spec, json_type_object, "nodeSelector", NULL);
	struct json_object *tolerations = wattle_dig(pod_spec, json_type_array, "tolerations", NULL);
	bool seen[WATTLE_CLASSES_MAX] = { false };
	uint32_t n = 0;

	*ret_powered = 0;
	follow_site(nodes, site);
	for (struct node *node = nodes->first; node; node = node->next) {
		int class_index;

		if (node->unschedulable || !selected(node, selector) || repelled(node, tolerations))
			continue;
		class_index = class_of(node, site);
		if (class_index == NO_CLASS)
			continue;
		seen[class_index] = true;
		*ret_powered += node->watts_w > 0;
	}
	for (uint32_t i = 0; i < site->n_classes; i++)
		if (seen[i])
			ret[n++] = &site->classes[i];
	return n;
}
