/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SWEEP_H
#define WATTLE_SWEEP_H

/* A sweep: the same work run under several caps, each once or more. What a slowdown model is fitted to. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_SWEEP_RUNS_MAX 1024

struct wattle_run {
	double cap_w;     /* per node */
	double time_s;    /* of the whole run; in a relative sweep 1/throughput */
	double energy_j;  /* 0: not measured */
};

struct wattle_sweep {
	bool relative;    /* throughput was measured: times compare with each other, but are no seconds */
	uint32_t n;
	struct wattle_run run[WATTLE_SWEEP_RUNS_MAX];
};

/* Every number finite, positive and within bounds. -EINVAL, -ERANGE. */
int wattle_sweep_check(const struct wattle_sweep *sweep, struct wattle_err *err);

/* CSV `cap_w,time_s[,energy_j]` or `cap_w,throughput[,energy_j]`, columns in any order, others ignored; an empty energy was
 * not measured. name is for messages, which say name:line; text is changed. -EINVAL, -ERANGE, -E2BIG: *ret is then unspecified. */
int wattle_sweep_parse(const char *name, char *text, struct wattle_sweep *ret, struct wattle_err *err);

/* The runs of one cap. */
struct wattle_cap {
	double cap_w;
	uint32_t n;             /* runs that count, >= 1 */
	uint32_t n_set_aside;   /* runs that don't: outliers */
	double odd_s;           /* the slowest of those set aside */
	double time_s;          /* mean of those that count */
	double variance_s2;     /* of one run; 0 if there is one only */
	double energy_j;        /* mean of those that measured it; 0: none did */
};

struct wattle_caps {
	uint32_t n, n_runs, n_set_aside;
	double time_min_s;      /* least time of a run that counts: T_min */
	struct wattle_cap cap[WATTLE_SWEEP_RUNS_MAX]; /* ascending */
};

/* Groups a checked sweep by cap. Of three and more runs of a cap, one that is slower than their median by more than 10% of it and by
 * more than 5 scaled median absolute deviations (P. Rousseeuw and C. Croux, 1993) is set aside: something else ran there. A fast one
 * is not: nothing makes a run faster, so rather the others are wrong. The rows' order does not matter. */
void wattle_sweep_group(const struct wattle_sweep *sweep, struct wattle_caps *ret);

/* The cap of least mean energy among those measured whose mean run time is at most slowdown_pct (< 0: no limit) above T_min.
 * *ret_edge: it is the lowest cap measured, so that less might be had below. -ENODATA: no energy measured; -ERANGE: no cap is
 * within the limit. */
int wattle_sweep_least_energy(const struct wattle_caps *caps, double slowdown_pct, uint32_t *ret_index, bool *ret_edge,
			      struct wattle_err *err);

#endif
