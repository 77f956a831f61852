/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans whose answer is known, and plans on measured curves. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "forecast_read.h"
#include "plan_window.h"
#include "plans.h"
#include "runner.h"
#include "scaling.h"

static struct plans *p;

static void set_slots(const double *g, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		p->slot[i].g_per_kwh = p->slot[i].weight = g[i];
}

/* 1 node: 1/s at 100 W; 2: 1.8/s at 200 W; 3: 2.0/s at 300 W */
static void set_curve(void)
{
	static const double throughput[] = { 1, 1.8, 2.0 };

	for (uint32_t k = 0; k < 3; k++)
		p->config[k] = (struct wattle_plan_config){ k + 1, 0, throughput[k], 100.0 * (k + 1) };
}

static void check_entry(uint32_t i, uint32_t slot, uint32_t nodes, double fraction)
{
	CU_ASSERT_FATAL(i < p->plan.n_entries);
	CHECK_INT(p->entry[i].slot, slot);
	CHECK_INT(p->config[p->entry[i].config].nodes, nodes);
	CU_ASSERT_DOUBLE_EQUAL(p->entry[i].run_s / p->slot[slot].length_s, fraction, 1e-9);
}

/* Marginal grams per work are c x 100, c x 125, c x 500: with c = 100, 200, 400 the order is (slot 0, 1st), (0, 2nd), (1, 1st),
 * (1, 2nd), (2, 1st) and (0, 3rd) only after 40000. */
static void test_scale_by_hand(void)
{
	const double g[] = { 100, 200, 400 };

	plans_begin(p, 3, 3, 3600 * (1.8 + 1 + 0.4));
	set_slots(g, 3);
	set_curve();
	plans_make(p, WATTLE_PLAN_SCALE);
	CHECK_INT(p->plan.n_entries, 3);
	check_entry(0, 0, 2, 1);
	/* 1 at half of the slot, 2 at the other half: 0.4 of 0.8; in running order, and next to 2 comes 2 */
	check_entry(1, 1, 2, 0.5);
	check_entry(2, 1, 1, 0.5);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.carbon_g, 0.2 * 100 + 0.5 * 0.2 * 200 + 0.5 * 0.1 * 200, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.energy_j, 3600 * (200 + 150), 1e-6);
	CHECK_INT(p->plan.sum.switches, 1);
	/* at once on 1 node would take 3.2 h of 3: so on 2 */
	CHECK_INT(p->config[p->plan.agnostic_config].nodes, 2);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.agnostic.carbon_g, 0.2 * 100 + 0.2 * 200 * (3.2 / 1.8 - 1), 1e-9);
}

static void test_one_size(void)
{
	const double g[] = { 100, 200, 400 };

	plans_begin(p, 3, 3, 3600 * (1.8 + 1 + 0.4));
	set_slots(g, 3);
	set_curve();
	p->problem.grain = WATTLE_PLAN_ONE_SIZE;
	plans_make(p, WATTLE_PLAN_SCALE);
	CHECK_INT(p->plan.n_entries, 2);
	check_entry(0, 0, 2, 1);
	check_entry(1, 1, 2, 1.4 / 1.8);
	p->problem.grain = WATTLE_PLAN_WHOLE;
	plans_make(p, WATTLE_PLAN_SCALE);
	check_entry(1, 1, 2, 1);
}

static void test_pause_and_start(void)
{
	const double g[] = { 300, 100, 500, 120, 110 };

	plans_begin(p, 5, 1, 3600 * 2.5);
	set_slots(g, 5);
	set_curve();
	plans_make(p, WATTLE_PLAN_PAUSE);
	CHECK_INT(p->plan.n_entries, 3);
	check_entry(0, 1, 1, 1);
	check_entry(1, 3, 1, 0.5); /* at the end of its slot, next to what follows */
	check_entry(2, 4, 1, 1);
	CHECK_INT(p->plan.sum.switches, 1);
	CU_ASSERT_DOUBLE_EQUAL(p->entry[1].begin_s, 3.5 * 3600, 1e-6);
	plans_make(p, WATTLE_PLAN_START);
	/* half of slot 2 and slots 3 and 4: 480, against 1, 2 and half of 3: 660 */
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.start_s, 2.5 * 3600, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.carbon_g, 0.1 * (250 + 120 + 110), 1e-9);
	/* a resume that takes an hour is not worth it */
	p->problem.overhead_s = 3600;
	plans_make(p, WATTLE_PLAN_PAUSE);
	CHECK_INT(p->plan.sum.switches, 0);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.carbon_g, 0.1 * (250 + 120 + 110), 1e-9);
	/* one that takes a minute is: the second run is a minute longer, out of slot 3 */
	p->problem.overhead_s = 60;
	plans_make(p, WATTLE_PLAN_PAUSE);
	CHECK_INT(p->plan.sum.switches, 1);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.carbon_g, 0.1 * (100 + 60 + 110) + 0.1 * 120 / 60, 1e-6);
}

static void test_flat_runs_at_once(void)
{
	const double g[] = { 200, 200, 200, 200 };

	for (unsigned policy = WATTLE_PLAN_NOW; policy <= WATTLE_PLAN_CARBONSCALER; policy++) {
		plans_begin(p, 4, 1, 3600 * 1.5);
		set_slots(g, 4);
		set_curve();
		plans_make(p, (enum wattle_plan_policy) policy);
		CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.start_s, 0, 1e-9);
		CU_ASSERT(policy == WATTLE_PLAN_CARBONSCALER || fabs(p->plan.saving_pct) < 1e-9);
	}
}

static void test_deadline_first(void)
{
	const double g[] = { 900, 900, 100, 100 };

	plans_begin(p, 4, 3, 3600 * 10);
	set_slots(g, 4);
	set_curve();
	/* 4 h at 2/s are 8 of 10: said, and run at once as fast as it goes */
	plans_make(p, WATTLE_PLAN_SCALE);
	CU_ASSERT(p->plan.fell_back && !p->plan.sum.deadline_met);
	CHECK_INT(p->config[p->plan.config].nodes, 3);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.end_s, 5 * 3600, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.beyond_s, 3600, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.carbon_g, 0.3 * (2000 + 500), 1e-6);
	/* a forecast that ends before the deadline: at once, but no faster than need be */
	p->problem.deadline_s = 3600 * 11;
	plans_make(p, WATTLE_PLAN_SCALE);
	CU_ASSERT(p->plan.fell_back && p->plan.sum.deadline_met);
	CHECK_INT(p->config[p->plan.config].nodes, 1);
	/* just so */
	p->problem.deadline_s = 3600 * 4;
	p->problem.work = 3600 * 8;
	plans_make(p, WATTLE_PLAN_SCALE);
	CU_ASSERT(!p->plan.fell_back && p->plan.sum.deadline_met);
	CHECK_INT(p->plan.n_entries, 4);
}

static void test_partial_first_slot(void)
{
	const double g[] = { 100, 300, 300 };

	plans_begin(p, 3, 1, 3600);
	set_slots(g, 3);
	set_curve();
	p->problem.start_s = 1800;
	p->problem.deadline_s = 9000;
	plans_make(p, WATTLE_PLAN_SCALE);
	CHECK_INT(p->plan.n_entries, 2);
	check_entry(0, 0, 1, 0.5);
	check_entry(1, 1, 1, 0.5);
	CU_ASSERT_DOUBLE_EQUAL(p->entry[0].begin_s, 1800, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.end_s, 5400, 1e-9);
}

static void test_negative_prices(void)
{
	const double price[] = { 50, -20, -10 };

	plans_begin(p, 3, 3, 3600);
	set_slots(price, 3);
	set_curve();
	for (uint32_t i = 0; i < 3; i++)
		p->slot[i].g_per_kwh = 300;
	/* no more energy than need be, however much it is paid for */
	plans_make(p, WATTLE_PLAN_SCALE);
	CHECK_INT(p->plan.n_entries, 1);
	check_entry(0, 1, 1, 1);
	CU_ASSERT_DOUBLE_EQUAL(p->plan.sum.cost, -2, 1e-9);
}

static void expect_refused(const char *what)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_plan_make(&p->problem, WATTLE_PLAN_SCALE, p->scratch, p->scratch_bytes, &p->plan, &err), -EINVAL);
	CHECK_HOLDS(err.text, what);
	p->plan.entry = p->entry;
}

static void test_refuses(void)
{
	const double g[] = { 100, 300, 300 };

#define FRESH() (plans_begin(p, 3, 3, 3600), set_slots(g, 3), set_curve())
	FRESH();
	p->slot[1].weight = NAN;
	expect_refused("slot 1");
	FRESH();
	p->slot[2].start_s += 60;
	expect_refused("slot 2 does not begin where slot 1 ends");
	FRESH();
	p->config[2].power_w = 0;
	expect_refused("configuration 2 (3 nodes)");
	FRESH();
	p->problem.work = NAN;
	expect_refused("no work");
	FRESH();
	p->problem.deadline_s = 0;
	expect_refused("deadline");
	FRESH();
	p->problem.start_s = 3 * 3600;
	expect_refused("outside the forecast");
	FRESH();
	p->problem.n_slots = 0;
	expect_refused("0 slots");
	FRESH();
	p->problem.base = 3;
	expect_refused("base");
	FRESH();
	p->scratch_bytes = 16;
	expect_refused("too little memory");
	p->scratch_bytes = wattle_plan_scratch_bytes(PLANS_SLOTS, PLANS_CONFIGS);
}

/* --- the paper's greedy, as it is written ------------------------------------ */

struct step {
	double value;
	uint32_t slot, size;
};

static int by_value(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->slot != y->slot ? (x->slot > y->slot) - (x->slot < y->slot) : (x->size > y->size) - (x->size < y->size);
}

/* Sizes of slots; false: the work was not done. */
static bool paper_greedy(uint32_t *size)
{
	static struct step list[PLANS_SLOTS * PLANS_CONFIGS];
	double missing = p->problem.work;
	uint32_t n = 0;

	for (uint32_t t = 0; t < p->problem.n_slots; t++) {
		size[t] = 0;
		for (uint32_t k = 0; k < p->problem.n_configs; k++) {
			double r = p->config[k].throughput_per_s - (k ? p->config[k - 1].throughput_per_s : 0);
			double w = p->config[k].power_w - (k ? p->config[k - 1].power_w : 0);

			list[n++] = (struct step){ r / (w * p->slot[t].weight), t, k };
		}
	}
	qsort(list, n, sizeof(*list), by_value);
	while (missing > 1e-9 * p->problem.work) {
		uint32_t i = 0;

		/* the first admissible one, from the top each time */
		while (i < n && list[i].size != size[list[i].slot])
			i++;
		if (i == n)
			return false;
		missing -= p->slot[list[i].slot].length_s *
			   (p->config[list[i].size].throughput_per_s - (list[i].size ? p->config[list[i].size - 1].throughput_per_s : 0));
		size[list[i].slot]++;
	}
	return true;
}

static void test_greedy_equals_paper(void)
{
	static uint32_t size[PLANS_SLOTS];
	uint64_t seed = 99;
	unsigned same = 0;

	for (int round = 0; round < 3000; round++) {
		uint32_t n = 0;

		plans_random(p, &seed, 24, 8);
		/* strictly positive intensities with ties, increasing node counts, curves of any shape */
		for (uint32_t t = 0; t < p->problem.n_slots; t++)
			p->slot[t].weight = p->slot[t].g_per_kwh = 50 + 10 * floor(20 * plans_unit(&seed));
		for (uint32_t k = 0; k < p->problem.n_configs; k++)
			p->config[k].nodes = 2 + k;
		p->problem.start_s = 0;
		p->problem.deadline_s = p->slot[p->problem.n_slots - 1].start_s + p->slot[p->problem.n_slots - 1].length_s;
		plans_make(p, WATTLE_PLAN_CARBONSCALER);
		if (p->plan.fell_back) {
			CU_ASSERT(!paper_greedy(size));
			continue;
		}
		CU_ASSERT_FATAL(paper_greedy(size));
		for (uint32_t t = 0; t < p->problem.n_slots; t++) {
			if (size[t] == 0)
				continue;
			CU_ASSERT_FATAL(n < p->plan.n_entries);
			check_entry(n, t, p->config[size[t] - 1].nodes, 1);
			n++;
		}
		CHECK_INT(p->plan.n_entries, n);
		same++;
	}
	CU_ASSERT(same > 1500);
}

/* --- measured curves, which are not ours to ship ------------------------------ */

static bool load_curve(const char *path)
{
	const struct wattle_file_rule rule = { 65536, true };
	struct wattle_scaling scaling;
	char *text = NULL;

	if (wattle_file_read(path, &rule, &text, NULL, NULL, NULL) < 0)
		return false;
	CHECK_INT(wattle_scaling_parse(path, text, &scaling, NULL), 0);
	free(text);
	for (uint32_t k = 0; k < scaling.n; k++)
		p->config[k] = (struct wattle_plan_config){ scaling.point[k].nodes, 0, scaling.point[k].throughput_per_s,
							    scaling.point[k].power_w };
	p->problem.n_configs = scaling.n;
	return true;
}

static bool load_trace(const char *path, struct wattle_forecast *f)
{
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 3600 };

	return wattle_forecast_read(path, &wish, f, NULL) == 0;
}

static int by_double(const void *a, const void *b)
{
	return (*(const double *) a > *(const double *) b) - (*(const double *) a < *(const double *) b);
}

static void test_measured(void)
{
	static const char *const curves[] = { "nbody100k", "nbody10k" }, *const zones[] = { "AU-SA", "DE", "US-CAL-CISO" };
	const char *data = getenv("WATTLE_TEST_DATA");
	static double gap[100000];
	struct wattle_forecast f;
	uint32_t n = 0;
	char path[1024];

	if (!data) {
		printf("\n    SKIPPED: measured curves and traces: WATTLE_TEST_DATA names no folder with profiles/ and carbon/\n");
		return;
	}
	for (unsigned c = 0; c < 2; c++)
		for (unsigned z = 0; z < 3; z++) {
			snprintf(path, sizeof(path), "%s/carbon/%s.csv", data, zones[z]);
			if (!load_trace(path, &f)) {
				printf("\n    SKIPPED: %s\n", path);
				continue;
			}
			for (uint32_t at = 0; at + 168 < f.n; at += 97)
				for (uint32_t hours = 6; hours <= 48; hours *= 2) {
					double bound, scale, one_size, greedy;

					plans_begin(p, hours + hours / 2, 1, 1);
					set_slots(f.value + at, p->problem.n_slots);
					snprintf(path, sizeof(path), "%s/profiles/%s.csv", data, curves[c]);
					if (!load_curve(path)) {
						printf("\n    SKIPPED: %s\n", path);
						break;
					}
					p->problem.work = hours * 3600.0 * p->config[1].throughput_per_s;
					p->problem.base = 1;
					plans_make(p, WATTLE_PLAN_CARBONSCALER);
					greedy = plans_cost(p);
					bound = plans_lp_bound(p);
					plans_make(p, WATTLE_PLAN_SCALE);
					scale = plans_cost(p);
					p->problem.grain = WATTLE_PLAN_ONE_SIZE;
					plans_make(p, WATTLE_PLAN_SCALE);
					one_size = plans_cost(p);
					CU_ASSERT(scale <= bound * 1.001 && scale >= bound * (1 - 1e-9));
					CU_ASSERT(scale <= greedy * (1 + 1e-9) && one_size >= scale * (1 - 1e-9));
					gap[n++] = 100 * (one_size / bound - 1);
				}
			free(f.value);
		}
	if (n == 0)
		return;
	qsort(gap, n, sizeof(*gap), by_double);
	printf("\n    one size a slot, above the bound: median %.3f%%, worst %.3f%% of %u plans\n", gap[n / 2], gap[n - 1], n);
}

int main(void)
{
	static const struct test tests[] = {
		{ "scale: the marginal slot is shared", test_scale_by_hand },
		{ "one size a slot, whole slots", test_one_size },
		{ "pause and start", test_pause_and_start },
		{ "a flat forecast delays nothing", test_flat_runs_at_once },
		{ "the deadline comes first, and is said when it can't be kept", test_deadline_first },
		{ "partial first and last slot", test_partial_first_slot },
		{ "negative prices burn nothing", test_negative_prices },
		{ "refuses what is no problem", test_refuses },
		{ "carbonscaler is the paper's greedy", test_greedy_equals_paper },
		{ "measured curves: within 0.1% of the bound", test_measured },
		{ NULL, NULL },
	};
	int rc;

	p = calloc(1, sizeof(*p));
	if (!p)
		return 2;
	rc = run_suite("plan", tests);
	plans_free(p);
	return rc;
}
