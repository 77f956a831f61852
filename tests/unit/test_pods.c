/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pods: from their JSON to watts, from their cgroups to processes, and which of them hold leases. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "pod.h"
#include "podrelay.h"
#include "podscan.h"
#include "podset.h"
#include "runner.h"

#define UID_A "0a1b2c3d-1111-2222-3333-444444444444"
#define UID_B "ffffffff-1111-2222-3333-444444444444"
#define ID_S "5555555555555555555555555555555555555555555555555555555555555555"
#define ID_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2 "2222222222222222222222222222222222222222222222222222222222222222"

#define META(more) "\"metadata\":{\"namespace\":\"team-a\",\"name\":\"nbody-worker-0\",\"uid\":\"" UID_A "\"" more "}"
#define WATTS(w) "\"resources\":{\"limits\":{\"wattle.hpc/watts\":\"" w "\"},\"requests\":{\"wattle.hpc/watts\":\"" w "\"}}"
#define BOUND "\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\"}]"

static int parse(const char *text, struct wattle_pod *ret)
{
	cleanup_json struct json_object *object = wattle_json_parse(text, strlen(text), 50);
	struct wattle_err err = WATTLE_ERR_INIT;

	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	return wattle_pod_parse(object, ret, &err);
}

static uint32_t allocated(const char *spec)
{
	struct wattle_pod pod;
	char text[4096];

	snprintf(text, sizeof(text), "{" META("") ",\"spec\":{%s},\"status\":{\"phase\":\"Pending\"}}", spec);
	CHECK_INT(parse(text, &pod), 0);
	return pod.allocated_w;
}

/* A container's cgroups are the same with its sandbox's. */
static void test_quantity(void)
{
	static const struct { const char *text; int rc; uint32_t value; } cases[] = {
		{ "0", 0, 0 }, { "312", 0, 312 }, { "1k", 0, 1000 }, { "1500m", 0, 2 }, { "2e2", 0, 200 }, { "1Ki", 0, 1024 }, { "0.5k", 0, 500 },
		{ "300000m", 0, 300 }, { "1M", 0, 1000000 }, { "1E", 0, WATTLE_POD_WATTS_MAX }, { "1e300", 0, WATTLE_POD_WATTS_MAX },
		{ "", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "k", -EINVAL, 0 }, { "1kk", -EINVAL, 0 }, { "1 k", -EINVAL, 0 }, { "nan", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 }, { "1e999", -EINVAL, 0 }, { "300W", -EINVAL, 0 },
		{ "00000000000000000000000000000000000000000000000000000000000000001", -EINVAL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t value = 0;

		CHECK_INT(wattle_pod_quantity(cases[i].text, &value), cases[i].rc);
		CHECK_INT(value, cases[i].value);
	}
}

static void test_allocated(void)
{
	CHECK_INT(allocated("\"containers\":[{" WATTS("250") "}]"), 250);
	CHECK_INT(allocated("\"containers\":[{" WATTS("1k") "},{},{" WATTS("50") "}]"), 1050);
	CHECK_INT(allocated("\"containers\":[{}]"), 0);
	CHECK_INT(allocated("\"containers\":[]"), 0);
	/* limits alone: requests are the same by default */
	CHECK_INT(allocated("\"containers\":[{\"resources\":{\"limits\":{\"wattle.hpc/watts\":\"70\"}}}]"), 70);
	CHECK_INT(allocated("\"containers\":[{\"resources\":{\"requests\":{\"wattle.hpc/watts\":\"70\"}}}]"), 70);
	/* the alias, and not both */
	CHECK_INT(allocated("\"containers\":[{\"resources\":{\"limits\":{\"intel.com/power\":\"80\"}}}]"), 80);
	CHECK_INT(allocated("\"containers\":[{\"resources\":{\"limits\":{\"intel.com/power\":\"80\",\"wattle.hpc/watts\":\"70\"}}}]"), 70);
	/* sidecars run beside, init containers before */
	CHECK_INT(allocated("\"initContainers\":[{\"restartPolicy\":\"Always\"," WATTS("10") "},{" WATTS("500") "},{" WATTS("20")
			    "}],\"containers\":[{" WATTS("250") "}]"), 510);
	CHECK_INT(allocated("\"initContainers\":[{" WATTS("200") "},{\"restartPolicy\":\"Always\"," WATTS("10") "}],\"containers\":[{"
			    WATTS("250") "}]"), 260);
	CHECK_INT(allocated("\"overhead\":{\"wattle.hpc/watts\":\"5\"},\"containers\":[{" WATTS("250") "}]"), 255);
	CHECK_INT(allocated("\"containers\":[{" WATTS("9E") "},{" WATTS("9E") "}]"), WATTLE_POD_WATTS_MAX);
	/* what no API server lets through */
	CHECK_INT(allocated("\"containers\":[{\"resources\":{\"requests\":{\"wattle.hpc/watts\":70}}}]"), 0);
	CHECK_INT(allocated("\"containers\":[{\"resources\":{\"requests\":{\"wattle.hpc/watts\":\"-7\"}}}]"), 0);
	CHECK_INT(allocated("\"containers\":[[],7,null,\"x\",{\"resources\":[]},{\"resources\":{\"requests\":7}}]"), 0);
	CHECK_INT(allocated("\"containers\":{}"), 0);
}

static struct wattle_pod granted(const char *annotation)
{
	struct wattle_pod pod = { .n_ids = 0 };
	char text[4096];

	snprintf(text, sizeof(text), "{" META(",\"annotations\":{\"wattle.hpc/grant\":%s}") ",\"spec\":{\"containers\":[{" WATTS("250")
		 "}]},\"status\":{}}", annotation);
	CHECK_INT(parse(text, &pod), 0);
	CHECK_INT(pod.allocated_w, 250);
	return pod;
}

static void test_grant_lowers(void)
{
	struct wattle_pod pod = granted("\"v1 watts=200 nodes=2-2 slowdown=9.5 profile=nbody\"");

	CHECK_INT(wattle_pod_watts(&pod), 200);
	CHECK_STRING(pod.refused, "");
	CHECK_STRING(pod.grant.profile, "nbody");
	pod = granted("\"v1 watts=250\"");
	CHECK_INT(wattle_pod_watts(&pod), 250);
	CHECK_STRING(pod.refused, "");
}

static void test_prediction(void)
{
	struct wattle_pod pod;

	CHECK_INT(parse("{" META(",\"annotations\":{\"wattle.hpc/decision\":\"wattle: 250 W/node x 2 (slowdown 9.5%, profile nbody)\"}")
			",\"spec\":{\"containers\":[{" WATTS("250") "}]},\"status\":{}}", &pod), 0);
	CHECK_STRING(pod.grant.profile, "nbody");
	CU_ASSERT_DOUBLE_EQUAL(pod.grant.slowdown_pct, 9.5, 1e-9);
	CHECK_INT(wattle_pod_watts(&pod), 250);
	CHECK_INT(parse("{" META(",\"annotations\":{\"wattle.hpc/decision\":\"wattle: 1 W/node x 2 (slowdown 9.5%, profile ../x\\u001b)\"}")
			",\"spec\":{\"containers\":[{" WATTS("250") "}]},\"status\":{}}", &pod), 0);
	CHECK_STRING(pod.grant.profile, "");
	CHECK_INT(wattle_pod_watts(&pod), 250);
}

static void test_grant_never_raises(void)
{
	static const char *const hostile[] = {
		"\"v1 watts=251\"", "\"v1 watts=4000000000\"", "\"v1 watts=0\"", "\"v1 watts=-1\"", "\"v2 watts=100\"", "\"\"", "\"400\"", "7", "null",
		"[]", "{\"watts\":400}", "\"v1 watts=100 watts=400\"", "\"v1\\u0000 watts=100\"", "\"v1 watts=1\\u0000\"", "\"v1 watts=99999999999999999999\"",
		"\"v1 nodes=1\"", "\"v1 watts=100 slowdown=nan profile=x\"", "\"v1 watts=100\\n\\u001b[2J\"",
	};

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct wattle_pod pod = granted(hostile[i]);

		CHECK_INT(wattle_pod_watts(&pod), 250);
		/* null is as good as not there, whatever else is refused aloud */
		CU_ASSERT(pod.refused[0] != '\0' || strcmp(hostile[i], "null") == 0);
		for (const char *c = pod.refused; *c; c++)
			CU_ASSERT(*c >= ' ' && *c < 127);
	}
}

static void test_tightened(void)
{
	struct wattle_pod pod = granted("\"v1 watts=200\",\"wattle.hpc/tightened\":\"150\"");

	/* the least of all holds, and what a user lowered further stays so */
	CHECK_INT(wattle_pod_watts(&pod), 150);
	CHECK_STRING(pod.refused, "");
	pod = granted("\"v1 watts=100\",\"wattle.hpc/tightened\":\"150\"");
	CHECK_INT(wattle_pod_watts(&pod), 100);
	pod = granted("\"v1 watts=300\",\"wattle.hpc/tightened\":\"150\"");
	CHECK_INT(wattle_pod_watts(&pod), 150);
	pod = granted("\"v1 watts=200\",\"wattle.hpc/tightened\":\"4000\"");
	CHECK_INT(wattle_pod_watts(&pod), 200);
	for (const char *const *bad = (const char *const[]){ "\"0\"", "\"\"", "\"lots\"", "\"-1\"", "7", "{}", NULL }; *bad; bad++) {
		char text[200];

		snprintf(text, sizeof(text), "\"v1 watts=200\",\"wattle.hpc/tightened\":%s", *bad);
		pod = granted(text);
		CHECK_INT(wattle_pod_watts(&pod), 200);
		CHECK_HOLDS(pod.refused, "annotation wattle.hpc/tightened says no watts");
	}
}

static void test_state(void)
{
	struct wattle_pod pod;

	CHECK_INT(parse("{" META("") ",\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{" WATTS("250") "},{}]},\"status\":{\"phase\":\"Running\"," BOUND
			",\"containerStatuses\":[{\"containerID\":\"containerd://" ID_1 "\",\"state\":{\"running\":{}}},{\"state\":{\"waiting\":{}}}]}}", &pod), 0);
	CHECK_STRING(pod.name, "team-a/nbody-worker-0");
	CHECK_INT(pod.phase, WATTLE_POD_RUNNING);
	CU_ASSERT(pod.bound && !pod.deleting && !pod.ends); /* one has not begun */
	CHECK_INT(pod.n_ids, 1);
	CHECK_STRING(pod.id[0], ID_1);
	CHECK_INT(parse("{" META(",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"") ",\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{}]},\"status\":{"
			"\"phase\":\"Failed\",\"startTime\":\"x\",\"containerStatuses\":[{\"state\":{\"terminated\":{}}}]}}", &pod), 0);
	CU_ASSERT(pod.bound && pod.deleting && pod.ends);
	CHECK_INT(pod.phase, WATTLE_POD_FAILED);
	/* by a user's own spec.nodeName: not before the kubelet has taken it */
	CHECK_INT(parse("{" META("") ",\"spec\":{\"nodeName\":\"k1\",\"containers\":[{" WATTS("250") "}]},\"status\":{\"phase\":\"Pending\"}}", &pod), 0);
	CU_ASSERT(!pod.bound);
	CHECK_INT(parse("{" META(",\"labels\":{\"training.kubeflow.org/job-name\":\"nbody\",\"training.kubeflow.org/job-role\":\"worker\","
				 "\"training.kubeflow.org/replica-index\":\"3\"}") "}", &pod), 0);
	CHECK_STRING(pod.job, "team-a/nbody");
	CHECK_STRING(pod.role, "worker");
	CHECK_INT(pod.index, 3);
	CHECK_INT(parse("{" META(",\"labels\":{\"training.kubeflow.org/job-name\":\"../../etc\",\"training.kubeflow.org/job-role\":\"worker\"}") "}", &pod), 0);
	CHECK_STRING(pod.job, "");
}

static void test_no_pods(void)
{
	static const char *const bad[] = {
		"{}", "[]", "7", "{\"metadata\":7}", "{\"metadata\":{\"namespace\":\"a\",\"name\":\"b\"}}",
		"{\"metadata\":{\"namespace\":\"a\",\"name\":\"b\",\"uid\":\"x\"}}", "{\"metadata\":{\"namespace\":\"a/../b\",\"name\":\"b\",\"uid\":\"" UID_A "\"}}",
		"{\"metadata\":{\"namespace\":\"a\",\"name\":\"b\\u0000c\",\"uid\":\"" UID_A "\"}}",
		"{\"metadata\":{\"namespace\":\"\",\"name\":\"b\",\"uid\":\"" UID_A "\"}}",
		"{\"metadata\":{\"namespace\":\"a\",\"name\":\"B \",\"uid\":\"" UID_A "\"}}",
	};
	struct wattle_pod pod = { .allocated_w = 77 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(parse(bad[i], &pod), -EINVAL);
	CHECK_INT(pod.allocated_w, 77);
}

/* Seeded: nothing that a user may write into a pod makes it draw more than is allocated, or crashes the parser. */
static void test_random_annotations(void)
{
	static const char *const pieces[] = { "v1", " ", "watts=", "400", "0", "-1", "nodes=1-2", "=", "slowdown=", "5", "profile=", "a", "carbon=start", "start=",
					      "\\u0000", "\\n", "\\\"", "99999999999", "\\ud83d\\ude00", "v2" };
	unsigned seed = 20260101;
	int lowered = 0;

	for (int i = 0; i < 100000; i++) {
		char text[512] = "\"";
		struct wattle_pod pod;
		size_t n = 1 + (size_t) rand_r(&seed) % 12;

		if (i % 3 == 0)
			strcat(text, "v1 watts=");
		for (size_t j = 0; j < n; j++)
			strcat(text, pieces[(size_t) rand_r(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
		strcat(text, "\"");
		pod = granted(text);
		lowered += wattle_pod_watts(&pod) < 250;
		CU_ASSERT_FATAL(wattle_pod_watts(&pod) <= 250 && wattle_pod_watts(&pod) > 0);
	}
	CU_ASSERT(lowered > 100);
}

/* --- cgroups ----------------------------------------------------------------------- */

static void test_cgroups(void)
{
	static const struct { const char *text; int rc; const char *uid, *container; } cases[] = {
		{ "0::/kubepods/burstable/pod" UID_A "/" ID_1 "\n", 0, UID_A, ID_1 },
		{ "12:cpu,cpuacct:/k1/kubepods/besteffort/pod" UID_A "/" ID_1 "\n3:memory:/k1/kubepods/besteffort/pod" UID_A "/" ID_1 "\n1:name=systemd:/\n0::/\n", 0, UID_A, ID_1 },
		{ "0::/kubepods/pod" UID_A "\n", 0, UID_A, "" },
		{ "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_1111_2222_3333_444444444444.slice/cri-containerd-" ID_1 ".scope\n", 0,
		  UID_A, ID_1 },
		{ "0::/kubepods.slice/kubepods-pod0a1b2c3d_1111_2222_3333_444444444444.slice/crio-" ID_1 ".scope/container", 0, UID_A, ID_1 },
		/* as read from within another pod's cgroup namespace */
		{ "0::/../../pod" UID_A "/" ID_2, 0, UID_A, ID_2 },
		{ "0::/docker/" ID_2 "/kubelet/kubepods/pod" UID_A "/" ID_1 "\n", 0, UID_A, ID_1 },
		/* a process may make cgroups below its own: the first is the kubelet's */
		{ "0::/kubepods/pod" UID_A "/" ID_1 "/kubepods/pod" UID_B "/" ID_2 "\n", 0, UID_A, ID_1 },
		{ "4:memory:/kubepods/pod" UID_A "/" ID_1 "\n5:x:/kubepods/pod" UID_B "/" ID_2 "\n", -EINVAL, "", "" },
		{ "0::/system.slice/kubelet.service\n", -ENOENT, "", "" },
		{ "0::/\n", -ENOENT, "", "" },
		{ "", -ENOENT, "", "" },
		{ "nonsense", -ENOENT, "", "" },
		{ "0::/kubepods/pod" UID_A "x/" ID_1 "\n", -ENOENT, "", "" },
		{ "0::/kubepods/podshort/" ID_1 "\n", -ENOENT, "", "" },
		{ "4:name=/kubepods/pod" UID_A ":/\n", -ENOENT, "", "" },
		{ "0::/kubepods/pod" UID_A "/short\n", 0, UID_A, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char uid[WATTLE_POD_UID_MAX] = "", container[WATTLE_CONTAINER_ID_MAX] = "";

		CHECK_INT(wattle_pod_cgroup_parse(cases[i].text, uid, container), cases[i].rc);
		CHECK_STRING(uid, cases[i].uid);
		CHECK_STRING(container, cases[i].container);
	}
}

static void count(void *arg, const char *uid, const char *container, const struct wattle_proc *proc)
{
	(void) uid;
	(void) container;
	(void) proc;
	++*(int *) arg;
}

static void test_scan_here(void)
{
	char uid[WATTLE_POD_UID_MAX], container[WATTLE_CONTAINER_ID_MAX];
	int n = 0;

	CHECK_INT(wattle_pod_scan(count, &n), 0);
	CU_ASSERT(wattle_pod_of(getpid(), uid, container) <= 0);
	CHECK_INT(wattle_pod_of(0x7ffffff0, uid, container), -ESRCH);
}

/* --- who holds a lease ---------------------------------------------------------------- */

static const struct wattle_proc SANDBOX = { 100, 1000 }, INIT = { 110, 1010 }, RANK = { 120, 1020 }, KEEPER = { 7, 7 };

static struct wattle_pod a_pod(void)
{
	struct wattle_pod pod = { .uid = UID_A, .name = "team-a/nbody-worker-0", .allocated_w = 250, .bound = true };

	return pod;
}

static struct wattle_pod_state *told(struct wattle_podset *set, const struct wattle_pod *pod)
{
	struct wattle_pod_state *state = NULL;

	CHECK_INT(wattle_podset_has(set, pod, &state), 0);
	return state;
}

/* What runs: the sandbox, and n processes of its container. */
static void scan(struct wattle_podset *set, bool sandbox, int n)
{
	wattle_podset_scan_begin(set);
	if (n > 1)
		wattle_podset_saw(set, UID_A, ID_1, &RANK);
	if (sandbox)
		wattle_podset_saw(set, UID_A, ID_S, &SANDBOX);
	if (n > 0)
		wattle_podset_saw(set, UID_A, ID_1, &INIT);
	wattle_podset_saw(set, UID_B, ID_2, &RANK); /* of a pod that is not ours */
	wattle_podset_scan_end(set);
	wattle_podset_judge(set);
}

static uint32_t leases(const struct wattle_podset *set, struct wattle_lease_pod *first)
{
	static struct wattle_lease_pod all[WATTLE_PODS_MAX];
	uint32_t n = wattle_podset_leases(set, &KEEPER, all);

	if (first && n > 0)
		*first = all[0];
	return n;
}

static void test_life(void)
{
	struct wattle_podset set = { 0 };
	struct wattle_pod pod = a_pod();
	struct wattle_lease_pod lease = { .watts_w = 0 };

	told(&set, &pod);
	wattle_podset_judge(&set);
	CHECK_INT(leases(&set, &lease), 1); /* before anything of it runs */
	CHECK_INT(lease.watts_w, 250);
	CHECK_INT(lease.holder.pid, 0);
	CHECK_INT(lease.keeper.pid, KEEPER.pid);
	scan(&set, true, 0);
	CHECK_INT(leases(&set, &lease), 1);
	CHECK_INT(lease.holder.pid, SANDBOX.pid);
	pod.phase = WATTLE_POD_RUNNING;
	pod.ends = true; /* restartPolicy Never, all has begun */
	pod.n_ids = 1;
	memcpy(pod.id[0], ID_1, sizeof(pod.id[0]));
	told(&set, &pod);
	scan(&set, true, 2);
	CHECK_INT(leases(&set, &lease), 1);
	CHECK_INT(lease.holder.pid, SANDBOX.pid);
	pod.grant.watts_w = 200;
	told(&set, &pod);
	CHECK_INT(leases(&set, &lease), 1);
	CHECK_INT(lease.watts_w, 200);
	scan(&set, true, 1);
	CHECK_INT(leases(&set, NULL), 1);
	/* the last process ends: over, though its sandbox lives and nobody has told */
	scan(&set, true, 0);
	CHECK_INT(leases(&set, NULL), 0);
	told(&set, &pod); /* late news */
	wattle_podset_judge(&set);
	CHECK_INT(leases(&set, NULL), 0);
	wattle_podset_forget(&set, NULL, NULL);
	CHECK_INT(set.n, 1);
	wattle_podset_gone(&set, UID_A);
	wattle_podset_forget(&set, NULL, NULL);
	CHECK_INT(set.n, 0);
	wattle_podset_free(&set);
}

static void test_processes_before_words(void)
{
	static const enum wattle_pod_phase ended[] = { WATTLE_POD_SUCCEEDED, WATTLE_POD_FAILED };

	for (int i = 0; i < 3; i++) {
		struct wattle_podset set = { 0 };
		struct wattle_pod pod = a_pod();

		told(&set, &pod);
		scan(&set, true, 1);
		if (i < 2) {
			pod.phase = ended[i];
			told(&set, &pod);
		} else {
			wattle_podset_gone(&set, UID_A); /* deleted by force */
		}
		wattle_podset_judge(&set);
		CHECK_INT(leases(&set, NULL), 1);
		wattle_podset_forget(&set, NULL, NULL);
		CHECK_INT(set.n, 1);
		scan(&set, true, 0);
		CHECK_INT(leases(&set, NULL), 0);
		wattle_podset_free(&set);
	}
}

static void test_restarts(void)
{
	struct wattle_podset set = { 0 };
	struct wattle_pod pod = a_pod();

	pod.phase = WATTLE_POD_RUNNING;
	told(&set, &pod);
	scan(&set, true, 1);
	scan(&set, true, 0);
	CHECK_INT(leases(&set, NULL), 1); /* its container comes again */
	scan(&set, false, 0);
	CHECK_INT(leases(&set, NULL), 1); /* its sandbox, too */
	set.silent = true;
	scan(&set, false, 0);
	CHECK_INT(leases(&set, NULL), 0); /* nobody says so any more */
	scan(&set, true, 1);
	CHECK_INT(leases(&set, NULL), 1); /* it did */
	set.silent = false;
	pod.deleting = true;
	told(&set, &pod);
	wattle_podset_judge(&set);
	CHECK_INT(leases(&set, NULL), 1); /* as long as it takes to end */
	scan(&set, true, 0);
	CHECK_INT(leases(&set, NULL), 0);
	wattle_podset_free(&set);
}

/* What is deleted before it begins may be about to begin: its kubelet tells. */
static void test_deleted_early(void)
{
	struct wattle_podset set = { 0 };
	struct wattle_pod pod = a_pod();

	pod.deleting = true;
	told(&set, &pod);
	scan(&set, true, 0);
	CHECK_INT(leases(&set, NULL), 1);
	wattle_podset_gone(&set, UID_A);
	scan(&set, false, 0);
	CHECK_INT(leases(&set, NULL), 0);
	wattle_podset_free(&set);
}

/* The user's process is never taken for the sandbox. */
static void test_sandbox(void)
{
	struct wattle_podset set = { 0 };
	struct wattle_pod pod = a_pod();
	struct wattle_pod_state *state;

	pod.ends = true;
	pod.n_ids = 1;
	memcpy(pod.id[0], ID_1, sizeof(pod.id[0]));
	state = told(&set, &pod);
	scan(&set, false, 1); /* the sandbox was killed, its container lives on */
	CHECK_INT(state->sandbox.pid, 0);
	CHECK_INT(leases(&set, NULL), 1);
	scan(&set, true, 1);
	CHECK_INT(state->sandbox.pid, SANDBOX.pid);
	CHECK_INT(state->n_procs, 1);
	scan(&set, true, 0);
	CHECK_INT(leases(&set, NULL), 0);
	/* one process alone, and no word of containers: it may be either */
	pod.n_ids = 0;
	state->sandbox.pid = 0;
	told(&set, &pod);
	scan(&set, true, 0);
	CHECK_INT(state->sandbox.pid, 0);
	CHECK_INT(leases(&set, NULL), 1);
	/* two processes are no sandbox, whatever they are called */
	pod.n_ids = 0;
	told(&set, &pod);
	state->sandbox.pid = 0;
	wattle_podset_scan_begin(&set);
	wattle_podset_saw(&set, UID_A, ID_2, &INIT);
	wattle_podset_saw(&set, UID_A, ID_2, &RANK);
	wattle_podset_scan_end(&set);
	CHECK_INT(state->sandbox.pid, 0);
	CHECK_INT(state->n_procs, 2);
	wattle_podset_free(&set);
}

static void test_unbound(void)
{
	struct wattle_podset set = { 0 };
	struct wattle_pod pod = a_pod();

	pod.bound = false;
	told(&set, &pod);
	wattle_podset_judge(&set);
	CHECK_INT(leases(&set, NULL), 0);
	scan(&set, true, 1);
	CHECK_INT(leases(&set, NULL), 1);
	wattle_podset_free(&set);
}

static void test_adopted(void)
{
	struct wattle_podset set = { .silent = true };
	struct wattle_lease_pod old = { .uid = UID_A, .name = "team-a/nbody-worker-0", .watts_w = 180, .holder = SANDBOX }, other = old, lease = { .watts_w = 0 };
	struct wattle_pod pod = a_pod();

	memcpy(other.uid, UID_B, sizeof(other.uid));
	other.holder.pid = 0;
	CHECK_INT(wattle_podset_adopt(&set, &old), 0);
	CHECK_INT(wattle_podset_adopt(&set, &old), 0);
	CHECK_INT(wattle_podset_adopt(&set, &other), 0);
	scan(&set, true, 1);
	CHECK_INT(leases(&set, &lease), 2); /* nobody has said anything yet */
	CHECK_INT(lease.watts_w, 180);
	told(&set, &pod);
	set.silent = false;
	wattle_podset_synced(&set);
	wattle_podset_judge(&set);
	CHECK_INT(leases(&set, &lease), 2); /* B's process lives */
	CHECK_INT(lease.watts_w, 250);
	wattle_podset_scan_begin(&set);
	wattle_podset_saw(&set, UID_A, ID_1, &INIT);
	wattle_podset_scan_end(&set);
	wattle_podset_judge(&set);
	CHECK_INT(leases(&set, NULL), 1);
	wattle_podset_free(&set);
}

static void test_bounded(void)
{
	struct wattle_podset set = { 0 };
	struct wattle_pod pod = a_pod();
	int taken = 0;

	for (unsigned i = 0; i < WATTLE_PODS_MAX + 10; i++) {
		snprintf(pod.uid, sizeof(pod.uid), "%08x-1111-2222-3333-444444444444", i * 2654435761u);
		taken += wattle_podset_has(&set, &pod, NULL) == 0;
	}
	CHECK_INT(taken, WATTLE_PODS_MAX);
	CHECK_INT(set.refused, 10);
	pod.allocated_w = 0; /* neither watts nor a job: nothing is kept */
	pod.uid[0] = 'z' - 20;
	CHECK_INT(wattle_podset_has(&set, &pod, NULL), 0);
	CHECK_INT(set.n, WATTLE_PODS_MAX);
	CHECK_INT(leases(&set, NULL), WATTLE_PODS_MAX);
	for (size_t i = 1; i < set.n; i++)
		CU_ASSERT(strcmp(set.pod[i - 1]->pod.uid, set.pod[i]->pod.uid) < 0);
	wattle_podset_free(&set);
}

static void test_relay_due(void)
{
	const int64_t now_s = INT64_C(1763776800); /* 2025-11-22T02:00:00Z */
	static const char *const none[] = { "", "soon", "2025-13-45T00:00:00Z", "2025-11-22T02:00:30Z; reboot", "99999999999999999999999999999999999999999999" };

	CU_ASSERT(wattle_podrelay_due("2025-11-22T02:00:30Z", "", now_s));
	CU_ASSERT(wattle_podrelay_due("2025-11-22T03:00:30Z", "2025-11-22T02:00:30Z", now_s));
	CU_ASSERT(!wattle_podrelay_due("2025-11-22T02:00:30Z", "2025-11-22T02:00:30Z", now_s)); /* told */
	CU_ASSERT(!wattle_podrelay_due("2025-11-22T02:00:00Z", "", now_s));                     /* over */
	CU_ASSERT(!wattle_podrelay_due("2025-11-22T01:59:59Z", "2025-11-22T01:00:00Z", now_s));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		CU_ASSERT(!wattle_podrelay_due(none[i], "", now_s));
}

static const struct test tests[] = {
	{ "quantities", test_quantity },
	{ "watts as the scheduler counts them", test_allocated },
	{ "an annotation lowers", test_grant_lowers },
	{ "the prediction of its job's decision, for its record", test_prediction },
	{ "an annotation never raises", test_grant_never_raises },
	{ "the ledger lowers beside it", test_tightened },
	{ "100,000 annotations, seeded", test_random_annotations },
	{ "what else is of interest", test_state },
	{ "what is no pod", test_no_pods },
	{ "cgroups of kubelets", test_cgroups },
	{ "a look at this machine's processes", test_scan_here },
	{ "a pod's life", test_life },
	{ "processes are believed before words", test_processes_before_words },
	{ "pods that restart", test_restarts },
	{ "deleted before it began", test_deleted_early },
	{ "the sandbox", test_sandbox },
	{ "past the scheduler", test_unbound },
	{ "an earlier agent's pods", test_adopted },
	{ "bounded", test_bounded },
	{ "moments to be told", test_relay_due },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("pods", tests);
}
