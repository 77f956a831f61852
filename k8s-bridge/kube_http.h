/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_HTTP_H
#define WATTLE_KUBE_HTTP_H

/* Requests to the Kubernetes API on an event loop: libcurl's multi interface over libevent. Nothing here waits, starts a thread or keeps a
 * global; a struct wattle_kube and all that hangs on it belong to the thread of its event base. Every callback comes from the loop, never
 * from within the call that asked. TLS is always verified, redirects are not followed, proxies of the environment are not used.
 *
 * HTTP/1.1 on purpose: a watch that stalls must not stall requests that share its connection. */

#include <event2/event.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "kube_conf.h"
#include "kube_words.h"

#define WATTLE_KUBE_BODY_MAX (32u * 1024 * 1024) /* of an answer; a larger one fails the request */
#define WATTLE_KUBE_LINE_MAX (8u * 1024 * 1024)  /* of a stream: etcd takes no object over 1.5 MB */
#define WATTLE_KUBE_DEPTH_MAX 100                /* of JSON */
#define WATTLE_KUBE_INFLIGHT_MAX 16              /* requests at once; more wait their turn. Streams don't count */
#define WATTLE_KUBE_TRIES 5
#define WATTLE_KUBE_TIMEOUT_S 30

/* What to send as content_type of a PATCH. */
#define WATTLE_KUBE_APPLY "application/apply-patch+yaml" /* the path needs ?fieldManager=…, and &force=true to take over. JSON is taken for
							 * YAML, but without "\/": JSON_C_TO_STRING_NOSLASHESCAPE */
#define WATTLE_KUBE_MERGE "application/merge-patch+json"
#define WATTLE_KUBE_JSON_PATCH "application/json-patch+json"
#define WATTLE_KUBE_STRATEGIC "application/strategic-merge-patch+json" /* built-in kinds alone */

struct wattle_kube;
struct wattle_kube_request;

struct wattle_kube_stats {
	uint64_t requests;     /* sent, each try */
	uint64_t answers[6];   /* by hundreds of the status; [0]: none came */
	uint64_t retries, throttled; /* 429 */
	uint64_t reads, writes; /* calls ended: GET; anything else */
	uint64_t streams;      /* opened */
	uint64_t bytes_in;
	double call_s;         /* time of ended calls, summed, their waits between tries too */
	int64_t ahead_s;       /* this clock, less the server's by the Date of its last answer; 0: not known */
	double answered_s;     /* monotonic clock of the last answer below 500; 0: none yet */
	uint32_t inflight, waiting;
};

/* conf is copied, its anonymous files stay conf's: free conf after the wattle_kube. agent: the User-Agent, "wattle-bridge/0.1.0".
 * No connection is made. */
int wattle_kube_open(struct event_base *base, const struct wattle_kube_conf *conf, const char *agent, struct wattle_kube **ret,
		     struct wattle_err *err);
/* Ends every request; no callback of them comes any more. */
void wattle_kube_close(struct wattle_kube *kube);
const struct wattle_kube_stats *wattle_kube_stats(const struct wattle_kube *kube);
struct event_base *wattle_kube_base(const struct wattle_kube *kube);
/* As used in messages: the server's address. */
const char *wattle_kube_server(const struct wattle_kube *kube);

struct wattle_kube_call {
	const char *method;       /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char *path;         /* "/api/v1/nodes/n1/status?fieldManager=wattle", escaped (wattle_kube_escape) */
	const char *content_type; /* of body; NULL: application/json */
	const char *body;         /* copied; NULL: none */
	uint32_t tries;           /* 0: WATTLE_KUBE_TRIES */
	uint32_t timeout_s;       /* of one try; 0: WATTLE_KUBE_TIMEOUT_S */
	void (*drop)(void *arg);  /* called instead of done if the request ends by wattle_kube_cancel or _close; may be NULL */
	bool urgent;              /* goes before all that waits, and beyond WATTLE_KUBE_INFLIGHT_MAX: leases */
};

/* status: HTTP's; 0 if no whole answer came in all tries. body: the answer, borrowed (json_object_get keeps it); NULL if it is none or no JSON.
 * why: "" below 300; else one printable line that says what the server said, or what went wrong. */
typedef void wattle_kube_done(void *arg, int status, struct json_object *body, const char *why);

/* Tried again, after 0.2 s x 2^n with jitter, at most 10 s each, and as Retry-After says up to 60 s: 429; 500, 502, 503, 504, no connection and time out. A
 * POST is only where the server can't have taken it (429, no connection). 401: once more after the token was read again.
 * NULL: out of memory or a bad method; done is then not called. The request may be cancelled until done was called. */
struct wattle_kube_request *wattle_kube_send(struct wattle_kube *kube, const struct wattle_kube_call *call, wattle_kube_done *done, void *arg);

/* A GET whose answer is one JSON object a line, as long as it lasts: what kube_watch.h is made of. line: the object, borrowed; false ends the
 * stream (done is called with status 200). done: once, with the status, body and why of an answer that is not 200; else status 200 and why it ended: ""
 * if the server closed it properly. Never tried again here. silent_s: ends as too quiet if nothing came for so long. */
struct wattle_kube_request *wattle_kube_stream(struct wattle_kube *kube, const char *path, uint32_t silent_s,
					       bool (*line)(void *arg, struct json_object *object), wattle_kube_done *done, void *arg);

/* done is not called any more. NULL is fine; from within callbacks too. */
void wattle_kube_cancel(struct wattle_kube_request *request);

#endif
