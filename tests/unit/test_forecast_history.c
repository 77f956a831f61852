/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histories that grow, and whether a new forecast may take the place of an old one. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carbon_judge.h"
#include "forecast_read.h"
#include "runner.h"

#define H 3600
#define T0 (1000 * H) /* an hour begins */

static struct wattle_forecast series(int64_t start_s, uint32_t slot_s, uint32_t n, const double *value)
{
	struct wattle_forecast f = { .zone = "Z", .unit = "gCO2/kWh", .signal = WATTLE_SIGNAL_AVERAGE, .dated = true, .issued_s = T0,
				     .start_s = start_s, .slot_s = slot_s, .n = n, .room = n + 8 };

	f.value = calloc(f.room, sizeof(*f.value));
	for (uint32_t i = 0; i < n; i++)
		f.value[i] = value ? value[i] : 100 + i;
	return f;
}

static void check_values(const struct wattle_forecast *f, int64_t start_s, uint32_t n, const double *value)
{
	CHECK_INT(f->start_s, start_s);
	CHECK_INT(f->n, n);
	for (uint32_t i = 0; i < n && i < f->n; i++)
		CU_ASSERT(isnan(value[i]) ? isnan(f->value[i]) : fabs(f->value[i] - value[i]) < 1e-9);
}

static int append(struct wattle_forecast *history, struct wattle_forecast newer, int64_t from_s, struct wattle_err *err)
{
	int rc = wattle_forecast_append(history, &newer, from_s, err);

	free(newer.value);
	return rc;
}

static void test_append(void)
{
	struct wattle_forecast history = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;

	/* holes at either end say nothing */
	CHECK_INT(append(&history, series(T0, H, 5, (double[]){ NAN, 1, NAN, 3, NAN }), INT64_MIN, &err), 0);
	check_values(&history, T0 + H, 3, (double[]){ 1, NAN, 3 });
	/* later values count, a hole hides nothing, what lies between is open */
	CHECK_INT(append(&history, series(T0 + 2 * H, H, 5, (double[]){ 20, NAN, 40, NAN, 60 }), INT64_MIN, &err), 0);
	check_values(&history, T0 + H, 6, (double[]){ 1, 20, 3, 40, NAN, 60 });
	CHECK_INT(append(&history, series(T0 - H, H, 1, (double[]){ 9 }), INT64_MIN, &err), 0);
	check_values(&history, T0 - H, 8, (double[]){ 9, NAN, 1, 20, 3, 40, NAN, 60 });
	CHECK_INT(append(&history, series(T0 + 10 * H, H, 1, (double[]){ 5 }), INT64_MIN, &err), 0);
	CHECK_INT(history.n, 12);
	CU_ASSERT(isnan(history.value[9]));
	free(history.value);
}

static void test_append_from(void)
{
	struct wattle_forecast history = series(T0, H, 4, NULL);
	struct wattle_err err = WATTLE_ERR_INIT;

	/* what was forecast for the past stays; the slot of now is still to come */
	CHECK_INT(append(&history, series(T0, H, 6, (double[]){ 1, 2, 3, 4, 5, 6 }), T0 + H + 1800, &err), 0);
	check_values(&history, T0, 6, (double[]){ 100, 2, 3, 4, 5, 6 });
	free(history.value);
}

static void test_append_slots(void)
{
	struct wattle_forecast history = series(T0, H, 2, NULL);
	struct wattle_err err = WATTLE_ERR_INIT;

	/* half hours become means, from the hour on; the half one at the end is left out */
	CHECK_INT(append(&history, series(T0 + H + 1800, 1800, 4, (double[]){ 7, 10, 20, 30 }), INT64_MIN, &err), 0);
	check_values(&history, T0, 3, (double[]){ 100, 101, 15 });
	CHECK_INT(append(&history, series(T0 + 4 * H, 2 * H, 1, (double[]){ 8 }), INT64_MIN, &err), 0);
	check_values(&history, T0, 6, (double[]){ 100, 101, 15, NAN, 8, 8 });
	/* what doesn't fit changes nothing */
	CHECK_INT(append(&history, series(T0, 1000, 4, NULL), INT64_MIN, &err), -EINVAL);
	CHECK_HOLDS(err.text, "don't fit into slots of 3600 s");
	CHECK_INT(append(&history, series(T0 + 60, H, 4, NULL), INT64_MIN, &err), -EINVAL);
	CHECK_INT(append(&history, series(T0, 1800, 1, NULL), INT64_MIN, &err), -EINVAL);
	history.signal = WATTLE_SIGNAL_MARGINAL;
	CHECK_INT(append(&history, series(T0, H, 1, NULL), INT64_MIN, &err), -EINVAL);
	CHECK_HOLDS(err.text, "it holds another signal, marginal, than this, average");
	check_values(&history, T0, 6, (double[]){ 100, 101, 15, NAN, 8, 8 });
	free(history.value);
}

static void test_append_bounds(void)
{
	const uint32_t most = WATTLE_FORECAST_HISTORY_S_MAX / H;
	struct wattle_forecast history = series(T0, H, most, NULL);
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(append(&history, series(T0 + (int64_t) most * H, H, 2, (double[]){ 1, 2 }), INT64_MIN, &err), 0);
	CHECK_INT(history.n, most);
	CHECK_INT(history.start_s, T0 + 2 * H);
	CU_ASSERT_DOUBLE_EQUAL(history.value[0], 102, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(history.value[most - 1], 2, 1e-9);
	/* a century later: no memory for the time between, and nothing that is too old */
	CHECK_INT(append(&history, series(T0 + INT64_C(876000) * H, H, 2, (double[]){ 3, 4 }), INT64_MIN, &err), 0);
	check_values(&history, T0 + INT64_C(876000) * H, 2, (double[]){ 3, 4 });
	free(history.value);
	history = series(T0, 300, 109999, NULL);
	CHECK_INT(append(&history, series(T0 + INT64_C(109999) * 300, 300, 3, NULL), INT64_MIN, &err), 0);
	CHECK_INT(history.n, WATTLE_FORECAST_SLOTS_MAX);
	free(history.value);
}

/* --- which forecast counts --------------------------------------------------------- */

static const struct carbon_rules rules = { .now_s = T0 + 600, .stale_after_s = 12 * H };

static void complete(struct wattle_forecast next, const struct wattle_forecast *last, const char *why, int64_t start_s, uint32_t n)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = carbon_complete(&next, last, &rules, &err);

	CHECK_INT(rc, why ? -EINVAL : 0);
	if (why)
		CHECK_HOLDS(err.text, why);
	if (!why && rc == 0) {
		CHECK_INT(next.start_s, start_s);
		CHECK_INT(next.n, n);
		CU_ASSERT(wattle_forecast_slot_at(&next, rules.now_s) >= 0);
		CHECK_INT(wattle_forecast_hole(&next, 0), n);
	}
	free(next.value);
}

static struct wattle_forecast issued(struct wattle_forecast f, int64_t at_s)
{
	f.issued_s = at_s;
	return f;
}

static void test_complete(void)
{
	complete(series(T0, H, 3, NULL), NULL, NULL, T0, 3);
	/* cut at a hole to come; of the past no more than a day, and none before a hole */
	complete(series(T0, H, 4, (double[]){ 1, 2, NAN, 4 }), NULL, NULL, T0, 2);
	complete(series(T0 - 3 * H, H, 5, (double[]){ 1, NAN, 3, 4, 5 }), NULL, NULL, T0 - H, 3);
	complete(series(T0 - 100 * H, H, 110, NULL), NULL, NULL, T0 - 24 * H, 34);
	complete(series(T0, H, 2, (double[]){ NAN, 1 }), NULL, "no value for now", 0, 0);
	/* the next hour, the next quarter of an hour, and later than that */
	complete(series(T0 + H, H, 2, NULL), NULL, NULL, T0, 3);
	complete(series(T0 + H, 900, 2, NULL), NULL, NULL, T0, 6);
	complete(series(T0 + 2 * H, H, 2, NULL), NULL, "it begins 1970-02-11T18:00:00Z only", 0, 0);
	complete(series(T0 - 3 * H, H, 3, NULL), NULL, "which is over", 0, 0);
	complete(issued(series(T0, H, 3, NULL), rules.now_s + 601), NULL, "in the future", 0, 0);
	complete(issued(series(T0, H, 3, NULL), rules.now_s - 12 * H), NULL, NULL, T0, 3);
	complete(issued(series(T0, H, 3, NULL), rules.now_s - 12 * H - 1), NULL, "12 hours ago: stale", 0, 0);
}

static void test_fill(void)
{
	struct wattle_forecast last = series(T0 - H, H, 5, (double[]){ 70, 71, 72, 73, 74 }), next = series(T0 + H, H, 1, (double[]){ 5 });
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(carbon_complete(&next, &last, &rules, &err), 0);
	check_values(&next, T0, 2, (double[]){ 71, 5 });
	free(next.value);
	/* one that is of no use any more is no use for that either */
	last.issued_s = 1;
	next = series(T0 + H, H, 1, (double[]){ 5 });
	CHECK_INT(carbon_complete(&next, &last, &rules, &err), 0);
	check_values(&next, T0, 2, (double[]){ 5, 5 });
	free(next.value);
	free(last.value);
}

static int compare(struct wattle_forecast next, struct wattle_forecast kept, const char *why)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = carbon_compare(&next, &kept, &rules, &err);

	if (why)
		CHECK_HOLDS(err.text, why);
	free(next.value);
	free(kept.value);
	return rc;
}

static void test_compare(void)
{
	struct wattle_forecast next = series(T0, H, 3, NULL), kept;

	CHECK_INT(carbon_compare(&next, NULL, &rules, NULL), 1);
	free(next.value);
	CHECK_INT(compare(series(T0, H, 3, NULL), series(T0, H, 3, NULL), NULL), 0);
	CHECK_INT(compare(series(T0, H, 3, (double[]){ 100, 101, 103 }), series(T0, H, 3, NULL), NULL), 1);
	CHECK_INT(compare(series(T0, H, 4, NULL), series(T0, H, 3, NULL), NULL), 1);
	CHECK_INT(compare(issued(series(T0, H, 3, NULL), T0 - 1), series(T0, H, 3, NULL), "older than the one we have"), -EINVAL);
	CHECK_INT(compare(issued(series(T0, H, 3, NULL), T0 + 1), series(T0, H, 4, NULL), "fewer hours"), -EINVAL);
	/* one that is stale, of a future clock, of another kind or over gives way to anything */
	CHECK_INT(compare(issued(series(T0, H, 3, NULL), T0 - 1), issued(series(T0, H, 4, NULL), rules.now_s - 12 * H - 1), NULL), 1);
	CHECK_INT(compare(series(T0, H, 3, NULL), issued(series(T0, H, 4, NULL), rules.now_s + 601), NULL), 1);
	CHECK_INT(compare(issued(series(T0, H, 3, NULL), T0 - 1), series(T0 - 9 * H, H, 9, NULL), NULL), 1);
	CHECK_INT(compare(series(T0, H, 3, NULL), issued(series(T0, H, 4, NULL), 0), NULL), 1);
	kept = series(T0, H, 4, NULL);
	kept.signal = WATTLE_SIGNAL_MARGINAL;
	CHECK_INT(compare(series(T0, H, 3, NULL), kept, NULL), 1);
	kept = series(T0, H, 4, NULL);
	strcpy(kept.zone, "Y");
	CHECK_INT(compare(series(T0, H, 3, NULL), kept, NULL), 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a history grows", test_append },
		{ "what was forecast stays", test_append_from },
		{ "slots of another length", test_append_slots },
		{ "bounded", test_append_bounds },
		{ "a forecast that covers now", test_complete },
		{ "the hour it is now", test_fill },
		{ "which forecast counts", test_compare },
		{ NULL, NULL },
	};

	return run_suite("forecast history", tests);
}
