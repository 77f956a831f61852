/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watts are tried by the golden cases; here the other units, and what no table can hold. */
#include "units.h"

#include <errno.h>
#include <string.h>

#include "runner.h"

static void test_watts(void)
{
	struct wattle_watts w = { WATTLE_WATTS_PERCENT, 7 };
	char long_text[300];

	CHECK_INT(wattle_watts_parse("1.5kW/job", &w, NULL), 0);
	CHECK_INT(w.kind, WATTLE_WATTS_PER_JOB);
	CU_ASSERT(w.value == 1500);
	CHECK_INT(wattle_watts_parse(NULL, &w, NULL), -EINVAL);
	CHECK_INT(wattle_watts_parse("", &w, NULL), -EINVAL);
	CHECK_INT(wattle_watts_parse(".", &w, NULL), -EINVAL);
	memset(long_text, '0', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	CHECK_INT(wattle_watts_parse(long_text, &w, NULL), -EINVAL);
	CHECK_INT(wattle_watts_parse("0.0000000000000000001", &w, NULL), -EINVAL);
	/* untouched by all of these */
	CHECK_INT(w.kind, WATTLE_WATTS_PER_JOB);
	CU_ASSERT(w.value == 1500);
}

static void test_slowdown(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	double pct = -1;

	CHECK_INT(wattle_slowdown_parse("5%", &pct, NULL), 0);
	CU_ASSERT(pct == 5);
	CHECK_INT(wattle_slowdown_parse("7.5", &pct, NULL), 0);
	CU_ASSERT(pct == 7.5);
	CHECK_INT(wattle_slowdown_parse("0.5%", &pct, NULL), 0);
	CU_ASSERT(pct == 0.5);
	CHECK_INT(wattle_slowdown_parse("0.05", &pct, &err), -EINVAL);
	CHECK_HOLDS(err.text, "did you mean 5%?");
	CHECK_INT(wattle_slowdown_parse("0", &pct, &err), -ERANGE);
	CHECK_INT(wattle_slowdown_parse("1001", &pct, &err), -ERANGE);
	CHECK_INT(wattle_slowdown_parse("five", &pct, &err), -EINVAL);
	CHECK_INT(wattle_slowdown_parse("-5", &pct, &err), -EINVAL);
	CU_ASSERT(pct == 0.5);
}

static void test_duration(void)
{
	static const struct { const char *text; int64_t s; } good[] = {
		{ "90s", 90 }, { "90m", 5400 }, { "12h", 43200 }, { "2d", 172800 }, { "1.5h", 5400 }, { "0.5s", 1 }, { "10", 600 },
		{ "10:30", 630 }, { "01:00:00", 3600 }, { "2-12", 216000 }, { "2-12:30", 217800 }, { "2-12:30:15", 217815 },
	};
	static const char *const bad[] = { "", "h", "1x", "1:2:3:4", "1-", "-1", "1-2-3", "5 m", "1h30m", "::", "12:", "99999999999999s" };
	int64_t s = -1;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_INT(wattle_duration_parse(good[i].text, &s, NULL), 0);
		CHECK_INT(s, good[i].s);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s = -1;
		CU_ASSERT(wattle_duration_parse(bad[i], &s, NULL) < 0);
		CHECK_INT(s, -1);
	}
	CHECK_INT(wattle_duration_parse("0", &s, NULL), -ERANGE);
	CHECK_INT(wattle_duration_parse("4000d", &s, NULL), -ERANGE);
	CHECK_INT(wattle_duration_parse("999999999999-00", &s, NULL), -ERANGE);
}

static const struct test tests[] = {
	{ "watts", test_watts },
	{ "slowdowns", test_slowdown },
	{ "durations", test_duration },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("units", tests);
}
