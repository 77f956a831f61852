/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MPIJobs. Each time one is seen it is asked what the one next step is, from what stands in it alone; the answer to that step is the next sight.
 * One request at a time for each job. Nothing is remembered that decides anything: steps repeat harmlessly, whoever takes them.
 *
 *     not decided ──► running already, young: hold ──► words and watts ──► size, while it is held ──► its start ──► release, or Kueue's gate
 *     refused ──► words ──► hold ──► a condition in its status
 *     a scaled job at the end of a slot ──► told to checkpoint ──► hold ──► size ──► release
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bridge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "dig.h"
#include "instant.h"
#include "kube_event.h"
#include "log.h"
#include "mutate.h"
#include "plan_text.h"

#define JOBS "/apis/kubeflow.org/v2beta1/mpijobs"
#define MANAGER BRIDGE_NAME           /* of words and watts */
#define MANAGER_HOLD BRIDGE_NAME "-hold" /* of suspend: what one manager leaves out is taken away, so each thing has its own */
#define MANAGER_SIZE BRIDGE_NAME "-size"
#define MANAGER_STATUS BRIDGE_NAME "-status"
#define YOUNG_S 120     /* a job that has run for less loses nothing by being started again */
#define TELL_S 300      /* older decisions were told before */
#define BUSY_MAX 8192   /* jobs with a request on its way or waiting for its turn: what waits is a patch, a KB or so */
#define ROW_MAX 8       /* steps in a row that changed nothing that lasts: somebody undoes them */
#define ROW_PAUSE_S 60.0
#define REFUSED_S 300   /* looked at anew: a profile may have come */
#define NODES_S 10.0    /* between looks that changes of nodes cause */

enum step { STEP_NONE, STEP_LOOK, STEP_HOLD, STEP_DECIDE, STEP_SIZE, STEP_RELEASE, STEP_UNGATE, STEP_FORGET, STEP_WARN, STEP_QUOTA, STEP_MARK, STEP_ACTIVE, STEP_CONDITION };

static const char *const step_says[] = { "", "look", "be suspended", "get", "be resized to", "be started", "be ungated",
					  "be left to who started it", "be told to checkpoint", "have its quota looked at",
					  "be stopped: Kueue counts no watts for it", "have its workload stopped or started", "have it said in its status" };

struct job {
	struct bridge *bridge;
	struct wattle_kube_request *request;
	enum bridge_job_state state;
	enum step step;          /* of the request */
	bool dirty, told, told_late;
	bool counted;            /* Kueue has its watts in the quota, since it last was suspended */
	bool quota_marked;       /* … it has not: to be stopped */
	bool repaired;           /* once is enough: a site may leave watts out of its quotas */
	uint8_t row;             /* steps since it last had nothing to do */
	uint32_t failures;
	int64_t start_s;         /* look again then, Unix time; 0: no need */
	double retry_s;          /* and then, monotonic */
	double seen_s;           /* since when there is something to do; 0: nothing */
	uint64_t version, need_w; /* need_w: that Kueue must count */
	char uid[40];
	char key[];
};

/* --- what is seen ------------------------------------------------------------------------- */

static uint64_t version_of(struct json_object *object)
{
	return strtoull(wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "resourceVersion"), NULL, 10);
}

/* A condition of its status that is True. */
static bool condition(struct json_object *object, const char *type)
{
	struct json_object *list = wattle_dig(object, json_type_array, "status", "conditions", NULL);

	for (size_t i = 0; list && i < json_object_array_length(list) && i < 64; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (strcmp(wattle_dig_text(one, "type"), type) == 0)
			return strcmp(wattle_dig_text(one, "status"), "True") == 0;
	}
	return false;
}

static bool has_pods(struct json_object *object)
{
	int64_t workers = 0, launcher = 0;

	wattle_dig_int(wattle_dig(object, json_type_object, "status", "replicaStatuses", "Worker", NULL), "active", &workers);
	wattle_dig_int(wattle_dig(object, json_type_object, "status", "replicaStatuses", "Launcher", NULL), "active", &launcher);
	return workers > 0 || launcher > 0;
}

static bool ended(struct json_object *object)
{
	return condition(object, "Succeeded") || condition(object, "Failed") ||
	       wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "deletionTimestamp")[0];
}

/* By the clock that stamped it: ours may be wrong. */
static int64_t age_s(const struct bridge *bridge, struct json_object *object, int64_t now_s)
{
	int64_t created_s;

	if (wattle_instant_parse(wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "creationTimestamp"), &created_s, NULL) < 0)
		return 0;
	return now_s - wattle_kube_stats(bridge->kube)->ahead_s - created_s;
}

/* Did we suspend it by server-side apply? Else admission did, in the name of whoever made the job. */
static bool applied_hold(struct json_object *object)
{
	struct json_object *list = wattle_dig(object, json_type_array, "metadata", "managedFields", NULL);

	for (size_t i = 0; list && i < json_object_array_length(list) && i < 64; i++)
		if (strcmp(wattle_dig_text(json_object_array_get_idx(list, i), "manager"), MANAGER_HOLD) == 0)
			return true;
	return false;
}

static const char *annotation(struct json_object *object, const char *key)
{
	return wattle_dig_meta(object, "annotations", key);
}

/* It stands there, whole, for what its user asks now. A refusal is always looked at anew: site, nodes or profiles may have changed. */
static bool granted(struct json_object *object, const struct wattle_mpijob *job)
{
	char digest[17];

	wattle_mpijob_digest(object, digest);
	return strcmp(annotation(object, WATTLE_ANNOTATION_ASKED), digest) == 0 && job->watts_granted && job->clean_pods;
}

/* What the plan of a scaled job says for now. */
struct slot {
	bool planned;        /* there is a plan, and it is not over */
	uint32_t replicas;   /* 0: a pause */
	int64_t next_s;      /* when that changes; 0: not any more */
	int64_t lead_s;
};

static struct slot slot_at(struct json_object *object, int64_t now_s)
{
	const char *text = annotation(object, WATTLE_ANNOTATION_PLAN);
	struct wattle_plan_steps plan;
	struct slot slot = { false, 0, 0, 0 };
	uint32_t i = 0;

	if (!text[0] || wattle_plan_text_parse(text, &plan, NULL) < 0 || now_s >= plan.end_s)
		return slot;
	while (i + 1 < plan.n && plan.step[i + 1].from_s <= now_s)
		i++;
	slot = (struct slot){ true, plan.step[i].nodes, 0, plan.overhead_s < WATTLE_CHECKPOINT_LEAD_S ? plan.overhead_s : WATTLE_CHECKPOINT_LEAD_S };
	for (uint32_t k = i + 1; k < plan.n && slot.next_s == 0; k++)
		if (plan.step[k].nodes != slot.replicas)
			slot.next_s = plan.step[k].from_s;
	return slot;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell(const struct job *job, bool warning, const char *reason, const char *text)
{
	char namespace[64];
	const char *slash = strchr(job->key, '/');
	struct wattle_kube_ref about = { "kubeflow.org/v2beta1", "MPIJob", namespace, slash ? slash + 1 : job->key, job->uid };

	snprintf(namespace, sizeof(namespace), "%.*s", slash ? (int) (slash - job->key) : 0, job->key);
	wattle_log(warning ? WATTLE_LOG_WARNING : WATTLE_LOG_INFO, "mpijob %s: %s", job->key, text);
	if (!job->bridge->dry_run)
		wattle_kube_event(job->bridge->kube, BRIDGE_NAME, &about, warning, reason, text);
}

/* Once a decision, in this process's life, and not of what stood there long before. */
static void tell_decision(struct job *job, struct json_object *object, int64_t now_s, int64_t start_s)
{
	const char *text = annotation(object, WATTLE_ANNOTATION_DECISION);
	bool refused = job->state == BRIDGE_JOB_REFUSED;

	if (job->told || !text[0])
		return;
	job->told = true;
	if (age_s(job->bridge, object, now_s) < TELL_S)
		tell(job, refused, refused ? "PowerRefused" : start_s > now_s ? "StartDeferred" : "PowerGranted", text);
}

/* --- steps ---------------------------------------------------------------------------------------- */

static void look(struct job *job, struct json_object *object);
static void ask(struct job *job);
static void on_workloads(struct job *job, struct json_object *list);

static void count_time(struct bridge *bridge, double took_s)
{
	static const double bounds[BRIDGE_N_BUCKETS] = BRIDGE_BUCKETS;
	size_t i = 0;

	while (i < BRIDGE_N_BUCKETS && took_s > bounds[i])
		i++;
	bridge->counts.bucket[i]++;
	bridge->counts.took_s += took_s;
	bridge->counts.took_n++;
}

static void retry(struct job *job, double s)
{
	job->retry_s = bridge_now_s() + s;
}

static void on_step(void *arg, int status, struct json_object *body, const char *why)
{
	struct job *job = arg;
	struct bridge *bridge = job->bridge;
	enum step step = job->step;

	job->request = NULL;
	job->step = STEP_NONE;
	bridge->busy--;
	if (status == 200 && body) {
		job->failures = 0;
		if (step == STEP_DECIDE && job->seen_s > 0)
			count_time(bridge, bridge_now_s() - job->seen_s);
		bridge->counts.held += step == STEP_HOLD;
		bridge->counts.released += step == STEP_RELEASE || step == STEP_UNGATE;
		if (step == STEP_RELEASE || step == STEP_UNGATE)
			tell(job, false, "Released", step == STEP_UNGATE ? "it may start: its gate is open" : "it may start: suspend is taken away");
		if (step == STEP_QUOTA) {
			on_workloads(job, body);
			return;
		}
		if (step == STEP_ACTIVE) { /* the answer is a Workload */
			retry(job, 0.5);
			return;
		}
		/* a change that came meanwhile is in this answer, or it is younger */
		if (job->dirty && job->version > version_of(body)) {
			ask(job);
			return;
		}
		job->dirty = false;
		look(job, body);
		return;
	}
	if (status == 404)
		return; /* its end will be told */
	if (status == 409 && step == STEP_RELEASE)
		tell(job, false, "LeftSuspended", "it might start, but somebody else has set suspend too: it is left to them");
	else if (status != 409) {
		bridge->counts.failed++;
		wattle_log(WATTLE_LOG_WARNING, "mpijob %s could not %s: %s", job->key, step_says[step], why);
	}
	job->failures++;
	retry(job, status == 409 && step != STEP_RELEASE && job->failures < 5 ? 0.2 : job->failures < 8 ? 1.0 * (1 << job->failures) : 300);
}

static char *path_of(const struct job *job, const char *query)
{
	const char *slash = strchr(job->key, '/');
	char *path = NULL;

	if (!slash || asprintf(&path, "/apis/kubeflow.org/v2beta1/namespaces/%.*s/mpijobs/%s%s", (int) (slash - job->key), job->key, slash + 1, query) < 0)
		return NULL;
	return path;
}

static void send_path(struct job *job, enum step step, const char *method, const char *path, const char *type, struct json_object *body)
{
	struct bridge *bridge = job->bridge;

	if (path && (body || strcmp(method, "GET") == 0))
		job->request = wattle_kube_send(bridge->kube,
						&(struct wattle_kube_call){ .method = method, .path = path, .content_type = type,
									    .body = body ? json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : NULL },
						on_step, job);
	json_object_put(body);
	if (!job->request) {
		retry(job, 5);
		return;
	}
	job->step = step;
	bridge->busy++;
}

/* Sends; body is taken over. */
static void send_step(struct job *job, enum step step, const char *method, const char *query, const char *type, struct json_object *body)
{
	cleanup_free char *path = path_of(job, query);

	send_path(job, step, method, path, type, body);
}

static void ask(struct job *job)
{
	job->dirty = false;
	job->retry_s = 0;
	send_step(job, STEP_LOOK, "GET", "", NULL, NULL);
}

/* May the step be taken now? Said instead, in a dry run. */
static bool may(struct job *job, enum step step, const char *more)
{
	struct bridge *bridge = job->bridge;

	if (bridge->dry_run) {
		if (job->step != step)
			wattle_log(WATTLE_LOG_NOTICE, "dry run: mpijob %s would %s%s%s", job->key, step_says[step], more[0] ? " " : "", more);
		bridge->counts.dry += job->step != step;
		job->step = step; /* said */
		return false;
	}
	if (!bridge_may_write(bridge)) {
		retry(job, 2);
		return false;
	}
	if (bridge->busy >= BUSY_MAX) {
		retry(job, 0.5);
		return false;
	}
	if (++job->row > ROW_MAX) {
		wattle_log(WATTLE_LOG_WARNING, "mpijob %s: what is written there does not last (another controller?): again in %.0f s", job->key, ROW_PAUSE_S);
		job->row = 0;
		retry(job, ROW_PAUSE_S);
		return false;
	}
	return true;
}

/* A deleted job must not be made again by an apply, nor its successor of the same name be taken for it. */
static void guard(const struct job *job, struct json_object *apply)
{
	struct json_object *meta = wattle_dig(apply, json_type_object, "metadata", NULL);

	if (meta)
		json_object_object_add(meta, "uid", json_object_new_string(job->uid));
}

static struct json_object *add_object(struct json_object *parent, const char *key)
{
	struct json_object *child = json_object_new_object();

	json_object_object_add(parent, key, child);
	return child;
}

static void hold(struct job *job, struct json_object *object, const char *reason)
{
	struct bridge *bridge = job->bridge;
	struct json_object *apply;

	if (!may(job, STEP_HOLD, ""))
		return;
	apply = wattle_mutate_apply(object, &bridge->job, &bridge->ruling, &bridge->site, WATTLE_MUTATE_HOLD);
	if (apply) {
		guard(job, apply);
		json_object_object_add(add_object(wattle_dig(apply, json_type_object, "metadata", NULL), "annotations"), WATTLE_ANNOTATION_HELD,
				       json_object_new_string(reason));
	}
	/* a user's "suspend: false" can't be told from the default that the API server writes there */
	send_step(job, STEP_HOLD, "PATCH", "?fieldManager=" MANAGER_HOLD "&force=true", WATTLE_KUBE_APPLY, apply);
}

static void decide(struct job *job, struct json_object *object, unsigned parts)
{
	struct bridge *bridge = job->bridge;
	struct json_object *apply;
	char text[512];

	wattle_mutate_text(&bridge->ruling, text, sizeof(text));
	if (!may(job, STEP_DECIDE, text))
		return;
	apply = wattle_mutate_apply(object, &bridge->job, &bridge->ruling, &bridge->site, parts);
	if (apply)
		guard(job, apply);
	bridge->counts.granted += !bridge->ruling.refused;
	bridge->counts.refused += bridge->ruling.refused;
	bridge->counts.deferred += bridge->ruling.start_s > 0;
	job->told = false;
	send_step(job, STEP_DECIDE, "PATCH", "?fieldManager=" MANAGER "&force=true", WATTLE_KUBE_APPLY, apply);
}

static void resize(struct job *job, uint32_t replicas)
{
	struct json_object *apply, *meta;
	const char *slash = strchr(job->key, '/');
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, replicas);
	if (!may(job, STEP_SIZE, text))
		return;
	apply = json_object_new_object();
	json_object_object_add(apply, "apiVersion", json_object_new_string("kubeflow.org/v2beta1"));
	json_object_object_add(apply, "kind", json_object_new_string("MPIJob"));
	meta = add_object(apply, "metadata");
	json_object_object_add(meta, "name", json_object_new_string(slash + 1));
	json_object_object_add(add_object(add_object(add_object(apply, "spec"), "mpiReplicaSpecs"), "Worker"), "replicas", json_object_new_int64(replicas));
	guard(job, apply);
	send_step(job, STEP_SIZE, "PATCH", "?fieldManager=" MANAGER_SIZE "&force=true", WATTLE_KUBE_APPLY, apply);
}

/* After everything else: a job must not wait for words. */
static void say_condition(struct job *job, struct json_object *object, int64_t now_s)
{
	bool refused = job->state == BRIDGE_JOB_REFUSED;
	const char *text = annotation(object, WATTLE_ANNOTATION_DECISION);
	struct json_object *apply;
	char path[700];
	const char *slash = strchr(job->key, '/');

	if (job->state == BRIDGE_JOB_ENDED || (job->bridge->dry_run && job->step != STEP_NONE && job->step != STEP_CONDITION))
		return;
	if (!refused && !condition(object, WATTLE_CONDITION_REFUSED))
		return;
	if (!text[0] || job->state == BRIDGE_JOB_UNTOUCHED)
		text = "nothing is asked for any more";
	apply = wattle_mutate_condition(object, refused, text, now_s);
	if (!apply || !slash || !may(job, STEP_CONDITION, "")) {
		json_object_put(apply);
		return;
	}
	guard(job, apply);
	snprintf(path, sizeof(path), "/apis/kubeflow.org/v2beta1/namespaces/%.*s/mpijobs/%s/status?fieldManager=" MANAGER_STATUS "&force=true",
		 (int) (slash - job->key), job->key, slash + 1);
	send_path(job, STEP_CONDITION, "PATCH", path, WATTLE_KUBE_APPLY, apply);
}

/* A merge patch for this very state of the job. */
static struct json_object *patch_new(struct json_object *object, struct json_object **ret_meta)
{
	struct json_object *patch = json_object_new_object();

	*ret_meta = add_object(patch, "metadata");
	json_object_object_add(*ret_meta, "resourceVersion",
			       json_object_new_string(wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "resourceVersion")));
	return patch;
}

static void release(struct job *job, struct json_object *object)
{
	struct bridge *bridge = job->bridge;
	struct json_object *patch, *meta;

	if (!may(job, STEP_RELEASE, ""))
		return;
	if (applied_hold(object)) {
		/* without force: whoever else has applied suspend meanwhile is respected */
		patch = wattle_mutate_apply(object, &bridge->job, &bridge->ruling, &bridge->site, WATTLE_MUTATE_RELEASE);
		if (patch)
			guard(job, patch);
		send_step(job, STEP_RELEASE, "PATCH", "?fieldManager=" MANAGER_HOLD, WATTLE_KUBE_APPLY, patch);
		return;
	}
	patch = patch_new(object, &meta);
	json_object_object_add(add_object(meta, "annotations"), WATTLE_ANNOTATION_HELD, NULL);
	json_object_object_add(add_object(add_object(patch, "spec"), "runPolicy"), "suspend", json_object_new_boolean(false));
	send_step(job, STEP_RELEASE, "PATCH", "?fieldManager=" MANAGER_HOLD, WATTLE_KUBE_MERGE, patch);
}

static void ungate(struct job *job, struct json_object *object)
{
	if (may(job, STEP_UNGATE, ""))
		send_step(job, STEP_UNGATE, "PATCH", "?fieldManager=" MANAGER, WATTLE_KUBE_MERGE, wattle_mutate_ungate(object));
}

/* Its user started what we held: it is his now. */
static void forget(struct job *job, struct json_object *object)
{
	struct json_object *patch, *meta;

	if (!may(job, STEP_FORGET, ""))
		return;
	patch = patch_new(object, &meta);
	json_object_object_add(add_object(meta, "annotations"), WATTLE_ANNOTATION_HELD, NULL);
	send_step(job, STEP_FORGET, "PATCH", "?fieldManager=" MANAGER_HOLD, WATTLE_KUBE_MERGE, patch);
}

static void mark(struct job *job, struct json_object *object)
{
	struct json_object *patch, *meta;

	if (!may(job, STEP_MARK, ""))
		return;
	patch = patch_new(object, &meta);
	json_object_object_add(add_object(meta, "annotations"), WATTLE_ANNOTATION_HELD, json_object_new_string("quota"));
	send_step(job, STEP_MARK, "PATCH", "?fieldManager=" MANAGER_HOLD, WATTLE_KUBE_MERGE, patch);
}

/* Whoever relays it to the program (an agent, a sidecar, the downward API) finds the moment at which it will be stopped. */
static void warn(struct job *job, struct json_object *object, const char *moment)
{
	struct json_object *patch, *meta;

	if (!may(job, STEP_WARN, ""))
		return;
	patch = patch_new(object, &meta);
	json_object_object_add(add_object(meta, "annotations"), WATTLE_ANNOTATION_CHECKPOINT, json_object_new_string(moment));
	send_step(job, STEP_WARN, "PATCH", "?fieldManager=" MANAGER, WATTLE_KUBE_MERGE, patch);
}

/* --- what Kueue counts ---------------------------------------------------------------------------------- */

/* Kueue may have admitted a job in the moment before its watts came: then it runs, and its watts are in no quota. So the effect is looked at, and
 * such a workload is stopped and started again, as an administrator would (spec.active). */
static void look_quota(struct job *job)
{
	char path[400];
	const char *slash = strchr(job->key, '/');

	if (!may(job, STEP_QUOTA, ""))
		return;
	snprintf(path, sizeof(path), "/apis/kueue.x-k8s.io/%s/namespaces/%.*s/workloads?labelSelector=kueue.x-k8s.io%%2Fjob-uid%%3D%s", job->bridge->kueue_version,
		 (int) (slash - job->key), job->key, job->uid);
	send_path(job, STEP_QUOTA, "GET", path, NULL, NULL);
}

static void set_active(struct job *job, struct json_object *workload, bool active)
{
	const char *slash = strchr(job->key, '/'), *name = wattle_dig_text(wattle_dig(workload, json_type_object, "metadata", NULL), "name");
	struct json_object *patch, *meta;
	char path[700];

	if (!wattle_kube_name_ok(name) || !may(job, STEP_ACTIVE, ""))
		return;
	snprintf(path, sizeof(path), "/apis/kueue.x-k8s.io/%s/namespaces/%.*s/workloads/%s?fieldManager=" MANAGER, job->bridge->kueue_version,
		 (int) (slash - job->key), job->key, name);
	patch = patch_new(workload, &meta);
	json_object_object_add(add_object(patch, "spec"), "active", json_object_new_boolean(active));
	send_path(job, STEP_ACTIVE, "PATCH", path, WATTLE_KUBE_MERGE, patch);
}

static void on_workloads(struct job *job, struct json_object *list)
{
	struct json_object *items = wattle_dig(list, json_type_array, "items", NULL);
	struct json_object *workload = items && json_object_array_length(items) == 1 ? json_object_array_get_idx(items, 0) : NULL;
	struct json_object *active = wattle_dig(workload, json_type_boolean, "spec", "active", NULL);
	bool admitted = wattle_dig(workload, json_type_object, "status", "admission", NULL) != NULL;

	job->row = 0;
	if (!workload) { /* Kueue makes it, or another */
		retry(job, 2);
	} else if (active && !json_object_get_boolean(active)) {
		/* marked by us, or nobody would have looked; what the ledger stopped it starts again itself */
		if (admitted || *wattle_dig_meta(workload, "annotations", WATTLE_ANNOTATION_EVICTED))
			retry(job, 1);
		else
			set_active(job, workload, true);
	} else if (admitted && wattle_kueue_counted(workload, NULL, job->bridge->resource) < job->need_w && !job->repaired) {
		job->repaired = job->quota_marked;
		if (job->quota_marked) {
			tell(job, true, "Requeued", "Kueue had admitted it before its watts came: it is stopped, and admitted anew");
			set_active(job, workload, false);
		} else {
			job->quota_marked = true; /* said in the job first: whoever comes after us starts it again */
			retry(job, 0.1);
		}
	} else {
		job->repaired = job->repaired || job->quota_marked;
		job->counted = admitted || job->repaired;
		job->quota_marked = false;
		retry(job, 0.1);
	}
}

/* --- the one next step ------------------------------------------------------------------------------- */

static void nothing_to_do(struct job *job)
{
	job->row = 0;
	job->seen_s = 0;
	if (!job->bridge->dry_run)
		job->step = STEP_NONE;
}

/* It runs, and its plan says that it should not, or not so: soon or now. */
static void look_running(struct job *job, struct json_object *object, const struct slot *slot, int64_t now_s)
{
	const struct wattle_mpijob *mpijob = &job->bridge->job;
	char moment[WATTLE_INSTANT_SIZE];

	if (slot->planned && slot->replicas != mpijob->replicas && !mpijob->suspended) {
		if (!mpijob->kueue)
			hold(job, object, "scale");
		else if (slot->replicas > 0) /* Kueue stops it, admits the new size and resumes it */
			resize(job, slot->replicas);
		else
			nothing_to_do(job);
		return;
	}
	if (slot->planned && slot->next_s > 0) {
		wattle_instant_format(slot->next_s, moment);
		if (now_s >= slot->next_s - slot->lead_s && strcmp(annotation(object, WATTLE_ANNOTATION_CHECKPOINT), moment) != 0) {
			warn(job, object, moment);
			return;
		}
		job->start_s = now_s < slot->next_s - slot->lead_s ? slot->next_s - slot->lead_s : slot->next_s;
	}
	nothing_to_do(job);
}

/* Whether there is something to do about its quota. The mark stands in the job while its workload is stopped. */
static bool look_kueue(struct job *job, struct json_object *object)
{
	const struct wattle_mpijob *mpijob = &job->bridge->job;
	bool marked = strcmp(annotation(object, WATTLE_ANNOTATION_HELD), "quota") == 0;

	if (job->quota_marked && !marked) {
		mark(job, object);
		return true;
	}
	if (marked) {
		if (job->repaired && !job->quota_marked)
			forget(job, object);
		else {
			job->quota_marked = true;
			look_quota(job);
		}
		return true;
	}
	if (mpijob->suspended || job->counted || job->bridge->dry_run)
		return false;
	look_quota(job);
	return true;
}

/* Watts and words stand there: when may it run? */
static void look_granted(struct job *job, struct json_object *object, int64_t now_s)
{
	const struct wattle_mpijob *mpijob = &job->bridge->job;
	bool held = annotation(object, WATTLE_ANNOTATION_HELD)[0] != '\0', waits;
	struct slot slot;
	int64_t start_s = 0;

	if (wattle_instant_parse(annotation(object, WATTLE_ANNOTATION_START), &start_s, NULL) < 0)
		start_s = 0;
	waits = mpijob->kueue ? mpijob->gated : mpijob->suspended && held;
	job->state = waits ? BRIDGE_JOB_WAITING : BRIDGE_JOB_GRANTED;
	tell_decision(job, object, now_s, start_s);
	slot = slot_at(object, start_s > now_s ? start_s : now_s);
	job->need_w = (uint64_t) mpijob->watts_w * mpijob->replicas;
	if (mpijob->suspended)
		job->counted = false;
	if (mpijob->kueue && look_kueue(job, object)) {
		;
	} else if (held && !mpijob->suspended && !mpijob->kueue) {
		forget(job, object);
	} else if (!waits) {
		look_running(job, object, &slot, now_s);
	} else if (slot.planned && slot.replicas > 0 && slot.replicas != mpijob->replicas && !has_pods(object)) {
		resize(job, slot.replicas);
	} else if (slot.planned && slot.replicas == 0) {
		job->start_s = slot.next_s;
		nothing_to_do(job);
	} else if (start_s > now_s) {
		job->start_s = start_s;
		nothing_to_do(job);
	} else if (mpijob->kueue) {
		ungate(job, object);
	} else if (applied_hold(object) && (has_pods(object) || !condition(object, "Suspended"))) {
		/* pods of before it was held keep what they were made with: the operator must have taken them away */
		nothing_to_do(job);
	} else {
		release(job, object);
	}
}

static void look_refused(struct job *job, struct json_object *object, int64_t now_s)
{
	const struct bridge *bridge = job->bridge;

	job->state = BRIDGE_JOB_REFUSED;
	if (!wattle_mutate_done(object, &bridge->job, &bridge->ruling, &bridge->site)) {
		decide(job, object, WATTLE_MUTATE_WORDS);
	} else if (!bridge->job.kueue && !bridge->job.suspended && (!has_pods(object) || age_s(bridge, object, now_s) < YOUNG_S)) {
		hold(job, object, "refused");
	} else {
		tell_decision(job, object, now_s, 0);
		nothing_to_do(job);
		retry(job, REFUSED_S);
	}
}

/* It has the watts that its words were decided to come to, and only what stands beside them was written over. Its pods need no restart for that. */
static bool words_alone(struct bridge *bridge, struct json_object *object)
{
	const struct wattle_submission *submission = &bridge->job.submission;
	char digest[17];

	wattle_mpijob_digest(object, digest);
	return strcmp(annotation(object, WATTLE_ANNOTATION_ASKED), digest) == 0 && submission->per_node_name &&
	       bridge->job.watts_w == bridge->ruling.verdict.decision.watts_w && bridge->ruling.start_s == 0 && bridge->ruling.replicas == bridge->job.replicas;
}

static void look_undecided(struct job *job, struct json_object *object, int64_t now_s)
{
	struct bridge *bridge = job->bridge;

	wattle_mpijob_rule(object, &bridge->site, now_s, &bridge->job, &bridge->ruling);
	if (bridge->ruling.untouched) {
		job->state = BRIDGE_JOB_UNTOUCHED;
		nothing_to_do(job);
	} else if (bridge->ruling.refused) {
		look_refused(job, object, now_s);
	} else if (words_alone(bridge, object)) {
		decide(job, object, WATTLE_MUTATE_WORDS | WATTLE_MUTATE_WATTS);
	} else if (!bridge->job.suspended && has_pods(object) && age_s(bridge, object, now_s) >= YOUNG_S) {
		/* pods can't be given watts, and hours of work are not thrown away for them */
		job->state = BRIDGE_JOB_UNTOUCHED;
		if (!job->told_late)
			tell(job, true, "TooLate", "it runs already, without watts of its own: suspend and resume it, and it gets them");
		job->told_late = true;
		nothing_to_do(job);
	} else if (!bridge->job.suspended && !bridge->job.kueue) {
		hold(job, object, bridge->ruling.start_s > 0 ? "start" : "watts");
	} else {
		decide(job, object, WATTLE_MUTATE_WORDS | WATTLE_MUTATE_WATTS);
	}
}

static void look(struct job *job, struct json_object *object)
{
	struct bridge *bridge = job->bridge;
	int64_t now_s = (int64_t) time(NULL);
	struct wattle_err err = WATTLE_ERR_INIT;

	job->version = version_of(object);
	job->start_s = 0;
	job->retry_s = 0;
	snprintf(job->uid, sizeof(job->uid), "%s", wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "uid"));
	if (ended(object)) {
		job->state = BRIDGE_JOB_ENDED;
		nothing_to_do(job);
		return;
	}
	if (job->seen_s <= 0)
		job->seen_s = bridge_now_s();
	if (wattle_mpijob_read(object, &bridge->site, now_s, &bridge->job, &err) == 0 && granted(object, &bridge->job)) {
		memset(&bridge->ruling, 0, sizeof(bridge->ruling));
		look_granted(job, object, now_s);
	} else
		look_undecided(job, object, now_s);
	if (!job->request)
		say_condition(job, object, now_s);
}

/* --- the watch -------------------------------------------------------------------------------------------- */

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	struct bridge *bridge = arg;
	struct job *job = *own;

	if (!job) {
		job = calloc(1, sizeof(*job) + strlen(key) + 1);
		if (!job)
			return;
		job->bridge = bridge;
		memcpy(job->key, key, strlen(key) + 1);
		*own = job;
	}
	if (job->request) {
		job->version = version_of(object);
		job->dirty = true;
		return;
	}
	look(job, object);
}

static void on_gone(void *arg, const char *key, void *own)
{
	struct bridge *bridge = arg;
	struct job *job = own;

	(void) key;
	if (!job)
		return;
	if (job->request) {
		wattle_kube_cancel(job->request);
		bridge->busy--;
	}
	free(job);
}

static void on_synced(void *arg)
{
	struct bridge *bridge = arg;

	wattle_log(WATTLE_LOG_NOTICE, "%zu MPIJobs", wattle_kube_watch_count(bridge->job_watch));
}

static void on_trouble(void *arg, const char *text)
{
	const struct bridge *bridge = arg;

	if (wattle_kube_watch_absent(bridge->job_watch))
		wattle_log(WATTLE_LOG_NOTICE, "no MPIJobs here (mpi-operator's CRD is not installed): waiting for it");
	else
		wattle_log(text[0] ? WATTLE_LOG_WARNING : WATTLE_LOG_NOTICE, "watching MPIJobs: %s", text[0] ? text : "works again");
}

void bridge_jobs_stop(struct bridge *bridge)
{
	wattle_kube_watch_free(bridge->job_watch);
	bridge->job_watch = NULL;
}

void bridge_jobs_start(struct bridge *bridge)
{
	bridge_jobs_stop(bridge);
	if (bridge->leaving || (!bridge->leads && !bridge->dry_run) || !wattle_kube_watch_synced(bridge->node_watch) || !bridge_kueue_known(bridge))
		return;
	bridge->job_watch = wattle_kube_watch_new(bridge->kube, &(struct wattle_kube_watch_spec){ .path = JOBS, .has = on_has, .gone = on_gone,
												  .synced = on_synced, .trouble = on_trouble,
												  .arg = bridge });
}

struct tick {
	double now_s;
	int64_t wall_s;
	bool nodes_changed;
};

static int on_tick(void *arg, const char *key, void *own)
{
	const struct tick *tick = arg;
	struct job *job = own;

	(void) key;
	if (job && tick->nodes_changed && (job->state == BRIDGE_JOB_REFUSED || job->state == BRIDGE_JOB_UNTOUCHED) && !job->told_late)
		job->retry_s = tick->now_s;
	if (job && !job->request && ((job->start_s && tick->wall_s >= job->start_s) || (job->retry_s > 0 && tick->now_s >= job->retry_s)) &&
	    job->bridge->busy < BUSY_MAX)
		ask(job);
	return 0;
}

void bridge_jobs_tick(struct bridge *bridge)
{
	struct tick tick = { bridge_now_s(), (int64_t) time(NULL), false };

	if (!bridge->job_watch)
		return;
	if (bridge->nodes_changed && tick.now_s - bridge->nodes_looked_s > NODES_S) {
		tick.nodes_changed = true;
		bridge->nodes_changed = false;
		bridge->nodes_looked_s = tick.now_s;
	}
	wattle_kube_watch_each(bridge->job_watch, on_tick, &tick);
}

static int add_state(void *arg, const char *key, void *own)
{
	const struct job *job = own;

	(void) key;
	if (job)
		((uint64_t *) arg)[job->state]++;
	return 0;
}

void bridge_jobs_count(const struct bridge *bridge, uint64_t ret[BRIDGE_JOB_STATES])
{
	memset(ret, 0, BRIDGE_JOB_STATES * sizeof(*ret));
	if (bridge->job_watch)
		wattle_kube_watch_each(bridge->job_watch, add_state, ret);
}
