/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_ADVISE_H
#define WATTLE_CLI_ADVISE_H

/* What the files of `wattle advise` share: a trace is read line by line, each job planned as if it could have waited, and only sums are
 * kept. wattle-advise(1) says what is assumed. */

#include <stdbool.h>
#include <stdint.h>

#include "plan_cli.h"
#include "siteconf.h"
#include "trace.h"

#define ADVISE_SLACKS_MAX 4
#define ADVISE_PARTITIONS_MAX 200 /* told apart; the rest is one row */
#define ADVISE_NAMES_MAX 32       /* in --partitions */

/* How long after submission a job must have ended. */
struct advise_slack {
	char said[24];
	double factor;  /* > 0: of its run time */
	double extra_s; /* else: its run time and so much */
};

enum advise_policy { ADVISE_START, ADVISE_PAUSE, ADVISE_SCALE, ADVISE_POLICIES };

struct advise_saved {
	double carbon_g, energy_j;
	double later_s;        /* summed over jobs: by how much later they would have ended */
	uint64_t moved;        /* jobs that would have run otherwise than they did */
};

/* Of a partition, or of all. */
struct advise_sum {
	char name[WATTLE_TRACE_NAME_MAX];
	uint64_t jobs, deferrable;
	uint64_t no_room[ADVISE_SLACKS_MAX]; /* deferrable, but had waited longer than their slack */
	uint64_t unscaled;     /* deferrable, on a node count that the curve does not have */
	double node_s, wait_s, carbon_g, energy_j;
	struct advise_saved saved[ADVISE_SLACKS_MAX][ADVISE_POLICIES];
};

/* What a node draws, and which part of one a job had. */
struct advise_power {
	double said_w;               /* --watts-per-node; 0: not said */
	double cores;                /* --cores-per-node, or a trace's own; 0: not known */
	const struct wattle_siteconf *conf; /* may be NULL */
	const struct wattle_class *class;   /* --class; may be NULL */
	uint64_t n_measured, n_said, n_class, n_assumed; /* jobs by where their watts are from */
	uint64_t n_odd;              /* measured energies that no node draws: not believed */
};
#define ADVISE_ASSUMED_W 1000.0

struct advise {
	struct wattle_forecast carbon;  /* n slots, and behind them the same again where it is laid over the trace again and again */
	uint32_t n_slots;               /* of carbon, without the repetition */
	int64_t period_s;               /* 0: moments are as they are; else the series repeats */
	int64_t anchor_s;               /* of a series without dates: the moment of its first slot; fixed by the first job */
	bool anchored;

	uint32_t n_slacks;
	struct advise_slack slack[ADVISE_SLACKS_MAX];
	double min_s;                   /* shorter jobs don't wait */
	uint32_t n_names;
	char names[ADVISE_NAMES_MAX][WATTLE_TRACE_NAME_MAX]; /* only these may wait; none: all */
	double overhead_s;
	struct advise_power power;
	struct advise_scale *scale;     /* NULL: scale is not computed */

	int64_t first_s, last_s;        /* of submissions and ends */
	uint64_t outside, uncovered;    /* jobs left out: not within the intensities, or in a hole of them */
	struct advise_sum all;
	uint32_t n_partitions;
	struct advise_sum *partition;   /* ADVISE_PARTITIONS_MAX + 1 */

	/* mean nodes in use, by slot from use_from_s on: as it was, and by slack and policy */
	int64_t use_from_s;
	uint32_t n_use;
	bool use_lost;                  /* a job lay outside */
	float *use[1 + ADVISE_SLACKS_MAX * ADVISE_POLICIES];

	struct wattle_plan_slot *slot;  /* memory for plans */
	struct wattle_plan_entry *entry;
	void *scratch;
	size_t scratch_bytes;
	uint32_t room;                  /* slots that one plan may have */
};

/* After carbon, slack and scale are set: the memory. 0, or an exit status after a line on stderr. */
int advise_begin(struct advise *a, bool repeat);
void advise_end(struct advise *a);
/* Plans one job and adds it up. 0; -EINVAL from the planner: err says why. */
int advise_job(struct advise *a, const struct wattle_trace_job *job, struct wattle_err *err);
/* The most nodes in use in any slot, as the trace was (slack and policy -1) or would have been; < 0: not known. */
double advise_peak(const struct advise *a, int slack, int policy);

/* --- what a job draws ----------------------------------------------------- */

/* Watts of the whole job; *ret_nodes: the nodes it had, in parts where parts of one are known. */
double advise_watts(struct advise_power *power, const struct wattle_trace_job *job, double *ret_nodes);

/* --- scaling -------------------------------------------------------------- */

/* The configurations of each node count of a curve or profile. */
int advise_scale_open(const struct plan_sizes_said *said, struct advise_scale **ret);
void advise_scale_close(struct advise_scale *scale);
uint32_t advise_scale_configs_max(const struct advise_scale *scale);
/* NULL: the curve doesn't have that many. */
const struct plan_sizes *advise_scale_for(const struct advise_scale *scale, double nodes);

/* --- reading --------------------------------------------------------------- */

#define ADVISE_BAD_SHOWN 5

struct advise_read {
	const char *name;      /* for messages */
	const char *format;    /* "SWF" or "sacct" */
	uint64_t lines, jobs, not_run, bad, unzoned;
	struct {
		uint64_t line;
		char why[160];
	} shown[ADVISE_BAD_SHOWN];
	bool undated;          /* SWF without UnixStartTime */
	double max_nodes, max_procs;
	double cores;          /* per node, where the trace says so; 0: not known */
};

/* Reads a trace ("-": stdin) and gives each job to each(), whose first error ends it. 0, or an exit status after a line on stderr. More
 * bad lines than good are refused. */
int advise_read(const char *path, struct advise_read *ret, int (*each)(const struct wattle_trace_job *job, void *arg, struct wattle_err *err),
		void *arg);

/* --- printing --------------------------------------------------------------- */

struct advise_printed {
	const struct advise *advise;
	const struct advise_read *read;
	const char *carbon_name;
	const char *scale_name; /* NULL: not computed */
};

void advise_print_table(const struct advise_printed *p);
void advise_print_json(const struct advise_printed *p);
/* The closing sentence. Returns buf. */
const char *advise_verdict(const struct advise_printed *p, char *buf, size_t size, bool *ret_worth);
/* The i-th line of what was assumed; NULL behind the last. Returns buf. */
const char *advise_assumed(const struct advise_printed *p, unsigned i, char *buf, size_t size);

#endif
