/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

void plans_begin(struct plans *p, uint32_t n_slots, uint32_t n_configs, double work)
{
	if (!p->scratch) {
		p->scratch_bytes = wattle_plan_scratch_bytes(PLANS_SLOTS, PLANS_CONFIGS);
		p->scratch = malloc(p->scratch_bytes);
	}
	p->problem = (struct wattle_plan_problem){ .slot = p->slot, .n_slots = n_slots, .config = p->config, .n_configs = n_configs,
						   .work = work, .deadline_s = 3600.0 * n_slots, .switches_max = UINT32_MAX };
	for (uint32_t i = 0; i < n_slots; i++)
		p->slot[i] = (struct wattle_plan_slot){ 3600.0 * i, 3600, 0, 0 };
	p->plan.entry = p->entry;
}

void plans_free(struct plans *p)
{
	free(p->scratch);
	free(p);
}

double plans_unit(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (double) ((*seed * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

double plans_usable(const struct plans *p, uint32_t slot)
{
	const struct wattle_plan_slot *s = &p->slot[slot];

	return fmax(0, fmin(s->start_s + s->length_s, p->problem.deadline_s) - fmax(s->start_s, p->problem.start_s));
}

double plans_cost(const struct plans *p)
{
	double cost = 0;

	for (uint32_t i = 0; i < p->plan.n_entries; i++)
		cost += p->slot[p->entry[i].slot].weight * p->config[p->entry[i].config].power_w * p->entry[i].run_s;
	return cost;
}

/* --- what must hold of any plan ----------------------------------------- */

static double fastest(const struct plans *p)
{
	double most = 0;

	for (uint32_t k = 0; k < p->problem.n_configs; k++)
		most = fmax(most, p->config[k].throughput_per_s);
	return most;
}

static void check_entries(const struct plans *p)
{
	const struct wattle_plan_entry *e = p->entry;
	double done = 0, in_slot_s = 0;

	CU_ASSERT_FATAL(p->plan.n_entries >= 1 && p->plan.n_entries <= wattle_plan_entries_max(p->problem.n_slots));
	for (uint32_t i = 0; i < p->plan.n_entries; i++) {
		const struct wattle_plan_slot *s = &p->slot[e[i].slot];

		CU_ASSERT_FATAL(e[i].slot < p->problem.n_slots && e[i].config < p->problem.n_configs);
		CU_ASSERT(e[i].run_s > 0 && e[i].overhead_s >= 0 && e[i].overhead_s <= e[i].run_s);
		CU_ASSERT(e[i].begin_s >= s->start_s - 1e-6 && e[i].begin_s >= p->problem.start_s - 1e-6);
		CU_ASSERT(e[i].begin_s + e[i].run_s <= s->start_s + s->length_s + 1e-6);
		CU_ASSERT(i == 0 || e[i].begin_s >= e[i - 1].begin_s + e[i - 1].run_s - 1e-6);
		in_slot_s = i > 0 && e[i].slot == e[i - 1].slot ? in_slot_s + e[i].run_s : e[i].run_s;
		CU_ASSERT(in_slot_s <= s->length_s * (1 + 1e-12));
		done += (e[i].run_s - e[i].overhead_s) * p->config[e[i].config].throughput_per_s;
	}
	if (p->plan.sum.beyond_s <= 0)
		CU_ASSERT(done >= p->problem.work * (1 - 1e-8));
	if (!p->plan.fell_back && p->plan.policy != WATTLE_PLAN_NOW)
		CU_ASSERT(e[p->plan.n_entries - 1].begin_s + e[p->plan.n_entries - 1].run_s <= p->problem.deadline_s + 1e-6);
}

/* A resize or a resume after the first run is paid for. */
static void check_overheads(const struct plans *p)
{
	double owed_s = 0;
	uint32_t switches = 0;

	for (uint32_t i = 0; i < p->plan.n_entries; i++) {
		const struct wattle_plan_entry *e = &p->entry[i];
		bool changes = i > 0 && (p->config[e->config].nodes != p->config[e[-1].config].nodes ||
					 e->begin_s > e[-1].begin_s + e[-1].run_s + 1e-6);

		if (changes) {
			switches++;
			owed_s = p->problem.overhead_s;
		}
		CU_ASSERT(e->overhead_s >= fmin(owed_s, e->run_s) - 1e-6);
		owed_s = fmax(0, owed_s - e->overhead_s);
	}
	CHECK_INT(p->plan.sum.switches, switches);
}

static void check_sum(const struct plans *p, const struct wattle_plan_sum *sum)
{
	CU_ASSERT(isfinite(sum->start_s) && isfinite(sum->end_s) && isfinite(sum->carbon_g) && isfinite(sum->energy_j) &&
		  isfinite(sum->cost) && isfinite(sum->beyond_s));
	CU_ASSERT(sum->start_s >= p->problem.start_s - 1e-6 && sum->end_s > sum->start_s);
	CU_ASSERT(sum->carbon_g >= 0 && sum->energy_j > 0 && sum->beyond_s >= 0);
	/* just at the deadline it may be either */
	CU_ASSERT(fabs(sum->end_s - p->problem.deadline_s) < 1e-4 || sum->deadline_met == (sum->end_s < p->problem.deadline_s));
}

static void check_plan(const struct plans *p)
{
	const struct wattle_plan_problem *q = &p->problem;
	double horizon_s = p->slot[q->n_slots - 1].start_s + p->slot[q->n_slots - 1].length_s;
	double room_s = fmin(q->deadline_s, horizon_s) - q->start_s, carbon_g = 0, energy_j = 0;

	check_entries(p);
	check_sum(p, &p->plan.sum);
	check_sum(p, &p->plan.agnostic);
	CU_ASSERT(isfinite(p->plan.saving_pct) && isfinite(p->plan.energy_saving_pct));
	/* no deadline missed that could have been kept; the greedy may run out of steps where more nodes do less */
	if (fastest(p) * room_s >= q->work * (1 + 1e-6))
		CU_ASSERT(p->plan.sum.deadline_met && (!p->plan.fell_back || p->plan.policy == WATTLE_PLAN_CARBONSCALER));
	if (fastest(p) * (q->deadline_s - q->start_s) >= q->work * (1 + 1e-6))
		CU_ASSERT(p->plan.sum.deadline_met && p->plan.agnostic.deadline_met);
	if (p->plan.sum.beyond_s > 0)
		return;
	for (uint32_t i = 0; i < p->plan.n_entries; i++) {
		double j = p->config[p->entry[i].config].power_w * p->entry[i].run_s;

		energy_j += j;
		carbon_g += j * p->slot[p->entry[i].slot].g_per_kwh / 3.6e6;
	}
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.energy_j, energy_j, 1e-9 * energy_j);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.carbon_g, carbon_g, 1e-9 * carbon_g);
}

void plans_make(struct plans *p, enum wattle_plan_policy policy)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_plan_make(&p->problem, policy, p->scratch, p->scratch_bytes, &p->plan, &err) < 0) {
		CHECK_STRING(err.text, "");
		CU_ASSERT_FATAL(0);
	}
	check_plan(p);
	if (!p->plan.fell_back && policy != WATTLE_PLAN_CARBONSCALER)
		check_overheads(p);
}

/* --- random problems ---------------------------------------------------- */

static double random_intensity(uint64_t *seed, unsigned kind)
{
	double u = plans_unit(seed);

	switch (kind) {
	case 0:
		return 20 + 500 * u;
	case 1:
		return floor(4 * u) * 100; /* ties and zeros */
	case 2:
		return u < 0.3 ? 0 : exp(20 * u - 10);
	default:
		return 200; /* flat */
	}
}

void plans_random(struct plans *p, uint64_t *seed, uint32_t slots_max, uint32_t configs_max)
{
	uint32_t t = 1 + (uint32_t) (plans_unit(seed) * slots_max), k = 1 + (uint32_t) (plans_unit(seed) * configs_max);
	unsigned weights = (unsigned) (plans_unit(seed) * 6), curve = (unsigned) (plans_unit(seed) * 4);
	bool uneven = plans_unit(seed) < 0.3, window = plans_unit(seed) < 0.3;
	double at_s = 0, most = 0;

	plans_begin(p, t, k, 1);
	for (uint32_t i = 0; i < t; i++) {
		double length_s = uneven ? 60 + 7200 * plans_unit(seed) : 3600, g = random_intensity(seed, weights);

		p->slot[i] = (struct wattle_plan_slot){ at_s, length_s, g, g };
		at_s += length_s;
	}
	for (uint32_t i = 0; i < k; i++) {
		struct wattle_plan_config *c = &p->config[i];
		double n = i + 1;

		c->nodes = i + 1;
		c->cap_w = 0;
		c->throughput_per_s = curve == 0 ? n : curve == 1 ? pow(n, 0.7) : 0.1 + 10 * plans_unit(seed);
		c->power_w = curve == 0 ? 100 * n : curve == 1 ? 50 + 100 * n : 10 + 1000 * plans_unit(seed);
		if (curve == 3) /* few node counts, several caps each */
			c->nodes = 1 + (uint32_t) (3 * plans_unit(seed));
		most = fmax(most, c->throughput_per_s);
	}
	p->problem.base = (uint32_t) (plans_unit(seed) * k);
	p->problem.start_s = window ? at_s * 0.5 * plans_unit(seed) : 0;
	p->problem.deadline_s = window ? p->problem.start_s + 1 + (1.2 * at_s - p->problem.start_s) * plans_unit(seed) : at_s;
	/* mostly feasible, sometimes just so, sometimes not */
	p->problem.work = most * (fmin(p->problem.deadline_s, at_s) - p->problem.start_s) * 1.1 * plans_unit(seed);
	if (plans_unit(seed) < 0.05)
		p->problem.work = most * (fmin(p->problem.deadline_s, at_s) - p->problem.start_s);
	if (!(p->problem.work > 0))
		p->problem.work = 1;
}

/* --- other ways to solve ------------------------------------------------ */

static double dual(const struct plans *p, double mu)
{
	double value = mu * p->problem.work;

	for (uint32_t t = 0; t < p->problem.n_slots; t++) {
		double best = 0;

		for (uint32_t k = 0; k < p->problem.n_configs; k++)
			best = fmax(best, mu * p->config[k].throughput_per_s - p->slot[t].weight * p->config[k].power_w);
		value -= best * plans_usable(p, t);
	}
	return value;
}

double plans_lp_bound(const struct plans *p)
{
	double best = 0;

	for (uint32_t t = 0; t < p->problem.n_slots; t++)
		for (uint32_t a = 0; a < p->problem.n_configs; a++) {
			best = fmax(best, dual(p, p->slot[t].weight * p->config[a].power_w / p->config[a].throughput_per_s));
			for (uint32_t b = 0; b < a; b++) {
				double rise = (p->config[a].power_w - p->config[b].power_w) /
					      (p->config[a].throughput_per_s - p->config[b].throughput_per_s);

				if (isfinite(rise) && rise > 0)
					best = fmax(best, dual(p, p->slot[t].weight * rise));
			}
		}
	return best;
}

struct brute {
	const struct plans *p;
	double least;
};

static void try_slot(struct brute *b, uint32_t t, double done, double cost)
{
	const struct plans *p = b->p;

	if (cost >= b->least)
		return;
	if (t == p->problem.n_slots) {
		if (done >= p->problem.work * (1 - 1e-9))
			b->least = cost;
		return;
	}
	try_slot(b, t + 1, done, cost);
	for (uint32_t k = 0; k < p->problem.n_configs; k++) {
		double s = plans_usable(p, t);

		try_slot(b, t + 1, done + s * p->config[k].throughput_per_s, cost + s * p->slot[t].weight * p->config[k].power_w);
	}
}

/* The greatest rise in power from one point of the lower convex hull to the next: by walking to the least slope. */
static double hull_step_w(const struct plans *p)
{
	double r = 0, w = 0, most = 0;

	for (;;) {
		double best = INFINITY, next_r = r, next_w = w;

		for (uint32_t k = 0; k < p->problem.n_configs; k++) {
			double slope = (p->config[k].power_w - w) / (p->config[k].throughput_per_s - r);

			if (p->config[k].throughput_per_s > r && slope < best) {
				best = slope;
				next_r = p->config[k].throughput_per_s;
				next_w = p->config[k].power_w;
			}
		}
		if (!(next_r > r))
			return most;
		most = fmax(most, next_w - w);
		r = next_r;
		w = next_w;
	}
}

double plans_brute_force(const struct plans *p, double *ret_step)
{
	struct brute b = { p, INFINITY };
	double step_w = hull_step_w(p);

	try_slot(&b, 0, 0, 0);
	*ret_step = 0;
	for (uint32_t t = 0; t < p->problem.n_slots; t++)
		*ret_step = fmax(*ret_step, plans_usable(p, t) * p->slot[t].weight * step_w);
	return b.least;
}
