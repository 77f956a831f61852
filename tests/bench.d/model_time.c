/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times fits (microseconds) and inversions (nanoseconds), one a line: model_time REPEATS */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fit/model_fit.h"
#include "sweeps.h"

#define BATCH 1000

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return 1e9 * (double) ts.tv_sec + (double) ts.tv_nsec;
}

static struct wattle_sweep sweep;

static void time_fits(const char *name, uint32_t caps, uint32_t repeats, long n)
{
	const struct form_coef coef = { 0.2, 0.3, 0 };
	struct wattle_fit fit = { .usable = false };

	sweep_make(&sweep, 100, 400, caps, form_hyperbolic, &coef);
	sweep_repeat(&sweep, repeats, 0.01, &(uint64_t){ 1 });
	for (long i = 0; i < n; i++) {
		double start = now_ns();

		if (wattle_model_fit(&sweep, WATTLE_FORM_HYPERBOLIC, &fit, NULL) < 0 || !fit.usable) {
			fprintf(stderr, "the fit failed: %s\n", fit.why);
			exit(1);
		}
		printf("%s %.3f\n", name, (now_ns() - start) / 1000);
	}
}

static void time_watts(const char *name, enum wattle_form form, long n)
{
	const struct wattle_model model = { .form = form, .linear = 0.2, .square = 0.3, .offset = 0.001, .cap_min_w = 100,
					    .cap_max_w = 400, .r2 = 1, .n_caps = 6, .n_runs = 6 };
	double sum = 0;

	for (long i = 0; i < n; i++) {
		double start = now_ns();

		for (int k = 0; k < BATCH; k++) {
			struct wattle_model_watts watts = { 0, 0, WATTLE_CLAMP_NONE };

			wattle_model_watts(&model, 1 + k * 0.03, 0, 0, &watts, NULL);
			sum += watts.watts_w;
		}
		printf("%s %.3f\n", name, (now_ns() - start) / BATCH);
	}
	/* used, so that it is computed */
	if (!(sum > 0))
		exit(1);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 100;

	time_fits("fit100", 100, 1, n);
	time_fits("fit20", 20, 5, n);
	time_watts("hyperbolic", WATTLE_FORM_HYPERBOLIC, n);
	time_watts("quadratic", WATTLE_FORM_QUADRATIC, n);
	return 0;
}
