/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each job as it ran, and as it would have run if it could have waited; planned by lib/plan, summed up, forgotten. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "advise.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plan_window.h"

#define DAY_S 86400
#define WEEK_S (7 * DAY_S)
#define YEAR_S (52 * WEEK_S) /* keeps the weekday and, nearly, the season */
#define EPSILON_S 1e-6

static const enum wattle_plan_policy policies[ADVISE_POLICIES] = { WATTLE_PLAN_START, WATTLE_PLAN_PAUSE, WATTLE_PLAN_SCALE };

/* Whole years, weeks or days, so that an hour stays that hour. */
static int64_t period_of(const struct wattle_forecast *f)
{
	int64_t length_s = (int64_t) f->n * f->slot_s, unit_s = length_s >= YEAR_S ? YEAR_S : length_s >= WEEK_S ? WEEK_S : DAY_S;
	int64_t period_s = length_s >= unit_s ? length_s / unit_s * unit_s : length_s;

	return period_s / f->slot_s * f->slot_s;
}

static int repeat_series(struct advise *a)
{
	struct wattle_forecast *f = &a->carbon;
	double *more;

	a->period_s = period_of(f);
	a->n_slots = (uint32_t) (a->period_s / f->slot_s);
	more = reallocarray(f->value, 2 * (size_t) a->n_slots, sizeof(*more));
	if (!more)
		return wattle_fail("out of memory");
	memcpy(more + a->n_slots, more, a->n_slots * sizeof(*more));
	f->value = more;
	f->room = f->n = 2 * a->n_slots;
	return 0;
}

int advise_begin(struct advise *a, bool repeat)
{
	uint32_t configs = advise_scale_configs_max(a->scale);

	a->n_slots = a->carbon.n;
	if ((repeat || !a->carbon.dated) && repeat_series(a))
		return WATTLE_EXIT_FAILED;
	a->room = a->carbon.n < WATTLE_PLAN_SLOTS_MAX ? a->carbon.n : WATTLE_PLAN_SLOTS_MAX;
	a->scratch_bytes = wattle_plan_scratch_bytes(a->room, configs);
	a->scratch = malloc(a->scratch_bytes);
	a->slot = calloc(a->room, sizeof(*a->slot));
	a->entry = calloc(wattle_plan_entries_max(a->room), sizeof(*a->entry));
	a->partition = calloc(ADVISE_PARTITIONS_MAX + 1, sizeof(*a->partition));
	a->n_use = a->carbon.n;
	for (uint32_t i = 0; i < 1 + a->n_slacks * ADVISE_POLICIES; i++) {
		a->use[i] = calloc(a->n_use, sizeof(*a->use[i]));
		if (!a->use[i])
			return wattle_fail("out of memory");
	}
	return a->scratch && a->slot && a->entry && a->partition ? 0 : wattle_fail("out of memory");
}

void advise_end(struct advise *a)
{
	free(a->carbon.value);
	advise_scale_close(a->scale);
	free(a->scratch);
	free(a->slot);
	free(a->entry);
	free(a->partition);
	for (uint32_t i = 0; i < 1 + ADVISE_SLACKS_MAX * ADVISE_POLICIES; i++)
		free(a->use[i]);
}

/* --- when ------------------------------------------------------------------ */

/* A series without dates begins on 1 January of the first job's year; one of less than a year, on its day. */
static void anchor(struct advise *a, int64_t first_s)
{
	time_t t = (time_t) first_s;
	struct tm tm;

	a->anchored = true;
	a->first_s = a->last_s = first_s;
	a->anchor_s = a->carbon.start_s;
	if (!a->carbon.dated) {
		a->anchor_s = first_s - (first_s % DAY_S + DAY_S) % DAY_S;
		if (a->period_s >= YEAR_S && gmtime_r(&t, &tm))
			a->anchor_s -= (int64_t) tm.tm_yday * DAY_S;
	}
	a->use_from_s = a->period_s ? first_s - WEEK_S : a->carbon.start_s;
	a->use_from_s -= (a->use_from_s % a->carbon.slot_s + a->carbon.slot_s) % a->carbon.slot_s;
}

/* A moment of the trace, as one of the series. */
static int64_t moment(const struct advise *a, int64_t at_s)
{
	if (!a->period_s)
		return at_s;
	return a->carbon.start_s + ((at_s - a->anchor_s) % a->period_s + a->period_s) % a->period_s;
}

/* --- sums ------------------------------------------------------------------- */

static struct advise_sum *partition_of(struct advise *a, const char *name)
{
	for (uint32_t i = 0; i < a->n_partitions; i++)
		if (strcmp(a->partition[i].name, name) == 0)
			return &a->partition[i];
	if (a->n_partitions == ADVISE_PARTITIONS_MAX) {
		snprintf(a->partition[ADVISE_PARTITIONS_MAX].name, sizeof(a->partition[0].name), "(others)");
		return &a->partition[ADVISE_PARTITIONS_MAX];
	}
	snprintf(a->partition[a->n_partitions].name, sizeof(a->partition[0].name), "%s", name);
	return &a->partition[a->n_partitions++];
}

static void use_nodes(struct advise *a, uint32_t which, double from_s, double run_s, double nodes)
{
	double from = (from_s - (double) a->use_from_s) / a->carbon.slot_s, to = from + run_s / a->carbon.slot_s;

	if (from < 0 || to > a->n_use) {
		a->use_lost = true;
		return;
	}
	for (uint32_t i = (uint32_t) from; i < to && i < a->n_use; i++)
		a->use[which][i] += (float) (nodes * (fmin(to, i + 1.0) - fmax(from, i)));
}

double advise_peak(const struct advise *a, int slack, int policy)
{
	const float *use = a->use[slack < 0 ? 0 : 1 + slack * ADVISE_POLICIES + policy];
	float most = 0;

	for (uint32_t i = 0; i < a->n_use; i++)
		most = fmaxf(most, use[i]);
	return a->use_lost ? -1 : (double) most;
}

/* --- one job ------------------------------------------------------------------ */

struct replayed {
	const struct wattle_trace_job *job;
	double nodes, watts;
	double start_s;                   /* as a moment of the series */
	struct wattle_plan_config config; /* as it ran */
	struct wattle_plan_problem problem;
	double carbon_g;                  /* as it ran */
	struct advise_saved saved[ADVISE_SLACKS_MAX][ADVISE_POLICIES]; /* here: what it would have been, not what was saved */
	bool no_room[ADVISE_SLACKS_MAX];
	bool unscaled;
};

static bool may_wait(const struct advise *a, const struct wattle_trace_job *job)
{
	if (job->run_s < a->min_s)
		return false;
	for (uint32_t i = 0; i < a->n_names; i++)
		if (strcmp(a->names[i], job->partition) == 0)
			return true;
	return a->n_names == 0;
}

/* Seconds from its real start to when it must have ended: its wait counts. */
static double time_left(const struct advise_slack *slack, const struct wattle_trace_job *job)
{
	double wait_s = (double) (job->start_s - job->submit_s);

	return (slack->factor > 0 ? slack->factor * job->run_s : job->run_s + slack->extra_s) - wait_s;
}

/* The slots that any plan of the job may need. false: it lies outside the series, or in a hole. */
static bool cut_window(struct advise *a, struct replayed *r, struct wattle_err *err)
{
	struct wattle_forecast view = a->carbon;
	struct wattle_plan_goal goal = { &view, NULL, 0 };
	int64_t start_s = moment(a, r->job->start_s), first = wattle_forecast_slot_at(&a->carbon, start_s);
	double most_s = r->job->run_s, slots;

	for (uint32_t i = 0; i < a->n_slacks; i++)
		most_s = fmax(most_s, time_left(&a->slack[i], r->job));
	if (first < 0 || (double) start_s + r->job->run_s > (double) wattle_forecast_end(&a->carbon)) {
		a->outside++;
		return false;
	}
	slots = ceil(((double) (start_s - a->carbon.start_s) + most_s) / a->carbon.slot_s) - (double) first;
	slots = fmin(slots, fmin((double) (a->carbon.n - first), a->room));
	view.value += first;
	view.start_s += first * view.slot_s;
	view.n = (uint32_t) fmax(1, slots);
	if ((double) start_s + r->job->run_s > (double) wattle_forecast_end(&view)) {
		a->outside++;
		return false;
	}
	if (wattle_plan_window(&goal, start_s, wattle_forecast_end(&view), a->slot, a->room, &r->problem.n_slots, err) < 0) {
		a->uncovered++;
		return false;
	}
	r->start_s = (double) start_s;
	return true;
}

/* factor: of the watts that the problem's configurations draw to those of the job. */
static int plan_one(struct advise *a, struct replayed *r, enum wattle_plan_policy policy, double factor, uint32_t use,
		    struct advise_saved *ret, struct wattle_err *err)
{
	struct wattle_plan plan = { .entry = a->entry };
	double end_s = r->start_s + r->job->run_s;

	if (wattle_plan_make(&r->problem, policy, a->scratch, a->scratch_bytes, &plan, err) < 0)
		return -EINVAL;
	*ret = (struct advise_saved){ plan.sum.carbon_g * factor, plan.sum.energy_j * factor, plan.sum.end_s - end_s,
				      fabs(plan.sum.start_s - r->start_s) > EPSILON_S || fabs(plan.sum.end_s - end_s) > EPSILON_S };
	for (uint32_t i = 0; i < plan.n_entries; i++)
		use_nodes(a, use, (double) r->job->start_s + plan.entry[i].begin_s - r->start_s, plan.entry[i].run_s,
			  r->nodes * r->problem.config[plan.entry[i].config].nodes / r->problem.config[r->problem.base].nodes);
	return 0;
}

static void set_fixed(struct replayed *r)
{
	r->config = (struct wattle_plan_config){ 1, 0, 1, r->watts };
	r->problem.config = &r->config;
	r->problem.n_configs = 1;
	r->problem.base = 0;
	r->problem.work = r->job->run_s;
}

static int plan_scaled(struct advise *a, struct replayed *r, const struct plan_sizes *sizes, uint32_t use, struct advise_saved *ret,
		       struct wattle_err *err)
{
	r->problem.config = sizes->config;
	r->problem.n_configs = sizes->n;
	r->problem.base = sizes->base;
	r->problem.work = sizes->work * r->job->run_s;
	return plan_one(a, r, WATTLE_PLAN_SCALE, r->watts / sizes->config[sizes->base].power_w, use, ret, err);
}

static int plan_slack(struct advise *a, struct replayed *r, uint32_t i, const struct plan_sizes *sizes, struct wattle_err *err)
{
	double left_s = time_left(&a->slack[i], r->job);
	int rc = 0;

	r->no_room[i] = left_s < r->job->run_s - EPSILON_S;
	r->problem.deadline_s = r->start_s + fmax(left_s, r->job->run_s);
	for (int p = 0; rc == 0 && p < ADVISE_POLICIES; p++) {
		uint32_t use = 1 + i * ADVISE_POLICIES + (uint32_t) p;
		struct advise_saved *saved = &r->saved[i][p];

		set_fixed(r);
		if (p == ADVISE_SCALE && !a->scale)
			continue;
		if (r->no_room[i])
			rc = plan_one(a, r, WATTLE_PLAN_NOW, 1, use, saved, err);
		else if (p == ADVISE_SCALE && sizes)
			rc = plan_scaled(a, r, sizes, use, saved, err);
		else
			rc = plan_one(a, r, p == ADVISE_SCALE ? WATTLE_PLAN_START : policies[p], 1, use, saved, err);
	}
	return rc;
}

/* A job that runs as it ran, by every policy. */
static void keep_as_it_was(struct advise *a, struct replayed *r, const struct advise_saved *now)
{
	for (uint32_t i = 0; i < a->n_slacks; i++)
		for (uint32_t p = 0; p < ADVISE_POLICIES; p++) {
			r->saved[i][p] = *now;
			use_nodes(a, 1 + i * ADVISE_POLICIES + p, (double) r->job->start_s, r->job->run_s, r->nodes);
		}
}

static void add_up(const struct advise *a, const struct replayed *r, bool deferrable, double energy_j, struct advise_sum *sum)
{
	sum->jobs++;
	sum->deferrable += deferrable;
	sum->unscaled += r->unscaled;
	sum->node_s += r->nodes * r->job->run_s;
	sum->wait_s += (double) (r->job->start_s - r->job->submit_s);
	sum->carbon_g += r->carbon_g;
	sum->energy_j += energy_j;
	for (uint32_t i = 0; i < a->n_slacks; i++) {
		sum->no_room[i] += r->no_room[i];
		for (int p = 0; p < ADVISE_POLICIES; p++) {
			sum->saved[i][p].carbon_g += r->carbon_g - r->saved[i][p].carbon_g;
			sum->saved[i][p].energy_j += energy_j - r->saved[i][p].energy_j;
			sum->saved[i][p].later_s += r->saved[i][p].later_s;
			sum->saved[i][p].moved += r->saved[i][p].moved;
		}
	}
}

int advise_job(struct advise *a, const struct wattle_trace_job *job, struct wattle_err *err)
{
	struct replayed r = { .job = job };
	const struct plan_sizes *sizes = NULL;
	struct advise_saved now;
	bool deferrable = may_wait(a, job);
	int64_t end_s = job->start_s + (int64_t) ceil(job->run_s);
	int rc;

	if (!a->anchored)
		anchor(a, job->submit_s);
	if (!cut_window(a, &r, err))
		return 0;
	r.watts = advise_watts(&a->power, job, &r.nodes);
	r.problem.slot = a->slot;
	r.problem.start_s = r.start_s;
	r.problem.deadline_s = r.start_s + job->run_s;
	r.problem.overhead_s = a->overhead_s;
	r.problem.switches_max = UINT32_MAX;
	set_fixed(&r);
	rc = plan_one(a, &r, WATTLE_PLAN_NOW, 1, 0, &now, err);
	if (rc < 0)
		return rc;
	r.carbon_g = now.carbon_g;
	if (deferrable && a->scale) {
		sizes = advise_scale_for(a->scale, job->nodes > 0 ? job->nodes : r.nodes);
		r.unscaled = !sizes;
	}
	if (!deferrable)
		keep_as_it_was(a, &r, &now);
	for (uint32_t i = 0; deferrable && rc == 0 && i < a->n_slacks; i++)
		rc = plan_slack(a, &r, i, sizes, err);
	if (rc < 0)
		return rc;
	add_up(a, &r, deferrable, now.energy_j, &a->all);
	add_up(a, &r, deferrable, now.energy_j, partition_of(a, job->partition));
	a->first_s = job->submit_s < a->first_s ? job->submit_s : a->first_s;
	a->last_s = end_s > a->last_s ? end_s : a->last_s;
	return 0;
}
