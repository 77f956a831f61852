/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which elements of a client's argument vector are its own --power, and what becomes of them. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "argv_power.h"
#include "cli_argv.h"
#include "runner.h"

/* The shape of sbatch's and srun's own table in 22.05: short and long, with, without and with an optional argument. */
static const char optstring[] = "+J:N:c:n:qv";
static const struct option table[] = {
	{ "job-name", required_argument, NULL, 'J' },
	{ "nodes", required_argument, NULL, 'N' },
	{ "ntasks", required_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "exclusive", optional_argument, NULL, 300 },
	{ "wrap", required_argument, NULL, 301 },
	{ "power", required_argument, NULL, 302 },
	{ "propagate", optional_argument, NULL, 303 },
	{ "power-cap", required_argument, NULL, 0x1001 },
	{ NULL, 0, NULL, 0 },
};

struct hits {
	int n, at[8];
	bool separate[8];
};

static void note(void *arg, int i, bool separate)
{
	struct hits *hits = arg;

	if (hits->n < 8) {
		hits->at[hits->n] = i;
		hits->separate[hits->n] = separate;
	}
	hits->n++;
}

static struct hits find(enum wattle_cli cli, char *const argv[])
{
	struct hits hits = { 0 };
	int argc = 0;

	while (argv[argc])
		argc++;
	optind = 7; /* as somebody may have left it */
	int n = wattle_cli_find(cli, argc, argv, optstring, table, "power", note, &hits);
	CHECK_INT(n, hits.n);
	CHECK_INT(optind, 0);
	return hits;
}

#define ARGV(...) ((char *[]) { (char *) "client", __VA_ARGS__, NULL })
#define SCRIPT(...) find(WATTLE_CLI_SCRIPT, ARGV(__VA_ARGS__))
#define COMMAND(...) find(WATTLE_CLI_COMMAND, ARGV(__VA_ARGS__))

static void check_one(struct hits hits, int at, bool separate)
{
	CHECK_INT(hits.n, 1);
	CHECK_INT(hits.at[0], at);
	CHECK_INT(hits.separate[0], separate);
}

static void test_own(void)
{
	check_one(SCRIPT("--power=300", "x.sh"), 1, false);
	check_one(SCRIPT("--power", "300W", "x.sh"), 1, true);
	check_one(SCRIPT("-N1", "-vq", "--power=300"), 3, false);
	check_one(SCRIPT("--exclusive", "--power", "70%", "x.sh"), 2, true);
	check_one(SCRIPT("--power=9", "x.sh", "--power=7"), 1, false);
	struct hits both = SCRIPT("--power=1", "--power", "2", "x.sh");
	CHECK_INT(both.n, 2);
	CHECK_INT(both.at[1], 2);
}

static void test_not_own(void)
{
	CHECK_INT(SCRIPT("x.sh", "--power=9").n, 0);
	CHECK_INT(COMMAND("hostname", "--power", "5").n, 0);
	CHECK_INT(SCRIPT("--wrap", "--power=5").n, 0);
	CHECK_INT(SCRIPT("-J", "--power=3", "x.sh").n, 0);
	CHECK_INT(SCRIPT("--wrap=app --power=5").n, 0);
	CHECK_INT(SCRIPT("--", "--power=5").n, 0);
	CHECK_INT(SCRIPT("--power-cap=5", "x.sh").n, 0);
	CHECK_INT(SCRIPT("--power").n, 0);
	CHECK_INT(SCRIPT("x.sh").n, 0);
}

/* Ambiguous between --power and --power-cap: getopt refuses it, and the client says so. */
static void test_abbreviation(void)
{
	CHECK_INT(SCRIPT("--pow=300", "x.sh").n, 0);
	check_one(SCRIPT("--bogus", "--power=3", "x.sh"), 2, false);
}

static void test_components(void)
{
	struct hits hits = SCRIPT("-N1", "--power=300", ":", "-N1", "--power", "200", "x.sh", ":", "--power=5");
	CHECK_INT(hits.n, 2);
	CHECK_INT(hits.at[0], 2);
	CHECK_INT(hits.at[1], 5);
	CHECK_INT(hits.separate[1], true);

	hits = COMMAND("-N1", "--power=300", "app", "--power=5", ":", "--power", "200", "app", "--power", "7", ":", "app");
	CHECK_INT(hits.n, 2);
	CHECK_INT(hits.at[0], 2);
	CHECK_INT(hits.at[1], 6);
	CHECK_INT(COMMAND(":", ":", ":").n, 0);
}

static void test_nothing_there(void)
{
	CHECK_INT(wattle_cli_find(WATTLE_CLI_SCRIPT, 0, (char *[]) { NULL }, optstring, table, "power", NULL, NULL), 0);
	/* Outside of a Slurm client the symbols are missing: silently nothing. */
	char **argv = ARGV("--power=300", "x.sh");
	CHECK_INT(wattle_cli_find_own(3, argv, "power", NULL, NULL), -1);
	CHECK_INT(wattle_cli_says(3, argv, "power"), false);
	wattle_argv_power_rewrite(3, argv);
	CHECK_STRING(argv[1], "--power=300");
}

int main(void)
{
	static const struct test tests[] = {
		{ "the client's own", test_own },
		{ "others' --power", test_not_own },
		{ "abbreviations and unknown options", test_abbreviation },
		{ "het components", test_components },
		{ "no Slurm around", test_nothing_there },
		{ NULL, NULL },
	};
	return run_suite("spank argv", tests);
}
