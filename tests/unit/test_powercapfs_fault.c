/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a test writes into powercapfs's `faults` and configuration means what their README says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lab.d/powercapfs/fault.h"
#include "../lab.d/powercapfs/nodeconf.h"
#include "runner.h"

static const struct pcfs_subject limit0 = { "intel-rapl:0", "package-0", "constraint_0_power_limit_uw" };
static const struct pcfs_subject limit1 = { "intel-rapl:1", "package-1", "constraint_0_power_limit_uw" };
static const struct pcfs_subject energy0 = { "intel-rapl:0", "package-0", "energy_uj" };
static const struct pcfs_subject enabled0 = { "intel-rapl:0", "package-0", "enabled" };
static const struct pcfs_subject control_enabled = { "intel-rapl", "", "enabled" };

static struct pcfs_faults faults_of(const char *text)
{
	struct pcfs_faults faults;
	struct pcfs_err err = { "" };

	CU_ASSERT_EQUAL(pcfs_faults_parse(text, &faults, &err), 0);
	CHECK_STRING(err.text, "");
	return faults;
}

static const struct pcfs_fault *strike(struct pcfs_faults *faults, enum pcfs_fault_op op, const struct pcfs_subject *subject)
{
	uint64_t slow_ms;

	return pcfs_faults_strike(faults, op, subject, &slow_ms);
}

static void errors_strike_the_operation_they_name(void)
{
	struct pcfs_faults faults = faults_of("write intel-rapl:0 constraint_0_power_limit_uw EACCES\n");
	const struct pcfs_fault *fault = strike(&faults, PCFS_OP_WRITE, &limit0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(fault);
	CU_ASSERT_EQUAL(fault->kind, PCFS_FAULT_ERRNO);
	CU_ASSERT_EQUAL(fault->arg, EACCES);
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &limit0));
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_WRITE, &limit1));
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_WRITE, &energy0));
}

static void globs_match_zone_directory_and_name(void)
{
	struct pcfs_faults faults = faults_of("* package-* *_uj EIO\n* intel-rapl:[1-9] * ENODATA\n");

	CU_ASSERT_PTR_NOT_NULL_FATAL(strike(&faults, PCFS_OP_READ, &energy0));
	CU_ASSERT_EQUAL(strike(&faults, PCFS_OP_READ, &energy0)->arg, EIO);
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &limit0));
	CU_ASSERT_PTR_NOT_NULL_FATAL(strike(&faults, PCFS_OP_WRITE, &limit1));
	CU_ASSERT_EQUAL(strike(&faults, PCFS_OP_WRITE, &limit1)->arg, ENODATA);
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &control_enabled));
}

static void counted_faults_run_out(void)
{
	struct pcfs_faults faults = faults_of("write * * EIO count=2\nwrite * * ignored count=1\n");

	CU_ASSERT_EQUAL(strike(&faults, PCFS_OP_WRITE, &limit0)->kind, PCFS_FAULT_ERRNO);
	CU_ASSERT_EQUAL(strike(&faults, PCFS_OP_WRITE, &limit1)->kind, PCFS_FAULT_ERRNO);
	CU_ASSERT_EQUAL(strike(&faults, PCFS_OP_WRITE, &limit0)->kind, PCFS_FAULT_IGNORED);
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_WRITE, &limit0));
}

static void slow_adds_up_and_lets_others_strike(void)
{
	struct pcfs_faults faults = faults_of("read * energy_uj slow 200\nread * * slow 50 count=1\nread * energy_uj EIO\n");
	uint64_t slow_ms;

	CU_ASSERT_PTR_NOT_NULL(pcfs_faults_strike(&faults, PCFS_OP_READ, &energy0, &slow_ms));
	CHECK_INT(slow_ms, 250);
	CU_ASSERT_PTR_NOT_NULL(pcfs_faults_strike(&faults, PCFS_OP_READ, &energy0, &slow_ms));
	CHECK_INT(slow_ms, 200);
	CU_ASSERT_PTR_NULL(pcfs_faults_strike(&faults, PCFS_OP_READ, &limit0, &slow_ms));
	CHECK_INT(slow_ms, 0);
}

static void values_move_as_asked(void)
{
	static const struct { const char *line; uint64_t in, out; } cases[] = {
		{ "write * * offset 3000000", 100, 3000100 }, { "write * * offset +5", 100, 105 },
		{ "write * * offset -60", 100, 40 }, { "write * * offset -160", 100, 0 },
		{ "write * * atmost 90", 100, 90 }, { "write * * atmost 110", 100, 100 },
		{ "write * * atleast 110", 100, 110 }, { "write * * atleast 90", 100, 100 },
		{ "write * * EIO", 100, 100 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pcfs_faults faults = faults_of(cases[i].line);

		CHECK_INT(pcfs_fault_value(&faults.fault[0], cases[i].in), cases[i].out);
	}
}

static void a_lock_concerns_limits_and_enabled(void)
{
	struct pcfs_faults faults = faults_of("* package-0 * lock\n* intel-rapl enabled lock\n");

	CU_ASSERT_PTR_NOT_NULL(strike(&faults, PCFS_OP_WRITE, &limit0));
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &limit0));
	CU_ASSERT_PTR_NOT_NULL(strike(&faults, PCFS_OP_READ, &enabled0));
	CU_ASSERT_PTR_NOT_NULL(strike(&faults, PCFS_OP_WRITE, &enabled0));
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &energy0));
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &control_enabled));
}

static void missing_hides_files_zones_or_all(void)
{
	const struct pcfs_subject zone0 = { "intel-rapl:0", "package-0", "" };
	const struct pcfs_subject control = { "intel-rapl", "", "" };
	struct pcfs_faults faults = faults_of("* package-0 constraint_* missing\n");

	CU_ASSERT_TRUE(pcfs_faults_missing(&faults, &limit0));
	CU_ASSERT_FALSE(pcfs_faults_missing(&faults, &energy0));
	CU_ASSERT_FALSE(pcfs_faults_missing(&faults, &zone0));
	CU_ASSERT_FALSE(pcfs_faults_missing(&faults, &limit1));

	faults = faults_of("* package-0 * missing\n");
	CU_ASSERT_TRUE(pcfs_faults_missing(&faults, &zone0));
	CU_ASSERT_TRUE(pcfs_faults_missing(&faults, &energy0));
	CU_ASSERT_FALSE(pcfs_faults_missing(&faults, &limit1));
	CU_ASSERT_FALSE(pcfs_faults_missing(&faults, &control));

	faults = faults_of("* * . missing\n");
	CU_ASSERT_TRUE(pcfs_faults_missing(&faults, &zone0));
	CU_ASSERT_TRUE(pcfs_faults_missing(&faults, &control));
	/* Never a verdict on an operation: the file isn't there to be operated on. */
	CU_ASSERT_PTR_NULL(strike(&faults, PCFS_OP_READ, &energy0));
}

static void blank_lines_and_comments_are_nothing(void)
{
	struct pcfs_faults faults = faults_of("\n  \t\n# write * * EIO\n   # indented\nread * name text core\n");

	CHECK_INT(faults.count, 1);
	CU_ASSERT_EQUAL(faults.fault[0].kind, PCFS_FAULT_TEXT);
	CHECK_STRING(faults.fault[0].text, "core");
}

static void bad_lines_are_named_and_left_out(void)
{
	static const char *const bad[] = {
		"bogus", "read", "read *", "read * *", "append * * EIO", "read * * EWHAT", "write * * offset", "write * * offset x",
		"read * * slow -1", "read * * slow 9999999", "read * * EIO count=", "read * * EIO count=-1", "read * * EIO twice",
		"read * * EIO count=1 more", "read * * ignored", "* * * ignored", "write * * text x", "* * * missing count=1",
		"* * * lock count=1", "read * * text",
		"read aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa * EIO",
	};
	struct pcfs_faults faults;
	struct pcfs_fault fault;
	struct pcfs_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err.text[0] = '\0';
		CHECK_INT(pcfs_fault_parse(bad[i], &fault, &err), -EINVAL);
		CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
	}
	CHECK_INT(pcfs_faults_parse("write * * EIO\nbogus\nread * * EIO\nworse", &faults, &err), 2);
	CHECK_INT(faults.count, 2);
	CHECK_HOLDS(err.text, "line 2");
	CHECK_HOLDS(err.text, "bogus");
}

static void too_many_and_too_long_lines_are_refused(void)
{
	static char text[PCFS_FAULTS_MAX * 16 + 400];
	struct pcfs_faults faults;
	struct pcfs_err err;

	for (int i = 0; i <= PCFS_FAULTS_MAX; i++)
		(void)strcat(text, "read * * EIO\n");
	CHECK_INT(pcfs_faults_parse(text, &faults, &err), 1);
	CHECK_INT(faults.count, PCFS_FAULTS_MAX);
	memset(text, 'x', 300);
	text[300] = '\0';
	CHECK_INT(pcfs_faults_parse(text, &faults, &err), 1);
	CHECK_INT(faults.count, 0);
}

static int read_config(const char *text, struct pcfs_config *config, struct pcfs_err *err)
{
	char path[] = "/tmp/test_powercapfs.XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	err->text[0] = '\0';
	pcfs_config_default(config);
	int r = pcfs_config_read(config, path, err);
	(void)unlink(path);
	return r;
}

static void configuration_is_read_over_defaults(void)
{
	struct pcfs_config config;
	struct pcfs_err err;

	CHECK_INT(read_config("[tree]\ndram = yes\nenergy_left_uj = 5000000\n[node]\nfull_quota_pct = 22.5\n"
			      "[curve]\nform = quadratic\na = 0.5\n[loop]\ntick_ms = 20\n", &config, &err), 0);
	CHECK_STRING(err.text, "");
	CU_ASSERT_TRUE(config.tree.dram);
	CU_ASSERT_FALSE(config.tree.mmio);
	CU_ASSERT_TRUE(config.tree.energy_start_set);
	CU_ASSERT_TRUE(config.tree.energy_near_wrap);
	CHECK_INT(config.tree.energy_start_uj, 5000000);
	CU_ASSERT_DOUBLE_EQUAL(config.model.full_quota_pct, 22.5, 1e-9);
	CU_ASSERT_EQUAL(config.model.form, PCFS_CURVE_QUADRATIC);
	CU_ASSERT_DOUBLE_EQUAL(config.model.base_w, 60, 1e-9);
	CHECK_INT(config.tick_ms, 20);
	CHECK_INT(config.state_ms, 200);
}

static void bad_configuration_is_refused_with_its_line(void)
{
	static const struct { const char *text; const char *holds; } cases[] = {
		{ "[node]\nbase = 60\n", ":2: [node] base: no such key" },
		{ "[node]\nbase_w = 60W\n", "found '60W'" },
		{ "[node]\nbase_w = nan\n", "found 'nan'" },
		{ "[tree]\npackages = 9\n", "from 1 to 8" },
		{ "[tree]\npackages = 1.5\n", "whole number" },
		{ "[tree]\n\ndram = maybe\n", ":3: " },
		{ "[loop]\nstate_ms = 100\n", "from 200" },
		{ "[curve]\nform = linear\n", "hyperbolic or quadratic" },
		{ "[package]\nidle_w = 200\n", "can't exceed max_w" },
		{ "[node]\nno equals sign\n", ":2: not INI" },
	};
	struct pcfs_config config;
	struct pcfs_err err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_INT(read_config(cases[i].text, &config, &err), -EINVAL);
		CHECK_HOLDS(err.text, cases[i].holds);
	}
	CHECK_INT(pcfs_config_read(&config, "/nonexistent/conf", &err), -ENOENT);
	CHECK_HOLDS(err.text, "/nonexistent/conf");
}

static const struct test tests[] = {
	{ "errors strike the operation they name", errors_strike_the_operation_they_name },
	{ "globs match a zone's directory and name", globs_match_zone_directory_and_name },
	{ "counted faults run out", counted_faults_run_out },
	{ "slow adds up and lets others strike", slow_adds_up_and_lets_others_strike },
	{ "values move as asked", values_move_as_asked },
	{ "a lock concerns limits and enabled", a_lock_concerns_limits_and_enabled },
	{ "missing hides files, zones or all", missing_hides_files_zones_or_all },
	{ "blank lines and comments are nothing", blank_lines_and_comments_are_nothing },
	{ "bad lines are named and left out", bad_lines_are_named_and_left_out },
	{ "too many and too long lines are refused", too_many_and_too_long_lines_are_refused },
	{ "configuration is read over defaults", configuration_is_read_over_defaults },
	{ "bad configuration is refused with its line", bad_configuration_is_refused_with_its_line },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("powercapfs_fault", tests);
}
