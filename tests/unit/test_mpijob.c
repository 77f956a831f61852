/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MPIJobs into rulings, rulings into patches; and what a patched job reads as afterwards. */
#include "mpijobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dig.h"
#include "instant.h"
#include "json.h"
#include "mutate.h"
#include "quantity.h"
#include "review.h"
#include "runner.h"

#define NOW INT64_C(1763776800)
#define WORKER "spec.mpiReplicaSpecs.Worker."
#define RESOURCES WORKER "template.spec.containers.0.resources."

static struct wattle_k8s_site site;
static struct wattle_mpijob job; /* large */
static struct wattle_ruling ruling;

static void rule(struct json_object *object)
{
	wattle_mpijob_rule(object, &site, NOW, &job, &ruling);
}

/* What admission makes of it; the object is changed. Text is valid until the next call. */
static const char *admit(struct json_object *object)
{
	static char text[640];
	struct json_object *patch;

	rule(object);
	patch = wattle_mutate_patch(object, &job, &ruling, &site);
	CU_ASSERT_PTR_NOT_NULL_FATAL(patch);
	CU_ASSERT(patch_apply(object, patch));
	json_object_put(patch);
	return wattle_mutate_text(&ruling, text, sizeof(text));
}

static const char *at(struct json_object *object, const char *path)
{
	struct json_object *value = NULL;

	return json_pointer_get(object, path, &value) == 0 ? json_object_get_string(value) : "-";
}

#define AT_WORKERS_DECISION "/spec/mpiReplicaSpecs/Worker/template/metadata/annotations/wattle.hpc~1decision"
#define AT_REQUEST "/spec/mpiReplicaSpecs/Worker/template/spec/containers/0/resources/requests/wattle.hpc~1watts"
#define AT_LIMIT "/spec/mpiReplicaSpecs/Worker/template/spec/containers/0/resources/limits/wattle.hpc~1watts"
#define AT_DECISION "/metadata/annotations/wattle.hpc~1decision"
#define AT_GRANT "/metadata/annotations/wattle.hpc~1grant"
#define AT_GATES "/metadata/annotations/kueue.x-k8s.io~1admission-gated-by"
#define AT_SUSPEND "/spec/runPolicy/suspend"
#define AT_CLEAN "/spec/runPolicy/cleanPodPolicy"

static struct json_object *asks(const char *annotations, unsigned workers)
{
	char text[4096];

	snprintf(text, sizeof(text), ",\"annotations\":{%s}", annotations);
	return mpijob_of(text, workers);
}

static void test_watts(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"250W\"", 4);

	CHECK_STRING(admit(object), "wattle: 250 W/node x 4 nodes: 1000 W");
	CHECK_STRING(at(object, AT_REQUEST), "250");
	CHECK_STRING(at(object, AT_LIMIT), "250");
	CHECK_STRING(at(object, AT_DECISION), "wattle: 250 W/node x 4 nodes: 1000 W");
	CHECK_STRING(at(object, AT_WORKERS_DECISION), "wattle: 250 W/node x 4 nodes: 1000 W");
	CHECK_STRING(at(object, AT_GRANT), "v1 watts=250 nodes=4-4");
	CHECK_STRING(at(object, AT_CLEAN), "Running");
	CHECK_STRING(at(object, AT_SUSPEND), "-");
	CHECK_STRING(at(object, "/spec/mpiReplicaSpecs/Launcher/template/spec/containers/0/resources"), "-");
	/* it is decided alike again, and nothing is left to do */
	CHECK_STRING(admit(object), "wattle: 250 W/node x 4 nodes: 1000 W");
	CU_ASSERT(wattle_mutate_done(object, &job, &ruling, &site));
	json_object_put(object);
}

static void says(const char *annotations, unsigned workers, const char *wanted)
{
	struct json_object *object = asks(annotations, workers);

	CHECK_HOLDS(admit(object), wanted);
	json_object_put(object);
}

static void test_words(void)
{
	says("\"wattle.hpc/power\":\"1500W/job\"", 5, "wattle: 300 W/node x 5 nodes: 1500 W");
	says("\"wattle.hpc/power\":\"70%\"", 1, "wattle: 280 W/node x 1 node: 280 W");
	says("\"wattle.hpc/power\":\"300\",\"wattle.hpc/min-replicas\":\"2\",\"wattle.hpc/max-replicas\":\"5\"", 3,
	     "wattle: 300 W/node x 2-5 nodes: at most 1500 W");
	says("\"wattle.hpc/power\":\"300\",\"wattle.hpc/max-replicas\":\"2\"", 3, "refused: 3 workers are outside of wattle.hpc/min-replicas and max-replicas, 1-2");
	says("\"wattle.hpc/power\":\"300\",\"wattle.hpc/min-replicas\":\"-2\"", 3, "refused: min-replicas: \"-2\" is no number of workers");
	says("\"wattle.hpc/power\":\"9000\"", 1, "refused: 9000 W per node is out of range: class standard allows 100 to 400 W per node");
	says("\"wattle.hpc/power\":\"lots\"", 1, "refused: power: ");
	says("\"wattle.hpc/slowdown\":\"0.05\"", 1, "did you mean 5%?");
	says("\"wattle.hpc/slowdown\":\"5%\",\"wattle.hpc/profile\":\"./x.json\"", 1, "files can't be read from here");
	says("\"wattle.hpc/deadline\":\"tomorrow\"", 1, "refused: deadline: \"tomorrow\" is no moment");
	says("\"wattle.hpc/power\":7", 1, "refused: wattle.hpc/power is no text of less than 4096 bytes");
	says("\"wattle.hpc/power\":\"300\\u0000x\"", 1, "refused: wattle.hpc/power is no text");
	says("\"wattle.hpc/carbon\":\"start\",\"wattle.hpc/power\":\"300\",\"wattle.hpc/work\":\"1h\"", 1, "starts now: this site names no carbon zone");
}

static void test_unknown_word(void)
{
	struct json_object *object = asks("\"wattle.hpc/powr\":\"300\",\"wattle.hpc/power_cap\":\"1\",\"wattle.hpc/power\":\"200\"", 1);

	CHECK_HOLDS(admit(object), "200 W/node");
	CHECK_HOLDS(job.warning, "wattle.hpc/powr is not known");
	json_object_put(object);
}

static void test_silent_job(void)
{
	struct json_object *object = mpijob_of("", 2);

	/* a share of the node, as on Slurm: its one slot, its CPUs if it says how many */
	CHECK_STRING(admit(object), "wattle: 5 W/node (default) x 2 nodes: 10 W");
	CHECK_STRING(at(object, AT_GRANT), "v1 watts=5 nodes=2-2 default=1 tpn=1");
	CHECK_STRING(admit(object), "wattle: 5 W/node (default) x 2 nodes: 10 W");
	json_object_put(object);
	object = mpijob_of("", 2);
	mpijob_set(object, RESOURCES "requests.cpu", "\"31500m\"");
	CHECK_STRING(admit(object), "wattle: 160 W/node (default) x 2 nodes: 320 W");
	json_object_put(object);
	/* where no node shows watts a job that asks for none is left alone */
	object = mpijob_of(",\"annotations\":{\"wattle.hpc/grant\":\"v1 watts=400 nodes=1-1\"}", 2);
	mpijob_set(object, WORKER "template.spec.nodeSelector", "{\"kind\":\"none\"}");
	CHECK_STRING(admit(object), "");
	CU_ASSERT(ruling.untouched);
	CHECK_STRING(at(object, AT_REQUEST), "-");
	CHECK_STRING(at(object, AT_GRANT), "-");
	json_object_put(object);
}

static void test_said_as_resource(void)
{
	struct json_object *object = mpijob_of("", 2);

	mpijob_set(object, RESOURCES "limits", "{\"wattle.hpc/watts\":\"300\"}");
	CHECK_STRING(admit(object), "wattle: 300 W/node x 2 nodes: 600 W");
	CHECK_STRING(at(object, AT_REQUEST), "300");
	CHECK_STRING(admit(object), "wattle: 300 W/node x 2 nodes: 600 W");
	json_object_put(object);
	object = asks("\"wattle.hpc/power\":\"200\"", 2);
	mpijob_set(object, RESOURCES "limits", "{\"wattle.hpc/watts\":\"300\"}");
	CHECK_HOLDS(admit(object), "refused: resource wattle.hpc/watts:300 disagrees with wattle.hpc/power: 200, which is 200 W per node");
	CHECK_STRING(at(object, AT_LIMIT), "-");
	json_object_put(object);
	object = mpijob_of("", 2);
	mpijob_set(object, RESOURCES "limits", "{\"wattle.hpc/watts\":\"1500m\"}");
	CHECK_HOLDS(admit(object), "no whole number of watts");
	json_object_put(object);
	object = mpijob_of("", 2);
	mpijob_set(object, RESOURCES "limits", "{\"wattle.hpc/watts\":\"200\"}");
	mpijob_set(object, RESOURCES "requests", "{\"wattle.hpc/watts\":\"100\"}");
	CHECK_HOLDS(admit(object), "the workers request 100, their limit is 200");
	json_object_put(object);
	object = asks("\"wattle.hpc/power\":\"200\"", 2);
	mpijob_set(object, "spec.mpiReplicaSpecs.Launcher.template.spec.containers.0.resources", "{\"limits\":{\"wattle.hpc/watts\":\"200\"}}");
	CHECK_HOLDS(admit(object), "stands on another container than the workers' first");
	json_object_put(object);
	/* a forged grant makes nobody's watts ours */
	object = asks("\"wattle.hpc/power\":\"200\",\"wattle.hpc/grant\":\"v1 watts=9999 nodes=1-1\"", 2);
	CHECK_STRING(admit(object), "wattle: 200 W/node x 2 nodes: 400 W");
	CHECK_STRING(at(object, AT_GRANT), "v1 watts=200 nodes=2-2");
	json_object_put(object);
}

static void test_nodes(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"1000\"", 1);

	mpijob_set(object, WORKER "template.spec.tolerations", "[{\"key\":\"fat\",\"operator\":\"Exists\"}]");
	CHECK_HOLDS(admit(object), "refused: 1000 W per node is out of range: class standard allows");
	mpijob_set(object, WORKER "template.spec.nodeSelector", "{\"kind\":\"fat\"}");
	CHECK_STRING(admit(object), "wattle: 1000 W/node x 1 node: 1000 W");
	json_object_put(object);
	/* percent of the smallest eligible */
	object = asks("\"wattle.hpc/power\":\"100%\"", 1);
	mpijob_set(object, WORKER "template.spec.tolerations", "[{\"key\":\"fat\",\"operator\":\"Exists\"}]");
	CHECK_STRING(admit(object), "wattle: 400 W/node x 1 node: 400 W");
	mpijob_set(object, WORKER "template.spec.tolerations", "[{\"operator\":\"Exists\"}]");
	CHECK_HOLDS(admit(object), "no power fits all kinds of nodes of the job: class fat takes at least 300 W per node, class small at most 90 W: select");
	json_object_put(object);
	/* a queue that the site has as a partition */
	object = asks("\"wattle.hpc/power\":\"300\"", 1);
	mpijob_set(object, "metadata.labels.kueue\\.x-k8s\\.io/queue-name", "\"eco\"");
	CHECK_HOLDS(admit(object), "partition eco allows 100 to 250 W per node");
	json_object_put(object);
}

/* What is remembered of nodes is of the site as it was then. */
static void test_site_changes(void)
{
	const struct wattle_siteconf *before = site.conf;
	struct wattle_siteconf *other = malloc(sizeof(*other));
	struct json_object *object = asks("\"wattle.hpc/power\":\"9000\"", 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	*other = *before;
	CHECK_HOLDS(admit(object), "class standard allows 100 to 400 W");
	snprintf(other->classes[0].nodes, sizeof(other->classes[0].nodes), "elsewhere");
	snprintf(other->classes[2].nodes, sizeof(other->classes[2].nodes), "n*");
	site.conf = other;
	CHECK_HOLDS(admit(object), "class small allows 20 to 90 W");
	site.conf = before;
	CHECK_HOLDS(admit(object), "class standard allows 100 to 400 W");
	json_object_put(object);
	free(other);
}

static void test_held(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"bad\"", 1), *apply;

	/* alone: suspended */
	CHECK_HOLDS(admit(object), "refused");
	CHECK_STRING(at(object, AT_SUSPEND), "true");
	CHECK_STRING(at(object, AT_REQUEST), "-");
	CHECK_STRING(at(object, AT_GRANT), "-");
	CHECK_HOLDS(at(object, AT_DECISION), "wattle: refused: power: ");
	json_object_put(object);
	/* under Kueue: gated beside others' gates, and suspend is Kueue's */
	site.kueue = true;
	object = asks("\"wattle.hpc/power\":\"bad\",\"kueue.x-k8s.io/admission-gated-by\":\"other.io/gate\"", 1);
	mpijob_set(object, "metadata.labels.kueue\\.x-k8s\\.io/queue-name", "\"q\"");
	CHECK_HOLDS(admit(object), "refused");
	CHECK_STRING(at(object, AT_SUSPEND), "-");
	CHECK_STRING(at(object, AT_GATES), "other.io/gate,wattle.hpc/start");
	admit(object);
	CU_ASSERT(job.gated);
	CHECK_STRING(at(object, AT_GATES), "other.io/gate,wattle.hpc/start");
	mpijob_set(object, "metadata.resourceVersion", "\"17\"");
	apply = wattle_mutate_ungate(object);
	CHECK_STRING(at(apply, AT_GATES), "other.io/gate");
	CHECK_STRING(at(apply, "/metadata/resourceVersion"), "17");
	json_object_put(apply);
	apply = wattle_mutate_apply(object, &job, &ruling, &site, WATTLE_MUTATE_WORDS | WATTLE_MUTATE_HOLD);
	CHECK_STRING(at(apply, AT_SUSPEND), "-");
	json_object_put(apply);
	mpijob_set(object, "metadata.annotations.kueue\\.x-k8s\\.io/admission-gated-by", "\"wattle.hpc/start\"");
	apply = wattle_mutate_ungate(object);
	CU_ASSERT(json_object_object_get_ex(wattle_dig(apply, json_type_object, "metadata", "annotations", NULL), WATTLE_KUEUE_GATES, NULL));
	json_object_put(apply);
	json_object_put(object);
	site.kueue = false;
	object = asks("\"wattle.hpc/power\":\"200\"", 1);
	CU_ASSERT_PTR_NULL(wattle_mutate_ungate(object));
	json_object_put(object);
}

#define AT_CONDITION "/status/conditions/0/"

/* What the API server makes of it, in place of the entry before. */
static void keep_condition(struct json_object *object, struct json_object *apply)
{
	struct json_object *list = wattle_dig(object, json_type_array, "status", "conditions", NULL);
	struct json_object *ours = wattle_dig(apply, json_type_array, "status", "conditions", NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(ours);
	json_object_array_put_idx(list, 1, json_object_get(json_object_array_get_idx(ours, 0)));
	json_object_put(apply);
}

static void test_condition(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"bad\"", 1), *apply;

	/* the operator takes a job without conditions for a new one: not before it has written its own */
	CU_ASSERT_PTR_NULL(wattle_mutate_condition(object, true, "why", NOW));
	json_object_object_add(object, "status", json_tokener_parse("{\"conditions\":[]}"));
	CU_ASSERT_PTR_NULL(wattle_mutate_condition(object, true, "why", NOW));
	json_object_object_add(object, "status", json_tokener_parse("{\"conditions\":[{\"type\":\"Created\",\"status\":\"True\"}]}"));
	CU_ASSERT_PTR_NULL(wattle_mutate_condition(object, false, "all is well", NOW));
	apply = wattle_mutate_condition(object, true, "why", NOW);
	CHECK_STRING(at(apply, "/apiVersion"), "kubeflow.org/v2beta1");
	CHECK_STRING(at(apply, "/metadata/name"), "nbody");
	CHECK_STRING(at(apply, "/metadata/namespace"), "team");
	CHECK_STRING(at(apply, "/spec"), "-");
	CHECK_STRING(at(apply, "/status/conditions/1"), "-"); /* the operator's are not ours to say */
	CHECK_STRING(at(apply, AT_CONDITION "type"), "WattleRefused");
	CHECK_STRING(at(apply, AT_CONDITION "status"), "True");
	CHECK_STRING(at(apply, AT_CONDITION "reason"), "PowerRefused");
	CHECK_STRING(at(apply, AT_CONDITION "message"), "why");
	CHECK_STRING(at(apply, AT_CONDITION "lastTransitionTime"), "2025-11-22T02:00:00Z");
	keep_condition(object, apply);
	CU_ASSERT_PTR_NULL(wattle_mutate_condition(object, true, "why", NOW + 60));
	/* another reason: refused since then */
	apply = wattle_mutate_condition(object, true, "because", NOW + 60);
	CHECK_STRING(at(apply, AT_CONDITION "message"), "because");
	CHECK_STRING(at(apply, AT_CONDITION "lastTransitionTime"), "2025-11-22T02:00:00Z");
	CHECK_STRING(at(apply, AT_CONDITION "lastUpdateTime"), "2025-11-22T02:01:00Z");
	keep_condition(object, apply);
	apply = wattle_mutate_condition(object, false, "granted", NOW + 120);
	CHECK_STRING(at(apply, AT_CONDITION "status"), "False");
	CHECK_STRING(at(apply, AT_CONDITION "lastTransitionTime"), "2025-11-22T02:02:00Z");
	keep_condition(object, apply);
	CU_ASSERT_PTR_NULL(wattle_mutate_condition(object, false, "granted", NOW + 180));
	json_object_put(object);
}

static void test_apply(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"200\"", 3), *apply;

	rule(object);
	CU_ASSERT(!wattle_mutate_done(object, &job, &ruling, &site));
	apply = wattle_mutate_apply(object, &job, &ruling, &site, WATTLE_MUTATE_WORDS | WATTLE_MUTATE_WATTS | WATTLE_MUTATE_RELEASE);
	CHECK_STRING(at(apply, "/apiVersion"), "kubeflow.org/v2beta1");
	CHECK_STRING(at(apply, "/metadata/name"), "nbody");
	CHECK_STRING(at(apply, "/metadata/namespace"), "team");
	CHECK_STRING(at(apply, AT_GRANT), "v1 watts=200 nodes=3-3");
	CHECK_STRING(at(apply, AT_LIMIT), "200");
	CHECK_STRING(at(apply, "/spec/mpiReplicaSpecs/Worker/template/spec/containers/0/name"), "worker");
	CHECK_STRING(at(apply, AT_CLEAN), "Running");
	CHECK_STRING(at(apply, AT_SUSPEND), "false");
	CHECK_STRING(at(apply, "/spec/mpiReplicaSpecs/Worker/replicas"), "-");
	json_object_put(apply);
	json_object_put(object);
}

static void test_clean_pods(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"200\"", 1);

	mpijob_set(object, "spec.runPolicy", "{\"cleanPodPolicy\":\"None\"}");
	admit(object);
	CHECK_STRING(at(object, AT_CLEAN), "Running");
	mpijob_set(object, "spec.runPolicy", "{\"cleanPodPolicy\":\"All\"}");
	admit(object);
	CHECK_STRING(at(object, AT_CLEAN), "All");
	json_object_put(object);
}

static void test_no_job(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"200\"", 0);

	CHECK_HOLDS(admit(object), "refused: an MPIJob without workers");
	json_object_put(object);
	object = mpijob_of("", 0);
	CHECK_STRING(admit(object), "");
	json_object_put(object);
	object = json_tokener_parse("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}");
	CHECK_STRING(admit(object), "");
	json_object_put(object);
	rule(NULL);
	CU_ASSERT(ruling.untouched);
}

static void digest(struct json_object *object, const char *before, bool same)
{
	char now[17];

	wattle_mpijob_digest(object, now);
	CU_ASSERT((strcmp(now, before) == 0) == same);
}

static void test_digest(void)
{
	struct json_object *object = asks("\"wattle.hpc/power\":\"200\"", 2);
	char before[17];

	wattle_mpijob_digest(object, before);
	admit(object);
	digest(object, before, true); /* what we wrote is nothing new */
	CHECK_STRING(at(object, "/metadata/annotations/wattle.hpc~1asked"), before);
	mpijob_set(object, "metadata.annotations.wattle\\.hpc/power", "\"201\"");
	digest(object, before, false);
	mpijob_set(object, "metadata.annotations.wattle\\.hpc/power", "\"200\"");
	digest(object, before, true);
	mpijob_set(object, WORKER "replicas", "3");
	digest(object, before, false);
	json_object_put(object);
}

static void milli(const char *json, bool ok, uint64_t wanted)
{
	struct json_object *value = json_tokener_parse(json);
	uint64_t found = 0;

	CHECK_INT(wattle_quantity_milli(value, &found), ok);
	CHECK_INT(found, wanted);
	json_object_put(value);
}

static void test_quantity(void)
{
	milli("\"300\"", true, 300000);
	milli("\"1k\"", true, 1000000);
	milli("\"1500m\"", true, 1500);
	milli("\"0.5\"", true, 500);
	milli("\"1e3\"", true, 1000000);
	milli("\"2Ki\"", true, 2048000);
	milli("\"1n\"", true, 1);
	milli("4", true, 4000);
	milli("1.25", true, 1250);
	milli("\"-1\"", false, 0);
	milli("\"\"", false, 0);
	milli("\"1 k\"", false, 0);
	milli("\"1.2.3\"", false, 0);
	milli("\"99E\"", false, 0);
	milli("\"1e99\"", false, 0);
	milli("true", false, 0);
}

/* --- AdmissionReview ---------------------------------------------------------------------------------------------------------------------- */

static struct json_object *review(const char *operation, struct json_object *object, enum wattle_review_kind *kind)
{
	struct json_object *request = json_tokener_parse("{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u-1\"}}");
	struct wattle_err err = WATTLE_ERR_INIT;
	struct json_object *answer;
	const char *text;

	mpijob_set(request, "request.operation", operation);
	json_object_object_add(wattle_dig(request, json_type_object, "request", NULL), "object", object);
	text = json_object_to_json_string(request);
	answer = wattle_review_answer(text, strlen(text), &site, NOW, kind, &err);
	json_object_put(request);
	return answer;
}

static void test_review(void)
{
	enum wattle_review_kind kind;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct json_object *answer = review("\"CREATE\"", asks("\"wattle.hpc/power\":\"200\"", 2), &kind);

	CHECK_INT(kind, WATTLE_REVIEW_DECIDED);
	CHECK_STRING(at(answer, "/response/uid"), "u-1");
	CHECK_STRING(at(answer, "/response/allowed"), "true");
	CHECK_STRING(at(answer, "/response/patchType"), "JSONPatch");
	CHECK_HOLDS(at(answer, "/response/patch"), "W3sib3AiOiJhZGQi"); /* [{"op":"add" */
	json_object_put(answer);
	answer = review("\"CREATE\"", asks("\"wattle.hpc/power\":\"bad\"", 2), &kind);
	CHECK_INT(kind, WATTLE_REVIEW_REFUSED);
	CHECK_STRING(at(answer, "/response/allowed"), "true");
	CHECK_HOLDS(at(answer, "/response/warnings/0"), "wattle: refused: power: ");
	json_object_put(answer);
	answer = review("\"UPDATE\"", asks("\"wattle.hpc/power\":\"bad\"", 2), &kind);
	CHECK_INT(kind, WATTLE_REVIEW_PASSED);
	CHECK_STRING(at(answer, "/response/patch"), "-");
	json_object_put(answer);
	CU_ASSERT_PTR_NULL(wattle_review_answer("{}", 2, &site, NOW, &kind, &err));
	CHECK_HOLDS(err.text, "no AdmissionReview");
	CU_ASSERT_PTR_NULL(wattle_review_answer("", 0, &site, NOW, &kind, &err));
	CHECK_INT(kind, WATTLE_REVIEW_BAD);
}

#define TOLD_S INT64_C(1795982400) /* 2026-11-29T20:00:00Z */
#define PLAN(overhead) ",\"annotations\":{\"wattle.hpc/plan\":\"v1 start=1 end=9999999999 deadline=0 overhead=" overhead " slots=0:2:300\""
#define TOLD ",\"wattle.hpc/checkpoint\":\"2026-11-29T20:00:00Z\"}"

static void stop_at(const char *metadata, int64_t now_s, int64_t wanted_s, bool wanted_tell)
{
	struct json_object *object = mpijob_of(metadata, 2);
	bool tell = !wanted_tell;

	CHECK_INT(wattle_mpijob_stop_at(object, now_s, 100, &tell), wanted_s);
	CHECK_INT(tell, wanted_tell);
	json_object_put(object);
}

static void test_stop_at(void)
{
	/* who has no plan has no checkpoints */
	stop_at("", TOLD_S, TOLD_S, false);
	stop_at(",\"annotations\":{\"wattle.hpc/plan\":\"rubbish\"}", TOLD_S, TOLD_S, false);
	/* told first, for as long as his plan reckons with, a minute at most */
	stop_at(PLAN("20") "}", TOLD_S, TOLD_S + 20, true);
	stop_at(PLAN("2000") "}", TOLD_S, TOLD_S + 60, true);
	/* told already: that moment holds, whichever bridge chose it */
	stop_at(PLAN("20") TOLD, TOLD_S - 7, TOLD_S, false);
	stop_at(PLAN("20") TOLD, TOLD_S + 99, TOLD_S, false);
	/* long ago, or of nobody's */
	stop_at(PLAN("20") TOLD, TOLD_S + 100, TOLD_S + 120, true);
	stop_at(PLAN("20") TOLD, TOLD_S - 61, TOLD_S - 41, true);
}

static const struct test tests[] = {
	{ "watts on the workers", test_watts },
	{ "annotations", test_words },
	{ "an annotation that is none", test_unknown_word },
	{ "a job that asks for nothing", test_silent_job },
	{ "watts said as a resource", test_said_as_resource },
	{ "where it may land", test_nodes },
	{ "another site", test_site_changes },
	{ "what is refused is held", test_held },
	{ "server-side apply", test_apply },
	{ "a refusal in the status", test_condition },
	{ "cleanPodPolicy", test_clean_pods },
	{ "no job for us", test_no_job },
	{ "what there is to decide on", test_digest },
	{ "when a job is stopped for others", test_stop_at },
	{ "quantities", test_quantity },
	{ "AdmissionReview", test_review },
	{ NULL, NULL },
};

int main(void)
{
	int rc;

	site_open("wattle", &site);
	rc = run_suite("mpijob", tests);
	site_close(&site);
	return rc;
}
