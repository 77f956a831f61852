/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What MPI programs measured, read from lines and files that their user could have written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measured.h"
#include "runner.h"

#define MPI "\"mpi_s\":{\"min\":0.5,\"mean\":1.0,\"max\":2.5}"
#define LINE(job, step, elapsed, iterations, units)                                                                              \
	"{\"job\":" job ",\"step\":" step ",\"nodes\":2,\"ranks\":4,\"start_s\":1700000000.5,\"elapsed_s\":" elapsed "," MPI         \
	",\"mpi_calls\":99,\"iterations\":" iterations ",\"iteration_s\":0.1,\"done\":5,\"total\":9,\"units_per_s\":" units "}"

static int parse(const char *line, struct wattle_measured_run *run)
{
	return wattle_measured_parse(line, strlen(line), 7, run);
}

static void test_line(void)
{
	struct wattle_measured_run run = { 0 };

	CHECK_INT(parse(LINE("7", "3", "10.0", "100", "12.5"), &run), 0);
	CHECK_INT(run.step, 3);
	CHECK_INT(run.nodes, 2);
	CHECK_INT(run.ranks, 4);
	CU_ASSERT_DOUBLE_EQUAL(run.mpi_mean_s / run.elapsed_s, 0.1, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(run.units_per_s, 12.5, 1e-9);
	/* by mpirun there is no step; a program may say no units and mark no iterations */
	CHECK_INT(parse(LINE("7", "null", "10.0", "0", "null"), &run), 0);
	CHECK_INT(run.step, -1);
	CU_ASSERT(run.units_per_s < 0);
	CU_ASSERT(run.iteration_s <= 0);
}

static void test_refused(void)
{
	static const char *const bad[] = {
		"", "{}", "[]", "7", "null", LINE("8", "3", "10.0", "100", "12.5"), LINE("7", "3", "0", "100", "12.5"),
		LINE("7", "3", "-1", "100", "12.5"), LINE("7", "3", "1e300", "100", "12.5"), LINE("7", "3", "\"10\"", "100", "12.5"),
		LINE("7", "3", "10.0", "NaN", "12.5"), LINE("7", "-3", "10.0", "100", "12.5"), LINE("7", "3", "null", "100", "12.5"),
		LINE("7", "3", "10.0", "100", "12.5") "x", "{\"job\":7,\"nodes\":2,\"ranks\":4,\"elapsed_s\":1,\"mpi_s\":[[[[[]]]]]}",
	};
	struct wattle_measured_run run = { .nodes = 77 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], &run) != -EINVAL)
			CU_FAIL(bad[i]);
	CHECK_INT(run.nodes, 77);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CU_ASSERT_FATAL(f && fputs(text, f) >= 0);
	fclose(f);
}

static void test_file_and_rate(void)
{
	char folder[] = "/tmp/wattle-measured.XXXXXX", path[80], link_path[80];
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_measured all;

	CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/m", folder);
	snprintf(link_path, sizeof(link_path), "%s/l", folder);
	CHECK_INT(wattle_measured_read(path, (uid_t) -1, 7, &all, &err), -ENOENT);
	wattle_measured_free(&all);

	/* 100 units in 10 s and 60 in 20 s */
	put(path, LINE("7", "0", "10.0", "50", "10") "\nnonsense\n\n" LINE("9", "0", "10.0", "50", "10") "\n" LINE("7", "1", "20.0", "30", "3") "\n");
	CHECK_INT(wattle_measured_read(path, getuid(), 7, &all, &err), 0);
	CHECK_INT(all.n, 2);
	CHECK_INT(all.n_bad, 2);
	CU_ASSERT_DOUBLE_EQUAL(wattle_measured_rate(&all), 160.0 / 30, 1e-9);
	wattle_measured_free(&all);

	/* one that says no units: iterations */
	put(path, LINE("7", "0", "10.0", "50", "10") "\n" LINE("7", "1", "20.0", "40", "null") "\n");
	CHECK_INT(wattle_measured_read(path, (uid_t) -1, 7, &all, &err), 0);
	CU_ASSERT_DOUBLE_EQUAL(wattle_measured_rate(&all), 3.0, 1e-9);
	wattle_measured_free(&all);

	/* neither: no rate */
	put(path, LINE("7", "1", "20.0", "0", "null") "\n");
	CHECK_INT(wattle_measured_read(path, (uid_t) -1, 7, &all, &err), 0);
	CU_ASSERT_DOUBLE_EQUAL(wattle_measured_rate(&all), 0, 0);
	wattle_measured_free(&all);

	/* another user's, and a link */
	CHECK_INT(wattle_measured_read(path, getuid() + 1, 7, &all, &err), -EPERM);
	wattle_measured_free(&all);
	CU_ASSERT_FATAL(symlink("m", link_path) == 0);
	CU_ASSERT(wattle_measured_read(link_path, (uid_t) -1, 7, &all, &err) < 0);
	wattle_measured_free(&all);
	unlink(link_path);
	unlink(path);
	rmdir(folder);
}

static const struct test tests[] = {
	{ "a line", test_line },
	{ "lines that are none", test_refused },
	{ "a file, and its rate", test_file_and_rate },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("measured", tests);
}
