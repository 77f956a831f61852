/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the ledger does to Kueue's workloads, one request after another: caps of their pods lowered and given back, workloads stopped and started
 * again. The mark on a Workload is written before its pods are touched and taken away after them, so whoever goes on after a death knows which
 * pods to look at. What has changed meanwhile (404, 409, 422) is left to the next look. */
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

#define MANAGER "fieldManager=" WATTLE_KUEUE_MANAGER
#define PODS_LIMIT "limit=5000"

enum stage { JOB, WARN, MARK, LIST, PODS, UNMARK, NEXT };

struct bridge_chore {
	struct bridge *bridge;
	struct bridge_chore_spec spec;
	enum stage stage;
	size_t i, next, pod;           /* where it is */
	struct json_object *pods;      /* of workload i, as listed */
	int64_t stop_s;                /* when its job is to be stopped */
	struct wattle_kube_request *request;
};

static void go_on(struct bridge_chore *chore);

static void say(const struct bridge_chore *chore, const struct wattle_kueue_workload *workload, bool warning, const char *reason, const char *text)
{
	struct wattle_kube_ref about = { workload->owner_api, workload->owner_kind, workload->namespace, workload->owner_name, workload->owner_uid };

	wattle_log(warning ? WATTLE_LOG_WARNING : WATTLE_LOG_NOTICE, "ledger: %s/%s: %s", workload->namespace, workload->owner_name, text);
	if (workload->owner_name[0])
		wattle_kube_event(chore->bridge->kube, BRIDGE_NAME, &about, warning, reason, text);
}

static void say_warned(const struct bridge_chore *chore)
{
	char text[200], moment[WATTLE_INSTANT_SIZE];

	snprintf(text, sizeof(text), "told to checkpoint: it will be stopped at %s, as its queue has less of the power budget now",
		 wattle_instant_format(chore->stop_s, moment));
	say(chore, &chore->spec.set.item[chore->i], true, "WattsCheckpoint", text);
}

/* Once the mark stands there, or is gone. */
static void changed(struct bridge_chore *chore)
{
	struct bridge_chore_spec *spec = &chore->spec;
	const struct wattle_kueue_workload *workload = &spec->set.item[chore->i];
	char text[300];

	spec->changed++;
	switch (spec->what) {
	case WATTLE_LEDGER_TIGHTEN:
		snprintf(text, sizeof(text), "its queue's part of the power budget is %" PRIu64 " W now and %" PRIu64 " W are in use: its pods are capped at %" PRIu64
			 "%% of their watts until that has changed", spec->limit_w, spec->used_w, spec->limit_w * 100 / spec->used_w);
		say(chore, workload, true, "WattsTightened", text);
		break;
	case WATTLE_LEDGER_LOOSEN:
		say(chore, workload, false, "WattsLoosened", "its pods have their watts back");
		break;
	case WATTLE_LEDGER_EVICT:
		snprintf(text, sizeof(text), "stopped: its queue's part of the power budget is %" PRIu64 " W now and %" PRIu64 " W were in use; it starts again when "
			 "there is room", spec->limit_w, spec->used_w);
		say(chore, workload, true, "WattsEvicted", text);
		break;
	default:
		say(chore, workload, false, "WattsResumed", "its queue's part of the power budget has room for it: it may start again");
	}
}

/* --- requests ------------------------------------------------------------------------------------------------------------------------------- */

static void end(struct bridge_chore *chore, const char *trouble)
{
	chore->spec.done(chore->spec.arg, &chore->spec, trouble);
}

static char *job_path(const struct wattle_kueue_workload *workload, const char *query)
{
	char *path = NULL;

	return asprintf(&path, "/apis/kubeflow.org/v2beta1/namespaces/%s/mpijobs/%s%s", workload->namespace, workload->owner_name, query) < 0 ? NULL : path;
}

/* Its program may have to be told first; then it is stopped at a later look, as it is still the one to be chosen. */
static enum stage judge(struct bridge_chore *chore, struct json_object *job)
{
	const struct wattle_kueue_workload *workload = &chore->spec.set.item[chore->i];
	int64_t now_s = (int64_t) time(NULL), interval_s = chore->bridge->conf->ledger.interval_s;
	bool untold;

	chore->stop_s = wattle_mpijob_stop_at(job, now_s, 2 * interval_s + WATTLE_CHECKPOINT_LEAD_S, &untold);
	if (workload->owner_uid[0] && strcmp(wattle_dig_text(wattle_dig(job, json_type_object, "metadata", NULL), "uid"), workload->owner_uid) != 0)
		return NEXT;
	return untold ? WARN : chore->stop_s > now_s ? NEXT : MARK;
}

static void on_answer(void *arg, int status, struct json_object *body, const char *why)
{
	struct bridge_chore *chore = arg;
	bool gone = status == 404 || status == 409 || status == 422;

	chore->request = NULL;
	if (status != 200 && !gone) {
		end(chore, why);
		return;
	}
	switch (chore->stage) {
	case JOB:
		chore->stage = status == 200 ? judge(chore, body) : NEXT;
		break;
	case WARN:
		if (status == 200)
			say_warned(chore);
		chore->stage = NEXT;
		break;
	case MARK:
		if (status == 200)
			changed(chore);
		chore->stage = status == 200 && (chore->spec.what == WATTLE_LEDGER_TIGHTEN) ? LIST : NEXT;
		break;
	case LIST:
		json_object_put(chore->pods);
		chore->pods = json_object_get(wattle_dig(body, json_type_array, "items", NULL));
		chore->pod = 0;
		chore->stage = PODS;
		break;
	case PODS:
		chore->spec.patched += status == 200;
		chore->pod++;
		break;
	default:
		if (status == 200)
			changed(chore);
		chore->stage = NEXT;
	}
	go_on(chore);
}

/* Takes the patch over; path is freed. */
static void send_patch(struct bridge_chore *chore, char *path, struct json_object *patch)
{
	cleanup_free char *owned = path;

	if (path && patch)
		chore->request = wattle_kube_send(chore->bridge->kube,
						  &(struct wattle_kube_call){ .method = "PATCH", .path = path, .content_type = WATTLE_KUBE_MERGE, .tries = 1,
									      .body = json_object_to_json_string(patch) },
						  on_answer, chore);
	json_object_put(patch);
}

static void send_warning(struct bridge_chore *chore)
{
	struct json_object *patch = json_object_new_object(), *meta = json_object_new_object(), *annotations = json_object_new_object();
	char moment[WATTLE_INSTANT_SIZE];

	json_object_object_add(annotations, WATTLE_ANNOTATION_CHECKPOINT, json_object_new_string(wattle_instant_format(chore->stop_s, moment)));
	json_object_object_add(meta, "annotations", annotations);
	json_object_object_add(patch, "metadata", meta);
	send_patch(chore, job_path(&chore->spec.set.item[chore->i], "?" MANAGER), patch);
}

static void read_job(struct bridge_chore *chore)
{
	cleanup_free char *path = job_path(&chore->spec.set.item[chore->i], "");

	if (path)
		chore->request = wattle_kube_send(chore->bridge->kube, &(struct wattle_kube_call){ .method = "GET", .path = path, .tries = 2 }, on_answer, chore);
}

static void send_workload(struct bridge_chore *chore, struct json_object *patch)
{
	const struct wattle_kueue_workload *workload = &chore->spec.set.item[chore->i];
	char *path = NULL;

	if (asprintf(&path, "/apis/kueue.x-k8s.io/%s/namespaces/%s/workloads/%s?" MANAGER, chore->bridge->kueue_version, workload->namespace, workload->name) < 0)
		path = NULL;
	send_patch(chore, path, patch);
}

static void list_pods(struct bridge_chore *chore)
{
	const struct wattle_kueue_workload *workload = &chore->spec.set.item[chore->i];
	char *path;

	if (asprintf(&path, "/api/v1/namespaces/%s/pods?" PODS_LIMIT "&labelSelector=training.kubeflow.org%%2Fjob-name%%3D%s", workload->namespace,
		     workload->owner_name) < 0)
		return;
	chore->request = wattle_kube_send(chore->bridge->kube, &(struct wattle_kube_call){ .method = "GET", .path = path, .tries = 2 }, on_answer, chore);
	free(path);
}

/* Of pods that need none nothing is sent; false: all were looked at. */
static bool next_pod(struct bridge_chore *chore)
{
	const struct bridge_chore_spec *spec = &chore->spec;
	const char *namespace = spec->set.item[chore->i].namespace;
	bool tighten = spec->what == WATTLE_LEDGER_TIGHTEN;

	for (; chore->pod < wattle_dig_length(chore->pods); chore->pod++) {
		struct json_object *pod = json_object_array_get_idx(chore->pods, chore->pod), *patch;
		const char *name = wattle_dig_text(wattle_dig(pod, json_type_object, "metadata", NULL), "name");
		char *path = NULL;

		if (!wattle_kube_name_ok(name))
			continue;
		if (!wattle_kueue_pod_patch(pod, chore->bridge->resource, tighten ? spec->limit_w : 0, tighten ? spec->used_w : 0, &patch))
			return true;
		if (!patch)
			continue;
		if (asprintf(&path, "/api/v1/namespaces/%s/pods/%s?" MANAGER, namespace, name) < 0)
			path = NULL;
		send_patch(chore, path, patch);
		return true;
	}
	return false;
}

/* --- the walk ------------------------------------------------------------------------------------------------------------------------------- */

/* Which of the set are concerned, and with what they begin. */
static bool begins_with(const struct bridge_chore *chore, const struct wattle_kueue_workload *workload, enum stage *ret)
{
	/* names go into paths */
	if (!wattle_kube_name_ok(workload->namespace) || !wattle_kube_name_ok(workload->name) ||
	    (workload->owner_name[0] && !wattle_kube_name_ok(workload->owner_name)))
		return false;
	switch (chore->spec.what) {
	case WATTLE_LEDGER_TIGHTEN:
		*ret = workload->tightened_s ? LIST : MARK;
		return workload->reserved_w > 0 && !workload->leaving;
	case WATTLE_LEDGER_LOOSEN:
		*ret = LIST;
		return workload->tightened_s != 0;
	case WATTLE_LEDGER_EVICT:
		*ret = strcmp(workload->owner_kind, "MPIJob") == 0 ? JOB : MARK;
		return chore->next < chore->spec.n;
	default:
		*ret = MARK;
		return chore->next < chore->spec.n;
	}
}

static void go_on(struct bridge_chore *chore)
{
	const struct bridge_chore_spec *spec = &chore->spec;

	while (!chore->request) {
		const struct wattle_kueue_workload *workload;

		if (chore->stage == NEXT) {
			while (chore->next < spec->set.n && !begins_with(chore, &spec->set.item[chore->next], &chore->stage))
				chore->next++;
			if (chore->next == spec->set.n) {
				end(chore, "");
				return;
			}
			chore->i = chore->next++;
		}
		workload = &spec->set.item[chore->i];
		if (!bridge_may_write(chore->bridge)) {
			end(chore, "it leads no more");
			return;
		}
		if (chore->stage == JOB)
			read_job(chore);
		else if (chore->stage == WARN)
			send_warning(chore);
		else if (chore->stage == MARK)
			send_workload(chore, spec->what == WATTLE_LEDGER_TIGHTEN ? wattle_kueue_mark_patch((int64_t) time(NULL)) :
				      wattle_kueue_stop_patch(workload, spec->what == WATTLE_LEDGER_EVICT ? (int64_t) time(NULL) : 0));
		else if (chore->stage == LIST && strcmp(workload->owner_kind, "MPIJob") == 0)
			list_pods(chore);
		else if (chore->stage == LIST) {
			chore->pods = (json_object_put(chore->pods), NULL);
			chore->stage = PODS;
			continue;
		} else if (chore->stage == PODS && !next_pod(chore)) {
			chore->stage = spec->what == WATTLE_LEDGER_LOOSEN ? UNMARK : NEXT;
			continue;
		} else if (chore->stage == UNMARK)
			send_workload(chore, wattle_kueue_mark_patch(0));
		if (!chore->request) {
			end(chore, "out of memory");
			return;
		}
	}
}

struct bridge_chore *bridge_chore_begin(struct bridge *bridge, struct bridge_chore_spec *spec)
{
	struct bridge_chore *chore = calloc(1, sizeof(*chore));

	if (!chore) {
		wattle_kueue_workloads_free(&spec->set);
		return NULL;
	}
	chore->bridge = bridge;
	chore->spec = *spec;
	spec->set = (struct wattle_kueue_workloads){ 0, NULL };
	chore->stage = NEXT;
	go_on(chore);
	return chore;
}

void bridge_chore_free(struct bridge_chore *chore)
{
	if (!chore)
		return;
	wattle_kube_cancel(chore->request);
	json_object_put(chore->pods);
	wattle_kueue_workloads_free(&chore->spec.set);
	free(chore);
}
