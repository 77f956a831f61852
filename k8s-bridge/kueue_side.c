/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kueue_side.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dig.h"
#include "quantity.h"

/* --- the quota ------------------------------------------------------------------------------------------------------------------------ */

static struct json_object *find_quota(struct json_object *queue, const char *flavor, const char *resource, struct wattle_kueue_quota *ret,
				      const char **ret_flavor)
{
	struct json_object *groups = wattle_dig(queue, json_type_array, "spec", "resourceGroups", NULL);

	for (size_t g = 0; g < wattle_dig_length(groups); g++) {
		struct json_object *flavors = wattle_dig(json_object_array_get_idx(groups, g), json_type_array, "flavors", NULL);

		for (size_t f = 0; f < wattle_dig_length(flavors); f++) {
			struct json_object *one = json_object_array_get_idx(flavors, f), *resources = wattle_dig(one, json_type_array, "resources", NULL);

			if (*flavor && strcmp(wattle_dig_text(one, "name"), flavor) != 0)
				continue;
			for (size_t r = 0; r < wattle_dig_length(resources); r++) {
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

	for (size_t f = 0; f < wattle_dig_length(flavors); f++) {
		struct json_object *one = json_object_array_get_idx(flavors, f), *resources = wattle_dig(one, json_type_array, "resources", NULL);

		if (strcmp(wattle_dig_text(one, "name"), flavor) != 0)
			continue;
		for (size_t r = 0; r < wattle_dig_length(resources); r++)
			if (strcmp(wattle_dig_text(json_object_array_get_idx(resources, r), "name"), resource) == 0)
				return wattle_quantity_of(json_object_array_get_idx(resources, r), "total");
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
	if (!quota || !*version || strlen(version) >= sizeof(found.version) || strlen(flavor) >= sizeof(found.flavor_name))
		return wattle_err_set(err, EINVAL, "ClusterQueue %.64s has no %s%s%s", name, resource, *flavor ? " in flavor " : "", flavor);
	if ((*wattle_dig_text(spec, "cohortName") || *wattle_dig_text(spec, "cohort")) &&
	    (!json_object_object_get_ex(quota, "borrowingLimit", &borrows) || wattle_quantity_of(quota, "borrowingLimit") != 0))
		return wattle_err_set(err, EINVAL, "ClusterQueue %.64s may borrow %s from its cohort, so its quota bounds nothing: set borrowingLimit: 0", name,
				      resource);
	found.limit_w = wattle_quantity_of(quota, "nominalQuota");
	found.used_w = reserved(queue, flavor, resource);
	snprintf(found.version, sizeof(found.version), "%s", version);
	snprintf(found.flavor_name, sizeof(found.flavor_name), "%s", flavor);
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
