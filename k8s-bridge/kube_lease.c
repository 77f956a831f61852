/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_lease.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "json.h"

#define TRY_S 5 /* for one request: a leader may miss one and still renew in time */
#define RELEASE_S 2

struct seen { /* of the Lease, as last read */
	char holder[300], renewed[40], version[64];
	int64_t duration_s, transitions;
	bool there;
};

struct wattle_kube_lease {
	struct wattle_kube *kube;
	struct wattle_kube_lease_spec spec;
	char *path, *list_path, *namespace, *name, *identity;
	struct event *tick;
	struct wattle_kube_request *request;
	struct seen seen;
	double seen_s;     /* when what we saw last changed */
	double asked_s;    /* when the request on its way was sent */
	double renewed_s;  /* when the last request that made or renewed our lease was sent */
	bool leads, releasing, renewed_once;
	char told_holder[300], trouble[512];
	char acquired[40];
	void (*released)(void *arg);
	void *released_arg;
};

/* Runs on while a machine sleeps. */
static double boottime_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static const char *now_text(char *text, size_t size)
{
	struct timespec t;
	struct tm tm;
	char whole[24];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	(void) strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, size, "%s.%06ldZ", whole, t.tv_nsec / 1000);
	return text;
}

static void trouble(struct wattle_kube_lease *l, const char *text)
{
	if (strncmp(l->trouble, text, sizeof(l->trouble) - 1) == 0)
		return;
	snprintf(l->trouble, sizeof(l->trouble), "%s", text);
	if (l->spec.trouble)
		l->spec.trouble(l->spec.arg, l->trouble);
}

static void tell(struct wattle_kube_lease *l, bool leads)
{
	const char *holder = leads ? l->identity : l->seen.holder;

	if (leads == l->leads && strcmp(holder, l->told_holder) == 0)
		return;
	l->leads = leads;
	snprintf(l->told_holder, sizeof(l->told_holder), "%s", holder);
	l->spec.changed(l->spec.arg, leads, l->told_holder);
}

/* --- read -------------------------------------------------------------------------------- */

static void look(struct wattle_kube_lease *l, struct json_object *object)
{
	struct seen now = { .duration_s = WATTLE_KUBE_LEASE_DURATION_S, .there = true };
	struct json_object *meta = NULL, *spec = NULL;

	if (json_object_object_get_ex(object, "metadata", &meta))
		wattle_json_text(meta, "resourceVersion", now.version, sizeof(now.version));
	if (json_object_object_get_ex(object, "spec", &spec)) {
		wattle_json_text(spec, "holderIdentity", now.holder, sizeof(now.holder));
		wattle_json_text(spec, "renewTime", now.renewed, sizeof(now.renewed));
		wattle_json_i64(spec, "leaseDurationSeconds", &now.duration_s);
		wattle_json_i64(spec, "leaseTransitions", &now.transitions);
	}
	/* one that says a year would keep everybody out for a year */
	if (now.duration_s < 1 || now.duration_s > 600)
		now.duration_s = WATTLE_KUBE_LEASE_DURATION_S;
	if (now.transitions < 0 || now.transitions > INT32_MAX - 1)
		now.transitions = 0;
	if (!l->seen.there || strcmp(now.holder, l->seen.holder) != 0 || strcmp(now.renewed, l->seen.renewed) != 0)
		l->seen_s = boottime_s();
	l->seen = now;
}

static bool ours(const struct wattle_kube_lease *l)
{
	return l->seen.there && strcmp(l->seen.holder, l->identity) == 0;
}

bool wattle_kube_lease_held(const struct wattle_kube_lease *l)
{
	return l->leads && !l->releasing && boottime_s() - l->renewed_s < WATTLE_KUBE_LEASE_DEADLINE_S;
}

/* --- write ---------------------------------------------------------------------------------- */

static void on_written(void *arg, int status, struct json_object *body, const char *why);

static bool put(struct wattle_kube_lease *l, bool release)
{
	cleanup_free char *body = NULL;
	char now[40], version[100] = "";
	bool keep = ours(l) && l->acquired[0];

	now_text(now, sizeof(now));
	if (!keep)
		memcpy(l->acquired, now, sizeof(now));
	if (l->seen.there)
		snprintf(version, sizeof(version), ",\"resourceVersion\":\"%s\"", l->seen.version);
	if (asprintf(&body,
		     "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\"%s},"
		     "\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%d,\"acquireTime\":\"%s\",\"renewTime\":\"%s\",\"leaseTransitions\":%" PRId64 "}}",
		     l->name, l->namespace, version, release ? "" : l->identity, release ? 1 : WATTLE_KUBE_LEASE_DURATION_S, l->acquired, now,
		     l->seen.transitions + (ours(l) || !l->seen.there ? 0 : 1)) < 0) {
		body = NULL;
		return false;
	}
	l->asked_s = boottime_s();
	l->request = wattle_kube_send(l->kube,
				      &(struct wattle_kube_call){ .method = l->seen.there ? "PUT" : "POST", .path = l->seen.there ? l->path : l->list_path, .body = body,
								  .tries = 1, .timeout_s = TRY_S, .urgent = true },
				      on_written, l);
	return l->request != NULL;
}

static void tick_in(struct wattle_kube_lease *l, double s)
{
	struct timeval t = { (time_t) s, (suseconds_t) ((s - (double) (time_t) s) * 1e6) };

	event_add(l->tick, &t);
}

static void over(struct wattle_kube_lease *l)
{
	void (*released)(void *arg) = l->released;

	event_del(l->tick);
	wattle_kube_cancel(l->request);
	l->request = NULL;
	l->released = NULL;
	if (released)
		released(l->released_arg);
}

static void on_written(void *arg, int status, struct json_object *body, const char *why)
{
	struct wattle_kube_lease *l = arg;

	l->request = NULL;
	if (l->releasing) {
		over(l);
		return;
	}
	if ((status == 200 || status == 201) && body) {
		look(l, body);
		l->renewed_s = l->asked_s;
		trouble(l, "");
		tell(l, ours(l));
		return;
	}
	/* Another was quicker, it was removed, or nobody knows whether it was taken: look before the next try. */
	l->seen.version[0] = '\0';
	if (status != 409 && status != 404)
		trouble(l, why);
}

static void on_read(void *arg, int status, struct json_object *body, const char *why)
{
	struct wattle_kube_lease *l = arg;

	l->request = NULL;
	if (status == 404) {
		l->seen = (struct seen){ .there = false };
		put(l, false);
		return;
	}
	if (status != 200 || !body) {
		trouble(l, why);
		return;
	}
	trouble(l, "");
	look(l, body);
	if (ours(l) || !l->seen.holder[0] || boottime_s() - l->seen_s > (double) l->seen.duration_s)
		put(l, false);
	else
		tell(l, false);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_kube_lease *l = arg;

	(void) fd;
	(void) what;
	if (l->releasing) {
		over(l);
		return;
	}
	tick_in(l, WATTLE_KUBE_LEASE_RETRY_S);
	if (l->leads && !wattle_kube_lease_held(l)) {
		l->seen.version[0] = '\0';
		l->seen.holder[0] = '\0'; /* who leads now is not known */
		tell(l, false);
	}
	if (l->request)
		return;
	if (l->leads && ours(l) && l->seen.version[0]) {
		put(l, false);
		return;
	}
	l->request = wattle_kube_send(l->kube, &(struct wattle_kube_call){ .method = "GET", .path = l->path, .tries = 1, .timeout_s = TRY_S, .urgent = true },
				      on_read, l);
}

/* --- open, close -------------------------------------------------------------------------------- */

struct wattle_kube_lease *wattle_kube_lease_new(struct wattle_kube *kube, const struct wattle_kube_lease_spec *spec)
{
	struct wattle_kube_lease *l;

	if (!wattle_kube_name_ok(spec->namespace) || !wattle_kube_name_ok(spec->name) || !spec->identity[0] || strlen(spec->identity) > 256 ||
	    strpbrk(spec->identity, "\"\\\n"))
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->kube = kube;
	l->spec = *spec;
	l->spec.namespace = l->spec.name = l->spec.identity = NULL;
	l->namespace = strdup(spec->namespace);
	l->name = strdup(spec->name);
	l->identity = strdup(spec->identity);
	if (asprintf(&l->list_path, "/apis/coordination.k8s.io/v1/namespaces/%s/leases", spec->namespace) < 0)
		l->list_path = NULL;
	if (asprintf(&l->path, "/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s", spec->namespace, spec->name) < 0)
		l->path = NULL;
	l->tick = event_new(wattle_kube_base(kube), -1, 0, on_tick, l);
	if (!l->namespace || !l->name || !l->identity || !l->path || !l->list_path || !l->tick) {
		wattle_kube_lease_free(l);
		return NULL;
	}
	tick_in(l, 0);
	return l;
}

void wattle_kube_lease_release(struct wattle_kube_lease *l, void (*done)(void *arg), void *arg)
{
	bool held = wattle_kube_lease_held(l);

	wattle_kube_cancel(l->request);
	l->request = NULL;
	l->releasing = true;
	l->released = done;
	l->released_arg = arg;
	tick_in(l, held && l->seen.version[0] && put(l, true) ? RELEASE_S : 0);
}

void wattle_kube_lease_free(struct wattle_kube_lease *l)
{
	if (!l)
		return;
	wattle_kube_cancel(l->request);
	if (l->tick)
		event_free(l->tick);
	free(l->path);
	free(l->list_path);
	free(l->namespace);
	free(l->name);
	free(l->identity);
	free(l);
}
