/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kueue_side.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dig.h"
#include "mpijob.h"
#include "quantity.h"

#define ITEMS_MAX 100000

static size_t length(struct json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;

	return n < ITEMS_MAX ? n : ITEMS_MAX;
}

static uint64_t whole(struct json_object *object, const char *key)
{
	struct json_object *value;
	uint64_t w = 0;

	if (json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value))
		wattle_quantity_whole(value, &w);
	return w;
}

/* --- the quota ------------------------------------------------------------------------------------------------------------------------ */

static struct json_object *find_quota(struct json_object *queue, const char *flavor, const char *resource, struct wattle_kueue_quota *ret,
				      const char **ret_flavor)
{
	struct json_object *groups = wattle_dig(queue, json_type_array, "spec", "resourceGroups", NULL);

	for (size_t g = 0; g < length(groups); g++) {
		struct json_object *flavors = wattle_dig(json_object_array_get_idx(groups, g), json_type_array, "flavors", NULL);

		for (size_t f = 0; f < length(flavors); f++) {
			struct json_object *one = json_object_array_get_idx(flavors, f), *resources = wattle_dig(one, json_type_array, "resources", NULL);

			if (*flavor && strcmp(wattle_dig_text(one, "name"), flavor) != 0)
				continue;
			for (size_t r = 0; r < length(resources); r++) {
				struct json_object *quota = json_object_array_get_idx(resources, r);

				if (strcmp(wattle_dig_text(quota, "name"), resource) != 0)
					continue;
				ret->group = (unsigned) g;
				ret->flavor = (unsigned) f;
				ret->resource = (unsigned) r;
				*ret_flavor = wattle_dig_text(one, "name");
				return quota;
			}
		}
	}
	return NULL;
}

static uint64_t reserved(struct json_object *queue, const char *flavor, const char *resource)
{
	struct json_object *flavors = wattle_dig(queue, json_type_array, "status", "flavorsReservation", NULL);

	for (size_t f = 0; f < length(flavors); f++) {
		struct json_object *one = json_object_array_get_idx(flavors, f), *resources = wattle_dig(one, json_type_array, "resources", NULL);

		if (strcmp(wattle_dig_text(one, "name"), flavor) != 0)
			continue;
		for (size_t r = 0; r < length(resources); r++)
			if (strcmp(wattle_dig_text(json_object_array_get_idx(resources, r), "name"), resource) == 0)
				return whole(json_object_array_get_idx(resources, r), "total");
	}
	return 0;
}

int wattle_kueue_quota_read(struct json_object *queue, const char *flavor, const char *resource, struct wattle_kueue_quota *ret, struct wattle_err *err)
{
	const char *name = wattle_dig_text(wattle_dig(queue, json_type_object, "metadata", NULL), "name");
	const char *version = wattle_dig_text(wattle_dig(queue, json_type_object, "metadata", NULL), "resourceVersion");
	struct json_object *spec = wattle_dig(queue, json_type_object, "spec", NULL), *quota, *borrows;
	struct wattle_kueue_quota found = { 0 };

	quota = find_quota(queue, flavor, resource, &found, &flavor);
	if (!quota || !*version || strlen(version) >= sizeof(found.version))
		return wattle_err_set(err, EINVAL, "ClusterQueue %.64s has no %s%s%s", name, resource, *flavor ? " in flavor " : "", flavor);
	if ((*wattle_dig_text(spec, "cohortName") || *wattle_dig_text(spec, "cohort")) &&
	    (!json_object_object_get_ex(quota, "borrowingLimit", &borrows) || whole(quota, "borrowingLimit") != 0))
		return wattle_err_set(err, EINVAL, "ClusterQueue %.64s may borrow %s from its cohort, so its quota bounds nothing: set borrowingLimit: 0", name,
				      resource);
	found.limit_w = whole(quota, "nominalQuota");
	found.used_w = reserved(queue, flavor, resource);
	snprintf(found.version, sizeof(found.version), "%s", version);
	*ret = found;
	return 0;
}

static void add_replace(struct json_object *patch, const char *path, const char *value)
{
	struct json_object *op = json_object_new_object();

	json_object_object_add(op, "op", json_object_new_string("replace"));
	json_object_object_add(op, "path", json_object_new_string(path));
	json_object_object_add(op, "value", json_object_new_string(value));
	json_object_array_add(patch, op);
}

struct json_object *wattle_kueue_quota_patch(const struct wattle_kueue_quota *quota, uint64_t to_w)
{
	struct json_object *patch = json_object_new_array();
	char path[160], watts[32];

	if (!patch)
		return NULL;
	snprintf(path, sizeof(path), "/spec/resourceGroups/%u/flavors/%u/resources/%u/nominalQuota", quota->group, quota->flavor, quota->resource);
	snprintf(watts, sizeof(watts), "%" PRIu64, to_w);
	add_replace(patch, "/metadata/resourceVersion", quota->version);
	add_replace(patch, path, watts);
	return patch;
}

/* --- what waits ------------------------------------------------------------------------------------------------------------------------ */

static bool leads_to(struct json_object *local_queues, const char *namespace, const char *name, const char *cluster_queue)
{
	struct json_object *items = wattle_dig(local_queues, json_type_array, "items", NULL);

	for (size_t i = 0; i < length(items); i++) {
		struct json_object *queue = json_object_array_get_idx(items, i), *meta = wattle_dig(queue, json_type_object, "metadata", NULL);

		if (strcmp(wattle_dig_text(meta, "name"), name) == 0 && strcmp(wattle_dig_text(meta, "namespace"), namespace) == 0)
			return strcmp(wattle_dig_text(wattle_dig(queue, json_type_object, "spec", NULL), "clusterQueue"), cluster_queue) == 0;
	}
	return false;
}

static bool has_condition(struct json_object *workload, const char *type)
{
	struct json_object *list = wattle_dig(workload, json_type_array, "status", "conditions", NULL);

	for (size_t i = 0; i < length(list); i++)
		if (strcmp(wattle_dig_text(json_object_array_get_idx(list, i), "type"), type) == 0)
			return strcmp(wattle_dig_text(json_object_array_get_idx(list, i), "status"), "True") == 0;
	return false;
}

static uint64_t watts_of(struct json_object *workload, const char *resource)
{
	struct json_object *sets = wattle_dig(workload, json_type_array, "spec", "podSets", NULL);
	uint64_t sum_w = 0;

	for (size_t s = 0; s < length(sets); s++) {
		struct json_object *set = json_object_array_get_idx(sets, s);
		struct json_object *containers = wattle_dig(set, json_type_array, "template", "spec", "containers", NULL);
		int64_t count = 0;

		wattle_dig_int(set, "count", &count);
		for (size_t c = 0; count > 0 && count <= INT32_MAX && c < length(containers); c++) {
			uint64_t w = whole(wattle_dig(json_object_array_get_idx(containers, c), json_type_object, "resources", "requests", NULL), resource);

			if (w <= INT32_MAX)
				sum_w += (uint64_t) count * w;
		}
	}
	return sum_w;
}

uint64_t wattle_kueue_waiting(struct json_object *workloads, struct json_object *local_queues, const char *cluster_queue, const char *resource)
{
	struct json_object *items = wattle_dig(workloads, json_type_array, "items", NULL);
	uint64_t sum_w = 0;

	for (size_t i = 0; i < length(items); i++) {
		struct json_object *workload = json_object_array_get_idx(items, i);
		struct json_object *active = wattle_dig(workload, json_type_boolean, "spec", "active", NULL);

		if (has_condition(workload, "QuotaReserved") || has_condition(workload, "Finished") || (active && !json_object_get_boolean(active)) ||
		    *wattle_dig_meta(workload, "annotations", WATTLE_KUEUE_GATES))
			continue;
		if (leads_to(local_queues, wattle_dig_text(wattle_dig(workload, json_type_object, "metadata", NULL), "namespace"),
			     wattle_dig_text(wattle_dig(workload, json_type_object, "spec", NULL), "queueName"), cluster_queue))
			sum_w += watts_of(workload, resource);
	}
	return sum_w;
}
