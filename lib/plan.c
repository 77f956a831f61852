/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "plan_private.h"

#define JOULES_PER_KWH 3.6e6

static const char *const policy_names[] = {
	[WATTLE_PLAN_NOW] = "now",     [WATTLE_PLAN_START] = "start",
	[WATTLE_PLAN_PAUSE] = "pause", [WATTLE_PLAN_SCALE] = "scale",
	[WATTLE_PLAN_CARBONSCALER] = "carbonscaler",
};
#define N_POLICIES (sizeof(policy_names) / sizeof(policy_names[0]))

const char *wattle_plan_policy_name(enum wattle_plan_policy policy)
{
	return (unsigned) policy < N_POLICIES ? policy_names[policy] : "?";
}

int wattle_plan_policy_parse(const char *name, enum wattle_plan_policy *ret, struct wattle_err *err)
{
	char quoted[40];

	for (size_t i = 0; i < N_POLICIES; i++)
		if (strcmp(name, policy_names[i]) == 0) {
			*ret = (enum wattle_plan_policy) i;
			return 0;
		}
	return wattle_err_set(err, EINVAL, "no policy \"%s\": there are now, start, pause, scale and carbonscaler",
			      wattle_err_quote(quoted, sizeof(quoted), name));
}

uint32_t wattle_plan_entries_max(uint32_t n_slots)
{
	return n_slots + 1;
}

/* --- the caller's memory ------------------------------------------------ */

struct cutter {
	char *at;    /* NULL: only count */
	size_t used;
};

static void *cut(struct cutter *c, size_t bytes)
{
	void *here = c->at ? c->at + c->used : NULL;

	c->used += (bytes + 15) & ~(size_t) 15;
	return here;
}

static void cut_scratch(struct cutter *c, uint32_t n_slots, uint32_t n_configs, struct plan_work *w)
{
	size_t t = n_slots, k = n_configs, most = t > k ? t : k;

	w->point = cut(c, (k + 1) * sizeof(*w->point));
	w->slope = cut(c, k * sizeof(*w->slope));
	w->by_throughput = cut(c, k * sizeof(*w->by_throughput));
	w->by_nodes = cut(c, k * sizeof(*w->by_nodes));
	w->group = cut(c, k * sizeof(*w->group));
	w->span = cut(c, t * sizeof(*w->span));
	w->key = cut(c, most * sizeof(*w->key));
	w->key_spare = cut(c, most * sizeof(*w->key_spare));
	w->order = cut(c, most * sizeof(*w->order));
	w->spare = cut(c, most * sizeof(*w->spare));
	w->sorted = cut(c, t * sizeof(*w->sorted));
	w->length = cut(c, t * sizeof(*w->length));
	w->level = cut(c, t * sizeof(*w->level));
	w->run_s = cut(c, t * sizeof(*w->run_s));
	w->choice = cut(c, t * sizeof(*w->choice));
	w->since = cut(c, t * sizeof(*w->since));
	w->trial = cut(c, wattle_plan_entries_max(n_slots) * sizeof(*w->trial));
}

size_t wattle_plan_scratch_bytes(uint32_t n_slots, uint32_t n_configs)
{
	struct cutter c = { NULL, 0 };
	struct plan_work w;

	cut_scratch(&c, n_slots, n_configs, &w);
	return c.used;
}

/* --- checks ------------------------------------------------------------- */

static bool sane(double value)
{
	return isfinite(value) && fabs(value) < 1e18;
}

static int check_slots(const struct wattle_plan_problem *p, struct wattle_err *err)
{
	for (uint32_t i = 0; i < p->n_slots; i++) {
		const struct wattle_plan_slot *s = &p->slot[i];

		if (!sane(s->start_s) || !sane(s->length_s) || !(s->length_s >= 1e-3))
			return wattle_err_set(err, EINVAL, "slot %u is no stretch of time", i);
		if (!sane(s->g_per_kwh) || s->g_per_kwh < 0 || !sane(s->weight))
			return wattle_err_set(err, EINVAL, "the intensity of slot %u is no number that can be planned with", i);
		if (i > 0 && fabs(s[-1].start_s + s[-1].length_s - s->start_s) > 1e-6)
			return wattle_err_set(err, EINVAL, "slot %u does not begin where slot %u ends", i, i - 1);
	}
	return 0;
}

static int check_problem(const struct wattle_plan_problem *p, struct wattle_err *err)
{
	const struct wattle_plan_slot *last;
	int rc;

	if (p->n_slots < 1 || p->n_slots > WATTLE_PLAN_SLOTS_MAX)
		return wattle_err_set(err, EINVAL, "%u slots: 1 to %u can be planned with", p->n_slots, WATTLE_PLAN_SLOTS_MAX);
	if (p->n_configs < 1 || p->n_configs > WATTLE_PLAN_CONFIGS_MAX)
		return wattle_err_set(err, EINVAL, "%u configurations: 1 to %u can be planned with", p->n_configs,
				      WATTLE_PLAN_CONFIGS_MAX);
	if (p->base >= p->n_configs)
		return wattle_err_set(err, EINVAL, "the base configuration is none of the %u", p->n_configs);
	for (uint32_t k = 0; k < p->n_configs; k++) {
		const struct wattle_plan_config *c = &p->config[k];

		if (c->nodes < 1 || !sane(c->throughput_per_s) || !(c->throughput_per_s > 1e-12) || !sane(c->power_w) ||
		    !(c->power_w > 1e-12))
			return wattle_err_set(err, EINVAL, "configuration %u (%u nodes) needs a throughput and a power above 0", k,
					      c->nodes);
	}
	if (!sane(p->work) || !(p->work > 0))
		return wattle_err_set(err, EINVAL, "there is no work to plan");
	if (!sane(p->start_s) || !sane(p->deadline_s) || !sane(p->overhead_s) || p->overhead_s < 0)
		return wattle_err_set(err, EINVAL, "start, deadline or overhead is no time");
	rc = check_slots(p, err);
	if (rc < 0)
		return rc;
	last = &p->slot[p->n_slots - 1];
	if (p->start_s < p->slot[0].start_s || p->start_s >= last->start_s + last->length_s)
		return wattle_err_set(err, EINVAL, "the start lies outside the forecast");
	if (p->deadline_s <= p->start_s)
		return wattle_err_set(err, EINVAL, "the deadline is not behind the start");
	return 0;
}

/* --- the window --------------------------------------------------------- */

static void make_spans(struct plan_work *w)
{
	const struct wattle_plan_problem *p = w->problem;
	double all_s = 0, most = 0, floor;

	w->first_slot = 0;
	while (p->slot[w->first_slot].start_s + p->slot[w->first_slot].length_s <= p->start_s)
		w->first_slot++;
	for (uint32_t i = w->first_slot; i < p->n_slots; i++) {
		const struct wattle_plan_slot *s = &p->slot[i];
		double begin_s = fmax(s->start_s, p->start_s), end_s = s->start_s + s->length_s, length_s = end_s - begin_s;

		all_s += length_s;
		w->mean_g_per_kwh += (s->g_per_kwh - w->mean_g_per_kwh) * length_s / all_s;
		w->mean_weight += (s->weight - w->mean_weight) * length_s / all_s;
		if (begin_s >= p->deadline_s)
			continue;
		length_s = fmin(end_s, p->deadline_s) - begin_s;
		w->span[w->usable++] = (struct plan_span){ begin_s, length_s, s->weight };
		w->usable_s += length_s;
		most = fmax(most, s->weight);
	}
	floor = most > 0 ? most * 1e-12 : 1;
	for (uint32_t i = 0; i < w->usable; i++)
		w->span[i].weight = fmax(w->span[i].weight, floor);
}

/* by_nodes from by_throughput: stable insertion by nodes would be quadratic, so merge runs of a counting sort by two bytes at a time. */
static void sort_by_nodes(struct plan_work *w)
{
	const struct wattle_plan_config *config = w->problem->config;
	uint32_t n = w->problem->n_configs, *from = w->by_throughput, *to = w->spare;

	memcpy(w->by_nodes, w->by_throughput, n * sizeof(*w->by_nodes));
	from = w->by_nodes;
	for (unsigned shift = 0; shift < 32; shift += 8) {
		uint32_t count[257] = { 0 }, *swap = from;

		for (uint32_t i = 0; i < n; i++)
			count[(config[from[i]].nodes >> shift & 0xff) + 1]++;
		for (unsigned v = 1; v < 257; v++)
			count[v] += count[v - 1];
		for (uint32_t i = 0; i < n; i++)
			to[count[config[from[i]].nodes >> shift & 0xff]++] = from[i];
		from = to;
		to = swap;
	}
	/* after four passes it is back in by_nodes */
}

/* --- sums --------------------------------------------------------------- */

static void sum_up(const struct plan_work *w, const struct wattle_plan *plan, uint32_t config_beyond, struct wattle_plan_sum *ret)
{
	const struct wattle_plan_problem *p = w->problem;
	const struct wattle_plan_entry *last = &plan->entry[plan->n_entries - 1];
	struct wattle_plan_sum sum = { 0 };
	double done = 0;

	for (uint32_t i = 0; i < plan->n_entries; i++) {
		const struct wattle_plan_entry *e = &plan->entry[i];
		double energy_j = p->config[e->config].power_w * e->run_s;

		done += (e->run_s - e->overhead_s) * p->config[e->config].throughput_per_s;
		sum.energy_j += energy_j;
		sum.carbon_g += energy_j / JOULES_PER_KWH * p->slot[e->slot].g_per_kwh;
		sum.cost += energy_j / JOULES_PER_KWH * p->slot[e->slot].weight;
		sum.switches += i > 0 && !plan_continues(w, e - 1, e);
	}
	sum.start_s = plan->entry[0].begin_s;
	sum.end_s = last->begin_s + last->run_s;
	if (done < p->work * (1 - PLAN_EPSILON)) {
		const struct wattle_plan_config *c = &p->config[config_beyond];
		double kwh;

		sum.beyond_s = (p->work - done) / c->throughput_per_s;
		kwh = c->power_w * sum.beyond_s / JOULES_PER_KWH;
		sum.energy_j += kwh * JOULES_PER_KWH;
		sum.carbon_g += kwh * w->mean_g_per_kwh;
		sum.cost += kwh * w->mean_weight;
		sum.end_s += sum.beyond_s;
	}
	sum.deadline_met = sum.end_s <= p->deadline_s + 1e-6 * (1 + fabs(p->deadline_s) * 1e-6);
	*ret = sum;
}

/* --- the policies ------------------------------------------------------- */

/* The base configuration if it takes no longer than that, else the slowest faster one that does; PLAN_IDLE: none. */
static uint32_t pick_config(const struct plan_work *w, double within_s)
{
	const struct wattle_plan_problem *p = w->problem;
	double wanted = p->work / within_s * (1 - PLAN_EPSILON);

	if (p->config[p->base].throughput_per_s >= wanted)
		return p->base;
	for (uint32_t i = 0; i < p->n_configs; i++)
		if (p->config[w->by_throughput[i]].throughput_per_s >= wanted)
			return w->by_throughput[i];
	return PLAN_IDLE;
}

/* The fastest, and of those the one that draws least. */
static uint32_t fastest_config(const struct plan_work *w)
{
	return w->point[w->n_segments].config;
}

static void plan_agnostic(struct plan_work *w, struct wattle_plan *plan)
{
	const struct wattle_plan_problem *p = w->problem;

	plan->agnostic_config = pick_config(w, p->deadline_s - p->start_s);
	if (plan->agnostic_config == PLAN_IDLE)
		plan->agnostic_config = fastest_config(w);
	plan_run(w, plan->agnostic_config, p->start_s, plan);
	sum_up(w, plan, plan->agnostic_config, &plan->agnostic);
}

/* false: the work does not fit. */
static bool plan_by_policy(struct plan_work *w, struct wattle_plan *plan)
{
	const struct wattle_plan_problem *p = w->problem;
	bool costly = p->overhead_s > 0 || p->switches_max < p->n_slots;

	plan->config = pick_config(w, w->usable_s);
	switch (plan->policy) {
	case WATTLE_PLAN_NOW:
		return false;
	case WATTLE_PLAN_START:
		if (plan->config == PLAN_IDLE)
			return false;
		plan_start(w, plan->config, plan);
		return true;
	case WATTLE_PLAN_PAUSE:
		if (plan->config == PLAN_IDLE)
			return false;
		if (costly)
			plan_pause_switching(w, plan->config, plan);
		else
			plan_pause(w, plan->config, plan);
		return true;
	case WATTLE_PLAN_SCALE:
		if (w->point[w->n_segments].throughput * w->usable_s < p->work * (1 - PLAN_EPSILON))
			return false;
		if (costly) {
			sort_by_nodes(w);
			plan_scale_switching(w, plan);
		} else {
			plan_scale(w, plan);
		}
		return true;
	case WATTLE_PLAN_CARBONSCALER:
		sort_by_nodes(w);
		return plan_greedy(w, plan);
	}
	return false;
}

static double saving(double now, double before)
{
	return before > 0 ? 100 * (1 - now / before) : 0;
}

int wattle_plan_make(const struct wattle_plan_problem *problem, enum wattle_plan_policy policy, void *scratch, size_t scratch_bytes,
		     struct wattle_plan *ret, struct wattle_err *err)
{
	struct plan_work work = { .problem = problem };
	struct cutter cutter = { scratch, 0 };
	struct wattle_plan_entry *entry = ret->entry;
	int rc = check_problem(problem, err);

	if (rc < 0)
		return rc;
	if (scratch_bytes < wattle_plan_scratch_bytes(problem->n_slots, problem->n_configs))
		return wattle_err_set(err, EINVAL, "the planner was given too little memory");
	cut_scratch(&cutter, problem->n_slots, problem->n_configs, &work);
	make_spans(&work);
	plan_sort_configs(&work);
	plan_hull_make(&work);

	*ret = (struct wattle_plan){ .policy = policy, .entry = entry };
	plan_agnostic(&work, ret);
	if (!plan_by_policy(&work, ret)) {
		ret->fell_back = policy != WATTLE_PLAN_NOW;
		ret->config = ret->agnostic_config;
		plan_run(&work, ret->config, problem->start_s, ret);
	}
	sum_up(&work, ret, ret->config == PLAN_IDLE ? ret->agnostic_config : ret->config, &ret->sum);
	ret->saving_pct = saving(ret->sum.carbon_g, ret->agnostic.carbon_g);
	ret->energy_saving_pct = saving(ret->sum.energy_j, ret->agnostic.energy_j);
	return 0;
}
