/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLAN_PRIVATE_H
#define WATTLE_PLAN_PRIVATE_H

/* What the files of the planner share. */

#include "plan.h"

#define PLAN_EPSILON 1e-9 /* work is done when less than this share of it is left: sums of doubles are not exact */
#define PLAN_IDLE UINT32_MAX

/* The usable part of a slot: within start and deadline. */
struct plan_span {
	double begin_s, length_s;
	double weight; /* > 0: floored, so that slots that cost nothing still prefer less energy */
};

struct plan_point {
	double throughput, power;
	uint32_t config;
};

/* A node count, as the dynamic programme sees it: by_nodes[first … first + n - 1]. */
struct plan_group {
	uint32_t nodes, first, n;
	double value;   /* of the best sequence that ends in this group */
	uint32_t since; /* the slot in which its last run began */
	bool initial;   /* that run is the job's first: no resize before it */
};

/* Views into the caller's scratch, cut once; and the problem. */
struct plan_work {
	const struct wattle_plan_problem *problem;
	uint32_t usable;          /* slots that have time before the deadline: span[0 … usable - 1] */
	uint32_t first_slot;      /* span[i] is of slot first_slot + i */
	double usable_s;
	double mean_g_per_kwh, mean_weight; /* over the slots from the start on: the guess for what lies behind them */

	uint32_t n_segments;      /* of the hull */
	struct plan_point *point; /* K + 1: the lower convex hull, from idle to the greatest throughput */
	double *slope;            /* K: from point[j] to point[j + 1], rising */
	uint32_t *by_throughput;  /* K: then by power */
	uint32_t *by_nodes;       /* K */
	struct plan_group *group; /* K */

	struct plan_span *span;
	uint64_t *key, *key_spare;  /* max (T, K) */
	uint32_t *order, *spare;    /* max (T, K) */
	double *sorted, *length;    /* T: weights and lengths in ascending order of weight */
	uint32_t *level;            /* T: what runs in each span */
	double *run_s;              /* T: and for how long */
	uint32_t *choice, *since;   /* T: of the dynamic programme */
	struct wattle_plan_entry *trial; /* entries_max: a candidate */
};

/* Stable, ascending in span weight, into order. */
void plan_sort_spans(struct plan_work *work);
void plan_sort_configs(struct plan_work *work);
/* After plan_sort_configs. */
void plan_hull_make(struct plan_work *work);

/* Each fills plan->entry. The work fits: usable_s at the greatest throughput (scale), or at the configuration's. */
void plan_scale(struct plan_work *work, struct wattle_plan *plan);
void plan_start(struct plan_work *work, uint32_t config, struct wattle_plan *plan);
void plan_pause(struct plan_work *work, uint32_t config, struct wattle_plan *plan);
/* With overhead or a bound on switches. */
void plan_scale_switching(struct plan_work *work, struct wattle_plan *plan);
void plan_pause_switching(struct plan_work *work, uint32_t config, struct wattle_plan *plan);
/* false: the greedy can't place all the work. */
bool plan_greedy(struct plan_work *work, struct wattle_plan *plan);

/* A second stretch in one of the spans. */
struct plan_extra {
	uint32_t span, config;
	double run_s;
};
/* level and run_s, and the extra stretch (NULL: none), as entries. */
void plan_emit(struct plan_work *work, const struct plan_extra *extra, struct wattle_plan *plan);
/* A contiguous run from begin_s on, as entries, until the work is done or the slots end. */
void plan_run(const struct plan_work *work, uint32_t config, double begin_s, struct wattle_plan *plan);
/* What the entries cost by the floored weights: to compare plans by. */
double plan_cost(const struct plan_work *work, const struct wattle_plan_entry *entry, uint32_t n);
double plan_work_done(const struct plan_work *work, const struct wattle_plan_entry *entry, uint32_t n);
/* Two entries in a row without a resize or a resume between them. */
bool plan_continues(const struct plan_work *work, const struct wattle_plan_entry *before, const struct wattle_plan_entry *after);

#endif
