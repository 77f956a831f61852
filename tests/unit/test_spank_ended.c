/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ended.h"
#include "err.h"
#include "runner.h"

static char dir[] = "/tmp/wattle-ended-XXXXXX";

static void spoil(off_t at, const char *bytes, size_t n)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/ended", dir);
	int fd = open(path, O_WRONLY);
	CHECK_INT(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void test_remembers(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_ended_find(dir, 7), 0);
	CHECK_INT(wattle_ended_write(dir, 7, 300, &err), 0);
	CHECK_INT(wattle_ended_write(dir, 8, 200, &err), 0);
	CHECK_INT(wattle_ended_find(dir, 7), 300);
	CHECK_INT(wattle_ended_find(dir, 8), 200);
	CHECK_INT(wattle_ended_find(dir, 9), 0);
	CHECK_INT(wattle_ended_write(dir, 7, 250, &err), 0);
	CHECK_INT(wattle_ended_find(dir, 7), 250);
}

/* Another job in the same slot: the earlier one is forgotten, not mistaken for it. */
static void test_ring(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_ended_write(dir, 5, 300, &err), 0);
	CHECK_INT(wattle_ended_write(dir, 5 + 1024, 100, &err), 0);
	CHECK_INT(wattle_ended_find(dir, 5), 0);
	CHECK_INT(wattle_ended_find(dir, 5 + 1024), 100);
	CHECK_INT(wattle_ended_write(dir, UINT32_MAX, 100, &err), 0);
	CHECK_INT(wattle_ended_find(dir, UINT32_MAX), 100);
}

static void test_torn(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_ended_write(dir, 3, 300, &err), 0);
	spoil(3 * 24 + 12, "\377\377", 2); /* its watts */
	CHECK_INT(wattle_ended_find(dir, 3), 0);
	CHECK_INT(wattle_ended_write(dir, 3, 300, &err), 0);
	spoil(3 * 24, "\0\0\0\0\0\0\0\0", 8); /* its time */
	CHECK_INT(wattle_ended_find(dir, 3), 0);
}

/* Left there by somebody while the folder was open to all: believed by nobody, and in nobody's way. */
static void test_planted(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[64], other[64];

	snprintf(path, sizeof(path), "%s/ended", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	CHECK_INT(wattle_ended_write(dir, 4, 300, &err), 0);
	CHECK_INT(chmod(path, 0666), 0);
	CHECK_INT(wattle_ended_find(dir, 4), 0);
	CHECK_INT(chmod(path, 0600), 0);
	CHECK_INT(wattle_ended_find(dir, 4), 300);
	CHECK_INT(link(path, other), 0);
	CHECK_INT(wattle_ended_find(dir, 4), 0);
	if (geteuid() == 0) {
		unlink(other);
		CHECK_INT(chown(path, 65534, 65534), 0);
		CHECK_INT(wattle_ended_find(dir, 4), 0);
	}
	CHECK_INT(wattle_ended_write(dir, 6, 200, &err), 0);
	CHECK_INT(wattle_ended_find(dir, 6), 200);
	CHECK_INT(wattle_ended_find(dir, 4), 0); /* a new file */
	unlink(other);
}

static void test_links_and_missing(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[64], target[64];

	snprintf(path, sizeof(path), "%s/ended", dir);
	snprintf(target, sizeof(target), "%s/target", dir);
	unlink(path);
	CHECK_INT(symlink(target, path), 0);
	CHECK_INT(wattle_ended_write(dir, 1, 300, &err) < 0, 1);
	CHECK_HOLDS(err.text, "ended");
	CHECK_INT(access(target, F_OK), -1);
	CHECK_INT(wattle_ended_find(dir, 1), 0);
	unlink(path);
	CHECK_INT(wattle_ended_find("/nonexistent", 1), 0);
	CHECK_INT(wattle_ended_write("/nonexistent", 1, 300, &err) < 0, 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "remembers a grant", test_remembers },
		{ "slots are shared", test_ring },
		{ "a record that does not add up", test_torn },
		{ "a file that others could write", test_planted },
		{ "links and missing folders", test_links_and_missing },
		{ NULL, NULL },
	};

	if (!mkdtemp(dir))
		return 1;
	int rc = run_suite("spank ended", tests);
	rmdir(dir);
	return rc;
}
