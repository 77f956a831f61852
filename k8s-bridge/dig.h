/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_DIG_H
#define WATTLE_DIG_H

/* Into objects of the API's that others made: what is missing or of another type is simply not there. Everything found is borrowed. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* wattle_dig (object, type, "spec", "runPolicy", NULL): member of member; NULL unless each is an object and the last of that type. */
struct json_object *wattle_dig(struct json_object *object, enum json_type type, ...) __attribute__((sentinel));
/* A string member without NULs in it; "" else. */
const char *wattle_dig_text(struct json_object *object, const char *key);
/* Of a list, or of anything else, which has none; what comes after the first 100,000 is not looked at. */
size_t wattle_dig_length(struct json_object *list);
/* An integer member. */
bool wattle_dig_int(struct json_object *object, const char *key, int64_t *ret);
/* An annotation or label (section: "annotations", "labels"): as wattle_dig_text. */
const char *wattle_dig_meta(struct json_object *object, const char *section, const char *key);

#endif
