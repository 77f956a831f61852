/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLAN_H
#define WATTLE_PLAN_H

/* When a job runs, how wide and at how many watts, so that its work is done by the deadline for the least carbon (or price).
 *
 * A configuration is a point (throughput, watts): a node count with a cap. Running configuration k for x seconds in slot t does
 * x R_k work and costs x W_k c_t. Which x minimise the cost of a given amount of work is a linear programme with one row
 * a slot and one for the work; its optimum mixes, in each slot, only neighbours on the lower convex hull of the points and (0, 0),
 * and one multiplier lambda decides all slots: a hull segment of slope m = dW/dR is worth running in slot t if
 * c_t m < 1/lambda (S. Boyd, L. Vandenberghe, Convex Optimization, 5.5; the fractional knapsack of G. Dantzig,
 * Discrete-variable extremum problems, 1957). All products c_t m_j form a matrix that is sorted in rows and columns; the exact
 * threshold in it takes O(T + K) a step (G. Frederickson, D. Johnson, Generalized selection and ranking: sorted matrices, 1984).
 * CarbonScaler's greedy, for comparison: W. A. Hanafy et al., CarbonScaler, Proc. ACM Meas. Anal. Comput. Syst. 7(3), 2023.
 * Changes of width cost time; with them the best sequence of widths for a multiplier is found slot by slot (R. Bellman's
 * principle), and the multiplier by bisection (M. Fisher, The Lagrangian relaxation method, 1981).
 *
 * Pure: no I/O, no clock, no allocation, no globals, any thread. The caller gives memory: O(T + K), never O(T x K). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_PLAN_SLOTS_MAX 200000u  /* more than a year of 5-minute slots */
#define WATTLE_PLAN_CONFIGS_MAX 4096u

enum wattle_plan_policy {
	WATTLE_PLAN_NOW,          /* at once, without a look at carbon */
	WATTLE_PLAN_START,        /* one contiguous run at one configuration */
	WATTLE_PLAN_PAUSE,        /* one configuration, suspended and resumed */
	WATTLE_PLAN_SCALE,        /* nodes and watts per slot */
	WATTLE_PLAN_CARBONSCALER, /* the paper's greedy, whole slots, at each node count's greatest throughput */
};

const char *wattle_plan_policy_name(enum wattle_plan_policy policy);
int wattle_plan_policy_parse(const char *name, enum wattle_plan_policy *ret, struct wattle_err *err);

struct wattle_plan_slot {
	double start_s;    /* on whatever clock start_s and deadline_s of the problem are */
	double length_s;   /* > 0; the next slot starts where this one ends */
	double g_per_kwh;  /* >= 0: what carbon_g is reckoned with */
	double weight;     /* what is minimised, per kWh: the same, a price, a sum; below 0 it is planned with as if it were 0 */
};

struct wattle_plan_config {
	uint32_t nodes;
	double cap_w;            /* per node; 0: none. The planner does not read it */
	double throughput_per_s; /* > 0 */
	double power_w;          /* of all nodes together, > 0 */
};

enum wattle_plan_grain {
	WATTLE_PLAN_SHARED,   /* one slot may be shared by two configurations: the optimum */
	WATTLE_PLAN_ONE_SIZE, /* one configuration a slot, for a part of it */
	WATTLE_PLAN_WHOLE,    /* one configuration a slot, all of it: work may be overshot by part of one step */
};

struct wattle_plan_problem {
	const struct wattle_plan_slot *slot;
	uint32_t n_slots;
	const struct wattle_plan_config *config;
	uint32_t n_configs;
	uint32_t base;          /* the configuration of now, start and pause, and of the comparison */
	double work;            /* in throughput x seconds, > 0 */
	double start_s;         /* not before; within the slots */
	double deadline_s;      /* done by then; may lie behind the slots */
	double overhead_s;      /* without progress, at full draw, for each change of node count and each resume; 0: none */
	uint32_t switches_max;  /* changes and resumes at most, for scale and pause; UINT32_MAX: as many as pay */
	enum wattle_plan_grain grain; /* for scale without overhead */
	bool quick;             /* with overhead or few switches: about a tenth of the time, and a plan that may cost some percent more */
};

/* A stretch of time within one slot. */
struct wattle_plan_entry {
	uint32_t slot, config;
	double begin_s;
	double run_s;       /* > 0, at the configuration's power … */
	double overhead_s;  /* … of which this long without progress */
};

struct wattle_plan_sum {
	double start_s, end_s;
	double carbon_g;
	double energy_j;
	double cost;        /* weight x kWh, with the weights as they were given */
	bool deadline_met;
	double beyond_s;    /* seconds behind the last slot: their carbon and cost are reckoned at the mean of the slots */
	uint32_t switches;
};

struct wattle_plan {
	enum wattle_plan_policy policy;
	uint32_t config;             /* of now, start and pause, and of a plan that fell back to now */
	bool fell_back;              /* the work does not fit before the deadline or the forecast's end: run at once instead */
	struct wattle_plan_sum sum;
	struct wattle_plan_sum agnostic;  /* started at once at the base configuration; if that misses the deadline, at the slowest
					   * faster one that keeps it, else at the fastest */
	uint32_t agnostic_config;
	double saving_pct;           /* of carbon against agnostic; negative: worse */
	double energy_saving_pct;
	struct wattle_plan_entry *entry; /* the caller's, in running order */
	uint32_t n_entries;
};

/* Memory that wattle_plan_make needs, and the entries it may write. */
size_t wattle_plan_scratch_bytes(uint32_t n_slots, uint32_t n_configs);
uint32_t wattle_plan_entries_max(uint32_t n_slots);

/* ret->entry must point to wattle_plan_entries_max() entries; scratch is aligned as malloc does. A deadline that can't be kept is no
 * error: the job then runs at once at the fastest configuration, and ret->sum.deadline_met says so. Never overruns the slots in
 * entries. Ties: less energy first, then the earlier slot.
 * -EINVAL: numbers that make no problem (err names them); *ret is then unspecified. */
int wattle_plan_make(const struct wattle_plan_problem *problem, enum wattle_plan_policy policy, void *scratch, size_t scratch_bytes,
		     struct wattle_plan *ret, struct wattle_err *err);

#endif
