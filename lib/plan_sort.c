/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan_private.h"

#include <string.h>

#define COLLINEAR 1e-12 /* slopes closer than that are equal but for rounding */
#define FEW 48 /* up to here insertion is faster than counting 256 buckets eight times */

/* Bits of a double that is not negative rise with it. */
static uint64_t key_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static void insert(uint64_t *key, uint32_t *order, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		uint64_t k = key[i];
		uint32_t o = order[i], j = i;

		for (; j > 0 && key[j - 1] > k; j--) {
			key[j] = key[j - 1];
			order[j] = order[j - 1];
		}
		key[j] = k;
		order[j] = o;
	}
}

/* Least significant byte first; stable. qsort would allocate, and call back for each comparison. */
static void sort_keys(uint64_t *key, uint64_t *key_spare, uint32_t *order, uint32_t *spare, uint32_t n)
{
	uint32_t count[8][256];
	uint64_t *from = key, *to = key_spare;
	uint32_t *order_from = order, *order_to = spare;

	if (n <= FEW) {
		insert(key, order, n);
		return;
	}
	memset(count, 0, sizeof(count));
	for (uint32_t i = 0; i < n; i++)
		for (unsigned byte = 0; byte < 8; byte++)
			count[byte][key[i] >> (8 * byte) & 0xff]++;
	for (unsigned byte = 0; byte < 8; byte++) {
		uint32_t at = 0;

		if (count[byte][from[0] >> (8 * byte) & 0xff] == n)
			continue;
		for (unsigned v = 0; v < 256; v++) {
			uint32_t here = count[byte][v];

			count[byte][v] = at;
			at += here;
		}
		for (uint32_t i = 0; i < n; i++) {
			uint32_t place = count[byte][from[i] >> (8 * byte) & 0xff]++;

			to[place] = from[i];
			order_to[place] = order_from[i];
		}
		from = from == key ? key_spare : key;
		to = to == key ? key_spare : key;
		order_from = order_from == order ? spare : order;
		order_to = order_to == order ? spare : order;
	}
	if (order_from != order)
		memcpy(order, order_from, n * sizeof(*order));
}

void plan_sort_spans(struct plan_work *work)
{
	for (uint32_t i = 0; i < work->usable; i++) {
		work->order[i] = i;
		work->key[i] = key_of(work->span[i].weight);
	}
	sort_keys(work->key, work->key_spare, work->order, work->spare, work->usable);
}

void plan_sort_configs(struct plan_work *work)
{
	const struct wattle_plan_problem *p = work->problem;

	for (uint32_t i = 0; i < p->n_configs; i++) {
		work->by_throughput[i] = i;
		work->key[i] = key_of(p->config[i].power_w);
	}
	sort_keys(work->key, work->key_spare, work->by_throughput, work->spare, p->n_configs);
	for (uint32_t i = 0; i < p->n_configs; i++)
		work->key[i] = key_of(p->config[work->by_throughput[i]].throughput_per_s);
	sort_keys(work->key, work->key_spare, work->by_throughput, work->spare, p->n_configs);
}

void plan_hull_make(struct plan_work *work)
{
	const struct wattle_plan_problem *p = work->problem;
	struct plan_point *point = work->point;
	double *slope = work->slope;
	uint32_t n = 0;

	point[0] = (struct plan_point){ 0, 0, PLAN_IDLE };
	for (uint32_t i = 0; i < p->n_configs; i++) {
		const struct wattle_plan_config *c = &p->config[work->by_throughput[i]];
		struct plan_point next = { c->throughput_per_s, c->power_w, work->by_throughput[i] };
		double rise;

		/* of equal throughput the first draws least */
		if (next.throughput <= point[n].throughput)
			continue;
		rise = (next.power - point[n].power) / (next.throughput - point[n].throughput);
		/* points on a line all stay: finer steps at the margin, where work goes in proportion to nodes */
		while (n > 0 && rise < slope[n - 1] * (1 - COLLINEAR)) {
			n--;
			rise = (next.power - point[n].power) / (next.throughput - point[n].throughput);
		}
		slope[n] = n > 0 && rise < slope[n - 1] ? slope[n - 1] : rise;
		point[++n] = next;
	}
	work->n_segments = n;
}
