/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "course.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void wattle_course_free(struct wattle_course *course)
{
	free(course->leg);
	memset(course, 0, sizeof(*course));
}

/* Of watts per node on so many nodes; 0: not known. */
static double speed(const struct wattle_plan_steps *steps, uint32_t nodes, uint32_t watts_w)
{
	for (uint32_t i = 0; i < steps->n_sizes; i++)
		if (steps->size[i].nodes == nodes && steps->size[i].watts_w == watts_w)
			return steps->size[i].speed;
	return 0;
}

int wattle_course_take(const struct wattle_plan_steps *steps, struct wattle_course *ret, struct wattle_err *err)
{
	uint32_t most_w = 0;

	*ret = (struct wattle_course) { .dated = true };
	ret->leg = calloc(steps->n, sizeof(*ret->leg));
	if (!ret->leg)
		return wattle_err_set(err, ENOMEM, "out of memory for %u slots", steps->n);
	for (uint32_t i = 0; i < steps->n; i++)
		if (steps->step[i].watts_w > most_w)
			most_w = steps->step[i].watts_w;
	for (uint32_t i = 0; i < steps->n; i++) {
		const struct wattle_plan_step *step = &steps->step[i];
		int64_t end_s = i + 1 < steps->n ? step[1].from_s : steps->end_s;

		double full = speed(steps, step->nodes, most_w), capped = speed(steps, step->nodes, step->watts_w);

		if (step->nodes && end_s > step->from_s)
			ret->leg[ret->n++] = (struct wattle_leg) { (double) step->from_s, (double) end_s, step->nodes,
								   step->watts_w < most_w ? (double) step->watts_w : 0,
								   full > 0 && capped > 0 ? capped / full : 1 };
	}
	if (ret->n > 0)
		return 0;
	wattle_course_free(ret);
	return wattle_err_set(err, EINVAL, "a plan that never runs");
}

static struct wattle_now run(const struct wattle_leg *leg, double until_s)
{
	return (struct wattle_now) { WATTLE_PHASE_RUN, leg->nodes, leg->cap_w, until_s, leg->speed };
}

struct wattle_now wattle_course_at(const struct wattle_course *course, double at_s, double pause_min_s)
{
	const struct wattle_leg *before = NULL, *leg = course->leg, *end = course->leg + course->n;

	while (leg < end && leg->end_s <= at_s)
		before = leg++;
	if (leg == end)
		return (struct wattle_now) { WATTLE_PHASE_BEYOND, before->nodes, before->cap_w, INFINITY, before->speed };
	if (leg->begin_s <= at_s) {
		/* a gap too short to be worth a pause belongs to the leg before it */
		double until_s = leg->end_s;

		if (leg + 1 < end && leg[1].begin_s - until_s < pause_min_s)
			until_s = leg[1].begin_s;
		return run(leg, until_s);
	}
	if (!before && leg->begin_s - at_s < pause_min_s)
		return run(leg, leg->end_s);
	if (before && leg->begin_s - before->end_s < pause_min_s)
		return run(before, leg->begin_s);
	return (struct wattle_now) { WATTLE_PHASE_PAUSE, leg->nodes, leg->cap_w, leg->begin_s, leg->speed };
}

double wattle_course_work(const struct wattle_course *course, double from_s, double (*rate)(uint32_t nodes, const void *arg), const void *arg)
{
	double work = 0;

	for (size_t i = 0; i < course->n; i++) {
		double begin_s = fmax(course->leg[i].begin_s, from_s);

		if (course->leg[i].end_s > begin_s)
			work += (course->leg[i].end_s - begin_s) * course->leg[i].speed * rate(course->leg[i].nodes, arg);
	}
	return work;
}

void wattle_course_nodes(const struct wattle_course *course, uint32_t *ret_min, uint32_t *ret_max)
{
	*ret_min = UINT32_MAX;
	*ret_max = 0;
	for (size_t i = 0; i < course->n; i++) {
		if (course->leg[i].nodes < *ret_min)
			*ret_min = course->leg[i].nodes;
		if (course->leg[i].nodes > *ret_max)
			*ret_max = course->leg[i].nodes;
	}
}
