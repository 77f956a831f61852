/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sweep.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

#define CAP_MIN_W 1e-3
#define TIME_MIN_S 1e-18 /* 1/throughput may be small */
#define TIME_MAX_S 1e9
#define ENERGY_MAX_J 1e15

#define OUTLIER_RUNS_MIN 3
#define OUTLIER_SHARE 0.10
#define OUTLIER_DEVIATIONS 5
#define MAD_TO_SIGMA 1.4826 /* of a normal distribution */

static bool within(double value, double min, double max)
{
	return isfinite(value) && value >= min && value <= max;
}

int wattle_sweep_check(const struct wattle_sweep *sweep, struct wattle_err *err)
{
	if (sweep->n < 1 || sweep->n > WATTLE_SWEEP_RUNS_MAX)
		return wattle_err_set(err, ERANGE, "a sweep of %u runs: 1 to %d are taken", sweep->n, WATTLE_SWEEP_RUNS_MAX);
	for (uint32_t i = 0; i < sweep->n; i++) {
		const struct wattle_run *run = &sweep->run[i];

		if (!within(run->cap_w, CAP_MIN_W, WATTLE_WATTS_MAX))
			return wattle_err_set(err, ERANGE, "a cap of %g W is out of range", run->cap_w);
		if (!within(run->time_s, TIME_MIN_S, TIME_MAX_S))
			return wattle_err_set(err, ERANGE, "a run time of %g s under %g W is out of range", run->time_s, run->cap_w);
		if (!within(run->energy_j, 0, ENERGY_MAX_J))
			return wattle_err_set(err, ERANGE, "an energy of %g J under %g W is out of range", run->energy_j,
					      run->cap_w);
	}
	return 0;
}

static int by_cap(const void *a, const void *b)
{
	const struct wattle_run *p = a, *q = b;

	if (p->cap_w != q->cap_w)
		return p->cap_w < q->cap_w ? -1 : 1;
	if (p->time_s != q->time_s)
		return p->time_s < q->time_s ? -1 : 1;
	return (p->energy_j > q->energy_j) - (p->energy_j < q->energy_j);
}

static int by_value(const void *a, const void *b)
{
	const double *p = a, *q = b;

	return (*p > *q) - (*p < *q);
}

static double median(const double *sorted, uint32_t n)
{
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* How far a run of these n may be from their median; INFINITY if they are too few to tell. runs are sorted by time. */
static double tolerance(const struct wattle_run *runs, uint32_t n, double *ret_median)
{
	double value[WATTLE_SWEEP_RUNS_MAX], middle, mad;

	for (uint32_t i = 0; i < n; i++)
		value[i] = runs[i].time_s;
	middle = *ret_median = median(value, n);
	if (n < OUTLIER_RUNS_MIN)
		return INFINITY;
	for (uint32_t i = 0; i < n; i++)
		value[i] = fabs(value[i] - middle);
	qsort(value, n, sizeof(value[0]), by_value);
	mad = median(value, n);
	return fmax(OUTLIER_DEVIATIONS * MAD_TO_SIGMA * mad, OUTLIER_SHARE * middle);
}

static void group_one(const struct wattle_run *runs, uint32_t n, struct wattle_cap *ret, double *time_min_s)
{
	struct wattle_cap cap = { .cap_w = runs[0].cap_w };
	double middle, far = tolerance(runs, n, &middle), squares = 0;
	uint32_t n_energy = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (runs[i].time_s - middle > far) {
			cap.odd_s = runs[i].time_s; /* sorted: the last is the slowest */
			cap.n_set_aside++;
			continue;
		}
		cap.n++;
		cap.time_s += runs[i].time_s;
		if (runs[i].energy_j > 0) {
			cap.energy_j += runs[i].energy_j;
			n_energy++;
		}
		if (runs[i].time_s < *time_min_s)
			*time_min_s = runs[i].time_s;
	}
	cap.time_s /= cap.n;
	if (n_energy > 0)
		cap.energy_j /= n_energy;
	for (uint32_t i = 0; i < n; i++)
		if (runs[i].time_s - middle <= far)
			squares += (runs[i].time_s - cap.time_s) * (runs[i].time_s - cap.time_s);
	if (cap.n > 1)
		cap.variance_s2 = squares / (cap.n - 1);
	*ret = cap;
}

void wattle_sweep_group(const struct wattle_sweep *sweep, struct wattle_caps *ret)
{
	struct wattle_run run[WATTLE_SWEEP_RUNS_MAX];

	/* sorted, so that sums come out the same to the last bit whatever the rows' order */
	memcpy(run, sweep->run, sweep->n * sizeof(run[0]));
	qsort(run, sweep->n, sizeof(run[0]), by_cap);
	ret->n = 0;
	ret->n_runs = sweep->n;
	ret->n_set_aside = 0;
	ret->time_min_s = INFINITY;
	for (uint32_t first = 0, next; first < sweep->n; first = next) {
		for (next = first + 1; next < sweep->n && run[next].cap_w == run[first].cap_w; next++)
			;
		group_one(run + first, next - first, &ret->cap[ret->n], &ret->time_min_s);
		ret->n_set_aside += ret->cap[ret->n].n_set_aside;
		ret->n++;
	}
}

int wattle_sweep_least_energy(const struct wattle_caps *caps, double slowdown_pct, uint32_t *ret_index, bool *ret_edge,
			      struct wattle_err *err)
{
	uint32_t best = caps->n, n_measured = 0;

	for (uint32_t i = 0; i < caps->n; i++) {
		const struct wattle_cap *cap = &caps->cap[i];

		if (cap->energy_j <= 0)
			continue;
		n_measured++;
		if (slowdown_pct >= 0 && 100 * (cap->time_s / caps->time_min_s - 1) > slowdown_pct * (1 + 1e-9))
			continue;
		if (best == caps->n || cap->energy_j < caps->cap[best].energy_j)
			best = i;
	}
	if (n_measured == 0)
		return wattle_err_set(err, ENODATA, "the sweep measured no energy: add a column energy_j");
	if (best == caps->n)
		return wattle_err_set(err, ERANGE, "no cap with measured energy is within a slowdown of %g%%", slowdown_pct);
	*ret_index = best;
	*ret_edge = best == 0;
	return 0;
}
