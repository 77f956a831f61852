/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "review.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dig.h"
#include "json.h"
#include "mutate.h"

#define API_VERSION "admission.k8s.io/v1"

/* RFC 4648; json-c has none, and GnuTLS is not for pure code. */
static char *encode_base64(const char *text, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *) text;
	char *out = malloc((len + 2) / 3 * 4 + 1), *o = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t) in[i] << 16 | (i + 1 < len ? (uint32_t) in[i + 1] << 8 : 0) | (i + 2 < len ? in[i + 2] : 0);

		*o++ = digits[bits >> 18];
		*o++ = digits[bits >> 12 & 63];
		*o++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		*o++ = i + 2 < len ? digits[bits & 63] : '=';
	}
	*o = '\0';
	return out;
}

static bool add_patch(struct json_object *response, struct json_object *patch)
{
	const char *text = json_object_to_json_string_ext(patch, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	cleanup_free char *encoded = text ? encode_base64(text, strlen(text)) : NULL;

	if (!encoded)
		return false;
	json_object_object_add(response, "patchType", json_object_new_string("JSONPatch"));
	json_object_object_add(response, "patch", json_object_new_string(encoded));
	return true;
}

static void add_warning(struct json_object *response, const char *text)
{
	struct json_object *warnings = wattle_dig(response, json_type_array, "warnings", NULL);

	if (!*text)
		return;
	if (!warnings) {
		warnings = json_object_new_array();
		json_object_object_add(response, "warnings", warnings);
	}
	json_object_array_add(warnings, json_object_new_string(text));
}

/* Without memory for it the job is allowed as it is: the controller mends that. */
static enum wattle_review_kind decide(struct json_object *object, const struct wattle_k8s_site *site, int64_t now_s, struct json_object *response)
{
	cleanup_free struct wattle_mpijob *job = malloc(sizeof(*job));
	cleanup_free struct wattle_ruling *ruling = malloc(sizeof(*ruling));
	cleanup_json struct json_object *patch = NULL;
	char text[640];

	if (!job || !ruling)
		return WATTLE_REVIEW_PASSED;
	wattle_mpijob_rule(object, site, now_s, job, ruling);
	patch = wattle_mutate_patch(object, job, ruling, site);
	if (!patch || (json_object_array_length(patch) > 0 && !add_patch(response, patch)))
		return WATTLE_REVIEW_PASSED;
	add_warning(response, job->warning);
	if (ruling->refused)
		add_warning(response, wattle_mutate_text(ruling, text, sizeof(text)));
	return ruling->refused ? WATTLE_REVIEW_REFUSED : ruling->untouched ? WATTLE_REVIEW_PASSED : WATTLE_REVIEW_DECIDED;
}

struct json_object *wattle_review_answer(const char *text, size_t len, const struct wattle_k8s_site *site, int64_t now_s,
					 enum wattle_review_kind *ret_kind, struct wattle_err *err)
{
	cleanup_json struct json_object *review = len <= WATTLE_REVIEW_BYTES_MAX ? wattle_json_parse(text, len, WATTLE_REVIEW_DEPTH) : NULL;
	struct json_object *request = wattle_dig(review, json_type_object, "request", NULL);
	struct json_object *object = wattle_dig(request, json_type_object, "object", NULL), *answer, *response;
	const char *uid = wattle_dig_text(request, "uid");

	*ret_kind = WATTLE_REVIEW_BAD;
	if (strcmp(wattle_dig_text(review, "kind"), "AdmissionReview") != 0 || strcmp(wattle_dig_text(review, "apiVersion"), API_VERSION) != 0 ||
	    !*uid || strlen(uid) > 128) {
		wattle_err_set(err, EINVAL, "the body is no AdmissionReview of " API_VERSION);
		return NULL;
	}
	answer = json_object_new_object();
	response = json_object_new_object();
	if (!answer || !response) {
		json_object_put(answer);
		json_object_put(response);
		wattle_err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	json_object_object_add(answer, "apiVersion", json_object_new_string(API_VERSION));
	json_object_object_add(answer, "kind", json_object_new_string("AdmissionReview"));
	json_object_object_add(answer, "response", response);
	json_object_object_add(response, "uid", json_object_new_string(uid));
	json_object_object_add(response, "allowed", json_object_new_boolean(true));
	*ret_kind = WATTLE_REVIEW_PASSED;
	if (object && strcmp(wattle_dig_text(request, "operation"), "CREATE") == 0 && !*wattle_dig_text(request, "subResource"))
		*ret_kind = decide(object, site, now_s, response);
	return answer;
}
