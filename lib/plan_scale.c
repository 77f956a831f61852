/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes and watts per slot, where changing them costs nothing: the exact threshold over slots x hull segments. */
#include "plan_private.h"

#include <math.h>
#include <string.h>

/* The marginal cost of segment j in the slot of rank i: work->sorted[i] * work->slope[j]. Rounded products stay sorted in
 * both directions, so that all comparisons below are exact. */

struct cut {
	double done;      /* work of all segments that cost less than the threshold */
	double below;     /* the greatest cost under it, -1 if there is none */
	double from;      /* the least cost that is not, INFINITY if there is none */
};

/* Walks the staircase between what costs less than the threshold and what does not: T + K steps. */
static struct cut cut_at(const struct plan_work *work, double threshold)
{
	struct cut cut = { 0, -1, INFINITY };
	uint32_t j = work->n_segments;

	for (uint32_t i = 0; i < work->usable; i++) {
		double weight = work->sorted[i], cost;

		while (j > 0 && weight * work->slope[j - 1] >= threshold)
			j--;
		if (j < work->n_segments) {
			cost = weight * work->slope[j];
			if (cost < cut.from)
				cut.from = cost;
		}
		if (j > 0) {
			cost = weight * work->slope[j - 1];
			if (cost > cut.below)
				cut.below = cost;
			cut.done += work->length[i] * work->point[j].throughput;
		}
	}
	return cut;
}

/* Half way by the bits, which is half way in logarithm or better; above low. */
static double between(double low, double high)
{
	uint64_t a, b;
	double mid;

	memcpy(&a, &low, sizeof(a));
	memcpy(&b, &high, sizeof(b));
	a += (b - a + 1) / 2;
	memcpy(&mid, &a, sizeof(mid));
	return mid;
}

/* The least marginal cost such that all segments up to it, itself included, do the work. Each step moves an end to a cost that
 * is really there, so that it ends after about as many steps as the logarithm of T x K; never after more than 64. */
static double find_threshold(const struct plan_work *work)
{
	double low = work->sorted[0] * work->slope[0];
	double high = work->sorted[work->usable - 1] * work->slope[work->n_segments - 1];

	while (low < high) {
		struct cut cut = cut_at(work, between(low, high));

		if (cut.done >= work->problem->work)
			high = cut.below;
		else
			low = cut.from;
	}
	return low;
}

/* The number of segments of the slot of rank i, coming down from j, that cost less than the threshold. */
static uint32_t segments_below(const struct plan_work *work, uint32_t i, uint32_t j, double threshold)
{
	while (j > 0 && work->sorted[i] * work->slope[j - 1] >= threshold)
		j--;
	return j;
}

struct marginal {
	uint32_t span;  /* PLAN_IDLE: none */
	uint32_t upper; /* hull point; the lower one is below it */
	double share;   /* of the span at the upper point, 0 < share <= 1 */
};

/* Takes segments at exactly the threshold until the work is done: less energy first, then earlier slots (spans of equal weight
 * stand in order of time). level becomes the hull point of each span; that of the marginal span is its lower one. */
static struct marginal take_ties(struct plan_work *work, double threshold, double missing)
{
	struct marginal last = { PLAN_IDLE, 0, 0 };
	uint32_t end = work->usable;

	for (uint32_t j = 0; j < work->n_segments && missing > 0; j++) {
		double gain = work->point[j + 1].throughput - work->point[j].throughput;
		uint32_t begin;

		/* ranks at which segment j costs the threshold: [begin, end) */
		while (end > 0 && work->sorted[end - 1] * work->slope[j] > threshold)
			end--;
		begin = end;
		while (begin > 0 && work->sorted[begin - 1] * work->slope[j] == threshold)
			begin--;
		for (uint32_t i = begin; i < end && missing > 0; i++) {
			double all = gain * work->length[i];

			if (last.span != PLAN_IDLE)
				work->level[last.span] = last.upper;
			last = (struct marginal){ work->order[i], j + 1, missing < all ? missing / all : 1 };
			missing -= all;
		}
	}
	return last;
}

static struct marginal choose_levels(struct plan_work *work)
{
	double threshold, done = 0;
	uint32_t j = work->n_segments;

	plan_sort_spans(work);
	for (uint32_t i = 0; i < work->usable; i++) {
		work->sorted[i] = work->span[work->order[i]].weight;
		work->length[i] = work->span[work->order[i]].length_s;
	}
	threshold = find_threshold(work);
	for (uint32_t i = 0; i < work->usable; i++) {
		j = segments_below(work, i, j, threshold);
		work->level[work->order[i]] = j;
		done += work->length[i] * work->point[j].throughput;
	}
	return take_ties(work, threshold, work->problem->work - done);
}

/* Hull points become configurations. */
static void set_levels(struct plan_work *work)
{
	for (uint32_t i = 0; i < work->usable; i++) {
		work->level[i] = work->point[work->level[i]].config;
		work->run_s[i] = work->level[i] == PLAN_IDLE ? 0 : work->span[i].length_s;
	}
}

static double unit_cost(const struct plan_work *work, uint32_t span, uint32_t config)
{
	const struct wattle_plan_config *c = &work->problem->config[config];

	return work->span[span].weight * c->power_w / c->throughput_per_s;
}

/* Takes the overshoot off where a unit of work costs most. Returns what that saves. */
static double trim(struct plan_work *work, double overshoot, bool really)
{
	double saved = 0;

	while (overshoot > 0) {
		uint32_t dirtiest = PLAN_IDLE;
		double most = 0, throughput, off;

		for (uint32_t i = 0; i < work->usable; i++)
			if (work->level[i] != PLAN_IDLE && work->run_s[i] > 0 && unit_cost(work, i, work->level[i]) > most) {
				most = unit_cost(work, i, work->level[i]);
				dirtiest = i;
			}
		if (dirtiest == PLAN_IDLE)
			break;
		throughput = work->problem->config[work->level[dirtiest]].throughput_per_s;
		off = overshoot / throughput;
		if (off >= work->run_s[dirtiest]) {
			/* a trial stops here: less is saved than could be */
			if (!really)
				return saved + most * throughput * work->run_s[dirtiest];
			off = work->run_s[dirtiest];
			work->level[dirtiest] = PLAN_IDLE;
			overshoot -= off * throughput;
		} else {
			overshoot = 0;
		}
		saved += most * throughput * off;
		if (really)
			work->run_s[dirtiest] -= off;
	}
	return saved;
}

/* One configuration in the marginal span: either the upper point, with the overshoot trimmed from the dirtiest spans, or whatever
 * configuration does just the work that is missing there for the least. */
static void settle_one_size(struct plan_work *work, const struct marginal *m)
{
	const struct plan_point *upper = &work->point[m->upper], *lower = upper - 1;
	double length_s = work->span[m->span].length_s, weight = work->span[m->span].weight;
	double wanted = length_s * (lower->throughput + m->share * (upper->throughput - lower->throughput));
	double overshoot = length_s * upper->throughput - wanted, least = INFINITY, trimmed;
	uint32_t best = upper->config;

	for (uint32_t k = 0; k < work->problem->n_configs; k++) {
		const struct wattle_plan_config *c = &work->problem->config[k];

		if (c->throughput_per_s * length_s >= wanted && c->power_w * wanted / c->throughput_per_s * weight < least) {
			least = c->power_w * wanted / c->throughput_per_s * weight;
			best = k;
		}
	}
	work->level[m->span] = upper->config;
	work->run_s[m->span] = length_s;
	trimmed = upper->power * length_s * weight - trim(work, overshoot, false);
	if (trimmed < least) {
		trim(work, overshoot, true);
		return;
	}
	work->level[m->span] = best;
	work->run_s[m->span] = wanted / work->problem->config[best].throughput_per_s;
}

void plan_scale(struct plan_work *work, struct wattle_plan *plan)
{
	struct marginal m = choose_levels(work);
	struct plan_extra extra = { PLAN_IDLE, PLAN_IDLE, 0 };

	set_levels(work);
	if (m.span != PLAN_IDLE) {
		double length_s = work->span[m.span].length_s;

		switch (work->problem->grain) {
		case WATTLE_PLAN_SHARED:
			work->run_s[m.span] = work->level[m.span] == PLAN_IDLE ? 0 : (1 - m.share) * length_s;
			extra = (struct plan_extra){ m.span, work->point[m.upper].config, m.share * length_s };
			break;
		case WATTLE_PLAN_ONE_SIZE:
			settle_one_size(work, &m);
			break;
		case WATTLE_PLAN_WHOLE:
			work->level[m.span] = work->point[m.upper].config;
			work->run_s[m.span] = length_s;
			break;
		}
	}
	plan_emit(work, &extra, plan);
}
