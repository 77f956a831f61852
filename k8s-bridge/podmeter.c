/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "podmeter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATE_NS UINT64_C(2000000000) /* a pod first seen running for longer was not measured from its begin */
#define SLICES_MAX 64

struct wattle_pod_tale *wattle_pod_tale_new(void)
{
	return calloc(1, sizeof(struct wattle_pod_tale));
}

void wattle_pod_tale_free(struct wattle_pod_tale *tale)
{
	free(tale);
}

static bool is_sandbox(const struct wattle_pod_state *state, const struct wattle_pod_container *container)
{
	return container->oldest.pid == state->sandbox.pid && container->oldest.start_ticks == state->sandbox.start_ticks;
}

/* All that compute: workers also where they have no watts. */
static bool is_metered(const struct wattle_pod_state *state)
{
	return state->own && (state->pod.allocated_w || strcmp(state->pod.role, "worker") == 0);
}

/* When the first of its processes that live began. */
static uint64_t begin_of(const struct wattle_pod_state *state, uint64_t now_ns)
{
	uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t) sysconf(_SC_CLK_TCK), least_ns = now_ns;

	for (uint32_t i = 0; i < state->n_containers; i++)
		if (!is_sandbox(state, &state->container[i]) && state->container[i].oldest.start_ticks * tick_ns < least_ns)
			least_ns = state->container[i].oldest.start_ticks * tick_ns;
	return least_ns;
}

static void begin(struct wattle_pod_state *state, uint64_t now_ns)
{
	struct wattle_pod_tale *tale = state->own;

	tale->began = true;
	tale->begin_ns = begin_of(state, now_ns);
	tale->whole = !is_metered(state) || now_ns - tale->begin_ns < LATE_NS;
	if (!tale->whole)
		tale->begin_ns = now_ns;
	tale->start_s = (int64_t) time(NULL) - (int64_t) ((now_ns - tale->begin_ns) / UINT64_C(1000000000));
}

static void feed(struct wattle_podmeter *m, struct wattle_pod_tale *tale, uint64_t now_ns)
{
	wattle_meter_feed(&tale->meter, now_ns, &m->zones, tale->cap_w ? m->cap_uw : 0);
}

static bool read_counters(struct wattle_podmeter *m)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	bool energy = false;
	uint64_t cap_uw;

	/* what can't be read is missing from the record, which says so */
	(void) wattle_meter_read(&m->zones, &cap_uw, &err);
	for (uint32_t i = 0; i < m->zones.n; i++)
		energy |= m->zones.zone[i].energy_present;
	if (m->effective_w)
		m->cap_uw = cap_uw;
	return energy;
}

void wattle_podmeter_sample(struct wattle_podmeter *m, struct wattle_podset *set)
{
	uint64_t now_ns = wattle_boottime_ns();
	bool read = m->n_metered && read_counters(m);

	for (size_t i = 0; i < set->n && read; i++) {
		struct wattle_pod_tale *tale = set->pod[i]->own;

		if (tale && tale->runs && tale->meter.n_samples)
			feed(m, tale, now_ns);
	}
}

/* Pods of one MPIJob on a node share it with each other, and with no other job. */
static void mark_shared(struct wattle_podset *set)
{
	const struct wattle_pod_state *first = NULL;
	bool several = false;

	for (size_t i = 0; i < set->n; i++) {
		const struct wattle_pod_state *state = set->pod[i];

		if (!is_metered(state) || !state->n_procs)
			continue;
		several = several || (first && (!first->pod.job[0] || strcmp(first->pod.job, state->pod.job) != 0));
		first = state;
	}
	for (size_t i = 0; i < set->n && several; i++)
		if (is_metered(set->pod[i]) && set->pod[i]->n_procs)
			((struct wattle_pod_tale *) set->pod[i]->own)->shared = true;
}

void wattle_podmeter_look(struct wattle_podmeter *m, struct wattle_podset *set)
{
	uint64_t now_ns = wattle_boottime_ns();
	bool changed = false, read = false;

	for (size_t i = 0; i < set->n; i++) {
		struct wattle_pod_tale *tale = set->pod[i]->own;

		if (tale && !tale->began && set->pod[i]->n_procs)
			begin(set->pod[i], now_ns);
		changed |= is_metered(set->pod[i]) && tale->runs != (set->pod[i]->n_procs > 0);
	}
	if (changed)
		read = read_counters(m);
	m->n_metered = 0;
	for (size_t i = 0; i < set->n; i++) {
		struct wattle_pod_tale *tale = set->pod[i]->own;
		bool runs = set->pod[i]->n_procs > 0;

		if (!tale)
			continue;
		if (is_metered(set->pod[i]) && read && runs != tale->runs)
			feed(m, tale, now_ns);
		if (tale->runs && !runs)
			tale->end_ns = now_ns;
		tale->runs = runs;
		m->n_metered += is_metered(set->pod[i]) && runs;
	}
	mark_shared(set);
}

bool wattle_podmeter_runs(const struct wattle_podmeter *m)
{
	return m->n_metered > 0;
}

void wattle_podmeter_applied(struct wattle_podmeter *m, struct wattle_podset *set, const struct wattle_outcome *outcome)
{
	const char *note = outcome->cap_failed ? outcome->cap_failure : "";

	for (uint32_t i = 0; i < outcome->n_events && !note[0]; i++)
		if (outcome->event[i].kind == WATTLE_EVENT_FOREIGN)
			note = outcome->event[i].text;
	m->effective_w = outcome->effective_w;
	for (size_t i = 0; i < set->n; i++) {
		struct wattle_pod_tale *tale = set->pod[i]->own;

		if (!tale || !wattle_pod_leased(set->pod[i]))
			continue;
		tale->granted_w = wattle_pod_watts(&set->pod[i]->pod);
		tale->cap_w = outcome->effective_w;
		tale->cap_failed = tale->cap_failed || outcome->cap_failed;
		if (note[0])
			snprintf(tale->note, sizeof(tale->note), "%s", note);
	}
}

bool wattle_pod_told(const struct wattle_pod_state *state)
{
	return state->over && (state->gone || state->pod.deleting || state->pod.phase == WATTLE_POD_SUCCEEDED || state->pod.phase == WATTLE_POD_FAILED);
}

static void take_meter(const struct wattle_pod_tale *tale, struct wattle_record *ret)
{
	const struct wattle_meter *meter = &tale->meter;

	ret->energy_j = -1;
	if (meter->n_samples < 2)
		return;
	ret->elapsed_s = (double) (meter->last_ns - meter->start_ns) / 1e9;
	ret->energy_j = (double) meter->energy_uj / 1e6;
	ret->mean_w = ret->elapsed_s > 0 ? ret->energy_j / ret->elapsed_s : 0;
	/* one too short for a judged window drew its mean */
	ret->peak_w = meter->peak_w > ret->mean_w ? meter->peak_w : ret->mean_w;
	ret->capped_s = (double) meter->capped_ns / 1e9;
	ret->at_cap_s = (double) meter->at_cap_ns / 1e9;
	ret->over_s = (double) meter->over_ns / 1e9;
	ret->slices = meter->slices;
	wattle_slices_coarsen(&ret->slices, SLICES_MAX);
}

bool wattle_podmeter_record(struct wattle_pod_state *state, const struct wattle_this_node *here, struct wattle_pod_record *ret)
{
	static const char *const states[] = { [WATTLE_POD_SUCCEEDED] = "Succeeded", [WATTLE_POD_FAILED] = "Failed" };
	struct wattle_pod_tale *tale = state->own;
	const struct wattle_pod *pod = &state->pod;
	struct wattle_pod_record all = { .slowdown_pct = pod->grant.slowdown_pct };
	struct wattle_record *record = &all.record;
	bool launcher = strcmp(pod->role, "launcher") == 0;
	uint64_t end_ns;

	if (!tale || !tale->began || tale->recorded || !pod->job[0])
		return false;
	tale->recorded = true;
	end_ns = tale->runs || !tale->end_ns ? wattle_boottime_ns() : tale->end_ns;
	record->step_id = launcher ? WATTLE_STEP_BATCH : pod->index;
	snprintf(record->node, sizeof(record->node), "%s", here->host);
	record->elapsed_s = (double) (end_ns - tale->begin_ns) / 1e9;
	take_meter(tale, record);
	record->start_s = tale->start_s;
	record->end_s = tale->start_s + (int64_t) (record->elapsed_s + 0.5);
	record->grant_w = tale->granted_w;
	record->cap_w = tale->cap_w;
	record->base_w = is_metered(state) ? here->node.base_w : 0;
	record->cap_held = !tale->cap_failed && tale->meter.over_longest_ns <= UINT64_C(1000000000);
	record->shared = tale->shared;
	snprintf(record->note, sizeof(record->note), "%s", tale->note);
	snprintf(all.job, sizeof(all.job), "%s", pod->job);
	snprintf(all.owner, sizeof(all.owner), "%s", pod->owner);
	snprintf(all.pod, sizeof(all.pod), "%.255s", strchr(pod->name, '/') + 1);
	snprintf(all.pod_uid, sizeof(all.pod_uid), "%s", pod->uid);
	snprintf(all.role, sizeof(all.role), "%s", pod->role);
	snprintf(all.state, sizeof(all.state), "%s", pod->phase == WATTLE_POD_SUCCEEDED || pod->phase == WATTLE_POD_FAILED ? states[pod->phase] : "");
	snprintf(all.profile, sizeof(all.profile), "%s", pod->grant.profile);
	all.whole = tale->whole;
	*ret = all;
	return true;
}
