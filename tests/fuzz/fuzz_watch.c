/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an API server sends to a watch, answer after answer: each object's owner is told of it until it is told of its end, once; keys are
 * names; what is asked next is a path that the last answers can't have broken. An answer is a line "STATUS PIECE", then its body in pieces
 * of that many bytes, until a byte 0x1e. */
#include "fuzz.h"

#include "kube_http.h"
#include "kube_lines.h"

/* Timers and requests that this harness keeps. */
static struct fake_timer {
	event_callback_fn ring;
	void *arg;
	bool set;
} timer;
static struct wattle_kube_request {
	bool (*line)(void *arg, struct json_object *object); /* NULL: no stream */
	wattle_kube_done *done;
	void *arg;
	bool out;
} request;

static struct event *timer_new(event_callback_fn ring, void *arg)
{
	timer = (struct fake_timer){ .ring = ring, .arg = arg };
	return (struct event *) &timer;
}

static struct wattle_kube_request *ask(const char *path, bool (*line)(void *arg, struct json_object *object), wattle_kube_done *done, void *arg)
{
	MUST(!request.out && strncmp(path, "/api/v1/nodes?", 14) == 0);
	for (; *path; path++)
		MUST(*path > ' ' && *path < 0x7f && *path != '#');
	request = (struct wattle_kube_request){ .line = line, .done = done, .arg = arg, .out = true };
	return &request;
}

struct wattle_kube_request *wattle_kube_send(struct wattle_kube *kube, const struct wattle_kube_call *call, wattle_kube_done *done, void *arg)
{
	(void) kube;
	return ask(call->path, NULL, done, arg);
}

struct wattle_kube_request *wattle_kube_stream(struct wattle_kube *kube, const char *path, uint32_t silent_s,
					       bool (*line)(void *arg, struct json_object *object), wattle_kube_done *done, void *arg)
{
	(void) kube;
	(void) silent_s;
	return ask(path, line, done, arg);
}

void wattle_kube_cancel(struct wattle_kube_request *r)
{
	MUST(!r || (r == &request && r->out));
	request.out = false;
}

#define event_new(base, fd, what, ring, arg) timer_new(ring, arg)
#define event_add(event, time) ((void) (event), (void) (time), timer.set = true)
#define event_del(event) ((void) (event), timer.set = false)
#define event_free(event) ((void) (event), timer = (struct fake_timer){ NULL, NULL, false })
#define wattle_kube_base(kube) NULL
#include "kube_watch.c"

static size_t n_owned;

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	char meta_name[254];
	struct json_object *meta;
	const char *name = strchr(key, '/');

	(void) arg;
	MUST(json_object_object_get_ex(object, "metadata", &meta) && wattle_json_text(meta, "name", meta_name, sizeof(meta_name)) == 0);
	MUST(strcmp(name ? name + 1 : key, meta_name) == 0 && wattle_kube_name_ok(meta_name));
	if (*own) {
		MUST(strcmp(*own, key) == 0);
		return;
	}
	*own = strdup(key);
	n_owned++;
}

static void on_gone(void *arg, const char *key, void *own)
{
	(void) arg;
	MUST(own && strcmp(own, key) == 0 && n_owned > 0);
	free(own);
	n_owned--;
}

static void on_trouble(void *arg, const char *text)
{
	(void) arg;
	MUST(strlen(text) < 512);
	for (; *text; text++)
		MUST((unsigned char) *text >= ' ' && *text != 0x7f);
}

static void answer(uint8_t *data, size_t size)
{
	size_t head = 0, piece = 1;
	int status = 0;
	struct wattle_kube_lines lines;
	struct json_object *body = NULL;
	const char *why = "";

	while (head < size && data[head] != '\n')
		head++;
	if (head < size) {
		data[head] = '\0';
		sscanf((char *) data, "%3d %4zu", &status, &piece);
		head++;
	}
	data += head;
	size -= head;
	piece = piece ? piece : 1;
	if (request.line && status == 200) {
		MUST(wattle_kube_lines_init(&lines, 2000, 20));
		for (size_t at = 0; at < size; at += piece)
			if (!wattle_kube_lines_feed(&lines, (char *) data + at, size - at < piece ? size - at : piece, request.line, request.arg))
				break;
		MUST(lines.part.len <= 2000);
		why = lines.end == WATTLE_KUBE_LINES_BROKEN ? "broken" : "";
		wattle_kube_lines_free(&lines);
	} else {
		body = size ? wattle_json_parse((char *) data, size, WATTLE_KUBE_DEPTH_MAX) : NULL;
		why = status == 200 ? "" : "refused";
	}
	request.out = false;
	request.done(request.arg, status, body, why);
	json_object_put(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wattle_kube_watch_spec spec = { .path = "/api/v1/nodes", .label_selector = "a in (b,c)", .has = on_has, .gone = on_gone, .trouble = on_trouble };
	struct wattle_kube_watch *watch = wattle_kube_watch_new(NULL, &spec);
	char *text = fuzz_text(data, size);

	MUST(watch && timer.set);
	for (size_t at = 0, n; at < size; at += n + 1) {
		const uint8_t *end = memchr(text + at, 0x1e, size - at);

		n = end ? (size_t) (end - (uint8_t *) text) - at : size - at;
		/* it asks, after a while, or waits for what it has asked */
		if (!request.out) {
			MUST(timer.set);
			timer.set = false;
			timer.ring(-1, 0, timer.arg);
		} else if (n == 0 && timer.set) { /* the end of its patience */
			timer.set = false;
			timer.ring(-1, 0, timer.arg);
			continue;
		}
		MUST(request.out);
		answer((uint8_t *) text + at, n);
		MUST(wattle_kube_watch_count(watch) == n_owned);
	}
	wattle_kube_watch_free(watch);
	MUST(n_owned == 0 && !timer.ring && !request.out);
	free(text);
	return 0;
}
