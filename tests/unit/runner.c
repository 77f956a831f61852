/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int run_suite(const char *name, const struct test *tests)
{
	unsigned wanted = 0, ran, failures;
	CU_pSuite suite;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	suite = CU_add_suite(name, NULL, NULL);
	for (; suite && tests[wanted].name; wanted++)
		if (!CU_add_test(suite, tests[wanted].name, tests[wanted].run))
			suite = NULL;
	if (!suite) {
		fprintf(stderr, "%s: %s\n", name, CU_get_error_msg());
		CU_cleanup_registry();
		return 1;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	/* CU_basic_run_tests() returns success whatever failed */
	ran = CU_get_number_of_tests_run();
	failures = CU_get_number_of_failures() + CU_get_number_of_tests_failed() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failures > 0 || ran != wanted || wanted == 0;
}

const char *test_file(const char *name)
{
	static char path[4096];
	const char *root = getenv("srcdir");

	snprintf(path, sizeof(path), "%s/tests/%s", root ? root : ".", name);
	return path;
}

int split_tabs(char *line, char **columns, int most)
{
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *s; (s = strsep(&line, "\t")) != NULL; n++)
		if (n < most)
			columns[n] = s;
	return n;
}

static void check(int holds, const char *text, const char *file, unsigned line)
{
	CU_assertImplementation(holds, line, text, file, "", CU_FALSE);
}

void check_string(const char *found, const char *wanted, const char *file, unsigned line)
{
	char text[1400];

	snprintf(text, sizeof(text), "found \"%s\", wanted \"%s\"", found ? found : "(null)", wanted);
	check(found && strcmp(found, wanted) == 0, text, file, line);
}

void check_int(long long found, long long wanted, const char *file, unsigned line)
{
	char text[100];

	snprintf(text, sizeof(text), "found %lld, wanted %lld", found, wanted);
	check(found == wanted, text, file, line);
}

void check_holds(const char *found, const char *wanted, const char *file, unsigned line)
{
	char text[1400];

	snprintf(text, sizeof(text), "\"%s\" does not hold \"%s\"", found ? found : "(null)", wanted);
	check(found && strstr(found, wanted) != NULL, text, file, line);
}
