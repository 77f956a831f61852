/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "runner.h"

static void test_words(void)
{
	struct wattle_request r = WATTLE_REQUEST_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;

	CU_ASSERT(wattle_request_empty(&r));
	CHECK_INT(wattle_request_set(&r, "power", "300", &err), 0);
	CU_ASSERT(r.power.kind == WATTLE_WATTS_PER_NODE && r.power.value == 300);
	CHECK_INT(wattle_request_set(&r, "power_cap", "70%", &err), 0);
	CHECK_INT(wattle_request_set(&r, "power-cap", "80%", &err), 0);
	CU_ASSERT(r.power.kind == WATTLE_WATTS_PERCENT && r.power.value == 80);
	CU_ASSERT(!wattle_request_empty(&r));
}

static void test_errors(void)
{
	struct wattle_request r = WATTLE_REQUEST_INIT, before;
	struct wattle_err err = WATTLE_ERR_INIT;

	wattle_request_set(&r, "power", "300", NULL);
	before = r;
	CHECK_INT(wattle_request_set(&r, "power", "many\n", &err), -EINVAL);
	CHECK_HOLDS(err.text, "power: \"many?\" is no power");
	CHECK_INT(wattle_request_set(&r, "power", NULL, &err), -EINVAL);
	CHECK_INT(wattle_request_set(&r, "pow", "300", &err), -ENOENT);
	CHECK_INT(wattle_request_set(&r, "powers", "300", &err), -ENOENT);
	CHECK_INT(wattle_request_set(&r, "", "300", &err), -ENOENT);
	CHECK_INT(wattle_request_set(&r, NULL, "300", &err), -ENOENT);
	CU_ASSERT(memcmp(&r, &before, sizeof(r)) == 0);
}

static const struct test tests[] = {
	{ "words", test_words },
	{ "errors leave the request alone", test_errors },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("request", tests);
}
