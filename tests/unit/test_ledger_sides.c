/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Slurm's commands and Kueue's objects say of the ledger's two sides. */
#include <stdio.h>
#include <string.h>

#include "kueue_side.h"
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
		WORKLOAD("", ",\"active\":false", "") "," WORKLOAD(",\"annotations\":{\"kueue.x-k8s.io/admission-gated-by\":\"wattle.hpc/start\"}", "", "") ",17,{}]}");

	CHECK_INT(wattle_kueue_waiting(workloads, queues, "q", "wattle.hpc/watts"), 1200);
	CHECK_INT(wattle_kueue_waiting(workloads, queues, "other", "wattle.hpc/watts"), 0);
	CHECK_INT(wattle_kueue_waiting(NULL, queues, "q", "wattle.hpc/watts"), 0);
	json_object_put(workloads);
	json_object_put(queues);
}

static const struct test tests[] = {
	{ "what Slurm's commands say", test_slurm },
	{ "a ClusterQueue's quota", test_quota },
	{ "what waits in Kueue", test_waiting },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("ledger_sides", tests);
}
