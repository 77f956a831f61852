/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "err.h"
#include "runner.h"

static void test_set(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CU_ASSERT_EQUAL(wattle_err_set(&err, ENOENT, "no %s\n\033[2J", "file"), -ENOENT);
	CU_ASSERT_EQUAL(err.code, ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "no file??[2J");
	CU_ASSERT_EQUAL(wattle_err_set(NULL, EIO, "nobody asks"), -EIO);
}

static void test_wrap(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	wattle_err_set(&err, EACCES, "denied");
	CU_ASSERT_EQUAL(wattle_err_wrap(&err, "node %s", "n1"), -EACCES);
	CU_ASSERT_STRING_EQUAL(err.text, "node n1: denied");
	/* `return wattle_err_wrap (err, …)` must not turn a failure into success */
	CU_ASSERT_TRUE(wattle_err_wrap(NULL, "node") < 0);
}

static void test_long(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[2 * sizeof(err.text)];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	wattle_err_set(&err, EINVAL, "%s", text);
	CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
	wattle_err_wrap(&err, "%s", text);
	CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
}

static const struct test tests[] = {
	{ "set", test_set },
	{ "wrap", test_wrap },
	{ "longer than there is room", test_long },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("err", tests);
}
