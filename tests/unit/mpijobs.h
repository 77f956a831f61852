/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TEST_MPIJOBS_H
#define WATTLE_TEST_MPIJOBS_H

/* MPIJobs and a site for tests of the bridge. */

#include <json-c/json.h>

#include "mpijob.h"

/* An MPIJob of two workers; format: further members of "metadata" as JSON text, "" or beginning with a comma. */
struct json_object *mpijob_of(const char *metadata, unsigned workers);
/* Sets object.a.b.c (dots part; "\\." is a dot) to the JSON text; numbers are indexes of arrays. */
void mpijob_set(struct json_object *object, const char *path, const char *json);
/* The site of the golden cases: wattle, node, budget. Nodes n1, n2 (standard), s1 (small, tainted "small") and f1 (fat, label kind=fat). */
void site_open(const char *conf, struct wattle_k8s_site *ret);
void site_close(struct wattle_k8s_site *site);
/* RFC 6902 add and remove, as the API server applies them. False: the patch does not apply. */
bool patch_apply(struct json_object *object, struct json_object *patch);

#endif
