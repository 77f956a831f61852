/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "course.h"
#include "follow.h"
#include "handover.h"
#include "holder.h"
#include "job.h"
#include "mpi_rounds.h"
#include "replanner.h"
#include "resize_size.h"
#include "runner.h"
#include "state.h"
#include "status.h"
#include "resize_sweep.h"
#include "step.h"
#include "verdict.h"

/* --- plans ------------------------------------------------------------------------------------------------------------------ */

static struct wattle_course parse(const char *text)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_course course;

	if (wattle_course_parse(text, strlen(text), &course, &err) < 0)
		CU_FAIL_FATAL("a good plan was refused");
	return course;
}

static void test_course(void)
{
	struct wattle_course c = parse("{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":1,\"fraction\":1},{\"t\":1,\"nodes\":1,\"fraction\":0.5},"
				       "{\"t\":1,\"nodes\":3,\"fraction\":0.5},{\"t\":4,\"nodes\":2,\"fraction\":0.2,\"cap_w\":250}]}");
	struct wattle_now now;

	CU_ASSERT_FALSE(c.dated);
	CHECK_INT(c.n, 3);
	CHECK_INT(c.leg[0].end_s, 15);
	CHECK_INT(c.leg[1].begin_s, 15);
	now = wattle_course_at(&c, 3, 5);
	CHECK_INT(now.phase, WATTLE_PHASE_RUN);
	CHECK_INT(now.until_s, 15);
	now = wattle_course_at(&c, 15, 5);
	CHECK_INT(now.nodes, 3);
	now = wattle_course_at(&c, 20, 5);
	CHECK_INT(now.phase, WATTLE_PHASE_PAUSE);
	CHECK_INT(now.until_s, 40);
	CHECK_INT(now.nodes, 2);
	CHECK_INT(now.cap_w, 250);
	/* too short a pause: the leg before it lasts through it, from its own begin on */
	now = wattle_course_at(&c, 16, 21);
	CHECK_INT(now.until_s, 40);
	now = wattle_course_at(&c, 30, 21);
	CHECK_INT(now.phase, WATTLE_PHASE_RUN);
	CHECK_INT(now.nodes, 3);
	now = wattle_course_at(&c, 42, 5);
	CHECK_INT(now.phase, WATTLE_PHASE_BEYOND);
	CHECK_INT(now.nodes, 2);
	wattle_course_free(&c);

	c = parse("{\"slot_s\":3600,\"slots\":[{\"t\":\"2026-05-08T21:00:00Z\",\"nodes\":4}]}");
	CU_ASSERT_TRUE(c.dated);
	CHECK_INT(c.leg[0].begin_s, 1778274000);
	CHECK_INT(c.leg[0].end_s, 1778277600);
	now = wattle_course_at(&c, 1778270000, 60);
	CHECK_INT(now.phase, WATTLE_PHASE_PAUSE);
	now = wattle_course_at(&c, 1778273990, 60);
	CHECK_INT(now.phase, WATTLE_PHASE_RUN);
	wattle_course_free(&c);
}

static void test_course_taken(void)
{
	struct wattle_plan_steps steps;
	struct wattle_course c;

	CHECK_INT(wattle_plan_text_parse("v1 start=1763776800 end=1763798400 deadline=1763820000 overhead=60 slots=0:4:300,7200:0:0,10800:8:250", &steps,
					 NULL), 0);
	CHECK_INT(wattle_course_take(&steps, &c, NULL), 0);
	CU_ASSERT_TRUE(c.dated);
	CHECK_INT(c.n, 2);
	CHECK_INT(c.leg[0].begin_s, 1763776800);
	CHECK_INT(c.leg[0].end_s, 1763784000);
	CHECK_INT(c.leg[0].cap_w, 0);
	CHECK_INT(c.leg[1].begin_s, 1763787600);
	CHECK_INT(c.leg[1].end_s, 1763798400);
	CHECK_INT(c.leg[1].nodes, 8);
	CHECK_INT(c.leg[1].cap_w, 250);
	wattle_course_free(&c);
}

static void test_course_refused(void)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"slot_s\":10}", "{\"slot_s\":10,\"slots\":[]}", "{\"slots\":[{\"t\":0,\"nodes\":1}]}",
		"{\"slot_s\":0,\"slots\":[{\"t\":0,\"nodes\":1}]}", "{\"slot_s\":1e300,\"slots\":[{\"t\":0,\"nodes\":1}]}",
		"{\"slot_s\":10,\"slots\":[{\"t\":-1,\"nodes\":1}]}", "{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":0}]}",
		"{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":1.5}]}", "{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":9999999}]}",
		"{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":1,\"fraction\":1.5}]}", "{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":1,\"cap_w\":-1}]}",
		"{\"slot_s\":10,\"slots\":[{\"t\":1,\"nodes\":1},{\"t\":0,\"nodes\":1}]}", "{\"slot_s\":10,\"slots\":[{\"t\":\"noon\",\"nodes\":1}]}",
		"{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":1,\"fraction\":0.7},{\"t\":0,\"nodes\":2,\"fraction\":0.7}]}",
		"{\"slot_s\":10,\"slots\":[{\"t\":0,\"nodes\":1},{\"t\":\"2026-05-08T21:00:00Z\",\"nodes\":1}]}", "{\"slot_s\":10,\"slots\":[7]}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wattle_err err = WATTLE_ERR_INIT;
		struct wattle_course c;

		CHECK_INT(wattle_course_parse(bad[i], strlen(bad[i]), &c, &err), -EINVAL);
		CU_ASSERT_PTR_NULL(c.leg);
		CU_ASSERT_TRUE(err.text[0] != '\0');
	}
}

/* --- deadline before carbon ------------------------------------------------------------------------------------------------- */

static void test_choose(void)
{
	/* 1 node for 100 s, a pause of 100 s, 2 nodes for 100 s: 300 node seconds */
	struct wattle_course c = parse("{\"slot_s\":100,\"slots\":[{\"t\":0,\"nodes\":1,\"cap_w\":200},{\"t\":2,\"nodes\":2}]}");
	struct wattle_run run = { .course = &c, .nodes = 1, .pause_min_s = 30, .state = { .first_start_s = 1000, .total = 300, .done = 100 } };
	struct wattle_choice choice;

	/* nothing measured: the plan is believed */
	choice = wattle_choose(&run, 1100);
	CHECK_INT(choice.phase, WATTLE_PHASE_PAUSE);
	CHECK_INT(choice.nodes, 2);
	/* as fast as planned */
	wattle_state_learn(&run.state, 1, 100, 100);
	choice = wattle_choose(&run, 1100);
	CHECK_INT(choice.phase, WATTLE_PHASE_PAUSE);
	/* slower: half of the work is still to do where there should be 100 */
	run.state.done = 80;
	choice = wattle_choose(&run, 1100);
	CHECK_INT(choice.phase, WATTLE_PHASE_RUN);
	CU_ASSERT_TRUE(choice.behind);
	CHECK_INT(choice.until_s, 200);
	/* a deadline that leaves room behind the plan */
	run.deadline_s = 1400;
	choice = wattle_choose(&run, 1100);
	CHECK_INT(choice.phase, WATTLE_PHASE_PAUSE);
	/* behind: caps are not lowered, nodes not given back */
	run.deadline_s = 0;
	run.nodes = 4;
	run.state.done = 0;
	choice = wattle_choose(&run, 1010);
	CHECK_INT(choice.nodes, 4);
	CHECK_INT(choice.cap_w, 0);
	/* the plan is over: no restart for the rest, but for the deadline */
	run.nodes = 1;
	run.state.done = 290;
	choice = wattle_choose(&run, 1301);
	CHECK_INT(choice.phase, WATTLE_PHASE_RUN);
	CHECK_INT(choice.nodes, 1);
	run.state.done = 100;
	run.deadline_s = 1350;
	CHECK_INT(wattle_choose(&run, 1301).nodes, 2);
	/* no plan */
	run.course = NULL;
	choice = wattle_choose(&run, 1301);
	CHECK_INT(choice.nodes, 1);
	CU_ASSERT_TRUE(isinf(choice.until_s));
	wattle_course_free(&c);
}

/* --- another plan on the way ------------------------------------------------------------------------------------------------ */

/* Messages to the user, counted. */
static unsigned said;

void wattle_run_say(const struct wattle_run *run, const char *format, ...)
{
	(void) run;
	(void) format;
	said++;
}

#define T0 1800000000 /* everything below is in seconds from here; slots of 100 s */

struct scene {
	struct wattle_plan_steps plan;
	struct wattle_forecast forecast;
	double value[20];
	struct wattle_state state;
	struct wattle_replan_facts facts;
	struct wattle_replan answer;
};

/* 1500 s of work on 1 node, at 100 W; more nodes are a little more than that much faster. Two slots dirty, two clean, and so on; the
 * deadline is at 1500 s. In force: 4 nodes in the clean slots. At 200 s, when nothing is done yet. */
static void set_scene(struct scene *s)
{
	*s = (struct scene){ .forecast = { .dated = true, .start_s = T0, .slot_s = 100, .n = 20, .room = 20 } };
	CHECK_INT(wattle_plan_text_parse("v1 start=1800000200 end=1800000770 deadline=1800001500 overhead=10 slots=0:4:100,200:0:0,400:4:100 "
					 "work=1500 sizes=1:100:1000000:100,2:100:2050000:200,4:100:4200000:400", &s->plan, NULL), 0);
	for (uint32_t i = 0; i < 20; i++)
		s->value[i] = i % 4 < 2 ? 800 : 100;
	s->forecast.value = s->value;
	s->state.total = 6000;
	s->facts = (struct wattle_replan_facts){ .plan = &s->plan, .forecast = &s->forecast, .state = &s->state, .now_s = T0 + 200, .deadline_s = T0 + 1500,
						 .nodes = 4, .min_saving_pct = 5, .switches_max = 3, .pause_min_s = 5 };
}

static const struct wattle_replan *replan_scene(struct scene *s)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[WATTLE_PLAN_TEXT_MAX];

	if (wattle_replan_make(&s->facts, &s->answer, &err) < 0)
		CU_FAIL("no verdict");
	/* whatever is taken can be kept and followed */
	if (s->answer.take) {
		struct wattle_course c;

		CHECK_INT(wattle_plan_text_format(&s->answer.plan, text, sizeof(text)), 0);
		CHECK_INT(wattle_course_take(&s->answer.plan, &c, NULL), 0);
		wattle_course_free(&c);
	}
	return &s->answer;
}

/* Nodes of the answer's plan at a moment; 0: pause. */
static uint32_t nodes_at(const struct wattle_replan *r, int64_t at_s)
{
	uint32_t nodes = 0;

	for (uint32_t i = 0; i < r->plan.n && r->plan.step[i].from_s <= T0 + at_s; i++)
		nodes = r->plan.step[i].nodes;
	return nodes;
}

static void test_replan_forecast(void)
{
	struct scene s;
	const struct wattle_replan *r;

	/* the same forecast: what is there is as good as any */
	set_scene(&s);
	r = replan_scene(&s);
	CU_ASSERT_FALSE(r->take);
	CU_ASSERT_TRUE(r->deadline_met);
	/* what was to be clean at 600 s is dirty, and it is clean at 900 s instead */
	for (uint32_t i = 6; i < 8; i++)
		s.value[i] = 900;
	for (uint32_t i = 9; i < 12; i++)
		s.value[i] = 50;
	r = replan_scene(&s);
	CU_ASSERT_TRUE(r->take);
	CU_ASSERT_TRUE(r->deadline_met);
	CU_ASSERT_TRUE(r->saving_pct > 30);
	CHECK_INT(nodes_at(r, 650), 0);
	CU_ASSERT_TRUE(nodes_at(r, 950) > 0);
	CU_ASSERT_TRUE(r->end_s <= T0 + 1500);
	/* the pause has become clean */
	set_scene(&s);
	for (uint32_t i = 4; i < 6; i++)
		s.value[i] = 10;
	r = replan_scene(&s);
	CU_ASSERT_TRUE(r->take);
	CU_ASSERT_TRUE(nodes_at(r, 450) > 0);
}

static void test_replan_progress(void)
{
	struct scene s;
	const struct wattle_replan *r;

	/* as fast as planned */
	set_scene(&s);
	s.facts.now_s = T0 + 300;
	s.state.done = 1680;
	wattle_state_learn(&s.state, 4, 1680, 100);
	CU_ASSERT_FALSE(wattle_replan_departs(&s.facts));
	CU_ASSERT_FALSE(replan_scene(&s)->take);
	/* half as fast: the plan would end in the dirt; there is clean time before the deadline */
	set_scene(&s);
	s.facts.now_s = T0 + 300;
	s.state.done = 840;
	wattle_state_learn(&s.state, 4, 840, 100);
	CU_ASSERT_TRUE(wattle_replan_departs(&s.facts));
	r = replan_scene(&s);
	CU_ASSERT_TRUE(r->deadline_met);
	CU_ASSERT_TRUE(r->end_s > T0 + 770);
	/* and with the deadline near, the pause must go */
	s.facts.deadline_s = T0 + 960;
	r = replan_scene(&s);
	CU_ASSERT_TRUE(r->take);
	CU_ASSERT_TRUE(r->deadline_met);
	CU_ASSERT_TRUE(nodes_at(r, 450) > 0);
	CHECK_HOLDS(r->why, "after the deadline");
	/* twice as fast: done within the first stretch, or nearly */
	set_scene(&s);
	s.facts.now_s = T0 + 300;
	s.state.done = 3360;
	wattle_state_learn(&s.state, 4, 3360, 100);
	CU_ASSERT_TRUE(wattle_replan_departs(&s.facts));
	CU_ASSERT_TRUE(replan_scene(&s)->end_s <= T0 + 401);
	/* nothing measured, or nothing told: the plan is believed */
	s.state.n_rates = 0;
	CU_ASSERT_FALSE(wattle_replan_departs(&s.facts));
	s.state.total = 0;
	CU_ASSERT_FALSE(wattle_replan_departs(&s.facts));
	r = replan_scene(&s);
	CU_ASSERT_FALSE(r->take);
}

static void test_replan_hysteresis(void)
{
	struct scene s;
	const struct wattle_replan *r;

	/* a little cleaner elsewhere: no reason */
	set_scene(&s);
	for (uint32_t i = 10; i < 12; i++)
		s.value[i] = 97;
	r = replan_scene(&s);
	CU_ASSERT_FALSE(r->take);
	/* worth it, but not soon after the last one */
	for (uint32_t i = 10; i < 12; i++)
		s.value[i] = 40;
	CU_ASSERT_TRUE(replan_scene(&s)->take);
	s.state.planned_s = T0 + 150;
	CU_ASSERT_FALSE(replan_scene(&s)->take);
	CHECK_HOLDS(s.answer.why, "too soon");
	s.state.planned_s = T0 + 100;
	CU_ASSERT_TRUE(replan_scene(&s)->take);
	/* the more often work was put off, the more it must save */
	CU_ASSERT_TRUE(s.answer.postpones);
	s.state.postponed = 20;
	CU_ASSERT_FALSE(replan_scene(&s)->take);
	CHECK_HOLDS(s.answer.why, "less than 105.0%");
	/* changes that cost more than they save: 10 s as planned, 150 s as measured */
	s.state.postponed = 0;
	s.state.planned_s = 0;
	s.state.lost_n = 2;
	s.state.lost_s = 300;
	CHECK_INT(wattle_replan_overhead_s(&s.plan, &s.state), 150);
	CU_ASSERT_FALSE(replan_scene(&s)->take);
	CHECK_INT(wattle_replan_interval_s(&s.forecast, 150), 750);
	CHECK_INT(wattle_replan_interval_s(&s.forecast, 10), 100);
}

static void test_replan_deadline(void)
{
	struct scene s;
	const struct wattle_replan *r;

	/* can't be kept: as fast as may be, without a pause, and it is said */
	set_scene(&s);
	s.facts.deadline_s = T0 + 400;
	r = replan_scene(&s);
	CU_ASSERT_TRUE(r->take);
	CU_ASSERT_FALSE(r->deadline_met);
	CHECK_HOLDS(r->why, "the deadline can't be kept");
	for (int64_t at_s = 200; at_s < 490; at_s += 10)
		CHECK_INT(nodes_at(r, at_s), 4);
	/* nor is it made worse by one in the past, or by less and less time */
	for (int back_s = -300; back_s < 400; back_s += 7) {
		s.facts.deadline_s = T0 + 200 + back_s;
		r = replan_scene(&s);
		if (r->take)
			CHECK_INT(nodes_at(r, 250), 4);
	}
	/* never beyond the sizes of the plan, in force at 1 node of 2 W, with none left to do, without a forecast for now */
	set_scene(&s);
	s.state.done = 6000;
	CHECK_INT(wattle_replan_make(&s.facts, &s.answer, NULL), -EINVAL);
	s.state.done = 0;
	s.facts.now_s = T0 + 5000;
	CHECK_INT(wattle_replan_make(&s.facts, &s.answer, NULL), -ERANGE);
	s.facts.now_s = T0 + 200;
	s.plan.n_sizes = 0;
	CHECK_INT(wattle_replan_make(&s.facts, &s.answer, NULL), -EINVAL);
	CU_ASSERT_FALSE(s.answer.take);
	s.facts.forecast = NULL;
	CHECK_INT(wattle_replan_make(&s.facts, &s.answer, NULL), -EINVAL);
}

/* Time without progress counts, also that of the change that leads to the new plan. */
static void test_replan_cost(void)
{
	struct scene s;
	const struct wattle_replan *r;

	set_scene(&s);
	for (uint32_t i = 0; i < 20; i++)
		s.value[i] = 100;
	/* on from 1 node to 4: 1500 / 4.2 s of work, and 40 s */
	CHECK_INT(wattle_plan_text_parse("v1 start=1800000100 end=1800001400 slots=0:4:100 work=1500 sizes=1:100:1000000:100,4:100:4200000:400", &s.plan, NULL), 0);
	s.facts.nodes = 1;
	s.state.lost_n = 1;
	s.state.lost_s = 40;
	r = replan_scene(&s);
	CU_ASSERT_FALSE(r->take);
	CU_ASSERT_TRUE(fabs(r->end_s - (T0 + 200 + 40 + 1500 / 4.2)) < 2);
	/* 1 node would be too late: the plan that takes its place has room for its own change */
	CHECK_INT(wattle_plan_text_parse("v1 start=1800000100 end=1800001400 slots=0:1:100 work=1500 sizes=1:100:1000000:100,4:100:4200000:400", &s.plan, NULL), 0);
	s.facts.deadline_s = T0 + 800;
	r = replan_scene(&s);
	CU_ASSERT_TRUE(r->take);
	CU_ASSERT_TRUE(r->deadline_met);
	CU_ASSERT_TRUE((double) r->plan.end_s > r->end_s - 2);
}

/* Forecasts and measurements drawn by lot: no crash, a plan that can be followed, and never one that misses a deadline that the old one kept. */
static void test_replan_random(void)
{
	uint64_t seed = 7;
	struct scene s;

	for (unsigned round = 0; round < 3000; round++) {
		const struct wattle_replan *r;

		set_scene(&s);
		for (uint32_t i = 0; i < 20; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			s.value[i] = (double) (seed >> 40) / 16777216.0 * 1000;
		}
		s.facts.now_s = T0 + 200 + (double) (seed >> 33 & 255);
		s.facts.nodes = 1u << (seed >> 41 & 1);
		s.state.done = seed >> 20 & 4095;
		wattle_state_learn(&s.state, 1u << (seed >> 43 & 3), 10 + (double) (seed >> 13 & 1023), 60);
		s.state.lost_n = 1;
		s.state.lost_s = (double) (seed >> 50 & 63);
		s.facts.deadline_s = s.facts.now_s + (double) (seed >> 30 & 2047);
		r = replan_scene(&s);
		if (r->take && r->deadline_met)
			CU_ASSERT_TRUE(r->end_s <= s.facts.deadline_s + 1);
		for (uint32_t i = 0; r->take && i < r->plan.n; i++)
			CU_ASSERT_TRUE(r->plan.step[i].nodes <= 4 && r->plan.step[i].watts_w <= 100);
	}
}

/* A file in the zone's place, and whether another plan came of it. */
static bool look_at_file(struct wattle_run *run, const char *path, const char *text, size_t len)
{
	int fd;

	unlink(path);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	CU_ASSERT_TRUE(fd >= 0 && write(fd, text, len) == (ssize_t) len);
	close(fd);
	run->replanner->judged_s = 0;
	return wattle_replanner_look(run, &run->state, T0 + 200);
}

static void test_replan_files(void)
{
	static const char *const bad[] = {
		"", "{", "null", "[1,2,3]", "{\"zone\":\"LAB\",\"unit\":\"gCO2/kWh\",\"slot_s\":100,\"start\":1800000000,\"values\":[]}",
		"{\"zone\":\"LAB\",\"unit\":\"gCO2/kWh\",\"slot_s\":0,\"start\":1800000000,\"values\":[1]}",
		"{\"zone\":\"LAB\",\"unit\":\"gCO2/kWh\",\"slot_s\":100,\"start\":1800000000,\"values\":[1e999]}",
		"{\"zone\":\"LAB\",\"unit\":\"EUR/MWh\",\"slot_s\":100,\"start\":1800000000,\"values\":[1]}",
	};
	static const char good[] = "{\"zone\":\"LAB\",\"signal\":\"average\",\"unit\":\"gCO2/kWh\",\"issued\":1800000000,\"slot_s\":100,"
				   "\"start\":1800000000,\"values\":[800,800,100,100,800,800,900,900,900,50,50,50,900,900,900]}";
	char folder[] = "/tmp/wattle-test-XXXXXX", *huge;
	struct wattle_replanner r;
	struct wattle_run run = { .can_resize = true, .nodes = 4, .deadline_s = T0 + 1500, .pause_min_s = 5 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct scene s;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	set_scene(&s);
	run.state = s.state;
	said = 0;
	CHECK_INT(wattle_replanner_open(&r, &run, &s.plan, "/nonexistent/wattle.conf", &err), 0);
	CHECK_INT(said, 1);
	CU_ASSERT_PTR_EQUAL(run.course, &r.course);
	CU_ASSERT_FALSE(wattle_replanner_look(&run, &run.state, T0 + 200));
	snprintf(r.path, sizeof(r.path), "%s/LAB.json", folder);
	r.stale_after_s = 3600;
	r.min_saving_pct = 5;
	r.switches_max = 3;
	/* none there: said once, however often it is looked for */
	said = 0;
	for (int i = 0; i < 5; i++)
		CU_ASSERT_FALSE(wattle_replanner_look(&run, &run.state, T0 + 200));
	CHECK_INT(said, 1);
	CU_ASSERT_FALSE(run.replans);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		said = 0;
		CU_ASSERT_FALSE(look_at_file(&run, r.path, bad[i], strlen(bad[i])));
		CHECK_INT(said, 1);
		CU_ASSERT_FALSE(run.replans);
	}
	/* a fifo does not stop the job, nor does a file of gigabytes fill its memory */
	unlink(r.path);
	CHECK_INT(mkfifo(r.path, 0644), 0);
	CU_ASSERT_FALSE(wattle_replanner_look(&run, &run.state, T0 + 200));
	unlink(r.path);
	huge = calloc(1, 8);
	CU_ASSERT_FALSE(look_at_file(&run, r.path, huge, 8));
	CHECK_INT(truncate(r.path, (off_t) 8 << 30), 0);
	CU_ASSERT_FALSE(wattle_replanner_look(&run, &run.state, T0 + 200));
	free(huge);
	if (geteuid() == 0) { /* the forecast of anybody else is no forecast */
		CU_ASSERT_TRUE(look_at_file(&run, r.path, good, strlen(good)));
		CU_ASSERT_TRUE(run.replans);
		CHECK_INT(run.state.replans, 1);
		CHECK_HOLDS(run.state.plan, "v1 start=1800000200 ");
		CHECK_INT(wattle_course_at(run.course, T0 + 650, 5).phase, WATTLE_PHASE_PAUSE);
		/* the next run of the job goes on with it */
		wattle_replanner_close(&r);
		CHECK_INT(wattle_replanner_open(&r, &run, &s.plan, "/nonexistent/wattle.conf", &err), 0);
		CHECK_INT(wattle_course_at(run.course, T0 + 650, 5).phase, WATTLE_PHASE_PAUSE);
		/* but not with sizes that the job never was to have */
		snprintf(run.state.plan, sizeof(run.state.plan), "v1 start=1800000200 end=1800009900 slots=0:4000:9000");
		wattle_replanner_close(&r);
		CHECK_INT(wattle_replanner_open(&r, &run, &s.plan, "/nonexistent/wattle.conf", &err), 0);
		CHECK_INT(wattle_course_at(run.course, T0 + 650, 5).nodes, 4);
	}
	wattle_replanner_close(&r);
	unlink(r.path);
	snprintf(r.path, sizeof(r.path), "%s/LAB.json", folder);
	unlink(r.path);
	rmdir(folder);
}

/* --- what goes between processes -------------------------------------------------------------------------------------------- */

static void test_handover(void)
{
	static const char *const bad[] = {
		"", "wattle: 2 nodes, 33% done", "v1 run=0 nodes=2 begin=0", "wattle:v1 run=0 nodes=0 begin=0", "wattle:v1 run=0 nodes=2",
		"wattle:v1 run=-1 nodes=2 begin=0", "wattle:v1 run=0 nodes=2 begin=-5", "wattle:v1 run=0 nodes=2 begin=0x", "x wattle:v1 run=0 nodes=2 begin=0",
		"wattle:v1 run=0 nodes=99999999999 begin=0",
	};
	struct wattle_handover h = { 3, 12, 1795327296 }, back = { 0 };
	char text[WATTLE_COMMENT_MAX];

	wattle_handover_format(&h, "mine | all mine", text, sizeof(text));
	CU_ASSERT_TRUE(wattle_handover_parse(text, &back));
	CHECK_INT(back.run, 3);
	CHECK_INT(back.nodes, 12);
	CHECK_INT(back.begin_s, 1795327296);
	CHECK_STRING(wattle_comment_own(text), "mine | all mine");
	wattle_handover_format(&h, "", text, sizeof(text));
	CU_ASSERT_TRUE(wattle_handover_parse(text, &back));
	CHECK_STRING(wattle_comment_own(text), "");
	CHECK_STRING(wattle_comment_own("just mine"), "just mine");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(wattle_handover_parse(bad[i], &back));
	CHECK_INT(back.nodes, 12);
}

static void test_resize_size(void)
{
	struct wattle_handover asked = { 0, 3, 0 };
	struct wattle_grant grant = { .watts_w = 300, .nodes_min = 2, .nodes_max = 4 };
	struct wattle_job job = { .cpus_per_task = 1 };
	struct wattle_size size;

	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "1(x2)", 1000, &size), 0);
	CHECK_INT(size.nodes, 3);
	CHECK_INT(size.tasks, 3);
	CHECK_INT(size.cpus, 3);
	CHECK_INT(size.time_limit_min, 0);
	/* several tasks and CPUs a node; the least of uneven nodes counts */
	job.cpus_per_task = 2;
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "8(x2),4", 1000, &size), 0);
	CHECK_INT(size.cpus, 12);
	CHECK_INT(size.tasks, 6);
	/* held within the grant, whatever a comment says */
	asked.nodes = 1000;
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "4", 1000, &size), 0);
	CHECK_INT(size.nodes, 4);
	asked.nodes = 1;
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "4", 1000, &size), 0);
	CHECK_INT(size.nodes, 2);
	/* without a grant: what it had */
	CHECK_INT(wattle_resize_size(&asked, NULL, &job, 7, "4", 1000, &size), 0);
	CHECK_INT(size.nodes, 7);
	/* Slurm kills a job whose time limit reaches past its deadline */
	job.deadline_s = 4600;
	job.time_limit_s = 7200;
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "4", 1000, &size), 0);
	CHECK_INT(size.time_limit_min, 60);
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "4", 9000, &size), 0);
	CHECK_INT(size.time_limit_min, 1);
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "", 1000, &size), -EINVAL);
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "4(x2),", 1000, &size), 0);
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 2, "4;rm", 1000, &size), -EINVAL);
	CHECK_INT(wattle_resize_size(&asked, &grant, &job, 0, "4", 1000, &size), -EINVAL);
}

static void test_resize_may(void)
{
	static const char *const ours[] = { "job requeued in held state", "job_requeued_in_held_state", "JobHeldUser" };
	static const char *const others[] = {
		"JobHeldAdmin", "launch failed requeued held", "launch_failed_requeued_held", "job requeued in special exit state",
		"job requeued in held states", "BeginTime", "None", "", "job requeued in held",
	};
	struct wattle_job job = { .state = "PENDING" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		snprintf(job.reason, sizeof(job.reason), "%s", ours[i]);
		CU_ASSERT_TRUE(wattle_resize_may(&job));
		snprintf(job.reason, sizeof(job.reason), "%s   ", ours[i]);
		CU_ASSERT_TRUE(wattle_resize_may(&job));
	}
	snprintf(job.state, sizeof(job.state), "RUNNING");
	CU_ASSERT_FALSE(wattle_resize_may(&job));
	snprintf(job.state, sizeof(job.state), "PENDING");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(job.reason, sizeof(job.reason), "%s", others[i]);
		CU_ASSERT_FALSE(wattle_resize_may(&job));
	}
}

static void test_limits(void)
{
	CU_ASSERT_FALSE(wattle_limits_found(""));
	CU_ASSERT_FALSE(wattle_limits_found("=1 cp=2 e=3"));
	CU_ASSERT_FALSE(wattle_limits_found("GrpJobs=3(1) GrpTRES=cpu=N(4),mem=N(0),node=N(2),license/power=600(0) MaxWallPJ=10 MaxTRESPJ="));
	CU_ASSERT_TRUE(wattle_limits_found("GrpTRES=cpu=2(0),mem=N(0)"));
	CU_ASSERT_TRUE(wattle_limits_found("GrpTRES=cpu=N(0),node=0(0)"));
	CU_ASSERT_TRUE(wattle_limits_found("MaxTRESPJ=node=2 MaxTRESPN="));
}

static void test_site(void)
{
	struct wattle_site site;

	wattle_site_parse("EpilogSlurmctld[0]      = /usr/libexec/wattle-resize\nProctrackType           = proctrack/cgroup\n", &site);
	CU_ASSERT_TRUE(site.epilog && !site.signals_tree);
	wattle_site_parse("ProctrackType           = proctrack/cgroup\nSignalChildrenProcesses = no\n", &site);
	CU_ASSERT_FALSE(site.signals_tree);
	wattle_site_parse("ProctrackType           = proctrack/cgroup\nSignalChildrenProcesses = yes\n", &site);
	CU_ASSERT_TRUE(site.signals_tree);
	wattle_site_parse("EpilogSlurmctld         = (null)\nPrologSlurmctld = wattle-resize\nProctrackType           = proctrack/linuxproc\nX = proctrack/cgroup", &site);
	CU_ASSERT_TRUE(!site.epilog && site.signals_tree);
	wattle_site_parse("", &site);
	CU_ASSERT_TRUE(!site.epilog && site.signals_tree);
}

static void test_job(void)
{
	struct wattle_job job;

	CHECK_INT(wattle_job_parse("PENDING    2  1  2  1  1   5:00   1795330237  1795326759  N/A  1   job requeued in held state   \n", &job), 0);
	CHECK_STRING(job.state, "PENDING");
	CHECK_INT(job.nodes, 2);
	CHECK_INT(job.restarts, 1);
	CHECK_INT(job.time_limit_s, 300);
	CHECK_INT(job.deadline_s, 1795330237);
	CU_ASSERT_TRUE(job.requeue);
	CHECK_HOLDS(job.reason, "requeued in held");
	CHECK_INT(wattle_job_parse("RUNNING 2 1 2 1 1 UNLIMITED N/A N/A 1795326759 0 None", &job), 0);
	CHECK_INT(job.time_limit_s, 0);
	CHECK_INT(job.deadline_s, 0);
	CU_ASSERT_FALSE(job.requeue);
	CHECK_INT(job.end_s, 0);
	CHECK_INT(wattle_job_parse("RUNNING 2 1 2 1 0 1:00 N/A 1795326700 1795326759 1 None", &job), 0);
	CHECK_INT(job.end_s, 1795326759);
	CHECK_INT(wattle_job_parse("", &job), -EINVAL);
	CHECK_INT(wattle_job_parse("PENDING 2 1 two 1 1 5:00 1 1 1 1 x", &job), -EINVAL);
}

static void test_sweep_line(void)
{
	struct wattle_held held = { 0 };

	CU_ASSERT_TRUE(wattle_resize_line("17  N/A  N/A  1  job requeued in held state", &held));
	CHECK_INT(held.job_id, 17);
	CHECK_INT(held.restarts, 1);
	CU_ASSERT_TRUE(wattle_resize_line("17 N/A 0 1 JobHeldUser", &held));
	/* tasks and components; one that never ran; one that somebody else holds, or nobody */
	CU_ASSERT_FALSE(wattle_resize_line("17 4 N/A 1 JobHeldUser", &held));
	CU_ASSERT_FALSE(wattle_resize_line("17 1-3 N/A 1 JobHeldUser", &held));
	CU_ASSERT_FALSE(wattle_resize_line("17 N/A 16 1 JobHeldUser", &held));
	CU_ASSERT_FALSE(wattle_resize_line("17 N/A N/A 0 JobHeldUser", &held));
	CU_ASSERT_FALSE(wattle_resize_line("17 N/A N/A 1 JobHeldAdmin", &held));
	CU_ASSERT_FALSE(wattle_resize_line("17 N/A N/A 1 Resources", &held));
	CU_ASSERT_FALSE(wattle_resize_line("17 N/A N/A 1", &held));
	CU_ASSERT_FALSE(wattle_resize_line("", &held));
	/* what a comment could pretend to be */
	CU_ASSERT_FALSE(wattle_resize_line("17 N/A N/A 1 wattle:v1 run=0 nodes=3 begin=0", &held));
}

static void test_sweep_comment(void)
{
	struct wattle_held held = { .job_id = 17, .restarts = 1 };

	CU_ASSERT_TRUE(wattle_resize_asked("wattle:v1 run=0 nodes=3 begin=1795326759 | mine", &held));
	CHECK_INT(held.asked.nodes, 3);
	CHECK_INT(held.asked.begin_s, 1795326759);
	/* a request of another run; one that has been answered; other people's words */
	held.restarts = 3;
	CU_ASSERT_FALSE(wattle_resize_asked("wattle:v1 run=1 nodes=3 begin=0", &held));
	held.restarts = 1;
	CU_ASSERT_FALSE(wattle_resize_asked("wattle: pause | wattle:v1 run=0 nodes=3 begin=0", &held));
	CU_ASSERT_FALSE(wattle_resize_asked("wattle:v1 run=0 nodes=-3 begin=0", &held));
	CU_ASSERT_FALSE(wattle_resize_asked("", &held));
}

/* --- what came of a step ---------------------------------------------------------------------------------------------------- */

static enum wattle_verdict ends(struct wattle_run *run, int exit_status, bool asked, uint64_t done, bool saved, uint32_t *hurry)
{
	struct wattle_status status = { .total = run->state.total, .done = done, .first_us = 1, .last_us = 2, .asked = asked, .saved = saved };

	run->state.done = done;
	return wattle_judge(run, &status, exit_status, asked, hurry);
}

static void test_judge(void)
{
	struct wattle_run run = { .checkpointed = 85, .restarts_max = 2, .state = { .total = 100 } };
	uint32_t hurry = 0;

	CHECK_INT(ends(&run, 0, false, 100, false, &hurry), WATTLE_FINISHED);
	CHECK_INT(ends(&run, 1, false, 50, false, &hurry), WATTLE_FAILED);
	CHECK_INT(ends(&run, 128 + SIGTERM, false, 50, false, &hurry), WATTLE_FAILED);
	CHECK_INT(ends(&run, 85, true, 50, true, &hurry), WATTLE_GO_ON);
	CHECK_INT(run.state.kept, 50);
	/* killed where it has done more; the steps after it begin at 50 again, and that they come to 60 is progress */
	CHECK_INT(ends(&run, 128 + SIGKILL, false, 90, false, &hurry), WATTLE_GO_ON);
	CHECK_INT(run.state.killed, 1);
	for (unsigned done = 60; done < 66; done++)
		CHECK_INT(ends(&run, 85, false, done, true, &hurry), WATTLE_GO_ON);
	CHECK_INT(run.state.killed, 0);
	/* unasked, and without any */
	CHECK_INT(ends(&run, 85, false, 65, true, &hurry), WATTLE_GO_ON);
	CHECK_INT(ends(&run, 85, false, 65, true, &hurry), WATTLE_GO_ON);
	CHECK_INT(ends(&run, 85, false, 65, true, &hurry), WATTLE_FAILED);
	/* in its checkpoint */
	CHECK_INT(ends(&run, 1, true, 65, false, &hurry), WATTLE_GO_ON);
	CU_ASSERT_TRUE(wattle_may_ask(&run.state));
	CHECK_INT(ends(&run, 85, true, 66, false, &hurry), WATTLE_GO_ON);
	CU_ASSERT_FALSE(wattle_may_ask(&run.state));
	CHECK_INT(ends(&run, 1, true, 66, false, &hurry), WATTLE_FAILED);
}

/* A program that fails at the same place each time is not started for ever, whatever it writes on the way there. */
static void test_judge_loops(void)
{
	struct wattle_run run = { .checkpointed = 85, .restarts_max = 2, .state = { .total = 100 } };
	uint32_t hurry = 0, n = 0;

	while (n < 100 && ends(&run, 128 + SIGSEGV, false, 51, true, &hurry) == WATTLE_GO_ON)
		n++;
	CHECK_INT(n, 2);
	/* asked again and again before it has done anything */
	run.state = (struct wattle_state){ .total = 100 };
	for (n = 0; n < 100 && wattle_may_ask(&run.state); n++)
		CHECK_INT(ends(&run, 85, true, 10, true, &hurry), WATTLE_GO_ON);
	CHECK_INT(n, 6);
	CU_ASSERT_TRUE(wattle_takes_part(&run.state));
	run.state.done = 11;
	CU_ASSERT_TRUE(wattle_may_ask(&run.state));
	/* one that tells no progress is believed */
	run.state = (struct wattle_state){ .total = 0 };
	for (n = 0; n < 20; n++)
		CHECK_INT(ends(&run, 85, true, 0, true, &hurry), WATTLE_GO_ON);
	CU_ASSERT_TRUE(wattle_may_ask(&run.state));
}

static void test_holder(void)
{
	static const char first[] = "A=b\0SLURM_JOB_ID=17\0C=", second[] = "SLURM_JOB_ID=17\0SLURM_RESTART_COUNT=1\0",
			  longer[] = "SLURM_JOB_ID=170\0X=SLURM_JOB_ID=17\0";

	CU_ASSERT_TRUE(wattle_holder_owns(first, sizeof(first), 17, NULL));
	CU_ASSERT_TRUE(wattle_holder_owns(first, sizeof(first), 17, "1"));
	CU_ASSERT_TRUE(wattle_holder_owns(second, sizeof(second), 17, "1"));
	/* other jobs, and other runs of this one */
	CU_ASSERT_FALSE(wattle_holder_owns(first, sizeof(first), 1, NULL));
	CU_ASSERT_FALSE(wattle_holder_owns(longer, sizeof(longer), 17, NULL));
	CU_ASSERT_FALSE(wattle_holder_owns(second, sizeof(second), 17, NULL));
	CU_ASSERT_FALSE(wattle_holder_owns(second, sizeof(second), 17, "11"));
	CU_ASSERT_FALSE(wattle_holder_owns(second, 0, 17, "1"));
	/* no slurmstepd holds a test */
	CHECK_INT(wattle_holder_find(), 0);
}

/* An srun that is a script of this test's. */
static void put_srun(const char *folder, const char *script)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/srun", folder);
	f = fopen(path, "w");
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	chmod(path, 0755);
}

static void test_capper(void)
{
	char folder[] = "/tmp/test_launcher.XXXXXX", path[4096], *old = strdup(getenv("PATH"));
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_capper capper;
	sigset_t set;
	pid_t step;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s:%s", folder, old);
	setenv("PATH", path, 1);
	put_srun(folder, "echo +; echo +; exec cat >/dev/null");
	CHECK_INT(wattle_capper_start(2, 100, 30, 0, &capper, &err), 0);
	CHECK_INT(waitpid(capper.pid, NULL, WNOHANG), 0);
	wattle_capper_stop(&capper);
	CHECK_INT(capper.fd, -1);
	CHECK_INT(waitpid(capper.pid, NULL, WNOHANG), -1);

	/* it does not start: until there is no time, the program's step has ended, or we are to end */
	put_srun(folder, "exec sleep 1000");
	CHECK_INT(wattle_capper_start(1, 100, 0.3, 0, &capper, &err), -ETIMEDOUT);
	CHECK_INT(capper.fd, -1);
	step = fork();
	if (step == 0)
		_exit(0);
	CHECK_INT(wattle_capper_start(1, 100, 20, step, &capper, &err), -EINTR);
	CHECK_INT(waitpid(step, NULL, 0), step);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGTERM);
	CHECK_INT(wattle_capper_start(1, 100, 20, 0, &capper, &err), -EINTR);
	CHECK_INT(sigtimedwait(&set, NULL, &(struct timespec) { 0, 0 }), SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setenv("PATH", old, 1);
	free(old);
	snprintf(path, sizeof(path), "%s/srun", folder);
	unlink(path);
	rmdir(folder);
}

static void test_status(void)
{
	struct wattle_status s = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX, INT64_MAX, INT64_MAX }, back = { 0 };
	char text[WATTLE_STATUS_SIZE];

	wattle_status_format(&s, text);
	CU_ASSERT_EQUAL(text[WATTLE_STATUS_SIZE - 1], '\n');
	CU_ASSERT_TRUE(wattle_status_parse(text, &back));
	CU_ASSERT_EQUAL(memcmp(&s, &back, sizeof(s)), 0);
	s = (struct wattle_status) { .done = 10, .total = 2000 };
	wattle_status_format(&s, text);
	text[13]++; /* half of another write */
	CU_ASSERT_FALSE(wattle_status_parse(text, &back));
	CU_ASSERT_EQUAL(back.done, UINT64_MAX);
}

static void test_state(void)
{
	char folder[] = "/tmp/wattle-test-XXXXXX", path[64];
	struct wattle_state s = { .job_id = 7, .steps = 3, .first_start_s = 1795327296.5, .done = 5,  .total = INT64_MAX }, back;
	int fd = -1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a/b", folder);
	CHECK_INT(wattle_state_open(path, &fd, NULL), 0);
	CHECK_INT(wattle_state_load(fd, &back, NULL), -ENOENT);
	for (uint32_t n = 1; n <= WATTLE_STATE_RATES_MAX + 5; n++)
		wattle_state_learn(&s, n, 10, 1);
	CHECK_INT(s.n_rates, WATTLE_STATE_RATES_MAX);
	CHECK_INT(wattle_state_save(fd, &s, NULL), 0);
	CHECK_INT(wattle_state_load(fd, &back, NULL), 0);
	CHECK_INT(back.job_id, 7);
	CHECK_INT(back.steps, 3);
	CU_ASSERT_EQUAL(back.first_start_s, s.first_start_s);
	CU_ASSERT_EQUAL(back.total, INT64_MAX);
	CHECK_INT(back.n_rates, WATTLE_STATE_RATES_MAX);
	CHECK_INT(back.rate[63].nodes, 64);
	unlinkat(fd, "state.json", 0);
	close(open(strcat(path, "/state.json"), O_CREAT | O_WRONLY, 0600));
	CHECK_INT(wattle_state_load(fd, &back, NULL), -EINVAL);
	unlinkat(fd, "state.json", 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/a/b", folder);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", folder);
	rmdir(path);
	rmdir(folder);
}

static void test_rates(void)
{
	struct wattle_state s = { 0 };

	CHECK_INT(wattle_state_rate(2, &s), 0);
	wattle_state_learn(&s, 2, 100, 10);
	wattle_state_learn(&s, 2, 0, 10);
	wattle_state_learn(&s, 4, 150, 10);
	CHECK_INT(wattle_state_rate(2, &s), 10);
	CHECK_INT(wattle_state_rate(1, &s), 5);
	CHECK_INT(wattle_state_rate(8, &s), 30);
}

static void test_rounds(void)
{
	/* asked, seconds per call, minus the least cost, the most */
	double fast[WATTLE_ROUND_N] = { 0, 50e-9, -10e-6, 10e-6 }, slow[WATTLE_ROUND_N] = { 0, 1, -100e-6, 100e-6 },
	       dear[WATTLE_ROUND_N] = { 0, 1e-6, -1, 1 }, none[WATTLE_ROUND_N] = { 0 }, broken[WATTLE_ROUND_N] = { 0, NAN, NAN, NAN };
	/* out of step: waiting is spread over more calls, but for 50 ms at most */
	double tight[WATTLE_ROUND_N] = { 0, 1e-6, -5e-6, 7e-3 }, uneven[WATTLE_ROUND_N] = { 0, 10e-3, -5e-6, 2e-3 },
	       lame[WATTLE_ROUND_N] = { 0, 1, -5e-6, 0.3 }, overloaded[WATTLE_ROUND_N] = { 0, 20e-3, -12e-3, 40e-3 };

	CHECK_INT(wattle_round_calls(fast), 101);
	CHECK_INT(wattle_round_calls(slow), 1);
	CHECK_INT(wattle_round_calls(dear), WATTLE_ROUND_CALLS_MAX);
	CHECK_INT(wattle_round_calls(none), 1);
	CHECK_INT(wattle_round_calls(broken), 1);
	CHECK_INT(wattle_round_calls(tight), WATTLE_ROUND_CALLS_MAX);
	CHECK_INT(wattle_round_calls(uneven), 6);
	CHECK_INT(wattle_round_calls(lame), 1);
	CHECK_INT(wattle_round_calls(overloaded), 26); /* half a second, not 512 calls of 20 ms */
}

static const struct test tests[] = {
	{ "a plan as legs", test_course },
	{ "the plan that was handed over", test_course_taken },
	{ "what is no plan", test_course_refused },
	{ "deadline before carbon", test_choose },
	{ "a new plan: the forecast changed", test_replan_forecast },
	{ "a new plan: slower or faster than planned", test_replan_progress },
	{ "a new plan: only if it is worth it", test_replan_hysteresis },
	{ "a new plan: deadline first", test_replan_deadline },
	{ "a new plan: what changes cost", test_replan_cost },
	{ "a new plan: whatever comes", test_replan_random },
	{ "a new plan: files that are no forecast", test_replan_files },
	{ "words in the comment", test_handover },
	{ "the next size", test_resize_size },
	{ "whose hold it is", test_resize_may },
	{ "limits that a change of size would lift", test_limits },
	{ "slurm.conf as scontrol shows it", test_site },
	{ "a line of squeue", test_job },
	{ "the sweep lets go jobs that their requeue or their user holds, one by one", test_sweep_line },
	{ "the sweep takes what its own job asked for in its last run", test_sweep_comment },
	{ "what came of a step", test_judge },
	{ "what must not go on for ever", test_judge_loops },
	{ "what a killed slurmstepd leaves behind", test_holder },
	{ "a cap's step that does not start", test_capper },
	{ "the status file's line", test_status },
	{ "state from run to run", test_state },
	{ "speed by size", test_rates },
	{ "rounds of the ranks", test_rounds },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("launcher", tests);
}
