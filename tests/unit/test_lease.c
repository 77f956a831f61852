/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the lease is pure: who gets what, whose value a limit holds, the book's form. */
#include "lease_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "runner.h"

static const char BOOT[] = "01234567-89ab-cdef-0123-456789abcdef";
static const struct wattle_node node = { .run_dir = "/nowhere", .host = "n1", .base_w = 60, .min_w = 100, .max_w = 400 };

static void add_job(struct wattle_book *book, uint32_t job_id, uint32_t grant_w)
{
	struct wattle_lease_job job = { .job_id = job_id, .uid = 1000, .grant_w = grant_w, .since_ns = 5 };

	CHECK_INT(lease_job_add(book, &job, NULL), 0);
}

static void add_step(struct wattle_book *book, uint32_t job_id, uint32_t step_id, uint32_t ask_w, pid_t pid)
{
	struct wattle_lease_step step = { .job_id = job_id, .step_id = step_id, .ask_w = ask_w, .holder = { pid, 77 } };

	CHECK_INT(lease_step_add(book, &step, NULL), 0);
}

static void test_effective(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX);

	CHECK_INT(lease_effective_watts(book, &node), 0);
	add_job(book, 1, 300);
	CHECK_INT(lease_effective_watts(book, &node), 300);
	add_step(book, 1, WATTLE_STEP_EXTERN, 0, 10); /* names none: does not count */
	CHECK_INT(lease_effective_watts(book, &node), 300);
	add_step(book, 1, 0, 200, 11);
	add_step(book, 1, 1, 250, 12);
	CHECK_INT(lease_job_watts(book, lease_job_find(book, 1)), 200);
	add_step(book, 1, 2, 350, 13); /* more than the grant */
	CHECK_INT(lease_effective_watts(book, &node), 200);
	add_job(book, 2, 150);
	CHECK_INT(lease_effective_watts(book, &node), 350);
	add_job(book, 3, 50);
	CHECK_INT(lease_effective_watts(book, &node), 0); /* 400: the node's maximum */
	CU_ASSERT(lease_job_remove(book, 2));
	CHECK_INT(lease_effective_watts(book, &node), 250);
	CU_ASSERT(lease_job_remove(book, 1));
	CHECK_INT(book->n_steps, 0);
	CHECK_INT(lease_effective_watts(book, &node), 100); /* 50: less than the node can be held to */
}

static void add_pod(struct wattle_book *book, unsigned i, uint32_t watts_w)
{
	struct wattle_lease_pod pod = { .watts_w = watts_w, .holder = { 20, 7 }, .keeper = { 21, 8 }, .since_ns = 6 };

	snprintf(pod.uid, sizeof(pod.uid), "%08x-1111-2222-3333-444444444444", i);
	snprintf(pod.name, sizeof(pod.name), "team-a/nbody-worker-%u", i);
	CHECK_INT(lease_pod_add(book, &pod, NULL), 0);
}

static void test_effective_of_pods(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX);

	add_pod(book, 1, 150);
	CHECK_INT(lease_effective_watts(book, &node), 150);
	add_pod(book, 2, 30);
	CHECK_INT(lease_effective_watts(book, &node), 180);
	add_job(book, 1, 120); /* a node of both schedulers */
	CHECK_INT(lease_effective_watts(book, &node), 300);
	add_pod(book, 3, 100);
	CHECK_INT(lease_effective_watts(book, &node), 0); /* the node's maximum */
	book->n_pods = 0;
	CHECK_INT(lease_effective_watts(book, &node), 120);
}

static void test_pod_names(void)
{
	static const char UID[] = "0a1b2c3d-1111-2222-3333-444444444444";
	static const char *const bad[] = { "", "/", "a", "a/", "/b", "a/b/c", "A/b", "a/b c", "a/\"", "../b\n", "a/b\xc3\xa4" };
	char longest[WATTLE_POD_NAME_MAX + 1];

	CU_ASSERT(lease_pod_named(UID, "default/nbody-worker-0"));
	CU_ASSERT(lease_pod_named(UID, "a/b.c"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(lease_pod_named(UID, bad[i]));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[1] = '/';
	longest[WATTLE_POD_NAME_MAX] = '\0';
	CU_ASSERT_FALSE(lease_pod_named(UID, longest));
	CU_ASSERT_FALSE(lease_pod_named("0a1b2c3d-1111-2222-3333-44444444444", "a/b"));
	CU_ASSERT_FALSE(lease_pod_named("0a1b2c3d-1111-2222-3333-4444444444444", "a/b"));
	CU_ASSERT_FALSE(lease_pod_named("0A1b2c3d-1111-2222-3333-444444444444", "a/b"));
}

static void test_no_overflow(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX);

	for (uint32_t i = 0; i < WATTLE_JOBS_MAX; i++)
		add_job(book, i, UINT32_MAX);
	for (uint32_t i = 0; i < WATTLE_PODS_MAX; i++)
		add_pod(book, i, UINT32_MAX);
	CHECK_INT(lease_effective_watts(book, &node), 0);
}

/* Whatever one user starts, others still find room. */
static void test_user_room(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, 3, WATTLE_STEPS_MAX, 0);

	add_job(book, 1, 300);
	add_job(book, 2, 300);
	add_job(book, 3, 300);
	book->job[0].uid = book->job[1].uid = 1000;
	book->job[2].uid = 1001;
	for (uint32_t i = 0; i < WATTLE_STEPS_USER_MAX; i++) {
		CU_ASSERT(lease_user_has_room(book, 1000));
		add_step(book, 1 + i % 2, i, 0, 10);
	}
	CU_ASSERT(!lease_user_has_room(book, 1000));
	CU_ASSERT(lease_user_has_room(book, 1001));
	add_step(book, 3, 0, 0, 11);
	CU_ASSERT(!lease_user_has_room(book, 1000));
	CU_ASSERT(lease_job_remove(book, 2));
	CU_ASSERT(lease_user_has_room(book, 1000));
}

static void test_full(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX);
	struct wattle_lease_job job = { .job_id = 1 << 20, .grant_w = 1 };
	struct wattle_lease_step step = { .job_id = 1, .holder = { 1, 1 } };
	struct wattle_err err = WATTLE_ERR_INIT;

	for (uint32_t i = 0; i < WATTLE_JOBS_MAX; i++)
		add_job(book, i, 1);
	CHECK_INT(lease_job_add(book, &job, &err), -ENOBUFS);
	CHECK_HOLDS(err.text, "1024 jobs");
	for (uint32_t i = 0; i < WATTLE_STEPS_MAX; i++)
		add_step(book, 1, i, 0, 9);
	CHECK_INT(lease_step_add(book, &step, &err), -ENOBUFS);
}

static void test_step_is_its_holder(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX);
	const struct wattle_proc old = { 10, 77 }, new = { 11, 77 }, reused = { 10, 78 };

	add_job(book, 1, 300);
	add_step(book, 1, 0, 0, 10);
	add_step(book, 1, 0, 0, 11); /* after a requeue */
	CU_ASSERT_FALSE(lease_step_remove(book, 1, 0, &reused));
	CU_ASSERT(lease_step_remove(book, 1, 0, &old));
	CU_ASSERT_PTR_NULL(lease_step_find(book, 1, 0, &old));
	CU_ASSERT_PTR_NOT_NULL(lease_step_find(book, 1, 0, &new));
	CU_ASSERT(lease_job_has_steps(book, 1));
}

static void test_judge(void)
{
	const uint64_t W = 1000000;
	struct wattle_lease_limit limit = { .baseline_uw = 200 * W, .wrote_uw = 120 * W, .intent_uw = 120 * W };

	CHECK_INT(lease_limit_judge(&limit, 120 * W, false), LEASE_OURS);
	CHECK_INT(lease_limit_judge(&limit, 200 * W, false), LEASE_SET_BACK);
	CHECK_INT(lease_limit_judge(&limit, 120 * W + 125000, false), LEASE_FOREIGN);
	CHECK_INT(lease_limit_judge(&limit, 150 * W, false), LEASE_FOREIGN);
	/* killed after journaling that 80 W are to be written */
	limit.intent_uw = 80 * W;
	limit.intent_open = true;
	CHECK_INT(lease_limit_judge(&limit, 120 * W, false), LEASE_OURS);
	CHECK_INT(lease_limit_judge(&limit, 80 * W - 125000, false), LEASE_OURS);
	CHECK_INT(lease_limit_judge(&limit, 100 * W, false), LEASE_OURS); /* firmware took it half way */
	CHECK_INT(lease_limit_judge(&limit, 70 * W, false), LEASE_FOREIGN);
	CHECK_INT(lease_limit_judge(&limit, 150 * W, false), LEASE_FOREIGN);
	/* with the last generation lost, whatever is below the baseline may have been its intent */
	CHECK_INT(lease_limit_judge(&limit, 70 * W, true), LEASE_OURS);
	CHECK_INT(lease_limit_judge(&limit, 210 * W, true), LEASE_FOREIGN);
}

static struct wattle_book *full_book(void)
{
	struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX);
	struct wattle_lease_limit limit = { .control = "intel-rapl", .zone = "package-0", .baseline_uw = 173125000, .wrote_uw = 120000000,
					    .intent_uw = 120000000, .owed = true };

	add_job(book, 7, 300);
	book->job[0].pending = true;
	book->job[0].parent = (struct wattle_proc) { 4, 5 };
	book->job[0].cap_failed = true;
	snprintf(book->job[0].cap_failure, sizeof(book->job[0].cap_failure), "zone \"a\\b\"\n\xff: no");
	add_job(book, UINT32_MAX, UINT32_MAX);
	add_step(book, 7, WATTLE_STEP_BATCH, 250, 12345);
	add_pod(book, 5, 250);
	book->pod[0].shared = true;
	snprintf(book->pod[0].cap_failure, sizeof(book->pod[0].cap_failure), "zone \"x\"");
	add_pod(book, 6, 100);
	book->limit[book->n_limits++] = limit;
	limit.constraint = 1;
	limit.intent_open = true;
	book->limit[book->n_limits++] = limit;
	return book;
}

static void test_round_trip(void)
{
	cleanup_free struct wattle_book *book = full_book(), *again = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free char *text = NULL;
	size_t len;

	CHECK_INT(lease_book_format(book, &text, &len), 0);
	CHECK_INT(strlen(text), len);
	CHECK_INT(lease_book_parse(text, len, 0, &again, &err), 0);
	CHECK_STRING(again->boot_id, BOOT);
	CHECK_INT(again->n_jobs, 2);
	CHECK_INT(again->n_steps, 1);
	CHECK_INT(again->room_jobs, 3); /* a call makes one entry at most */
	CHECK_INT(again->room_steps, 2);
	CHECK_INT(again->n_pods, 2);
	CHECK_INT(again->room_pods, 2); /* they come all at once */
	CHECK_STRING(again->pod[0].uid, book->pod[0].uid);
	CHECK_STRING(again->pod[1].name, "team-a/nbody-worker-6");
	CHECK_STRING(again->pod[0].cap_failure, "zone \"x\"");
	CHECK_INT(again->pod[0].watts_w, 250);
	CHECK_INT(again->pod[0].holder.pid, 20);
	CHECK_INT(again->pod[0].keeper.start_ticks, 8);
	CU_ASSERT(again->pod[0].shared && !again->pod[1].shared);
	CHECK_INT(again->n_limits, 2);
	CHECK_STRING(again->job[0].cap_failure, "zone \"a\\b\"??: no");
	CHECK_INT(again->job[0].parent.start_ticks, 5);
	CU_ASSERT(again->job[0].pending && again->job[0].cap_failed && !again->job[0].shared);
	CHECK_INT(again->job[1].grant_w, UINT32_MAX);
	CHECK_INT(again->step[0].holder.pid, 12345);
	CHECK_INT(again->step[0].step_id, WATTLE_STEP_BATCH);
	CU_ASSERT(again->limit[1].intent_open && !again->limit[0].intent_open && again->limit[0].owed);
	CU_ASSERT(memcmp(&again->limit[1], &book->limit[1], sizeof(book->limit[1])) == 0);
	free(again);
	again = NULL;
	CHECK_INT(lease_book_parse(text, len, 9, &again, &err), 0);
	CHECK_INT(again->room_pods, 9);
}

/* A node without pods keeps a book that older programs read. */
static void test_version(void)
{
	cleanup_free struct wattle_book *book = full_book();
	cleanup_free char *with = NULL, *without = NULL;
	size_t len;

	CHECK_INT(lease_book_format(book, &with, &len), 0);
	CHECK_INT(strncmp(with, "{\"v\":2,", 7), 0);
	book->n_pods = 0;
	CHECK_INT(lease_book_format(book, &without, &len), 0);
	CHECK_INT(strncmp(without, "{\"v\":1,", 7), 0);
	CU_ASSERT_PTR_NULL(strstr(without, "pods"));
}

/* The largest book is taken, and is read again. */
static void test_largest(void)
{
	cleanup_free struct wattle_book *book = lease_book_new(BOOT, WATTLE_JOBS_MAX, WATTLE_STEPS_MAX, WATTLE_PODS_MAX), *again = NULL;
	cleanup_free char *text = NULL;
	size_t len;

	for (uint32_t i = 0; i < WATTLE_JOBS_MAX; i++) {
		add_job(book, UINT32_MAX - i, UINT32_MAX);
		memset(book->job[i].cap_failure, '"', sizeof(book->job[i].cap_failure) - 1);
	}
	for (uint32_t i = 0; i < WATTLE_STEPS_MAX; i++)
		add_step(book, UINT32_MAX, i, UINT32_MAX, INT32_MAX);
	for (uint32_t i = 0; i < WATTLE_PODS_MAX; i++) {
		add_pod(book, i, UINT32_MAX);
		memset(book->pod[i].cap_failure, '"', sizeof(book->pod[i].cap_failure) - 1);
		memset(book->pod[i].name + 2, 'x', sizeof(book->pod[i].name) - 3);
		book->pod[i].name[1] = '/';
	}
	CHECK_INT(lease_book_format(book, &text, &len), 0);
	CU_ASSERT(len < LEASE_BOOK_BYTES_MAX);
	CHECK_INT(lease_book_parse(text, len, 0, &again, NULL), 0);
	CHECK_INT(again->n_steps, WATTLE_STEPS_MAX);
	CHECK_INT(again->room_steps, WATTLE_STEPS_MAX);
	CHECK_INT(again->n_pods, WATTLE_PODS_MAX);
	CHECK_INT(again->room_jobs, WATTLE_JOBS_MAX);
}

static void test_torn_at_every_byte(void)
{
	cleanup_free struct wattle_book *book = full_book();
	cleanup_free char *text = NULL;
	size_t len, taken = 0;

	CHECK_INT(lease_book_format(book, &text, &len), 0);
	for (size_t at = 0; at < len - 1; at++) { /* without the final newline it is whole */
		cleanup_free struct wattle_book *again = NULL;
		char kept = text[at];

		text[at] = '\0';
		taken += lease_book_parse(text, at, 0, &again, NULL) == 0;
		CU_ASSERT_PTR_NULL(again);
		text[at] = kept;
	}
	CHECK_INT(taken, 0);
}

/* Any one byte changed: refused, or another book that is within all bounds; never a crash. */
static void test_any_byte_changed(void)
{
	cleanup_free struct wattle_book *book = full_book();
	cleanup_free char *text = NULL;
	size_t len;

	CHECK_INT(lease_book_format(book, &text, &len), 0);
	for (size_t at = 0; at < len; at++)
		for (unsigned i = 0; i < 4; i++) {
			cleanup_free struct wattle_book *again = NULL;
			char kept = text[at];

			text[at] = "9\"}-"[i];
			if (lease_book_parse(text, len, 0, &again, NULL) == 0)
				for (uint32_t n = 0; n < again->n_limits; n++)
					CU_ASSERT(again->limit[n].baseline_uw >= LEASE_BASELINE_MIN_UW &&
						  again->limit[n].baseline_uw <= LEASE_BASELINE_MAX_UW &&
						  again->limit[n].constraint < WATTLE_CONSTRAINTS);
			text[at] = kept;
		}
}

static void test_hostile(void)
{
	static const char *const texts[] = {
		"", "null", "[]", "7", "\"x\"", "{}", "{\"v\":1}", "{\"v\":2,\"boot_id\":\"01234567-89ab-cdef-0123-456789abcdef\",\"jobs\":[],\"steps\":[],\"limits\":[]}",
		"{\"v\":1,\"boot_id\":\"short\",\"jobs\":[],\"steps\":[],\"limits\":[]}",
		"{\"v\":1,\"boot_id\":\"01234567-89ab-cdef-0123-456789abcdef\",\"jobs\":{},\"steps\":[],\"limits\":[]}",
		"{\"v\":1,\"boot_id\":\"01234567-89ab-cdef-0123-456789abcdef\",\"jobs\":[],\"steps\":[],\"limits\":[]} trailing",
		"{\"v\":1,\"boot_id\":\"01234567-89ab-cdef-0123-456789abcdef\",\"jobs\":[],\"steps\":[],\"limits\":[],}",
		"{\"v\":1,\"boot_id\":\"../../../../../../etc/passwd--------\",\"jobs\":[],\"steps\":[],\"limits\":[]}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	};
	struct wattle_err err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cleanup_free struct wattle_book *book = NULL;

		err.text[0] = '\0';
		CHECK_INT(lease_book_parse(texts[i], strlen(texts[i]), 0, &book, &err), -EINVAL);
		CU_ASSERT(err.text[0] != '\0');
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "effective watts are the sum over jobs", test_effective },
		{ "pods count too", test_effective_of_pods },
		{ "a pod's name and UID", test_pod_names },
		{ "a sum that would not fit 32 bits", test_no_overflow },
		{ "a full book says so", test_full },
		{ "one user leaves room for others", test_user_room },
		{ "a step is its number and its holder", test_step_is_its_holder },
		{ "whose value a limit holds", test_judge },
		{ "the book comes back as it was", test_round_trip },
		{ "a book without pods is of the version before", test_version },
		{ "the largest book", test_largest },
		{ "a book torn at any byte is not believed", test_torn_at_every_byte },
		{ "any byte changed is no crash and no absurd limit", test_any_byte_changed },
		{ "hostile books", test_hostile },
		{ NULL, NULL },
	};

	return run_suite("lease", tests);
}
