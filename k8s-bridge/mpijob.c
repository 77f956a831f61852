/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpijob.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dig.h"
#include "instant.h"
#include "plan_text.h"
#include "quantity.h"

#define VALUE_MAX 4096            /* bytes of an annotation of ours */
#define CONTAINERS_MAX 64         /* of a pod that are looked at */
#define SECONDS_MAX INT64_C(315360000) /* ten years, as durations everywhere */

/* What a job is being read from. */
struct reading {
	const struct wattle_k8s_site *site;
	struct json_object *object, *worker, *pod; /* pod: the worker's PodSpec */
	uint32_t replicas_min, replicas_max;       /* annotated; 0: not said */
	struct wattle_mpijob *job;
	struct wattle_err *err;
};

static const char *resource_of(const struct wattle_k8s_site *site)
{
	return site->resource ? site->resource : WATTLE_WATTS_RESOURCE;
}

static void copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
}

/* --- words -------------------------------------------------------------------------------------------------------------------------- */

static int set_count(uint32_t *ret, const char *value, struct wattle_err *err)
{
	char quoted[32], *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n < 1 || n > INT32_MAX)
		return wattle_err_set(err, EINVAL, "\"%s\" is no number of workers", wattle_err_quote(quoted, sizeof(quoted), value));
	*ret = (uint32_t) n;
	return 0;
}

static int set_min(struct reading *reading, const char *value)
{
	return set_count(&reading->replicas_min, value, reading->err);
}

static int set_max(struct reading *reading, const char *value)
{
	return set_count(&reading->replicas_max, value, reading->err);
}

static int set_deadline(struct reading *reading, const char *value)
{
	char quoted[48];

	if (wattle_instant_parse(value, &reading->job->submission.deadline_s, NULL) < 0)
		return wattle_err_set(reading->err, EINVAL, "\"%s\" is no moment: say it as 2026-05-08T21:00:00Z",
				      wattle_err_quote(quoted, sizeof(quoted), value));
	return 0;
}

static int set_profile(struct reading *reading, const char *value)
{
	if (wattle_profile_is_path(value))
		return wattle_err_set(reading->err, EINVAL, "files can't be read from here: have the profile put into the site's store, and name it");
	return wattle_request_set(&reading->job->submission.request, "profile", value, reading->err);
}

/* What is not the flow's own word. */
static const struct {
	const char *word;
	int (*set)(struct reading *reading, const char *value);
} words[] = {
	{ "min-replicas", set_min },
	{ "max-replicas", set_max },
	{ "deadline", set_deadline },
	{ "profile", set_profile },
};

static bool is_ours(const char *word)
{
	static const char *const ours[] = {
		WATTLE_ANNOTATION_DECISION, WATTLE_ANNOTATION_GRANT, WATTLE_ANNOTATION_PLAN, WATTLE_ANNOTATION_START, WATTLE_ANNOTATION_ASKED,
		WATTLE_ANNOTATION_HELD,     WATTLE_ANNOTATION_CHECKPOINT,
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(word, ours[i] + sizeof(WATTLE_ANNOTATION) - 1) == 0)
			return true;
	return false;
}

/* -ENOENT: no word that asks for anything. */
static int set_word(struct reading *reading, const char *word, const char *value)
{
	struct wattle_err ignored = WATTLE_ERR_INIT;
	struct wattle_request probe = WATTLE_REQUEST_INIT;
	int rc;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		rc = words[i].set(reading, value);
		if (rc < 0)
			wattle_err_wrap(reading->err, "%s", words[i].word);
		return rc;
	}
	/* an annotation has one spelling, where options have several */
	if (strchr(word, '_') || strcmp(word, "power-cap") == 0 || strcmp(word, "power-profile") == 0 || strcmp(word, "carbon-work") == 0)
		return -ENOENT;
	if (wattle_request_set(&probe, word, value, &ignored) == -ENOENT)
		return -ENOENT;
	return wattle_request_set(&reading->job->submission.request, word, value, reading->err);
}

static int take_annotation(struct reading *reading, const char *key, struct json_object *value)
{
	const char *word = key + sizeof(WATTLE_ANNOTATION) - 1, *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	struct wattle_mpijob *job = reading->job;
	char quoted[64];
	size_t used;
	int rc;

	wattle_err_quote(quoted, sizeof(quoted), word);
	if (is_ours(word))
		return 0;
	if (!text || strlen(text) != (size_t) json_object_get_string_len(value) || strlen(text) >= VALUE_MAX)
		return wattle_err_set(reading->err, EINVAL, WATTLE_ANNOTATION "%s is no text of less than %d bytes", quoted, VALUE_MAX);
	rc = set_word(reading, word, text);
	if (rc == -ENOENT) {
		if (!job->warning[0])
			snprintf(job->warning, sizeof(job->warning), "wattle: " WATTLE_ANNOTATION "%s is not known and says nothing: there are power, "
				 "slowdown, profile, carbon, carbon-within, work, min-replicas, max-replicas, deadline", quoted);
		return 0;
	}
	job->silent = false;
	if (rc < 0)
		return rc;
	used = strlen(job->said);
	snprintf(job->said + used, sizeof(job->said) - used, "%s" WATTLE_ANNOTATION "%s: ", used ? ", " : "", quoted);
	used = strlen(job->said);
	snprintf(job->said + used, sizeof(job->said) - used, "%s", wattle_err_quote(quoted, sizeof(quoted), text));
	return 0;
}

static int read_annotations(struct reading *reading)
{
	struct json_object *annotations = wattle_dig(reading->object, json_type_object, "metadata", "annotations", NULL);
	struct json_object_iterator it, end;
	int rc = 0;

	if (!annotations)
		return 0;
	it = json_object_iter_begin(annotations);
	end = json_object_iter_end(annotations);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
		const char *key = json_object_iter_peek_name(&it);

		if (strncmp(key, WATTLE_ANNOTATION, sizeof(WATTLE_ANNOTATION) - 1) != 0)
			continue;
		/* the first mistake is told, but all are looked at: whether anything was asked must be known */
		if (rc < 0) {
			reading->job->silent = false;
			continue;
		}
		rc = take_annotation(reading, key, json_object_iter_peek_value(&it));
	}
	return rc;
}

/* --- who it is, and whose ------------------------------------------------------------------------------------------------------------ */

static bool in_list(const char *list, const char *name)
{
	const size_t len = strlen(name);

	for (const char *s = list; *s; s += strcspn(s, ","), s += *s == ',') {
		while (*s == ' ')
			s++;
		if (strncmp(s, name, len) == 0 && strchr(", ", s[len]))
			return true;
	}
	return false;
}

static bool kueue_owns(const struct wattle_k8s_site *site, const struct wattle_mpijob *job)
{
	if (!site->kueue)
		return false;
	return job->queue[0] || site->kueue_all || (site->default_queue && site->default_queue(site->arg, job->namespace));
}

static void read_identity(struct reading *reading)
{
	struct json_object *meta = wattle_dig(reading->object, json_type_object, "metadata", NULL);
	struct wattle_mpijob *job = reading->job;
	const char *name = wattle_dig_text(meta, "name");
	size_t len;

	if (!*name)
		name = wattle_dig_text(meta, "generateName");
	copy(job->name, sizeof(job->name), *name ? name : "mpijob");
	len = strlen(job->name);
	if (!*wattle_dig_text(meta, "name") && len > 1 && job->name[len - 1] == '-')
		job->name[len - 1] = '\0';
	copy(job->namespace, sizeof(job->namespace), wattle_dig_text(meta, "namespace"));
	copy(job->uid, sizeof(job->uid), wattle_dig_text(meta, "uid"));
	copy(job->queue, sizeof(job->queue), wattle_dig_meta(reading->object, "labels", WATTLE_KUEUE_QUEUE));
	copy(job->qos, sizeof(job->qos), wattle_dig_meta(reading->object, "labels", "kueue.x-k8s.io/priority-class"));
	job->kueue = kueue_owns(reading->site, job);
	job->gated = in_list(wattle_dig_meta(reading->object, "annotations", WATTLE_KUEUE_GATES), WATTLE_KUEUE_GATE);
}

static void read_policy(struct reading *reading)
{
	struct json_object *policy = wattle_dig(reading->object, json_type_object, "spec", "runPolicy", NULL);
	struct json_object *suspend = wattle_dig(policy, json_type_boolean, "suspend", NULL);
	const char *clean = wattle_dig_text(policy, "cleanPodPolicy");
	struct wattle_mpijob *job = reading->job;
	int64_t limit_s;

	job->suspend_said = suspend != NULL;
	job->suspended = suspend && json_object_get_boolean(suspend);
	job->clean_all = strcmp(clean, "All") == 0;
	job->clean_pods = job->clean_all || strcmp(clean, "Running") == 0;
	if (wattle_dig_int(policy, "activeDeadlineSeconds", &limit_s) && limit_s > 0)
		job->submission.time_limit_s = limit_s < SECONDS_MAX ? limit_s : SECONDS_MAX;
	if (!job->qos[0])
		copy(job->qos, sizeof(job->qos), wattle_dig_text(wattle_dig(policy, json_type_object, "schedulingPolicy", NULL), "priorityClass"));
}

/* --- pods ---------------------------------------------------------------------------------------------------------------------------- */

static bool watts_of(struct json_object *container, const char *section, const char *resource, uint64_t *ret_w, bool *ret_bad)
{
	struct json_object *list = wattle_dig(container, json_type_object, "resources", section, NULL), *value;

	if (!list || !json_object_object_get_ex(list, resource, &value))
		return false;
	if (!wattle_quantity_whole(value, ret_w) || *ret_w > WATTLE_CHARGE_MAX_W) {
		*ret_bad = true;
		return false;
	}
	return true;
}

/* True if a container of the pod, from the index `from` on, names watts. */
static bool others_name_watts(struct json_object *pod, const char *resource, size_t from)
{
	static const char *const lists[] = { "containers", "initContainers" };
	bool bad = false;
	uint64_t w;

	for (size_t l = 0; l < 2; l++) {
		struct json_object *list = wattle_dig(pod, json_type_array, lists[l], NULL);
		size_t n = list ? json_object_array_length(list) : 0;

		for (size_t i = l == 0 ? from : 0; i < n && i < CONTAINERS_MAX; i++) {
			struct json_object *container = json_object_array_get_idx(list, i);

			if (watts_of(container, "limits", resource, &w, &bad) || watts_of(container, "requests", resource, &w, &bad) || bad)
				return true;
		}
	}
	return false;
}

static uint32_t cpus_of(struct json_object *pod)
{
	struct json_object *list = wattle_dig(pod, json_type_array, "containers", NULL);
	size_t n = list ? json_object_array_length(list) : 0;
	uint64_t sum_milli = 0, milli;

	for (size_t i = 0; i < n && i < CONTAINERS_MAX; i++) {
		struct json_object *resources = wattle_dig(json_object_array_get_idx(list, i), json_type_object, "resources", NULL), *value;
		struct json_object *requests = wattle_dig(resources, json_type_object, "requests", NULL);
		struct json_object *limits = wattle_dig(resources, json_type_object, "limits", NULL);

		/* what is not requested is requested as it is limited */
		if (!(requests && json_object_object_get_ex(requests, "cpu", &value)) && !(limits && json_object_object_get_ex(limits, "cpu", &value)))
			continue;
		if (wattle_quantity_milli(value, &milli) && milli < UINT32_MAX)
			sum_milli += milli;
	}
	sum_milli = (sum_milli + 999) / 1000;
	return sum_milli < UINT16_MAX ? (uint32_t) sum_milli : UINT16_MAX;
}

static int read_watts(struct reading *reading, struct json_object *container)
{
	const char *resource = resource_of(reading->site);
	struct json_object *launcher = wattle_dig(reading->object, json_type_object, "spec", "mpiReplicaSpecs", "Launcher", "template", "spec", NULL);
	struct wattle_mpijob *job = reading->job;
	uint64_t limits_w = 0, requests_w = 0;
	bool bad = false, limits, requests;

	limits = watts_of(container, "limits", resource, &limits_w, &bad);
	requests = watts_of(container, "requests", resource, &requests_w, &bad);
	if (bad)
		return wattle_err_set(reading->err, EINVAL, "resource %s of the workers is no whole number of watts", resource);
	if (limits && requests && limits_w != requests_w)
		return wattle_err_set(reading->err, EINVAL, "resource %s: the workers request %" PRIu64 ", their limit is %" PRIu64 ": say one of them", resource,
				      requests_w, limits_w);
	job->watts_w = (uint32_t) (limits ? limits_w : requests_w);
	if (others_name_watts(launcher, resource, 0) || others_name_watts(reading->pod, resource, 1))
		return wattle_err_set(reading->err, EINVAL, "resource %s stands on another container than the workers' first: that one alone is "
				      "capped", resource);
	if (wattle_grant_parse(wattle_dig_meta(reading->object, "annotations", WATTLE_ANNOTATION_GRANT), &job->grant, NULL) < 0)
		job->grant = (struct wattle_grant){ 0 };
	job->watts_granted = job->watts_w > 0 && job->grant.watts_w == job->watts_w;
	return 0;
}

/* Watts that a user wrote there himself are a request as good as any, and must not contradict his words. */
static void take_watts(struct wattle_mpijob *job, const char *resource)
{
	struct wattle_submission *submission = &job->submission;

	if (job->watts_w == 0 || (job->watts_granted && job->grant.defaulted))
		return;
	if (!wattle_request_names_watts(&submission->request)) {
		submission->request.power = (struct wattle_watts){ WATTLE_WATTS_PER_NODE, job->watts_w };
		snprintf(job->said, sizeof(job->said), "resource %s: %" PRIu32, resource, job->watts_w);
		job->silent = false;
		return;
	}
	if (job->watts_granted)
		return;
	snprintf(job->resource, sizeof(job->resource), "resource %s", resource);
	submission->per_node_name = job->resource;
	submission->per_node_w = job->watts_w;
}

static int read_workers(struct reading *reading)
{
	struct wattle_mpijob *job = reading->job;
	struct json_object *containers;
	int64_t n = 0;

	reading->worker = wattle_dig(reading->object, json_type_object, "spec", "mpiReplicaSpecs", "Worker", NULL);
	reading->pod = wattle_dig(reading->worker, json_type_object, "template", "spec", NULL);
	containers = wattle_dig(reading->pod, json_type_array, "containers", NULL);
	/* the operator takes a missing number for none */
	if (!containers || json_object_array_length(containers) == 0 || !wattle_dig_int(reading->worker, "replicas", &n) || n < 1)
		return wattle_err_set(reading->err, EPROTO, "an MPIJob without workers draws no watts that could be capped");
	if (n > INT32_MAX)
		return wattle_err_set(reading->err, EINVAL, "%" PRId64 " workers are no number of workers", n);
	job->replicas = (uint32_t) n;
	copy(job->container, sizeof(job->container), wattle_dig_text(json_object_array_get_idx(containers, 0), "name"));
	return read_watts(reading, json_object_array_get_idx(containers, 0));
}

static int read_facts(struct reading *reading)
{
	struct wattle_mpijob *job = reading->job;
	struct wattle_facts *facts = &job->submission.facts;
	uint32_t min = reading->replicas_min, max = reading->replicas_max;
	int64_t slots = 1;

	/* a range that is upside down is the flow's to refuse */
	if ((!min || !max || min <= max) && ((max && job->replicas > max) || (min && job->replicas < min)))
		return wattle_err_set(reading->err, EINVAL, "%" PRIu32 " workers are outside of " WATTLE_ANNOTATION "min-replicas and max-replicas, %" PRIu32
				      "-%" PRIu32, job->replicas, min ? min : 1, max ? max : job->replicas);
	facts->nodes_min = min ? min : max ? 1 : job->replicas;
	facts->nodes_max = max ? max : job->replicas;
	wattle_dig_int(wattle_dig(reading->object, json_type_object, "spec", NULL), "slotsPerWorker", &slots);
	facts->tasks_per_node = slots < 1 ? 1 : slots < UINT16_MAX ? (uint32_t) slots : UINT16_MAX;
	facts->cpus_per_node = cpus_of(reading->pod);
	if (reading->site->nodes)
		facts->n_classes = wattle_nodes_classes(reading->site->nodes, reading->site->conf, reading->pod, job->classes, &job->n_powered);
	facts->classes = job->classes;
	if (job->queue[0] && wattle_siteconf_partition(reading->site->conf, job->queue))
		facts->partitions = job->queue;
	return 0;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (const char *s = text; *s; s++)
		hash = (hash ^ (unsigned char) *s) * UINT64_C(0x100000001b3); /* FNV-1a */
	return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

int wattle_mpijob_read(struct json_object *object, const struct wattle_k8s_site *site, int64_t now_s, struct wattle_mpijob *ret,
		       struct wattle_err *err)
{
	struct reading reading = { .site = site, .object = object, .job = ret, .err = err };
	struct wattle_submission *submission = &ret->submission;
	int64_t created_s;
	int words_rc, rc;

	memset(ret, 0, sizeof(*ret));
	ret->silent = true;
	ret->replicas = 1;
	if (strcmp(wattle_dig_text(object, "kind"), "MPIJob") != 0 || !wattle_dig(object, json_type_object, "metadata", NULL))
		return wattle_err_set(err, EPROTO, "this is no MPIJob");
	read_identity(&reading);
	words_rc = read_annotations(&reading);
	read_policy(&reading);
	if (words_rc < 0) {
		reading.err = NULL;
		read_workers(&reading);
		return words_rc;
	}
	if ((rc = read_workers(&reading)) < 0)
		return rc;
	take_watts(ret, resource_of(site));
	if ((rc = read_facts(&reading)) < 0)
		return rc;
	submission->said = ret->said;
	submission->name = ret->name;
	submission->qos = ret->qos[0] ? ret->qos : NULL;
	submission->now_s = now_s;
	if (wattle_instant_parse(wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "creationTimestamp"), &created_s, NULL) == 0)
		submission->now_s = created_s;
	submission->resizable = true;
	submission->seed = hash_text(hash_text(HASH_START, ret->namespace), ret->name);
	return 0;
}

void wattle_mpijob_rule(struct json_object *object, const struct wattle_k8s_site *site, int64_t now_s, struct wattle_mpijob *job,
			struct wattle_ruling *ret)
{
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = wattle_mpijob_read(object, site, now_s, job, &ret->why);
	ret->replicas = job->replicas;
	ret->untouched = job->silent && (rc == -EPROTO || (rc == 0 && job->n_powered == 0));
	if (ret->untouched)
		return;
	if (rc == 0)
		rc = wattle_flow_decide(site->sources, site->conf, &job->submission, &ret->verdict, &ret->why);
	if (rc < 0) {
		ret->refused = true;
		return;
	}
	if (ret->verdict.carbon.mode != WATTLE_CARBON_OFF && ret->verdict.carbon.start_s > now_s)
		ret->start_s = ret->verdict.carbon.start_s;
	if (ret->verdict.carbon.mode == WATTLE_CARBON_SCALE)
		ret->replicas = ret->verdict.decision.nodes_max;
}

/* --- what there is to decide on --------------------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

#define DIGEST_KEYS_MAX 64

int64_t wattle_mpijob_stop_at(struct json_object *object, int64_t now_s, int64_t recent_s, bool *ret_tell)
{
	struct wattle_plan_steps plan;
	int64_t told_s;

	*ret_tell = false;
	if (wattle_plan_text_parse(wattle_dig_meta(object, "annotations", WATTLE_ANNOTATION_PLAN), &plan, NULL) < 0)
		return now_s;
	if (wattle_instant_parse(wattle_dig_meta(object, "annotations", WATTLE_ANNOTATION_CHECKPOINT), &told_s, NULL) == 0 && told_s > now_s - recent_s &&
	    told_s <= now_s + WATTLE_CHECKPOINT_LEAD_S)
		return told_s;
	*ret_tell = true;
	return now_s + (plan.overhead_s < WATTLE_CHECKPOINT_LEAD_S ? plan.overhead_s : WATTLE_CHECKPOINT_LEAD_S);
}

void wattle_mpijob_digest(struct json_object *object, char ret[17])
{
	struct json_object *annotations = wattle_dig(object, json_type_object, "metadata", "annotations", NULL);
	struct json_object *policy = wattle_dig(object, json_type_object, "spec", "runPolicy", NULL);
	struct json_object *worker = wattle_dig(object, json_type_object, "spec", "mpiReplicaSpecs", "Worker", NULL);
	const char *keys[DIGEST_KEYS_MAX];
	uint64_t hash = HASH_START;
	int64_t limit_s = 0, replicas = 0;
	char numbers[64];
	size_t n = 0;

	if (annotations) {
		struct json_object_iterator it = json_object_iter_begin(annotations), end = json_object_iter_end(annotations);

		for (; !json_object_iter_equal(&it, &end) && n < DIGEST_KEYS_MAX; json_object_iter_next(&it)) {
			const char *key = json_object_iter_peek_name(&it);

			if (strncmp(key, WATTLE_ANNOTATION, sizeof(WATTLE_ANNOTATION) - 1) == 0 && !is_ours(key + sizeof(WATTLE_ANNOTATION) - 1))
				keys[n++] = key;
		}
	}
	qsort(keys, n, sizeof(*keys), by_text);
	for (size_t i = 0; i < n; i++)
		hash = hash_text(hash_text(hash, keys[i]), wattle_dig_text(annotations, keys[i]));
	wattle_dig_int(policy, "activeDeadlineSeconds", &limit_s);
	/* between min and max the number is ours to choose */
	if (!*wattle_dig_meta(object, "annotations", WATTLE_ANNOTATION "min-replicas") &&
	    !*wattle_dig_meta(object, "annotations", WATTLE_ANNOTATION "max-replicas"))
		wattle_dig_int(worker, "replicas", &replicas);
	snprintf(numbers, sizeof(numbers), "%" PRId64 " %" PRId64, limit_s, replicas);
	hash = hash_text(hash_text(hash, numbers), wattle_dig_meta(object, "labels", WATTLE_KUEUE_QUEUE));
	snprintf(ret, 17, "%016" PRIx64, hash);
}
