/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "runner.h"

/* Records are root's to write and a user's to read: these two need root, the rest anybody. */
static const uid_t USER = 12345;
static char dir[] = "/var/tmp/wattle-report.XXXXXX", tree[64], job[80], file[96];

static struct wattle_record sample(void)
{
	struct wattle_record record = {
		.job_id = 42, .step_id = 0xfffffffb, .uid = USER, .start_s = 1790000000, .end_s = 1790000060, .elapsed_s = 60.25,
		.energy_j = 12345.678901, .mean_w = 204.9, .peak_w = 241.5, .grant_w = 300, .cap_w = 250, .base_w = 60, .capped_s = 60.2,
		.at_cap_s = 12.5, .over_s = 0.5, .cap_held = true, .shared = false,
	};

	snprintf(record.node, sizeof(record.node), "n1");
	snprintf(record.note, sizeof(record.note), "zone \"package-0\": \\ kept");
	return record;
}

static void test_round_trip(void)
{
	struct wattle_record record = sample(), again;
	char text[2048];

	CHECK_INT(wattle_record_format(&record, text, sizeof(text)), 0);
	CU_ASSERT_PTR_NULL(strchr(text, '\n'));
	CHECK_INT(wattle_record_parse(text, &again), 0);
	CHECK_INT(again.step_id, 0xfffffffb);
	CHECK_INT(again.uid, USER);
	CHECK_INT(again.end_s, 1790000060);
	CU_ASSERT_DOUBLE_EQUAL(again.energy_j, 12345.678901, 1e-5);
	CU_ASSERT_DOUBLE_EQUAL(again.peak_w, 241.5, 1e-3);
	CU_ASSERT(again.cap_held && !again.shared);
	CHECK_STRING(again.note, record.note);
	CHECK_INT(wattle_record_format(&record, text, 100), -ENOSPC);
}

static void test_longest_line(void)
{
	struct wattle_record record = sample(), again;
	char text[4095];

	record.slices.n = WATTLE_SLICES_MAX;
	record.slices.slice_s = 1u << 30;
	for (uint32_t i = 0; i < WATTLE_SLICES_MAX; i++)
		record.slices.j[i] = 1.23456e14f;
	memset(record.note, '"', sizeof(record.note) - 1);
	memset(record.node, 'n', 200);
	record.job_id = record.grant_w = record.cap_w = record.base_w = UINT32_MAX;
	record.energy_j = record.mean_w = 1e15;
	CHECK_INT(wattle_record_format(&record, text, sizeof(text)), 0);
	CHECK_INT(wattle_record_parse(text, &again), 0);
	record.mean_w = NAN;
	record.energy_j = INFINITY;
	CHECK_INT(wattle_record_format(&record, text, sizeof(text)), 0);
	CHECK_INT(wattle_record_parse(text, &again), 0);
	CU_ASSERT(again.energy_j < 0);
}

static void test_slices(void)
{
	struct wattle_record record = sample(), again;
	char text[2048], changed[2048];
	static const char *const bad[] = { "-1", "1e99", "\"5\"", "null", "true", "[1]" };

	wattle_slices_add(&record.slices, 0, 2, 10);
	wattle_slices_add(&record.slices, 2, 3, 0.5);
	CHECK_INT(wattle_record_format(&record, text, sizeof(text)), 0);
	CHECK_HOLDS(text, ",\"slice_s\":1,\"slices_j\":[5,5,0.5]}");
	CHECK_INT(wattle_record_parse(text, &again), 0);
	CHECK_INT(again.slices.n, 3);
	CU_ASSERT_DOUBLE_EQUAL(wattle_slices_sum(&again.slices), 10.5, 1e-6);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(changed, sizeof(changed), "%.*s%s]}", (int) (strlen(text) - strlen("0.5]}")), text, bad[i]);
		CHECK_INT(wattle_record_parse(changed, &again), -EINVAL);
	}
	*strstr(text, "\"slice_s\":1") = ' ';
	CHECK_INT(wattle_record_parse(text, &again), -EINVAL);
}

static void test_hostile_lines(void)
{
	struct wattle_record record = sample(), out = { .job_id = 9 };
	static const char *const bad[][2] = {
		{ "\"v\":1", "\"v\":2" }, { "\"job\":42", "\"job\":-1" }, { "\"job\":42", "\"job\":4294967296" }, { "\"job\":42", "\"job\":\"42\"" },
		{ "\"uid\":12345", "\"uid\":1e9" }, { "60.250000", "-1" }, { "60.250000", "NaN" }, { "60.250000", "1e999" }, { "\"node\":\"n1\"", "\"node\":\"\"" },
		{ "\"node\":\"n1\"", "\"node\":\"n\\u0000\"" }, { "\"note\":\"zone", "\"note\":\"\\u001b[2J" }, { "true", "1" }, { "}", "" }, { "}", "}}" },
	};
	char text[2048], changed[4096];

	wattle_record_format(&record, text, sizeof(text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *at = strstr(text, bad[i][0]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int) (at - text), text, bad[i][1], at + strlen(bad[i][0]));
		CHECK_INT(wattle_record_parse(changed, &out), -EINVAL);
		CHECK_INT(out.job_id, 9);
	}
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void) st;
	(void) kind;
	(void) where;
	return remove(path);
}

static void fresh(void)
{
	umask(0077); /* what a daemon may have: the modes are asked for all the same */
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	CHECK_INT(mkdir(dir, 0700), 0);
	chmod(dir, 0755);
	snprintf(tree, sizeof(tree), "%s/spool", dir);
	snprintf(job, sizeof(job), "%s/42", tree);
	snprintf(file, sizeof(file), "%s/n1.jsonl", job);
}

static int append(struct wattle_err *err)
{
	struct wattle_record record = sample();

	return wattle_report_append(tree, &record, 100, err);
}

static int count(const struct wattle_record *record, void *arg)
{
	CHECK_INT(record->job_id, 42);
	++*(int *) arg;
	return 0;
}

static int read_back(const char *node, int *ret_n, uint32_t *ret_bad, struct wattle_err *err)
{
	const char *nodes[] = { node };

	*ret_n = 0;
	return wattle_report_read(tree, 42, node ? nodes : NULL, node ? 1 : 0, count, ret_n, ret_bad, err);
}

static void check_mode(const char *path, mode_t mode, uid_t uid)
{
	struct stat st = { 0 };

	CHECK_INT(lstat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, mode);
	CHECK_INT(st.st_uid, uid);
}

static void test_tree(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t bad;
	int n;

	fresh();
	CHECK_INT(append(&err), 0);
	CHECK_STRING(err.text, "");
	CHECK_INT(append(&err), 0);
	check_mode(tree, 01711, 0);
	check_mode(job, 01711, 0);
	check_mode(file, 0640, USER);
	CHECK_INT(read_back("n1", &n, &bad, &err), 0);
	CHECK_INT(n, 2);
	CHECK_INT(bad, 0);
	CHECK_INT(read_back(NULL, &n, &bad, &err), 0);
	CHECK_INT(n, 2);
	CHECK_INT(read_back("n2", &n, &bad, &err), -ENOENT);
}

static void plant(const char *what)
{
	fresh();
	CHECK_INT(mkdir(tree, 0711), 0);
	chmod(tree, 01711);
	CHECK_INT(mkdir(job, 0711), 0);
	chmod(job, 01711);
	if (strcmp(what, "link") == 0)
		CHECK_INT(symlink("/etc/passwd", file), 0);
	if (strcmp(what, "fifo") == 0)
		CHECK_INT(mkfifo(file, 0666), 0);
	if (strcmp(what, "folder") == 0)
		CHECK_INT(mkdir(file, 0777), 0);
}

static void test_planted_files(void)
{
	static const char *const what[] = { "link", "fifo", "folder" };
	struct wattle_err err = WATTLE_ERR_INIT;
	char second[128];
	struct stat before, after;

	stat("/etc/passwd", &before);
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		plant(what[i]);
		CU_ASSERT(append(&err) < 0);
	}
	stat("/etc/passwd", &after);
	CHECK_INT(after.st_size, before.st_size);
	CHECK_INT(after.st_uid, before.st_uid);
	/* a second name elsewhere */
	fresh();
	CHECK_INT(append(&err), 0);
	snprintf(second, sizeof(second), "%s/second", dir);
	CHECK_INT(link(file, second), 0);
	CHECK_INT(append(&err), -EPERM);
	/* another user's */
	fresh();
	CHECK_INT(append(&err), 0);
	CHECK_INT(chown(file, USER + 1, 100), 0);
	CHECK_INT(append(&err), -EPERM);
	CHECK_HOLDS(err.text, "belongs to uid 12346");
}

static void test_planted_folders(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char elsewhere[96];

	fresh();
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
	CHECK_INT(mkdir(elsewhere, 0755), 0);
	CHECK_INT(symlink(elsewhere, tree), 0);
	CHECK_INT(append(&err), -ENOTDIR);
	fresh();
	CHECK_INT(append(&err), 0);
	nftw(job, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	CHECK_INT(mkdir(elsewhere, 0755), 0);
	CHECK_INT(symlink(elsewhere, job), 0);
	CHECK_INT(append(&err), -ENOTDIR);
	CHECK_INT(unlink(job), 0);
	CHECK_INT(mkdir(job, 0755), 0);
	CHECK_INT(chown(job, USER, USER), 0);
	CHECK_INT(append(&err), -EPERM);
	fresh();
	CHECK_INT(mkdir(tree, 0777), 0);
	chmod(tree, 01777);
	CHECK_INT(append(&err), -EPERM);
	CHECK_HOLDS(err.text, "chmod 1711");
}

static void test_names(void)
{
	struct wattle_record record = sample();
	struct wattle_err err = WATTLE_ERR_INIT;

	fresh();
	snprintf(record.node, sizeof(record.node), "../../n1");
	CHECK_INT(wattle_report_append(tree, &record, 100, &err), -EINVAL);
	snprintf(record.node, sizeof(record.node), ".hidden");
	CHECK_INT(wattle_report_append(tree, &record, 100, &err), -EINVAL);
	CHECK_INT(wattle_report_append("relative", &record, 100, &err), -EINVAL);
	snprintf(record.node, sizeof(record.node), "n1");
	CHECK_INT(wattle_report_append("/var/../tmp/x", &record, 100, &err), -EINVAL);
}

/* The owner may write what they like into their own file: only what fits its place counts. */
static void test_forged_records(void)
{
	struct wattle_record record = sample();
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t bad;
	char text[2048];
	FILE *out;
	int n;

	fresh();
	CHECK_INT(append(&err), 0);
	out = fopen(file, "ae");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	record.uid = 0;
	wattle_record_format(&record, text, sizeof(text));
	fprintf(out, "%s\n\n", text);
	record = sample();
	record.job_id = 43;
	wattle_record_format(&record, text, sizeof(text));
	fprintf(out, "%s\nno record at all\n%s", text, "{\"torn\":");
	fclose(out);
	CHECK_INT(read_back("n1", &n, &bad, &err), 0);
	CHECK_INT(n, 1);
	CHECK_INT(bad, 4);
}

static void test_other_user_reads(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int status = 0, n;
	pid_t pid;

	fresh();
	CHECK_INT(append(&err), 0);
	for (uid_t uid = USER; uid <= USER + 1; uid++) {
		pid = fork();
		if (pid == 0) {
			uint32_t bad;
			int rc;

			if (setgid(USER) < 0 || setuid(uid) < 0)
				_exit(9);
			rc = read_back("n1", &n, &bad, &err);
			_exit(uid == USER ? !(rc == 0 && n == 1) : rc != -EACCES);
		}
		waitpid(pid, &status, 0);
		CHECK_INT(status, 0);
	}
}

/* --- pods --------------------------------------------------------------------- */

static struct wattle_pod_record pod_sample(const char *name)
{
	struct wattle_pod_record pod = { .record = sample(), .owner = "0a1b2c3d-1111-2222-3333-444444444444", .pod = "nbody-worker-0",
					 .pod_uid = "ffffffff-1111-2222-3333-444444444444", .role = "worker", .state = "Succeeded", .profile = "nbody",
					 .slowdown_pct = 9.5, .whole = true };

	pod.record.job_id = pod.record.uid = 0;
	snprintf(pod.job, sizeof(pod.job), "%s", name);
	return pod;
}

static int count_pod(const struct wattle_pod_record *record, void *arg)
{
	CHECK_STRING(record->pod, "nbody-worker-0");
	++*(int *) arg;
	return 0;
}

static void test_pod_round_trip(void)
{
	struct wattle_pod_record pod = pod_sample("team-a/nbody"), again;
	char text[4095];

	CHECK_INT(wattle_pod_record_format(&pod, text, sizeof(text)), 0);
	CHECK_INT(wattle_pod_record_parse(text, &again), 0);
	CHECK_STRING(again.job, "team-a/nbody");
	CHECK_STRING(again.owner, pod.owner);
	CHECK_STRING(again.state, "Succeeded");
	CU_ASSERT_DOUBLE_EQUAL(again.slowdown_pct, 9.5, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(again.record.energy_j, 12345.678901, 1e-5);
	CU_ASSERT(again.whole);
	CHECK_INT(wattle_pod_record_format(&pod, text, 300), -ENOSPC);
	CHECK_INT(wattle_pod_record_parse("{\"v\":1}", &again), -EINVAL);
	CHECK_INT(wattle_pod_record_parse("[]", &again), -EINVAL);
	/* a step's record is no pod's */
	CHECK_INT(wattle_record_format(&pod.record, text, sizeof(text)), 0);
	CHECK_INT(wattle_pod_record_parse(text, &again), -EINVAL);
}

static int read_pods(const char *name, char *ret_job, int *ret_n, struct wattle_err *err)
{
	*ret_n = 0;
	return wattle_report_pods_read(tree, name, NULL, 0, count_pod, ret_n, ret_job, NULL, err);
}

static void test_pod_tree(void)
{
	struct wattle_pod_record pod = pod_sample("team-a/nbody");
	struct wattle_err err = WATTLE_ERR_INIT;
	char found[WATTLE_MPIJOB_MAX], path[200];
	int n;

	fresh();
	CHECK_INT(mkdir(tree, 0755), 0);
	CHECK_INT(chmod(tree, 01711), 0);
	CHECK_INT(read_pods("nbody", found, &n, &err), -ENOENT);
	CHECK_STRING(err.text, "no namespace has records of it");
	CHECK_INT(wattle_report_pod_append(tree, &pod, &err), 0);
	CHECK_INT(wattle_report_pod_append(tree, &pod, &err), 0);
	snprintf(path, sizeof(path), "%s/mpijob/team-a", tree);
	check_mode(path, 01711, 0);
	snprintf(path, sizeof(path), "%s/mpijob/team-a/nbody/n1.jsonl", tree);
	check_mode(path, 0644, 0);
	CHECK_INT(read_pods("nbody", found, &n, &err), 0);
	CHECK_INT(n, 2);
	CHECK_STRING(found, "team-a/nbody");
	CHECK_INT(read_pods("team-a/nbody", found, &n, &err), 0);
	CHECK_INT(read_pods("default/nbody", found, &n, &err), -ENOENT);
	CHECK_INT(read_pods("other", found, &n, &err), -ENOENT);
	pod = pod_sample("team-b/nbody");
	CHECK_INT(wattle_report_pod_append(tree, &pod, &err), 0);
	CHECK_INT(read_pods("nbody", found, &n, &err), -ENOTUNIQ);
	CHECK_HOLDS(err.text, "team-a, team-b");
	CHECK_INT(read_pods("team-b/nbody", found, &n, &err), 0);
	CHECK_INT(n, 1);
}

static void test_pod_names(void)
{
	static const char *const bad[] = { "", "nbody", "/nbody", "team-a/", "../x", "team-a/..", "team-a/../../x", "team-a/.x", "Team/a", "a/b c" };
	struct wattle_err err = WATTLE_ERR_INIT;
	char found[WATTLE_MPIJOB_MAX];
	int n;

	fresh();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wattle_pod_record pod = pod_sample(bad[i]);

		CHECK_INT(wattle_report_pod_append(tree, &pod, &err), -EINVAL);
		if (strcmp(bad[i], "nbody") != 0)
			CHECK_INT(read_pods(bad[i], found, &n, &err), -EINVAL);
	}
}

/* Kubernetes' users are no host's: who knows the name may read, who does not may not look for it. */
static void test_pod_other_user(void)
{
	struct wattle_pod_record pod = pod_sample("default/nbody");
	struct wattle_err err = WATTLE_ERR_INIT;
	int status = 0;
	pid_t pid;

	fresh();
	CHECK_INT(wattle_report_pod_append(tree, &pod, &err), 0);
	pod = pod_sample("team-a/mine");
	CHECK_INT(wattle_report_pod_append(tree, &pod, &err), 0);
	pid = fork();
	if (pid == 0) {
		static const char *const node[] = { "n1" };
		char found[WATTLE_MPIJOB_MAX];
		int n = 0;

		if (setgid(USER) < 0 || setuid(USER) < 0)
			_exit(9);
		if (wattle_report_pods_read(tree, "nbody", node, 1, count_pod, &n, found, NULL, &err) < 0 || n != 1)
			_exit(1);
		if (wattle_report_pods_read(tree, "team-a/mine", node, 1, count_pod, &n, found, NULL, &err) < 0)
			_exit(2);
		_exit(wattle_report_pods_read(tree, "mine", node, 1, count_pod, &n, found, NULL, &err) < 0 ? 0 : 3);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a record comes back as it was", test_round_trip },
		{ "a pod's record, too", test_pod_round_trip },
		{ "records of MPIJobs", test_pod_tree },
		{ "what is no MPIJob's name", test_pod_names },
		{ "another user reads an MPIJob's", test_pod_other_user },
		{ "the longest record", test_longest_line },
		{ "slices", test_slices },
	{ "lines that are no records", test_hostile_lines },
		{ "the tree's folders, owners and modes", test_tree },
		{ "planted files", test_planted_files },
		{ "planted folders", test_planted_folders },
		{ "names that lead elsewhere", test_names },
		{ "forged records", test_forged_records },
		{ "users read their own", test_other_user_reads },
		{ NULL, NULL },
	};
	int rc;

	if (geteuid() != 0) {
		printf("needs root: it gives files to users\n");
		return 77;
	}
	if (!mkdtemp(dir))
		return 1;
	rc = run_suite("report", tests);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return rc;
}
