/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tres.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

static void test_find_licence(void)
{
	static const struct { const char *list; int rc; uint64_t count; } cases[] = {
		{ NULL, 0, 0 }, { "", 0, 0 }, { "matlab:2", 0, 0 }, { "power:300", 1, 300 }, { "power", 1, 1 }, { "a,power:300;b", 1, 300 },
		{ "power:1,power:2", 1, 3 }, { "power=300", 1, 300 }, { "power:0", 1, 0 }, { "powers:3", 0, 0 }, { "my-power:3", 0, 0 },
		{ "power@srv:3", 0, 0 }, { "Power:3", 0, 0 }, { ",,power:3,,", 1, 3 }, { "power:2147483647", 1, 2147483647 },
		{ "power:", -EINVAL, 0 }, { "power:-1", -EINVAL, 0 }, { "power: 3", -EINVAL, 0 }, { "power:3x", -EINVAL, 0 },
		{ "power:2147483648", -EINVAL, 0 }, { "power:99999999999999999999", -EINVAL, 0 }, { "power:1k", -EINVAL, 0 },
		{ "power(n1):3", -EINVAL, 0 }, { "a|power:3", 0, 0 }, { "power:3|a", -EINVAL, 0 }, { "x(a,power:3)", 0, 0 },
		{ "x(a,power:3", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t count = 0;
		int rc = wattle_licence_find(cases[i].list, "power", &count, NULL);

		if (rc != cases[i].rc || count != cases[i].count)
			fprintf(stderr, "%s: %d %llu\n", cases[i].list, rc, (unsigned long long) count);
		CHECK_INT(rc, cases[i].rc);
		CHECK_INT(count, cases[i].count);
	}
}

static void test_find_gres(void)
{
	static const struct { const char *list; int rc; uint64_t count; } cases[] = {
		{ "gpu:2", 0, 0 }, { "power:300", 1, 300 }, { "gres:power:300", 1, 300 }, { "gres/power:300", 1, 300 }, { "gres/power=300", 1, 300 },
		{ "gpu:2,gres/power:300", 1, 300 }, { "gres/gpu:power:2", 0, 0 }, { "power:1k", 1, 1024 }, { "GRES/Power:3", 1, 3 },
		{ "power:a100:2", -EINVAL, 0 }, { "power:3g", -EINVAL, 0 }, { "power:k", -EINVAL, 0 }, { "gres:", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t count = 0;
		int rc = wattle_gres_find(cases[i].list, "power", &count, NULL);

		if (rc != cases[i].rc || count != cases[i].count)
			fprintf(stderr, "%s: %d %llu\n", cases[i].list, rc, (unsigned long long) count);
		CHECK_INT(rc, cases[i].rc);
		CHECK_INT(count, cases[i].count);
	}
}

static void check_merge(const char *list, uint64_t count, const char *wanted)
{
	char out[WATTLE_TRES_MAX] = "?";

	CHECK_INT(wattle_licence_merge(list, "power", count, out, sizeof(out), NULL), 0);
	CHECK_STRING(out, wanted);
}

static void test_merge(void)
{
	char out[WATTLE_TRES_MAX];

	check_merge(NULL, 300, "power:300");
	check_merge("", 300, "power:300");
	check_merge("b:2,a@srv:1", 300, "b:2,a@srv:1,power:300");
	check_merge("power:1,b:2;power:7,a", 300, "b:2,a,power:300");
	check_merge("power=1", 0, "");
	check_merge("a|b", 0, "a|b");
	check_merge("gpfs(n1,n2):3,power", 5, "gpfs(n1,n2):3,power:5");
	CHECK_INT(wattle_licence_merge("a|b", "power", 3, out, sizeof(out), NULL), -EINVAL);
	CHECK_INT(wattle_licence_merge("a(b", "power", 3, out, sizeof(out), NULL), -EINVAL);
	CHECK_INT(wattle_gres_merge("gres:gpu:a100:2,power:1", "power", 300, "gres/", out, sizeof(out), NULL), 0);
	CHECK_STRING(out, "gres:gpu:a100:2,gres/power:300");
	CHECK_INT(wattle_gres_merge(NULL, "power", 300, "gres:", out, sizeof(out), NULL), 0);
	CHECK_STRING(out, "gres:power:300");
}

static void test_bounds(void)
{
	char list[2 * WATTLE_TRES_MAX], out[WATTLE_TRES_MAX];
	uint64_t count;

	CHECK_INT(wattle_licence_merge("ab", "power", 3, out, 10, NULL), -E2BIG);
	CHECK_INT(wattle_licence_merge("ab", "power", 3, out, 11, NULL), 0);
	CHECK_STRING(out, "ab,power:3");
	CHECK_INT(wattle_licence_merge("ab", "power", 3, out, 0, NULL), -E2BIG);
	memset(list, 'x', sizeof(list));
	list[sizeof(list) - 1] = '\0';
	CHECK_INT(wattle_licence_find(list, "power", &count, NULL), -E2BIG);
	CHECK_INT(wattle_licence_merge(list, "power", 3, out, sizeof(out), NULL), -E2BIG);
	list[WATTLE_TRES_MAX - 1] = '\0';
	CHECK_INT(wattle_licence_find(list, "power", &count, NULL), 0);
	CHECK_INT(wattle_licence_merge(list, "power", 0, out, sizeof(out), NULL), 0);
	CHECK_INT(wattle_licence_merge(list, "power", 3, out, sizeof(out), NULL), -E2BIG);
}

static const struct test tests[] = {
	{ "finding a licence", test_find_licence },
	{ "finding a gres", test_find_gres },
	{ "merging", test_merge },
	{ "bounds", test_bounds },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("tres", tests);
}
