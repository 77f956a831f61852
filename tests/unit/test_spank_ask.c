/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "ask.h"
#include "runner.h"

static uint32_t ask(enum wattle_watts_kind kind, double value, uint32_t nodes, uint32_t max_w)
{
	struct wattle_watts said = { kind, value };

	return wattle_ask_watts(&said, nodes, max_w);
}

static void test_ask(void)
{
	CHECK_INT(ask(WATTLE_WATTS_NONE, 0, 4, 400), 0);
	CHECK_INT(ask(WATTLE_WATTS_PER_NODE, 300, 4, 400), 300);
	CHECK_INT(ask(WATTLE_WATTS_PER_NODE, 299.2, 4, 400), 300);
	CHECK_INT(ask(WATTLE_WATTS_PER_JOB, 1200, 4, 400), 300);
	CHECK_INT(ask(WATTLE_WATTS_PER_JOB, 1000, 3, 400), 334);
	CHECK_INT(ask(WATTLE_WATTS_PER_JOB, 1000, 0, 400), 1000);
	CHECK_INT(ask(WATTLE_WATTS_PERCENT, 70, 4, 400), 280);
	CHECK_INT(ask(WATTLE_WATTS_PERCENT, 100, 4, 400), 400);
	CHECK_INT(ask(WATTLE_WATTS_PERCENT, 33, 4, 400), 132);
}

/* A step that said something asks for something, whatever it said. */
static void test_edges(void)
{
	CHECK_INT(ask(WATTLE_WATTS_PER_JOB, 1, 1000, 400), 1);
	CHECK_INT(ask(WATTLE_WATTS_PERCENT, 1e-9, 1, 400), 1);
	CHECK_INT(ask(WATTLE_WATTS_PER_NODE, 0.0 / 1.0, 1, 400), 1);
	CHECK_INT(ask(WATTLE_WATTS_PER_NODE, 1e18, 1, 400), UINT32_MAX);
}

int main(void)
{
	static const struct test tests[] = { { "watts of a step", test_ask }, { "edges", test_edges }, { NULL, NULL } };

	return run_suite("spank ask", tests);
}
