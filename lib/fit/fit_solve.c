/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fit_solve.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit.h>

/* Which of x and x^2 are free; 1 always is. */
#define FREE_LINEAR 1u
#define FREE_SQUARE 2u
#define SETS 4u

/* A point whose removal leaves less than this of its weight's pull is refitted rather than downdated. */
#define PULL_MIN 1e-8

struct set {
	double coef[3];
	double cov[3][3];  /* (X'WX)^-1, over the free coefficients, in place */
	double chisq;
	uint32_t n_free;
	bool feasible;
};

struct work {
	gsl_matrix *x[SETS], *cov[SETS];
	gsl_vector *y, *w, *c[SETS];
	gsl_multifit_linear_workspace *space[SETS];
};

static uint32_t columns(uint32_t set, uint32_t ret[3])
{
	uint32_t n = 0;

	ret[n++] = 0;
	if (set & FREE_LINEAR)
		ret[n++] = 1;
	if (set & FREE_SQUARE)
		ret[n++] = 2;
	return n;
}

static double power(double x, uint32_t k)
{
	return k == 0 ? 1 : k == 1 ? x : x * x;
}

static double at(const double coef[3], double x)
{
	return coef[0] + x * (coef[1] + x * coef[2]);
}

static void work_free(struct work *work)
{
	for (uint32_t set = 0; set < SETS; set++) {
		gsl_matrix_free(work->x[set]);
		gsl_matrix_free(work->cov[set]);
		gsl_vector_free(work->c[set]);
		gsl_multifit_linear_free(work->space[set]);
	}
	gsl_vector_free(work->y);
	gsl_vector_free(work->w);
}

static int work_alloc(struct work *work, uint32_t n)
{
	uint32_t column[3];
	bool ok;

	memset(work, 0, sizeof(*work));
	work->y = gsl_vector_alloc(n);
	work->w = gsl_vector_alloc(n);
	ok = work->y && work->w;
	for (uint32_t set = 0; set < SETS && ok; set++) {
		uint32_t p = columns(set, column);

		work->x[set] = gsl_matrix_alloc(n, p);
		work->cov[set] = gsl_matrix_alloc(p, p);
		work->c[set] = gsl_vector_alloc(p);
		work->space[set] = gsl_multifit_linear_alloc(n, p);
		ok = work->x[set] && work->cov[set] && work->c[set] && work->space[set];
	}
	if (ok)
		return 0;
	work_free(work);
	return -ENOMEM;
}

/* One choice of free coefficients, without point skip (n: with all). */
static int solve_set(const struct wattle_point *point, uint32_t n, uint32_t skip, uint32_t set, struct work *work,
		     struct set *ret)
{
	uint32_t column[3], p = columns(set, column), rows = 0;
	struct set s = { .n_free = p };
	gsl_matrix_view x;
	gsl_vector_view y, w;

	for (uint32_t i = 0; i < n; i++) {
		if (i == skip)
			continue;
		for (uint32_t k = 0; k < p; k++)
			gsl_matrix_set(work->x[set], rows, k, power(point[i].x, column[k]));
		gsl_vector_set(work->y, rows, point[i].s);
		gsl_vector_set(work->w, rows, point[i].weight);
		rows++;
	}
	*ret = s;
	if (rows < p)
		return 0;
	x = gsl_matrix_submatrix(work->x[set], 0, 0, rows, p);
	y = gsl_vector_subvector(work->y, 0, rows);
	w = gsl_vector_subvector(work->w, 0, rows);
	if (gsl_multifit_wlinear(&x.matrix, &w.vector, &y.vector, work->c[set], work->cov[set], &s.chisq, work->space[set]))
		return -EINVAL;
	for (uint32_t k = 0; k < p; k++) {
		s.coef[column[k]] = gsl_vector_get(work->c[set], k);
		for (uint32_t l = 0; l < p; l++)
			s.cov[column[k]][column[l]] = gsl_matrix_get(work->cov[set], k, l);
		if (!isfinite(s.coef[column[k]]))
			return -EINVAL;
	}
	s.feasible = s.coef[1] >= 0 && s.coef[2] >= 0;
	*ret = s;
	return 0;
}

/* The whole problem is convex: if nothing has to be held, nothing is; else the best of those that hold something. */
static const struct set *best_of(const struct set sets[SETS])
{
	const struct set *best = &sets[0];

	if (sets[FREE_LINEAR | FREE_SQUARE].feasible)
		return &sets[FREE_LINEAR | FREE_SQUARE];
	for (uint32_t set = 1; set < SETS - 1; set++)
		if (sets[set].feasible && sets[set].chisq < best->chisq)
			best = &sets[set];
	return best;
}

/* What is left of a set without point i, by downdating the inverse (Sherman and Morrison): exact, and 100 times cheaper than fitting again. Returns false
 * if point i alone carries a coefficient. *ret_pull: 1 - leverage. */
static bool downdate(const struct set *from, const struct wattle_point *point, struct set *ret, double *ret_pull)
{
	double row[3] = { 1, point->x, point->x * point->x }, gain[3] = { 0, 0, 0 }, leverage = 0, residual, pull;

	for (int k = 0; k < 3; k++) {
		for (int l = 0; l < 3; l++)
			gain[k] += from->cov[k][l] * row[l];
		leverage += row[k] * gain[k];
	}
	pull = 1 - point->weight * leverage;
	if (!(pull > PULL_MIN))
		return false;
	residual = point->s - at(from->coef, point->x);
	*ret = *from;
	for (int k = 0; k < 3; k++)
		ret->coef[k] -= gain[k] * point->weight * residual / pull;
	ret->chisq = fmax(0, from->chisq - point->weight * residual * residual / pull);
	ret->feasible = ret->coef[1] >= 0 && ret->coef[2] >= 0;
	*ret_pull = pull;
	return true;
}

static int leave_out(const struct wattle_point *point, uint32_t n, uint32_t i, const struct set sets[SETS], struct work *work,
		     struct wattle_left_out *ret)
{
	struct set without[SETS];
	double pull[SETS], deleted, noise;
	const struct set *best;

	for (uint32_t set = 0; set < SETS; set++) {
		pull[set] = 0;
		if (!downdate(&sets[set], &point[i], &without[set], &pull[set]) &&
		    solve_set(point, n, i, set, work, &without[set]) < 0)
			return -EINVAL;
	}
	best = best_of(without);
	ret->predicted = at(best->coef, point[i].x);
	ret->freedom = n - 1 > best->n_free ? n - 1 - best->n_free : 0;
	deleted = fabs(point[i].s - ret->predicted);
	noise = ret->freedom > 0 ? sqrt(best->chisq / ret->freedom) : 0;
	ret->student = noise > 0 ? deleted * sqrt(point[i].weight * pull[best - without]) / noise : INFINITY;
	return 0;
}

int wattle_curve_solve(const struct wattle_point *point, uint32_t n, struct wattle_curve *ret, struct wattle_left_out *out,
		       struct wattle_err *err)
{
	struct set sets[SETS];
	const struct set *best;
	struct work work;
	int rc;

	/* GSL's own handler aborts; what it returns is enough for us */
	gsl_set_error_handler_off();
	if (work_alloc(&work, n) < 0)
		return wattle_err_set(err, ENOMEM, "out of memory for a fit of %u caps", n);
	rc = 0;
	for (uint32_t set = 0; set < SETS && rc == 0; set++)
		rc = solve_set(point, n, n, set, &work, &sets[set]);
	for (uint32_t i = 0; out && i < n && rc == 0; i++)
		rc = leave_out(point, n, i, sets, &work, &out[i]);
	work_free(&work);
	if (rc < 0)
		return wattle_err_set(err, EINVAL, "the fit of %u caps has no solution", n);
	best = best_of(sets);
	memcpy(ret->coef, best->coef, sizeof(ret->coef));
	ret->chisq = best->chisq;
	ret->n_free = best->n_free;
	return 0;
}
