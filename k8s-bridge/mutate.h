/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_K8S_MUTATE_H
#define WATTLE_K8S_MUTATE_H

/* A ruling in Kubernetes' words: as JSON Patch for admission, as an apply configuration for server-side apply.
 *
 *   watts          requests and limits of the workers' first container, under the site's resource; none on the launcher
 *   annotations    decision, grant, asked; of a job that carbon decided on start, of a scaled one plan. Those of ours that don't apply go
 *   cleanPodPolicy Running, where nothing or None was said: else workers run for ever and caps never come back
 *   replicas       what a scaled job begins with
 *   start          under Kueue its gate, at creation alone; else suspend, where the user did not say it himself
 *
 * A refused job gets the decision annotation, no watts, and is held as one that is put off. Results are owned by the caller. Pure. */

#include <json-c/json.h>

#include "mpijob.h"

#define WATTLE_CONDITION_REFUSED "WattleRefused"

/* An array, maybe empty: [] changes nothing. For an object on its way in: what stands there is looked up in `object`. NULL: out of memory. */
struct json_object *wattle_mutate_patch(struct json_object *object, const struct wattle_mpijob *job, const struct wattle_ruling *ruling,
					const struct wattle_k8s_site *site);

enum wattle_mutate_part {
	WATTLE_MUTATE_WORDS = 1,   /* annotations */
	WATTLE_MUTATE_WATTS = 2,   /* watts, cleanPodPolicy */
	WATTLE_MUTATE_SIZE = 4,    /* replicas */
	WATTLE_MUTATE_HOLD = 8,    /* suspend: true */
	WATTLE_MUTATE_RELEASE = 16 /* suspend: false */
};

/* `object` is what is there. The object that says no more than these parts: apiVersion, kind, name, namespace and what of `parts` (or'ed) this job is due. suspend is never
 * in it where Kueue owns it. Whatever we applied before and is left out now, the server takes away: with one field manager for all, always
 * name everything that should stay. NULL: out of memory. */
struct json_object *wattle_mutate_apply(struct json_object *object, const struct wattle_mpijob *job, const struct wattle_ruling *ruling,
					const struct wattle_k8s_site *site, unsigned parts);

/* Does all of it stand in `object` already, so that nothing needs to be sent? (HOLD and RELEASE are not looked at.) */
bool wattle_mutate_done(struct json_object *object, const struct wattle_mpijob *job, const struct wattle_ruling *ruling,
			const struct wattle_k8s_site *site);

/* The apply configuration, for the status subresource, of one condition of ours: WATTLE_CONDITION_REFUSED is True with `text` for a refused job; on
 * one that is not any more it is False; on one that never was there is none. NULL: it says so already, or it may not be written yet: the
 * operator tells a new job by its having no conditions, so its own must stand there first. now_s: for its times. */
struct json_object *wattle_mutate_condition(struct json_object *object, bool refused, const char *text, int64_t now_s);

/* A merge patch that takes our gate out of Kueue's list, others' stay; NULL: it does not stand there. Guarded by resourceVersion. */
struct json_object *wattle_mutate_ungate(struct json_object *object);

/* One line for Events and the annotation: the answer, or "wattle: refused: …". Returns text. */
const char *wattle_mutate_text(const struct wattle_ruling *ruling, char *text, size_t size);

#endif
