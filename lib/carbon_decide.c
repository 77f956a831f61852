/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "carbon_decide.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"

/* What bounds the work: a longer horizon gets longer slots, a longer curve fewer points. */
#define SLOTS_MAX 336u      /* a week of half hours */
#define SCALE_SLOTS_MAX 96u /* its plans take longer to make, and are no finer than resizes allow */
#define SIZES_MAX 6u        /* node counts */
#define EARLIER 1e-6
#define CAPS 4u             /* of each */

struct scratch {
	struct wattle_plan_slot slot[SLOTS_MAX];
	struct wattle_plan_entry entry[SLOTS_MAX + 1];
	struct wattle_plan_config config[SIZES_MAX * CAPS];
	double g_per_kwh[SLOTS_MAX], fullness[SLOTS_MAX];
} __attribute__((aligned(16))); /* the planner's memory follows */

/* Everything that one decision is made of. Times in the planner are seconds from first_s, so that doubles are exact. */
struct task {
	const struct wattle_carbon_rules *rules;
	const struct wattle_carbon_facts *facts;
	const struct wattle_carbon_outlook *outlook;
	struct wattle_carbon_decision *ret;
	struct scratch *room;
	void *planner_room;
	size_t planner_bytes;

	int64_t first_s;   /* not before */
	int64_t latest_s;  /* not after */
	int64_t limit_s;   /* the longest it may run */
	double work_s;     /* on nodes_min nodes at full power */
	double run_s;      /* as `start` runs it, at the watts that were decided */
};

size_t wattle_carbon_scratch_bytes(void)
{
	return sizeof(struct scratch) + wattle_plan_scratch_bytes(SLOTS_MAX, SIZES_MAX * CAPS);
}

/* --- reasons ------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static bool no(const struct task *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->ret->why, sizeof(t->ret->why), format, args);
	va_end(args);
	return false;
}

static const char *span(int64_t s, char buf[24])
{
	return wattle_carbon_span(s, buf, 24);
}

/* --- may it wait? ------------------------------------------------------- */

/* The first name that stands in both lists. */
static bool shared_name(const char *list, const char *names, char ret[WATTLE_NAME_MAX])
{
	while (list && *list) {
		size_t len = strcspn(list, ",");
		const char *s = names;

		while (*s) {
			size_t n = strcspn(s, ",");

			if (n > 0 && n == len && n < WATTLE_NAME_MAX && strncmp(s, list, n) == 0) {
				memcpy(ret, s, n);
				ret[n] = '\0';
				return true;
			}
			s += n;
			s += *s == ',';
		}
		list += len;
		list += *list == ',';
	}
	return false;
}

static bool allowed(const struct task *t)
{
	char name[WATTLE_NAME_MAX];

	if (shared_name(t->facts->partitions, t->rules->never_partitions, name))
		return no(t, "this site puts off no job of partition %s", name);
	if (shared_name(t->facts->qos, t->rules->never_qos, name))
		return no(t, "this site puts off no job of QOS %s", name);
	return true;
}

/* Speed under a cap, as a share of that at full power; 1 where nothing was measured. */
static double speed(const struct wattle_carbon_facts *facts, double cap_w)
{
	const struct wattle_model *model = facts->model;

	if (!model || cap_w >= model->cap_max_w || cap_w < model->cap_min_w)
		return 1;
	return (1 + wattle_model_curve(model, model->cap_max_w) / 100) / fmax(1e-3, 1 + wattle_model_curve(model, cap_w) / 100);
}

static void find_times(struct task *t)
{
	const struct wattle_carbon_facts *f = t->facts;
	int64_t work_s = f->work_s > 0 ? f->work_s : f->time_limit_s;

	t->limit_s = f->time_limit_s > 0 ? f->time_limit_s : work_s;
	t->work_s = (double) work_s;
	t->run_s = fmin(t->work_s / fmin(1, speed(f, f->watts_w)), (double) t->limit_s);
	t->ret->limit_known = f->time_limit_s > 0;
	t->ret->deadline_s = f->deadline_s;
	if (f->within_s > 0 && (!f->deadline_s || f->now_s + f->within_s < f->deadline_s))
		t->ret->deadline_s = f->now_s + f->within_s;
	if (!t->ret->deadline_s && t->rules->within_s > 0)
		t->ret->deadline_s = f->now_s + t->rules->within_s;
}

static bool has_time(struct task *t)
{
	int64_t margin_s = t->rules->margin_s, left_s = t->ret->deadline_s - t->first_s;
	char a[24], b[24];

	t->latest_s = t->first_s + t->rules->delay_max_s;
	if (!t->ret->deadline_s)
		return true;
	if (left_s < t->limit_s)
		return no(t, "the deadline can't be kept, that would take %s and there are %s", span(t->limit_s, a),
			  span(left_s > 0 ? left_s : 0, b));
	if (left_s - t->limit_s <= margin_s)
		return no(t, "the deadline leaves no time to wait");
	if (t->ret->deadline_s - margin_s - t->limit_s < t->latest_s)
		t->latest_s = t->ret->deadline_s - margin_s - t->limit_s;
	return true;
}

static bool forecast_usable(const struct task *t)
{
	const struct wattle_carbon_outlook *o = t->outlook;
	const struct wattle_forecast *f = o->forecast;
	int64_t age_s = t->facts->now_s - o->issued_s, end_s;
	char a[24];

	if (!f)
		return no(t, "%s", o->why && *o->why ? o->why : "there is no forecast");
	if (age_s > (int64_t) o->stale_after_s)
		return no(t, "the forecast is %s old, so it is not planned with", span(age_s, a));
	if (wattle_forecast_slot_at(f, t->first_s) < 0)
		return no(t, t->first_s < f->start_s ? "the forecast begins later" : "the forecast has ended");
	end_s = wattle_forecast_end(f);
	if ((double) (end_s - t->first_s) <= t->run_s)
		return no(t, "the forecast ends in %s, before the job would", span(end_s - t->facts->now_s, a));
	return true;
}

static bool may_wait(struct task *t)
{
	const struct wattle_carbon_facts *f = t->facts;

	if (!allowed(t))
		return false;
	if (f->work_s <= 0 && f->time_limit_s <= 0)
		return no(t, "its run time is not known: say --time, or --carbon-work");
	return has_time(t) && forecast_usable(t);
}

/* --- slots -------------------------------------------------------------- */

static uint64_t mix(uint64_t x) /* splitmix64: G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, 2014 */
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* In [0, 1), the same for a job and a moment. */
static double chance(const struct task *t, int64_t at_s)
{
	return (double) (mix(t->facts->seed ^ mix((uint64_t) at_s)) >> 11) / 9007199254740992.0;
}

/* How much fuller than its budget a stretch would be with this job: 1 if it is not. */
static double fullness(const struct task *t, int64_t from_s, int64_t to_s)
{
	double budget_w = t->rules->slot_budget_w, own_w = (double) t->facts->watts_w * t->facts->nodes_max;

	if (!t->outlook->load || budget_w <= 0)
		return 1;
	return fmax(1, (wattle_slotload_most(t->outlook->load, from_s, to_s) + own_w) / budget_w);
}

/* The forecast from first_s to about to_s. */
static uint32_t cut_slots(struct task *t, int64_t to_s, uint32_t max)
{
	const struct wattle_forecast *f = t->outlook->forecast;
	int64_t first = wattle_forecast_slot_at(f, t->first_s), last = wattle_forecast_slot_at(f, to_s - 1);
	uint32_t each, n = 0;

	if (last < first)
		last = (int64_t) f->n - 1;
	each = (uint32_t) ((last - first) / max) + 1;
	for (int64_t i = first; i <= last && n < max; i += each, n++) {
		int64_t from_s = f->start_s + i * f->slot_s, count = i + each - 1 <= last ? each : last - i + 1;
		double sum = 0;

		for (int64_t j = i; j < i + count; j++)
			sum += f->value[j];
		t->room->g_per_kwh[n] = sum / (double) count;
		t->room->fullness[n] = fullness(t, from_s, from_s + count * f->slot_s);
		t->room->slot[n] = (struct wattle_plan_slot){ (double) (from_s - t->first_s), (double) (count * f->slot_s),
							      t->room->g_per_kwh[n], 0 };
	}
	return n;
}

/* A full slot costs more; spread: equally good slots cost differently for each job, so that a burst of jobs, whose watts are in no
 * file yet, is spread over them. */
static void weigh_slots(struct task *t, uint32_t n, bool spread)
{
	for (uint32_t i = 0; i < n; i++) {
		double noise = spread ? chance(t, t->first_s + (int64_t) t->room->slot[i].start_s) * t->rules->spread_pct / 100 : 0;

		/* and of two that are equal the earlier */
		t->room->slot[i].weight = t->room->g_per_kwh[i] * t->room->fullness[i] * (1 + noise) * (1 + EARLIER * i);
	}
}

/* --- planning ----------------------------------------------------------- */

static bool worth(const struct task *t, const struct wattle_plan *plan)
{
	return !plan->fell_back && plan->sum.deadline_met && plan->saving_pct > 0 && plan->saving_pct >= t->rules->min_saving_pct;
}

/* Spread first; if that is not worth it, the best there is may still be. */
static bool make_plan(struct task *t, struct wattle_plan_problem *problem, enum wattle_plan_policy policy, struct wattle_plan *ret)
{
	for (int spread = 1; spread >= 0; spread--) {
		struct wattle_err err = WATTLE_ERR_INIT;

		weigh_slots(t, problem->n_slots, spread);
		ret->entry = t->room->entry;
		if (wattle_plan_make(problem, policy, t->planner_room, t->planner_bytes, ret, &err) < 0)
			return no(t, "no plan could be made: %.100s", err.text);
		if (worth(t, ret))
			return true;
	}
	if (t->rules->min_saving_pct > 0)
		return no(t, "waiting would save less than %" PRIu32 "%% CO2", t->rules->min_saving_pct);
	return no(t, "waiting would save no CO2");
}

static int64_t entry_begin(const struct task *t, const struct wattle_plan_entry *entry)
{
	int64_t at_s = t->first_s + (int64_t) floor(entry->begin_s + 1e-6);

	return at_s < t->first_s ? t->first_s : at_s;
}

static bool plan_start(struct task *t)
{
	struct wattle_plan_problem problem = {
		.slot = t->room->slot, .config = t->room->config, .n_configs = 1, .work = t->run_s,
		/* its latest start decides, so the rest of its time limit need not be within the forecast */
		.deadline_s = (double) (t->latest_s - t->first_s) + t->run_s, .switches_max = UINT32_MAX,
	};
	struct wattle_plan plan;

	t->room->config[0] = (struct wattle_plan_config){ t->facts->nodes_max, t->facts->watts_w, 1,
							  (double) t->facts->nodes_max * t->facts->watts_w };
	problem.n_slots = cut_slots(t, t->latest_s + (int64_t) ceil(t->run_s), SLOTS_MAX);
	if (!make_plan(t, &problem, WATTLE_PLAN_START, &plan))
		return false;
	t->ret->mode = WATTLE_CARBON_START;
	t->ret->start_s = entry_begin(t, &plan.entry[0]);
	if (t->ret->start_s > t->latest_s)
		t->ret->start_s = t->latest_s;
	t->ret->saving_pct = plan.saving_pct;
	return true;
}

/* --- scale -------------------------------------------------------------- */

/* Points of the curve that the job may use, thinned evenly; without a curve its least size alone, for nobody knows what more nodes bring. */
static uint32_t pick_sizes(const struct wattle_carbon_facts *f, struct wattle_scaling_point ret[SIZES_MAX])
{
	const struct wattle_scaling *scaling = f->scaling;
	uint32_t first = 0, end, n;

	end = scaling ? scaling->n : 0;
	while (first < end && scaling->point[first].nodes < f->nodes_min)
		first++;
	while (end > first && scaling->point[end - 1].nodes > f->nodes_max)
		end--;
	if (first == end || !scaling || scaling->point[first].nodes != f->nodes_min) {
		ret[0] = (struct wattle_scaling_point){ f->nodes_min, 1, 0 };
		return 1;
	}
	n = end - first < SIZES_MAX ? end - first : SIZES_MAX;
	for (uint32_t i = 0; i < n; i++)
		ret[i] = scaling->point[first + (n > 1 ? i * (end - first - 1) / (n - 1) : 0)];
	return n;
}

/* Configuration 0 is the comparison: fewest nodes, most watts. */
static uint32_t make_configs(struct task *t, uint32_t caps, double *ret_rate)
{
	const struct wattle_carbon_facts *f = t->facts;
	struct wattle_scaling_point size[SIZES_MAX];
	uint32_t n_sizes = pick_sizes(f, size), n = 0;
	double low_w = f->watts_w;

	if (f->model && !f->watts_fixed && f->watts_w <= f->model->cap_max_w)
		low_w = fmin(low_w, fmax(ceil(f->model->cap_min_w), f->floor_w));
	*ret_rate = size[0].throughput_per_s;
	for (uint32_t s = 0; s < n_sizes; s++)
		for (uint32_t c = 0; c < caps && (c == 0 || low_w < f->watts_w); c++) {
			double cap_w = c == 0 ? f->watts_w : ceil(f->watts_w - (f->watts_w - low_w) * c / (caps - 1));
			/* measured watts of all nodes where there are any: they need not grow with the nodes */
			double full_w = size[s].power_w > 0 && f->model ? size[s].power_w / f->model->cap_max_w : size[s].nodes;

			t->room->config[n++] = (struct wattle_plan_config){ size[s].nodes, cap_w, size[s].throughput_per_s * speed(f, cap_w),
									    full_w * cap_w };
		}
	return n;
}

static void add_step(struct wattle_plan_steps *plan, int64_t from_s, uint32_t nodes, uint32_t watts_w)
{
	const struct wattle_plan_step *last = plan->n ? &plan->step[plan->n - 1] : NULL;

	/* less than a second long */
	if (last && from_s <= last->from_s)
		last = --plan->n ? last - 1 : NULL;
	if (last ? last->nodes == nodes && last->watts_w == watts_w : nodes == 0)
		return;
	if (plan->n < WATTLE_PLAN_STEPS_MAX)
		plan->step[plan->n] = (struct wattle_plan_step){ from_s, nodes, watts_w };
	plan->n++;
}

/* False: more steps than a plan may have. */
static bool write_steps(struct task *t, const struct wattle_plan *plan, double overhead, struct wattle_plan_steps *ret)
{
	double end_s = plan->entry[0].begin_s;

	*ret = (struct wattle_plan_steps){ .overhead_s = (uint32_t) overhead };
	for (uint32_t i = 0; i < plan->n_entries && ret->n <= WATTLE_PLAN_STEPS_MAX; i++) {
		const struct wattle_plan_entry *e = &plan->entry[i];
		const struct wattle_plan_config *c = &t->room->config[e->config];

		if (i > 0 && e->begin_s - end_s > 1)
			add_step(ret, t->first_s + (int64_t) floor(end_s), 0, 0);
		add_step(ret, entry_begin(t, e), c->nodes, (uint32_t) c->cap_w);
		end_s = e->begin_s + e->run_s;
	}
	if (ret->n < 1 || ret->n > WATTLE_PLAN_STEPS_MAX)
		return false;
	ret->end_s = t->first_s + (int64_t) ceil(end_s - 1e-6);
	if (t->ret->deadline_s)
		ret->deadline_s = t->ret->deadline_s - t->rules->margin_s;
	return ret->end_s > ret->step[ret->n - 1].from_s;
}

/* What the plan was made of, as far as the grant allows it. */
static void write_sizes(const struct task *t, const struct wattle_plan_problem *problem, double rate, struct wattle_plan_steps *ret)
{
	ret->n_sizes = 0;
	ret->work_s = (uint32_t) fmin(ceil(t->work_s), 1e9);
	for (uint32_t i = 0; i < problem->n_configs && ret->n_sizes < WATTLE_PLAN_SIZES_MAX; i++) {
		const struct wattle_plan_config *c = &problem->config[i];

		if ((uint32_t) c->cap_w > t->ret->watts_w)
			continue;
		ret->size[ret->n_sizes++] = (struct wattle_plan_size){
			c->nodes, (uint32_t) c->cap_w, (uint32_t) fmin(fmax(1, WATTLE_PLAN_SPEED_ONE * c->throughput_per_s / rate), 1e9),
			(uint32_t) fmin(fmax(1, c->power_w), 4e9) };
	}
	if (ret->n_sizes == 0)
		ret->work_s = 0;
}

/* As measured with the same program, else the site's guess. */
static double overhead_s(const struct task *t)
{
	const struct wattle_scaling *scaling = t->facts->scaling;

	return scaling && scaling->resize_s > 0 ? ceil(scaling->resize_s) : t->rules->resize_overhead_s;
}

static bool plan_scale(struct task *t)
{
	double horizon_s = (double) (t->latest_s - t->first_s) + fmax((double) t->limit_s, t->work_s);
	struct wattle_plan_problem problem = {
		.slot = t->room->slot, .config = t->room->config, .overhead_s = overhead_s(t),
		.switches_max = t->rules->switches_max, .deadline_s = horizon_s, .quick = true,
	};
	struct wattle_plan plan;
	double rate = 1;

	if (t->ret->deadline_s)
		problem.deadline_s = (double) (t->ret->deadline_s - t->rules->margin_s - t->first_s);
	problem.n_slots = cut_slots(t, t->first_s + (int64_t) ceil(problem.deadline_s), SCALE_SLOTS_MAX);
	for (uint32_t caps = CAPS; caps > 0; caps = caps > 1 ? 1 : 0) {
		problem.n_configs = make_configs(t, caps, &rate);
		problem.work = t->work_s * rate;
		if (!make_plan(t, &problem, WATTLE_PLAN_SCALE, &plan))
			return false;
		if (write_steps(t, &plan, problem.overhead_s, &t->ret->plan))
			break;
		t->ret->plan.n = 0;
	}
	/* a script that does not follow the plan runs on as it began, up to its time limit: that must keep the deadline, too */
	if (t->ret->plan.n > 0 && t->ret->plan.step[0].from_s > t->latest_s)
		return no(t, "a plan would begin too late");
	if (t->ret->plan.n == 0)
		return no(t, "a plan would have too many steps, or too short ones");
	t->ret->mode = WATTLE_CARBON_SCALE;
	t->ret->start_s = t->ret->plan.step[0].from_s;
	t->ret->nodes = t->ret->plan.step[0].nodes;
	for (uint32_t i = 0; i < t->ret->plan.n; i++)
		if (t->ret->plan.step[i].watts_w > t->ret->watts_w)
			t->ret->watts_w = t->ret->plan.step[i].watts_w;
	write_sizes(t, &problem, rate, &t->ret->plan);
	t->ret->saving_pct = plan.saving_pct;
	return true;
}

/* --- the whole ---------------------------------------------------------- */

static void decide(struct task *t)
{
	char scale_why[sizeof(t->ret->why)] = "only batch jobs that may be requeued can be resized";

	if (!may_wait(t))
		return;
	if (t->facts->asked == WATTLE_CARBON_SCALE) {
		if (t->facts->resizable) {
			if (plan_scale(t)) {
				t->ret->why[0] = '\0';
				return;
			}
			memcpy(scale_why, t->ret->why, sizeof(scale_why));
		}
		t->ret->plan.n = 0;
	}
	if (plan_start(t))
		snprintf(t->ret->why, sizeof(t->ret->why), "%s", t->facts->asked == WATTLE_CARBON_SCALE ? scale_why : "");
}

void wattle_carbon_decide(const struct wattle_carbon_rules *rules, const struct wattle_carbon_facts *facts,
			  const struct wattle_carbon_outlook *outlook, void *scratch, size_t scratch_bytes,
			  struct wattle_carbon_decision *ret)
{
	struct task t = { .rules = rules, .facts = facts, .outlook = outlook, .ret = ret, .room = scratch };

	memset(ret, 0, sizeof(*ret));
	ret->mode = WATTLE_CARBON_OFF;
	t.first_s = facts->begin_s > facts->now_s ? facts->begin_s : facts->now_s;
	ret->start_s = t.first_s;
	if (facts->asked != WATTLE_CARBON_START && facts->asked != WATTLE_CARBON_SCALE)
		return;
	find_times(&t);
	if (!scratch || scratch_bytes < wattle_carbon_scratch_bytes()) {
		no(&t, "out of memory");
	} else {
		t.planner_room = (char *) scratch + sizeof(struct scratch);
		t.planner_bytes = scratch_bytes - sizeof(struct scratch);
		decide(&t);
	}
	ret->deadline_met = ret->deadline_s > 0 && t.limit_s > 0 && ret->start_s + t.limit_s <= ret->deadline_s;
}
