/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles as files, from anyone. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profile.h"
#include "profile_store.h"
#include "runner.h"
#include "sweeps.h"

static struct wattle_profile profile, back; /* large */
static struct wattle_err err;
static char folder[] = "/tmp/wattle-test-XXXXXX";

static const char good[] =
	"{\"name\": \"nbody\", \"unit\": \"s\",\n"
	" \"sweep\": [{\"cap_w\": 100, \"time_s\": 80, \"energy_j\": 7000}, {\"cap_w\": 200, \"time_s\": 65, \"energy_j\": null},\n"
	"           {\"cap_w\": 300, \"time_s\": 61.5}, {\"cap_w\": 400, \"time_s\": 60}],\n"
	" \"scaling\": [{\"nodes\": 1, \"throughput\": 10.5, \"power_w\": 300}],\n"
	" \"fit\": {\"form\": \"hyperbolic\", \"coef\": {\"a\": 0.05, \"b\": 0.02, \"c\": 0.001}, \"r2\": 0.99, \"loo_error_pct\": 0.7,\n"
	"         \"cap_min_w\": 100, \"cap_max_w\": 400, \"time_min_s\": 60, \"caps\": 4, \"runs\": 4, \"usable\": true, \"why\": \"\"},\n"
	" \"provenance\": {\"date\": \"2026-01-02T03:04:05Z\", \"class\": \"standard\"}, \"later\": {\"x\": [1]}}\n";

static int parse(const char *text)
{
	err = (struct wattle_err) WATTLE_ERR_INIT;
	return wattle_profile_parse("p.json", text, strlen(text), &back, &err);
}

/* good with one piece replaced */
static const char *with(const char *piece, const char *instead)
{
	static char text[sizeof(good) + 512];
	const char *at = strstr(good, piece);

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - good), good, instead, at + strlen(piece));
	return text;
}

static void test_read(void)
{
	CHECK_INT(parse(good), 0);
	CHECK_STRING(err.text, "");
	CHECK_STRING(back.name, "nbody");
	CHECK_INT(back.sweep.n, 4);
	CU_ASSERT_DOUBLE_EQUAL(back.sweep.run[0].energy_j, 7000, 0);
	CU_ASSERT_DOUBLE_EQUAL(back.sweep.run[1].energy_j, 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(back.model.square, 0.02, 0);
	CHECK_INT(back.scaling.n, 1);
	CHECK_STRING(back.provenance.host_class, "standard");
	CHECK_STRING(back.provenance.host, "");
	CHECK_INT(parse(with("\"hyperbolic\", \"coef\": {\"a\": 0.05, \"b\": 0.02, \"c\": 0.001}",
			     "\"quadratic\", \"coef\": {\"A\": 0.5, \"B\": 0, \"C\": -0.01, \"x0\": 1}")), 0);
	CU_ASSERT_DOUBLE_EQUAL(back.model.square, 0.5, 0);
	CU_ASSERT_DOUBLE_EQUAL(back.model.offset, -0.01, 0);
	CHECK_INT(parse(with("\"scaling\": [{\"nodes\": 1, \"throughput\": 10.5, \"power_w\": 300}],\n", "")), 0);
	CHECK_INT(back.scaling.n, 0);
}

static void test_hostile(void)
{
	static const struct { const char *piece, *instead, *why; } cases[] = {
		{ "{\"name\"", "[\"name\"", "p.json is no JSON" },
		{ "\"later\"", "} {\"later\"", "p.json" },
		{ "\"nbody\"", "\"../../etc/passwd\"", "name \"../../etc/passwd\"" },
		{ "\"nbody\"", "\"\"", "name" },
		{ "\"nbody\"", "7", "profile.name must be a text" },
		{ "\"nbody\"", "\"n\\u0000body\"", "profile.name must be a text" },
		{ "\"unit\": \"s\"", "\"unit\": \"fortnights\"", "unit is \"fortnights\"" },
		{ "\"cap_w\": 100", "\"cap_w\": \"100\"", "sweep[].cap_w must be a number" },
		{ "\"cap_w\": 100", "\"cap_w\": -100", "a cap of -100 W" },
		{ "\"cap_w\": 100", "\"cap_w\": NaN", "p.json" },
		{ "\"cap_w\": 100", "\"cap_w\": 1e999", "p.json" },
		{ "\"cap_w\": 100", "\"cap_w\": 50", "the fit is for 100 to 400 W, but its sweep goes from 50 to 400 W" },
		{ "\"time_s\": 80", "\"time_s\": 0", "a run time of 0 s" },
		{ "{\"cap_w\": 400, \"time_s\": 60}", "400", "sweep[3] must be an object" },
		{ "\"nodes\": 1,", "\"nodes\": 1.5,", "scaling[].nodes must be a whole number" },
		{ "\"power_w\": 300", "\"power_w\": -300", "power on 1 nodes" },
		{ "\"hyperbolic\"", "\"cubic\"", "\"cubic\" is no form" },
		{ "\"a\": 0.05", "\"a\": -0.05", "coefficients" },
		{ "\"a\": 0.05, ", "", "fit.coef.a must be a number" },
		{ "\"coef\": {\"a\": 0.05, \"b\": 0.02, \"c\": 0.001}", "\"coef\": []", "fit.coef must be an object" },
		{ "\"r2\": 0.99", "\"r2\": 0.5", "R2 is 0.50" },
		{ "\"r2\": 0.99", "\"r2\": null", "fit.r2 must be a number" },
		{ "\"cap_max_w\": 400", "\"cap_max_w\": 4000", "the fit is for 100 to 4000 W" },
		{ "\"caps\": 4", "\"caps\": 3", "at least 4 caps" },
		{ "\"caps\": 4", "\"caps\": -4", "fit.caps must be a whole number" },
		{ "\"usable\": true", "\"usable\": false", "fit.usable is not true" },
		{ "\"usable\": true", "\"usable\": 1", "fit.usable is not true" },
		{ "\"date\": \"2026-01-02T03:04:05Z\"", "\"date\": {}", "provenance.date must be a text" },
		{ "{\"x\": [1]}", "[[[[[[[[[[1]]]]]]]]]]", "p.json is no JSON" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = parse(with(cases[i].piece, cases[i].instead));

		if (rc >= 0)
			printf("\n%s -> %s: ", cases[i].piece, cases[i].instead);
		CU_ASSERT(rc < 0);
		CHECK_HOLDS(err.text, cases[i].why);
		CHECK_INT(wattle_profile_parse("p.json", with(cases[i].piece, cases[i].instead),
					       strlen(with(cases[i].piece, cases[i].instead)), &back, NULL), rc);
	}
	CU_ASSERT(parse(with("\"hyperbolic\", \"coef\": {\"a\": 0.05, \"b\": 0.02, \"c\": 0.001}",
			     "\"quadratic\", \"coef\": {\"A\": 0.5, \"B\": 0, \"C\": 0, \"x0\": 0.9}")) < 0);
	CHECK_HOLDS(err.text, "x0 is 0.9");
	CU_ASSERT(parse("") < 0);
	CU_ASSERT(parse("null") < 0);
	CU_ASSERT(parse("{}") < 0);
}

/* Terminal escapes in a text of others do not reach a terminal. */
static void test_escapes(void)
{
	CHECK_INT(parse(with("\"class\": \"standard\"", "\"command\": \"a\\u001b[2Jb\\n\"")), 0);
	CHECK_STRING(back.provenance.command, "a?[2Jb?");
}

static void test_too_many(void)
{
	size_t room = 40 * (WATTLE_SWEEP_RUNS_MAX + 2), len;
	char *text = malloc(room);

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	len = (size_t) snprintf(text, room, "{\"name\":\"x\",\"unit\":\"s\",\"sweep\":[");
	for (int i = 0; i < WATTLE_SWEEP_RUNS_MAX + 1; i++)
		len += (size_t) snprintf(text + len, room - len, "%s{\"cap_w\":1,\"time_s\":1}", i ? "," : "");
	snprintf(text + len, room - len, "]}");
	CHECK_INT(parse(text), -E2BIG);
	CHECK_HOLDS(err.text, "sweep has 1025 entries");
	free(text);
	text = malloc(WATTLE_PROFILE_BYTES_MAX + 2);
	memset(text, ' ', WATTLE_PROFILE_BYTES_MAX + 1);
	text[WATTLE_PROFILE_BYTES_MAX + 1] = '\0';
	CHECK_INT(parse(text), -E2BIG);
	free(text);
}

/* Any byte anywhere: a valid profile or a refusal. */
static void test_damaged(void)
{
	uint64_t seed = 77;

	for (int i = 0; i < 30000; i++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(good));
		for (int k = 0; k < 2; k++)
			text[(size_t) (random_unit(&seed) * (sizeof(good) - 1))] = (char) (1 + random_unit(&seed) * 255);
		if (parse(text) == 0) {
			CHECK_INT(wattle_model_check(&back.model, NULL), 0);
			CU_ASSERT(back.sweep.n == 0 || wattle_sweep_check(&back.sweep, NULL) == 0);
			CU_ASSERT(wattle_model_name_valid(back.name));
		}
	}
}

static void test_write(void)
{
	char path[256], stray[256];
	struct wattle_profile *read = NULL;
	struct stat st;

	CHECK_INT(parse(good), 0);
	profile = back;
	profile.model.linear = 0.1 + 0.2; /* needs 17 digits */
	snprintf(path, sizeof(path), "%s/nbody.json", folder);
	CHECK_INT(wattle_profile_write(path, &profile, &err), 0);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0644);
	CHECK_INT(wattle_profile_read(path, true, &read, &err), 0);
	CHECK_STRING(err.text, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(read);
	CHECK_INT(memcmp(&read->model, &profile.model, sizeof(profile.model)), 0);
	CHECK_INT(memcmp(&read->provenance, &profile.provenance, sizeof(profile.provenance)), 0);
	CHECK_INT(read->sweep.n, 4);
	free(read);
	/* one that would be refused when read is not written, and the old one stays */
	profile.model.r2 = 0.1;
	CU_ASSERT(wattle_profile_write(path, &profile, &err) < 0);
	CHECK_INT(wattle_profile_read(path, true, &read, &err), 0);
	free(read);
	profile.model.r2 = 0.9;
	CHECK_INT(wattle_profile_write("/nowhere/at/all.json", &profile, &err), -ENOENT);
	CHECK_HOLDS(err.text, "/nowhere/at");
	/* as it travels with a submission */
	char text[WATTLE_MODEL_TEXT_MAX] = "untouched", name[WATTLE_MODEL_NAME_MAX];
	struct wattle_scaling curve;
	struct wattle_model model;

	CHECK_INT(wattle_profile_carry("/nowhere.json", text, &err), -ENOENT);
	CHECK_STRING(text, "untouched");
	CHECK_INT(wattle_profile_carry(path, text, &err), 0);
	CHECK_INT(wattle_model_parse(text, name, &model, &curve, &err), 0);
	CHECK_STRING(name, "nbody");
	CU_ASSERT_DOUBLE_EQUAL(model.linear, 0.3, 1e-12);
	CHECK_INT(curve.n, 1);
	/* links and fifos are not read */
	snprintf(stray, sizeof(stray), "%s/link.json", folder);
	CHECK_INT(symlink(path, stray), 0);
	CU_ASSERT(wattle_profile_read(stray, true, &read, &err) < 0);
	CHECK_INT(unlink(stray), 0);
	CHECK_INT(mkfifo(stray, 0600), 0);
	CU_ASSERT(wattle_profile_read(stray, true, &read, &err) < 0);
	CHECK_INT(unlink(stray), 0);
	if (geteuid() == 0) {
		CHECK_INT(chown(path, 1000, 1000), 0);
		CHECK_INT(wattle_profile_read(path, false, &read, &err), -EPERM);
	}
	CHECK_INT(unlink(path), 0);
}

static void touch(const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT(fd >= 0);
	close(fd);
}

static void test_store(void)
{
	static const char *const files[] = { "b.json", "a.json", "c.txt", ".hidden.json", "bad name.json", ".json" };
	static struct wattle_profile_names names;
	char path[256], text[64];
	bool stored;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		touch(files[i]);
	CHECK_INT(wattle_profile_names_read(folder, &names, &err), 0);
	CHECK_INT(names.n, 2);
	CHECK_STRING(wattle_profile_names_text(&names, text, sizeof(text)), "a, b");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	CHECK_INT(wattle_profile_names_read("/nowhere", &names, &err), 0);
	CHECK_STRING(wattle_profile_names_text(&names, text, sizeof(text)), "none");
	names.n = 100;
	for (int i = 0; i < 100; i++)
		snprintf(names.name[i], sizeof(names.name[i]), "profile%02d", i);
	CHECK_STRING(wattle_profile_names_text(&names, text, sizeof(text)), "profile00, profile01, profile02, profile03 and 96 more");

	CHECK_INT(wattle_profile_store("/etc/wattle/wattle.conf", path, sizeof(path), &err), 0);
	CHECK_STRING(path, "/etc/wattle/profiles");
	CHECK_INT(wattle_profile_locate("/s", "nbody", path, sizeof(path), &stored, &err), 0);
	CHECK_STRING(path, "/s/nbody.json");
	CHECK_INT(stored, 1);
	CHECK_INT(wattle_profile_locate("/s", "./nbody", path, sizeof(path), &stored, &err), 0);
	CHECK_STRING(path, "./nbody");
	CHECK_INT(stored, 0);
	CHECK_INT(wattle_profile_locate("/s", "nbody.json", path, sizeof(path), &stored, &err), 0);
	CHECK_STRING(path, "nbody.json");
	CHECK_INT(stored, 0);
	CHECK_INT(wattle_profile_locate("/s", "a b", path, sizeof(path), &stored, &err), -EINVAL);
	CHECK_INT(wattle_profile_locate("/s", "..", path, sizeof(path), &stored, &err), -EINVAL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "reads a profile", test_read },
		{ "refuses what is none", test_hostile },
		{ "shows no control characters", test_escapes },
		{ "is bounded", test_too_many },
		{ "survives damage", test_damaged },
		{ "writes what it reads", test_write },
		{ "knows its store", test_store },
		{ NULL, NULL },
	};
	int status;

	if (!mkdtemp(folder))
		return 1;
	status = run_suite("profile", tests);
	rmdir(folder);
	return status;
}
