/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of plans, over many problems. Usage: test_plan_random [CASES [SEED]]; 1000000 is for long runs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "plans.h"
#include "runner.h"

static struct plans *p;
static uint64_t cases = 20000, first_seed = 2026;

static bool fits(void)
{
	return !p->plan.fell_back && p->plan.sum.beyond_s <= 0;
}

/* Weights of 0 are planned with as if they were a 10^-12th of the greatest: so exact, up to that. */
static double tolerance(double value)
{
	double most = 0, work_s = 0;

	for (uint32_t i = 0; i < p->problem.n_slots; i++) {
		most = fmax(most, p->slot[i].weight);
		work_s += p->slot[i].length_s;
	}
	for (uint32_t i = 0; i < p->problem.n_configs; i++)
		work_s = fmax(work_s, work_s * p->config[i].power_w / 1000);
	return 1e-8 * fabs(value) + 1e-11 * most * work_s * 1000;
}

static void test_scale_is_optimal(void)
{
	uint64_t seed = first_seed, solved = 0;

	for (uint64_t i = 0; i < cases; i++) {
		double bound;

		plans_random(p, &seed, 12, 7);
		plans_make(p, WATTLE_PLAN_SCALE);
		if (!fits())
			continue;
		solved++;
		bound = plans_lp_bound(p);
		CU_ASSERT_DOUBLE_EQUAL(plans_cost(p), bound, tolerance(bound));
		/* only one slot is shared */
		uint32_t shared = 0, part = 0;
		for (uint32_t e = 1; e < p->plan.n_entries; e++)
			shared += p->entry[e].slot == p->entry[e - 1].slot;
		for (uint32_t e = 0; e < p->plan.n_entries; e++)
			part += p->entry[e].run_s < plans_usable(p, p->entry[e].slot) * (1 - 1e-9);
		CU_ASSERT(shared <= 1 && part <= 2);
	}
	CU_ASSERT(solved > cases / 2);
}

static void test_never_worse(void)
{
	uint64_t seed = first_seed + 1;

	for (uint64_t i = 0; i < cases; i++) {
		double scale, one_size, slack;
		bool fitted;

		plans_random(p, &seed, 12, 7);
		plans_make(p, WATTLE_PLAN_SCALE);
		fitted = fits();
		scale = plans_cost(p);
		slack = tolerance(scale);
		p->problem.grain = WATTLE_PLAN_ONE_SIZE;
		plans_make(p, WATTLE_PLAN_SCALE);
		one_size = plans_cost(p);
		CU_ASSERT(!fitted || one_size >= scale - slack);
		for (uint32_t e = 1; e < p->plan.n_entries; e++)
			CU_ASSERT(p->entry[e].slot != p->entry[e - 1].slot);
		for (unsigned policy = WATTLE_PLAN_NOW; policy <= WATTLE_PLAN_CARBONSCALER; policy++)
			for (uint32_t k = 0; k < p->problem.n_configs; k++) {
				p->problem.base = k;
				plans_make(p, (enum wattle_plan_policy) policy);
				/* the deadline kept, within the forecast: then scale did too, for no more */
				if (p->plan.sum.deadline_met && p->plan.sum.beyond_s <= 0) {
					CU_ASSERT(fitted);
					CU_ASSERT(scale <= plans_cost(p) + slack);
				}
				if (policy == WATTLE_PLAN_CARBONSCALER)
					break;
			}
	}
}

static void test_brute_force(void)
{
	uint64_t seed = first_seed + 2, solved = 0;

	for (uint64_t i = 0; i < cases; i++) {
		double exact, step, found;

		plans_random(p, &seed, 5, 3);
		p->problem.grain = WATTLE_PLAN_WHOLE;
		plans_make(p, WATTLE_PLAN_SCALE);
		if (!fits())
			continue;
		solved++;
		exact = plans_brute_force(p, &step);
		found = plans_cost(p);
		CU_ASSERT(found >= exact - tolerance(exact));
		CU_ASSERT(found <= exact + step + tolerance(exact));
	}
	CU_ASSERT(solved > cases / 2);
}

/* The start over a fine grid of starts is never better. */
static void test_start_is_optimal(void)
{
	uint64_t seed = first_seed + 3;

	for (uint64_t i = 0; i < cases / 10; i++) {
		double found, run_s, end_s;
		uint32_t config;

		plans_random(p, &seed, 12, 3);
		plans_make(p, WATTLE_PLAN_START);
		if (!fits())
			continue;
		found = plans_cost(p);
		config = p->plan.config;
		run_s = p->problem.work / p->config[config].throughput_per_s;
		end_s = fmin(p->problem.deadline_s, p->slot[p->problem.n_slots - 1].start_s + p->slot[p->problem.n_slots - 1].length_s);
		CHECK_INT(p->plan.sum.switches, 0);
		for (int g = 0; g < 50; g++) {
			double begin_s = p->problem.start_s + (end_s - run_s - p->problem.start_s) * g / 49, cost = 0;

			for (uint32_t t = 0; t < p->problem.n_slots; t++) {
				const struct wattle_plan_slot *s = &p->slot[t];
				double in_s = fmin(begin_s + run_s, s->start_s + s->length_s) - fmax(begin_s, s->start_s);

				cost += fmax(0, in_s) * s->weight * p->config[config].power_w;
			}
			CU_ASSERT(found <= cost + tolerance(cost));
		}
	}
}

/* With overhead: valid (plans_make checks that it is paid), never under the bound without, never worse than a contiguous run or
 * pauses at any configuration, and switches within their bound. */
static void test_overheads(void)
{
	uint64_t seed = first_seed + 4;

	for (uint64_t i = 0; i < cases / 100; i++) {
		double scale, bound;
		bool fitted;

		plans_random(p, &seed, 24, 6);
		p->problem.overhead_s = plans_unit(&seed) < 0.2 ? 5000 * plans_unit(&seed) : 600 * plans_unit(&seed);
		p->problem.switches_max = plans_unit(&seed) < 0.5 ? (uint32_t) (4 * plans_unit(&seed)) : UINT32_MAX;
		bound = plans_lp_bound(p);
		plans_make(p, WATTLE_PLAN_SCALE);
		fitted = fits();
		if (!fitted)
			continue;
		scale = plans_cost(p);
		CU_ASSERT(p->plan.sum.switches <= p->problem.switches_max);
		CU_ASSERT(scale >= bound - tolerance(bound));
		for (uint32_t k = 0; k < p->problem.n_configs; k++)
			for (unsigned policy = WATTLE_PLAN_NOW; policy <= WATTLE_PLAN_PAUSE; policy++) {
				p->problem.base = k;
				plans_make(p, (enum wattle_plan_policy) policy);
				CU_ASSERT(policy != WATTLE_PLAN_PAUSE || p->plan.sum.switches <= p->problem.switches_max);
				if (p->plan.sum.deadline_met && p->plan.sum.beyond_s <= 0)
					CU_ASSERT(scale <= plans_cost(p) + tolerance(scale));
			}
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "scale reaches the linear programme's bound", test_scale_is_optimal },
		{ "scale is never worse than now, start, pause or the greedy at any size", test_never_worse },
		{ "whole slots: within one step of brute force", test_brute_force },
		{ "start finds the best start", test_start_is_optimal },
		{ "overheads are paid and switches bounded", test_overheads },
		{ NULL, NULL },
	};
	int rc;

	if (argc > 1)
		cases = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	p = calloc(1, sizeof(*p));
	if (!p || cases < 100 || first_seed == 0)
		return 2;
	printf("%llu cases, seed %llu\n", (unsigned long long) cases, (unsigned long long) first_seed);
	rc = run_suite("plan random", tests);
	plans_free(p);
	return rc;
}
