/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "pod.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "json.h"
#include "lease_private.h"
#include "prediction.h"

#define LISTED_MAX 256 /* containers of a pod that are looked at; kubelets run fewer */

/* --- pieces of JSON ------------------------------------------------------------ */

/* NULL unless object is an object that has it. */
static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
		return NULL;
	return value;
}

/* "" unless it is a string without NULs. Borrowed. */
static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return "";
	text = json_object_get_string(value);
	return strlen(text) == (size_t) json_object_get_string_len(value) ? text : "";
}

static size_t length_of(struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	return n < LISTED_MAX ? n : LISTED_MAX;
}

/* --- watts ---------------------------------------------------------------------- */

int wattle_pod_quantity(const char *text, uint32_t *ret)
{
	static const struct { const char *suffix; double factor; } units[] = {
		{ "", 1 },	  { "n", 1e-9 },	 { "u", 1e-6 },		{ "m", 1e-3 },	  { "k", 1e3 },	    { "M", 1e6 },     { "G", 1e9 },
		{ "T", 1e12 },	  { "P", 1e15 },	 { "E", 1e18 },		{ "Ki", 0x1p10 }, { "Mi", 0x1p20 }, { "Gi", 0x1p30 }, { "Ti", 0x1p40 },
		{ "Pi", 0x1p50 }, { "Ei", 0x1p60 },
	};
	const char *end;
	double value;

	if (strnlen(text, 64) == 64 || wattle_decimal_read(text, &end, &value) < 0 || value < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].suffix) != 0)
			continue;
		value = ceil(value * units[i].factor - 1e-6);
		*ret = value < WATTLE_POD_WATTS_MAX ? (uint32_t) (value > 0 ? value : 0) : WATTLE_POD_WATTS_MAX;
		return 0;
	}
	return -EINVAL;
}

/* Of one container; requests are what counts, and are the limits where they are not said. */
static uint64_t container_watts(struct json_object *container, const char *resource)
{
	struct json_object *resources = member(container, "resources");
	const char *text = text_of(member(resources, "requests"), resource);
	uint32_t watts_w = 0;

	if (!*text)
		text = text_of(member(resources, "limits"), resource);
	return *text && wattle_pod_quantity(text, &watts_w) == 0 ? watts_w : 0;
}

/* As the scheduler counts (resource.PodRequests of k8s.io/component-helpers): containers and sidecars run together; before them each init container runs
 * with the sidecars above it; the pod takes the most that is ever needed, and its overhead. */
static uint32_t pod_watts(struct json_object *spec, const char *resource)
{
	struct json_object *inits = member(spec, "initContainers"), *containers = member(spec, "containers");
	uint64_t together_w = 0, sidecars_w = 0, most_w = 0;
	const char *overhead = text_of(member(spec, "overhead"), resource);
	uint32_t overhead_w = 0;

	for (size_t i = 0; i < length_of(containers); i++)
		together_w += container_watts(json_object_array_get_idx(containers, i), resource);
	for (size_t i = 0; i < length_of(inits); i++) {
		struct json_object *init = json_object_array_get_idx(inits, i);
		uint64_t init_w = container_watts(init, resource);

		if (strcmp(text_of(init, "restartPolicy"), "Always") == 0)
			sidecars_w += init_w;
		else if (sidecars_w + init_w > most_w)
			most_w = sidecars_w + init_w;
	}
	if (together_w + sidecars_w > most_w)
		most_w = together_w + sidecars_w;
	if (*overhead && wattle_pod_quantity(overhead, &overhead_w) == 0)
		most_w += overhead_w;
	return most_w < WATTLE_POD_WATTS_MAX ? (uint32_t) most_w : WATTLE_POD_WATTS_MAX;
}

static void take_grant(struct json_object *annotations, struct wattle_pod *pod)
{
	struct json_object *value = member(annotations, WATTLE_POD_GRANT);
	struct wattle_err err = WATTLE_ERR_INIT;

	if (!value)
		return;
	if (wattle_grant_parse(text_of(annotations, WATTLE_POD_GRANT), &pod->grant, &err) < 0) {
		pod->grant.watts_w = 0;
		snprintf(pod->refused, sizeof(pod->refused), "annotation " WATTLE_POD_GRANT ": %.100s: %u W as allocated", err.text,
			 pod->allocated_w);
	} else if (pod->grant.watts_w > pod->allocated_w) {
		snprintf(pod->refused, sizeof(pod->refused), "annotation " WATTLE_POD_GRANT " says %u W, allocated are %u W: it may only lower them",
			 pod->grant.watts_w, pod->allocated_w);
	}
}

static void take_prediction(struct json_object *annotations, struct wattle_pod *pod)
{
	if (!pod->grant.profile[0])
		wattle_prediction_find(text_of(annotations, WATTLE_POD_DECISION), &pod->grant.slowdown_pct, pod->grant.profile);
}

static void take_tightened(struct json_object *annotations, struct wattle_pod *pod)
{
	if (!member(annotations, WATTLE_POD_TIGHTENED))
		return;
	if (wattle_pod_quantity(text_of(annotations, WATTLE_POD_TIGHTENED), &pod->tightened_w) < 0 || pod->tightened_w == 0)
		snprintf(pod->refused, sizeof(pod->refused), "annotation " WATTLE_POD_TIGHTENED " says no watts such as \"200\": it lowers nothing");
}

static uint32_t lower(uint32_t watts_w, uint32_t to_w)
{
	return to_w && to_w < watts_w ? to_w : watts_w;
}

uint32_t wattle_pod_watts(const struct wattle_pod *pod)
{
	return lower(lower(pod->allocated_w, pod->grant.watts_w), pod->tightened_w);
}

/* --- status ---------------------------------------------------------------------- */

static enum wattle_pod_phase phase_of(struct json_object *status)
{
	static const char *const names[] = { "Pending", "Running", "Succeeded", "Failed" };
	const char *phase = text_of(status, "phase");

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(phase, names[i]) == 0)
			return (enum wattle_pod_phase) i;
	return *phase ? WATTLE_POD_UNKNOWN : WATTLE_POD_PENDING;
}

/* The scheduler's binding sets the condition; a pod that names its node itself gets past the scheduler, and counts once the kubelet has taken it. */
static bool is_bound(struct json_object *status)
{
	struct json_object *conditions = member(status, "conditions");

	for (size_t i = 0; i < length_of(conditions); i++) {
		struct json_object *condition = json_object_array_get_idx(conditions, i);

		if (strcmp(text_of(condition, "type"), "PodScheduled") == 0 && strcmp(text_of(condition, "status"), "True") == 0)
			return true;
	}
	return *text_of(status, "startTime") != '\0';
}

static bool has_begun(struct json_object *container_status)
{
	struct json_object *state = member(container_status, "state");

	return member(state, "running") || member(state, "terminated") || member(member(container_status, "lastState"), "terminated");
}

/* True if each of the containers has begun some time. */
static bool take_statuses(struct json_object *statuses, size_t n_containers, struct wattle_pod *pod)
{
	size_t n_begun = 0;

	for (size_t i = 0; i < length_of(statuses); i++) {
		struct json_object *one = json_object_array_get_idx(statuses, i);
		const char *id = text_of(one, "containerID"), *slash = strstr(id, "//");

		n_begun += has_begun(one);
		id = slash ? slash + 2 : id;
		if (strnlen(id, WATTLE_CONTAINER_ID_MAX) != WATTLE_CONTAINER_ID_MAX - 1 || pod->n_ids == WATTLE_POD_CONTAINERS_MAX)
			continue;
		memcpy(pod->id[pod->n_ids++], id, WATTLE_CONTAINER_ID_MAX);
	}
	return n_begun >= n_containers;
}

/* --- the pod --------------------------------------------------------------------- */

static void take_job(struct json_object *labels, struct wattle_pod *pod)
{
	const char *job = text_of(labels, "training.kubeflow.org/job-name"), *role = text_of(labels, "training.kubeflow.org/job-role");
	const char *index = text_of(labels, "training.kubeflow.org/replica-index");
	size_t space = strcspn(pod->name, "/");
	uint32_t number;

	/* names of MPIJobs are labels, so at most 63 */
	if (!*job || strlen(job) > 63 || job[strspn(job, "abcdefghijklmnopqrstuvwxyz0123456789-.")] || job[0] == '.')
		return;
	if (strcmp(role, "worker") != 0 && strcmp(role, "launcher") != 0)
		return;
	snprintf(pod->job, sizeof(pod->job), "%.*s/%s", (int) space, pod->name, job);
	snprintf(pod->role, sizeof(pod->role), "%s", role);
	if (wattle_pod_quantity(index, &number) == 0)
		pod->index = number;
}

static void take_owner(struct json_object *owners, struct wattle_pod *pod)
{
	for (size_t i = 0; i < length_of(owners); i++) {
		struct json_object *owner = json_object_array_get_idx(owners, i);
		const char *uid = text_of(owner, "uid");

		if (json_object_get_boolean(member(owner, "controller")) && lease_pod_named(uid, pod->name))
			snprintf(pod->owner, sizeof(pod->owner), "%s", uid);
	}
}

int wattle_pod_parse(struct json_object *object, struct wattle_pod *ret, struct wattle_err *err)
{
	struct json_object *metadata = member(object, "metadata"), *spec = member(object, "spec"), *status = member(object, "status");
	struct json_object *statuses = member(status, "containerStatuses");
	struct wattle_pod pod = { .phase = phase_of(status) };
	const char *namespace = text_of(metadata, "namespace"), *name = text_of(metadata, "name"), *uid = text_of(metadata, "uid");
	char shown[64];
	bool begun;

	snprintf(pod.uid, sizeof(pod.uid), "%s", uid);
	snprintf(pod.name, sizeof(pod.name), "%s/%s", namespace, name);
	if (strlen(namespace) > 63 || strlen(name) > 253 || strlen(uid) >= sizeof(pod.uid) || !lease_pod_named(pod.uid, pod.name))
		return wattle_err_set(err, EINVAL, "a pod without a believable namespace, name and uid: %s",
				      wattle_err_quote(shown, sizeof(shown), pod.name));
	pod.allocated_w = pod_watts(spec, WATTLE_POD_WATTS);
	if (pod.allocated_w == 0)
		pod.allocated_w = pod_watts(spec, WATTLE_POD_WATTS_ALIAS);
	if (pod.allocated_w) {
		take_grant(member(metadata, "annotations"), &pod);
		take_prediction(member(metadata, "annotations"), &pod);
		take_tightened(member(metadata, "annotations"), &pod);
	}
	pod.bound = is_bound(status);
	pod.deleting = *text_of(metadata, "deletionTimestamp") != '\0';
	begun = take_statuses(statuses, length_of(member(spec, "containers")), &pod);
	take_statuses(member(status, "initContainerStatuses"), 0, &pod);
	take_statuses(member(status, "ephemeralContainerStatuses"), 0, &pod);
	pod.ends = begun && strcmp(text_of(spec, "restartPolicy"), "Never") == 0;
	take_job(member(metadata, "labels"), &pod);
	take_owner(member(metadata, "ownerReferences"), &pod);
	snprintf(pod.node, sizeof(pod.node), "%s", text_of(spec, "nodeName"));
	*ret = pod;
	return 0;
}
