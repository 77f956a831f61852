/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cache that slurmctld looks profiles up in: changed, broken, gone, someone else's, too many. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile.h"
#include "profile_cache.h"
#include "profile_store.h"
#include "runner.h"

static char folder[] = "/tmp/wattle-test-XXXXXX";
static struct wattle_profile profile; /* large */

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s.json", folder, name);
	return path;
}

static void put(const char *name, double linear)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	memset(&profile, 0, sizeof(profile));
	snprintf(profile.name, sizeof(profile.name), "%s", name);
	profile.model = (struct wattle_model){ .linear = linear, .square = 0.1, .cap_min_w = 100, .cap_max_w = 400, .time_min_s = 60,
					       .r2 = 0.99, .loo_error_pct = 1, .n_caps = 5, .n_runs = 5 };
	profile.scaling.n = 1;
	profile.scaling.point[0] = (struct wattle_scaling_point){ 2, 3, 4 };
	CHECK_INT(wattle_profile_write(path_of(name), &profile, &err), 0);
	CHECK_STRING(err.text, "");
}

static void put_text(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static int find(struct wattle_profile_cache *cache, const char *name, double *ret_linear, struct wattle_err *err)
{
	struct wattle_scaling scaling;
	struct wattle_model model;
	int rc;

	*err = (struct wattle_err) WATTLE_ERR_INIT;
	rc = wattle_profile_cache_find(cache, name, &model, &scaling, err);
	if (rc == 0) {
		*ret_linear = model.linear;
		CHECK_INT(scaling.point[0].nodes, 2);
	}
	return rc;
}

static void test_changes(void)
{
	struct wattle_profile_cache *cache = wattle_profile_cache_open(folder);
	struct wattle_err err;
	double linear = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cache);
	CHECK_INT(find(cache, "nbody", &linear, &err), -ENOENT);
	CHECK_HOLDS(err.text, "no profile nbody");
	put("nbody", 0.25);
	CHECK_INT(find(cache, "nbody", &linear, &err), 0);
	CU_ASSERT_DOUBLE_EQUAL(linear, 0.25, 0);
	CHECK_INT(err.code, 0);
	put("nbody", 0.5);
	CHECK_INT(find(cache, "nbody", &linear, &err), 0);
	CU_ASSERT_DOUBLE_EQUAL(linear, 0.5, 0);
	/* broken: what it was, and said; again without being read again */
	put_text("nbody", "{\"name\": \"nbo");
	for (int i = 0; i < 2; i++) {
		linear = 0;
		CHECK_INT(find(cache, "nbody", &linear, &err), 0);
		CU_ASSERT_DOUBLE_EQUAL(linear, 0.5, 0);
		CHECK_HOLDS(err.text, "no JSON");
	}
	put("nbody", 0.75);
	CHECK_INT(find(cache, "nbody", &linear, &err), 0);
	CU_ASSERT_DOUBLE_EQUAL(linear, 0.75, 0);
	CHECK_INT(err.code, 0);
	/* gone, and back */
	CHECK_INT(unlink(path_of("nbody")), 0);
	CHECK_INT(find(cache, "nbody", &linear, &err), -ENOENT);
	put_text("nbody", "[]");
	CHECK_INT(find(cache, "nbody", &linear, &err), -EINVAL);
	CHECK_HOLDS(err.text, "nbody.json is no profile");
	CHECK_INT(find(cache, "nbody", &linear, &err), -EINVAL);
	unlink(path_of("nbody"));
	CHECK_INT(find(cache, "../nbody", &linear, &err), -EINVAL);
	wattle_profile_cache_close(cache);
}

static void test_owners(void)
{
	struct wattle_profile_cache *cache = wattle_profile_cache_open(folder);
	struct wattle_err err;
	double linear;

	put("mine", 0.25);
	CHECK_INT(chmod(path_of("mine"), 0666), 0);
	CHECK_INT(find(cache, "mine", &linear, &err), -EPERM);
	CHECK_INT(chmod(path_of("mine"), 0644), 0);
	CHECK_INT(find(cache, "mine", &linear, &err), 0);
	CHECK_INT(chown(path_of("mine"), 1000, 1000), 0);
	CHECK_INT(find(cache, "mine", &linear, &err), 0);
	CHECK_HOLDS(err.text, "must be root's");
	unlink(path_of("mine"));
	CHECK_INT(symlink("/etc/hostname", path_of("mine")), 0);
	CHECK_INT(find(cache, "mine", &linear, &err), 0);
	CHECK_HOLDS(err.text, "symbolic link");
	unlink(path_of("mine"));
	wattle_profile_cache_close(cache);
}

/* More than fit: all are still found, the first ones by reading them again. */
static void test_many(void)
{
	struct wattle_profile_cache *cache = wattle_profile_cache_open(folder);
	struct wattle_err err;
	char name[32], text[4096];
	double linear;
	FILE *file;
	size_t len;

	put("p0", 0.25);
	file = fopen(path_of("p0"), "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < WATTLE_PROFILE_NAMES_MAX + 20; i++) {
			snprintf(name, sizeof(name), "p%d", i * 37 % (WATTLE_PROFILE_NAMES_MAX + 20));
			if (round == 0)
				put_text(name, text);
			linear = 0;
			CHECK_INT(find(cache, name, &linear, &err), 0);
			CU_ASSERT_DOUBLE_EQUAL(linear, 0.25, 0);
		}
	for (int i = 0; i < WATTLE_PROFILE_NAMES_MAX + 20; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		unlink(path_of(name));
	}
	CHECK_INT(find(cache, "p7", &linear, &err), -ENOENT);
	wattle_profile_cache_close(cache);
}

int main(void)
{
	static const struct test tests[] = {
		{ "follows the file", test_changes },
		{ "takes root's files only", test_owners },
		{ "is bounded", test_many },
		{ NULL, NULL },
	};
	int status;

	if (geteuid() != 0) {
		puts("skipped: needs root, whose files alone the cache takes");
		return 77;
	}
	if (!mkdtemp(folder))
		return 1;
	status = run_suite("profile cache", tests);
	rmdir(folder);
	return status;
}
