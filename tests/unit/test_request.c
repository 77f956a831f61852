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

static void test_slowdown(void)
{
	struct wattle_request r = WATTLE_REQUEST_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_request_set(&r, "slowdown", "5%", &err), 0);
	CU_ASSERT(r.slowdown_pct == 5 && !wattle_request_empty(&r) && wattle_request_names_watts(&r));
	CHECK_INT(wattle_request_set(&r, "slowdown", "7.5", &err), 0);
	CHECK_INT(wattle_request_set(&r, "slowdown", "0.05", &err), -EINVAL);
	CHECK_STRING(err.text, "slowdown: 0.05 is a fraction, a slowdown is a percentage: did you mean 5%?");
	CHECK_INT(wattle_request_set(&r, "slowdown", "0", &err), -ERANGE);
	CHECK_INT(wattle_request_set(&r, "slowdown", "nan", &err), -EINVAL);
	CU_ASSERT(r.slowdown_pct == 7.5);
}

static void test_profile(void)
{
	struct wattle_request r = WATTLE_REQUEST_INIT, before;
	struct wattle_err err = WATTLE_ERR_INIT;
	char longest[WATTLE_REQUEST_PATH_MAX + 1];

	CHECK_INT(wattle_request_set(&r, "power_profile", "nbody", &err), 0);
	CHECK_STRING(r.profile, "nbody");
	CU_ASSERT(!r.profile_own && !wattle_request_empty(&r) && !wattle_request_names_watts(&r));
	CHECK_INT(wattle_request_set(&r, "profile", "nbody.json", &err), 0);
	CU_ASSERT(r.profile_own && !r.profile[0] && !wattle_request_empty(&r));
	CHECK_INT(wattle_request_set(&r, "power-profile", ".json", &err), -EINVAL);
	CHECK_INT(wattle_request_set(&r, "power-profile", "a/b", &err), 0);
	before = r;
	CHECK_INT(wattle_request_set(&r, "power-profile", "", &err), -EINVAL);
	CHECK_INT(wattle_request_set(&r, "power-profile", "two words", &err), -EINVAL);
	CHECK_HOLDS(err.text, "power-profile: \"two words\" is no name of a profile");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK_INT(wattle_request_set(&r, "power-profile", longest, &err), -EINVAL);
	longest[0] = '/';
	CHECK_INT(wattle_request_set(&r, "power-profile", longest, &err), -ENAMETOOLONG);
	CU_ASSERT(memcmp(&r, &before, sizeof(r)) == 0);
	longest[sizeof(longest) - 2] = '\0';
	CHECK_INT(wattle_request_set(&r, "power-profile", longest, &err), 0);
}

static void test_carbon(void)
{
	struct wattle_request r = WATTLE_REQUEST_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_request_set(&r, "carbon", "scale", &err), 0);
	CHECK_INT(r.carbon, WATTLE_CARBON_SCALE);
	CHECK_INT(wattle_request_set(&r, "carbon", "start", &err), 0);
	CHECK_INT(r.carbon, WATTLE_CARBON_START);
	CHECK_INT(wattle_request_set(&r, "carbon", "off", &err), 0);
	CHECK_INT(r.carbon, WATTLE_CARBON_OFF);
	CU_ASSERT(!wattle_request_empty(&r) && !wattle_request_names_watts(&r));
	CHECK_INT(wattle_request_set(&r, "carbon", "yes", &err), -EINVAL);
	CHECK_STRING(err.text, "carbon: \"yes\" is not known: say off, start or scale");
	CHECK_INT(wattle_request_set(&r, "carbon-within", "12h", &err), 0);
	CHECK_INT(r.carbon_within_s, 12 * 3600);
	CHECK_INT(wattle_request_set(&r, "carbon_within", "1-12:00:00", &err), 0);
	CHECK_INT(r.carbon_within_s, 36 * 3600);
	CHECK_INT(wattle_request_set(&r, "carbon-work", "90m", &err), 0);
	CHECK_INT(wattle_request_set(&r, "work", "01:00:00", &err), 0);
	CHECK_INT(r.carbon_work_s, 3600);
	CHECK_INT(wattle_request_set(&r, "work", "soon", &err), -EINVAL);
	CHECK_INT(wattle_request_set(&r, "carbon-within", "99999d", &err), -ERANGE);
	CHECK_INT(r.carbon_work_s, 3600);
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
	{ "slowdown", test_slowdown },
	{ "a profile by name and by path", test_profile },
	{ "carbon", test_carbon },
	{ "errors leave the request alone", test_errors },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("request", tests);
}
