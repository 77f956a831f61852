/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties of fits, over many sweeps. */
#include <math.h>
#include <string.h>

#include "fit/model_fit.h"
#include "runner.h"
#include "sweeps.h"

static struct wattle_sweep sweep; /* large */

/* Noise-free data of either form is predicted at every cap, measured or not. */
static void test_reproduces(void)
{
	uint64_t seed = 101;

	for (int round = 0; round < 5000; round++) {
		enum wattle_form form = round % 2 ? WATTLE_FORM_HYPERBOLIC : WATTLE_FORM_QUADRATIC;
		struct form_coef coef = { random_unit(&seed) < 0.2 ? 0 : random_unit(&seed),
					  random_unit(&seed) < 0.2 ? 0 : 2 * random_unit(&seed), 0 };
		double high_w = 50 + 2000 * random_unit(&seed), low_w = high_w * (0.2 + 0.6 * random_unit(&seed));
		double (*truth)(double, const void *) = form == WATTLE_FORM_HYPERBOLIC ? form_hyperbolic : form_quadratic;
		struct wattle_fit f;

		if (truth(1 - low_w / high_w, &coef) < 0.011)
			continue;
		sweep_make(&sweep, low_w, high_w, 4 + (uint32_t) (10 * random_unit(&seed)), truth, &coef);
		CHECK_INT(wattle_model_fit(&sweep, form, &f, NULL), 0);
		CU_ASSERT(f.usable);
		CU_ASSERT(f.model.r2 > 1 - 1e-9 && f.model.loo_error_pct < 1e-5);
		for (int k = 0; k < 10; k++) {
			double cap_w = low_w + (high_w - low_w) * random_unit(&seed), pct = -1, want = 100 * truth(1 - cap_w / high_w, &coef);

			CHECK_INT(wattle_model_slowdown(&f.model, cap_w, &pct, NULL), 0);
			CU_ASSERT_DOUBLE_EQUAL(pct, want, 1e-6);
		}
	}
}

static double wild(uint64_t *seed)
{
	double kind = random_unit(seed);

	if (kind < 0.1)
		return 1e-9 * random_unit(seed);
	if (kind < 0.2)
		return 1e8 * random_unit(seed);
	return exp(6 * random_unit(seed) - 2);
}

/* Sweeps from sober to absurd. */
static void make_random(uint64_t *seed)
{
	double kind = random_unit(seed), caps = 1 + floor(12 * random_unit(seed));
	struct form_coef coef = { 2 * random_unit(seed) - 0.5, 2 * random_unit(seed) - 0.5, 0 };

	if (kind < 0.5) {
		double high_w = 10 + 2000 * random_unit(seed);

		sweep_make(&sweep, high_w * (0.05 + 0.9 * random_unit(seed)), high_w, (uint32_t) caps + 1,
			   kind < 0.25 ? form_quadratic : form_hyperbolic, &coef);
		sweep_repeat(&sweep, 1 + (uint32_t) (4 * random_unit(seed)), 0.3 * random_unit(seed) * random_unit(seed), seed);
	} else {
		sweep.n = (uint32_t) (1 + 20 * random_unit(seed));
		for (uint32_t i = 0; i < sweep.n; i++)
			sweep.run[i] = (struct wattle_run){ kind < 0.6 ? 0.001 + wild(seed) : 50 * (1 + floor(caps * random_unit(seed))),
							    kind < 0.7 ? 1e-12 + wild(seed) : 1 + random_unit(seed), 0 };
	}
	sweep.relative = random_unit(seed) < 0.5;
	for (uint32_t i = 0; i < sweep.n; i++)
		sweep.run[i].time_s = fmin(1e9, fmax(1e-12, sweep.run[i].time_s));
}

static void check_fit(const struct wattle_fit *f, uint64_t *seed)
{
	double last_w = INFINITY;

	CU_ASSERT(!f->solved || (isfinite(f->model.linear) && isfinite(f->model.square) && isfinite(f->model.offset)));
	CU_ASSERT(!f->solved || (f->model.linear >= 0 && f->model.square >= 0));
	CU_ASSERT(!f->has_loo || isfinite(f->model.loo_error_pct));
	CU_ASSERT(f->usable == (f->why[0] == '\0'));
	if (!f->usable)
		return;
	CHECK_INT(wattle_model_check(&f->model, NULL), 0);
	for (double pct = 0.1 + random_unit(seed); pct < 300; pct *= 1 + random_unit(seed)) {
		struct wattle_model_watts w = { NAN, NAN, WATTLE_CLAMP_NONE };

		CHECK_INT(wattle_model_watts(&f->model, pct, 0, 0, &w, NULL), 0);
		CU_ASSERT(w.watts_w >= f->model.cap_min_w && w.watts_w <= f->model.cap_max_w);
		CU_ASSERT(w.watts_w <= last_w);
		CU_ASSERT(isfinite(w.slowdown_pct));
		CU_ASSERT(w.clamped != WATTLE_CLAMP_NONE || w.slowdown_pct <= pct * (1 + 1e-6) + 1e-9);
		last_w = w.watts_w;
	}
}

static void test_random(void)
{
	uint64_t seed = 2026;
	uint32_t usable = 0, refused = 0;

	for (int round = 0; round < 100000; round++) {
		struct wattle_fit f;

		make_random(&seed);
		if (wattle_sweep_check(&sweep, NULL) < 0)
			continue;
		CHECK_INT(wattle_model_fit(&sweep, round % 2 ? WATTLE_FORM_HYPERBOLIC : WATTLE_FORM_QUADRATIC, &f, NULL), 0);
		check_fit(&f, &seed);
		usable += f.usable;
		refused += !f.usable;
	}
	/* both happen often enough that both were tried */
	CU_ASSERT(usable > 5000);
	CU_ASSERT(refused > 5000);
}

int main(void)
{
	static const struct test tests[] = {
		{ "reproduces noise-free data of either form", test_reproduces },
		{ "gives no NaN and no watts out of range, 100,000 times", test_random },
		{ NULL, NULL },
	};

	return run_suite("fit random", tests);
}
