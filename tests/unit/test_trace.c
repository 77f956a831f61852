/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"
#include "sacct_dump.h"
#include "swf.h"

static struct wattle_trace_job job;
static struct wattle_err err;

static int swf(struct wattle_swf *swf, const char *line)
{
	memset(&job, 0xff, sizeof(job));
	return wattle_swf_line(swf, line, &job, &err);
}

static void test_swf_jobs(void)
{
	struct wattle_swf s = { .unix_start_s = 0 };

	CHECK_INT(swf(&s, "; UnixStartTime: 1000000"), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, ";MaxNodes:  128"), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, "; MaxProcs: 256 (two a node)"), WATTLE_TRACE_NOTHING);
	CHECK_INT(s.unix_start_s, 1000000);
	CU_ASSERT(s.max_nodes == 128 && s.max_procs == 256);
	CHECK_INT(swf(&s, "  1  10  20  300.5  64 -1 -1 64 3600 -1 1 5 1 -1 2 7 -1 -1\r"), WATTLE_TRACE_JOB);
	CHECK_INT(job.submit_s, 1000010);
	CHECK_INT(job.start_s, 1000030);
	CU_ASSERT(job.run_s == 300.5 && job.cpus == 64 && job.nodes == 0 && job.energy_j < 0);
	CHECK_STRING(job.partition, "partition 7");
	/* processors asked for where those given are not known; queue where there is no partition */
	CHECK_INT(swf(&s, "1 0 0 60 -1 -1 -1 8 -1 -1 1 -1 -1 -1 3 -1 -1 -1"), WATTLE_TRACE_JOB);
	CU_ASSERT(job.cpus == 8);
	CHECK_STRING(job.partition, "queue 3");
	CHECK_INT(swf(&s, "1 0 0 60 8 -1 -1 8 -1 -1 1 -1 -1 -1 -1 -1 -1 -1"), WATTLE_TRACE_JOB);
	CHECK_STRING(job.partition, "all");
}

static void test_swf_others(void)
{
	struct wattle_swf s = { .unix_start_s = 0 };

	CHECK_INT(swf(&s, ""), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, " \t\r"), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, ";"), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, "; UnixStartTime: -5"), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, "; UnixStartTime: 1e300"), WATTLE_TRACE_NOTHING);
	CHECK_INT(swf(&s, "; UnixStartTime:"), WATTLE_TRACE_NOTHING);
	CHECK_INT(s.unix_start_s, 0);
	CHECK_INT(swf(&s, "1 0 -1 60 8 -1 -1 8 -1 -1 5 1 1 1 1 1 -1 -1"), WATTLE_TRACE_NOT_RUN);
	CHECK_INT(swf(&s, "1 0 5 0 8 -1 -1 8 -1 -1 5 1 1 1 1 1 -1 -1"), WATTLE_TRACE_NOT_RUN);
	CHECK_INT(swf(&s, "1 0 5 -1 8 -1 -1 8 -1 -1 5 1 1 1 1 1 -1 -1"), WATTLE_TRACE_NOT_RUN);
}

static void test_swf_bad(void)
{
	static const char *const bad[] = {
		"1 0 5 60 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1",       /* 17 */
		"1 0 5 60 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1 0",  /* 19 */
		"1 -1 5 60 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",   /* no submission */
		"1 0 5 60 0 -1 -1 -1 -1 -1 1 1 1 1 1 1 -1 -1",   /* no processors */
		"1 0 5 60 1e9 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",
		"1 0 5 1e12 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",
		"1 1e300 5 60 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",
		"1 0 1e300 60 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",
		"1 0 5 nan 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",
		"1 0 5 60x 8 -1 -1 8 -1 -1 1 1 1 1 1 1 -1 -1",
		"1,0,5,60,8,-1,-1,8,-1,-1,1,1,1,1,1,1,-1,-1",
		"hello",
	};
	struct wattle_swf s = { .unix_start_s = 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		CHECK_INT(swf(&s, bad[i]), -EINVAL);
		CU_ASSERT(err.text[0] != '\0');
	}
}

static int begin(struct wattle_sacct_dump *dump, const char *header)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", header);
	return wattle_sacct_dump_begin(dump, text, &err);
}

static int dumped(const struct wattle_sacct_dump *dump, const char *line)
{
	char text[512];

	memset(&job, 0xff, sizeof(job));
	snprintf(text, sizeof(text), "%s", line);
	return wattle_sacct_dump_line(dump, text, &job, &err);
}

static void test_sacct_jobs(void)
{
	struct wattle_sacct_dump d;

	CHECK_INT(begin(&d, WATTLE_SACCT_DUMP_FIELDS), -EINVAL); /* commas: no sacct -P */
	CHECK_INT(begin(&d, "JobIDRaw|Partition|Submit|Start|ElapsedRaw|NNodes|NCPUS|State|ConsumedEnergyRaw"), 0);
	CHECK_INT(dumped(&d, "7|main|1000|1060|3600|4|256|COMPLETED|720000"), WATTLE_TRACE_JOB);
	CHECK_INT(job.submit_s, 1000);
	CHECK_INT(job.start_s, 1060);
	CU_ASSERT(job.run_s == 3600 && job.nodes == 4 && job.cpus == 256 && job.energy_j == 720000 && !job.unzoned);
	CHECK_STRING(job.partition, "main");
	CHECK_INT(dumped(&d, "7||2026-01-01T00:00:00|2026-01-01T00:01:00|60|1|8|CANCELLED by 0|0\r"), WATTLE_TRACE_JOB);
	CHECK_INT(job.start_s - job.submit_s, 60);
	CU_ASSERT(job.unzoned && job.energy_j < 0);
	CHECK_STRING(job.partition, "all");
	/* other columns in another order, and End instead of ElapsedRaw */
	CHECK_INT(begin(&d, "user|end|start|submit|allocnodes"), 0);
	CHECK_INT(dumped(&d, "alice|1300|1100|1000|2"), WATTLE_TRACE_JOB);
	CU_ASSERT(job.run_s == 200 && job.nodes == 2 && job.cpus == 0);
	CHECK_INT(dumped(&d, "alice|Unknown|1100|1000|2"), WATTLE_TRACE_NOT_RUN);
}

static void test_sacct_others(void)
{
	struct wattle_sacct_dump d;

	CHECK_INT(begin(&d, "JobIDRaw|Partition|Submit|Start|ElapsedRaw|NNodes|State|ConsumedEnergyRaw"), 0);
	CHECK_INT(dumped(&d, "7.batch||1000|1060|3600|4|COMPLETED|720000"), WATTLE_TRACE_NOTHING);
	CHECK_INT(dumped(&d, ""), WATTLE_TRACE_NOTHING);
	CHECK_INT(dumped(&d, "8|main|1000|Unknown|0|4|PENDING|0"), WATTLE_TRACE_NOT_RUN);
	CHECK_INT(dumped(&d, "8|main|1000|None|0|4|CANCELLED|0"), WATTLE_TRACE_NOT_RUN);
	CHECK_INT(dumped(&d, "8|main|1000|1010|50|4|RUNNING|0"), WATTLE_TRACE_NOT_RUN);
	CHECK_INT(dumped(&d, "8|main|1000|1010|0|4|FAILED|0"), WATTLE_TRACE_NOT_RUN);
	CHECK_INT(dumped(&d, "8|ma\x1bin|1000|1010|60|4|FAILED|0"), WATTLE_TRACE_JOB);
	CHECK_STRING(job.partition, "ma?in");
}

static void test_sacct_bad(void)
{
	static const char *const bad[] = {
		"7|main|1000|1060|3600|4|COMPLETED",
		"7|main|1000|1060|3600|4|COMPLETED|0|x",
		"7|main|yesterday|1060|3600|4|COMPLETED|0",
		"7|main|1000|soon|3600|4|COMPLETED|0",
		"7|main|1000|999|3600|4|COMPLETED|0",
		"7|main|1000|1060|01:00:00|4|COMPLETED|0",
		"7|main|1000|1060|-5|4|COMPLETED|0",
		"7|main|1000|1060|1e12|4|COMPLETED|0",
		"7|main|1000|1060|3600|0|COMPLETED|0",
		"7|main|1000|1060|3600|4K|COMPLETED|0",
		"||||||",
		"hello",
	};
	static const char *const headers[] = { "", "|", "hello", "Submit|Start|NNodes", "Submit|Start|ElapsedRaw", "7|main|1000|1060|3600|4|COMPLETED|0" };
	struct wattle_sacct_dump d;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		CHECK_INT(begin(&d, headers[i]), -EINVAL);
	CHECK_HOLDS(err.text, "sacct -a -X -P -o");
	CHECK_INT(begin(&d, "JobIDRaw|Partition|Submit|Start|ElapsedRaw|NNodes|State|ConsumedEnergyRaw"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		CHECK_INT(dumped(&d, bad[i]), -EINVAL);
		CU_ASSERT(err.text[0] != '\0');
	}
}

static const struct test tests[] = {
	{ "SWF: jobs", test_swf_jobs },
	{ "SWF: comments and jobs that never ran", test_swf_others },
	{ "SWF: bad lines", test_swf_bad },
	{ "sacct: jobs", test_sacct_jobs },
	{ "sacct: steps and jobs that never ran", test_sacct_others },
	{ "sacct: bad lines and headers", test_sacct_bad },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("traces", tests);
}
