/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_K8S_REVIEW_H
#define WATTLE_K8S_REVIEW_H

/* AdmissionReview (admission.k8s.io/v1) in, AdmissionReview out: what the webhook says, without the web. Pure but for what site holds. */

#include <json-c/json.h>
#include <stddef.h>

#include "mpijob.h"

#define WATTLE_REVIEW_BYTES_MAX (4u * 1024 * 1024) /* the API server takes no object over 3 MB */
#define WATTLE_REVIEW_DEPTH 100

/* What was made of a review, for counters. */
enum wattle_review_kind { WATTLE_REVIEW_BAD, WATTLE_REVIEW_PASSED, WATTLE_REVIEW_DECIDED, WATTLE_REVIEW_REFUSED };

/* text[len] must be NUL. Always allows: admission never stands in the way of a job, what is refused is held and says so, and the same text
 * comes as a warning. Only CREATE of an MPIJob is changed. NULL: no AdmissionReview (the answer is then HTTP 400 with err), or out of memory.
 * The caller frees with json_object_put. */
struct json_object *wattle_review_answer(const char *text, size_t len, const struct wattle_k8s_site *site, int64_t now_s,
					 enum wattle_review_kind *ret_kind, struct wattle_err *err);

#endif
