/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One configuration: a contiguous run, or one that is suspended in dirty slots. */
#include "plan_private.h"

#include <math.h>

/* Integral of the weight over time, from the first span to a moment. Moments must not fall from call to call. */
struct integral {
	const struct plan_work *work;
	uint32_t span;
	double before; /* of the spans before it */
};

static double integral_to(struct integral *a, double at_s)
{
	const struct plan_span *s = &a->work->span[a->span];

	while (a->span + 1 < a->work->usable && at_s > s->begin_s + s->length_s) {
		a->before += s->weight * s->length_s;
		s = &a->work->span[++a->span];
	}
	return a->before + s->weight * (at_s - s->begin_s);
}

struct best_start {
	double begin_s, cost;
};

static void offer(struct best_start *best, double begin_s, double cost)
{
	double margin = isfinite(best->cost) ? 1e-12 * fabs(best->cost) : 0;

	if (cost < best->cost - margin || (cost <= best->cost + margin && begin_s < best->begin_s))
		*best = (struct best_start){ begin_s, cost };
}

/* The cost of a run is piecewise linear in its start, with corners where its start or its end passes from one slot to the next: the
 * least is at one of them. */
void plan_start(struct plan_work *work, uint32_t config, struct wattle_plan *plan)
{
	const struct plan_span *first = &work->span[0], *last = &work->span[work->usable - 1];
	double run_s = work->problem->work / work->problem->config[config].throughput_per_s;
	double limit_s = last->begin_s + last->length_s;
	struct integral head = { work, 0, 0 }, tail = { work, 0, 0 };
	struct best_start best = { first->begin_s, INFINITY };

	for (uint32_t i = 0; i < work->usable; i++) {
		double begin_s = work->span[i].begin_s;

		if (begin_s + run_s <= limit_s + 1e-6)
			offer(&best, begin_s, integral_to(&tail, fmin(begin_s + run_s, limit_s)) - integral_to(&head, begin_s));
	}
	head = tail = (struct integral){ work, 0, 0 };
	for (uint32_t i = 0; i < work->usable; i++) {
		double end_s = work->span[i].begin_s + work->span[i].length_s;

		if (end_s - run_s >= first->begin_s)
			offer(&best, end_s - run_s, integral_to(&tail, end_s) - integral_to(&head, end_s - run_s));
	}
	plan_run(work, config, best.begin_s, plan);
}

void plan_pause(struct plan_work *work, uint32_t config, struct wattle_plan *plan)
{
	double left_s = work->problem->work / work->problem->config[config].throughput_per_s;

	plan_sort_spans(work);
	for (uint32_t i = 0; i < work->usable; i++) {
		uint32_t span = work->order[i];

		work->run_s[span] = fmax(0, fmin(left_s, work->span[span].length_s));
		work->level[span] = work->run_s[span] > 0 ? config : PLAN_IDLE;
		left_s -= work->run_s[span];
	}
	plan_emit(work, NULL, plan);
}
