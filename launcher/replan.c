/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "replan.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "plan.h"
#include "plan_window.h"

#define SLOTS_MAX 2000u      /* a longer horizon is cut off: it is planned again before that */
#define QUICK_SLOTS 300u
#define SAVING_LEAST_PCT 3.0 /* below it a change is noise, whatever the site's threshold */
#define BEHIND 1.03          /* as in choose.c */
#define AHEAD 0.85
#define CHANGES_PER_PLAN 5   /* intervals: changes of size cost a fifth of the time at most */
#define LATE_S 1.0           /* plans are kept in whole seconds */

struct task {
	const struct wattle_replan_facts *facts;
	struct wattle_plan_config config[WATTLE_PLAN_SIZES_MAX]; /* of plan->size, at the speeds measured */
	double left;             /* work, in seconds of speed one */
	double deadline_s, overhead_s, mean_g_per_kwh;
	struct wattle_plan_slot *slot;
	uint32_t n_slots;
};

/* A plan, followed from now on until the work is done. */
struct outcome {
	double end_s;
	double cost;
	double soon_s;           /* work done within the first interval */
};

double wattle_replan_overhead_s(const struct wattle_plan_steps *plan, const struct wattle_state *state)
{
	return state->lost_n > 0 ? state->lost_s / state->lost_n : plan->overhead_s;
}

double wattle_replan_interval_s(const struct wattle_forecast *forecast, double overhead_s)
{
	return fmax(forecast ? forecast->slot_s : 0, CHANGES_PER_PLAN * overhead_s);
}

static __attribute__((format(printf, 2, 3))) void say(struct wattle_replan *ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret->why, sizeof(ret->why), format, args);
	va_end(args);
}

/* --- speeds ------------------------------------------------------------------------------------------------------------------- */

static const struct wattle_plan_size *find_size(const struct wattle_plan_steps *plan, uint32_t nodes, uint32_t watts_w)
{
	for (uint32_t i = 0; i < plan->n_sizes; i++)
		if (plan->size[i].nodes == nodes && plan->size[i].watts_w == watts_w)
			return &plan->size[i];
	return NULL;
}

/* The greatest speed of a node count, as planned; 0: it is none of the plan's. */
static double planned_speed(const struct wattle_plan_steps *plan, uint32_t nodes)
{
	double most = 0;

	for (uint32_t i = 0; i < plan->n_sizes; i++)
		if (plan->size[i].nodes == nodes)
			most = fmax(most, plan->size[i].speed);
	return most / WATTLE_PLAN_SPEED_ONE;
}

/* How much faster than planned a node count turned out to be; of one that was not tried, what the nearest that was tried says. */
static double correction(const struct wattle_plan_steps *plan, const struct wattle_state *s, uint32_t nodes)
{
	double factor = 1;
	uint32_t nearest = UINT32_MAX;

	if (s->total == 0)
		return 1;
	for (uint32_t i = 0; i < s->n_rates; i++) {
		uint32_t n = s->rate[i].nodes, off = n > nodes ? n - nodes : nodes - n;
		double planned = planned_speed(plan, n), measured = s->rate[i].units / s->rate[i].run_s * plan->work_s / (double) s->total;

		if (planned > 0 && measured > 0 && off < nearest) {
			nearest = off;
			factor = measured / planned;
		}
	}
	return factor;
}

static void make_configs(struct task *t)
{
	const struct wattle_plan_steps *plan = t->facts->plan;

	for (uint32_t i = 0; i < plan->n_sizes; i++) {
		const struct wattle_plan_size *s = &plan->size[i];

		t->config[i] = (struct wattle_plan_config){ s->nodes, s->watts_w,
							    correction(plan, t->facts->state, s->nodes) * s->speed / WATTLE_PLAN_SPEED_ONE, s->power_w };
	}
}

static const struct wattle_plan_config *find_config(const struct task *t, const struct wattle_plan_step *step)
{
	const struct wattle_plan_size *size = find_size(t->facts->plan, step->nodes, step->watts_w);

	return size ? &t->config[size - t->facts->plan->size] : NULL;
}

/* What is left, from progress; without any told, what the plan still has ahead of it. */
static double work_left(const struct wattle_replan_facts *f)
{
	const struct wattle_plan_steps *plan = f->plan;
	double left = 0;

	if (f->state->total > 0)
		return f->state->done < f->state->total ? (double) (f->state->total - f->state->done) / (double) f->state->total * plan->work_s : 0;
	for (uint32_t i = 0; i < plan->n; i++) {
		double to_s = (double) (i + 1 < plan->n ? plan->step[i + 1].from_s : plan->end_s), from_s = fmax((double) plan->step[i].from_s, f->now_s);
		const struct wattle_plan_size *size = find_size(plan, plan->step[i].nodes, plan->step[i].watts_w);

		if (size && to_s > from_s)
			left += (to_s - from_s) * size->speed / WATTLE_PLAN_SPEED_ONE;
	}
	return left;
}

/* --- following a plan to its end ---------------------------------------------------------------------------------------------------- */

static double intensity(const struct task *t, double at_s, double *ret_until_s)
{
	int64_t i = wattle_forecast_slot_at(t->facts->forecast, (int64_t) floor(at_s));

	*ret_until_s = INFINITY;
	if (i < 0)
		return t->mean_g_per_kwh;
	*ret_until_s = (double) (t->facts->forecast->start_s + (i + 1) * (int64_t) t->facts->forecast->slot_s);
	return t->facts->forecast->value[i];
}

struct way {
	double at_s, left, owed_s, soon_until_s;
	uint32_t nodes;          /* running; 0: pause */
	struct outcome *out;
};

/* Runs a configuration up to a moment, or until the work is done: true. */
static bool run_for(const struct task *t, struct way *w, const struct wattle_plan_config *c, double until_s)
{
	if (c->nodes != w->nodes)
		w->owed_s = t->overhead_s;
	w->nodes = c->nodes;
	while (w->at_s < until_s) {
		double slot_end_s, g_per_kwh = intensity(t, w->at_s, &slot_end_s), to_s = fmin(until_s, slot_end_s), span_s, idle_s;

		if (w->at_s < w->soon_until_s)
			to_s = fmin(to_s, w->soon_until_s);
		idle_s = fmin(w->owed_s, to_s - w->at_s);
		span_s = to_s - w->at_s - idle_s;
		if (span_s * c->throughput_per_s >= w->left) {
			span_s = w->left / c->throughput_per_s;
			w->left = 0;
		} else
			w->left -= span_s * c->throughput_per_s;
		if (w->at_s < w->soon_until_s)
			w->out->soon_s += span_s * c->throughput_per_s;
		w->owed_s -= idle_s;
		w->at_s += idle_s + span_s;
		w->out->cost += (idle_s + span_s) * c->power_w * g_per_kwh;
		if (w->left <= 0)
			return true;
	}
	return false;
}

static struct outcome follow(const struct task *t, const struct wattle_plan_steps *plan, double soon_s)
{
	struct outcome out = { 0 };
	struct way w = { t->facts->now_s, t->left, 0, t->facts->now_s + soon_s, t->facts->nodes, &out };
	const struct wattle_plan_config *last = &t->config[0], *c;
	bool done = false;

	for (uint32_t i = 0; i < plan->n && !done; i++) {
		double to_s = (double) (i + 1 < plan->n ? plan->step[i + 1].from_s : plan->end_s), from_s = (double) plan->step[i].from_s;

		c = find_config(t, &plan->step[i]);
		if (c)
			last = c;
		if (to_s <= w.at_s)
			continue;
		/* a plan that begins later, and one that pauses */
		if (from_s - w.at_s >= t->facts->pause_min_s || (!c && to_s - w.at_s >= t->facts->pause_min_s)) {
			w.nodes = 0;
			w.at_s = c ? from_s : to_s;
		}
		if (c)
			done = run_for(t, &w, c, to_s);
		else if (w.at_s < to_s)
			done = run_for(t, &w, last, to_s);
	}
	if (!done)
		run_for(t, &w, last, INFINITY);
	out.end_s = w.at_s;
	return out;
}

/* --- making one -------------------------------------------------------------------------------------------------------------------- */

/* The steps of a plan. False: there are too many. */
static bool write_steps(const struct task *t, const struct wattle_plan *plan, struct wattle_plan_steps *ret)
{
	const struct wattle_plan_steps *old = t->facts->plan;
	double end_s = plan->entry[0].begin_s;
	uint32_t n = 0;

	*ret = *old;
	for (uint32_t i = 0; i < plan->n_entries; i++) {
		const struct wattle_plan_entry *e = &plan->entry[i];
		const struct wattle_plan_config *c = &t->config[e->config];
		struct wattle_plan_step next[2] = { { (int64_t) floor(end_s), 0, 0 }, { (int64_t) floor(e->begin_s + 1e-6), c->nodes, (uint32_t) c->cap_w } };

		for (uint32_t j = i > 0 && e->begin_s - end_s > 1 ? 0 : 1; j < 2; j++) {
			while (n > 0 && ret->step[n - 1].from_s >= next[j].from_s)
				n--; /* less than a second long */
			if (n > 0 && ret->step[n - 1].nodes == next[j].nodes && ret->step[n - 1].watts_w == next[j].watts_w)
				continue;
			if (n == WATTLE_PLAN_STEPS_MAX)
				return false;
			ret->step[n++] = next[j];
		}
		end_s = e->begin_s + e->run_s;
	}
	ret->n = n;
	ret->overhead_s = (uint32_t) ceil(fmin(t->overhead_s, 86400));
	ret->end_s = (int64_t) ceil(fmax(end_s, plan->sum.end_s) - 1e-6);
	return n > 0 && ret->step[0].nodes > 0 && ret->end_s > ret->step[n - 1].from_s;
}

/* The greatest watts alone, for plans of fewer steps; and never more of any. */
static uint32_t uncapped_only(struct wattle_plan_config config[], uint32_t n, const struct wattle_plan_steps *plan)
{
	uint32_t kept = 0, most_w = 0;

	for (uint32_t i = 0; i < plan->n_sizes; i++)
		most_w = plan->size[i].watts_w > most_w ? plan->size[i].watts_w : most_w;
	for (uint32_t i = 0; i < n; i++)
		if ((uint32_t) config[i].cap_w == most_w)
			config[kept++] = config[i];
	return kept;
}

static int make_plan(struct task *t, struct wattle_plan_steps *ret, struct wattle_err *err)
{
	const struct wattle_replan_facts *f = t->facts;
	uint32_t done = f->state->resizes + f->state->pauses, n = f->plan->n_sizes;
	cleanup_free struct wattle_plan_entry *entry = calloc(wattle_plan_entries_max(t->n_slots), sizeof(*entry));
	size_t bytes = wattle_plan_scratch_bytes(t->n_slots, n);
	cleanup_free void *scratch = malloc(bytes);
	struct wattle_plan plan = { .entry = entry };
	struct wattle_plan_problem problem = {
		.slot = t->slot, .n_slots = t->n_slots, .config = t->config, .n_configs = n, .work = t->left, .start_s = f->now_s,
		.deadline_s = t->deadline_s - LATE_S, .overhead_s = t->overhead_s, .switches_max = f->switches_max > done ? f->switches_max - done : 1,
		.quick = t->n_slots > QUICK_SLOTS,
	};
	int rc;

	if (!entry || !scratch)
		return wattle_err_set(err, ENOMEM, "out of memory for a plan of %u slots", t->n_slots);
	for (;;) {
		const struct wattle_plan_entry *first = entry;

		problem.work = t->left;
		rc = wattle_plan_make(&problem, WATTLE_PLAN_SCALE, scratch, bytes, &plan, err);
		/* the planner's first run is free: here it may be a change of size */
		if (rc == 0 && (t->config[first->config].nodes != f->nodes || first->begin_s - f->now_s >= f->pause_min_s)) {
			problem.work += t->overhead_s * t->config[first->config].throughput_per_s;
			rc = wattle_plan_make(&problem, WATTLE_PLAN_SCALE, scratch, bytes, &plan, err);
		}
		if (rc < 0 || write_steps(t, &plan, ret))
			return rc;
		n = uncapped_only(t->config, n, f->plan);
		if (n == 0 || n == problem.n_configs)
			return wattle_err_set(err, E2BIG, "a new plan would have too many steps");
		problem.n_configs = n;
	}
}

/* The planner cares not where within equally good time a first run lies. For a job that runs, the run at once needs no resume: the same
 * plan with its first run moved there. False: it begins now already. */
static bool begin_now(const struct task *t, const struct wattle_plan_steps *plan, struct wattle_plan_steps *ret)
{
	int64_t now_s = (int64_t) floor(t->facts->now_s), off_s = plan->step[0].from_s - now_s;

	if (off_s <= 0)
		return false;
	*ret = *plan;
	ret->step[0].from_s = now_s;
	if (ret->n == 1)
		ret->end_s -= off_s;
	else if (ret->step[1].nodes == 0)
		ret->step[1].from_s -= off_s;
	return true;
}

/* --- the verdict ------------------------------------------------------------------------------------------------------------------- */

static void judge(const struct task *t, const struct outcome *kept, const struct outcome *fresh, struct wattle_replan *ret)
{
	const struct wattle_replan_facts *f = t->facts;
	double need_pct = fmax(f->min_saving_pct, SAVING_LEAST_PCT), latest_s = t->deadline_s + LATE_S;
	bool kept_met = kept->end_s <= latest_s, fresh_met = fresh->end_s <= latest_s;

	ret->saving_pct = kept->cost > 0 ? 100 * (1 - fresh->cost / kept->cost) : 0;
	ret->postpones = fresh->soon_s < kept->soon_s * 0.99 || fresh->end_s > kept->end_s + t->overhead_s + LATE_S;
	if (!kept_met && fresh_met) {
		ret->take = true;
		say(ret, "the plan would end %.0f s after the deadline, another one keeps it", kept->end_s - t->deadline_s);
	} else if (!kept_met) {
		ret->take = fresh->end_s < kept->end_s - fmax(t->overhead_s, 0.01 * (kept->end_s - f->now_s));
		say(ret, "the deadline can't be kept: as fast as may be, the work ends %.0f s after it", fmin(kept->end_s, fresh->end_s) - t->deadline_s);
	} else if (!fresh_met) {
		say(ret, "no other plan keeps the deadline");
	} else {
		if (ret->postpones)
			need_pct *= 1 + f->state->postponed;
		if (f->state->planned_s > 0 && f->now_s - f->state->planned_s < wattle_replan_interval_s(f->forecast, t->overhead_s))
			say(ret, "too soon after the last new plan");
		else if (!(ret->saving_pct >= need_pct))
			say(ret, "another plan would save %.1f%% CO2, less than %.1f%%", fmax(0, ret->saving_pct), need_pct);
		else {
			ret->take = true;
			say(ret, "%.0f%% less CO2 than by the plan before", ret->saving_pct);
		}
	}
	ret->deadline_met = ret->take ? fresh_met : kept_met;
	ret->end_s = ret->take ? fresh->end_s : kept->end_s;
}

static int begin(struct task *t, const struct wattle_replan_facts *f, struct wattle_err *err)
{
	if (!f->forecast)
		return wattle_err_set(err, EINVAL, "there is no forecast");
	if (f->plan->n_sizes == 0)
		return wattle_err_set(err, EINVAL, "the plan does not say what it was made of");
	t->facts = f;
	t->left = work_left(f);
	if (!(t->left > 0))
		return wattle_err_set(err, EINVAL, "no work is left");
	t->overhead_s = wattle_replan_overhead_s(f->plan, f->state);
	t->deadline_s = f->deadline_s > 0 ? f->deadline_s : (double) f->plan->end_s;
	make_configs(t);
	return 0;
}

int wattle_replan_make(const struct wattle_replan_facts *f, struct wattle_replan *ret, struct wattle_err *err)
{
	cleanup_free struct wattle_plan_slot *slot = calloc(SLOTS_MAX, sizeof(*slot));
	const struct wattle_plan_goal goal = { .carbon = f->forecast };
	cleanup_free struct wattle_plan_steps *other = calloc(1, sizeof(*other));
	struct task t = { .slot = slot };
	struct outcome kept, fresh;
	int rc;

	*ret = (struct wattle_replan){ .end_s = 0 };
	if (!slot || !other)
		return wattle_err_set(err, ENOMEM, "out of memory for a plan");
	rc = begin(&t, f, err);
	if (rc == 0)
		rc = wattle_plan_window(&goal, (int64_t) floor(f->now_s), (int64_t) floor(f->now_s) + 1, slot, SLOTS_MAX, &t.n_slots, err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < t.n_slots; i++)
		t.mean_g_per_kwh += slot[i].g_per_kwh / t.n_slots;
	/* a deadline in the past leaves nothing to plan for: then it is what the fastest run would need */
	if (t.deadline_s - LATE_S <= f->now_s)
		t.deadline_s = f->now_s + 2 * LATE_S;
	rc = make_plan(&t, &ret->plan, err);
	if (rc < 0)
		return rc;
	/* the configurations may have been thinned */
	make_configs(&t);
	kept = follow(&t, f->plan, wattle_replan_interval_s(f->forecast, t.overhead_s));
	fresh = follow(&t, &ret->plan, wattle_replan_interval_s(f->forecast, t.overhead_s));
	if (begin_now(&t, &ret->plan, other)) {
		struct outcome sooner = follow(&t, other, wattle_replan_interval_s(f->forecast, t.overhead_s));

		if (sooner.cost <= fresh.cost || fresh.end_s > t.deadline_s) {
			fresh = sooner;
			ret->plan = *other;
		}
	}
	t.deadline_s = f->deadline_s > 0 ? f->deadline_s : t.deadline_s;
	judge(&t, &kept, &fresh, ret);
	return 0;
}

bool wattle_replan_departs(const struct wattle_replan_facts *f)
{
	struct task t = { .slot = NULL };
	double can = 0;

	if (f->state->total == 0 || f->state->n_rates == 0 || begin(&t, f, NULL) < 0)
		return false;
	for (uint32_t i = 0; i < f->plan->n; i++) {
		double to_s = (double) (i + 1 < f->plan->n ? f->plan->step[i + 1].from_s : f->plan->end_s);
		const struct wattle_plan_config *c = find_config(&t, &f->plan->step[i]);

		to_s -= fmax((double) f->plan->step[i].from_s, f->now_s);
		if (c && to_s > 0)
			can += to_s * c->throughput_per_s;
		/* changes to come */
		if (c && i > 0 && (double) f->plan->step[i].from_s > f->now_s && f->plan->step[i - 1].nodes != c->nodes)
			can -= fmin(t.overhead_s, to_s) * c->throughput_per_s;
	}
	return t.left > can * BEHIND || t.left < can * AHEAD;
}
