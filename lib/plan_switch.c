/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans where a change of width costs time, or where there may be few of them. For a multiplier mu (worth of a unit of work) and a
 * price per switch, the best sequence of widths is found slot by slot in O(T K) time and O(T + K) memory: only "what is best at
 * the end of slot t, and when did its last run begin" is kept. Bisection over mu until the work is done, over the price until the
 * switches are few enough; then the overshoot is trimmed. Contiguous runs are candidates too, so that no plan is worse than those. */
#include "plan_private.h"

#include <math.h>

#define NONE UINT32_MAX
#define INITIAL 0x80000000u     /* a run that began the job, beside the slot it began in */
#define CELLS_MAX 4000000u      /* slots x configurations for one multiplier: beyond, configurations are thinned */
#define CONFIGS_MIN 8u
#define MU_STEPS 44
#define PRICE_STEPS 20
#define QUICK_MU_STEPS 14
#define QUICK_PRICE_STEPS 7

struct search {
	struct plan_work *work;
	struct wattle_plan *plan;   /* the best so far */
	double cost;
	uint32_t n_groups;
	uint32_t n_configs;         /* of by_nodes that are looked at */
	double price;
};

static const struct wattle_plan_config *config_at(const struct plan_work *work, uint32_t i)
{
	return &work->problem->config[work->by_nodes[i]];
}

static void make_groups(struct search *s)
{
	struct plan_work *work = s->work;

	s->n_groups = 0;
	for (uint32_t i = 0; i < s->n_configs; i++) {
		if (i == 0 || config_at(work, i)->nodes != config_at(work, i - 1)->nodes)
			work->group[s->n_groups++] = (struct plan_group){ .nodes = config_at(work, i)->nodes, .first = i };
		work->group[s->n_groups - 1].n++;
	}
}

/* The configuration of a group that is worth most in a span, of which lost_s are without progress. */
static double best_in_group(const struct plan_work *work, const struct plan_group *g, uint32_t span, double lost_s, double mu,
			    uint32_t *ret_config)
{
	const struct plan_span *s = &work->span[span];
	double best = -INFINITY;

	for (uint32_t i = g->first; i < g->first + g->n; i++) {
		const struct wattle_plan_config *c = config_at(work, i);
		double value = mu * c->throughput_per_s * (s->length_s - lost_s) - s->weight * c->power_w * s->length_s;

		if (value > best) {
			best = value;
			if (ret_config)
				*ret_config = work->by_nodes[i];
		}
	}
	return best;
}

/* One pass over the slots. work->level becomes the group of each span, with the runs' beginnings in work->since. */
static void choose_groups(struct search *s, double mu)
{
	struct plan_work *work = s->work;
	double overhead_s = work->problem->overhead_s, paused = -INFINITY;
	uint32_t t;

	for (uint32_t g = 0; g < s->n_groups; g++)
		work->group[g].value = -INFINITY;
	for (t = 0; t < work->usable; t++) {
		double before = paused;

		work->choice[t] = NONE;
		for (uint32_t g = 0; g < s->n_groups; g++) {
			struct plan_group *group = &work->group[g];
			double stay = best_in_group(work, group, t, 0, mu, NULL), first = stay, resume = -INFINITY;

			if (before > -INFINITY)
				resume = before - s->price + best_in_group(work, group, t, overhead_s, mu, NULL);
			stay += group->value;
			if (stay >= first && stay >= resume) {
				group->value = stay;
			} else {
				group->initial = first >= resume;
				group->value = group->initial ? first : resume;
				group->since = t;
			}
			if (group->value > paused) {
				paused = group->value;
				work->choice[t] = g;
				work->since[t] = group->since | (group->initial ? INITIAL : 0);
			}
		}
	}
	for (uint32_t i = 0; i < work->usable; i++)
		work->level[i] = NONE;
	if (paused <= 0)
		return;
	t = work->usable;
	while (t > 0) {
		uint32_t began, g = work->choice[t - 1];

		if (g == NONE) {
			t--;
			continue;
		}
		began = work->since[t - 1] & ~INITIAL;
		for (uint32_t i = began; i < t; i++)
			work->level[i] = g;
		if (work->since[t - 1] & INITIAL)
			break;
		t = began;
	}
}

/* The chosen groups as entries in work->trial. Returns their number. */
static uint32_t lay_out(struct search *s, double mu)
{
	struct plan_work *work = s->work;
	double owed_s = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < work->usable; i++) {
		struct wattle_plan_entry *e = &work->trial[n];

		if (work->level[i] == NONE)
			continue;
		*e = (struct wattle_plan_entry){ work->first_slot + i, 0, work->span[i].begin_s, work->span[i].length_s, 0 };
		if (n == 0)
			owed_s = 0;
		else if (i == 0 || work->level[i - 1] != work->level[i])
			owed_s = work->problem->overhead_s;
		e->overhead_s = fmin(owed_s, e->run_s);
		owed_s -= e->overhead_s;
		best_in_group(work, &work->group[work->level[i]], i, e->overhead_s, mu, &e->config);
		n++;
	}
	return n;
}

static void drop(struct wattle_plan_entry *entry, uint32_t *n, uint32_t at)
{
	for (uint32_t i = at + 1; i < *n; i++)
		entry[i - 1] = entry[i];
	(*n)--;
}

/* What a unit of work costs at the end or at the beginning of a run; 0 for entries within. */
static double edge_cost(const struct plan_work *work, const struct wattle_plan_entry *entry, uint32_t n, uint32_t i, bool *ret_end)
{
	const struct wattle_plan_entry *e = &entry[i];
	const struct wattle_plan_config *c = &work->problem->config[e->config];
	bool end = i + 1 == n || !plan_continues(work, e, e + 1), begin = i == 0 || !plan_continues(work, e - 1, e);
	double productive_s = e->run_s - e->overhead_s;

	*ret_end = end;
	if (!end && !begin)
		return 0;
	/* nothing but overhead: at the end of a run it goes first, at the beginning the rest of the run needs it */
	if (productive_s <= 0)
		return end ? INFINITY : 0;
	return work->span[e->slot - work->first_slot].weight * c->power_w / c->throughput_per_s;
}

/* Takes the overshoot off at the ends of runs, where it costs most. What is left stays a valid plan that does the work. */
static uint32_t trim_edges(const struct plan_work *work, struct wattle_plan_entry *entry, uint32_t n)
{
	double target = work->problem->work, over = plan_work_done(work, entry, n) - target;

	while (n > 0 && over > PLAN_EPSILON * target) {
		uint32_t at = NONE;
		double most = 0, productive_s, off_s, throughput;
		bool at_end = false, end;

		for (uint32_t i = 0; i < n; i++) {
			double cost = edge_cost(work, entry, n, i, &end);

			if (cost > most) {
				most = cost;
				at = i;
				at_end = end;
			}
		}
		if (at == NONE)
			break;
		throughput = work->problem->config[entry[at].config].throughput_per_s;
		productive_s = entry[at].run_s - entry[at].overhead_s;
		off_s = over / throughput;
		if (off_s >= productive_s && !at_end && entry[at].overhead_s > 0) {
			/* what follows needs the overhead, now just before it */
			entry[at].run_s = entry[at].overhead_s;
			entry[at].begin_s += productive_s;
			over -= productive_s * throughput;
			continue;
		}
		if (off_s >= productive_s) {
			drop(entry, &n, at);
			if (at == 0 && n > 0)
				entry[0].overhead_s = 0;
			over = plan_work_done(work, entry, n) - target;
			continue;
		}
		entry[at].run_s -= off_s;
		if (!at_end)
			entry[at].begin_s += off_s;
		break;
	}
	return n;
}

static uint32_t count_switches(const struct plan_work *work, const struct wattle_plan_entry *entry, uint32_t n)
{
	uint32_t switches = 0;

	for (uint32_t i = 1; i < n; i++)
		switches += !plan_continues(work, &entry[i - 1], &entry[i]);
	return switches;
}

/* Keeps a candidate if it does the work and is the best so far. */
static void offer(struct search *s, const struct wattle_plan_entry *entry, uint32_t n)
{
	struct plan_work *work = s->work;
	double cost;

	if (plan_work_done(work, entry, n) < work->problem->work * (1 - PLAN_EPSILON) ||
	    count_switches(work, entry, n) > work->problem->switches_max)
		return;
	cost = plan_cost(work, entry, n);
	if (cost >= s->cost)
		return;
	s->cost = cost;
	for (uint32_t i = 0; i < n; i++)
		s->plan->entry[i] = entry[i];
	s->plan->n_entries = n;
}

/* A lower bound of mu for which all that can run does: far above any cost of a unit of work. */
static double greatest_mu(const struct search *s)
{
	const struct plan_work *work = s->work;
	double weight = 0, per_work = 0;

	for (uint32_t i = 0; i < work->usable; i++)
		weight = fmax(weight, work->span[i].weight);
	for (uint32_t i = 0; i < s->n_configs; i++)
		per_work = fmax(per_work, config_at(work, i)->power_w / config_at(work, i)->throughput_per_s);
	return 1e6 * weight * per_work;
}

/* Under the least cost of a unit of work, so that the few steps of a quick search are spent where they tell. */
static double least_mu(const struct search *s)
{
	const struct plan_work *work = s->work;
	double weight = INFINITY, per_work = INFINITY;

	for (uint32_t i = 0; i < work->usable; i++)
		weight = fmin(weight, work->span[i].weight);
	for (uint32_t i = 0; i < s->n_configs; i++)
		per_work = fmin(per_work, config_at(work, i)->power_w / config_at(work, i)->throughput_per_s);
	return weight * per_work / 16;
}

/* Bisects mu for one price. Returns the switches of the plan in which it ends. */
static uint32_t search_mu(struct search *s, double price)
{
	struct plan_work *work = s->work;
	bool quick = work->problem->quick;
	unsigned steps = quick ? QUICK_MU_STEPS : MU_STEPS;
	double target = work->problem->work, high = greatest_mu(s), low = quick ? least_mu(s) : high * 1e-16;
	uint32_t switches = 0;

	s->price = price;
	for (unsigned step = 0; step < steps && high / low > 1 + 1e-10; step++) {
		double mu = step == 0 ? high : sqrt(low * high), done;
		uint32_t n;

		choose_groups(s, mu);
		n = lay_out(s, mu);
		done = plan_work_done(work, work->trial, n);
		if (done < target) {
			if (step == 0)
				break;
			low = mu;
			continue;
		}
		high = mu;
		/* trimming is worth its time where little is to be trimmed */
		if (done > 1.5 * target && step + 8 < steps)
			continue;
		n = trim_edges(work, work->trial, n);
		switches = count_switches(work, work->trial, n);
		offer(s, work->trial, n);
		if (done <= target * (1 + PLAN_EPSILON))
			break;
	}
	return switches;
}

static void search_price(struct search *s)
{
	const struct plan_work *work = s->work;
	double low, high;

	if (search_mu(s, 0) <= work->problem->switches_max)
		return;
	high = greatest_mu(s) * work->problem->work;
	low = high * 1e-14;
	for (unsigned step = 0; step < (work->problem->quick ? QUICK_PRICE_STEPS : PRICE_STEPS); step++) {
		double price = sqrt(low * high);

		if (search_mu(s, price) <= work->problem->switches_max)
			high = price;
		else
			low = price;
	}
}

/* One configuration alone. */
static void search_config(struct search *s, uint32_t config)
{
	struct plan_work *work = s->work;
	struct wattle_plan run = { .entry = work->trial };

	if (work->problem->config[config].throughput_per_s * work->usable_s < work->problem->work * (1 - PLAN_EPSILON))
		return;
	plan_start(work, config, &run);
	offer(s, run.entry, run.n_entries);
	work->by_nodes[0] = config;
	s->n_configs = 1;
	make_groups(s);
	search_price(s);
}

void plan_pause_switching(struct plan_work *work, uint32_t config, struct wattle_plan *plan)
{
	struct search s = { .work = work, .plan = plan, .cost = INFINITY };

	search_config(&s, config);
}

/* Leaves every so many configurations out; the first and the last of by_nodes stay. */
static void thin(struct search *s)
{
	struct plan_work *work = s->work;
	uint32_t keep = CELLS_MAX / (work->usable ? work->usable : 1), n = s->n_configs;

	if (keep < CONFIGS_MIN)
		keep = CONFIGS_MIN;
	if (n <= keep)
		return;
	for (uint32_t i = 0; i < keep; i++)
		work->by_nodes[i] = work->by_nodes[(uint64_t) i * (n - 1) / (keep - 1)];
	s->n_configs = keep;
}

void plan_scale_switching(struct plan_work *work, struct wattle_plan *plan)
{
	struct search s = { .work = work, .plan = plan, .cost = INFINITY, .n_configs = work->problem->n_configs };
	uint32_t n = s.n_configs;

	thin(&s);
	make_groups(&s);
	search_price(&s);
	/* each configuration contiguously; the search over one alone spoils by_nodes, hence last and by number */
	for (uint32_t k = 0; k < n; k++) {
		struct wattle_plan run = { .entry = work->trial };

		if (work->problem->config[k].throughput_per_s * work->usable_s < work->problem->work * (1 - PLAN_EPSILON))
			continue;
		plan_start(work, k, &run);
		offer(&s, run.entry, run.n_entries);
	}
	if (!work->problem->quick && (uint64_t) n * work->usable <= CELLS_MAX / 100)
		for (uint32_t k = 0; k < n; k++)
			search_config(&s, k);
	else
		search_config(&s, work->problem->base);
}
