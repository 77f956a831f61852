/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TEST_PLANS_H
#define WATTLE_TEST_PLANS_H

/* Problems for the planner's tests, and other ways to solve them. */

#include <stdint.h>

#include "plan.h"

#define PLANS_SLOTS 2200
#define PLANS_CONFIGS 64

struct plans {
	struct wattle_plan_slot slot[PLANS_SLOTS];
	struct wattle_plan_config config[PLANS_CONFIGS];
	struct wattle_plan_problem problem;
	struct wattle_plan_entry entry[PLANS_SLOTS + 1];
	struct wattle_plan plan;
	void *scratch;
	size_t scratch_bytes;
};

/* Hourly slots from 0 on, no overhead, base 0, deadline at their end. */
void plans_begin(struct plans *p, uint32_t n_slots, uint32_t n_configs, double work);
void plans_free(struct plans *p);
/* Solves; the test fails if that does. Then checks what must hold of any plan. */
void plans_make(struct plans *p, enum wattle_plan_policy policy);

/* A random problem: sizes, curves, lengths, window, ties, zero and huge intensities. */
void plans_random(struct plans *p, uint64_t *seed, uint32_t slots_max, uint32_t configs_max);

/* The linear programme's optimum by its dual: the greatest, over every multiplier at which anything changes, of
 * mu W - sum of d_t max (0, max_k (mu R_k - c_t W_k)). In weight x watt-seconds. */
double plans_lp_bound(const struct plans *p);
/* Every assignment of one configuration or none to each whole slot. *ret_step: the dearest single step of the convex hull. */
double plans_brute_force(const struct plans *p, double *ret_step);
/* Usable seconds of a slot. */
double plans_usable(const struct plans *p, uint32_t slot);
/* What the plan's entries cost, in the same unit. */
double plans_cost(const struct plans *p);

/* xorshift64*: 0 <= x < 1. The seed must not be 0. */
double plans_unit(uint64_t *seed);

#endif
