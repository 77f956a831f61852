/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

static void test_there_and_back(void)
{
	const struct wattle_grant grants[] = {
		{ .watts_w = 312, .nodes_min = 4, .nodes_max = 4 },
		{ .watts_w = 1 },
		{ .watts_w = UINT32_MAX, .nodes_min = UINT32_MAX, .nodes_max = UINT32_MAX, .defaulted = true, .tasks = UINT32_MAX,
		  .cpus_per_task = UINT32_MAX, .tasks_per_node = UINT32_MAX, .cpus_per_node = UINT32_MAX },
		{ .watts_w = 312, .profile = "nbody", .slowdown_pct = 4.875 },
		{ .watts_w = 312, .carbon = WATTLE_CARBON_START, .start_s = 1763776800, .saving_pct = 41 },
		{ .watts_w = 312, .carbon = WATTLE_CARBON_SCALE, .start_s = UINT32_MAX },
		{ .watts_w = UINT32_MAX, .nodes_min = UINT32_MAX, .nodes_max = UINT32_MAX, .defaulted = true, .tasks = UINT32_MAX,
		  .cpus_per_task = UINT32_MAX, .tasks_per_node = UINT32_MAX, .cpus_per_node = UINT32_MAX, .slowdown_pct = 123456.789,
		  .carbon = WATTLE_CARBON_SCALE, .start_s = UINT32_MAX, .saving_pct = 100,
		  .profile = "a23456789012345678901234567890123456789012345678901234567890123" },
	};

	for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
		char text[WATTLE_GRANT_MAX];
		struct wattle_grant back;

		CHECK_INT(wattle_grant_format(&grants[i], text, sizeof(text)), 0);
		CHECK_INT(wattle_grant_parse(text, &back, NULL), 0);
		CHECK_INT(back.watts_w, grants[i].watts_w);
		CHECK_INT(back.nodes_min, grants[i].nodes_min);
		CHECK_INT(back.nodes_max, grants[i].nodes_max);
		CHECK_INT(back.defaulted, grants[i].defaulted);
		CHECK_INT(back.tasks, grants[i].tasks);
		CHECK_INT(back.cpus_per_task, grants[i].cpus_per_task);
		CHECK_INT(back.tasks_per_node, grants[i].tasks_per_node);
		CHECK_INT(back.cpus_per_node, grants[i].cpus_per_node);
		CHECK_STRING(back.profile, grants[i].profile);
		CHECK_INT(back.carbon, grants[i].carbon);
		CHECK_INT(back.start_s, grants[i].start_s);
		CHECK_INT(back.saving_pct, grants[i].saving_pct);
		CU_ASSERT(back.slowdown_pct == grants[i].slowdown_pct);
	}
}

static void test_form(void)
{
	const struct wattle_grant grant = { .watts_w = 312, .nodes_min = 2, .nodes_max = 4 };
	char text[WATTLE_GRANT_MAX];

	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), 0);
	CHECK_STRING(text, "v1 watts=312 nodes=2-4");
	CHECK_INT(wattle_grant_format(&grant, text, strlen(text)), -ENOSPC);
	CHECK_INT(wattle_grant_format(&grant, text, strlen(text) + 1), 0);
}

static void test_carbon(void)
{
	struct wattle_grant grant = { .watts_w = 312, .carbon = WATTLE_CARBON_START, .start_s = 1763776800, .saving_pct = 41 };
	char text[WATTLE_GRANT_MAX];

	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), 0);
	CHECK_STRING(text, "v1 watts=312 carbon=start start=1763776800 saving=41");
	grant.start_s = 0;
	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), -EINVAL);
	grant.carbon = WATTLE_CARBON_OFF;
	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), 0);
	CHECK_STRING(text, "v1 watts=312");
}

static void test_prediction(void)
{
	struct wattle_grant grant = { .watts_w = 312, .profile = "nbody", .slowdown_pct = 5.0004 };
	char text[WATTLE_GRANT_MAX];

	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), 0);
	CHECK_STRING(text, "v1 watts=312 slowdown=5 profile=nbody");
	grant.slowdown_pct = -1;
	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), -EINVAL);
	grant.slowdown_pct = 2 * WATTLE_GRANT_SLOWDOWN_MAX_PCT;
	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), -EINVAL);
	grant = (struct wattle_grant) { .watts_w = 312, .profile = "two words" };
	CHECK_INT(wattle_grant_format(&grant, text, sizeof(text)), -EINVAL);
}

static void test_foreign(void)
{
	struct wattle_grant grant;

	CHECK_INT(wattle_grant_parse("v1 plan=x  watts=300 flag colour=a=b", &grant, NULL), 0);
	CHECK_INT(grant.watts_w, 300);
	CHECK_INT(grant.nodes_max, 0);
}

static void test_malformed(void)
{
	static const char *const bad[] = {
		"", "v1", "v1 ", "v2 watts=300", "v11 watts=300", "watts=300", "v1 watts=0", "v1 watts=", "v1 watts=-3", "v1 watts=+3",
		"v1 watts=3 watts=3", "v1 watts=4294967296", "v1 watts=3.5", "v1 watts=3W", "v1 watts=300 nodes=4", "v1 watts=300 nodes=4-2",
		"v1 watts=300 nodes=-", "v1 watts=300 default=2", "v1\twatts=300", "v1 watts=00000000300",
		"v1 watts=300 slowdown=5", "v1 watts=300 profile=nbody", "v1 watts=300 slowdown=-1 profile=nbody",
		"v1 watts=300 slowdown=nan profile=nbody", "v1 watts=300 slowdown=5% profile=nbody", "v1 watts=300 slowdown=1e7 profile=nbody",
		"v1 watts=300 slowdown=5 profile=", "v1 watts=300 slowdown=5 profile=../nbody", "v1 watts=300 slowdown=5 profile=a profile=a",
		"v1 watts=300 slowdown=5 profile=a234567890123456789012345678901234567890123456789012345678901234",
		"v1 watts=300 carbon=start", "v1 watts=300 start=5", "v1 watts=300 carbon=off start=5", "v1 watts=300 carbon=start start=0",
		"v1 watts=300 carbon=start start=5 saving=101", "v1 watts=300 carbon=start start=-5", "v1 watts=300 carbon=starts start=5",
	};
	struct wattle_grant grant, before;
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[2 * WATTLE_GRANT_MAX];

	memset(&grant, 0x5a, sizeof(grant));
	before = grant;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (wattle_grant_parse(bad[i], &grant, &err) != -EINVAL)
			fprintf(stderr, "taken: %s\n", bad[i]);
		CHECK_INT(wattle_grant_parse(bad[i], &grant, &err), -EINVAL);
	}
	CHECK_INT(wattle_grant_parse(NULL, &grant, &err), -EINVAL);
	memset(text, ' ', sizeof(text));
	memcpy(text, "v1 watts=300", 12);
	text[WATTLE_GRANT_MAX] = '\0';
	CHECK_INT(wattle_grant_parse(text, &grant, &err), -EINVAL);
	CU_ASSERT(memcmp(&grant, &before, sizeof(grant)) == 0);
	text[WATTLE_GRANT_MAX - 1] = '\0';
	CHECK_INT(wattle_grant_parse(text, &grant, &err), 0);
}

static const struct test tests[] = {
	{ "there and back", test_there_and_back },
	{ "its form", test_form },
	{ "a prediction", test_prediction },
	{ "a planned start", test_carbon },
	{ "what a later release may add", test_foreign },
	{ "malformed ones", test_malformed },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("grant", tests);
}
