/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times fits (microseconds) and inversions (nanoseconds), one a line: model_time REPEATS [DIR]. With a folder of
 * root's, lookups in the cache too. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fit/model_fit.h"
#include "profile.h"
#include "profile_cache.h"
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

/* From the cache, and once after each change of the file. The folder is argv's, root's. */
static int time_lookups(const char *dir, long n)
{
	static struct wattle_profile profile = { .name = "bench" };
	struct wattle_profile_cache *cache = wattle_profile_cache_open(dir);
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_scaling scaling;
	struct wattle_model model;
	struct wattle_fit fit;
	char path[4096];

	sweep_make(&profile.sweep, 100, 400, 7, form_hyperbolic, &(struct form_coef){ 0.2, 0.3, 0 });
	sweep_repeat(&profile.sweep, 3, 0.01, &(uint64_t){ 1 });
	snprintf(path, sizeof(path), "%s/bench.json", dir);
	if (!cache || wattle_model_fit(&profile.sweep, WATTLE_FORM_HYPERBOLIC, &fit, &err) < 0)
		return 1;
	profile.model = fit.model;
	for (long i = 0; i < n; i++) {
		double start;

		if (i % 10 == 0) {
			if (wattle_profile_write(path, &profile, &err) < 0)
				break;
			start = now_ns();
			if (wattle_profile_cache_find(cache, "bench", &model, &scaling, &err) < 0)
				break;
			printf("changed %.3f\n", (now_ns() - start) / 1000);
		}
		start = now_ns();
		for (int k = 0; k < BATCH; k++)
			if (wattle_profile_cache_find(cache, "bench", &model, &scaling, &err) < 0)
				break;
		printf("cached %.3f\n", (now_ns() - start) / BATCH);
	}
	if (err.code)
		fprintf(stderr, "%s\n", err.text);
	unlink(path);
	wattle_profile_cache_close(cache);
	return err.code != 0;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 100;

	time_fits("fit100", 100, 1, n);
	time_fits("fit20", 20, 5, n);
	time_watts("hyperbolic", WATTLE_FORM_HYPERBOLIC, n);
	time_watts("quadratic", WATTLE_FORM_QUADRATIC, n);
	return argc > 2 ? time_lookups(argv[2], n) : 0;
}
