/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times the planner, and CarbonScaler's greedy as its paper writes it. Usage: plan_time [REPEATS]; a line a run: case and
 * microseconds of CPU time. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plan.h"

struct bench {
	struct wattle_plan_slot *slot;
	struct wattle_plan_config *config;
	struct wattle_plan_problem problem;
	struct wattle_plan plan;
	void *scratch;
	size_t scratch_bytes;
};

static uint64_t seed = 2026;

static double unit(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (double) ((seed * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static void make(struct bench *b, uint32_t slots, uint32_t configs)
{
	double most = 0;

	b->slot = calloc(slots, sizeof(*b->slot));
	b->config = calloc(configs, sizeof(*b->config));
	b->plan.entry = calloc(wattle_plan_entries_max(slots), sizeof(*b->plan.entry));
	b->scratch_bytes = wattle_plan_scratch_bytes(slots, configs);
	b->scratch = malloc(b->scratch_bytes);
	if (!b->slot || !b->config || !b->plan.entry || !b->scratch)
		exit(1);
	for (uint32_t t = 0; t < slots; t++) {
		double g = 300 + 150 * sin(t * 6.283 / 24) + 100 * unit();

		b->slot[t] = (struct wattle_plan_slot){ 3600.0 * t, 3600, g, g };
	}
	/* strictly concave: every point is on the hull, the dearest case */
	for (uint32_t k = 0; k < configs; k++) {
		b->config[k] = (struct wattle_plan_config){ k + 1, 0, pow(k + 1, 0.8), 100.0 * (k + 1) };
		most = b->config[k].throughput_per_s;
	}
	b->problem = (struct wattle_plan_problem){ .slot = b->slot, .n_slots = slots, .config = b->config, .n_configs = configs,
						   .work = most * slots * 3600 * 0.4, .deadline_s = 3600.0 * slots, .switches_max = UINT32_MAX };
}

static void drop(struct bench *b)
{
	free(b->slot);
	free(b->config);
	free(b->plan.entry);
	free(b->scratch);
}

/* --- the greedy as written: a list of all steps, sorted; the first admissible one, again and again -------------- */

struct step {
	double value;
	uint32_t slot, size;
};

static int by_value(const void *a, const void *b)
{
	const struct step *p = a, *q = b;

	return (p->value < q->value) - (p->value > q->value);
}

static double greedy(const struct bench *b)
{
	uint32_t n = 0, *size = calloc(b->problem.n_slots, sizeof(*size));
	struct step *list = malloc((size_t) b->problem.n_slots * b->problem.n_configs * sizeof(*list));
	double missing = b->problem.work;

	if (!size || !list)
		exit(1);
	for (uint32_t t = 0; t < b->problem.n_slots; t++)
		for (uint32_t k = 0; k < b->problem.n_configs; k++) {
			double r = b->config[k].throughput_per_s - (k ? b->config[k - 1].throughput_per_s : 0);
			double w = b->config[k].power_w - (k ? b->config[k - 1].power_w : 0);

			list[n++] = (struct step){ r / (w * b->slot[t].weight), t, k };
		}
	qsort(list, n, sizeof(*list), by_value);
	for (uint32_t i = 0; i < n && missing > 0; i++) {
		if (list[i].size != size[list[i].slot])
			continue;
		missing -= 3600 * (b->config[list[i].size].throughput_per_s -
				   (list[i].size ? b->config[list[i].size - 1].throughput_per_s : 0));
		size[list[i].slot]++;
	}
	free(size);
	free(list);
	return missing;
}

/* --- timing --------------------------------------------------------------------- */

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

static void time_case(const char *name, struct bench *b, int policy, unsigned repeats)
{
	for (unsigned i = 0; i < repeats; i++) {
		double from = now_us();

		if (policy < 0)
			greedy(b);
		else if (wattle_plan_make(&b->problem, (enum wattle_plan_policy) policy, b->scratch, b->scratch_bytes, &b->plan, NULL) < 0)
			exit(1);
		printf("%s %.2f\n", name, now_us() - from);
	}
}

static void time_size(uint32_t slots, uint32_t configs, unsigned repeats, int with_greedy)
{
	struct bench b = { .scratch = NULL };
	char name[64];

	make(&b, slots, configs);
	snprintf(name, sizeof(name), "scale_%ux%u", slots, configs);
	time_case(name, &b, WATTLE_PLAN_SCALE, repeats);
	snprintf(name, sizeof(name), "start_%ux%u", slots, configs);
	time_case(name, &b, WATTLE_PLAN_START, repeats);
	if (with_greedy) {
		snprintf(name, sizeof(name), "greedy_%ux%u", slots, configs);
		time_case(name, &b, -1, slots > 1000 ? 3 : repeats);
	}
	drop(&b);
}

int main(int argc, char **argv)
{
	unsigned repeats = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : 1000;

	if (repeats < 10 || repeats > 1000000)
		return 2;
	time_size(168, 16, repeats, 1);
	time_size(8760, 1024, repeats / 10 < 10 ? 10 : repeats / 10, 1);
	/* growth with slots and with configurations */
	for (uint32_t t = 1000; t <= 64000; t *= 4)
		time_size(t, 64, 10, 0);
	for (uint32_t k = 64; k <= 4096; k *= 4)
		time_size(8760, k, 10, 0);
	return 0;
}
