/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "plugin.h"
#include "program.h"
#include "runner.h"
#include "slurm.h"

static void test_sacct(void)
{
	struct wattle_slurm_jobs jobs;
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = wattle_sacct_parse("12|12|COMPLETED|alice|1001|1700000000|1700000060|1699999000|1699999500|main|n[1-4]|wattle: 300 W/node|my|odd name\n"
				    "14|13_1|RUNNING|bob|1002|1700000000|Unknown|1699999000|1699999500|main|n1||x\n"
				    "13|13_2|CANCELLED by 1001|alice|1001|Unknown|1700000001|1699999000|1699999500|main|None assigned||y\n",
				    &jobs, &err);

	CHECK_INT(rc, 0);
	CHECK_INT(jobs.n, 3);
	CHECK_INT(jobs.job[0].job_id, 12);
	CHECK_STRING(jobs.job[0].name, "my|odd name");
	CHECK_STRING(jobs.job[0].nodes, "n[1-4]");
	CHECK_STRING(jobs.job[0].comment, "wattle: 300 W/node");
	CHECK_INT(jobs.job[0].submit_s, 1699999000);
	CHECK_INT(jobs.job[0].eligible_s, 1699999500);
	CHECK_INT(jobs.job[0].over, 1);
	CHECK_INT(jobs.job[0].uid, 1001);
	CHECK_INT(jobs.job[0].end_s, 1700000060);
	CHECK_STRING(jobs.job[1].label, "13_1");
	CHECK_INT(jobs.job[1].over, 0);
	CHECK_INT(jobs.job[1].end_s, 0);
	CHECK_INT(jobs.job[2].over, 1);
	CU_ASSERT_PTR_NULL(jobs.job[2].nodes);
	wattle_slurm_jobs_free(&jobs);
	/* a uid that slurmdbd does not know yet is nobody's, not root's */
	CHECK_INT(wattle_sacct_parse("12|12|PENDING|alice|0|Unknown|Unknown|1699999000|1699999500|main|None assigned||x\n", &jobs, &err), 0);
	CHECK_INT(jobs.job[0].uid, (uid_t) -1);
	wattle_slurm_jobs_free(&jobs);
	CHECK_INT(wattle_sacct_parse("", &jobs, &err), -2);
	CHECK_INT(wattle_sacct_parse("garbage\n1|2\n12.batch|12.batch|C||||||||||\n", &jobs, &err), -2);
}

/* sacct -D shows each run of a requeued job */
static void test_requeued(void)
{
	struct wattle_slurm_jobs jobs;
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = wattle_sacct_parse("12|12|REQUEUED|alice|1001|1700000000|1700000060|1699999000|1699999500|main|n[1-2]||x\n"
				    "12|12|NODE_FAIL|alice|1001|1700000100|1700000160|1700000070|1700000090|main|n3||x\n"
				    "12|12|COMPLETED|alice|1001|1700000200|1700000260|1700000170|1700000190|main|n4||x\n",
				    &jobs, &err);

	CHECK_INT(rc, 0);
	CHECK_INT(jobs.n, 1);
	CHECK_STRING(jobs.job[0].state, "COMPLETED");
	CHECK_STRING(jobs.job[0].nodes, "n4");
	CHECK_STRING(jobs.job[0].nodes_before, "n[1-2],n3");
	CHECK_INT(jobs.job[0].start_s, 1700000200);
	CHECK_INT(jobs.job[0].submit_s, 1699999000); /* the first time */
	CHECK_INT(jobs.job[0].eligible_s, 1699999500);
	wattle_slurm_jobs_free(&jobs);
}

/* A row as squeue prints it: each column cut and filled to its width, but for the last. */
static void add_row(char *text, size_t size, const char *const *values)
{
	const char *p = WATTLE_SQUEUE_FIELDS;
	size_t used = strlen(text);

	for (; (p = strchr(p, ':')); values++) {
		int width = (int) strtol(++p, NULL, 10);

		used += (size_t) snprintf(text + used, size - used, strchr(p, ':') ? "%-*.*s" : "%-*.*s\n", width, width, *values);
	}
}

static void test_squeue(void)
{
	static const char *const first[] = { "5", "3_2", "RUNNING", "alice", "1001", "1700000000", "1700003600", "1699990000", "1699999900", "main",
					     "None", "wattle: 312 W/node x 4, starts 02:00 in 3h10m at the earliest: 41% less CO2",
					     "n body\n9  AdminComment=wattle: 1 W JobState=FAILED", "n[1-2]" };
	static const char *const second[] = { "6", "5+1", "PENDING", "bob", "1002", "N/A", "N/A", "1699990000", "1699999900", "main",
					      "JobHeldUser", "(null)", "y", "(null)" };
	const char *third[] = { "7", "7", "RUNNING", "bob", "1002", "N/A", "N/A", "1699990000", "1699999900", "main", "None", "", "z", NULL };
	struct wattle_slurm_jobs jobs;
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[8192] = "", many[2100];

	add_row(text, sizeof(text), first);
	add_row(text, sizeof(text), second);
	CHECK_INT(wattle_squeue_parse(text, &jobs, &err), 0);
	CHECK_INT(jobs.n, 2);
	CHECK_INT(jobs.job[0].job_id, 5);
	CHECK_STRING(jobs.job[0].label, "3_2");
	CHECK_STRING(jobs.job[0].state, "RUNNING");
	CHECK_STRING(jobs.job[0].comment, "wattle: 312 W/node x 4, starts 02:00 in 3h10m at the earliest: 41% less CO2");
	CHECK_STRING(jobs.job[1].comment, "");
	CHECK_INT(jobs.job[0].submit_s, 1699990000);
	CHECK_INT(jobs.job[0].eligible_s, 1699999900);
	CHECK_INT(jobs.job[0].start_s, 1700000000);
	CHECK_STRING(jobs.job[0].nodes, "n[1-2]");
	CHECK_STRING(jobs.job[0].user, "alice");
	CHECK_INT(jobs.job[0].uid, 1001);
	CHECK_INT(jobs.job[0].over, 0);
	CHECK_INT(jobs.job[1].job_id, 6);
	CHECK_STRING(jobs.job[1].label, "5+1");
	CHECK_STRING(jobs.job[1].reason, "JobHeldUser");
	CHECK_INT(jobs.job[1].start_s, 0);
	CU_ASSERT_PTR_NULL(jobs.job[1].nodes);
	wattle_slurm_jobs_free(&jobs);
	/* nodes that did not fit are worse than none */
	memset(many, 'n', sizeof(many) - 1);
	many[sizeof(many) - 1] = text[0] = '\0';
	third[13] = many;
	add_row(text, sizeof(text), third);
	CHECK_INT(wattle_squeue_parse(text, &jobs, &err), 0);
	CU_ASSERT_PTR_NULL(jobs.job[0].nodes);
	wattle_slurm_jobs_free(&jobs);
	CHECK_INT(wattle_squeue_parse("", &jobs, &err), -ENOENT);
	text[strlen(text) - 1] = '\0';
	CHECK_INT(wattle_squeue_parse(text, &jobs, &err), -EPROTO);
	CHECK_INT(wattle_squeue_parse("slurm_load_jobs error: Invalid job id specified\n", &jobs, &err), -EPROTO);
}

static void test_config(void)
{
	static const char text[] = "Configuration data as of 2026\nPrologFlags             = Alloc,Contain\nLicenses = power:5000 \n"
				   "PlugStackConfig         = (null)\nprologflagsX=no\n";
	char value[64];

	CHECK_INT(wattle_scontrol_config(text, "PrologFlags", value, sizeof(value)), 1);
	CHECK_STRING(value, "Alloc,Contain");
	CHECK_INT(wattle_scontrol_config(text, "licenses", value, sizeof(value)), 1);
	CHECK_STRING(value, "power:5000");
	CHECK_INT(wattle_scontrol_config(text, "PlugStackConfig", value, sizeof(value)), 1);
	CHECK_STRING(value, "");
	CHECK_INT(wattle_scontrol_config(text, "Prolog", value, sizeof(value)), 0);
	CHECK_INT(wattle_list_has("Alloc,Contain", "contain"), 1);
	CHECK_INT(wattle_list_has("Alloc, Contain", "Contain"), 1);
	CHECK_INT(wattle_list_has("bf_licenses,x=1", "bf_licenses"), 1);
	CHECK_INT(wattle_list_has("bf_licenses_not,x", "bf_licenses"), 0);
	CHECK_INT(wattle_list_has("a,x=1", "x"), 1);
	CHECK_INT(wattle_list_has("", "x"), 0);
}

static void test_hosts(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char **names = NULL;
	size_t n = 0;

	CHECK_INT(wattle_slurm_hosts("n2,n1,n2", &names, &n, &err), 0);
	CHECK_INT(n, 2);
	CHECK_STRING(names[0], "n1");
	CHECK_STRING(names[1], "n2");
	free(names);
}

static void test_plugstack(void)
{
	static const char text[] = "# required spank_wattle.so\noptional /opt/other.so x=1\n"
				   "required  /usr/lib/slurm/spank_wattle.so conf=/etc/w.conf  # ours\n";
	char path[64], args[64];
	bool required = false;

	CHECK_INT(wattle_plugstack_find(text, "spank_wattle", &required, path, sizeof(path), args, sizeof(args)), 1);
	CHECK_INT(required, 1);
	CHECK_STRING(path, "/usr/lib/slurm/spank_wattle.so");
	CHECK_STRING(args, "conf=/etc/w.conf  ");
	CHECK_INT(wattle_plugstack_find("optional spank_wattle\n", "spank_wattle", &required, path, sizeof(path), args, sizeof(args)), 1);
	CHECK_INT(required, 0);
	CHECK_INT(wattle_plugstack_find("required spank_wattle2.so\n", "spank_wattle", &required, path, sizeof(path), args, sizeof(args)), 0);
	CHECK_INT(wattle_plugstack_find("", "spank_wattle", &required, path, sizeof(path), args, sizeof(args)), 0);
}

static void test_versions(void)
{
	char text[16];

	CHECK_INT(wattle_slurm_version_parse("22.05.8"), 0x160508);
	CHECK_INT(wattle_slurm_version_parse("26.05.0-0rc1"), 0x1a0500);
	CHECK_INT(wattle_slurm_version_parse("22.05"), 0);
	CHECK_INT(wattle_slurm_version_parse("x"), 0);
	CHECK_INT(wattle_slurm_version_parse(""), 0);
	wattle_slurm_version_format(0x160508, text, sizeof(text));
	CHECK_STRING(text, "22.05.8");
}

/* This program has such an object itself; in its dynamic symbols only because it is exported. */
__attribute__((visibility("default"))) extern const uint32_t plugin_version;
const uint32_t plugin_version = 0x160508;

static void test_plugin_file(void)
{
	static const char *const junk[] = { "", "\177ELF", "not a plugin at all", NULL };
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[] = "/tmp/wattle-test-plugin.XXXXXX";
	uint32_t version = 0;
	int fd;

	CHECK_INT(wattle_plugin_version("/proc/self/exe", &version, &err), 0);
	CHECK_INT(version, plugin_version);
	CHECK_INT(wattle_plugin_version("/nonexistent", &version, &err), -2);
	CHECK_INT(wattle_plugin_version("/dev/null", &version, &err), -8);
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	close(fd);
	for (int i = 0; junk[i]; i++) {
		FILE *f = fopen(path, "w");

		CU_ASSERT_FATAL(f != NULL);
		fputs(junk[i], f);
		fclose(f);
		CHECK_INT(wattle_plugin_version(path, &version, &err), -8);
	}
	unlink(path);
}

/* A damaged file must be refused or read, never crash the reader: cut and flip our own image all over. */
static void test_damaged_plugin(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[] = "/tmp/wattle-test-plugin.XXXXXX";
	static char image[4 * 1024 * 1024];
	FILE *self = fopen("/proc/self/exe", "r");
	size_t len;
	unsigned seed = 12345;
	int fd = mkstemp(path), n_refused = 0;

	CU_ASSERT_FATAL(self != NULL && fd >= 0);
	len = fread(image, 1, sizeof(image), self);
	fclose(self);
	for (int round = 0; round < 300; round++) {
		size_t cut = round < 100 ? len * (size_t) round / 100 : len;
		size_t at = round < 200 ? (size_t) round % 64 : len - 4096 + (seed = seed * 1103515245 + 12345) % 4096;
		uint32_t version;
		char kept = image[at];

		if (round >= 100)
			image[at] = (char) ~image[at];
		CU_ASSERT_FATAL(ftruncate(fd, 0) == 0 && pwrite(fd, image, cut, 0) == (ssize_t) cut);
		n_refused += wattle_plugin_version(path, &version, &err) < 0;
		image[at] = kept;
	}
	CU_ASSERT(n_refused > 100);
	close(fd);
	unlink(path);
}

static void test_programs(void)
{
	const char *echo[] = { "/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL };
	const char *silent[] = { "/bin/sh", "-c", "exit 0", NULL };
	const char *hang[] = { "/bin/sh", "-c", "sleep 60 & sleep 60", NULL };
	const char *flood[] = { "/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", NULL };
	const char *none[] = { "/nonexistent/program", NULL };
	const char *time_format[] = { "/bin/sh", "-c", "echo $SLURM_TIME_FORMAT$LC_ALL; cat", NULL };
	struct wattle_answer answer;
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_program_ask(echo, 5000, 1000, &answer, &err), 0);
	CHECK_STRING(answer.text, "out\n");
	CHECK_STRING(answer.said, "err");
	CHECK_INT(answer.status, 3);
	free(answer.text);
	CHECK_INT(wattle_program_ask(time_format, 5000, 1000, &answer, &err), 0);
	CHECK_STRING(answer.text, "%sC\n");
	free(answer.text);
	CHECK_INT(wattle_program_ask(silent, 5000, 1000, &answer, &err), 0);
	CHECK_STRING(answer.text, "");
	CHECK_STRING(answer.said, "");
	free(answer.text);
	CHECK_INT(wattle_program_ask(hang, 200, 1000, &answer, &err), -110);
	CHECK_HOLDS(err.text, "did not answer within 1 s");
	CHECK_INT(wattle_program_ask(flood, 5000, 100000, &answer, &err), -27);
	CHECK_INT(wattle_program_ask(none, 5000, 1000, &answer, &err), -2);
	CU_ASSERT_PTR_NULL(answer.text);
}

static const struct test tests[] = {
	{ "sacct", test_sacct },
	{ "a requeued job", test_requeued },
	{ "squeue", test_squeue },
	{ "scontrol show config", test_config },
	{ "host lists", test_hosts },
	{ "plugstack.conf", test_plugstack },
	{ "versions", test_versions },
	{ "the version of a plugin file", test_plugin_file },
	{ "a damaged plugin file", test_damaged_plugin },
	{ "asking programs", test_programs },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("cli slurm", tests);
}
