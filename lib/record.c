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

int wattle_record_format(const struct wattle_record *record, char *text, size_t size)
{
	char node[2 * sizeof(record->node)], note[2 * sizeof(record->note)];
	int n;

	wattle_json_escape(node, sizeof(node), record->node);
	wattle_json_escape(note, sizeof(note), record->note);
	n = snprintf(text, size,
		     "{\"v\":%d,\"job\":%" PRIu32 ",\"step\":%" PRIu32 ",\"node\":\"%s\",\"uid\":%" PRIu32
		     ",\"start\":%" PRId64 ",\"end\":%" PRId64 ",\"elapsed_s\":%.6f,\"energy_j\":%.6f,\"mean_w\":%.3f,\"peak_w\":%.3f"
		     ",\"grant_w\":%" PRIu32 ",\"cap_w\":%" PRIu32 ",\"base_w\":%" PRIu32
		     ",\"capped_s\":%.3f,\"at_cap_s\":%.3f,\"over_s\":%.3f,\"cap_held\":%s,\"shared\":%s,\"note\":\"%s\"}",
		     RECORD_VERSION, record->job_id, record->step_id, node, (uint32_t) record->uid, record->start_s, record->end_s,
		     finite_or(record->elapsed_s, 0), finite_or(record->energy_j, -1), finite_or(record->mean_w, 0),
		     finite_or(record->peak_w, 0), record->grant_w, record->cap_w, record->base_w,
		     finite_or(record->capped_s, 0), finite_or(record->at_cap_s, 0), finite_or(record->over_s, 0),
		     record->cap_held ? "true" : "false", record->shared ? "true" : "false", note);
	return n < 0 || (size_t) n >= size ? -ENOSPC : 0;
}

int wattle_record_parse(const char *text, struct wattle_record *ret)
{
	cleanup_json struct json_object *object = wattle_json_parse(text, strlen(text), 3);
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
	    wattle_json_text(object, "note", record.note, sizeof(record.note)) < 0)
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
