/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan as stretches of time, and what they do and cost. */
#include "plan_private.h"

#include <math.h>

#define JOULES_PER_KWH 3.6e6

static void add(struct wattle_plan *plan, const struct plan_work *work, uint32_t span, uint32_t config, double begin_s, double run_s)
{
	if (config == PLAN_IDLE || !(run_s > 0))
		return;
	plan->entry[plan->n_entries++] =
		(struct wattle_plan_entry){ work->first_slot + span, config, begin_s, run_s, 0 };
}

void plan_emit(struct plan_work *work, const struct plan_extra *extra, struct wattle_plan *plan)
{
	const struct wattle_plan_config *config = work->problem->config;

	plan->n_entries = 0;
	for (uint32_t i = 0; i < work->usable; i++) {
		const struct plan_span *s = &work->span[i];
		bool shared = extra && extra->span == i && extra->run_s > 0;
		double run_s = work->run_s[i] + (shared ? extra->run_s : 0), begin_s = s->begin_s;
		bool next_runs = i + 1 < work->usable && work->level[i + 1] != PLAN_IDLE && work->run_s[i + 1] > 0;
		const struct wattle_plan_entry *last = plan->n_entries ? &plan->entry[plan->n_entries - 1] : NULL;
		bool last_runs = last && last->begin_s + last->run_s > s->begin_s - 1e-6;

		/* a part of a slot lies at the side of what runs before or after it */
		if (next_runs && !last_runs && run_s < s->length_s)
			begin_s += s->length_s - run_s;
		if (shared && last_runs && config[last->config].nodes == config[extra->config].nodes) {
			add(plan, work, i, extra->config, begin_s, extra->run_s);
			begin_s += extra->run_s;
			shared = false;
		}
		add(plan, work, i, work->level[i], begin_s, work->run_s[i]);
		if (shared)
			add(plan, work, i, extra->config, begin_s + work->run_s[i], extra->run_s);
	}
}

void plan_run(const struct plan_work *work, uint32_t config, double begin_s, struct wattle_plan *plan)
{
	double left_s = work->problem->work / work->problem->config[config].throughput_per_s;

	plan->n_entries = 0;
	for (uint32_t i = work->first_slot; i < work->problem->n_slots && left_s > 0; i++) {
		const struct wattle_plan_slot *s = &work->problem->slot[i];
		double from_s = fmax(begin_s, s->start_s), run_s = fmin(s->start_s + s->length_s - from_s, left_s);

		if (run_s <= 0)
			continue;
		plan->entry[plan->n_entries++] = (struct wattle_plan_entry){ i, config, from_s, run_s, 0 };
		left_s -= run_s;
	}
}

double plan_cost(const struct plan_work *work, const struct wattle_plan_entry *entry, uint32_t n)
{
	double cost = 0;

	for (uint32_t i = 0; i < n; i++)
		cost += work->span[entry[i].slot - work->first_slot].weight * entry[i].run_s *
			work->problem->config[entry[i].config].power_w;
	return cost;
}

double plan_work_done(const struct plan_work *work, const struct wattle_plan_entry *entry, uint32_t n)
{
	double done = 0;

	for (uint32_t i = 0; i < n; i++)
		done += (entry[i].run_s - entry[i].overhead_s) * work->problem->config[entry[i].config].throughput_per_s;
	return done;
}

bool plan_continues(const struct plan_work *work, const struct wattle_plan_entry *before, const struct wattle_plan_entry *after)
{
	const struct wattle_plan_config *config = work->problem->config;

	return config[before->config].nodes == config[after->config].nodes && after->begin_s - (before->begin_s + before->run_s) < 1e-6;
}
