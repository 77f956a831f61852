/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json.h"
#include "lease_private.h"

/* 2: with pods. A book without any is written as 1, so that on nodes without Kubernetes programs of either version understand each other;
 * of a book with pods an older one would see half. */
#define BOOK_VERSION 2
#define JSON_DEPTH 4

/* One allocation, no larger than what a call can come to: each page of it is cleared by the kernel once a call. */
struct whole_book {
	struct wattle_book book;
	struct wattle_lease_limit limit[LEASE_LIMITS_MAX];
	struct wattle_lease_job job[]; /* the steps behind them, the pods behind those */
};

struct wattle_book *lease_book_new(const char *boot_id, uint32_t room_jobs, uint32_t room_steps, uint32_t room_pods)
{
	struct whole_book *whole = calloc(1, sizeof(*whole) + room_jobs * sizeof(struct wattle_lease_job) +
						     room_steps * sizeof(struct wattle_lease_step) +
						     room_pods * sizeof(struct wattle_lease_pod));

	if (!whole)
		return NULL;
	snprintf(whole->book.boot_id, sizeof(whole->book.boot_id), "%s", boot_id);
	whole->book.room_jobs = room_jobs;
	whole->book.room_steps = room_steps;
	whole->book.room_pods = room_pods;
	whole->book.limit = whole->limit;
	whole->book.job = whole->job;
	whole->book.step = (struct wattle_lease_step *) (void *) (whole->job + room_jobs);
	whole->book.pod = (struct wattle_lease_pod *) (void *) (whole->book.step + room_steps);
	return &whole->book;
}

static void put_job(FILE *out, const struct wattle_lease_job *job)
{
	char why[2 * sizeof(job->cap_failure)];

	wattle_json_escape(why, sizeof(why), job->cap_failure);
	fprintf(out, "{\"job\":%" PRIu32 ",\"uid\":%" PRIu32 ",\"grant_w\":%" PRIu32 ",\"pending\":%s,\"parent_pid\":%d,\"parent_start\":%" PRIu64
		",\"since_ns\":%" PRIu64 ",\"shared\":%s,\"cap_failed\":%s,\"cap_failure\":\"%s\"}",
		job->job_id, (uint32_t) job->uid, job->grant_w, job->pending ? "true" : "false", (int) job->parent.pid,
		job->parent.start_ticks, job->since_ns, job->shared ? "true" : "false", job->cap_failed ? "true" : "false", why);
}

static void put_step(FILE *out, const struct wattle_lease_step *step)
{
	fprintf(out, "{\"job\":%" PRIu32 ",\"step\":%" PRIu32 ",\"ask_w\":%" PRIu32 ",\"pid\":%d,\"start\":%" PRIu64 "}", step->job_id,
		step->step_id, step->ask_w, (int) step->holder.pid, step->holder.start_ticks);
}

static void put_pod(FILE *out, const struct wattle_lease_pod *pod)
{
	char why[2 * sizeof(pod->cap_failure)];

	wattle_json_escape(why, sizeof(why), pod->cap_failure);
	fprintf(out, "{\"pod\":\"%s\",\"name\":\"%s\",\"watts_w\":%" PRIu32 ",\"pid\":%d,\"start\":%" PRIu64 ",\"keeper_pid\":%d,\"keeper_start\":%" PRIu64
		",\"since_ns\":%" PRIu64 ",\"shared\":%s,\"cap_failed\":%s,\"cap_failure\":\"%s\"}", pod->uid, pod->name, pod->watts_w,
		(int) pod->holder.pid, pod->holder.start_ticks, (int) pod->keeper.pid, pod->keeper.start_ticks, pod->since_ns,
		pod->shared ? "true" : "false", pod->cap_failed ? "true" : "false", why);
}

static void put_limit(FILE *out, const struct wattle_lease_limit *limit)
{
	fprintf(out, "{\"control\":\"%s\",\"zone\":\"%s\",\"constraint\":%" PRIu32 ",\"baseline_uw\":%" PRIu64 ",\"wrote_uw\":%" PRIu64
		",\"intent_uw\":%" PRIu64 ",\"intent_open\":%s,\"owed\":%s}", limit->control, limit->zone, limit->constraint,
		limit->baseline_uw, limit->wrote_uw, limit->intent_uw, limit->intent_open ? "true" : "false", limit->owed ? "true" : "false");
}

int lease_book_format(const struct wattle_book *book, char **ret_text, size_t *ret_len)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool failed;

	if (!out)
		return -ENOMEM;
	fprintf(out, "{\"v\":%d,\"boot_id\":\"%s\",\n\"jobs\":[", book->n_pods ? BOOK_VERSION : 1, book->boot_id);
	for (uint32_t i = 0; i < book->n_jobs; i++) {
		fputs(i ? ",\n" : "", out);
		put_job(out, &book->job[i]);
	}
	fputs("],\n\"steps\":[", out);
	for (uint32_t i = 0; i < book->n_steps; i++) {
		fputs(i ? ",\n" : "", out);
		put_step(out, &book->step[i]);
	}
	if (book->n_pods)
		fputs("],\n\"pods\":[", out);
	for (uint32_t i = 0; i < book->n_pods; i++) {
		fputs(i ? ",\n" : "", out);
		put_pod(out, &book->pod[i]);
	}
	fputs("],\n\"limits\":[", out);
	for (uint32_t i = 0; i < book->n_limits; i++) {
		fputs(i ? ",\n" : "", out);
		put_limit(out, &book->limit[i]);
	}
	fputs("]}\n", out);
	failed = ferror(out);
	failed |= fclose(out) != 0;
	if (failed) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

static int take_proc(struct json_object *object, const char *pid_key, const char *start_key, bool may_be_none, struct wattle_proc *ret)
{
	uint64_t pid;

	if (wattle_json_u64(object, pid_key, INT32_MAX, &pid) < 0 ||
	    wattle_json_u64(object, start_key, UINT64_MAX, &ret->start_ticks) < 0 || (pid == 0 && !may_be_none))
		return -EINVAL;
	ret->pid = (pid_t) pid;
	return 0;
}

static int take_u32(struct json_object *object, const char *key, uint32_t *ret)
{
	uint64_t value;

	if (wattle_json_u64(object, key, UINT32_MAX, &value) < 0)
		return -EINVAL;
	*ret = (uint32_t) value;
	return 0;
}

static int take_job(struct json_object *object, struct wattle_lease_job *ret)
{
	uint32_t uid;

	if (take_u32(object, "job", &ret->job_id) < 0 || take_u32(object, "uid", &uid) < 0 ||
	    take_u32(object, "grant_w", &ret->grant_w) < 0 || ret->grant_w == 0 ||
	    wattle_json_bool(object, "pending", &ret->pending) < 0 ||
	    take_proc(object, "parent_pid", "parent_start", true, &ret->parent) < 0 ||
	    wattle_json_u64(object, "since_ns", UINT64_MAX, &ret->since_ns) < 0 ||
	    wattle_json_bool(object, "shared", &ret->shared) < 0 ||
	    wattle_json_bool(object, "cap_failed", &ret->cap_failed) < 0 ||
	    wattle_json_text(object, "cap_failure", ret->cap_failure, sizeof(ret->cap_failure)) < 0)
		return -EINVAL;
	ret->uid = (uid_t) uid;
	return 0;
}

static int take_step(struct json_object *object, struct wattle_lease_step *ret)
{
	if (take_u32(object, "job", &ret->job_id) < 0 || take_u32(object, "step", &ret->step_id) < 0 ||
	    take_u32(object, "ask_w", &ret->ask_w) < 0 || take_proc(object, "pid", "start", false, &ret->holder) < 0)
		return -EINVAL;
	return 0;
}

static int take_pod(struct json_object *object, struct wattle_lease_pod *ret)
{
	if (wattle_json_text(object, "pod", ret->uid, sizeof(ret->uid)) < 0 || wattle_json_text(object, "name", ret->name, sizeof(ret->name)) < 0 ||
	    !lease_pod_named(ret->uid, ret->name) || take_u32(object, "watts_w", &ret->watts_w) < 0 || ret->watts_w == 0 ||
	    take_proc(object, "pid", "start", true, &ret->holder) < 0 ||
	    take_proc(object, "keeper_pid", "keeper_start", true, &ret->keeper) < 0 ||
	    wattle_json_u64(object, "since_ns", UINT64_MAX, &ret->since_ns) < 0 ||
	    wattle_json_bool(object, "shared", &ret->shared) < 0 || wattle_json_bool(object, "cap_failed", &ret->cap_failed) < 0 ||
	    wattle_json_text(object, "cap_failure", ret->cap_failure, sizeof(ret->cap_failure)) < 0)
		return -EINVAL;
	return 0;
}

static bool plain(const char *name)
{
	return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")] == '\0';
}

static int take_limit(struct json_object *object, struct wattle_lease_limit *ret)
{
	if (wattle_json_text(object, "control", ret->control, sizeof(ret->control)) < 0 || !plain(ret->control) ||
	    wattle_json_text(object, "zone", ret->zone, sizeof(ret->zone)) < 0 || !plain(ret->zone) ||
	    take_u32(object, "constraint", &ret->constraint) < 0 || ret->constraint >= WATTLE_CONSTRAINTS ||
	    wattle_json_u64(object, "baseline_uw", LEASE_BASELINE_MAX_UW, &ret->baseline_uw) < 0 ||
	    ret->baseline_uw < LEASE_BASELINE_MIN_UW ||
	    wattle_json_u64(object, "wrote_uw", UINT64_MAX, &ret->wrote_uw) < 0 ||
	    wattle_json_u64(object, "intent_uw", UINT64_MAX, &ret->intent_uw) < 0 ||
	    wattle_json_bool(object, "intent_open", &ret->intent_open) < 0 || wattle_json_bool(object, "owed", &ret->owed) < 0)
		return -EINVAL;
	return 0;
}

static bool limit_is_double(const struct wattle_book *book, const struct wattle_lease_limit *limit)
{
	for (uint32_t i = 0; i < book->n_limits; i++)
		if (book->limit[i].constraint == limit->constraint && strcmp(book->limit[i].zone, limit->zone) == 0 &&
		    strcmp(book->limit[i].control, limit->control) == 0)
			return true;
	return false;
}

static int bad(struct wattle_err *err, const char *list, size_t i)
{
	return wattle_err_set(err, EINVAL, "%s, entry %zu: a value is missing, of the wrong type, out of range or there twice", list, i + 1);
}

static int take_lists(struct json_object *jobs, struct json_object *steps, struct json_object *pods, struct json_object *limits,
		      struct wattle_book *book, struct wattle_err *err)
{
	for (size_t i = 0; i < json_object_array_length(jobs); i++) {
		struct wattle_lease_job job = { 0 };

		if (take_job(json_object_array_get_idx(jobs, i), &job) < 0 || lease_job_find(book, job.job_id) ||
		    lease_job_add(book, &job, NULL) < 0)
			return bad(err, "jobs", i);
	}
	for (size_t i = 0; i < json_object_array_length(steps); i++) {
		struct wattle_lease_step step = { 0 };

		if (take_step(json_object_array_get_idx(steps, i), &step) < 0 || !lease_job_find(book, step.job_id) ||
		    lease_step_find(book, step.job_id, step.step_id, &step.holder) || lease_step_add(book, &step, NULL) < 0)
			return bad(err, "steps", i);
	}
	for (size_t i = 0; pods && i < json_object_array_length(pods); i++) {
		struct wattle_lease_pod pod = { .watts_w = 0 };

		if (take_pod(json_object_array_get_idx(pods, i), &pod) < 0 || lease_pod_find(book, pod.uid) || lease_pod_add(book, &pod, NULL) < 0)
			return bad(err, "pods", i);
	}
	for (size_t i = 0; i < json_object_array_length(limits); i++) {
		struct wattle_lease_limit limit = { 0 };

		if (take_limit(json_object_array_get_idx(limits, i), &limit) < 0 || limit_is_double(book, &limit) ||
		    book->n_limits >= LEASE_LIMITS_MAX)
			return bad(err, "limits", i);
		book->limit[book->n_limits++] = limit;
	}
	return 0;
}

/* Each call makes one entry at most. More entries than there may be find no room, and are refused with it. */
static uint32_t room_for(struct json_object *list, uint32_t most)
{
	size_t n = json_object_array_length(list);

	return n < most ? (uint32_t) n + 1 : most;
}

/* Pods come all in one call. */
static uint32_t room_for_pods(struct json_object *pods, uint32_t least)
{
	size_t n = pods ? json_object_array_length(pods) : 0;

	if (n > WATTLE_PODS_MAX)
		return WATTLE_PODS_MAX;
	return n > least ? (uint32_t) n : least;
}

int lease_book_parse(const char *text, size_t len, uint32_t room_pods, struct wattle_book **ret, struct wattle_err *err)
{
	cleanup_free struct wattle_book *book = NULL;
	cleanup_json struct json_object *object = wattle_json_parse(text, len, JSON_DEPTH);
	struct json_object *jobs, *steps, *pods, *limits;
	uint64_t version;
	char boot_id[37];
	int rc;

	if (!object)
		return wattle_err_set(err, EINVAL, "it is no whole JSON (torn, or not ours)");
	if (wattle_json_u64(object, "v", UINT32_MAX, &version) < 0 || version < 1 || version > BOOK_VERSION)
		return wattle_err_set(err, EINVAL, "its version is not 1 to %d", BOOK_VERSION);
	jobs = wattle_json_array(object, "jobs");
	steps = wattle_json_array(object, "steps");
	pods = version > 1 ? wattle_json_array(object, "pods") : NULL;
	limits = wattle_json_array(object, "limits");
	if (wattle_json_text(object, "boot_id", boot_id, sizeof(boot_id)) < 0 || strspn(boot_id, "0123456789abcdef-") != 36 || !jobs ||
	    !steps || (version > 1 && !pods) || !limits)
		return wattle_err_set(err, EINVAL, "boot_id, jobs, steps, pods or limits is missing or of the wrong type");
	book = lease_book_new(boot_id, room_for(jobs, WATTLE_JOBS_MAX), room_for(steps, WATTLE_STEPS_MAX), room_for_pods(pods, room_pods));
	if (!book)
		return wattle_err_set(err, ENOMEM, "out of memory for the lease book");
	rc = take_lists(jobs, steps, pods, limits, book, err);
	if (rc < 0)
		return rc;
	*ret = book;
	book = NULL;
	return 0;
}
