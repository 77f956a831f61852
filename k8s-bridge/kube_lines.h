/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_LINES_H
#define WATTLE_KUBE_LINES_H

/* What comes in by pieces: a text that grows up to a limit, and the lines of a stream, each a JSON object. Pure: no I/O, no globals, any thread. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct wattle_kube_text {
	char *at; /* ends in NUL; NULL: nothing yet */
	size_t len, room;
};

/* False: out of memory, or longer than most bytes; the text is as it was. */
bool wattle_kube_text_add(struct wattle_kube_text *text, const char *more, size_t n, size_t most);
/* Empty again, and may be added to. */
void wattle_kube_text_free(struct wattle_kube_text *text);

enum wattle_kube_lines_end {
	WATTLE_KUBE_LINES_OPEN,
	WATTLE_KUBE_LINES_STOPPED, /* by line */
	WATTLE_KUBE_LINES_TOO_LONG, /* more than line_max bytes, or no memory for them */
	WATTLE_KUBE_LINES_BROKEN,  /* a line that is no JSON object */
};

struct wattle_kube_lines {
	size_t line_max;
	struct json_tokener *tokener;
	struct wattle_kube_text part; /* of a line whose end has not come */
	enum wattle_kube_lines_end end;
};

/* False: out of memory. depth: of JSON. */
bool wattle_kube_lines_init(struct wattle_kube_lines *lines, size_t line_max, int depth);
void wattle_kube_lines_free(struct wattle_kube_lines *lines);

/* The next n bytes. line: each object, borrowed, in their order; false ends the stream, as what can't be read does. An empty line is none.
 * False: it has ended, lines->end says how. */
bool wattle_kube_lines_feed(struct wattle_kube_lines *lines, const char *data, size_t n, bool (*line)(void *arg, struct json_object *object),
			    void *arg);

#endif
