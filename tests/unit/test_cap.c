/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cap.h"

#include "runner.h"

static void test_even(void)
{
	const uint64_t ceiling_uw[] = { 173125000, 174750000 };
	uint64_t got_uw[2];

	wattle_cap_split(240000000, 2, ceiling_uw, got_uw);
	CHECK_INT(got_uw[0], 120000000);
	CHECK_INT(got_uw[1], 120000000);
}

static void test_spill(void)
{
	const uint64_t ceiling_uw[] = { 50000000, 300000000, 90000000, 300000000 };
	uint64_t got_uw[4];

	/* 100 each; 50 left over by the first make 116.7 each, of which the third leaves 26.7: the others get 130. */
	wattle_cap_split(400000000, 4, ceiling_uw, got_uw);
	CHECK_INT(got_uw[0], 50000000);
	CHECK_INT(got_uw[1], 130000000);
	CHECK_INT(got_uw[2], 90000000);
	CHECK_INT(got_uw[3], 130000000);
}

static void test_all_full(void)
{
	const uint64_t ceiling_uw[] = { 100, 200 };
	uint64_t got_uw[2];

	wattle_cap_split(1000, 2, ceiling_uw, got_uw);
	CHECK_INT(got_uw[0], 100);
	CHECK_INT(got_uw[1], 200);
}

static void test_edges(void)
{
	const uint64_t ceiling_uw[] = { UINT64_MAX, 0, UINT64_MAX };
	uint64_t got_uw[3] = { 7, 7, 7 };

	wattle_cap_split(100, 0, ceiling_uw, got_uw);
	CHECK_INT(got_uw[0], 7);
	wattle_cap_split(100, 3, ceiling_uw, got_uw);
	CHECK_INT(got_uw[0], 50);
	CHECK_INT(got_uw[1], 0);
	CHECK_INT(got_uw[2], 50);
	wattle_cap_split(0, 3, ceiling_uw, got_uw);
	CHECK_INT(got_uw[0], 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "even shares", test_even },
		{ "what one zone can't take goes to the others", test_spill },
		{ "more than all can take", test_all_full },
		{ "no zones, no ceiling, nothing to share", test_edges },
		{ NULL, NULL },
	};

	return run_suite("cap", tests);
}
