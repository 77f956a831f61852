/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hostile MPIJobs, seeded: whatever stands in them, the ruling is one that holds its promises. The argument is the number of cases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dig.h"
#include "mpijobs.h"
#include "mutate.h"
#include "runner.h"

#define NOW INT64_C(1763776800)

static struct wattle_k8s_site site;
static struct wattle_mpijob job; /* large */
static struct wattle_ruling ruling;
static unsigned long cases = 100000;
static uint64_t seed = 20260508;

static uint32_t random_below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) ((seed >> 33) % n);
}

static const char *const words[] = {
	"power", "slowdown", "profile", "carbon", "carbon-within", "work", "min-replicas", "max-replicas", "deadline", "grant", "decision",
	"start", "plan", "asked", "powr", "", "power/../..", "POWER",
};
#define WORDS (sizeof(words) / sizeof(words[0]))

static const char *const values[] = {
	"\"300\"", "\"300W\"", "\"0.3kW\"", "\"1500W/job\"", "\"70%\"", "\"5%\"", "\"0.05\"", "\"nbody\"", "\"../../etc/passwd\"", "\"./x.json\"",
	"\"start\"", "\"scale\"", "\"off\"", "\"12h\"", "\"90s\"", "\"1-00:00:00\"", "\"2\"", "\"64\"", "\"4294967296\"", "\"-1\"",
	"\"2026-05-08T21:00:00Z\"", "\"v1 watts=400 nodes=1-1\"", "\"\"", "null", "true", "17", "-1e308", "[]", "{}", "{\"a\":{\"b\":[1,2]}}",
	"\"\\u0000\"", "\"300\\u0000W\"", "\"\\ud83d\\ude00\"", "\"%n%n%s%s\"", "\"$(reboot)\"", "\"nan\"", "\"inf\"", "\"1e999\"",
	"\"999999999999999999999999\"", "\"\\u001b[31mred\\n\\r\"", "\"'; DROP TABLE jobs; --\"",
};
#define VALUES (sizeof(values) / sizeof(values[0]))

/* Places where something else may stand than should. */
static const char *const places[] = {
	"metadata", "metadata.annotations", "metadata.labels", "metadata.name", "metadata.generateName", "metadata.creationTimestamp", "spec", "spec.runPolicy",
	"spec.runPolicy.suspend", "spec.runPolicy.cleanPodPolicy", "spec.runPolicy.activeDeadlineSeconds", "spec.slotsPerWorker",
	"spec.mpiReplicaSpecs", "spec.mpiReplicaSpecs.Worker", "spec.mpiReplicaSpecs.Worker.replicas", "spec.mpiReplicaSpecs.Worker.template",
	"spec.mpiReplicaSpecs.Worker.template.spec", "spec.mpiReplicaSpecs.Worker.template.spec.nodeSelector",
	"spec.mpiReplicaSpecs.Worker.template.spec.tolerations", "spec.mpiReplicaSpecs.Worker.template.spec.containers",
	"spec.mpiReplicaSpecs.Worker.template.spec.containers.0.resources", "spec.mpiReplicaSpecs.Worker.template.spec.containers.0.name",
	"spec.mpiReplicaSpecs.Worker.template.spec.initContainers", "spec.mpiReplicaSpecs.Launcher",
	"spec.mpiReplicaSpecs.Worker.template.spec.containers.0.resources.limits", "metadata.annotations.kueue\\.x-k8s\\.io/admission-gated-by",
	"spec.mpiReplicaSpecs.Worker.template.spec.containers.0.resources.requests.wattle\\.hpc/watts",
	"metadata.labels.kueue\\.x-k8s\\.io/queue-name",
};
#define PLACES (sizeof(places) / sizeof(places[0]))

/* A long text of one byte. */
static void random_value(char *text, size_t size)
{
	if (random_below(20) == 0) {
		size_t len = random_below((uint32_t) size - 3);

		text[0] = '"';
		memset(text + 1, "a1 %/,"[random_below(6)], len);
		snprintf(text + 1 + len, 2, "\"");
		return;
	}
	snprintf(text, size, "%s", values[random_below(VALUES)]);
}

static bool parents_fit(struct json_object *object, const char *path)
{
	char folder[256], *dot;

	snprintf(folder, sizeof(folder), "%s", path);
	dot = strrchr(folder, '.');
	/* mpijob_set walks objects and arrays; what was made something else above is left */
	for (struct json_object *at = object; dot && at;) {
		char *next = strstr(folder, "\\.");

		if (next)
			return strncmp(folder, "metadata", 8) == 0 && wattle_dig(object, json_type_object, "metadata", NULL) &&
			       wattle_dig(object, json_type_object, "metadata", strstr(folder, "labels") ? "labels" : "annotations", NULL);
		*dot = '\0';
		dot = strrchr(folder, '.');
		if (!dot)
			break;
	}
	return true;
}

static struct json_object *random_job(void)
{
	struct json_object *object = mpijob_of(",\"annotations\":{},\"labels\":{}", random_below(6));
	char path[128], value[6000];
	uint32_t n = random_below(5);

	for (uint32_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "metadata.annotations.wattle\\.hpc/%s", words[random_below(WORDS)]);
		random_value(value, sizeof(value));
		mpijob_set(object, path, value);
	}
	if (random_below(3) == 0) {
		const char *place = places[random_below(PLACES)];

		if (parents_fit(object, place)) {
			random_value(value, sizeof(value));
			mpijob_set(object, place, value);
		}
	}
	return object;
}

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < ' ' || (unsigned char) *text > '~')
			return false;
	return true;
}

static uint64_t watts_at(struct json_object *object, const char *section)
{
	struct json_object *containers = wattle_dig(object, json_type_array, "spec", "mpiReplicaSpecs", "Worker", "template", "spec", "containers", NULL);
	struct json_object *first = containers ? json_object_array_get_idx(containers, 0) : NULL;
	const char *text = wattle_dig_text(wattle_dig(first, json_type_object, "resources", section, NULL), "wattle.hpc/watts");

	return *text ? strtoull(text, NULL, 10) : 0;
}

static void broken(unsigned long i, struct json_object *object, const char *why)
{
	fprintf(stderr, "case %lu: %s: %s: %s\n", i, why, ruling.why.text, json_object_to_json_string(object));
	CU_FAIL("a promise was broken");
}

static void test_random(void)
{
	unsigned long refused = 0, decided = 0, untouched = 0;

	for (unsigned long i = 0; i < cases; i++) {
		struct json_object *object = random_job(), *patch;
		char text[640];
		bool again;

		site.kueue = random_below(2);
		wattle_mpijob_rule(object, &site, NOW, &job, &ruling);
		wattle_mutate_text(&ruling, text, sizeof(text));
		if (!printable(text) || !printable(job.warning) || (ruling.refused && !ruling.why.text[0]))
			broken(i, object, "the message");
		if (!ruling.refused && !ruling.untouched &&
		    (ruling.verdict.decision.watts_w < 1 || ruling.verdict.decision.watts_w > 400 || ruling.replicas < 1))
			broken(i, object, "the watts");
		patch = wattle_mutate_patch(object, &job, &ruling, &site);
		if (!patch || !patch_apply(object, patch)) {
			broken(i, object, "the patch");
		} else if (ruling.refused) {
			if (watts_at(object, "limits") || watts_at(object, "requests"))
				broken(i, object, "watts for a refused job");
			if (!job.kueue && wattle_dig(object, json_type_object, "spec", NULL) &&
			    !json_object_get_boolean(wattle_dig(object, json_type_boolean, "spec", "runPolicy", "suspend", NULL)))
				broken(i, object, "a refused job that is not held");
		} else if (!ruling.untouched) {
			uint32_t watts_w = ruling.verdict.decision.watts_w;

			if (watts_at(object, "limits") != watts_w || watts_at(object, "requests") != watts_w)
				broken(i, object, "the watts of the workers");
			/* what was admitted is decided alike by the controller */
			again = job.kueue;
			wattle_mpijob_rule(object, &site, NOW, &job, &ruling);
			if (ruling.refused || ruling.verdict.decision.watts_w != watts_w || job.kueue != again ||
			    !wattle_mutate_done(object, &job, &ruling, &site))
				broken(i, object, "another decision");
		}
		refused += ruling.refused;
		untouched += ruling.untouched;
		decided += !ruling.refused && !ruling.untouched;
		json_object_put(patch);
		json_object_put(object);
	}
	printf("%lu refused, %lu decided, %lu untouched ", refused, decided, untouched);
	CU_ASSERT(refused > cases / 10 && decided > cases / 10 && untouched > cases / 100);
}

static const struct test tests[] = {
	{ "hostile jobs", test_random },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	int rc;

	if (argc > 1)
		cases = strtoul(argv[1], NULL, 10);
	site_open("wattle", &site);
	rc = run_suite("mpijob_random", tests);
	site_close(&site);
	return rc;
}
