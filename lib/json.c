/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

struct json_object *wattle_json_parse(const char *text, size_t len, int depth)
{
	struct json_tokener *tokener;
	struct json_object *object;

	if (len >= INT_MAX)
		return NULL;
	tokener = json_tokener_new_ex(depth);
	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	/* The NUL is part of it: a number at the very end is whole only then, and strict mode refuses what follows a value. */
	object = json_tokener_parse_ex(tokener, text, (int) len + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tokener);
	return object;
}

static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

int wattle_json_u64(struct json_object *object, const char *key, uint64_t max, uint64_t *ret)
{
	struct json_object *value = member(object, key, json_type_int);
	uint64_t number;

	/* json-c clamps: negative numbers read as 0, too large ones as the largest. */
	if (!value || json_object_get_int64(value) < 0)
		return -EINVAL;
	number = json_object_get_uint64(value);
	if (number > max || number == UINT64_MAX)
		return -EINVAL;
	*ret = number;
	return 0;
}

int wattle_json_i64(struct json_object *object, const char *key, int64_t *ret)
{
	struct json_object *value = member(object, key, json_type_int);
	int64_t number;

	if (!value)
		return -EINVAL;
	number = json_object_get_int64(value);
	if (number == INT64_MAX || number == INT64_MIN)
		return -EINVAL;
	*ret = number;
	return 0;
}

int wattle_json_number(struct json_object *object, const char *key, double *ret)
{
	struct json_object *value = member(object, key, json_type_double);
	double number;

	if (!value)
		value = member(object, key, json_type_int);
	if (!value)
		return -EINVAL;
	number = json_object_get_double(value);
	if (!isfinite(number))
		return -EINVAL;
	*ret = number;
	return 0;
}

int wattle_json_bool(struct json_object *object, const char *key, bool *ret)
{
	struct json_object *value = member(object, key, json_type_boolean);

	if (!value)
		return -EINVAL;
	*ret = json_object_get_boolean(value);
	return 0;
}

int wattle_json_text(struct json_object *object, const char *key, char *ret, size_t size)
{
	struct json_object *value = member(object, key, json_type_string);
	const char *text;
	size_t len;

	if (!value)
		return -EINVAL;
	text = json_object_get_string(value);
	len = (size_t) json_object_get_string_len(value);
	if (len >= size)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) text[i] < 0x20 || (unsigned char) text[i] >= 0x7f)
			return -EINVAL;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}

struct json_object *wattle_json_array(struct json_object *object, const char *key)
{
	return member(object, key, json_type_array);
}

void wattle_json_escape(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src && n + 2 < size; src++) {
		unsigned char c = (unsigned char) *src;

		if (c == '"' || c == '\\')
			dst[n++] = '\\';
		dst[n++] = c < 0x20 || c >= 0x7f ? '?' : *src;
	}
	if (size > 0)
		dst[n] = '\0';
}
