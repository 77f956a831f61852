/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_watch.h"

#include <ctype.h>
#include <json-c/linkhash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"
#include "json.h"

#define PAGE 250              /* objects of a page: what is parsed at once */
#define SILENT_S 120          /* bookmarks come once a minute */
#define WATCH_S 300           /* a watch ends after this long and up to half as much more */
#define INITIAL_S 60          /* a server that ignores sendInitialEvents never says where they end */
#define ABSENT_S 30
#define BACKOFF_MS 500u
#define BACKOFF_MAX_MS 30000u
#define STALE_AFTER 5         /* watches that failed without an event: the list may be what is wrong */

enum phase { PHASE_LIST, PHASE_INITIAL, PHASE_WATCH };

struct entry {
	void *own;
	uint32_t round; /* of the list that last had it */
};

struct wattle_kube_watch {
	struct wattle_kube *kube;
	struct wattle_kube_watch_spec spec;
	char *path, *query; /* query: "labelSelector=…&" */
	struct lh_table *table;
	size_t n_dropped;   /* since the table was made: json-c's tables don't take removed slots back */
	enum phase phase;
	struct wattle_kube_request *request;
	struct event *timer; /* the next try; or the end of patience with PHASE_INITIAL */
	char version[64];    /* to go on from; "": list first */
	char *page;          /* the list's continue token */
	uint32_t round, failures, barren; /* barren: watches in a row that brought nothing */
	bool synced, absent, no_initial, no_pages, heard, too_old, freeing;
	char trouble[512];
	struct wattle_kube_watch_stats stats;
};

static void start(struct wattle_kube_watch *w);

/* --- the set --------------------------------------------------------------------------- */

static void free_entry(struct lh_entry *e)
{
	free(lh_entry_v(e));
}

static struct entry *find(const struct wattle_kube_watch *w, const char *key)
{
	void *v = NULL;

	return lh_table_lookup_ex(w->table, key, &v) ? v : NULL;
}

static void drop(struct wattle_kube_watch *w, struct lh_entry *e)
{
	cleanup_free char *key = lh_entry_k(e);
	struct entry *entry = lh_entry_v(e);
	void *own = entry->own;

	lh_table_delete_entry(w->table, e);
	w->spec.gone(w->spec.arg, key, own);
	if (++w->n_dropped > (size_t) w->table->size && !w->freeing) {
		w->n_dropped = 0;
		lh_table_resize(w->table, w->table->size);
	}
}

/* "namespace/name"; NULL: no object of Kubernetes. */
static char *key_of(struct json_object *object)
{
	char name[254], namespace[254] = "", *key = NULL;
	struct json_object *meta;

	if (!json_object_object_get_ex(object, "metadata", &meta) || wattle_json_text(meta, "name", name, sizeof(name)) < 0 || !wattle_kube_name_ok(name))
		return NULL;
	if (json_object_object_get_ex(meta, "namespace", NULL) &&
	    (wattle_json_text(meta, "namespace", namespace, sizeof(namespace)) < 0 || !wattle_kube_name_ok(namespace)))
		return NULL;
	return asprintf(&key, "%s%s%s", namespace, namespace[0] ? "/" : "", name) < 0 ? NULL : key;
}

static void has(struct wattle_kube_watch *w, struct json_object *object)
{
	char *key = key_of(object);
	struct entry *entry = key ? find(w, key) : NULL;

	if (!key) {
		w->stats.bad_lines++;
		return;
	}
	if (entry) {
		entry->round = w->round;
		w->spec.has(w->spec.arg, key, object, &entry->own);
		free(key);
		return;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry || lh_table_insert(w->table, key, entry) != 0) { /* the next list brings it again */
		free(entry);
		free(key);
		w->version[0] = '\0';
		return;
	}
	entry->round = w->round;
	w->spec.has(w->spec.arg, key, object, &entry->own);
}

static void gone(struct wattle_kube_watch *w, struct json_object *object)
{
	cleanup_free char *key = key_of(object);
	struct lh_entry *e = key ? lh_table_lookup_entry(w->table, key) : NULL;

	if (!key)
		w->stats.bad_lines++;
	if (e)
		drop(w, e);
}

/* Everything that the list of this round did not have. */
static void drop_older(struct wattle_kube_watch *w)
{
	struct lh_entry *e, *next;

	for (e = w->table->head; e; e = next) {
		next = e->next;
		if (((struct entry *) lh_entry_v(e))->round != w->round) {
			w->n_dropped = 0; /* no new table while we walk this one */
			drop(w, e);
		}
	}
}

static void trouble(struct wattle_kube_watch *w, const char *text)
{
	if (strncmp(w->trouble, text, sizeof(w->trouble) - 1) == 0)
		return;
	snprintf(w->trouble, sizeof(w->trouble), "%s", text);
	if (w->spec.trouble)
		w->spec.trouble(w->spec.arg, w->trouble);
}

static void all_told(struct wattle_kube_watch *w)
{
	drop_older(w);
	w->stats.lists++;
	w->synced = true;
	w->absent = false;
	w->phase = PHASE_WATCH;
	trouble(w, "");
	if (w->spec.synced)
		w->spec.synced(w->spec.arg);
}

/* --- how it goes ------------------------------------------------------------------------- */

static uint32_t random_below(uint32_t n)
{
	uint32_t r = 0;

	return getrandom(&r, sizeof(r), GRND_NONBLOCK) == sizeof(r) ? r % n : n / 2;
}

static void start_in(struct wattle_kube_watch *w, uint32_t ms)
{
	struct timeval t = { (time_t) (ms / 1000), (suseconds_t) (ms % 1000 * 1000) };

	event_add(w->timer, &t);
}

static void back_off(struct wattle_kube_watch *w)
{
	uint32_t ms = w->failures < 6 ? BACKOFF_MS << w->failures : BACKOFF_MAX_MS;

	w->failures++;
	start_in(w, ms / 2 + random_below(ms));
}

static void relist(struct wattle_kube_watch *w)
{
	w->version[0] = '\0';
	w->phase = w->no_initial ? PHASE_LIST : PHASE_INITIAL;
	free(w->page);
	w->page = NULL;
}

/* The kind is not there (any more). */
static void is_absent(struct wattle_kube_watch *w)
{
	w->absent = true;
	w->synced = false;
	w->round++;
	drop_older(w);
	relist(w);
	trouble(w, "the server has no such kind: its CRD is not installed");
	start_in(w, ABSENT_S * 750 + random_below(ABSENT_S * 500));
}

/* --- a list, page by page -------------------------------------------------------------------- */

static bool take_version(struct wattle_kube_watch *w, struct json_object *object)
{
	char version[sizeof(w->version)];
	struct json_object *meta;

	if (!json_object_object_get_ex(object, "metadata", &meta) || wattle_json_text(meta, "resourceVersion", version, sizeof(version)) < 0 || !version[0])
		return false;
	for (const char *p = version; *p; p++)
		if (!isalnum((unsigned char) *p))
			return false;
	memcpy(w->version, version, sizeof(version));
	return true;
}

static void on_page(void *arg, int status, struct json_object *body, const char *why)
{
	struct wattle_kube_watch *w = arg;
	struct json_object *items = body ? wattle_json_array(body, "items") : NULL, *meta = NULL;
	char next[8192] = "";

	w->request = NULL;
	if (status == 404) {
		is_absent(w);
		return;
	}
	if (status == 410) { /* the pages are of a time that is past */
		w->stats.gone_410++;
		w->no_pages = w->page != NULL;
		relist(w);
		back_off(w);
		return;
	}
	if (status != 200 || !items) {
		trouble(w, status == 200 ? "an answer that is no list" : why);
		relist(w);
		back_off(w);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(items); i++)
		has(w, json_object_array_get_idx(items, i));
	free(w->page);
	w->page = NULL;
	if (json_object_object_get_ex(body, "metadata", &meta))
		wattle_json_text(meta, "continue", next, sizeof(next));
	if (next[0]) {
		w->page = strdup(next);
		start_in(w, 0);
		return;
	}
	if (!take_version(w, body)) {
		trouble(w, "a list without a resourceVersion");
		back_off(w);
		return;
	}
	w->failures = 0;
	w->no_pages = false;
	all_told(w);
	start_in(w, 0);
}

/* --- a watch ------------------------------------------------------------------------------------- */

static bool is_initial_end(struct json_object *object)
{
	struct json_object *meta, *annotations;
	char value[8];

	return json_object_object_get_ex(object, "metadata", &meta) && json_object_object_get_ex(meta, "annotations", &annotations) &&
	       wattle_json_text(annotations, "k8s.io/initial-events-end", value, sizeof(value)) == 0 && strcmp(value, "true") == 0;
}

/* An ERROR: the object is a Status. */
static bool on_error(struct wattle_kube_watch *w, struct json_object *object)
{
	char text[300] = "no message", whole[340];
	struct json_object *message;
	int64_t code = 0;

	if (object) {
		wattle_json_i64(object, "code", &code);
		if (json_object_object_get_ex(object, "message", &message) && json_object_is_type(message, json_type_string))
			wattle_err_quote(text, sizeof(text), json_object_get_string(message));
	}
	if (code == 410) {
		w->stats.gone_410++;
		w->too_old = true;
		return false;
	}
	snprintf(whole, sizeof(whole), "the watch ended with %lld: %s", (long long) code, text);
	trouble(w, whole);
	w->heard = false;
	return false;
}

static bool on_line(void *arg, struct json_object *event)
{
	struct wattle_kube_watch *w = arg;
	struct json_object *object = NULL;
	char type[16];

	if (wattle_json_text(event, "type", type, sizeof(type)) < 0 || !json_object_object_get_ex(event, "object", &object) ||
	    !json_object_is_type(object, json_type_object)) {
		w->stats.bad_lines++;
		return true;
	}
	if (strcmp(type, "ERROR") == 0)
		return on_error(w, object);
	w->stats.events++;
	w->heard = true;
	if (strcmp(type, "BOOKMARK") == 0) {
		if (!take_version(w, object) || w->phase != PHASE_INITIAL || !is_initial_end(object))
			return true;
		event_del(w->timer);
		all_told(w);
		return true;
	}
	if (w->phase == PHASE_WATCH) /* before the end of the initial ones, a version is none to go on from */
		take_version(w, object);
	if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		has(w, object);
	else if (strcmp(type, "DELETED") == 0)
		gone(w, object);
	else
		w->stats.bad_lines++;
	return true;
}

static void on_over(void *arg, int status, struct json_object *body, const char *why)
{
	struct wattle_kube_watch *w = arg;
	bool initial = w->phase == PHASE_INITIAL;

	(void) body;
	w->request = NULL;
	event_del(w->timer);
	w->stats.reconnects++;
	if (w->heard) {
		w->failures = 0;
		w->barren = 0;
		if (!initial && status == 200)
			trouble(w, "");
	} else
		w->barren++;
	if (status == 404) {
		is_absent(w);
		return;
	}
	if (status == 410 || w->too_old) {
		w->stats.gone_410 += status == 410;
		relist(w);
		if (w->barren > 1) /* not in a circle, whatever the server says */
			back_off(w);
		else
			start_in(w, random_below(200));
		return;
	}
	if (initial && (status == 400 || status == 422 || status == 415)) {
		w->no_initial = true;
		relist(w);
		start_in(w, 0);
		return;
	}
	if (w->barren >= STALE_AFTER || initial)
		relist(w);
	if (status == 200 && !why[0] && !initial) { /* the server's time was up */
		start_in(w, random_below(100));
		return;
	}
	trouble(w, why[0] ? why : "the watch ended before it had begun");
	back_off(w);
}

/* --- start -------------------------------------------------------------------------------------------- */

static char *make_path(const struct wattle_kube_watch *w)
{
	char *path = NULL, token[3 * 8192];
	unsigned s = WATCH_S + random_below(WATCH_S / 2);
	int n;

	if (w->phase == PHASE_INITIAL)
		n = asprintf(&path, "%s?%swatch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=%u",
			     w->path, w->query, s);
	else if (w->phase == PHASE_WATCH)
		n = asprintf(&path, "%s?%swatch=1&resourceVersion=%s&allowWatchBookmarks=true&timeoutSeconds=%u", w->path, w->query, w->version, s);
	else if (w->no_pages)
		n = asprintf(&path, "%s?%s", w->path, w->query);
	else
		n = asprintf(&path, "%s?%slimit=%d%s%s", w->path, w->query, PAGE, w->page ? "&continue=" : "",
			     w->page ? wattle_kube_escape(token, sizeof(token), w->page) : "");
	return n < 0 ? NULL : path;
}

static void start(struct wattle_kube_watch *w)
{
	cleanup_free char *path = NULL;

	if (!w->version[0] && w->phase == PHASE_WATCH)
		relist(w);
	if (w->phase != PHASE_WATCH && !w->page)
		w->round++;
	w->heard = w->too_old = false;
	path = make_path(w);
	if (path && w->phase == PHASE_LIST)
		w->request = wattle_kube_send(w->kube, &(struct wattle_kube_call){ .method = "GET", .path = path, .timeout_s = 60 }, on_page, w);
	else if (path)
		w->request = wattle_kube_stream(w->kube, path, w->spec.silent_s ? w->spec.silent_s : SILENT_S, on_line, on_over, w);
	if (!w->request) {
		trouble(w, "out of memory");
		back_off(w);
	} else if (w->phase == PHASE_INITIAL)
		start_in(w, INITIAL_S * 1000);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_kube_watch *w = arg;

	(void) fd;
	(void) what;
	if (w->request) { /* the end of the initial events did not come */
		wattle_kube_cancel(w->request);
		w->request = NULL;
		w->no_initial = true;
		relist(w);
	}
	start(w);
}

static char *make_query(const struct wattle_kube_watch_spec *spec)
{
	char label[3 * 1024] = "", field[3 * 1024] = "", *query = NULL;

	if (spec->label_selector)
		wattle_kube_escape(label, sizeof(label), spec->label_selector);
	if (spec->field_selector)
		wattle_kube_escape(field, sizeof(field), spec->field_selector);
	/* a selector that was cut would select everything */
	if ((spec->label_selector && !label[0]) || (spec->field_selector && !field[0]))
		return NULL;
	if (asprintf(&query, "%s%s%s%s%s%s", label[0] ? "labelSelector=" : "", label, label[0] ? "&" : "", field[0] ? "fieldSelector=" : "", field,
		     field[0] ? "&" : "") < 0)
		return NULL;
	return query;
}

struct wattle_kube_watch *wattle_kube_watch_new(struct wattle_kube *kube, const struct wattle_kube_watch_spec *spec)
{
	struct wattle_kube_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->kube = kube;
	w->spec = *spec;
	w->spec.path = w->spec.label_selector = w->spec.field_selector = NULL;
	w->path = strdup(spec->path);
	w->query = make_query(spec);
	w->table = lh_kchar_table_new(64, free_entry);
	w->timer = event_new(wattle_kube_base(kube), -1, 0, on_timer, w);
	w->phase = PHASE_INITIAL;
	if (!w->path || !w->query || !w->table || !w->timer) {
		wattle_kube_watch_free(w);
		return NULL;
	}
	start_in(w, 0);
	return w;
}

void wattle_kube_watch_free(struct wattle_kube_watch *w)
{
	if (!w)
		return;
	wattle_kube_cancel(w->request);
	w->freeing = true;
	while (w->table && w->table->head)
		drop(w, w->table->head);
	if (w->table)
		lh_table_free(w->table);
	if (w->timer)
		event_free(w->timer);
	free(w->page);
	free(w->path);
	free(w->query);
	free(w);
}

/* --- look ----------------------------------------------------------------------------------------------- */

bool wattle_kube_watch_synced(const struct wattle_kube_watch *w)
{
	return w->synced;
}

bool wattle_kube_watch_absent(const struct wattle_kube_watch *w)
{
	return w->absent;
}

const struct wattle_kube_watch_stats *wattle_kube_watch_stats(const struct wattle_kube_watch *w)
{
	return &w->stats;
}

size_t wattle_kube_watch_count(const struct wattle_kube_watch *w)
{
	return (size_t) lh_table_length(w->table);
}

void *wattle_kube_watch_find(const struct wattle_kube_watch *w, const char *key)
{
	const struct entry *entry = find(w, key);

	return entry ? entry->own : NULL;
}

int wattle_kube_watch_each(const struct wattle_kube_watch *w, int (*visit)(void *arg, const char *key, void *own), void *arg)
{
	struct lh_entry *e;
	int rc = 0;

	lh_foreach(w->table, e)
		if ((rc = visit(arg, lh_entry_k(e), ((struct entry *) lh_entry_v(e))->own)) != 0)
			break;
	return rc;
}
