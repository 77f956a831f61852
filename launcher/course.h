/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_COURSE_H
#define WATTLE_COURSE_H

/* A plan as wattlerun follows it: stretches of time, each with a size; between them the job does not run. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "plan_text.h"

#define WATTLE_COURSE_LEGS_MAX 20000u
#define WATTLE_COURSE_BYTES_MAX (8u * 1024 * 1024) /* of a plan's text */

struct wattle_leg {
	double begin_s, end_s; /* on the course's clock */
	uint32_t nodes;
	double cap_w;          /* per node; 0: none but the grant */
	double speed;          /* under that cap, as a share of that without; 1 where it is not known */
};

/* In time order, no two overlap; neighbours differ in size, watts, or have a gap between them. */
struct wattle_course {
	bool dated;            /* the clock is UTC, seconds since 1970; else seconds since the job first started */
	struct wattle_leg *leg;
	size_t n;
};

/* What `wattle plan --json` printed: slots as [{"t","nodes","fraction"[,"cap_w"]}] with slot_s. Entries of one slot follow each other
 * from its begin. The caller frees with wattle_course_free; on error *ret is empty. -EINVAL: no such plan, err says where. */
int wattle_course_parse(const char *text, size_t len, struct wattle_course *ret, struct wattle_err *err);
/* The plan that job_submit handed over (plan_text.h). Watts that are the plan's greatest are the grant's: no cap of their own. */
int wattle_course_take(const struct wattle_plan_steps *steps, struct wattle_course *ret, struct wattle_err *err);
void wattle_course_free(struct wattle_course *course);

enum wattle_phase {
	WATTLE_PHASE_RUN,    /* at nodes, cap_w, until until_s */
	WATTLE_PHASE_PAUSE,  /* nothing until until_s; then nodes, cap_w */
	WATTLE_PHASE_BEYOND, /* the plan is over; nodes, cap_w are those of its last leg */
};

struct wattle_now {
	enum wattle_phase phase;
	uint32_t nodes;
	double cap_w;
	double until_s;
	double speed;
};

/* What the plan says at a moment. A gap shorter than pause_min_s is no pause: the leg before it lasts through it (at the very
 * begin: the first leg comes early). */
struct wattle_now wattle_course_at(const struct wattle_course *course, double at_s, double pause_min_s);

/* The work that the plan still does from a moment on, given work per second by node count without a cap. */
double wattle_course_work(const struct wattle_course *course, double from_s, double (*rate)(uint32_t nodes, const void *arg), const void *arg);

/* The least and the greatest node count of the plan. */
void wattle_course_nodes(const struct wattle_course *course, uint32_t *ret_min, uint32_t *ret_max);

#endif
