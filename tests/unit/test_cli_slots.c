/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What squeue says, as watts over time. */
#include "slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

#define NOW INT64_C(1763762400)

static struct wattle_siteconf conf;
static struct wattle_slotload load;

static uint32_t jobs_of(const char *text)
{
	uint32_t jobs;

	slots_from_squeue(text, &conf, NOW + 100, NOW + 600, 900, &load, &jobs);
	return jobs;
}

static void test_rows(void)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "BeginTime|%lld|1:00:00|power:600,matlab:2|N/A|2\n"
		 "BeginTime|%lld|30:00|matlab,power:300|(null)|1\n"
		 "Resources|%lld|1:00:00|power:900|N/A|2\n"
		 "BeginTime|%lld|1:00:00|matlab:2|N/A|2\n",
		 (long long) NOW + 1500, (long long) NOW + 3300, (long long) NOW + 1500, (long long) NOW + 1500);
	CHECK_INT(jobs_of(text), 2);
	CHECK_INT(load.made_s, NOW + 100);
	CHECK_INT(load.start_s, NOW - 300); /* slots begin where the forecast's do */
	CHECK_INT(load.slot_s, 900);
	CHECK_INT(wattle_slotload_most(&load, NOW + 600, NOW + 1500), 0);
	CHECK_INT(wattle_slotload_most(&load, NOW + 1500, NOW + 1501), 600);
	CHECK_INT(wattle_slotload_most(&load, NOW + 3300, NOW + 5100), 900);
	CHECK_INT(wattle_slotload_most(&load, NOW + 5100, NOW + 6000), 0);
}

static void test_limits(void)
{
	char text[256];

	snprintf(text, sizeof(text), "BeginTime|%lld|UNLIMITED|power:600|N/A|2\n", (long long) NOW + 1500);
	CHECK_INT(jobs_of(text), 1);
	CHECK_INT(wattle_slotload_most(&load, NOW + 80000, NOW + 80001), 600);
	/* no single job makes everybody's slots longer: what is far away is left out */
	snprintf(text, sizeof(text), "BeginTime|%lld|3000-00:00:00|power:600|N/A|2\nBeginTime|%lld|1:00:00|power:300|N/A|1\n",
		 (long long) NOW + 1500, (long long) NOW + 9 * 365 * 86400);
	CHECK_INT(jobs_of(text), 2);
	CHECK_INT(load.slot_s, 900);
	CU_ASSERT(load.n <= WATTLE_SLOTLOAD_MAX);
	CHECK_INT(wattle_slotload_most(&load, NOW + 6 * 86400, NOW + 6 * 86400 + 1), 600);
	/* a site that puts jobs off for longer gets longer slots, if it must */
	conf.carbon.delay_max_s = 30 * 86400;
	CHECK_INT(jobs_of(text), 2);
	CU_ASSERT(load.n <= WATTLE_SLOTLOAD_MAX && load.slot_s > 900);
	CHECK_INT(wattle_slotload_most(&load, NOW + 29 * 86400, NOW + 29 * 86400 + 1), 600);
	conf.carbon.delay_max_s = 86400;
	CHECK_INT(jobs_of(""), 0);
	CHECK_INT(load.n, 1);
}

static void test_gres(void)
{
	char text[256];

	conf.charge = WATTLE_CHARGE_GRES;
	snprintf(text, sizeof(text), "BeginTime|%lld|1:00:00|(null)|gres:power:300|4\nBeginTime|%lld|1:00:00|(null)|gres/power:300|1\n",
		 (long long) NOW + 1500, (long long) NOW + 1500);
	CHECK_INT(jobs_of(text), 2);
	CHECK_INT(wattle_slotload_most(&load, NOW + 1500, NOW + 1501), 1500);
	conf.charge = WATTLE_CHARGE_LICENCE;
}

static void test_damaged(void)
{
	static char text[8192];

	CHECK_INT(jobs_of("BeginTime\n\n|||||\nBeginTime|x|1:00|power:1|N/A|1\nBeginTime|N/A|1:00|power:1|N/A|1\nBeginTime|5|1:00|power:1|N/A|1\n"
			  "BeginTime|9999999999999999999|1:00|power:1|N/A|1\nBeginTime|1|2|3|4|5|6|7\n"), 0);
	memset(text, 'x', sizeof(text) - 1);
	CHECK_INT(jobs_of(text), 0);
	memset(text, '|', sizeof(text) - 1);
	CHECK_INT(jobs_of(text), 0);
}

static const struct test tests[] = {
	{ "rows of squeue", test_rows },
	{ "without and with long time limits", test_limits },
	{ "charged by gres", test_gres },
	{ "damaged rows", test_damaged },
	{ NULL, NULL },
};

int main(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_siteconf_parse("x", "[class a]\nbase_w = 60\nmin_w = 100\nmax_w = 400\n", &conf, &err) < 0)
		return 2;
	return run_suite("slots", tests);
}
