/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_JSON_NEW_H
#define WATTLE_JSON_NEW_H

#include <json-c/json.h>

/* A number as people would write it: the fewest digits, from 15 on, that read back as the same double. NULL, which is
 * JSON's null, for one that is not finite. The caller owns it. */
struct json_object *wattle_json_new_number(double value);

/* Rounded to that many significant digits: for results that are estimates. */
struct json_object *wattle_json_new_estimate(double value, int digits);

#endif
