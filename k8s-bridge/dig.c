/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dig.h"

#include <stdarg.h>
#include <string.h>

#define ITEMS_MAX 100000

struct json_object *wattle_dig(struct json_object *object, enum json_type type, ...)
{
	const char *key;
	va_list keys;

	va_start(keys, type);
	while (object && (key = va_arg(keys, const char *)))
		if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &object))
			object = NULL;
	va_end(keys);
	return json_object_is_type(object, type) ? object : NULL;
}

const char *wattle_dig_text(struct json_object *object, const char *key)
{
	struct json_object *value = wattle_dig(object, json_type_string, key, NULL);
	const char *text = value ? json_object_get_string(value) : "";

	return strlen(text) == (value ? (size_t) json_object_get_string_len(value) : 0) ? text : "";
}

size_t wattle_dig_length(struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	return n < ITEMS_MAX ? n : ITEMS_MAX;
}

bool wattle_dig_int(struct json_object *object, const char *key, int64_t *ret)
{
	struct json_object *value = wattle_dig(object, json_type_int, key, NULL);

	if (value)
		*ret = json_object_get_int64(value);
	return value != NULL;
}

const char *wattle_dig_meta(struct json_object *object, const char *section, const char *key)
{
	return wattle_dig_text(wattle_dig(object, json_type_object, "metadata", section, NULL), key);
}
