/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease book: believed as a whole or not at all; what is believed is within its bounds, and is written as it was read. */
#include "fuzz.h"
#include "lease_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wattle_book *book = NULL, *again = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text = fuzz_text(data, size), *first = NULL, *second = NULL;
	size_t first_len, second_len;

	/* what is read from a file holds no NUL */
	if (memchr(text, '\0', size))
		goto out;
	if (lease_book_parse(text, size, 0, &book, &err) < 0) {
		MUST(err.code > 0 && err.text[0] && !book);
		goto out;
	}
	MUST(book->n_jobs <= WATTLE_JOBS_MAX && book->n_steps <= WATTLE_STEPS_MAX && book->n_limits <= LEASE_LIMITS_MAX);
	for (uint32_t i = 0; i < book->n_jobs; i++)
		MUST(book->job[i].grant_w > 0 && lease_job_watts(book, &book->job[i]) <= book->job[i].grant_w);
	for (uint32_t i = 0; i < book->n_steps; i++)
		MUST(lease_job_find(book, book->step[i].job_id));
	MUST(book->n_pods <= WATTLE_PODS_MAX);
	for (uint32_t i = 0; i < book->n_pods; i++)
		MUST(book->pod[i].watts_w > 0 && book->pod[i].uid[0]);
	for (uint32_t i = 0; i < book->n_limits; i++)
		MUST(book->limit[i].baseline_uw >= LEASE_BASELINE_MIN_UW && book->limit[i].baseline_uw <= LEASE_BASELINE_MAX_UW);
	MUST(lease_book_format(book, &first, &first_len) == 0);
	MUST(lease_book_parse(first, first_len, 0, &again, NULL) == 0);
	MUST(lease_book_format(again, &second, &second_len) == 0);
	MUST(first_len == second_len && memcmp(first, second, first_len) == 0);
out:
	free(first);
	free(second);
	free(book);
	free(again);
	free(text);
	return 0;
}
