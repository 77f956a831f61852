/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kueue_workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dig.h"
#include "instant.h"
#include "mpijob.h"
#include "quantity.h"

/* --- what a workload says --------------------------------------------------------------------------------------------------------------- */

static struct json_object *meta_of(struct json_object *object)
{
	return wattle_dig(object, json_type_object, "metadata", NULL);
}

static struct json_object *at(struct json_object *list, size_t i)
{
	return json_object_array_get_idx(list, i);
}

static bool leads_to(struct json_object *local_queues, struct json_object *workload, const char *cluster_queue)
{
	const char *name = wattle_dig_text(wattle_dig(workload, json_type_object, "spec", NULL), "queueName");
	const char *namespace = wattle_dig_text(meta_of(workload), "namespace");
	struct json_object *items = wattle_dig(local_queues, json_type_array, "items", NULL);

	for (size_t i = 0; i < wattle_dig_length(items); i++) {
		struct json_object *queue = at(items, i), *meta = meta_of(queue);

		if (strcmp(wattle_dig_text(meta, "name"), name) == 0 && strcmp(wattle_dig_text(meta, "namespace"), namespace) == 0)
			return strcmp(wattle_dig_text(wattle_dig(queue, json_type_object, "spec", NULL), "clusterQueue"), cluster_queue) == 0;
	}
	return false;
}

static bool has_condition(struct json_object *workload, const char *type)
{
	struct json_object *list = wattle_dig(workload, json_type_array, "status", "conditions", NULL);

	for (size_t i = 0; i < wattle_dig_length(list); i++)
		if (strcmp(wattle_dig_text(at(list, i), "type"), type) == 0)
			return strcmp(wattle_dig_text(at(list, i), "status"), "True") == 0;
	return false;
}

static bool is_active(struct json_object *workload)
{
	struct json_object *active = wattle_dig(workload, json_type_boolean, "spec", "active", NULL);

	return !active || json_object_get_boolean(active);
}

static int64_t moment_of(struct json_object *workload, const char *annotation)
{
	int64_t at_s = 0;

	return wattle_instant_parse(wattle_dig_meta(workload, "annotations", annotation), &at_s, NULL) == 0 ? at_s : 0;
}

static uint64_t pod_watts(struct json_object *spec, const char *resource)
{
	struct json_object *containers = wattle_dig(spec, json_type_array, "containers", NULL);
	uint64_t sum_w = 0;

	for (size_t c = 0; c < wattle_dig_length(containers); c++) {
		uint64_t w = wattle_quantity_of(wattle_dig(at(containers, c), json_type_object, "resources", "requests", NULL), resource);

		sum_w += w <= INT32_MAX ? w : 0;
	}
	return sum_w;
}

static uint64_t wanted(struct json_object *workload, const char *resource)
{
	struct json_object *sets = wattle_dig(workload, json_type_array, "spec", "podSets", NULL);
	uint64_t sum_w = 0;

	for (size_t s = 0; s < wattle_dig_length(sets); s++) {
		int64_t count = 0;

		wattle_dig_int(at(sets, s), "count", &count);
		if (count > 0 && count <= INT32_MAX)
			sum_w += (uint64_t) count * pod_watts(wattle_dig(at(sets, s), json_type_object, "template", "spec", NULL), resource);
	}
	return sum_w;
}

uint64_t wattle_kueue_counted(struct json_object *workload, const char *flavor, const char *resource)
{
	struct json_object *list = wattle_dig(workload, json_type_array, "status", "admission", "podSetAssignments", NULL);
	uint64_t sum_w = 0;

	for (size_t i = 0; i < wattle_dig_length(list); i++)
		if (!flavor || strcmp(wattle_dig_text(wattle_dig(at(list, i), json_type_object, "flavors", NULL), resource), flavor) == 0)
			sum_w += wattle_quantity_of(wattle_dig(at(list, i), json_type_object, "resourceUsage", NULL), resource);
	return sum_w;
}

/* --- what waits ------------------------------------------------------------------------------------------------------------------------- */

/* One that the ledger stopped wants its watts back: else nobody would ever give it any. */
static bool waits(struct json_object *workload)
{
	return !has_condition(workload, "QuotaReserved") && !has_condition(workload, "Finished") &&
	       (is_active(workload) || moment_of(workload, WATTLE_ANNOTATION_EVICTED)) && !*wattle_dig_meta(workload, "annotations", WATTLE_KUEUE_GATES);
}

uint64_t wattle_kueue_waiting(struct json_object *workloads, struct json_object *local_queues, const char *cluster_queue, const char *resource)
{
	struct json_object *items = wattle_dig(workloads, json_type_array, "items", NULL);
	uint64_t sum_w = 0;

	for (size_t i = 0; i < wattle_dig_length(items); i++)
		if (waits(at(items, i)) && leads_to(local_queues, at(items, i), cluster_queue))
			sum_w += wanted(at(items, i), resource);
	return sum_w;
}

/* --- those of the queue ------------------------------------------------------------------------------------------------------------------ */

static void take_owner(struct json_object *workload, struct wattle_kueue_workload *ret)
{
	struct json_object *owners = wattle_dig(workload, json_type_array, "metadata", "ownerReferences", NULL);

	for (size_t i = 0; i < wattle_dig_length(owners); i++) {
		struct json_object *controls = wattle_dig(at(owners, i), json_type_boolean, "controller", NULL);

		if (!controls || !json_object_get_boolean(controls))
			continue;
		snprintf(ret->owner_api, sizeof(ret->owner_api), "%s", wattle_dig_text(at(owners, i), "apiVersion"));
		snprintf(ret->owner_kind, sizeof(ret->owner_kind), "%s", wattle_dig_text(at(owners, i), "kind"));
		snprintf(ret->owner_name, sizeof(ret->owner_name), "%s", wattle_dig_text(at(owners, i), "name"));
		snprintf(ret->owner_uid, sizeof(ret->owner_uid), "%s", wattle_dig_text(at(owners, i), "uid"));
	}
}

/* False: it is none of this queue's, or nothing is to be known of it. */
static bool take(struct json_object *workload, struct json_object *local_queues, const char *cluster_queue, const char *flavor, const char *resource,
		 struct wattle_kueue_workload *ret)
{
	struct json_object *meta = meta_of(workload), *spec = wattle_dig(workload, json_type_object, "spec", NULL);
	bool admitted = strcmp(wattle_dig_text(wattle_dig(workload, json_type_object, "status", "admission", NULL), "clusterQueue"), cluster_queue) == 0;

	memset(ret, 0, sizeof(*ret));
	ret->tightened_s = moment_of(workload, WATTLE_ANNOTATION_TIGHTENED);
	ret->evicted_s = moment_of(workload, WATTLE_ANNOTATION_EVICTED);
	ret->reserved_w = admitted ? wattle_kueue_counted(workload, flavor, resource) : 0;
	if (ret->reserved_w == 0 && !((ret->tightened_s || ret->evicted_s) && leads_to(local_queues, workload, cluster_queue)))
		return false;
	if (has_condition(workload, "Finished"))
		return false;
	snprintf(ret->namespace, sizeof(ret->namespace), "%s", wattle_dig_text(meta, "namespace"));
	snprintf(ret->name, sizeof(ret->name), "%s", wattle_dig_text(meta, "name"));
	snprintf(ret->version, sizeof(ret->version), "%s", wattle_dig_text(meta, "resourceVersion"));
	take_owner(workload, ret);
	wattle_dig_int(spec, "priority", &ret->priority);
	if (wattle_instant_parse(wattle_dig_text(meta, "creationTimestamp"), &ret->created_s, NULL) < 0)
		ret->created_s = 0;
	ret->active = is_active(workload);
	ret->wanted_w = wanted(workload, resource);
	ret->leaving = ret->reserved_w > 0 && (!ret->active || has_condition(workload, "Evicted"));
	return true;
}

bool wattle_kueue_workloads_read(struct json_object *workloads, struct json_object *local_queues, const char *cluster_queue, const char *flavor,
				 const char *resource, struct wattle_kueue_workloads *ret)
{
	struct json_object *items = wattle_dig(workloads, json_type_array, "items", NULL);
	size_t room = 0;

	*ret = (struct wattle_kueue_workloads){ 0, NULL };
	for (size_t i = 0; i < wattle_dig_length(items); i++) {
		struct wattle_kueue_workload one, *more;

		if (!take(at(items, i), local_queues, cluster_queue, flavor, resource, &one))
			continue;
		if (ret->n == room) {
			room = room ? room * 2 : 16;
			more = realloc(ret->item, room * sizeof(*more));
			if (!more) {
				wattle_kueue_workloads_free(ret);
				return false;
			}
			ret->item = more;
		}
		ret->item[ret->n++] = one;
	}
	return true;
}

void wattle_kueue_workloads_free(struct wattle_kueue_workloads *set)
{
	free(set->item);
	*set = (struct wattle_kueue_workloads){ 0, NULL };
}

/* --- who is stopped, who comes back -------------------------------------------------------------------------------------------------------- */

/* Whom to stop first: less than 0 for a. */
static int by_turn(const void *a, const void *b)
{
	const struct wattle_kueue_workload *x = a, *y = b;
	int order;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->created_s != y->created_s)
		return x->created_s > y->created_s ? -1 : 1;
	order = strcmp(y->namespace, x->namespace);
	return order ? order : strcmp(y->name, x->name);
}

static bool may_stop(const struct wattle_kueue_workload *workload)
{
	return workload->reserved_w > 0 && workload->active && !workload->leaving;
}

static void to_front(struct wattle_kueue_workloads *set, size_t from, size_t to)
{
	struct wattle_kueue_workload one = set->item[from];

	memmove(&set->item[to + 1], &set->item[to], (from - to) * sizeof(one));
	set->item[to] = one;
}

size_t wattle_kueue_victims(struct wattle_kueue_workloads *set, uint64_t excess_w)
{
	uint64_t freed_w = 0;
	size_t n = 0;

	if (set->n > 1)
		qsort(set->item, set->n, sizeof(*set->item), by_turn);
	for (size_t i = 0; i < set->n && freed_w < excess_w; i++) {
		if (!may_stop(&set->item[i]))
			continue;
		freed_w += set->item[i].reserved_w;
		to_front(set, i, n++);
	}
	/* the last ones may have been large enough to spare some of the first: those who are to be spared longest are */
	for (size_t i = n; i-- > 0 && freed_w > excess_w;) {
		uint64_t w = set->item[i].reserved_w;

		if (freed_w - w < excess_w)
			continue;
		freed_w -= w;
		for (size_t k = i; k + 1 < n; k++)
			to_front(set, k + 1, k);
		n--;
	}
	return n;
}

const struct wattle_kueue_workload *wattle_kueue_returner(const struct wattle_kueue_workloads *set)
{
	const struct wattle_kueue_workload *best = NULL;

	for (size_t i = 0; i < set->n; i++)
		if (set->item[i].evicted_s && (set->item[i].active || set->item[i].reserved_w == 0) && (!best || by_turn(&set->item[i], best) > 0))
			best = &set->item[i];
	return best;
}

/* --- patches ----------------------------------------------------------------------------------------------------------------------------- */

static struct json_object *child(struct json_object *parent, const char *key)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(parent, key, object);
	return object;
}

static struct json_object *moment(int64_t at_s)
{
	char text[WATTLE_INSTANT_SIZE];

	return at_s ? json_object_new_string(wattle_instant_format(at_s, text)) : NULL;
}

struct json_object *wattle_kueue_mark_patch(int64_t at_s)
{
	struct json_object *patch = json_object_new_object();

	if (patch)
		json_object_object_add(child(child(patch, "metadata"), "annotations"), WATTLE_ANNOTATION_TIGHTENED, moment(at_s));
	return patch;
}

struct json_object *wattle_kueue_stop_patch(const struct wattle_kueue_workload *workload, int64_t at_s)
{
	struct json_object *patch = json_object_new_object(), *meta = patch ? child(patch, "metadata") : NULL;

	if (!patch)
		return NULL;
	json_object_object_add(meta, "resourceVersion", json_object_new_string(workload->version));
	json_object_object_add(child(meta, "annotations"), WATTLE_ANNOTATION_EVICTED, moment(at_s));
	json_object_object_add(child(patch, "spec"), "active", json_object_new_boolean(at_s == 0));
	return patch;
}

static bool has_ended(struct json_object *pod)
{
	const char *phase = wattle_dig_text(wattle_dig(pod, json_type_object, "status", NULL), "phase");

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0 || *wattle_dig_text(meta_of(pod), "deletionTimestamp");
}

bool wattle_kueue_pod_patch(struct json_object *pod, const char *resource, uint64_t limit_w, uint64_t used_w, struct json_object **ret_patch)
{
	struct json_object *annotations = wattle_dig(pod, json_type_object, "metadata", "annotations", NULL), *meta;
	uint64_t w = pod_watts(wattle_dig(pod, json_type_object, "spec", NULL), resource);
	char text[32] = "";

	*ret_patch = NULL;
	if (has_ended(pod))
		return true;
	if (used_w > 0 && w > 0) {
		w = limit_w < used_w ? (uint64_t) ((double) w * (double) limit_w / (double) used_w) : w;
		snprintf(text, sizeof(text), "%" PRIu64, w > 0 ? w : 1);
	}
	if (text[0] ? strcmp(wattle_dig_text(annotations, WATTLE_ANNOTATION_TIGHTENED), text) == 0 :
		      !annotations || !json_object_object_get_ex(annotations, WATTLE_ANNOTATION_TIGHTENED, NULL))
		return true;
	*ret_patch = json_object_new_object();
	if (!*ret_patch)
		return false;
	meta = child(*ret_patch, "metadata");
	json_object_object_add(meta, "uid", json_object_new_string(wattle_dig_text(meta_of(pod), "uid")));
	json_object_object_add(child(meta, "annotations"), WATTLE_ANNOTATION_TIGHTENED, text[0] ? json_object_new_string(text) : NULL);
	return true;
}
