/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "follow.h"

#include <math.h>

#define NOISE 1.03 /* of the measured speed: less than this behind is not behind */

double wattle_course_utc(const struct wattle_run *run, double at_s)
{
	return run->course && run->course->dated ? at_s : run->state.first_start_s + at_s;
}

static double course_time(const struct wattle_run *run, double utc_s)
{
	return run->course->dated ? utc_s : utc_s - run->state.first_start_s;
}

/* More work is left than the plan and the time behind it can do. */
static bool is_behind(const struct wattle_run *run, double at_s)
{
	const struct wattle_state *s = &run->state;
	const struct wattle_course *c = run->course;
	double end_s = c->leg[c->n - 1].end_s, left, can;
	uint32_t min, max;

	if (run->replans || s->total == 0 || s->done >= s->total || s->n_rates == 0)
		return false;
	left = (double) (s->total - s->done);
	can = wattle_course_work(c, at_s, wattle_state_rate, s);
	wattle_course_nodes(c, &min, &max);
	if (run->deadline_s > 0) {
		double spare_s = run->deadline_s - fmax(wattle_course_utc(run, end_s), wattle_course_utc(run, at_s));

		if (spare_s > 0)
			can += spare_s * wattle_state_rate(max, s);
	}
	return left > can * NOISE;
}

struct wattle_choice wattle_choose(const struct wattle_run *run, double now_s)
{
	struct wattle_choice choice = { .phase = WATTLE_PHASE_RUN, .nodes = run->nodes, .until_s = INFINITY, .speed = 1 };
	struct wattle_now now;
	double at_s;

	if (!run->course)
		return choice;
	at_s = course_time(run, now_s);
	now = wattle_course_at(run->course, at_s, (double) run->pause_min_s);
	choice = (struct wattle_choice) { now.phase, now.nodes, now.cap_w, now.until_s, is_behind(run, at_s), now.speed };
	if (choice.behind) {
		uint32_t min, max;

		wattle_course_nodes(run->course, &min, &max);
		choice.phase = now.phase == WATTLE_PHASE_PAUSE ? WATTLE_PHASE_RUN : now.phase;
		if (now.phase == WATTLE_PHASE_BEYOND)
			choice.nodes = run->deadline_s > 0 ? max : run->nodes;
		else if (choice.nodes < run->nodes)
			choice.nodes = run->nodes;
		choice.cap_w = 0;
		choice.speed = 1;
	} else if (now.phase == WATTLE_PHASE_BEYOND)
		choice.nodes = run->nodes; /* what is left is not worth a restart */
	if (choice.phase == WATTLE_PHASE_BEYOND)
		choice.phase = WATTLE_PHASE_RUN;
	return choice;
}
