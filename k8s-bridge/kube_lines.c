/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_lines.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PART_KEPT 65536 /* one large object is no reason to keep so much */

bool wattle_kube_text_add(struct wattle_kube_text *text, const char *more, size_t n, size_t most)
{
	if (n > most || text->len > most - n)
		return false;
	if (text->len + n + 1 > text->room) {
		size_t room = 2 * (text->len + n) + 256;
		char *at = realloc(text->at, room);

		if (!at)
			return false;
		text->at = at;
		text->room = room;
	}
	memcpy(text->at + text->len, more, n);
	text->len += n;
	text->at[text->len] = '\0';
	return true;
}

void wattle_kube_text_free(struct wattle_kube_text *text)
{
	free(text->at);
	*text = (struct wattle_kube_text){ NULL, 0, 0 };
}

bool wattle_kube_lines_init(struct wattle_kube_lines *lines, size_t line_max, int depth)
{
	*lines = (struct wattle_kube_lines){ .line_max = line_max, .tokener = json_tokener_new_ex(depth) };
	return lines->tokener;
}

void wattle_kube_lines_free(struct wattle_kube_lines *lines)
{
	if (lines->tokener)
		json_tokener_free(lines->tokener);
	lines->tokener = NULL;
	wattle_kube_text_free(&lines->part);
}

static bool one_line(struct wattle_kube_lines *lines, const char *text, size_t len, bool (*line)(void *arg, struct json_object *object), void *arg)
{
	struct json_object *object;

	while (len > 0 && isspace((unsigned char) text[len - 1]))
		len--;
	if (len == 0)
		return true;
	json_tokener_reset(lines->tokener);
	object = json_tokener_parse_ex(lines->tokener, text, (int) len);
	if (!object || json_tokener_get_parse_end(lines->tokener) != len || !json_object_is_type(object, json_type_object))
		lines->end = WATTLE_KUBE_LINES_BROKEN;
	else if (!line(arg, object))
		lines->end = WATTLE_KUBE_LINES_STOPPED;
	json_object_put(object);
	return lines->end == WATTLE_KUBE_LINES_OPEN;
}

bool wattle_kube_lines_feed(struct wattle_kube_lines *lines, const char *data, size_t n, bool (*line)(void *arg, struct json_object *object),
			    void *arg)
{
	while (n > 0 && lines->end == WATTLE_KUBE_LINES_OPEN) {
		const char *end = memchr(data, '\n', n);
		size_t part = end ? (size_t) (end - data) : n;

		if (end && lines->part.len == 0 && part <= lines->line_max)
			one_line(lines, data, part, line, arg);
		else if (!wattle_kube_text_add(&lines->part, data, part, lines->line_max))
			lines->end = WATTLE_KUBE_LINES_TOO_LONG;
		else if (end) {
			size_t len = lines->part.len;

			lines->part.len = 0;
			one_line(lines, lines->part.at, len, line, arg);
			if (lines->part.room > PART_KEPT)
				wattle_kube_text_free(&lines->part);
		}
		data += part + (end ? 1 : 0);
		n -= part + (end ? 1 : 0);
	}
	return lines->end == WATTLE_KUBE_LINES_OPEN;
}
