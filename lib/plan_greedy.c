/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CarbonScaler's greedy (W. A. Hanafy et al., Proc. ACM Meas. Anal. Comput. Syst. 7(3), 2023, algorithm 1), to compare with: whole
 * slots, each step the next larger size, in order of work per gram, dR / (dW c), until the work is done.
 *
 * The step from idle to the least size is ranked as one block, R(min) / (W(min) c). Sizes are the node counts, each at its
 * greatest throughput. Ties: the earlier slot, and within a slot the smaller size. The first admissible step of the sorted list
 * is always the best of each slot's next steps, so that a heap of slots replaces the list. */
#include "plan_private.h"

#include <math.h>

struct greedy {
	struct plan_work *work;
	uint32_t n_sizes;
	uint32_t *heap; /* spans; the best at 0 */
	uint32_t n;
};

/* work->by_nodes becomes one configuration a node count, ascending. */
static uint32_t collect_sizes(struct plan_work *work)
{
	const struct wattle_plan_config *config = work->problem->config;
	uint32_t n = 0;

	/* by_nodes is sorted by nodes, then by throughput; of equal throughput the first draws least */
	for (uint32_t i = 0; i < work->problem->n_configs; i++) {
		uint32_t k = work->by_nodes[i];

		if (n == 0 || config[work->by_nodes[n - 1]].nodes != config[k].nodes)
			work->by_nodes[n++] = k;
		else if (config[k].throughput_per_s > config[work->by_nodes[n - 1]].throughput_per_s)
			work->by_nodes[n - 1] = k;
	}
	return n;
}

/* Work per gram of a span's next step. work->level counts the sizes taken. */
static double value_of(const struct greedy *g, uint32_t span)
{
	const struct wattle_plan_config *config = g->work->problem->config;
	uint32_t level = g->work->level[span];
	const struct wattle_plan_config *next = &config[g->work->by_nodes[level]];
	double throughput = next->throughput_per_s, power = next->power_w;

	if (level > 0) {
		throughput -= config[g->work->by_nodes[level - 1]].throughput_per_s;
		power -= config[g->work->by_nodes[level - 1]].power_w;
	}
	if (power == 0)
		return throughput > 0 ? INFINITY : throughput < 0 ? -INFINITY : 0;
	return throughput / (power * g->work->span[span].weight);
}

static bool before(const struct greedy *g, uint32_t a, uint32_t b)
{
	double x = value_of(g, a), y = value_of(g, b);

	return x > y || (x == y && a < b);
}

static void sink(struct greedy *g, uint32_t at)
{
	for (;;) {
		uint32_t best = at, left = 2 * at + 1, moved;

		if (left < g->n && before(g, g->heap[left], g->heap[best]))
			best = left;
		if (left + 1 < g->n && before(g, g->heap[left + 1], g->heap[best]))
			best = left + 1;
		if (best == at)
			return;
		moved = g->heap[at];
		g->heap[at] = g->heap[best];
		g->heap[best] = moved;
		at = best;
	}
}

bool plan_greedy(struct plan_work *work, struct wattle_plan *plan)
{
	struct greedy g = { work, collect_sizes(work), work->order, work->usable };
	const struct wattle_plan_config *config = work->problem->config;
	double missing = work->problem->work;

	for (uint32_t i = 0; i < g.n; i++) {
		work->level[i] = 0;
		g.heap[i] = i;
	}
	for (uint32_t i = g.n; i-- > 0;)
		sink(&g, i);
	while (missing > PLAN_EPSILON * work->problem->work && g.n > 0) {
		uint32_t span = g.heap[0], level = work->level[span]++;
		double throughput = config[work->by_nodes[level]].throughput_per_s;

		if (level > 0)
			throughput -= config[work->by_nodes[level - 1]].throughput_per_s;
		missing -= throughput * work->span[span].length_s;
		if (work->level[span] == g.n_sizes)
			g.heap[0] = g.heap[--g.n];
		sink(&g, 0);
	}
	if (missing > PLAN_EPSILON * work->problem->work)
		return false;
	for (uint32_t i = 0; i < work->usable; i++) {
		uint32_t level = work->level[i];

		work->level[i] = level == 0 ? PLAN_IDLE : work->by_nodes[level - 1];
		work->run_s[i] = level == 0 ? 0 : work->span[i].length_s;
	}
	plan_emit(work, NULL, plan);
	return true;
}
