/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a job starts: the golden cases, properties over many, and the texts that carry plans and loads.
 * Usage: test_carbon [CASES [SEED]] */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carbon_decide.h"
#include "cleanup.h"
#include "runner.h"

#define NOW INT64_C(1763762400) /* 2025-11-21 22:00 UTC, a Friday */
#define VALUES_MAX 2000

static uint64_t cases = 20000, state = 2026;
static void *scratch;
static double value[VALUES_MAX];

static const struct wattle_carbon_rules plain = {
	.delay_max_s = 24 * 3600, .margin_s = 300, .min_saving_pct = 5, .never_partitions = "debug,short", .never_qos = "urgent",
	.resize_overhead_s = 60, .switches_max = 3,
};

static uint64_t dice(uint64_t sides)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % sides;
}

static void decide(const struct wattle_carbon_rules *rules, const struct wattle_carbon_facts *facts,
		   const struct wattle_carbon_outlook *outlook, struct wattle_carbon_decision *ret)
{
	wattle_carbon_decide(rules, facts, outlook, scratch, wattle_carbon_scratch_bytes(), ret);
}

/* --- the golden cases ------------------------------------------------------------------------------------------------------- */

enum column { NAME, ASKED, BEGIN, WITHIN, DEADLINE, LIMIT, WORK, NODES, WHERE, AGE, SLOT, VALUES, MODE, START, ANSWER, COLUMNS };

static int64_t seconds(const char *text)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t s = 0;

	if (strcmp(text, "-") != 0)
		CHECK_INT(wattle_duration_parse(text, &s, &err), 0);
	return s;
}

static enum wattle_carbon_word word(const char *text)
{
	return !strcmp(text, "start") ? WATTLE_CARBON_START : !strcmp(text, "scale") ? WATTLE_CARBON_SCALE : WATTLE_CARBON_OFF;
}

static uint32_t read_values(char *text)
{
	uint32_t n = 0;

	for (char *s; (s = strsep(&text, " ")) != NULL && n < VALUES_MAX;) {
		char *times = strchr(s, 'x');
		uint32_t repeat = times ? (uint32_t) strtoul(times + 1, NULL, 10) : 1;

		for (uint32_t i = 0; i < repeat && n < VALUES_MAX; i++)
			value[n++] = strtod(s, NULL);
	}
	return n;
}

static int run_case(char *const c[COLUMNS])
{
	struct wattle_scaling curve = { .n = 3, .point = { { 1, 1, 0 }, { 2, 1.9, 0 }, { 4, 3.4, 0 } } };
	struct wattle_forecast forecast = { .dated = true, .value = value, .room = VALUES_MAX };
	struct wattle_carbon_facts facts = {
		.asked = word(c[ASKED]), .now_s = NOW, .begin_s = strcmp(c[BEGIN], "-") ? NOW + seconds(c[BEGIN]) : 0,
		.within_s = seconds(c[WITHIN]), .deadline_s = strcmp(c[DEADLINE], "-") ? NOW + seconds(c[DEADLINE]) : 0,
		.time_limit_s = seconds(c[LIMIT]), .work_s = seconds(c[WORK]), .watts_w = 300, .floor_w = 100, .resizable = true,
		.partitions = strncmp(c[WHERE], "qos=", 4) ? c[WHERE] : "main", .scaling = &curve,
	};
	struct wattle_carbon_outlook outlook = { .why = "there is no forecast for zone DE", .stale_after_s = 12 * 3600,
						 .issued_s = NOW - seconds(c[AGE]) };
	struct wattle_carbon_decision d;
	char text[256], found[512], wanted[512];

	if (!strncmp(c[WHERE], "qos=", 4))
		facts.qos = c[WHERE] + 4;
	facts.nodes_min = (uint32_t) strtoul(c[NODES], NULL, 10);
	facts.nodes_max = strchr(c[NODES], '-') ? (uint32_t) strtoul(strchr(c[NODES], '-') + 1, NULL, 10) : facts.nodes_min;
	if (strcmp(c[VALUES], "-")) {
		forecast.slot_s = (uint32_t) seconds(c[SLOT]);
		forecast.start_s = NOW - NOW % forecast.slot_s;
		forecast.n = read_values(c[VALUES]);
		outlook.forecast = &forecast;
	}
	decide(&plain, &facts, &outlook, &d);
	wattle_carbon_tail(&d, &facts, 3600, text, sizeof(text));
	snprintf(found, sizeof(found), "%s %s %s", d.mode == WATTLE_CARBON_START ? "start" : d.mode == WATTLE_CARBON_SCALE ? "scale" : "off",
		 wattle_carbon_span(d.start_s - NOW, (char[24]){ 0 }, 24), text);
	snprintf(wanted, sizeof(wanted), "%s %s %s", c[MODE], c[START], c[ANSWER]);
	if (strcmp(found, wanted) == 0)
		return 0;
	fprintf(stderr, "%s: wanted \"%s\", found \"%s\"\n", c[NAME], wanted, found);
	return 1;
}

static void test_golden(void)
{
	cleanup_free char *line = NULL;
	cleanup_fclose FILE *f = fopen(test_file("golden/carbon.tsv"), "re");
	unsigned failed = 0, n = 0;
	size_t size = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (getline(&line, &size, f) > 0) {
		char *columns[COLUMNS] = { 0 };

		if (*line == '#')
			continue;
		n++;
		CHECK_INT(split_tabs(line, columns, COLUMNS), COLUMNS);
		failed += columns[COLUMNS - 1] ? (unsigned) run_case(columns) : 1;
	}
	printf("%u golden cases ", n);
	CHECK_INT(failed, 0);
	CU_ASSERT(n >= 30);
}

/* --- properties ------------------------------------------------------------------------------------------------------------- */

struct trial {
	struct wattle_carbon_rules rules;
	struct wattle_carbon_facts facts;
	struct wattle_carbon_outlook outlook;
	struct wattle_forecast forecast;
	struct wattle_scaling curve;
	struct wattle_carbon_decision d;
};

static void throw_dice(struct trial *t, enum wattle_carbon_word asked)
{
	static const uint32_t slot_s[] = { 2, 60, 300, 1800, 3600 };
	uint32_t slot = slot_s[dice(5)], dirty = 100 + (uint32_t) dice(600);

	memset(t, 0, sizeof(*t));
	t->rules = plain;
	t->rules.spread_pct = (uint32_t) dice(8);
	t->rules.min_saving_pct = (uint32_t) dice(12);
	t->rules.margin_s = (uint32_t) dice(slot);
	t->rules.delay_max_s = (uint32_t) (dice(60) * slot);
	t->rules.within_s = dice(4) ? 0 : (uint32_t) (dice(60) * slot);
	t->rules.resize_overhead_s = (uint32_t) dice(slot / 8 + 1);
	t->rules.switches_max = (uint32_t) dice(6);
	t->forecast = (struct wattle_forecast){ .dated = true, .value = value, .room = VALUES_MAX, .slot_s = slot,
						.n = 1 + (uint32_t) dice(120), .start_s = NOW - (int64_t) dice(slot) };
	for (uint32_t i = 0; i < t->forecast.n; i++)
		value[i] = dice(10) ? (double) dice(dirty) : dice(3) ? dirty : 0;
	t->outlook = (struct wattle_carbon_outlook){ .forecast = &t->forecast, .issued_s = NOW - 60, .stale_after_s = 3600 };
	t->facts = (struct wattle_carbon_facts){
		.asked = asked, .now_s = NOW, .begin_s = dice(3) ? 0 : NOW + (int64_t) dice(20 * slot) - slot,
		.within_s = dice(2) ? 0 : 1 + (int64_t) dice(80 * slot), .deadline_s = dice(3) ? 0 : NOW + 1 + (int64_t) dice(80 * slot),
		.time_limit_s = dice(8) ? 1 + (int64_t) dice(20 * slot) : 0, .work_s = dice(2) ? 0 : 1 + (int64_t) dice(20 * slot),
		.nodes_min = 1, .nodes_max = 1 + (uint32_t) dice(8), .watts_w = 250, .floor_w = 100, .resizable = dice(10) > 0,
		.scaling = &t->curve, .seed = dice(1u << 30),
	};
	for (uint32_t n = 1; dice(5) && n <= t->facts.nodes_max; n++)
		t->curve.point[t->curve.n++] = (struct wattle_scaling_point){ n, pow(n, 0.8) * 3, 0 };
}

/* Of a run of 1 W, in g x s. */
static double carbon_of(const struct wattle_forecast *f, double from_s, double to_s)
{
	double sum = 0;

	for (uint32_t i = 0; i < f->n; i++) {
		double begin_s = fmax(from_s, (double) (f->start_s + (int64_t) i * f->slot_s));
		double end_s = fmin(to_s, (double) (f->start_s + (int64_t) (i + 1) * f->slot_s));

		if (end_s > begin_s)
			sum += f->value[i] * (end_s - begin_s);
	}
	return sum;
}

static int64_t first_of(const struct trial *t)
{
	return t->facts.begin_s > NOW ? t->facts.begin_s : NOW;
}

static int64_t limit_of(const struct trial *t)
{
	return t->facts.time_limit_s ? t->facts.time_limit_s : t->facts.work_s;
}

static void check_bounds(const struct trial *t)
{
	const struct wattle_carbon_decision *d = &t->d;
	int64_t deadline_s = INT64_MAX, limit_s = limit_of(t);

	if (t->facts.deadline_s)
		deadline_s = t->facts.deadline_s;
	if (t->facts.within_s && NOW + t->facts.within_s < deadline_s)
		deadline_s = NOW + t->facts.within_s;
	if (deadline_s == INT64_MAX && t->rules.within_s)
		deadline_s = NOW + t->rules.within_s;
	CHECK_INT(d->deadline_s, deadline_s == INT64_MAX ? 0 : deadline_s);
	CU_ASSERT(d->start_s >= first_of(t));
	CU_ASSERT(d->start_s <= first_of(t) + t->rules.delay_max_s);
	/* a deadline that can be kept is kept, whatever else */
	if (deadline_s != INT64_MAX && limit_s > 0) {
		if (first_of(t) + limit_s <= deadline_s)
			CU_ASSERT(d->deadline_met && d->start_s + limit_s <= deadline_s);
		if (d->start_s > first_of(t))
			CU_ASSERT(d->start_s + limit_s + t->rules.margin_s <= deadline_s);
	}
	CU_ASSERT((d->mode == WATTLE_CARBON_OFF) == (d->saving_pct <= 0));
	if (d->mode == WATTLE_CARBON_OFF) {
		CHECK_INT(d->start_s, first_of(t));
		CU_ASSERT(d->why[0]);
		CHECK_INT(d->plan.n, 0);
	}
}

/* By the forecast, and by nothing of the planner's. */
static void check_start(const struct trial *t)
{
	double work_s = (double) (t->facts.work_s ? t->facts.work_s : t->facts.time_limit_s), run_s = fmin(work_s, (double) limit_of(t));
	double now_g = carbon_of(&t->forecast, (double) first_of(t), (double) first_of(t) + run_s);
	double then_g = carbon_of(&t->forecast, (double) t->d.start_s, (double) t->d.start_s + run_s), best_g = INFINITY;
	int64_t latest_s = first_of(t) + t->rules.delay_max_s;

	CU_ASSERT_DOUBLE_EQUAL(t->d.saving_pct, 100 * (1 - then_g / now_g), 1e-6);
	CU_ASSERT(t->d.saving_pct >= t->rules.min_saving_pct);
	CU_ASSERT((double) t->d.start_s + run_s <= (double) wattle_forecast_end(&t->forecast) + 1);
	if (t->d.deadline_s && t->d.deadline_s - t->rules.margin_s - limit_of(t) < latest_s)
		latest_s = t->d.deadline_s - t->rules.margin_s - limit_of(t);
	for (uint32_t i = 0; i <= t->forecast.n; i++) {
		int64_t edge_s = t->forecast.start_s + (int64_t) i * t->forecast.slot_s;
		int64_t at_s[] = { edge_s, edge_s - (int64_t) run_s, first_of(t), latest_s };

		for (unsigned k = 0; k < 4; k++)
			if (at_s[k] >= first_of(t) && at_s[k] <= latest_s &&
			    (double) at_s[k] + run_s <= (double) wattle_forecast_end(&t->forecast))
				best_g = fmin(best_g, carbon_of(&t->forecast, (double) at_s[k], (double) at_s[k] + run_s));
	}
	CU_ASSERT(then_g <= best_g * (1 + t->rules.spread_pct / 100.0 + 2e-4) + 1e-6 * now_g);
}

static void test_start_random(void)
{
	unsigned deferred = 0;

	for (uint64_t i = 0; i < cases; i++) {
		struct trial t;

		throw_dice(&t, WATTLE_CARBON_START);
		decide(&t.rules, &t.facts, &t.outlook, &t.d);
		check_bounds(&t);
		if (t.d.mode == WATTLE_CARBON_START)
			check_start(&t);
		CU_ASSERT(t.d.mode != WATTLE_CARBON_SCALE);
		deferred += t.d.mode == WATTLE_CARBON_START;
	}
	CU_ASSERT(deferred > cases / 10);
}

static double rate(const struct trial *t, uint32_t nodes)
{
	return t->curve.n ? pow(nodes, 0.8) * 3 : 1;
}

static void check_scale(const struct trial *t)
{
	const struct wattle_plan_steps *p = &t->d.plan;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_plan_steps back;
	char text[WATTLE_PLAN_TEXT_MAX];
	double work_s = (double) (t->facts.work_s ? t->facts.work_s : t->facts.time_limit_s), done = 0, g = 0, now_g;
	uint32_t nodes = 0, changes = 0;
	int64_t ended_s = 0;

	CHECK_INT(wattle_plan_text_format(p, text, sizeof(text)), 0);
	CHECK_INT(wattle_plan_text_parse(text, &back, &err), 0);
	CU_ASSERT(memcmp(&back, p, offsetof(struct wattle_plan_steps, step) + p->n * sizeof(p->step[0])) == 0);
	CHECK_INT(p->step[0].from_s, t->d.start_s);
	CHECK_INT(p->step[0].nodes, t->d.nodes);
	for (uint32_t i = 0; i < p->n; i++) {
		int64_t to_s = i + 1 < p->n ? p->step[i + 1].from_s : p->end_s;

		CU_ASSERT(p->step[i].nodes == 0 || (p->step[i].nodes >= t->facts.nodes_min && p->step[i].nodes <= t->facts.nodes_max));
		CU_ASSERT(p->step[i].watts_w <= t->d.watts_w && t->d.watts_w <= t->facts.watts_w);
		if (p->step[i].nodes == 0)
			continue;
		if (i > 0 && (p->step[i].nodes != nodes || ended_s != p->step[i].from_s)) {
			changes++;
			done -= rate(t, p->step[i].nodes) * t->rules.resize_overhead_s;
		}
		nodes = p->step[i].nodes;
		ended_s = to_s;
		done += rate(t, nodes) * (double) (to_s - p->step[i].from_s);
		g += nodes * carbon_of(&t->forecast, (double) p->step[i].from_s, (double) to_s);
	}
	CU_ASSERT(changes <= t->rules.switches_max);
	if (t->d.deadline_s)
		CU_ASSERT(p->end_s <= t->d.deadline_s - t->rules.margin_s + 1);
	/* steps begin at whole seconds */
	CU_ASSERT(done >= work_s * rate(t, 1) - 3 * rate(t, t->facts.nodes_max) * (p->n + 1));
	now_g = carbon_of(&t->forecast, (double) first_of(t), (double) first_of(t) + work_s);
	if (t->forecast.slot_s >= 300 && (double) first_of(t) + work_s <= (double) wattle_forecast_end(&t->forecast) &&
	    (!t->d.deadline_s || (double) first_of(t) + work_s <= (double) (t->d.deadline_s - t->rules.margin_s)))
		CU_ASSERT_DOUBLE_EQUAL(t->d.saving_pct, 100 * (1 - g / now_g), 5 + 1e5 * p->n / now_g);
}

static void test_scale_random(void)
{
	unsigned scaled = 0, started = 0;

	for (uint64_t i = 0; i < cases / 4; i++) {
		struct trial t;

		throw_dice(&t, WATTLE_CARBON_SCALE);
		decide(&t.rules, &t.facts, &t.outlook, &t.d);
		check_bounds(&t);
		if (t.d.mode == WATTLE_CARBON_SCALE)
			check_scale(&t);
		if (t.d.mode == WATTLE_CARBON_START)
			check_start(&t);
		scaled += t.d.mode == WATTLE_CARBON_SCALE;
		started += t.d.mode == WATTLE_CARBON_START;
	}
	CU_ASSERT(scaled > cases / 80);
	CU_ASSERT(started > 0);
}

/* --- spreading -------------------------------------------------------------------------------------------------------------- */

/* A dirty evening, then eight hours within 3% of each other, of which one is the best. */
static void make_night(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	t->rules = plain;
	t->rules.spread_pct = 5;
	t->forecast = (struct wattle_forecast){ .dated = true, .value = value, .room = VALUES_MAX, .slot_s = 3600, .n = 14,
						.start_s = NOW - NOW % 3600 };
	for (uint32_t i = 0; i < 14; i++)
		value[i] = i < 4 ? 500 : i < 12 ? 200 + i % 3 * 3 : 400;
	t->outlook = (struct wattle_carbon_outlook){ .forecast = &t->forecast, .issued_s = NOW, .stale_after_s = 3600 };
	t->facts = (struct wattle_carbon_facts){ .asked = WATTLE_CARBON_START, .now_s = NOW, .time_limit_s = 3600, .nodes_min = 1,
						 .nodes_max = 1, .watts_w = 300 };
}

static void test_burst(void)
{
	unsigned in_slot[14] = { 0 }, used = 0, most = 0;
	struct trial t;

	make_night(&t);
	for (uint64_t seed = 0; seed < 400; seed++) {
		t.facts.seed = seed;
		decide(&t.rules, &t.facts, &t.outlook, &t.d);
		CHECK_INT(t.d.mode, WATTLE_CARBON_START);
		in_slot[(t.d.start_s - NOW) / 3600]++;
	}
	for (unsigned i = 0; i < 14; i++) {
		used += in_slot[i] > 0;
		most = in_slot[i] > most ? in_slot[i] : most;
	}
	CHECK_INT(used, 8);
	CU_ASSERT(most < 200);
	/* the same job is told the same twice */
	t.facts.seed = 7;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	int64_t start_s = t.d.start_s;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.start_s, start_s);
}

static void test_load(void)
{
	static struct wattle_slotload load;
	struct trial t;

	make_night(&t);
	t.rules.spread_pct = 0;
	t.rules.slot_budget_w = 3000;
	t.outlook.load = &load;
	load = (struct wattle_slotload){ .made_s = NOW, .start_s = NOW, .slot_s = 900, .n = 60 };
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.start_s, NOW + 6 * 3600);
	/* within its budget a slot is as cheap as it was */
	wattle_slotload_add(&load, NOW + 6 * 3600, NOW + 7 * 3600, 2700);
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.start_s, NOW + 6 * 3600);
	wattle_slotload_add(&load, NOW + 6 * 3600 + 1800, NOW + 6 * 3600 + 1801, 300);
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.start_s, NOW + 9 * 3600);
	/* everything full alike: as if nothing were */
	wattle_slotload_add(&load, 0, INT64_MAX / 2, 100000);
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.mode, WATTLE_CARBON_START);
	/* no budget, no price */
	t.rules.slot_budget_w = 0;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.start_s, NOW + 6 * 3600);
}

/* However far ahead: longer slots, not more work. */
static void test_long_horizon(void)
{
	struct trial t;

	make_night(&t);
	t.rules.delay_max_s = 30 * 86400;
	t.forecast.slot_s = 300;
	t.forecast.n = VALUES_MAX;
	for (uint32_t i = 0; i < VALUES_MAX; i++)
		value[i] = i >= 1500 && i < 1524 ? 100 : 400;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.mode, WATTLE_CARBON_START);
	CU_ASSERT(t.d.start_s >= NOW + 1494 * 300 && t.d.start_s <= NOW + 1518 * 300);
}

static void test_no_memory(void)
{
	struct trial t;

	make_night(&t);
	wattle_carbon_decide(&t.rules, &t.facts, &t.outlook, NULL, 0, &t.d);
	CHECK_INT(t.d.mode, WATTLE_CARBON_OFF);
	CHECK_STRING(t.d.why, "out of memory");
	t.facts.asked = WATTLE_CARBON_UNSAID;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.mode, WATTLE_CARBON_OFF);
	CHECK_STRING(t.d.why, "");
	CHECK_INT(t.d.start_s, NOW);
}

/* Under a lower cap it takes longer: that counts, within its time limit. */
static void test_model(void)
{
	struct wattle_model model = { .form = WATTLE_FORM_HYPERBOLIC, .linear = 1, .cap_min_w = 150, .cap_max_w = 300, .r2 = 0.99, .n_caps = 5 };
	struct wattle_scaling curve = { .n = 2, .point = { { 1, 1, 300 }, { 2, 1.9, 600 } } };
	struct trial t;

	make_night(&t);
	t.facts.model = &model;
	t.facts.scaling = &curve;
	t.facts.watts_w = 150; /* half the watts, twice the time */
	t.facts.time_limit_s = 8 * 3600;
	t.facts.work_s = 4 * 3600;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.mode, WATTLE_CARBON_START);
	CHECK_INT(t.d.start_s, NOW + 4 * 3600);
	t.facts.asked = WATTLE_CARBON_SCALE;
	t.facts.watts_w = 300;
	t.facts.nodes_max = 2;
	t.facts.resizable = true;
	t.facts.floor_w = 200;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.mode, WATTLE_CARBON_SCALE);
	for (uint32_t i = 0; i < t.d.plan.n; i++)
		CU_ASSERT(t.d.plan.step[i].nodes == 0 || t.d.plan.step[i].watts_w >= 200);
	/* what resizes cost: the site's guess, or as it was measured with the program */
	CHECK_INT(t.d.plan.overhead_s, t.rules.resize_overhead_s);
	CU_ASSERT(t.d.plan.n_sizes > 0 && t.d.plan.work_s > 0);
	CHECK_INT(t.d.plan.size[0].speed, WATTLE_PLAN_SPEED_ONE);
	curve.resize_s = 7.3;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.plan.overhead_s, 8);
	t.facts.watts_fixed = true;
	decide(&t.rules, &t.facts, &t.outlook, &t.d);
	CHECK_INT(t.d.watts_w, 300);
	for (uint32_t i = 0; i < t.d.plan.n; i++)
		CU_ASSERT(t.d.plan.step[i].nodes == 0 || t.d.plan.step[i].watts_w == 300);
}

/* --- texts ------------------------------------------------------------------------------------------------------------------ */

static void test_plan_text(void)
{
	static const char *const bad[] = {
		"", "v2 start=1 end=2 slots=0:1:1", "v1 start=1 end=2", "v1 start=5 end=5 slots=0:1:1", "v1 start=1 end=9 slots=1:1:1",
		"v1 start=1 end=9 slots=0:0:0", "v1 start=1 end=9 slots=0:1:1,0:2:2", "v1 start=1 end=9 slots=0:1:1,3:0:5",
		"v1 start=1 end=9 slots=0:1:1 slots=0:1:1", "v1 start=1 end=9 slots=0:1", "v1 start=1 end=9 slots=0:1:1,", "v1 start=-1 end=9 slots=0:1:1",
		"v1 start=1 end=99999999999999999999 slots=0:1:1", "v1 start=1 end=9 slots=0:1:1x", "v1 start=1 end=9 slots=0:1000001:1",
		"v1 start=1 end=9 slots=0:1:1 work=5", "v1 start=1 end=9 slots=0:1:1 sizes=1:1:1:1", "v1 start=1 end=9 slots=0:1:1 work=5 sizes=1:1:0:1",
		"v1 start=1 end=9 slots=0:1:1 work=5 sizes=1:1:1", "v1 start=1 end=9 slots=0:1:1 work=5 sizes=1:1:1:1,", "v1 start=1 end=9 slots=0:1:1 work=5 sizes=",
		"v1 start=1 end=9 slots=0:1:1 work=5 sizes=1:1:1:1:1", "v1 start=1 end=9 slots=0:1:1 work=5 sizes=1:1:1:9999999999",
	};
	struct wattle_plan_steps plan = { .end_s = 1000, .deadline_s = 1500, .overhead_s = 60, .n = 3,
					  .step = { { 100, 4, 300 }, { 500, 0, 0 }, { 700, 8, 250 } } }, back;
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[WATTLE_PLAN_TEXT_MAX];

	CHECK_INT(wattle_plan_text_format(&plan, text, sizeof(text)), 0);
	CHECK_STRING(text, "v1 start=100 end=1000 deadline=1500 overhead=60 slots=0:4:300,400:0:0,600:8:250");
	CHECK_INT(wattle_plan_text_parse("v1 new=key start=100 end=1000 deadline=1500 overhead=60 slots=0:4:300,400:0:0,600:8:250 end", &back, &err), 0);
	CHECK_INT(back.step[2].from_s, 700);
	CHECK_INT(back.n_sizes, 0);
	plan.work_s = 4000;
	plan.n_sizes = 2;
	plan.size[0] = (struct wattle_plan_size){ 4, 300, WATTLE_PLAN_SPEED_ONE, 1200 };
	plan.size[1] = (struct wattle_plan_size){ 8, 250, 1900000, 2000 };
	CHECK_INT(wattle_plan_text_format(&plan, text, sizeof(text)), 0);
	CHECK_STRING(text, "v1 start=100 end=1000 deadline=1500 overhead=60 slots=0:4:300,400:0:0,600:8:250 work=4000 sizes=4:300:1000000:1200,8:250:1900000:2000");
	CHECK_INT(wattle_plan_text_parse(text, &back, &err), 0);
	CHECK_INT(back.work_s, 4000);
	CHECK_INT(back.size[1].speed, 1900000);
	CHECK_INT(wattle_plan_text_format(&plan, text, 40), -ENOSPC);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		back.n = 77;
		CU_ASSERT(wattle_plan_text_parse(bad[i], &back, &err) < 0);
		CHECK_INT(back.n, 77);
	}
	/* the longest that there can be */
	plan = (struct wattle_plan_steps){ .end_s = 253402300799, .deadline_s = 253402300799, .overhead_s = 86400, .n = WATTLE_PLAN_STEPS_MAX };
	for (uint32_t i = 0; i < plan.n; i++)
		plan.step[i] = (struct wattle_plan_step){ INT64_C(1763776800) + i * 100000, 1000000, 100000000 - i };
	plan.work_s = 1000000000;
	for (plan.n_sizes = 0; plan.n_sizes < WATTLE_PLAN_SIZES_MAX; plan.n_sizes++)
		plan.size[plan.n_sizes] = (struct wattle_plan_size){ 1000000, 100000000, 1000000000, 4000000000 };
	CHECK_INT(wattle_plan_text_format(&plan, text, sizeof(text)), 0);
	CHECK_INT(wattle_plan_text_parse(text, &back, &err), 0);
}

static void test_load_text(void)
{
	static const char *const bad[] = { "", "v1 made=1 start=1 slot_s=0\n1\n", "v1 made=1 start=1 slot_s=60\n1 x\n", "v1 made=1 start=1 slot_s=60\n-1\n",
					   "v1 made=1 start=1 slot_s=60\n5000000000\n", "v1 made=1 start=1 slot_s=60\n12", "v2 made=1 start=1 slot_s=60\n1\n" };
	static struct wattle_slotload load, back;
	static char text[WATTLE_SLOTLOAD_BYTES_MAX];
	struct wattle_err err = WATTLE_ERR_INIT;
	size_t n;

	load = (struct wattle_slotload){ .made_s = NOW + 5, .start_s = NOW, .slot_s = 60, .n = WATTLE_SLOTLOAD_MAX };
	wattle_slotload_add(&load, NOW - 100, NOW + 61, 1200);
	wattle_slotload_add(&load, NOW + 60, NOW + 120, UINT64_MAX);
	wattle_slotload_add(&load, NOW + 120, NOW + 120, 5);
	CHECK_INT(load.watts_w[0], 1200);
	CHECK_INT(load.watts_w[1], UINT32_MAX);
	CHECK_INT(load.watts_w[2], 0);
	for (uint32_t i = 2; i < load.n; i++)
		load.watts_w[i] = UINT32_MAX;
	n = wattle_slotload_format(&load, text, sizeof(text));
	CU_ASSERT(n < sizeof(text));
	CHECK_INT(wattle_slotload_parse("x", text, &back, &err), 0);
	CU_ASSERT(memcmp(&load, &back, sizeof(load)) == 0);
	CHECK_INT(wattle_slotload_most(&back, NOW + 30, NOW + 60), 1200);
	CHECK_INT(wattle_slotload_most(&back, NOW - 30, NOW), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(wattle_slotload_parse("x", bad[i], &back, &err), -EINVAL);
	CHECK_INT(wattle_slotload_parse("x", "v1 made=1 start=1 slot_s=60\n", &back, &err), 0);
	CHECK_INT(back.n, 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the golden cases", test_golden },
		{ "start: in bounds, deadline kept, never worse than now", test_start_random },
		{ "scale: in bounds, deadline kept, the work is done", test_scale_random },
		{ "a burst is spread over slots nearly as good", test_burst },
		{ "a full slot costs more", test_load },
		{ "a long horizon gets longer slots", test_long_horizon },
		{ "a model's slowdown counts", test_model },
		{ "without memory it starts at once", test_no_memory },
		{ "plans as text", test_plan_text },
		{ "loads as text", test_load_text },
		{ NULL, NULL },
	};
	int rc;

	if (argc > 1)
		cases = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		state = strtoull(argv[2], NULL, 10);
	scratch = malloc(wattle_carbon_scratch_bytes());
	if (!scratch)
		return 2;
	rc = run_suite("carbon", tests);
	free(scratch);
	return rc;
}
