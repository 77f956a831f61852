/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TOTAL_H
#define WATTLE_TOTAL_H

/* From step records to what a job drew. Pure.
 *
 * Steps overlap: the extern step lives as long as the job does on a node, the batch step spans the steps it starts, and
 * steps may run side by side; each record holds what the whole node drew meanwhile. So joules are added up over *time on a
 * node*, once: extern records first, then of every other record only the part of its time that nothing else has covered
 * (its mean power is taken for that part). A requeued job's runs lie apart in time and so add up. */

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

struct wattle_total {
	size_t n_nodes;          /* with at least one record */
	size_t n_unmeasured;     /* nodes of which some time has no joules (a counter could not be read) */
	double energy_j;         /* packages; what was measured */
	double node_energy_j;    /* the same plus base watts x time */
	double node_s;           /* covered time, summed over nodes */
	double mean_w;           /* packages, mean of a node: energy over measured node time; < 0: nothing measured */
	double peak_w;           /* packages, the highest of any node; < 0 */
	uint32_t grant_w;        /* the least granted on any node; 0: none known */
	uint32_t cap_w;          /* the lowest cap in force on any node; 0: none */
	double capped_s, at_cap_s, over_s; /* node time, once, as joules are */
	bool capped;             /* some record had a cap in force */
	bool cap_held;           /* in every record that had one */
	bool shared;             /* on some node other jobs ran too: these joules are not this job's alone */
	int64_t start_s, end_s;  /* first start, last end */
};

/* records of one job, in any order (sorted in place by node and time). n = 0 gives zeros. */
void wattle_total_job(struct wattle_record *records, size_t n, struct wattle_total *ret);

/* When it was drawn: calls each() with stretches of time on some node and the joules in them, base watts included, each moment of each
 * node once; within a stretch they are drawn evenly. By the slices of records, which are as long as lib/slices.h says; of a record without
 * them, evenly over its time. Unmeasured time is left out. records are sorted in place. -ENOMEM. */
typedef void wattle_energy_fn(double from_s, double to_s, double energy_j, void *arg);
int wattle_total_energy(struct wattle_record *records, size_t n, wattle_energy_fn *each, void *arg);

/* Order for a table: batch, extern, 0, 1, …; each by node; of a requeued job's runs the first one first. */
void wattle_records_sort(struct wattle_record *records, size_t n);

/* "batch", "extern", "interactive", "0" */
const char *wattle_step_name(uint32_t step_id, char *buf, size_t size);

/* Names in nodes (sorted by strcmp) that have no record: pointers into nodes, at most n_nodes, written to ret_missing; returns how
 * many. Out of memory: none. */
size_t wattle_nodes_missing(char *const *nodes, size_t n_nodes, const struct wattle_record *records, size_t n,
			    const char **ret_missing);

#endif
