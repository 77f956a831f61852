/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostmatch.h"

#include <errno.h>
#include <string.h>

#include "err.h"
#include "runner.h"

#define LIST "n[1-4,07-12],login,gpu*,r[1-2]n[1-3]x"

static void test_match(void)
{
	static const char *const in[] = { "n1", "n4", "n07", "n12", "login", "gpu", "gpu-17", "r2n3x" };
	static const char *const out[] = { "", "n", "n0", "n5", "n7", "n01", "n007", "n13", "n1x", "logi", "login2", "gp", "r3n1x", "r2n3", "[" };

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		CU_ASSERT(wattle_host_matches(LIST, in[i]));
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		CU_ASSERT(!wattle_host_matches(LIST, out[i]));
	CU_ASSERT(wattle_host_matches("n[08-120]", "n120"));
	CU_ASSERT(wattle_host_matches("n[08-120]", "n09"));
	CU_ASSERT(!wattle_host_matches("n[08-120]", "n9"));
	CU_ASSERT(wattle_host_matches("n[1-2]0", "n10"));
	CU_ASSERT(wattle_host_matches("n[0-999999999]", "n123456789"));
	CU_ASSERT(wattle_host_matches("*a*b", "xxaxxb"));
	CU_ASSERT(!wattle_host_matches(NULL, "n1"));
	CU_ASSERT(!wattle_host_matches("n1", NULL));
}

/* A list that is malformed, or made to cost time, matches nothing and costs little. */
static void test_hostile(void)
{
	static const char *const bad[] = { "n[", "n[]", "n[1", "n[1-]", "n[a]", "n[2-1]", "n[1,]", "n[99999999999999999999]", "[[1]]", "n[1-2" };
	char stars[400], host[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT(!wattle_host_matches(bad[i], "n1"));
		CHECK_INT(wattle_hostlist_check(bad[i], NULL), -EINVAL);
	}
	for (size_t i = 0; i + 2 < sizeof(stars); i += 2)
		memcpy(stars + i, "*a", 3);
	memset(host, 'a', sizeof(host));
	host[sizeof(host) - 2] = 'b';
	host[sizeof(host) - 1] = '\0';
	CU_ASSERT(!wattle_host_matches(stars, host));
}

static void test_check(void)
{
	static const char *const bad[] = { "", ",", "n1,", "n 1", "n1,,n2", "n%s" };
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_hostlist_check(LIST, &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(wattle_hostlist_check(bad[i], &err), -EINVAL);
	CHECK_HOLDS(err.text, "malformed at \"n%s\"");
}

static const struct test tests[] = {
	{ "what matches", test_match },
	{ "what is malformed or costly", test_hostile },
	{ "the check", test_check },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("hostmatch", tests);
}
