/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "total.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lease.h"

/* Records start on whole seconds: two that touch may seem to overlap, or leave a gap, by as much. */
#define GRAIN_S 1.0

struct span {
	double from_s, to_s;
};

static bool is_extern(const struct wattle_record *r)
{
	return r->step_id == WATTLE_STEP_EXTERN;
}

static struct span span_of(const struct wattle_record *r)
{
	return (struct span){ (double) r->start_s, (double) r->start_s + (r->elapsed_s > 0 ? r->elapsed_s : 0) };
}

/* by node; there the extern ones first; then by start, the longer first */
static int for_totals(const void *a, const void *b)
{
	const struct wattle_record *x = a, *y = b;
	int c = strcmp(x->node, y->node);

	if (c)
		return c;
	if (is_extern(x) != is_extern(y))
		return is_extern(x) ? -1 : 1;
	if (x->start_s != y->start_s)
		return x->start_s < y->start_s ? -1 : 1;
	return (x->elapsed_s < y->elapsed_s) - (x->elapsed_s > y->elapsed_s);
}

/* Seconds of `span` that no span of covered[] has. covered is sorted and disjoint. */
static double uncovered_s(struct span span, const struct span *covered, size_t n)
{
	double left = span.to_s - span.from_s;

	for (size_t i = 0; i < n; i++) {
		double from = covered[i].from_s > span.from_s ? covered[i].from_s : span.from_s;
		double to = covered[i].to_s < span.to_s ? covered[i].to_s : span.to_s;

		if (to > from)
			left -= to - from;
	}
	return left > 0 ? left : 0;
}

/* Adds a span, keeping the list sorted and disjoint. There is room for one more than n. */
static size_t cover(struct span span, struct span *covered, size_t n)
{
	size_t first = 0, last;

	while (first < n && covered[first].to_s < span.from_s)
		first++;
	for (last = first; last < n && covered[last].from_s <= span.to_s; last++) {
		if (covered[last].from_s < span.from_s)
			span.from_s = covered[last].from_s;
		if (covered[last].to_s > span.to_s)
			span.to_s = covered[last].to_s;
	}
	memmove(covered + first + 1, covered + last, (n - last) * sizeof(*covered));
	covered[first] = span;
	return n - (last - first) + 1;
}

/* A record, and how much of its time nothing before it has covered: more than none. */
struct part {
	const struct wattle_record *record;
	struct span span;
	double part_s, share;
	const struct span *covered; /* before it */
	size_t n_covered;
};

static void walk_node(const struct wattle_record *r, size_t n, struct span *covered, void (*each)(const struct part *part, void *arg),
		      void *arg)
{
	size_t n_covered = 0;

	for (size_t i = 0; i < n; i++, r++) {
		struct part part = { r, span_of(r), 0, 0, covered, n_covered };
		double whole_s = part.span.to_s - part.span.from_s;

		part.part_s = uncovered_s(part.span, covered, n_covered);
		if (part.part_s < whole_s && part.part_s <= GRAIN_S)
			part.part_s = 0;
		part.share = whole_s > 0 ? part.part_s / whole_s : n_covered == 0;
		if (part.share > 0)
			each(&part, arg);
		n_covered = cover(part.span, covered, n_covered);
	}
}

/* Sorts, and walks node by node. -ENOMEM. */
static int walk(struct wattle_record *records, size_t n, void (*each)(const struct part *part, void *arg),
		void (*node_ends)(void *arg), void *arg)
{
	struct span *covered = calloc(n + 1, sizeof(*covered));

	if (!covered)
		return -ENOMEM;
	qsort(records, n, sizeof(*records), for_totals);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && strcmp(records[to].node, records[from].node) == 0;)
			to++;
		walk_node(records + from, to - from, covered, each, arg);
		if (node_ends)
			node_ends(arg);
	}
	free(covered);
	return 0;
}

struct sum {
	struct wattle_total total;
	double measured_s;
	bool unmeasured;
};

static void add_part(const struct part *part, void *arg)
{
	const struct wattle_record *r = part->record;
	struct sum *sum = arg;
	struct wattle_total *t = &sum->total;

	t->node_s += part->part_s;
	t->capped_s += r->capped_s * part->share;
	t->at_cap_s += r->at_cap_s * part->share;
	t->over_s += r->over_s * part->share;
	if (r->energy_j < 0) {
		sum->unmeasured = true;
		return;
	}
	t->energy_j += r->energy_j * part->share;
	t->node_energy_j += r->energy_j * part->share + r->base_w * part->part_s;
	sum->measured_s += part->part_s;
}

static void end_node(void *arg)
{
	struct sum *sum = arg;

	sum->total.n_nodes++;
	sum->total.n_unmeasured += sum->unmeasured;
	sum->unmeasured = false;
}

void wattle_total_job(struct wattle_record *records, size_t n, struct wattle_total *ret)
{
	struct sum sum = { .total = { .peak_w = -1, .mean_w = -1 } };
	struct wattle_total *t = &sum.total;

	if (n == 0 || walk(records, n, add_part, end_node, &sum) < 0) {
		*ret = (struct wattle_total){ .peak_w = -1, .mean_w = -1 };
		return;
	}
	t->start_s = records[0].start_s;
	t->cap_held = true;
	for (size_t i = 0; i < n; i++) {
		const struct wattle_record *r = &records[i];
		int64_t end_s = r->end_s > r->start_s ? r->end_s : r->start_s;

		if (r->start_s < t->start_s)
			t->start_s = r->start_s;
		if (end_s > t->end_s)
			t->end_s = end_s;
		if (r->energy_j >= 0 && r->peak_w > t->peak_w)
			t->peak_w = r->peak_w;
		if (r->grant_w && (t->grant_w == 0 || r->grant_w < t->grant_w))
			t->grant_w = r->grant_w;
		if (r->cap_w && (t->cap_w == 0 || r->cap_w < t->cap_w))
			t->cap_w = r->cap_w;
		if (r->cap_w) {
			t->capped = true;
			t->cap_held = t->cap_held && r->cap_held;
		}
		t->shared = t->shared || r->shared;
	}
	t->cap_held = t->cap_held && t->capped;
	if (sum.measured_s > 0)
		t->mean_w = t->energy_j / sum.measured_s;
	*ret = *t;
}

struct energy_walk {
	wattle_energy_fn *each;
	void *arg;
};

/* The part of a stretch that nothing has covered, piece by piece. */
static void give_stretch(const struct part *part, struct span stretch, double watts, const struct energy_walk *walk)
{
	double from_s = stretch.from_s;

	for (size_t i = 0; i <= part->n_covered && from_s < stretch.to_s; i++) {
		double to_s = stretch.to_s;

		if (i < part->n_covered && part->covered[i].from_s < to_s)
			to_s = part->covered[i].from_s;
		if (to_s > from_s)
			walk->each(from_s, to_s, watts * (to_s - from_s), walk->arg);
		if (i < part->n_covered && part->covered[i].to_s > from_s)
			from_s = part->covered[i].to_s;
	}
}

static void give_part(const struct part *part, void *arg)
{
	const struct wattle_record *r = part->record;
	const struct wattle_slices *slices = &r->slices;
	double whole_s = part->span.to_s - part->span.from_s, sum_j = wattle_slices_sum(slices);

	if (r->energy_j < 0 || !(whole_s > 0))
		return;
	if (!(sum_j > 0)) {
		give_stretch(part, part->span, r->energy_j / whole_s + r->base_w, arg);
		return;
	}
	for (uint32_t i = 0; i < slices->n; i++) {
		struct span slice = { part->span.from_s + (double) i * slices->slice_s, part->span.from_s + (i + 1.0) * slices->slice_s };

		if (slice.to_s > part->span.to_s || i + 1 == slices->n)
			slice.to_s = part->span.to_s;
		if (slice.to_s > slice.from_s)
			give_stretch(part, slice, r->energy_j * (double) slices->j[i] / sum_j / (slice.to_s - slice.from_s) + r->base_w, arg);
	}
}

int wattle_total_energy(struct wattle_record *records, size_t n, wattle_energy_fn *each, void *arg)
{
	struct energy_walk to = { each, arg };

	return n == 0 ? 0 : walk(records, n, give_part, NULL, &to);
}

/* batch, extern, interactive, then by number */
static int64_t step_rank(uint32_t step_id)
{
	if (step_id == WATTLE_STEP_BATCH)
		return -3;
	if (step_id == WATTLE_STEP_EXTERN)
		return -2;
	return step_id == WATTLE_STEP_INTERACTIVE ? -1 : (int64_t) step_id;
}

static int for_people(const void *a, const void *b)
{
	const struct wattle_record *x = a, *y = b;
	int64_t rx = step_rank(x->step_id), ry = step_rank(y->step_id);

	if (rx != ry)
		return rx < ry ? -1 : 1;
	rx = strverscmp(x->node, y->node);
	if (rx != 0)
		return rx < 0 ? -1 : 1;
	return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

void wattle_records_sort(struct wattle_record *records, size_t n)
{
	if (n > 1)
		qsort(records, n, sizeof(*records), for_people);
}

const char *wattle_step_name(uint32_t step_id, char *buf, size_t size)
{
	if (step_id == WATTLE_STEP_BATCH)
		return "batch";
	if (step_id == WATTLE_STEP_EXTERN)
		return "extern";
	if (step_id == WATTLE_STEP_INTERACTIVE)
		return "interactive";
	snprintf(buf, size, "%u", step_id);
	return buf;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

size_t wattle_nodes_missing(char *const *nodes, size_t n_nodes, const struct wattle_record *records, size_t n,
			    const char **ret_missing)
{
	bool *there = calloc(n_nodes + 1, sizeof(*there));
	size_t missing = 0;

	if (!there)
		return 0;
	for (size_t i = 0; i < n; i++) {
		const char *name = records[i].node;
		char *const *hit = bsearch(&name, nodes, n_nodes, sizeof(*nodes), by_text);

		if (hit)
			there[hit - nodes] = true;
	}
	for (size_t i = 0; i < n_nodes; i++)
		if (!there[i])
			ret_missing[missing++] = nodes[i];
	free(there);
	return missing;
}
