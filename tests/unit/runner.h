/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every unit test program ends in:
 *
 *   int main(void)
 *   {
 *           CU_TestInfo tests[] = { { "name of the behaviour", test_function }, …, CU_TEST_INFO_NULL };
 *           CU_SuiteInfo suites[] = { { .pName = "suite", .pTests = tests }, CU_SUITE_INFO_NULL };
 *           return wattle_unit_run(suites);
 *   }
 */
#ifndef WATTLE_UNIT_RUNNER_H
#define WATTLE_UNIT_RUNNER_H

#include <CUnit/Basic.h>

/*
 * Runs all suites with CUnit's basic interface, whose summary is the last thing printed. Returns an exit status: 0 if
 * tests ran and no assertion or suite failed, else 1 (CUnit's own runner returns 0 with failed assertions).
 */
int wattle_unit_run(CU_SuiteInfo suites[]);

#endif
