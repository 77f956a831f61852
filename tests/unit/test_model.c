/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The slowdown model: predict, invert, refuse. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model.h"
#include "runner.h"
#include "sweeps.h"

static const struct wattle_model published = {
	.form = WATTLE_FORM_QUADRATIC, .linear = 0.1, .square = 0.8, .offset = 0, .cap_min_w = 300, .cap_max_w = 1200,
	.time_min_s = 60, .r2 = 1, .loo_error_pct = 0, .n_caps = 7, .n_runs = 7,
};

static double watts(const struct wattle_model *m, double pct)
{
	struct wattle_model_watts found = { 0, 0, WATTLE_CLAMP_NONE };
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_model_watts(m, pct, 0, 0, &found, &err), 0);
	return found.watts_w;
}

static void test_published(void)
{
	static const double want[][2] = { { 5, 965.8 }, { 10, 844.2 }, { 20, 670.3 }, { 50, 323.4 } };

	for (size_t i = 0; i < 4; i++)
		CU_ASSERT_DOUBLE_EQUAL(watts(&published, want[i][0]), want[i][1], 0.05);
}

/* Where the schoolbook root cancels: from no square at all to one that is barely there. */
static void test_near_linear(void)
{
	static const double squares[] = { 0, 1e-300, 1e-18, 1e-15, 1e-12, 1e-9, 1e-7 };
	static const double want[][2] = { { 5, 1140 }, { 10, 1080 }, { 20, 960 }, { 50, 600 } };

	for (size_t s = 0; s < sizeof(squares) / sizeof(squares[0]); s++) {
		struct wattle_model m = published;

		m.linear = 1;
		m.square = squares[s];
		for (size_t i = 0; i < 4; i++)
			CU_ASSERT_DOUBLE_EQUAL(watts(&m, want[i][0]), want[i][1], 1e-3);
	}
}

static void test_there_and_back(void)
{
	uint64_t seed = 7;

	for (int i = 0; i < 20000; i++) {
		struct wattle_model m = published;
		struct wattle_model_watts found;
		double pct = 0, cap_w;

		m.form = i % 2 ? WATTLE_FORM_HYPERBOLIC : WATTLE_FORM_QUADRATIC;
		m.linear = random_unit(&seed) < 0.2 ? 0 : random_unit(&seed);
		m.square = random_unit(&seed) < 0.2 ? 0 : 2 * random_unit(&seed);
		m.offset = 0.1 * random_unit(&seed) - 0.05;
		m.cap_max_w = 50 + 1000 * random_unit(&seed);
		m.cap_min_w = m.cap_max_w * (0.2 + 0.6 * random_unit(&seed));
		if (m.linear + m.square < 1e-3)
			continue;
		CHECK_INT(wattle_model_check(&m, NULL), 0);
		cap_w = m.cap_min_w + (m.cap_max_w - m.cap_min_w) * random_unit(&seed);
		CHECK_INT(wattle_model_slowdown(&m, cap_w, &pct, NULL), 0);
		if (pct < 0)
			continue;
		CHECK_INT(wattle_model_watts(&m, pct, 0, 0, &found, NULL), 0);
		CU_ASSERT_DOUBLE_EQUAL(found.slowdown_pct, pct, 1e-9 * (1 + pct));
		/* a flat start, linear 0, leaves the root of a rounding error between the two */
		CU_ASSERT_DOUBLE_EQUAL(found.watts_w, cap_w, 1e-4 * cap_w);
	}
}

static void test_tighter_is_never_less(void)
{
	uint64_t seed = 11;

	for (int i = 0; i < 20000; i++) {
		struct wattle_model m = published;
		struct wattle_model_watts loose, tight;
		double pct = 60 * random_unit(&seed), floor_w = 1300 * random_unit(&seed), ceiling_w = 1300 * random_unit(&seed);
		int rc;

		m.form = i % 2 ? WATTLE_FORM_HYPERBOLIC : WATTLE_FORM_QUADRATIC;
		m.linear = random_unit(&seed) < 0.2 ? 0 : random_unit(&seed);
		m.square = 0.01 + random_unit(&seed);
		m.offset = 0.1 * random_unit(&seed) - 0.05;
		rc = wattle_model_watts(&m, pct, floor_w, ceiling_w, &loose, NULL);
		CHECK_INT(wattle_model_watts(&m, pct * random_unit(&seed), floor_w, ceiling_w, &tight, NULL), rc);
		if (rc < 0)
			continue;
		CU_ASSERT(tight.watts_w >= loose.watts_w);
		CU_ASSERT(loose.watts_w >= m.cap_min_w && loose.watts_w <= m.cap_max_w);
		CU_ASSERT(loose.watts_w >= fmin(floor_w, m.cap_max_w) && loose.watts_w <= fmax(ceiling_w, m.cap_min_w));
	}
}

static void test_clamps(void)
{
	struct wattle_model m = published;
	struct wattle_model_watts found;
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_model_watts(&m, 90, 0, 0, &found, &err), 0);
	CHECK_INT(found.clamped, WATTLE_CLAMP_RANGE_MIN);
	CU_ASSERT_DOUBLE_EQUAL(found.watts_w, 300, 0);
	CU_ASSERT_DOUBLE_EQUAL(found.slowdown_pct, 52.5, 1e-9);
	CHECK_INT(wattle_model_watts(&m, 20, 700, 0, &found, &err), 0);
	CHECK_INT(found.clamped, WATTLE_CLAMP_FLOOR);
	CU_ASSERT_DOUBLE_EQUAL(found.watts_w, 700, 0);
	CHECK_INT(wattle_model_watts(&m, 5, 0, 800, &found, &err), 0);
	CHECK_INT(found.clamped, WATTLE_CLAMP_CEILING);
	CU_ASSERT_DOUBLE_EQUAL(found.watts_w, 800, 0);
	CU_ASSERT(found.slowdown_pct > 5);
	/* a ceiling above the need, a floor below it */
	CHECK_INT(wattle_model_watts(&m, 10, 400, 1000, &found, &err), 0);
	CHECK_INT(found.clamped, WATTLE_CLAMP_NONE);
	CU_ASSERT_DOUBLE_EQUAL(found.slowdown_pct, 10, 1e-9);
	m.offset = 0.07;
	CHECK_INT(wattle_model_watts(&m, 5, 0, 0, &found, &err), 0);
	CHECK_INT(found.clamped, WATTLE_CLAMP_RANGE_MAX);
	CU_ASSERT_DOUBLE_EQUAL(found.watts_w, 1200, 0);
	CHECK_HOLDS(wattle_clamp_text(found.clamped), "can't be kept");
}

static void test_outside(void)
{
	struct wattle_model_watts found = { -1, -1, WATTLE_CLAMP_NONE };
	struct wattle_err err = WATTLE_ERR_INIT;
	double pct = -1;

	CHECK_INT(wattle_model_slowdown(&published, 1250, &pct, &err), -ERANGE);
	CHECK_HOLDS(err.text, "300 to 1200 W");
	CHECK_INT(wattle_model_slowdown(&published, 299, &pct, &err), -ERANGE);
	CHECK_INT(wattle_model_slowdown(&published, NAN, &pct, &err), -ERANGE);
	CU_ASSERT(pct == -1);
	CHECK_INT(wattle_model_watts(&published, 5, 0, 200, &found, &err), -ERANGE);
	CHECK_HOLDS(err.text, "300 and 1200 W");
	CHECK_INT(wattle_model_watts(&published, 5, 1300, 0, &found, &err), -ERANGE);
	CHECK_INT(wattle_model_watts(&published, NAN, 0, 0, &found, &err), -EINVAL);
	CHECK_INT(wattle_model_watts(&published, -1, 0, 0, &found, &err), -EINVAL);
	CU_ASSERT(found.watts_w == -1);
}

static void refused(struct wattle_model m, const char *why)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CU_ASSERT(wattle_model_check(&m, &err) < 0);
	CHECK_HOLDS(err.text, why);
}

#define REFUSED(field, value, why) \
	do { \
		struct wattle_model m_ = published; \
		m_.field = (value); \
		refused(m_, why); \
	} while (0)

static void test_check(void)
{
	CHECK_INT(wattle_model_check(&published, NULL), 0);
	REFUSED(form, (enum wattle_form) 7, "hyperbolic or quadratic");
	REFUSED(linear, -0.1, "coefficients");
	REFUSED(square, NAN, "coefficients");
	REFUSED(square, INFINITY, "coefficients");
	REFUSED(linear, 1e7, "coefficients");
	REFUSED(offset, -1e7, "coefficients");
	REFUSED(cap_min_w, 0, "range of caps");
	REFUSED(cap_min_w, 1200, "range of caps");
	REFUSED(cap_min_w, -5, "range of caps");
	REFUSED(cap_max_w, 1e12, "range of caps");
	REFUSED(cap_max_w, NAN, "range of caps");
	REFUSED(time_min_s, -1, "run time");
	REFUSED(n_caps, 3, "at least 4 caps");
	REFUSED(n_runs, 3, "at least 4 caps");
	REFUSED(r2, 0.79, "R2 is 0.79");
	REFUSED(r2, NAN, "R2");
	REFUSED(r2, 1.01, "R2");
	REFUSED(loo_error_pct, NAN, "leave-one-cap-out");
	struct wattle_model flat = published;

	flat.linear = flat.square = 0;
	refused(flat, "makes no difference");
}

int main(void)
{
	static const struct test tests[] = {
		{ "gives the published watts", test_published },
		{ "survives nearly linear data", test_near_linear },
		{ "inverts what it predicts", test_there_and_back },
		{ "never lowers watts for a tighter target", test_tighter_is_never_less },
		{ "clamps and says so", test_clamps },
		{ "refuses what was not measured", test_outside },
		{ "checks models", test_check },
		{ NULL, NULL },
	};

	return run_suite("model", tests);
}
