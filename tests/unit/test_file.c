/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "runner.h"

static char dir[] = "/tmp/wattle-test-file-XXXXXX";
static int dirfd_;

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, size_t len)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CU_ASSERT_FATAL(fd >= 0 && write(fd, text, len) == (ssize_t) len);
	close(fd);
}

static int get(const char *name, size_t max, bool any_owner, char **text, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = max, .any_owner = any_owner };

	return wattle_file_read(in_dir(name), &rule, text, NULL, NULL, err);
}

static void test_read(void)
{
	const struct wattle_file_rule rule = { .max_bytes = 100000, .any_owner = true };
	cleanup_free char *text = NULL, *again = NULL, *large = malloc(50000);
	struct stat st;
	size_t len = 7;

	put("a", "hello\n", 6);
	CHECK_INT(wattle_file_read(in_dir("a"), &rule, &text, &len, &st, NULL), 0);
	CHECK_STRING(text, "hello\n");
	CHECK_INT(len, 6);
	CHECK_INT(st.st_size, 6);
	memset(large, 'x', 50000);
	put("a", large, 50000);
	CHECK_INT(get("a", 50000, true, &again, NULL), 0);
	CHECK_INT(strlen(again), 50000);
}

static void test_empty_and_proc(void)
{
	const struct wattle_file_rule rule = { .max_bytes = 100000, .any_owner = true }, tight = { .max_bytes = 10, .any_owner = true };
	cleanup_free char *text = NULL, *proc = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;

	put("a", "", 0);
	CHECK_INT(get("a", 100, true, &text, NULL), 0);
	CHECK_STRING(text, "");
	/* says it has 0 bytes and has more */
	CHECK_INT(wattle_file_read("/proc/self/status", &rule, &proc, NULL, NULL, NULL), 0);
	CHECK_HOLDS(proc, "Name:");
	CHECK_INT(wattle_file_read("/proc/self/status", &tight, &proc, NULL, NULL, &err), -EFBIG);
}

static void test_refused(void)
{
	char *text = (char *) 1;
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(get("missing", 100, true, &text, &err), -ENOENT);
	CHECK_HOLDS(err.text, "missing");
	put("a", "0123456789", 10);
	CHECK_INT(get("a", 9, true, &text, &err), -EFBIG);
	put("nul", "a\0b", 3);
	CHECK_INT(get("nul", 100, true, &text, &err), -EINVAL);
	CHECK_HOLDS(err.text, "NUL");
	CHECK_INT(symlink("a", in_dir("link")), 0);
	CHECK_INT(get("link", 100, true, &text, &err), -EINVAL);
	CHECK_HOLDS(err.text, "symbolic link");
	CHECK_INT(mkfifo(in_dir("fifo"), 0644), 0);
	CHECK_INT(get("fifo", 100, true, &text, &err), -EINVAL);
	CHECK_INT(get(".", 100, true, &text, &err), -EINVAL);
	CHECK_HOLDS(err.text, "no regular file");
	CU_ASSERT_PTR_EQUAL(text, (char *) 1);
}

static void test_owner(void)
{
	cleanup_free char *text = NULL;
	char *untouched = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;

	put("a", "x", 1);
	if (geteuid() != 0) {
		CHECK_INT(get("a", 100, false, &untouched, &err), -EPERM);
		return;
	}
	CHECK_INT(get("a", 100, false, &text, NULL), 0);
	CHECK_INT(chmod(in_dir("a"), 0664), 0);
	CHECK_INT(get("a", 100, false, &untouched, &err), -EPERM);
	CHECK_HOLDS(err.text, "chmod go-w");
	CHECK_INT(chmod(in_dir("a"), 0644), 0);
	CHECK_INT(chown(in_dir("a"), 1, 0), 0);
	CHECK_INT(get("a", 100, false, &untouched, &err), -EPERM);
	CHECK_HOLDS(err.text, "uid 1");
}

static void test_replace(void)
{
	cleanup_free char *first = NULL, *second = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct stat st;

	put(".b.new", "left by a crash", 15);
	CHECK_INT(wattle_file_replace(dirfd_, "b", 0640, "one", 3, &err), 0);
	CHECK_INT(get("b", 100, true, &first, NULL), 0);
	CHECK_STRING(first, "one");
	CHECK_INT(stat(in_dir("b"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0640);
	CHECK_INT(wattle_file_replace(dirfd_, "b", 0640, "two two", 7, &err), 0);
	CHECK_INT(get("b", 100, true, &second, NULL), 0);
	CHECK_STRING(second, "two two");
	CHECK_INT(access(in_dir(".b.new"), F_OK), -1);
	CHECK_INT(wattle_file_replace(dirfd_, "x/y", 0640, "1", 1, &err), -EINVAL);
	CHECK_INT(mkdir(in_dir("d"), 0755), 0);
	CHECK_INT(wattle_file_replace(dirfd_, "d", 0640, "1", 1, &err), -EISDIR);
	CHECK_INT(access(in_dir(".d.new"), F_OK), -1);
}

static const struct test tests[] = {
	{ "reading", test_read },
	{ "empty files, and files that don't know their size", test_empty_and_proc },
	{ "what is refused", test_refused },
	{ "owner and mode", test_owner },
	{ "replacing", test_replace },
	{ NULL, NULL },
};

int main(void)
{
	static const char *const names[] = { "a", "nul", "link", "fifo", "b", "d" };
	int rc;

	if (!mkdtemp(dir) || (dirfd_ = open(dir, O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	rc = run_suite("file", tests);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(in_dir(names[i]));
	remove(dir);
	return rc;
}
