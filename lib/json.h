/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_JSON_H
#define WATTLE_JSON_H

/* Taking values out of JSON that others may have written: right type, in range, bounded, or -EINVAL with the output
 * untouched. Over json-c; nothing here keeps state. Thread-safe. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

/* text[len] must be NUL. NULL unless the text is one whole JSON value (nothing but white space after it) nested at most depth deep. Freed with
 * json_object_put, or cleanup_json. */
struct json_object *wattle_json_parse(const char *text, size_t len, int depth);

int wattle_json_u64(struct json_object *object, const char *key, uint64_t max, uint64_t *ret);
int wattle_json_i64(struct json_object *object, const char *key, int64_t *ret);
/* Finite; an integer is a number too. */
int wattle_json_number(struct json_object *object, const char *key, double *ret);
int wattle_json_bool(struct json_object *object, const char *key, bool *ret);
/* Printable ASCII that fits size with its NUL. */
int wattle_json_text(struct json_object *object, const char *key, char *ret, size_t size);
/* The array under key, borrowed; NULL if it is none. */
struct json_object *wattle_json_array(struct json_object *object, const char *key);

/* Quotes src for the inside of a JSON string: at most size-1 bytes, cut at the end; what is not printable ASCII becomes '?'. */
void wattle_json_escape(char *dst, size_t size, const char *src);

static inline void wattle_cleanup_json(struct json_object **object)
{
	json_object_put(*object);
}

#define cleanup_json __attribute__((cleanup(wattle_cleanup_json)))

#endif
