/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "command.h"
#include "runner.h"
#include "slurm.h"

struct told {
	bool json;
	const char *conf;
};

static enum wattle_parsed parse(struct told *told, int *first, char *why, size_t why_size, char **argv)
{
	const struct wattle_option options[] = {
		{ "json", &told->json, NULL, NULL, "" },
		{ "conf", NULL, "PATH", &told->conf, "" },
	};
	const struct wattle_usage usage = { .command = "wattle x", .operands = "JOBID", .about = "", .options = options, .n_options = 2,
					    .operands_min = 1, .operands_max = 1 };
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(told, 0, sizeof(*told));
	why[0] = '\0';
	return wattle_options_parse(&usage, argc, argv, first, why, why_size);
}

#define PARSE(...) parse(&told, &first, why, sizeof(why), (char *[]){ (char[]){ "x" }, __VA_ARGS__, NULL })
#define W(text) ((char[]){ text })

static void test_options(void)
{
	struct told told;
	char why[160];
	int first;

	CHECK_INT(PARSE(W("12")), WATTLE_PARSED_RUN);
	CHECK_INT(first, 1);
	CHECK_INT(told.json, 0);
	CHECK_INT(PARSE(W("--json"), W("--conf=/a"), W("12")), WATTLE_PARSED_RUN);
	CHECK_INT(first, 3);
	CHECK_INT(told.json, 1);
	CHECK_STRING(told.conf, "/a");
	/* options may follow operands, as people type them */
	CHECK_INT(PARSE(W("12"), W("--conf"), W("/b"), W("--json")), WATTLE_PARSED_RUN);
	CHECK_INT(first, 4);
	CHECK_INT(told.json, 1);
	CHECK_STRING(told.conf, "/b");
}

static void test_refusals(void)
{
	struct told told;
	char why[160];
	int first;

	CHECK_INT(PARSE(W("--json")), WATTLE_PARSED_BAD);
	CHECK_STRING(why, "JOBID is missing");
	CHECK_INT(PARSE(W("1"), W("2")), WATTLE_PARSED_BAD);
	CHECK_STRING(why, "\"2\" is one word too many");
	CHECK_INT(PARSE(W("1"), W("--frob")), WATTLE_PARSED_BAD);
	CHECK_STRING(why, "no option --frob");
	CHECK_INT(PARSE(W("1"), W("-x")), WATTLE_PARSED_BAD);
	CHECK_STRING(why, "no option -x");
	CHECK_INT(PARSE(W("1"), W("--conf")), WATTLE_PARSED_BAD);
	CHECK_STRING(why, "--conf needs a value");
	CHECK_INT(PARSE(W("1"), W("--json=yes")), WATTLE_PARSED_BAD);
	CHECK_STRING(why, "--json takes no value");
}

static void test_help_wins(void)
{
	struct told told;
	char why[160];
	int first;

	CHECK_INT(PARSE(W("--help")), WATTLE_PARSED_HELP);
	CHECK_INT(PARSE(W("-h")), WATTLE_PARSED_HELP);
	CHECK_INT(PARSE(W("--version")), WATTLE_PARSED_VERSION);
	CHECK_INT(PARSE(W("-V"), W("1"), W("2"), W("3")), WATTLE_PARSED_VERSION);
}

static void test_job_ids(void)
{
	static const char *const bad[] = { "", "0", "x", "-1", "12_", "12+", "12_x", "12_3_4", "12 ", " 12", "12;rm", "99999999999", "12_[1-3]", NULL };
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t number;
	bool plain;

	CHECK_INT(wattle_jobid_parse("12", &number, &plain, &err), 0);
	CHECK_INT(number, 12);
	CHECK_INT(plain, 1);
	CHECK_INT(wattle_jobid_parse("12_4", &number, &plain, &err), 0);
	CHECK_INT(plain, 0);
	CHECK_INT(wattle_jobid_parse("12+1", &number, &plain, &err), 0);
	CHECK_INT(plain, 0);
	for (int i = 0; bad[i]; i++)
		if (wattle_jobid_parse(bad[i], &number, &plain, &err) != -22)
			CHECK_STRING(bad[i], "refused");
}

static int ran_with;

static int run_one(int argc, char **argv)
{
	ran_with = argc * 100 + (argv[0][0] == 'o' ? 1 : 0);
	return 7;
}

static void test_dispatch(void)
{
	static const struct wattle_command table[] = { { "one", run_one, "" } };

	CHECK_INT(wattle_command_dispatch("wattle", "", table, 1, 3, (char *[]){ W("wattle"), W("one"), W("x"), NULL }), 7);
	CHECK_INT(ran_with, 201);
}

static const struct test tests[] = {
	{ "options and operands", test_options },
	{ "refusals say what was wrong", test_refusals },
	{ "help and version win", test_help_wins },
	{ "job ids", test_job_ids },
	{ "dispatch", test_dispatch },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("cli options", tests);
}
