/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "json.h"

#define RECORD_VERSION 1

/* Figures that are not numbers would be no JSON. */
static double finite_or(double value, double otherwise)
{
	return isfinite(value) ? value : otherwise;
}

#define SLICE_S_MAX (1u << 30)
#define SLICE_TEXT 12 /* "1.2346e+06," */

/* ',"slice_s":64,"slices_j":[12.5,…]'; nothing where there are none. */
static void format_slices(const struct wattle_slices *slices, char *text, size_t size)
{
	int n = 0;

	text[0] = '\0';
	if (slices->n == 0)
		return;
	n = snprintf(text, size, ",\"slice_s\":%" PRIu32 ",\"slices_j\":[", slices->slice_s);
	for (uint32_t i = 0; i < slices->n; i++)
		n += snprintf(text + n, size - (size_t) n, "%s%.5g", i ? "," : "", finite_or((double) slices->j[i], 0));
	snprintf(text + n, size - (size_t) n, "]");
}

static int parse_slices(struct json_object *object, struct wattle_slices *ret)
{
	struct json_object *list;
	uint64_t slice_s;

	if (!json_object_object_get_ex(object, "slices_j", NULL))
		return 0;
	list = wattle_json_array(object, "slices_j");
	if (!list || json_object_array_length(list) > WATTLE_SLICES_MAX ||
	    wattle_json_u64(object, "slice_s", SLICE_S_MAX, &slice_s) < 0 || slice_s == 0)
		return -EINVAL;
	ret->slice_s = (uint32_t) slice_s;
	for (; ret->n < json_object_array_length(list); ret->n++) {
		struct json_object *item = json_object_array_get_idx(list, ret->n);
		double j = json_object_is_type(item, json_type_double) || json_object_is_type(item, json_type_int) ? json_object_get_double(item) : -1;

		if (!(j >= 0) || j > 1e15)
			return -EINVAL;
		ret->j[ret->n] = (float) j;
	}
	return 0;
}

int wattle_record_format(const struct wattle_record *record, char *text, size_t size)
{
	char node[2 * sizeof(record->node)], note[2 * sizeof(record->note)], slices[64 + WATTLE_SLICES_MAX * SLICE_TEXT];
	int n;

	wattle_json_escape(node, sizeof(node), record->node);
	wattle_json_escape(note, sizeof(note), record->note);
	format_slices(&record->slices, slices, sizeof(slices));
	n = snprintf(text, size,
		     "{\"v\":%d,\"job\":%" PRIu32 ",\"step\":%" PRIu32 ",\"node\":\"%s\",\"uid\":%" PRIu32
		     ",\"start\":%" PRId64 ",\"end\":%" PRId64 ",\"elapsed_s\":%.6f,\"energy_j\":%.6f,\"mean_w\":%.3f,\"peak_w\":%.3f"
		     ",\"grant_w\":%" PRIu32 ",\"cap_w\":%" PRIu32 ",\"base_w\":%" PRIu32
		     ",\"capped_s\":%.3f,\"at_cap_s\":%.3f,\"over_s\":%.3f,\"cap_held\":%s,\"shared\":%s,\"note\":\"%s\"%s}",
		     RECORD_VERSION, record->job_id, record->step_id, node, (uint32_t) record->uid, record->start_s, record->end_s,
		     finite_or(record->elapsed_s, 0), finite_or(record->energy_j, -1), finite_or(record->mean_w, 0),
		     finite_or(record->peak_w, 0), record->grant_w, record->cap_w, record->base_w,
		     finite_or(record->capped_s, 0), finite_or(record->at_cap_s, 0), finite_or(record->over_s, 0),
		     record->cap_held ? "true" : "false", record->shared ? "true" : "false", note, slices);
	return n < 0 || (size_t) n >= size ? -ENOSPC : 0;
}

static int parse_object(struct json_object *object, struct wattle_record *ret)
{
	struct wattle_record record = { 0 };
	uint64_t version, uid, job_id, step_id, grant_w, cap_w, base_w;

	if (!json_object_is_type(object, json_type_object) ||
	    wattle_json_u64(object, "v", RECORD_VERSION, &version) < 0 || version != RECORD_VERSION ||
	    wattle_json_u64(object, "job", UINT32_MAX, &job_id) < 0 ||
	    wattle_json_u64(object, "step", UINT32_MAX, &step_id) < 0 ||
	    wattle_json_text(object, "node", record.node, sizeof(record.node)) < 0 || !record.node[0] ||
	    wattle_json_u64(object, "uid", UINT32_MAX, &uid) < 0 ||
	    wattle_json_i64(object, "start", &record.start_s) < 0 || wattle_json_i64(object, "end", &record.end_s) < 0 ||
	    wattle_json_number(object, "elapsed_s", &record.elapsed_s) < 0 || record.elapsed_s < 0 ||
	    wattle_json_number(object, "energy_j", &record.energy_j) < 0 ||
	    wattle_json_number(object, "mean_w", &record.mean_w) < 0 || record.mean_w < 0 ||
	    wattle_json_number(object, "peak_w", &record.peak_w) < 0 || record.peak_w < 0 ||
	    wattle_json_u64(object, "grant_w", UINT32_MAX, &grant_w) < 0 ||
	    wattle_json_u64(object, "cap_w", UINT32_MAX, &cap_w) < 0 ||
	    wattle_json_u64(object, "base_w", UINT32_MAX, &base_w) < 0 ||
	    wattle_json_number(object, "capped_s", &record.capped_s) < 0 || record.capped_s < 0 ||
	    wattle_json_number(object, "at_cap_s", &record.at_cap_s) < 0 || record.at_cap_s < 0 ||
	    wattle_json_number(object, "over_s", &record.over_s) < 0 || record.over_s < 0 ||
	    wattle_json_bool(object, "cap_held", &record.cap_held) < 0 ||
	    wattle_json_bool(object, "shared", &record.shared) < 0 ||
	    wattle_json_text(object, "note", record.note, sizeof(record.note)) < 0 ||
	    parse_slices(object, &record.slices) < 0)
		return -EINVAL;
	record.job_id = (uint32_t) job_id;
	record.step_id = (uint32_t) step_id;
	record.uid = (uid_t) uid;
	record.grant_w = (uint32_t) grant_w;
	record.cap_w = (uint32_t) cap_w;
	record.base_w = (uint32_t) base_w;
	*ret = record;
	return 0;
}

int wattle_record_parse(const char *text, struct wattle_record *ret)
{
	cleanup_json struct json_object *object = wattle_json_parse(text, strlen(text), 3);

	return parse_object(object, ret);
}

int wattle_pod_record_format(const struct wattle_pod_record *record, char *text, size_t size)
{
	char job[2 * sizeof(record->job)], pod[2 * sizeof(record->pod)], profile[2 * sizeof(record->profile)];
	size_t len;
	int n;

	wattle_json_escape(job, sizeof(job), record->job);
	wattle_json_escape(pod, sizeof(pod), record->pod);
	wattle_json_escape(profile, sizeof(profile), record->profile);
	n = snprintf(text, size,
		     "{\"v\":%d,\"mpijob\":\"%s\",\"owner\":\"%s\",\"pod\":\"%s\",\"pod_uid\":\"%s\",\"role\":\"%s\",\"state\":\"%s\",\"profile\":\"%s\""
		     ",\"slowdown_pct\":%.6f,\"whole\":%s,\"record\":", RECORD_VERSION, job, record->owner, pod, record->pod_uid, record->role,
		     record->state, profile, finite_or(record->slowdown_pct, 0), record->whole ? "true" : "false");
	if (n < 0 || (size_t) n >= size || wattle_record_format(&record->record, text + n, size - (size_t) n) < 0)
		return -ENOSPC;
	len = strlen(text);
	if (len + 1 >= size)
		return -ENOSPC;
	memcpy(text + len, "}", 2);
	return 0;
}

int wattle_pod_record_parse(const char *text, struct wattle_pod_record *ret)
{
	cleanup_json struct json_object *object = wattle_json_parse(text, strlen(text), 4);
	struct wattle_pod_record record = { .whole = false };
	struct json_object *inner = NULL;
	uint64_t version;

	if (!json_object_is_type(object, json_type_object) || wattle_json_u64(object, "v", RECORD_VERSION, &version) < 0 ||
	    version != RECORD_VERSION || wattle_json_text(object, "mpijob", record.job, sizeof(record.job)) < 0 ||
	    wattle_json_text(object, "owner", record.owner, sizeof(record.owner)) < 0 ||
	    wattle_json_text(object, "pod", record.pod, sizeof(record.pod)) < 0 ||
	    wattle_json_text(object, "pod_uid", record.pod_uid, sizeof(record.pod_uid)) < 0 ||
	    wattle_json_text(object, "role", record.role, sizeof(record.role)) < 0 ||
	    wattle_json_text(object, "state", record.state, sizeof(record.state)) < 0 ||
	    wattle_json_text(object, "profile", record.profile, sizeof(record.profile)) < 0 ||
	    wattle_json_number(object, "slowdown_pct", &record.slowdown_pct) < 0 || wattle_json_bool(object, "whole", &record.whole) < 0 ||
	    !json_object_object_get_ex(object, "record", &inner) || parse_object(inner, &record.record) < 0)
		return -EINVAL;
	*ret = record;
	return 0;
}
