/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner.h"

#include <stdio.h>

int wattle_unit_run(CU_SuiteInfo suites[])
{
	int status = 1;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		(void)fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
		return 1;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	if (CU_basic_run_tests() == CUE_SUCCESS && CU_get_number_of_tests_run() > 0 && CU_get_number_of_failures() == 0 &&
	    CU_get_number_of_suites_failed() == 0)
		status = 0;
	CU_cleanup_registry();
	(void)fflush(stdout);
	return status;
}
