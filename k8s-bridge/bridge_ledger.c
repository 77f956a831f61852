/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger carried out: reads both sides, does the one next step (ledger.h), and reads again. Nothing is remembered that could not be read: a
 * bridge that takes over goes on from what it sees. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bridge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kube_event.h"
#include "kueue_side.h"
#include "log.h"
#include "slurm_side.h"

#define GROUP "/apis/kueue.x-k8s.io"
/* A command of a leader that died may still run for so long: nobody changes anything before. */
#define SETTLE_S (WATTLE_SLURM_SIDE_S + 5.0)
#define LIST_LIMIT "?limit=5000"

enum stage { IDLE, SLURM, QUEUE, LOCAL_QUEUES, WORKLOADS, CHANGING };

struct bridge_ledger {
	enum stage stage;
	double led_since_s, next_s; /* monotonic; led_since_s 0: does not lead */
	double over_since_s[WATTLE_LEDGER_SIDES]; /* 0: it is not over */
	struct wattle_ledger_view view[WATTLE_LEDGER_SIDES];
	struct wattle_slurm_side *slurm;
	struct wattle_slurm_report report;
	struct wattle_kube_request *request;
	struct wattle_kueue_quota quota;
	struct json_object *local_queues;
	struct wattle_kueue_workloads workloads; /* of our ClusterQueue */
	struct bridge_chore *chore;
	enum wattle_ledger_what told;
	struct wattle_ledger_past now;
	char trouble[600];              /* "": works */
	uint64_t lowered, raised, capped, evicted, resumed;
};

static void read_queue(struct bridge *bridge);

static const struct wattle_ledger_conf *conf_of(const struct bridge *bridge)
{
	return &bridge->conf->ledger;
}

static void rules_of(const struct bridge *bridge, struct wattle_ledger_rules *ret)
{
	const struct wattle_ledger_conf *conf = conf_of(bridge);
	uint64_t total_w = bridge->ledger->report.total_w;

	*ret = (struct wattle_ledger_rules){
		.budget_w = conf->budget_w, .min_w = { conf->slurm_min_w, conf->kueue_min_w }, .max_w = { conf->slurm_max_w, conf->kueue_max_w },
		.grain_w = conf->grain_w, .patience_s = conf->patience_s, .evict_after_s = conf->evict_after_s,
	};
	/* no reservation makes more licences than there are */
	if (total_w < (ret->max_w[WATTLE_LEDGER_SLURM] ? ret->max_w[WATTLE_LEDGER_SLURM] : ret->budget_w))
		ret->max_w[WATTLE_LEDGER_SLURM] = total_w > ret->min_w[WATTLE_LEDGER_SLURM] ? (uint32_t) total_w : ret->min_w[WATTLE_LEDGER_SLURM];
}

static void rest(struct bridge_ledger *ledger, double s)
{
	ledger->stage = IDLE;
	ledger->next_s = bridge_now_s() + s;
	json_object_put(ledger->local_queues);
	ledger->local_queues = NULL;
}

/* What was begun is done, or there was nothing to do. */
static void well(struct bridge_ledger *ledger, double s)
{
	ledger->trouble[0] = '\0';
	rest(ledger, s);
}

/* A side can't be read or changed: told when it begins. */
static void fail(struct bridge *bridge, const char *side, const char *why)
{
	struct bridge_ledger *ledger = bridge->ledger;
	char text[sizeof(ledger->trouble)];

	snprintf(text, sizeof(text), "%s: %.500s", side, why);
	if (strcmp(text, ledger->trouble) != 0)
		wattle_log(WATTLE_LOG_WARNING, "ledger: %s: the split stays as it is", text);
	snprintf(ledger->trouble, sizeof(ledger->trouble), "%s", text);
	rest(ledger, conf_of(bridge)->interval_s);
}

static char *path_of(const struct bridge *bridge, const char *kind, const char *name, const char *query)
{
	char *path = NULL;

	if (asprintf(&path, GROUP "/%s/%s%s%s%s", bridge->kueue_version, kind, *name ? "/" : "", name, query) < 0)
		return NULL;
	return path;
}

/* --- one step ----------------------------------------------------------------------------------------------------------------------- */

static void on_slurm_set(void *arg, const struct wattle_slurm_report *report)
{
	struct bridge *bridge = arg;

	/* whatever came of it, both sides are read again before anything else is done */
	if (!report->ok) {
		fail(bridge, "Slurm", report->err.text);
		return;
	}
	well(bridge->ledger, 0);
}

static void on_queue_set(void *arg, int status, struct json_object *body, const char *why)
{
	struct bridge *bridge = arg;

	(void) body;
	bridge->ledger->request = NULL;
	if (status != 200 && status != 409)
		fail(bridge, "Kueue", why);
	else
		well(bridge->ledger, status == 409 ? 1 : 0);
}

static void set_slurm(struct bridge *bridge, uint64_t to_w)
{
	struct bridge_ledger *ledger = bridge->ledger;
	uint64_t total_w = ledger->report.total_w;

	ledger->stage = CHANGING;
	wattle_slurm_side_free(ledger->slurm);
	ledger->slurm = wattle_slurm_side_ask(bridge->base, bridge->conf->licence, conf_of(bridge)->reservation, total_w > to_w ? total_w - to_w : 0,
					      on_slurm_set, bridge);
	if (!ledger->slurm)
		fail(bridge, "Slurm", "no process could be started");
}

static void set_queue(struct bridge *bridge, uint64_t to_w)
{
	struct bridge_ledger *ledger = bridge->ledger;
	struct json_object *patch = wattle_kueue_quota_patch(&ledger->quota, to_w);
	char *path = path_of(bridge, "clusterqueues", conf_of(bridge)->cluster_queue, "?fieldManager=wattle-ledger");

	ledger->stage = CHANGING;
	if (patch && path)
		ledger->request = wattle_kube_send(bridge->kube,
						   &(struct wattle_kube_call){ .method = "PATCH", .path = path, .content_type = WATTLE_KUBE_JSON_PATCH,
									       .tries = 1, .body = json_object_to_json_string(patch) },
						   on_queue_set, bridge);
	if (!ledger->request)
		fail(bridge, "Kueue", "out of memory");
	json_object_put(patch);
	free(path);
}

/* --- Kueue's workloads ------------------------------------------------------------------------------------------------------------------- */

static void on_chore(void *arg, const struct bridge_chore_spec *spec, const char *trouble)
{
	struct bridge *bridge = arg;
	struct bridge_ledger *ledger = bridge->ledger;

	ledger->capped += spec->what == WATTLE_LEDGER_TIGHTEN ? spec->patched : 0;
	ledger->evicted += spec->what == WATTLE_LEDGER_EVICT ? spec->changed : 0;
	ledger->resumed += spec->what == WATTLE_LEDGER_RESUME ? spec->changed : 0;
	if (trouble[0])
		fail(bridge, "Kueue's workloads and their pods", trouble);
	else
		well(ledger, conf_of(bridge)->interval_s);
}

/* Chooses whom the step means and begins with them; the set is the chore's then. */
static void do_chore(struct bridge *bridge, const struct wattle_ledger_step *step)
{
	struct bridge_ledger *ledger = bridge->ledger;
	const struct wattle_ledger_view *kueue = &ledger->view[WATTLE_LEDGER_KUEUE];
	struct bridge_chore_spec spec = { .what = step->what, .limit_w = kueue->limit_w, .used_w = kueue->used_w, .done = on_chore, .arg = bridge };
	const struct wattle_kueue_workload *first;

	if (step->what == WATTLE_LEDGER_EVICT)
		spec.n = wattle_kueue_victims(&ledger->workloads, step->excess_w);
	first = step->what == WATTLE_LEDGER_RESUME ? wattle_kueue_returner(&ledger->workloads) : NULL;
	if (first) {
		struct wattle_kueue_workload swap = ledger->workloads.item[0];

		ledger->workloads.item[0] = *first;
		ledger->workloads.item[first - ledger->workloads.item] = swap;
		spec.n = 1;
	}
	spec.set = ledger->workloads;
	ledger->workloads = (struct wattle_kueue_workloads){ 0, NULL };
	ledger->stage = CHANGING;
	bridge_chore_free(ledger->chore);
	ledger->chore = bridge_chore_begin(bridge, &spec);
	if (!ledger->chore)
		fail(bridge, "Kueue", "out of memory");
}

/* What their marks say. */
static void past_of(struct bridge *bridge, struct wattle_ledger_past *ret)
{
	struct bridge_ledger *ledger = bridge->ledger;
	const struct wattle_kueue_workload *first = wattle_kueue_returner(&ledger->workloads);
	int64_t now_s = (int64_t) time(NULL);

	*ret = (struct wattle_ledger_past){ .tightened = false };
	for (int i = 0; i < WATTLE_LEDGER_SIDES; i++) {
		if (ledger->view[i].used_w <= ledger->view[i].limit_w)
			ledger->over_since_s[i] = 0;
		else if (ledger->over_since_s[i] <= 0)
			ledger->over_since_s[i] = bridge_now_s();
		ret->over_s[i] = ledger->over_since_s[i] > 0 ? (uint64_t) (bridge_now_s() - ledger->over_since_s[i]) : 0;
	}
	for (size_t i = 0; i < ledger->workloads.n; i++) {
		const struct wattle_kueue_workload *workload = &ledger->workloads.item[i];

		ret->tightened = ret->tightened || workload->tightened_s;
		ret->leaving_w += workload->leaving ? workload->reserved_w : 0;
		if (workload->tightened_s && workload->reserved_w > 0 && now_s - workload->tightened_s > (int64_t) ret->tightened_s)
			ret->tightened_s = (uint64_t) (now_s - workload->tightened_s);
	}
	/* one that somebody else has started already needs no room any more, only its mark taken away */
	if (first)
		ret->evicted_w = first->active || first->wanted_w == 0 ? 1 : first->wanted_w;
}

/* --- the next step ------------------------------------------------------------------------------------------------------------------------ */

static void tell(struct bridge *bridge, const struct wattle_ledger_step *step)
{
	static const char *const names[] = { "Slurm", "Kueue" };
	static const char *const then[] = {
		[WATTLE_LEDGER_TELL] = "its running jobs keep their licences until they end, or somebody ends them",
		[WATTLE_LEDGER_TIGHTEN] = "caps of its running pods are lowered",
		[WATTLE_LEDGER_EVICT] = "as few of its jobs as suffice are stopped",
	};
	struct bridge_ledger *ledger = bridge->ledger;
	const struct wattle_ledger_view *view = ledger->view;
	const struct wattle_kube_ref about = { .api_version = "kueue.x-k8s.io/v1beta2", .kind = "ClusterQueue", .name = conf_of(bridge)->cluster_queue };
	char text[400];

	if (step->what == WATTLE_LEDGER_LOWER || step->what == WATTLE_LEDGER_RAISE) {
		wattle_log(WATTLE_LOG_NOTICE, "ledger: %s from %" PRIu64 " to %" PRIu64 " W (Slurm uses %" PRIu64 " of %" PRIu64 ", wants %" PRIu64
			   "; Kueue uses %" PRIu64 " of %" PRIu64 ", wants %" PRIu64 ")%s", names[step->side], view[step->side].limit_w, step->to_w, view[0].used_w,
			   view[0].limit_w, view[0].wanted_w, view[1].used_w, view[1].limit_w, view[1].wanted_w, bridge->dry_run ? " (not done)" : "");
	} else if (step->what < sizeof(then) / sizeof(then[0]) && then[step->what] && ledger->told != step->what) {
		snprintf(text, sizeof(text), "%s uses %" PRIu64 " W more than its part of the budget, and its jobs did not end in time: %s%s", names[step->side],
			 step->excess_w, then[step->what], bridge->dry_run ? " (not done)" : "");
		wattle_log(WATTLE_LOG_WARNING, "ledger: %s", text);
		if (!bridge->dry_run)
			wattle_kube_event(bridge->kube, BRIDGE_NAME, &about, true, "WattsOverPart", text);
	}
	ledger->told = step->what;
}

static void do_step(struct bridge *bridge)
{
	struct bridge_ledger *ledger = bridge->ledger;
	struct wattle_ledger_rules rules;
	struct wattle_ledger_past past;
	struct wattle_ledger_step step;

	past_of(bridge, &past);
	rules_of(bridge, &rules);
	wattle_ledger_next(&rules, ledger->view, &past, &step);
	tell(bridge, &step);
	ledger->now = past;
	if (bridge->dry_run || !bridge_may_write(bridge) || step.what == WATTLE_LEDGER_WAIT || step.what == WATTLE_LEDGER_TELL) {
		well(ledger, conf_of(bridge)->interval_s);
		return;
	}
	if (step.what != WATTLE_LEDGER_LOWER && step.what != WATTLE_LEDGER_RAISE) {
		do_chore(bridge, &step);
		return;
	}
	*(step.what == WATTLE_LEDGER_LOWER ? &ledger->lowered : &ledger->raised) += 1;
	if (step.side == WATTLE_LEDGER_SLURM)
		set_slurm(bridge, step.to_w);
	else
		set_queue(bridge, step.to_w);
}

/* --- reading both sides --------------------------------------------------------------------------------------------------------------- */

static void on_workloads(void *arg, int status, struct json_object *body, const char *why)
{
	struct bridge *bridge = arg;
	struct bridge_ledger *ledger = bridge->ledger;
	struct wattle_ledger_view *view = &ledger->view[WATTLE_LEDGER_KUEUE];

	ledger->request = NULL;
	if (status != 200) {
		fail(bridge, "Kueue's workloads", why);
		return;
	}
	*view = (struct wattle_ledger_view){
		.known = true, .limit_w = ledger->quota.limit_w, .used_w = ledger->quota.used_w,
		.wanted_w = ledger->quota.used_w + wattle_kueue_waiting(body, ledger->local_queues, conf_of(bridge)->cluster_queue, bridge->resource),
	};
	wattle_kueue_workloads_free(&ledger->workloads);
	if (!wattle_kueue_workloads_read(body, ledger->local_queues, conf_of(bridge)->cluster_queue, ledger->quota.flavor_name, bridge->resource,
					 &ledger->workloads)) {
		fail(bridge, "Kueue's workloads", "out of memory");
		return;
	}
	do_step(bridge);
}

static void get(struct bridge *bridge, enum stage stage, const char *kind, const char *name, const char *query, wattle_kube_done *done)
{
	struct bridge_ledger *ledger = bridge->ledger;
	char *path = path_of(bridge, kind, name, query);

	ledger->stage = stage;
	ledger->request = path ? wattle_kube_send(bridge->kube, &(struct wattle_kube_call){ .method = "GET", .path = path, .tries = 2 }, done, bridge) : NULL;
	free(path);
	if (!ledger->request)
		fail(bridge, "Kueue", "out of memory");
}

static void on_local_queues(void *arg, int status, struct json_object *body, const char *why)
{
	struct bridge *bridge = arg;

	bridge->ledger->request = NULL;
	if (status != 200) {
		fail(bridge, "Kueue's queues", why);
		return;
	}
	bridge->ledger->local_queues = json_object_get(body);
	get(bridge, WORKLOADS, "workloads", "", LIST_LIMIT, on_workloads);
}

static void on_queue(void *arg, int status, struct json_object *body, const char *why)
{
	struct bridge *bridge = arg;
	struct wattle_err err = WATTLE_ERR_INIT;

	bridge->ledger->request = NULL;
	if (status != 200)
		fail(bridge, "Kueue's ClusterQueue", why);
	else if (wattle_kueue_quota_read(body, conf_of(bridge)->flavor, bridge->resource, &bridge->ledger->quota, &err) < 0)
		fail(bridge, "Kueue", err.text);
	else
		get(bridge, LOCAL_QUEUES, "localqueues", "", LIST_LIMIT, on_local_queues);
}

static void read_queue(struct bridge *bridge)
{
	get(bridge, QUEUE, "clusterqueues", conf_of(bridge)->cluster_queue, "", on_queue);
}

static void on_slurm(void *arg, const struct wattle_slurm_report *report)
{
	struct bridge *bridge = arg;
	struct wattle_ledger_view *view = &bridge->ledger->view[WATTLE_LEDGER_SLURM];

	if (!report->ok) {
		fail(bridge, "Slurm", report->err.text);
		return;
	}
	bridge->ledger->report = *report;
	*view = (struct wattle_ledger_view){
		.known = true, .limit_w = report->total_w > report->withheld_w ? report->total_w - report->withheld_w : 0, .used_w = report->used_w,
		.wanted_w = report->used_w + report->waiting_w,
	};
	read_queue(bridge);
}

/* --- when ------------------------------------------------------------------------------------------------------------------------------- */

void bridge_ledger_tick(struct bridge *bridge)
{
	struct bridge_ledger *ledger = bridge->ledger;
	double now_s = bridge_now_s();

	if (conf_of(bridge)->budget_w == 0 || !bridge->site.kueue || !bridge->kueue_version[0])
		return;
	if (!ledger)
		ledger = bridge->ledger = calloc(1, sizeof(*ledger));
	if (!ledger || ledger->stage != IDLE)
		return;
	if (!bridge->dry_run && !bridge_may_write(bridge)) {
		ledger->led_since_s = 0;
		return;
	}
	if (ledger->led_since_s == 0)
		ledger->led_since_s = now_s;
	if (now_s < ledger->next_s || (!bridge->no_lease && !bridge->dry_run && now_s - ledger->led_since_s < SETTLE_S))
		return;
	ledger->view[0].known = ledger->view[1].known = false;
	ledger->stage = SLURM;
	wattle_slurm_side_free(ledger->slurm);
	ledger->slurm = wattle_slurm_side_ask(bridge->base, bridge->conf->licence, conf_of(bridge)->reservation, UINT64_MAX, on_slurm, bridge);
	if (!ledger->slurm)
		fail(bridge, "Slurm", "no process could be started");
}

void bridge_ledger_free(struct bridge *bridge)
{
	if (!bridge->ledger)
		return;
	wattle_kube_cancel(bridge->ledger->request);
	wattle_slurm_side_free(bridge->ledger->slurm);
	bridge_chore_free(bridge->ledger->chore);
	wattle_kueue_workloads_free(&bridge->ledger->workloads);
	json_object_put(bridge->ledger->local_queues);
	free(bridge->ledger);
	bridge->ledger = NULL;
}

size_t bridge_ledger_metrics(const struct bridge *bridge, char *text, size_t size)
{
	static const char *const names[] = { "slurm", "kueue" };
	const struct bridge_ledger *ledger = bridge->ledger;
	size_t len = 0;

	if (!ledger)
		return 0;
	for (int i = 0; i < WATTLE_LEDGER_SIDES && len < size; i++)
		len += (size_t) snprintf(text + len, size - len,
					 "wattle_bridge_ledger_watts{side=\"%s\",is=\"limit\"} %" PRIu64 "\nwattle_bridge_ledger_watts{side=\"%s\",is=\"used\"} %" PRIu64
					 "\nwattle_bridge_ledger_watts{side=\"%s\",is=\"wanted\"} %" PRIu64 "\n", names[i], ledger->view[i].limit_w, names[i],
					 ledger->view[i].used_w, names[i], ledger->view[i].wanted_w);
	if (len < size)
		len += (size_t) snprintf(text + len, size - len, "wattle_bridge_ledger_shifts_total{to=\"lower\"} %" PRIu64 "\n"
					 "wattle_bridge_ledger_shifts_total{to=\"higher\"} %" PRIu64 "\nwattle_bridge_ledger_tightened %d\n"
					 "wattle_bridge_ledger_pod_caps_total %" PRIu64 "\nwattle_bridge_ledger_evicted_total %" PRIu64 "\n"
					 "wattle_bridge_ledger_resumed_total %" PRIu64 "\nwattle_bridge_ledger_ok %d\n", ledger->lowered, ledger->raised,
					 ledger->now.tightened, ledger->capped, ledger->evicted, ledger->resumed, !ledger->trouble[0]);
	if (len < size)
		return len;
	*text = '\0'; /* all of it or nothing */
	return 0;
}
