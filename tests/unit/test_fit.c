/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fits of known sweeps, and the sweeps that bear none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fit/fit_solve.h"
#include "fit/model_fit.h"
#include "runner.h"
#include "sweeps.h"

static struct wattle_sweep sweep; /* large */

static struct wattle_fit fit(enum wattle_form form)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_fit found;

	memset(&found, 0, sizeof(found));
	CHECK_INT(wattle_sweep_check(&sweep, &err), 0);
	CHECK_INT(wattle_model_fit(&sweep, form, &found, &err), 0);
	if (found.usable) {
		CHECK_INT(wattle_model_check(&found.model, &err), 0);
		CHECK_STRING(found.why, "");
	}
	return found;
}

static double watts(const struct wattle_fit *f, double pct)
{
	struct wattle_model_watts found = { 0, 0, WATTLE_CLAMP_NONE };

	CHECK_INT(wattle_model_watts(&f->model, pct, 0, 0, &found, NULL), 0);
	return found.watts_w;
}

static void test_quadratic(void)
{
	const struct form_coef coef = { 0.1, 0.8, 0 };
	struct wattle_fit f;

	sweep_make(&sweep, 300, 1200, 7, form_quadratic, &coef);
	f = fit(WATTLE_FORM_QUADRATIC);
	CU_ASSERT(f.usable);
	CU_ASSERT_DOUBLE_EQUAL(f.model.square, 0.8, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(f.model.linear, 0.1, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(f.model.offset, 0, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(f.model.r2, 1, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(f.model.loo_error_pct, 0, 1e-7);
	CU_ASSERT_DOUBLE_EQUAL(f.model.time_min_s, 60, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(watts(&f, 5), 965.8, 0.05);
	CU_ASSERT_DOUBLE_EQUAL(watts(&f, 50), 323.4, 0.05);
}

static void check_linear(double tolerance_w)
{
	static const double want[][2] = { { 5, 1140 }, { 10, 1080 }, { 20, 960 }, { 50, 600 } };
	struct wattle_fit f = fit(WATTLE_FORM_QUADRATIC);

	CU_ASSERT(f.usable);
	for (size_t i = 0; i < 4; i++)
		CU_ASSERT_DOUBLE_EQUAL(watts(&f, want[i][0]), want[i][1], tolerance_w);
}

static void test_near_linear(void)
{
	const struct form_coef coef = { 1, 0, 0 };
	uint64_t seed = 17;

	sweep_make(&sweep, 480, 1200, 7, form_quadratic, &coef);
	check_linear(1e-6);
	/* the last bits */
	sweep_repeat(&sweep, 1, 4e-16, &seed);
	check_linear(1e-6);
	/* a stopwatch of 10 ms, from which 1-2% of a watt may come */
	sweep_make(&sweep, 480, 1200, 7, form_quadratic, &coef);
	for (uint32_t i = 0; i < sweep.n; i++)
		sweep.run[i].time_s = floor(sweep.run[i].time_s * 100 + 0.5) / 100;
	check_linear(0.5);
	for (int i = 0; i < 200; i++) {
		sweep_make(&sweep, 480, 1200, 7, form_quadratic, &coef);
		sweep_repeat(&sweep, 1, 1e-5, &seed);
		check_linear(0.5);
	}
}

/* S = u bends the other way than the hyperbolic form can: it must say how far off it is, not fail. */
static void test_linear_as_hyperbola(void)
{
	const struct form_coef coef = { 1, 0, 0 };
	struct wattle_fit f;

	sweep_make(&sweep, 480, 1200, 7, form_quadratic, &coef);
	f = fit(WATTLE_FORM_HYPERBOLIC);
	CU_ASSERT(f.usable);
	CU_ASSERT(f.model.square == 0);
	CU_ASSERT(f.model.loo_error_pct > 1 && f.model.loo_error_pct < 10);
	CU_ASSERT(watts(&f, 10) > watts(&f, 20) && watts(&f, 20) > watts(&f, 50));
}

/* Run time and energy as polynomials of the cap: GEOPM's test case of the cap of least energy. */
static void test_least_energy(void)
{
	static struct wattle_caps caps;
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t index;
	bool edge;

	sweep.relative = false;
	sweep.n = 0;
	for (double p = 190; p <= 280; p += 10)
		sweep.run[sweep.n++] = (struct wattle_run){ p, 2 * p * p - 1120 * p + 176800,
							    ((-p + 765) * p - 189e3) * p + 2e7 };
	wattle_sweep_group(&sweep, &caps);
	CHECK_INT(wattle_sweep_least_energy(&caps, -1, &index, &edge, &err), 0);
	CHECK_INT(caps.cap[index].cap_w, 210);
	CHECK_INT(edge, 0);
	CHECK_INT(wattle_sweep_least_energy(&caps, 10, &index, &edge, &err), 0);
	CHECK_INT(caps.cap[index].cap_w, 250);
	CHECK_INT(wattle_sweep_least_energy(&caps, 5, &index, &edge, &err), 0);
	CHECK_INT(caps.cap[index].cap_w, 260);
	CU_ASSERT(fit(WATTLE_FORM_QUADRATIC).usable);
	CU_ASSERT(fit(WATTLE_FORM_HYPERBOLIC).usable);
	for (uint32_t i = 0; i < sweep.n; i++)
		sweep.run[i].energy_j = i ? sweep.run[i].cap_w : 0;
	wattle_sweep_group(&sweep, &caps);
	CHECK_INT(wattle_sweep_least_energy(&caps, -1, &index, &edge, &err), 0);
	CHECK_INT(caps.cap[index].cap_w, 200);
	for (uint32_t i = 0; i < sweep.n; i++)
		sweep.run[i].energy_j = 0;
	wattle_sweep_group(&sweep, &caps);
	CU_ASSERT(wattle_sweep_least_energy(&caps, -1, &index, &edge, &err) < 0);
	CHECK_HOLDS(err.text, "energy_j");
}

static void set(uint32_t n, const double (*runs)[2])
{
	sweep.relative = false;
	sweep.n = n;
	for (uint32_t i = 0; i < n; i++)
		sweep.run[i] = (struct wattle_run){ runs[i][0], runs[i][1], 0 };
}

#define SET(...) \
	do { \
		static const double runs_[][2] = __VA_ARGS__; \
		set(sizeof(runs_) / sizeof(runs_[0]), runs_); \
	} while (0)

static void refused(const char *why)
{
	for (int form = 0; form < 2; form++) {
		struct wattle_fit f = fit((enum wattle_form) form);

		CU_ASSERT(!f.usable);
		CHECK_HOLDS(f.why, why);
	}
}

static void test_refused(void)
{
	SET({ { 100, 10 } });
	refused("1 distinct cap,");
	SET({ { 100, 12 }, { 100, 12.1 }, { 200, 10 }, { 300, 9 }, { 300, 9 } });
	refused("3 distinct caps,");
	SET({ { 100, 10 }, { 150, 10 }, { 200, 10 }, { 250, 10 }, { 300, 10 } });
	refused("flat:");
	SET({ { 100, 10.02 }, { 150, 10 }, { 200, 10.03 }, { 250, 10.01 }, { 300, 10 } });
	refused("flat:");
	SET({ { 100, 10 }, { 150, 11 }, { 200, 12.5 }, { 250, 14 }, { 300, 16 } });
	refused("rising:");
	/* a Haswell desktop under RAPL: 2 and 10 W are both under its floor */
	SET({ { 2, 8.480 }, { 10, 8.4825 }, { 15, 4.8615 }, { 25, 2.925 }, { 45, 2.114 } });
	refused("flat part: 2 W");
	SET({ { 100, 16 }, { 150, 16.05 }, { 200, 15.95 }, { 250, 13 }, { 300, 11 }, { 350, 10 } });
	refused("flat part: 100 W");
	SET({ { 100, 20 }, { 150, 15 }, { 200, 12.5 }, { 250, 17 }, { 300, 10.5 }, { 350, 10 } });
	refused("not monotone: 70.0% slower under 250 W");
	/* in the steep part an outlier can stay monotone */
	SET({ { 100, 30 }, { 140, 20.4 }, { 180, 18.9 }, { 220, 13.6 }, { 260, 12 }, { 300, 11.2 }, { 340, 10.5 }, { 380, 10 } });
	CU_ASSERT(!fit(WATTLE_FORM_HYPERBOLIC).usable);
	CHECK_HOLDS(fit(WATTLE_FORM_HYPERBOLIC).why, "outlier: 180 W");
	SET({ { 100, 13 }, { 150, 11.1 }, { 200, 12.4 }, { 250, 10 }, { 300, 12.6 }, { 350, 10.4 }, { 400, 12 } });
	refused("not monotone");
	/* monotone, but it bends the other way: no model says so much as 80% of it */
	SET({ { 100, 20 }, { 150, 18.9 }, { 200, 18.3 }, { 250, 17.5 }, { 300, 17 }, { 350, 10 } });
	CHECK_HOLDS(fit(WATTLE_FORM_HYPERBOLIC).why, "poor fit: R2 0.");
}

static void test_noise_above_effect(void)
{
	const struct form_coef coef = { 0.03, 0, 0 };
	uint64_t seed = 3;
	int usable = 0;

	/* 3 points of effect under 20% of noise, twice each: only luck could find it */
	for (int i = 0; i < 200; i++) {
		struct wattle_fit f;

		sweep_make(&sweep, 100, 400, 6, form_quadratic, &coef);
		sweep_repeat(&sweep, 2, 0.2, &seed);
		f = fit(WATTLE_FORM_HYPERBOLIC);
		usable += f.usable;
	}
	CU_ASSERT(usable <= 10);
	SET({ { 100, 10.6 }, { 100, 11.6 }, { 150, 10.3 }, { 150, 11.3 }, { 200, 10.2 }, { 200, 11.2 }, { 250, 10 }, { 250, 11 } });
	refused("noise above effect");
}

static void test_outlying_runs(void)
{
	const struct form_coef coef = { 0.2, 0.3, 0 };
	struct wattle_fit clean, dirty;

	sweep_make(&sweep, 100, 400, 7, form_hyperbolic, &coef);
	sweep_repeat(&sweep, 3, 0.002, &(uint64_t){ 9 });
	clean = fit(WATTLE_FORM_HYPERBOLIC);
	CHECK_STRING(clean.note, "");
	sweep.run[10].time_s *= 1.9;
	dirty = fit(WATTLE_FORM_HYPERBOLIC);
	CU_ASSERT(dirty.usable);
	CHECK_HOLDS(dirty.note, "1 of 21 runs set aside as outliers");
	CHECK_INT(dirty.model.n_runs, 20);
	CU_ASSERT_DOUBLE_EQUAL(watts(&clean, 10), watts(&dirty, 10), 2);
	sweep.run[0].time_s *= 2;
	CU_ASSERT(fit(WATTLE_FORM_HYPERBOLIC).usable);
	sweep.run[1].time_s *= 2;
	refused("3 of 21 runs are outliers");
	/* two of three went wrong: the median is no help, but the spread tells */
	sweep_make(&sweep, 100, 400, 7, form_hyperbolic, &coef);
	sweep_repeat(&sweep, 3, 0.002, &(uint64_t){ 9 });
	sweep.run[3].time_s *= 1.6;
	sweep.run[10].time_s *= 1.6;
	refused("outliers: 3 runs under 250 W differ by");
}

/* A cap whose repeats disagree pulls less than one whose repeats agree. */
static void test_weights(void)
{
	const struct form_coef coef = { 0.4, 0.1, 0 };
	double off[2];

	for (int wild = 0; wild < 2; wild++) {
		struct wattle_fit f;

		sweep_make(&sweep, 100, 400, 7, form_quadratic, &coef);
		sweep_repeat(&sweep, 4, 0, &(uint64_t){ 1 });
		for (uint32_t i = 0; i < sweep.n; i++) {
			double spread = i % 7 == 2 && wild ? 0.06 : 0.002, bias = i % 7 == 2 ? 0.04 : 0;

			sweep.run[i].time_s *= 1 + bias + (i / 7 % 2 ? spread : -spread);
		}
		f = fit(WATTLE_FORM_QUADRATIC);
		CU_ASSERT(f.solved);
		off[wild] = fabs(wattle_model_curve(&f.model, 200) - 100 * form_quadratic(0.5, &coef));
	}
	CU_ASSERT(off[1] < 0.7 * off[0]);
}

/* The cheap way to leave a cap out against the plain one. */
static void test_leave_one_out(void)
{
	uint64_t seed = 23;

	for (int round = 0; round < 2000; round++) {
		struct wattle_point point[12], rest[12];
		struct wattle_left_out out[12];
		uint32_t n = 4 + (uint32_t) (8 * random_unit(&seed));

		for (uint32_t i = 0; i < n; i++) {
			double x = (i + 0.5 * random_unit(&seed)) / n;

			point[i] = (struct wattle_point){ x, (random_unit(&seed) - 0.2) * x + random_unit(&seed) * x * x +
							  0.1 * random_unit(&seed), 1 + 3 * random_unit(&seed) };
		}
		CHECK_INT(wattle_curve_solve(point, n, &(struct wattle_curve){ .chisq = 0 }, out, NULL), 0);
		for (uint32_t i = 0; i < n; i++) {
			struct wattle_curve curve;
			uint32_t k = 0;

			for (uint32_t j = 0; j < n; j++)
				if (j != i)
					rest[k++] = point[j];
			CHECK_INT(wattle_curve_solve(rest, k, &curve, NULL, NULL), 0);
			CU_ASSERT_DOUBLE_EQUAL(out[i].predicted, curve.coef[0] + point[i].x * (curve.coef[1] + point[i].x * curve.coef[2]),
					       1e-7);
		}
	}
}

/* The active sets against a crude search around their answer: nothing feasible is better. */
static void test_optimum(void)
{
	uint64_t seed = 31;

	for (int round = 0; round < 2000; round++) {
		struct wattle_point point[8];
		struct wattle_curve curve;

		for (uint32_t i = 0; i < 8; i++)
			point[i] = (struct wattle_point){ i / 7.0, random_unit(&seed) * (round % 3 ? i / 7.0 : 1), 1 };
		CHECK_INT(wattle_curve_solve(point, 8, &curve, NULL, NULL), 0);
		CU_ASSERT(curve.coef[1] >= 0 && curve.coef[2] >= 0);
		for (int try = 0; try < 50; try++) {
			double step = pow(10, -1 - 4 * random_unit(&seed)), c[3], chisq = 0;

			for (int k = 0; k < 3; k++)
				c[k] = curve.coef[k] + step * (2 * random_unit(&seed) - 1);
			c[1] = fmax(0, c[1]);
			c[2] = fmax(0, c[2]);
			for (uint32_t i = 0; i < 8; i++)
				chisq += pow(point[i].s - c[0] - point[i].x * (c[1] + point[i].x * c[2]), 2);
			CU_ASSERT(chisq >= curve.chisq - 1e-12);
		}
	}
}

static void test_order_and_units(void)
{
	const struct form_coef coef = { 0.2, 0.3, 0 };
	uint64_t seed = 41;
	struct wattle_fit as_is, shuffled, scaled, inverse;

	sweep_make(&sweep, 110, 430, 8, form_hyperbolic, &coef);
	sweep_repeat(&sweep, 3, 0.01, &seed);
	as_is = fit(WATTLE_FORM_HYPERBOLIC);
	CU_ASSERT(as_is.usable);
	for (uint32_t i = sweep.n - 1; i > 0; i--) {
		uint32_t j = (uint32_t) (random_unit(&seed) * (i + 1));
		struct wattle_run swap = sweep.run[i];

		sweep.run[i] = sweep.run[j];
		sweep.run[j] = swap;
	}
	shuffled = fit(WATTLE_FORM_HYPERBOLIC);
	CHECK_INT(memcmp(&as_is.model, &shuffled.model, sizeof(as_is.model)), 0);
	for (uint32_t i = 0; i < sweep.n; i++)
		sweep.run[i].time_s /= 3.6e6; /* as if it were hours of milliseconds */
	scaled = fit(WATTLE_FORM_HYPERBOLIC);
	CU_ASSERT_DOUBLE_EQUAL(scaled.model.linear, as_is.model.linear, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(scaled.model.square, as_is.model.square, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(scaled.model.loo_error_pct, as_is.model.loo_error_pct, 1e-7);
	for (uint32_t i = 0; i < sweep.n; i++)
		sweep.run[i].cap_w *= 1000;
	inverse = fit(WATTLE_FORM_HYPERBOLIC);
	CU_ASSERT_DOUBLE_EQUAL(watts(&inverse, 10) / 1000, watts(&as_is, 10), 1e-6);
}

/* Published sweeps, which are not ours to ship. Coefficients by an independent fit of the same data. */
static void test_measured(void)
{
	static const struct { const char *file; double square, linear, offset, r2, watts[3]; } want[] = {
		{ "resnet50-96-fp16", .555389, 0, -.009655, .9508, { 162.7, 134.5, 100 } },
		{ "alexnet-768-fp16", .711239, 0, -.008086, .9694, { 172.8, 147.7, 111.1 } },
	};
	const char *folder = getenv("WATTLE_TEST_DATA");
	uint32_t tried = 0;

	for (size_t i = 0; folder && i < 2; i++) {
		char path[4096], text[4096];
		struct wattle_fit f;
		FILE *file;

		snprintf(path, sizeof(path), "%s/sweeps/%s.csv", folder, want[i].file);
		file = fopen(path, "re");
		if (!file)
			continue;
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
		CHECK_INT(wattle_sweep_parse(path, text, &sweep, NULL), 0);
		f = fit(WATTLE_FORM_QUADRATIC);
		CU_ASSERT(f.usable);
		CU_ASSERT_DOUBLE_EQUAL(f.model.square, want[i].square, 1e-4);
		CU_ASSERT_DOUBLE_EQUAL(f.model.linear, want[i].linear, 1e-4);
		CU_ASSERT_DOUBLE_EQUAL(f.model.offset, want[i].offset, 1e-4);
		CU_ASSERT_DOUBLE_EQUAL(f.model.r2, want[i].r2, 1e-4);
		for (int k = 0; k < 3; k++)
			CU_ASSERT_DOUBLE_EQUAL(watts(&f, 5 << k), want[i].watts[k], 0.5);
		CU_ASSERT(fit(WATTLE_FORM_HYPERBOLIC).model.loo_error_pct < 0.7);
		tried++;
	}
	if (tried < 2)
		printf("(skipped: WATTLE_TEST_DATA names no folder with sweeps/*.csv) ");
}

int main(void)
{
	static const struct test tests[] = {
		{ "finds GEOPM's quadratic again", test_quadratic },
		{ "survives nearly linear data", test_near_linear },
		{ "says how far off the other form is", test_linear_as_hyperbola },
		{ "finds the cap of least energy", test_least_energy },
		{ "refuses, and says why", test_refused },
		{ "refuses noise above effect", test_noise_above_effect },
		{ "sets outlying runs aside, and says so", test_outlying_runs },
		{ "weighs by spread", test_weights },
		{ "leaves one out like a refit", test_leave_one_out },
		{ "finds the optimum", test_optimum },
		{ "does not care for order and units", test_order_and_units },
		{ "agrees with published sweeps", test_measured },
		{ NULL, NULL },
	};

	return run_suite("fit", tests);
}
