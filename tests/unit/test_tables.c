/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sweeps and scaling curves as CSV. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "runner.h"
#include "scaling.h"
#include "sweep.h"

static struct wattle_sweep sweep; /* large */
static struct wattle_err err;

static int parse(const char *text)
{
	char copy[2048];

	snprintf(copy, sizeof(copy), "%s", text);
	err = (struct wattle_err) WATTLE_ERR_INIT;
	memset(&sweep, 0, sizeof(sweep));
	return wattle_sweep_parse("s.csv", copy, &sweep, &err);
}

static void test_sweep(void)
{
	CHECK_INT(parse("cap_w,time_s,energy_j\n300,60.5,17000\n200,71,\n"), 0);
	CHECK_INT(sweep.n, 2);
	CHECK_INT(sweep.relative, 0);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[0].cap_w, 300, 0);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[0].time_s, 60.5, 0);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[0].energy_j, 17000, 0);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[1].energy_j, 0, 0);
	CHECK_INT(parse("cap_w,throughput\n100,4\n200,8\n"), 0);
	CHECK_INT(sweep.relative, 1);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[0].time_s, 0.25, 0);
	/* as spreadsheets and people write it */
	CHECK_INT(parse("\xef\xbb\xbf# swept on n1\r\n\r\n \"Time_S\" , host,CAP_W\r\n 60 ,\"n1, n2\", 300\r\n\r\n# done\r\n70,n1,200"), 0);
	CHECK_INT(sweep.n, 2);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[0].cap_w, 300, 0);
	CU_ASSERT_DOUBLE_EQUAL(sweep.run[1].time_s, 70, 0);
	/* repeats are repeats */
	CHECK_INT(parse("cap_w,time_s\n300,60\n300,61\n300,60\n"), 0);
	CHECK_INT(sweep.n, 3);
}

static void refused(const char *text, const char *why)
{
	int rc = parse(text);
	char copy[2048];

	CU_ASSERT(rc < 0);
	CHECK_HOLDS(err.text, why);
	snprintf(copy, sizeof(copy), "%s", text);
	CHECK_INT(wattle_sweep_parse("s.csv", copy, &sweep, NULL), rc);
}

static void test_sweep_refused(void)
{
	refused("", "s.csv is empty");
	refused("\n# nothing\n\n", "s.csv is empty");
	refused("cap_w,time_s\n", "s.csv has no runs");
	refused("300,60\n200,70\n", "s.csv:1: a header line");
	refused("cap,time\n300,60\n", "s.csv:1: a sweep needs the columns cap_w,time_s");
	refused("cap_w,energy_j\n300,60\n", "s.csv:1: a sweep needs the columns cap_w,time_s");
	refused("cap_w,time_s,throughput\n300,60,1\n", "s.csv:1: both time_s and throughput");
	refused("cap_w,cap_w,time_s\n300,300,60\n", "s.csv:1: column cap_w stands twice");
	refused("cap_w,time_s\n300,60\n\n200\n", "s.csv:4: 1 fields where the header has 2 columns");
	refused("cap_w,time_s\n300,60\n200,70,80\n", "s.csv:3: 3 fields");
	refused("cap_w,time_s\n300W,60\n", "s.csv:2: cap_w \"300W\" is no plain number");
	refused("cap_w,time_s\n300,-60\n", "s.csv:2: time_s -60 is out of range");
	refused("cap_w,time_s\n0,60\n", "s.csv:2: cap_w 0 is out of range");
	refused("cap_w,time_s\n300,nan\n", "s.csv:2: time_s \"nan\" is no plain number");
	refused("cap_w,time_s\n300,inf\n", "s.csv:2: time_s \"inf\"");
	refused("cap_w,throughput\n300, -nan \n", "s.csv:2: throughput \"-nan\"");
	refused("cap_w,throughput\n300,0\n", "s.csv:2: throughput 0 is out of range");
	refused("cap_w,time_s\n300,1e300\n", "s.csv:2: time_s 1e300 is out of range");
	refused("cap_w,time_s\n300,\n", "s.csv:2: a cap without a result");
	refused("cap_w,time_s\n\"300,60\n", "s.csv:2: a quote is not closed");
	refused("cap_w,time_s\n\"300\"x,60\n", "s.csv:2: text behind a closing quote");
	refused("cap_w,time_s,energy_j\n300,60,-5\n", "s.csv:2: energy_j -5 is out of range");
	refused("cap_w,time_s\n\"9738,37\",60\n", "s.csv:2: cap_w \"9738,37\" is no plain number");
}

static void test_too_large(void)
{
	size_t room = 64 + 16 * (WATTLE_SWEEP_RUNS_MAX + 1), len;
	char *text = malloc(room), wide[4 * WATTLE_CSV_FIELDS_MAX];

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	len = (size_t) snprintf(text, room, "cap_w,time_s\n");
	for (int i = 0; i < WATTLE_SWEEP_RUNS_MAX + 1; i++)
		len += (size_t) snprintf(text + len, room - len, "300,60\n");
	CHECK_INT(wattle_sweep_parse("s.csv", text, &sweep, &err), -E2BIG);
	CHECK_HOLDS(err.text, "s.csv:1026: more than 1024 runs");
	free(text);
	memset(wide, 0, sizeof(wide));
	for (size_t i = 0; i < WATTLE_CSV_FIELDS_MAX + 1; i++)
		memcpy(wide + 2 * i, "a,", 2);
	CU_ASSERT(parse(wide) == -E2BIG);
}

static int parse_scaling(const char *text, struct wattle_scaling *ret)
{
	char copy[2048];

	snprintf(copy, sizeof(copy), "%s", text);
	return wattle_scaling_parse("c.csv", copy, ret, &err);
}

static void test_scaling(void)
{
	struct wattle_scaling curve = { 0 };

	CHECK_INT(parse_scaling("nodes,throughput,power\n0,0.0,0.0\n4,6661.95,217.6\n1,1757.9,54.78\n2,3496.4,109.8\n\n", &curve), 0);
	CHECK_INT(curve.n, 3);
	CHECK_INT(curve.point[0].nodes, 1);
	CHECK_INT(curve.point[2].nodes, 4);
	CU_ASSERT_DOUBLE_EQUAL(curve.point[2].power_w, 217.6, 0);
	CHECK_INT(wattle_scaling_check(&curve, NULL), 0);
	CHECK_INT(parse_scaling("nodes,throughput,power_w\n1,2,3\n", &curve), 0);
	CU_ASSERT(parse_scaling("nodes,throughput,power\n1,2,3\n1,2,3\n", &curve) < 0);
	CHECK_HOLDS(err.text, "c.csv:3: 1 nodes stand twice");
	CU_ASSERT(parse_scaling("nodes,throughput,power\n1.5,2,3\n", &curve) < 0);
	CHECK_HOLDS(err.text, "c.csv:2: nodes must be a whole number");
	CU_ASSERT(parse_scaling("nodes,throughput,power\n1,0,3\n", &curve) < 0);
	CHECK_HOLDS(err.text, "c.csv:2: throughput 0");
	CU_ASSERT(parse_scaling("nodes,throughput,power\n1,2,\n", &curve) < 0);
	CHECK_HOLDS(err.text, "c.csv:2: throughput or power is missing");
	CU_ASSERT(parse_scaling("nodes,throughput\n1,2\n", &curve) < 0);
	CHECK_HOLDS(err.text, "nodes,throughput,power");
	CU_ASSERT(parse_scaling("nodes,throughput,power\n0,0,0\n", &curve) < 0);
	CHECK_HOLDS(err.text, "c.csv has no points");
	CHECK_INT(curve.n, 1); /* the last good one */
}

/* Groups: means, spread, the least time, what is set aside. */
static void test_groups(void)
{
	static struct wattle_caps caps;

	CHECK_INT(parse("cap_w,time_s,energy_j\n200,12,\n100,20,5\n200,10,4\n100,20.2,\n100,39,9\n100,20.1,6\n200,11,2\n"), 0);
	wattle_sweep_group(&sweep, &caps);
	CHECK_INT(caps.n, 2);
	CHECK_INT(caps.n_runs, 7);
	CHECK_INT(caps.n_set_aside, 1);
	CU_ASSERT_DOUBLE_EQUAL(caps.time_min_s, 10, 0);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[0].cap_w, 100, 0);
	CHECK_INT(caps.cap[0].n, 3);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[0].time_s, 20.1, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[0].odd_s, 39, 0);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[0].energy_j, 5.5, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[1].time_s, 11, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[1].variance_s2, 1, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(caps.cap[1].energy_j, 3, 1e-12);
}

int main(void)
{
	static const struct test tests[] = {
		{ "reads sweeps", test_sweep },
		{ "refuses bad rows with their line", test_sweep_refused },
		{ "is bounded", test_too_large },
		{ "reads scaling curves", test_scaling },
		{ "groups runs by cap", test_groups },
		{ NULL, NULL },
	};

	return run_suite("tables", tests);
}
