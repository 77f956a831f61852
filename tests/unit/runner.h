/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TEST_RUNNER_H
#define WATTLE_TEST_RUNNER_H

/* CUnit with an exit status that tells the truth. Each unit test is one suite:
 *
 *     static const struct test tests[] = { { "takes kilowatts", test_kilowatts }, …, { NULL, NULL } };
 *     int main(void) { return run_suite("units", tests); }
 */

#include <CUnit/CUnit.h>

struct test {
	const char *name;
	void (*run)(void);
};

/* Runs all tests, prints CUnit's summary last. 0: everything ran and nothing failed; else 1. */
int run_suite(const char *name, const struct test *tests);

/* The path of a file below tests/, wherever the build tree is; static memory, overwritten by the next call. */
const char *test_file(const char *name);

/* Cuts a line of a table at its tabs, its end off: how many columns it has, of which the first `most` are in columns. */
int split_tabs(char *line, char **columns, int most);

/* Like CU_ASSERT_STRING_EQUAL and CU_ASSERT_EQUAL, but a failure shows both sides. */
#define CHECK_STRING(found, wanted) check_string((found), (wanted), __FILE__, __LINE__)
#define CHECK_INT(found, wanted) check_int((long long) (found), (long long) (wanted), __FILE__, __LINE__)
/* The first string must hold the second. */
#define CHECK_HOLDS(found, wanted) check_holds((found), (wanted), __FILE__, __LINE__)
void check_string(const char *found, const char *wanted, const char *file, unsigned line);
void check_int(long long found, long long wanted, const char *file, unsigned line);
void check_holds(const char *found, const char *wanted, const char *file, unsigned line);

#endif
