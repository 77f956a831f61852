/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Slurm's commands and Kueue's objects say of the ledger's two sides. */
#include <stdio.h>
#include <string.h>

#include "kueue_side.h"
#include "kueue_workload.h"
#include "runner.h"
#include "slurm_side.h"

static struct wattle_err err;

static void test_slurm(void)
{
	static const char licences[] = "LicenseName=powerful Total=9 Used=9 Free=0 Reserved=0 Remote=no\n"
				       "LicenseName=power Total=5000 Used=1200 Free=2800 Reserved=1000 Remote=no\n";
	static const char reservation[] = "ReservationName=wattle-ledger StartTime=2026-11-29T17:31:54 EndTime=2027-11-29T17:31:54 Nodes=(null) "
					  "TRES=license/power=1000 Users=root Licenses=power:1000 State=ACTIVE\n";
	static const char jobs[] = "power:300|Licenses\npower:300|BeginTime\n(null)|Resources\npower:400,matlab:2|Resources\npower:50|JobHeldUser\n"
				   "power:7|Dependency\npower:100|None\n\nrubbish\n";
	uint64_t total = 1, used = 1, w = 1;

	CU_ASSERT(wattle_slurm_licence_parse(licences, "power", &total, &used));
	CHECK_INT(total, 5000);
	CHECK_INT(used, 1200);
	CU_ASSERT(!wattle_slurm_licence_parse(licences, "watts", &total, &used));
	CU_ASSERT(!wattle_slurm_licence_parse("", "power", &total, &used));
	CU_ASSERT(wattle_slurm_reservation_parse(reservation, "wattle-ledger", "power", &w));
	CHECK_INT(w, 1000);
	CU_ASSERT(!wattle_slurm_reservation_parse(reservation, "wattle", "power", &w));
	CU_ASSERT(wattle_slurm_reservation_parse("ReservationName=r Licenses=(null) State=ACTIVE", "r", "power", &w));
	CHECK_INT(w, 0);
	CHECK_INT(wattle_slurm_waiting_parse(jobs, "power"), 800);
}

static const char queue_text[] =
	"{\"metadata\":{\"name\":\"q\",\"resourceVersion\":\"41\"},\"spec\":{\"resourceGroups\":["
	"{\"flavors\":[{\"name\":\"a\",\"resources\":[{\"name\":\"cpu\",\"nominalQuota\":\"5\"}]}]},"
	"{\"flavors\":[{\"name\":\"a\",\"resources\":[{\"name\":\"x\",\"nominalQuota\":1},{\"name\":\"wattle.hpc/watts\",\"nominalQuota\":\"5k\"}]},"
	"{\"name\":\"b\",\"resources\":[{\"name\":\"wattle.hpc/watts\",\"nominalQuota\":\"700\"}]}]}]},"
	"\"status\":{\"flavorsReservation\":[{\"name\":\"b\",\"resources\":[{\"name\":\"wattle.hpc/watts\",\"total\":\"9\"}]},"
	"{\"name\":\"a\",\"resources\":[{\"name\":\"wattle.hpc/watts\",\"total\":\"4500\"}]}]}}";

static void test_quota(void)
{
	struct json_object *queue = json_tokener_parse(queue_text), *patch;
	struct wattle_kueue_quota quota;

	CHECK_INT(wattle_kueue_quota_read(queue, "", "wattle.hpc/watts", &quota, &err), 0);
	CHECK_INT(quota.limit_w, 5000);
	CHECK_INT(quota.used_w, 4500);
	CHECK_STRING(quota.flavor_name, "a");
	patch = wattle_kueue_quota_patch(&quota, 4200);
	CHECK_STRING(json_object_to_json_string_ext(patch, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
		     "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"41\"},"
		     "{\"op\":\"replace\",\"path\":\"/spec/resourceGroups/1/flavors/0/resources/1/nominalQuota\",\"value\":\"4200\"}]");
	json_object_put(patch);
	CHECK_INT(wattle_kueue_quota_read(queue, "b", "wattle.hpc/watts", &quota, &err), 0);
	CHECK_INT(quota.limit_w, 700);
	CHECK_INT(quota.used_w, 9);
	CU_ASSERT(wattle_kueue_quota_read(queue, "c", "wattle.hpc/watts", &quota, &err) < 0);
	CHECK_HOLDS(err.text, "ClusterQueue q has no wattle.hpc/watts in flavor c");
	json_object_object_add(json_object_object_get(queue, "spec"), "cohortName", json_object_new_string("all"));
	CU_ASSERT(wattle_kueue_quota_read(queue, "", "wattle.hpc/watts", &quota, &err) < 0);
	CHECK_HOLDS(err.text, "may borrow");
	json_object_put(queue);
	CU_ASSERT(wattle_kueue_quota_read(NULL, "", "wattle.hpc/watts", &quota, &err) < 0);
}

#define PODS "\"podSets\":[{\"count\":1,\"template\":{\"spec\":{\"containers\":[{}]}}},{\"count\":3,\"template\":{\"spec\":{\"containers\":[" \
	"{\"resources\":{\"requests\":{\"wattle.hpc/watts\":\"200\"}}}]}}}]"
#define WORKLOAD(meta, spec, status) "{\"metadata\":{\"namespace\":\"n\"" meta "},\"spec\":{" PODS ",\"queueName\":\"l\"" spec "},\"status\":{" status "}}"

static void test_waiting(void)
{
	struct json_object *queues = json_tokener_parse("{\"items\":[{\"metadata\":{\"name\":\"l\",\"namespace\":\"m\"},\"spec\":{\"clusterQueue\":\"other\"}},"
							"{\"metadata\":{\"name\":\"l\",\"namespace\":\"n\"},\"spec\":{\"clusterQueue\":\"q\"}}]}");
	struct json_object *workloads = json_tokener_parse(
		"{\"items\":[" WORKLOAD("", "", "") "," WORKLOAD("", "", "\"conditions\":[{\"type\":\"QuotaReserved\",\"status\":\"False\"}]") ","
		WORKLOAD("", "", "\"conditions\":[{\"type\":\"QuotaReserved\",\"status\":\"True\"}]") ","
		WORKLOAD("", ",\"active\":false", "") "," WORKLOAD(",\"annotations\":{\"wattle.hpc/evicted\":\"2026-11-29T20:00:00Z\"}", ",\"active\":false", "") "," WORKLOAD(",\"annotations\":{\"kueue.x-k8s.io/admission-gated-by\":\"wattle.hpc/start\"}", "", "") ",17,{}]}");

	CHECK_INT(wattle_kueue_waiting(workloads, queues, "q", "wattle.hpc/watts"), 1800);
	CHECK_INT(wattle_kueue_waiting(workloads, queues, "other", "wattle.hpc/watts"), 0);
	CHECK_INT(wattle_kueue_waiting(NULL, queues, "q", "wattle.hpc/watts"), 0);
	json_object_put(workloads);
	json_object_put(queues);
}

/* A workload that has w watts of flavor a of queue q. */
#define ADMITTED(name, meta, spec, w, conditions) "{\"metadata\":{\"namespace\":\"n\",\"name\":\"" name "\",\"resourceVersion\":\"7\"," \
	"\"ownerReferences\":[{\"kind\":\"X\",\"name\":\"no\"},{\"apiVersion\":\"kubeflow.org/v2beta1\",\"kind\":\"MPIJob\",\"name\":\"j" name "\"," \
	"\"uid\":\"u\",\"controller\":true}]" meta "},\"spec\":{\"queueName\":\"l\"" spec "},\"status\":{\"conditions\":[" conditions "],\"admission\":" \
	"{\"clusterQueue\":\"q\",\"podSetAssignments\":[{\"flavors\":{\"wattle.hpc/watts\":\"a\"},\"resourceUsage\":{\"wattle.hpc/watts\":\"" w "\"}}," \
	"{\"flavors\":{\"wattle.hpc/watts\":\"b\"},\"resourceUsage\":{\"wattle.hpc/watts\":\"5k\"}},{\"name\":\"launcher\"}]}}}"
#define AT(text) ",\"creationTimestamp\":\"2026-11-29T20:00:" text "Z\""
#define MARKED(key) ",\"annotations\":{\"wattle.hpc/" key "\":\"2026-11-29T20:00:00Z\"}"
#define NOON_S INT64_C(1795982400) /* 2026-11-29T20:00:00Z */

static void read_workloads(const char *items, struct wattle_kueue_workloads *ret)
{
	struct json_object *queues = json_tokener_parse("{\"items\":[{\"metadata\":{\"name\":\"l\",\"namespace\":\"n\"},\"spec\":{\"clusterQueue\":\"q\"}}]}");
	struct json_object *list = json_tokener_parse(items);

	CU_ASSERT_PTR_NOT_NULL_FATAL(list);
	CU_ASSERT(wattle_kueue_workloads_read(list, queues, "q", "a", "wattle.hpc/watts", ret));
	json_object_put(list);
	json_object_put(queues);
}

static void test_workloads(void)
{
	struct wattle_kueue_workloads set;

	read_workloads("{\"items\":[" ADMITTED("a", AT("05") MARKED("tightened"), ",\"priority\":3", "1k", "") ","
		       ADMITTED("off", "", ",\"active\":false", "300", "") ","
		       ADMITTED("evicted", "", "", "200", "{\"type\":\"Evicted\",\"status\":\"True\"}") ","
		       ADMITTED("over", "", "", "100", "{\"type\":\"Finished\",\"status\":\"True\"}") ","
		       ADMITTED("none", "", "", "0", "") "," WORKLOAD("", "", "") ","
		       WORKLOAD(",\"name\":\"back\"" MARKED("evicted"), ",\"active\":false", "") ","
		       "{\"metadata\":{\"namespace\":\"elsewhere\"" MARKED("evicted") "},\"spec\":{\"queueName\":\"l\"}},17,{}]}", &set);
	CHECK_INT(set.n, 4);
	CHECK_STRING(set.item[0].name, "a");
	CHECK_STRING(set.item[0].owner_kind, "MPIJob");
	CHECK_STRING(set.item[0].owner_name, "ja");
	CHECK_STRING(set.item[0].version, "7");
	CHECK_INT(set.item[0].reserved_w, 1000);
	CHECK_INT(set.item[0].priority, 3);
	CHECK_INT(set.item[0].tightened_s, NOON_S);
	CHECK_INT(set.item[0].created_s, NOON_S + 5);
	CU_ASSERT(set.item[0].active && !set.item[0].leaving);
	CU_ASSERT(!set.item[1].active && set.item[1].leaving);
	CU_ASSERT(set.item[2].active && set.item[2].leaving);
	CHECK_STRING(set.item[3].name, "back");
	CHECK_INT(set.item[3].evicted_s, NOON_S);
	CHECK_INT(set.item[3].wanted_w, 600);
	CHECK_INT(set.item[3].reserved_w, 0);
	wattle_kueue_workloads_free(&set);
	read_workloads("{}", &set);
	CHECK_INT(set.n, 0);
	CU_ASSERT_PTR_NULL(wattle_kueue_returner(&set));
	CHECK_INT(wattle_kueue_victims(&set, 100), 0);
}

/* Who is stopped for so many watts, in order: "name name". */
static void victims(uint64_t excess_w, const char *wanted)
{
	struct wattle_kueue_workloads set;
	char found[200] = "";
	size_t n;

	read_workloads("{\"items\":[" ADMITTED("dear", AT("50"), ",\"priority\":9", "300", "") "," ADMITTED("old", AT("10"), "", "100", "") ","
		       ADMITTED("gone", AT("59"), ",\"active\":false", "700", "") "," ADMITTED("mid", AT("20"), "", "500", "") ","
		       ADMITTED("new", AT("30"), "", "100", "") "," ADMITTED("low", AT("01"), ",\"priority\":-1", "50", "") "]}", &set);
	n = wattle_kueue_victims(&set, excess_w);
	CHECK_INT(set.n, 6);
	for (size_t i = 0; i < n; i++)
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", i ? " " : "", set.item[i].name);
	CHECK_STRING(found, wanted);
	wattle_kueue_workloads_free(&set);
}

static void test_victims(void)
{
	victims(0, "");
	victims(1, "low");
	victims(50, "low");
	/* one is enough */
	victims(51, "new");
	victims(100, "new");
	victims(101, "low new");
	victims(200, "mid");
	victims(500, "mid");
	victims(501, "low mid");
	victims(551, "new mid");
	victims(650, "low new mid");
	/* nobody who leaves already is among them, and all there are may not be enough */
	victims(750, "low new mid old");
	victims(751, "mid dear");
	victims(9999, "low new mid old dear");
}

static void test_returner(void)
{
	struct wattle_kueue_workloads set;

	read_workloads("{\"items\":[" WORKLOAD(",\"name\":\"new\"" AT("30") MARKED("evicted"), ",\"active\":false", "") ","
		       WORKLOAD(",\"name\":\"old\"" AT("10") MARKED("evicted"), ",\"active\":false", "") ","
		       WORKLOAD(",\"name\":\"his\"" AT("01"), ",\"active\":false", "") ","
		       ADMITTED("runs", AT("00"), "", "100", "") "," ADMITTED("leaves", AT("00") MARKED("evicted"), ",\"active\":false", "100", "") "]}", &set);
	CHECK_STRING(wattle_kueue_returner(&set)->name, "old");
	wattle_kueue_workloads_free(&set);
	/* started by somebody else: only the mark is left to take away */
	read_workloads("{\"items\":[" ADMITTED("started", AT("00") MARKED("evicted"), "", "100", "") "]}", &set);
	CHECK_STRING(wattle_kueue_returner(&set)->name, "started");
	wattle_kueue_workloads_free(&set);
}

static void patch_is(struct json_object *patch, const char *wanted)
{
	CHECK_STRING(json_object_to_json_string_ext(patch, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), wanted);
	json_object_put(patch);
}

static void test_marks(void)
{
	const struct wattle_kueue_workload workload = { .version = "41" };

	patch_is(wattle_kueue_mark_patch(NOON_S), "{\"metadata\":{\"annotations\":{\"wattle.hpc/tightened\":\"2026-11-29T20:00:00Z\"}}}");
	patch_is(wattle_kueue_mark_patch(0), "{\"metadata\":{\"annotations\":{\"wattle.hpc/tightened\":null}}}");
	patch_is(wattle_kueue_stop_patch(&workload, NOON_S), "{\"metadata\":{\"resourceVersion\":\"41\",\"annotations\":{\"wattle.hpc/evicted\":"
		 "\"2026-11-29T20:00:00Z\"}},\"spec\":{\"active\":false}}");
	patch_is(wattle_kueue_stop_patch(&workload, 0), "{\"metadata\":{\"resourceVersion\":\"41\",\"annotations\":{\"wattle.hpc/evicted\":null}},"
		 "\"spec\":{\"active\":true}}");
}

static void pod_patch(const char *meta, const char *status, uint64_t limit_w, uint64_t used_w, const char *wanted)
{
	struct json_object *pod, *patch;
	char text[600], whole[200];

	snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\"%s},\"spec\":{\"containers\":[{},{\"resources\":{\"requests\":"
		 "{\"wattle.hpc/watts\":\"200\"}}}]},\"status\":{%s}}", meta, status);
	pod = json_tokener_parse(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pod);
	CU_ASSERT(wattle_kueue_pod_patch(pod, "wattle.hpc/watts", limit_w, used_w, &patch));
	if (wanted)
		snprintf(whole, sizeof(whole), "{\"metadata\":{\"uid\":\"u\",\"annotations\":{\"wattle.hpc/tightened\":%s}}}", wanted);
	if (wanted)
		patch_is(patch, whole);
	else
		CU_ASSERT_PTR_NULL(patch);
	json_object_put(pod);
}

static void test_pod_patch(void)
{
	const char *annotated = ",\"annotations\":{\"a\":\"b\",\"wattle.hpc/tightened\":\"120\"}";

	pod_patch("", "", 600, 1000, "\"120\"");
	pod_patch(annotated, "", 600, 1000, NULL);
	pod_patch(annotated, "", 700, 1000, "\"140\"");
	pod_patch("", "", 333, 1000, "\"66\"");
	pod_patch("", "", 0, 1000, "\"1\"");
	pod_patch("", "\"phase\":\"Succeeded\"", 600, 1000, NULL);
	pod_patch(",\"deletionTimestamp\":\"2026-11-29T20:00:00Z\"", "", 600, 1000, NULL);
	/* back: ours alone goes */
	pod_patch(annotated, "", 0, 0, "null");
	pod_patch("", "", 0, 0, NULL);
	pod_patch(",\"annotations\":{\"wattle.hpc/grant\":\"v1 watts=100\"}", "", 0, 0, NULL);
}

static const struct test tests[] = {
	{ "what Slurm's commands say", test_slurm },
	{ "a ClusterQueue's quota", test_quota },
	{ "what waits in Kueue", test_waiting },
	{ "the workloads of a queue", test_workloads },
	{ "who is stopped", test_victims },
	{ "who comes back", test_returner },
	{ "marks on workloads", test_marks },
	{ "caps of pods", test_pod_patch },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("ledger_sides", tests);
}
