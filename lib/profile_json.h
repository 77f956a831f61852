/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROFILE_JSON_H
#define WATTLE_PROFILE_JSON_H

/* A profile and its fit as JSON objects, for those who print them. The caller owns them (json_object_put). */

#include <stdbool.h>

#include <json-c/json.h>

#include "profile.h"

/* solved: there are coefficients, else "coef" is null. */
struct json_object *wattle_model_json(const struct wattle_model *model, bool solved, bool usable, const char *why);
struct json_object *wattle_profile_json(const struct wattle_profile *profile);

#endif
