/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether Kueue is there, and where it takes jobs that name no queue (a LocalQueue "default"). */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "log.h"

#define ASK_AGAIN_S 30.0
#define GROUP "/apis/kueue.x-k8s.io"

static char present; /* something to keep for a key, that needs no memory */

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	(void) arg;
	(void) key;
	(void) object;
	*own = &present;
}

static void on_gone(void *arg, const char *key, void *own)
{
	(void) arg;
	(void) key;
	(void) own;
}

static void set_present(struct bridge *bridge, bool there)
{
	if (bridge->site.kueue == there && bridge->kueue_asked)
		return;
	bridge->kueue_asked = true;
	bridge->site.kueue = there;
	wattle_log(WATTLE_LOG_NOTICE, "Kueue %s: %s", there ? "serves" : "is not here",
		   there ? "its gates and quotas are used, suspend is its own" : "jobs are held by suspend");
	bridge_jobs_start(bridge);
}

static void on_synced(void *arg)
{
	set_present(arg, true);
}

static void on_trouble(void *arg, const char *text)
{
	struct bridge *bridge = arg;

	if (wattle_kube_watch_absent(bridge->queue_watch))
		set_present(bridge, false);
	wattle_log(text[0] ? WATTLE_LOG_WARNING : WATTLE_LOG_NOTICE, "watching Kueue's queues: %s", text[0] ? text : "works again");
}

static bool default_queue(void *arg, const char *namespace)
{
	struct bridge *bridge = arg;
	char key[400];

	snprintf(key, sizeof(key), "%s/default", namespace);
	return bridge->queue_watch && wattle_kube_watch_find(bridge->queue_watch, key);
}

static void on_group(void *arg, int status, struct json_object *body, const char *why)
{
	struct bridge *bridge = arg;
	struct json_object *preferred = NULL;
	char version[32], path[128];

	bridge->kueue_request = NULL;
	bridge->kueue_asked_s = bridge_now_s();
	if (status == 404) {
		set_present(bridge, false);
		return;
	}
	if (status != 200 || !body || !json_object_object_get_ex(body, "preferredVersion", &preferred) ||
	    wattle_json_text(preferred, "version", version, sizeof(version)) < 0 || !wattle_kube_name_ok(version)) {
		wattle_log(WATTLE_LOG_WARNING, "whether Kueue is here can't be told: %s", status == 200 ? "an answer that is none" : why);
		return;
	}
	snprintf(bridge->kueue_version, sizeof(bridge->kueue_version), "%s", version);
	snprintf(path, sizeof(path), GROUP "/%s/localqueues", version);
	bridge->queue_watch = wattle_kube_watch_new(bridge->kube, &(struct wattle_kube_watch_spec){ .path = path, .has = on_has, .gone = on_gone,
												    .synced = on_synced, .trouble = on_trouble,
												    .arg = bridge });
}

static void ask(struct bridge *bridge)
{
	bridge->kueue_asked_s = bridge_now_s();
	bridge->kueue_request = wattle_kube_send(bridge->kube, &(struct wattle_kube_call){ .method = "GET", .path = GROUP }, on_group, bridge);
}

void bridge_kueue_start(struct bridge *bridge)
{
	bridge->site.default_queue = default_queue;
	bridge->site.arg = bridge;
	bridge->site.kueue_all = bridge->kueue_all;
	ask(bridge);
}

void bridge_kueue_tick(struct bridge *bridge)
{
	/* not answered, or not here: it may be installed any day */
	if (!bridge->queue_watch && !bridge->kueue_request && bridge_now_s() - bridge->kueue_asked_s > (bridge->kueue_asked ? ASK_AGAIN_S : 2.0))
		ask(bridge);
}

void bridge_kueue_stop(struct bridge *bridge)
{
	wattle_kube_cancel(bridge->kueue_request);
	bridge->kueue_request = NULL;
	wattle_kube_watch_free(bridge->queue_watch);
	bridge->queue_watch = NULL;
}

bool bridge_kueue_known(const struct bridge *bridge)
{
	return bridge->kueue_asked;
}
