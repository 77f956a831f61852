/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_event.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "instant.h"

#define TEXT_MAX 1000

struct said {
	struct wattle_kube *kube;
	char *path; /* of the event itself */
	char now[WATTLE_INSTANT_SIZE];
};

static void said_free(void *arg)
{
	struct said *said = arg;

	free(said->path);
	free(said);
}

static void on_counted(void *arg, int status, struct json_object *body, const char *why)
{
	(void) status;
	(void) body;
	(void) why;
	said_free(arg);
}

/* It was said before: once more. */
static void on_read(void *arg, int status, struct json_object *body, const char *why)
{
	struct said *said = arg;
	struct json_object *count;
	char patch[128];
	int n = 1;

	(void) why;
	if (status == 200 && body && json_object_object_get_ex(body, "count", &count))
		n = json_object_get_int(count);
	snprintf(patch, sizeof(patch), "{\"count\":%d,\"lastTimestamp\":\"%s\"}", n > 0 && n < 1000000 ? n + 1 : 2, said->now);
	if (status != 200 || !wattle_kube_send(said->kube, 
					       &(struct wattle_kube_call){ .method = "PATCH", .path = said->path, .content_type = WATTLE_KUBE_MERGE, .body = patch,
									   .tries = 2, .drop = said_free },
					       on_counted, said))
		said_free(said);
}

static void on_posted(void *arg, int status, struct json_object *body, const char *why)
{
	struct said *said = arg;

	(void) body;
	(void) why;
	if (status != 409 || !wattle_kube_send(said->kube, &(struct wattle_kube_call){ .method = "GET", .path = said->path, .tries = 2, .drop = said_free },
					       on_read, said))
		said_free(said);
}

/* FNV-1a: equal texts are one event; nothing else hangs on it. */
static uint64_t hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char) *text) * UINT64_C(1099511628211);
	return (h ^ 0xff) * UINT64_C(1099511628211);
}

static struct json_object *text_object(const char *text)
{
	return json_object_new_string(text ? text : "");
}

void wattle_kube_event(struct wattle_kube *kube, const char *component, const struct wattle_kube_ref *about, bool warning, const char *reason,
		       const char *text)
{
	const char *namespace = about->namespace && about->namespace[0] ? about->namespace : "default";
	struct said *said = calloc(1, sizeof(*said));
	struct json_object *event = json_object_new_object(), *meta = json_object_new_object(), *ref = json_object_new_object();
	struct json_object *source = json_object_new_object();
	char name[254], message[TEXT_MAX + 1];
	cleanup_free char *path = NULL;

	snprintf(message, sizeof(message), "%s", text);
	snprintf(name, sizeof(name), "%.200s.%016llx", about->name,
		 (unsigned long long) hash(hash(hash(UINT64_C(14695981039346656037), about->uid ? about->uid : ""), reason), message));
	if (!said || !event || !meta || !ref || !source || asprintf(&path, "/api/v1/namespaces/%s/events", namespace) < 0)
		path = NULL;
	else if (asprintf(&said->path, "%s/%s", path, name) < 0)
		said->path = NULL;
	if (!path || !said->path) {
		json_object_put(event);
		json_object_put(meta);
		json_object_put(ref);
		json_object_put(source);
		free(said);
		return;
	}
	said->kube = kube;
	wattle_instant_format((int64_t) time(NULL), said->now);
	json_object_object_add(meta, "name", text_object(name));
	json_object_object_add(meta, "namespace", text_object(namespace));
	json_object_object_add(ref, "apiVersion", text_object(about->api_version));
	json_object_object_add(ref, "kind", text_object(about->kind));
	json_object_object_add(ref, "name", text_object(about->name));
	json_object_object_add(ref, "namespace", text_object(about->namespace));
	json_object_object_add(ref, "uid", text_object(about->uid));
	json_object_object_add(source, "component", text_object(component));
	json_object_object_add(event, "apiVersion", text_object("v1"));
	json_object_object_add(event, "kind", text_object("Event"));
	json_object_object_add(event, "metadata", meta);
	json_object_object_add(event, "involvedObject", ref);
	json_object_object_add(event, "reason", text_object(reason));
	json_object_object_add(event, "message", text_object(message));
	json_object_object_add(event, "type", text_object(warning ? "Warning" : "Normal"));
	json_object_object_add(event, "source", source);
	json_object_object_add(event, "reportingComponent", text_object(component));
	json_object_object_add(event, "firstTimestamp", text_object(said->now));
	json_object_object_add(event, "lastTimestamp", text_object(said->now));
	json_object_object_add(event, "count", json_object_new_int(1));
	if (!wattle_kube_send(kube,
			      &(struct wattle_kube_call){ .method = "POST", .path = path, .body = json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
							  .tries = 3, .timeout_s = 10, .drop = said_free },
			      on_posted, said))
		said_free(said);
	json_object_put(event);
}
