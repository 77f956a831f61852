/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "carbon_account.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "forecast_read.h"
#include "runner.h"

#define T0 1767225600 /* 2026-01-01T00:00:00Z */
#define KWH 3.6e6

static struct wattle_forecast series(int64_t start_s, uint32_t slot_s, uint32_t n, double *value)
{
	return (struct wattle_forecast){ .dated = true, .start_s = start_s, .slot_s = slot_s, .n = n, .room = n, .value = value };
}

static struct wattle_carbon_account of(const struct wattle_forecast *first, const struct wattle_forecast *second)
{
	return (struct wattle_carbon_account){ .series = { first, second }, .n_series = second ? 2 : 1 };
}

static void test_whole_and_half_slots(void)
{
	double g[] = { 100, 200, 400 };
	struct wattle_forecast f = series(T0, 3600, 3, g);
	struct wattle_carbon_account a = of(&f, NULL);

	wattle_carbon_account_add(&a, T0, T0 + 3600, KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 100, 1e-9);
	/* half an hour of the first, the whole of the second, a quarter of the third */
	a = of(&f, NULL);
	wattle_carbon_account_add(&a, T0 + 1800, T0 + 1800 + 6300, 1.75 * KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 0.5 * 100 + 200 + 0.25 * 400, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(wattle_carbon_account_covered_pct(&a), 100, 1e-9);
	/* fractions of a second, and a moment */
	a = of(&f, NULL);
	wattle_carbon_account_add(&a, T0 + 3599.5, T0 + 3600.5, 2 * KWH);
	wattle_carbon_account_add(&a, T0 + 7200, T0 + 7200, KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 100 + 200 + 400, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(a.energy_j, 3 * KWH, 1e-3);
}

static void test_not_the_start_value(void)
{
	double g[] = { 100, 500 };
	struct wattle_forecast f = series(T0, 60, 2, g);
	struct wattle_carbon_account a = of(&f, NULL);

	/* idle while it is clean, busy while it is dirty */
	wattle_carbon_account_add(&a, T0, T0 + 60, 0.1 * KWH);
	wattle_carbon_account_add(&a, T0 + 60, T0 + 120, 0.9 * KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 10 + 450, 1e-9);
}

static void test_gaps(void)
{
	double g[] = { 100, NAN, 400 };
	struct wattle_forecast f = series(T0, 3600, 3, g);
	struct wattle_carbon_account a = of(&f, NULL);

	wattle_carbon_account_add(&a, T0 - 3600, T0 + 4 * 3600, 5 * KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 500, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(a.covered_j, 2 * KWH, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(wattle_carbon_account_covered_pct(&a), 40, 1e-9);
	/* the gap between the runs of a requeued job costs nothing */
	a = of(&f, NULL);
	wattle_carbon_account_add(&a, T0, T0 + 1800, KWH);
	wattle_carbon_account_add(&a, T0 + 7200, T0 + 9000, KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 500, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(wattle_carbon_account_covered_pct(&a), 100, 1e-9);
}

static void test_nothing_known(void)
{
	struct wattle_carbon_account a = { .n_series = 0 };

	CU_ASSERT_DOUBLE_EQUAL(wattle_carbon_account_covered_pct(&a), 100, 1e-9);
	wattle_carbon_account_add(&a, T0, T0 + 3600, KWH);
	CU_ASSERT(a.carbon_g == 0 && a.covered_j == 0 && wattle_carbon_account_covered_pct(&a) == 0);
}

static void test_measured_before_forecast(void)
{
	double measured[] = { 100, NAN }, forecast[] = { 900, 300, 300, 300, 300, 300 };
	struct wattle_forecast m = series(T0 + 3600, 3600, 2, measured), f = series(T0, 1800, 6, forecast);
	struct wattle_carbon_account a = of(&m, &f);

	/* an hour by the forecast's halves, one measured, and one that the forecast still knows */
	wattle_carbon_account_add(&a, T0, T0 + 3 * 3600, 3 * KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 0.5 * 900 + 0.5 * 300 + 100 + 300, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(a.by_j[0], KWH, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(a.by_j[1], 2 * KWH, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(wattle_carbon_account_covered_pct(&a), 100, 1e-9);
}

static void test_at_another_time(void)
{
	double g[] = { 400, 200, 100 };
	struct wattle_forecast f = series(T0, 3600, 3, g);
	struct wattle_carbon_account a = of(&f, NULL);

	a.shift_s = -7200;
	wattle_carbon_account_add(&a, T0 + 7200, T0 + 10800, KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 400, 1e-9);
}

/* Local time with its offsets, across the end of summer time in Berlin: 25 hours in that day. */
static void test_end_of_summer_time(void)
{
	char text[] = "time,carbon_intensity\n"
		      "2026-10-25T01:00:00+02:00,100\n2026-10-25T02:00:00+02:00,200\n2026-10-25T02:00:00+01:00,400\n"
		      "2026-10-25T03:00:00+01:00,800\n";
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	struct wattle_forecast f = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_carbon_account a;

	CHECK_INT(wattle_forecast_parse("dst", text, strlen(text), &wish, &f, &err), 0);
	a = of(&f, NULL);
	/* from 01:30 summer time to 03:30 winter time: three hours */
	wattle_carbon_account_add(&a, (double) f.start_s + 1800, (double) f.start_s + 1800 + 3 * 3600, 3 * KWH);
	CU_ASSERT_DOUBLE_EQUAL(a.carbon_g, 50 + 200 + 400 + 400, 1e-6);
	free(f.value);
}

static void test_hostile(void)
{
	double g[] = { 100 };
	struct wattle_forecast f = series(T0, 3600, 1, g);
	struct wattle_carbon_account a = of(&f, NULL);

	wattle_carbon_account_add(&a, T0 + 10, T0, KWH);
	wattle_carbon_account_add(&a, T0, T0 + 10, -1);
	wattle_carbon_account_add(&a, T0, T0 + 10, INFINITY);
	wattle_carbon_account_add(&a, T0, NAN, 1);
	wattle_carbon_account_add(&a, -INFINITY, T0, 1);
	wattle_carbon_account_add(&a, -1e30, 1e30, 1);
	CU_ASSERT(a.energy_j == 0 && a.carbon_g == 0);
	wattle_carbon_account_add(&a, -9e11, 9e11, KWH);
	CU_ASSERT(a.covered_j > 0 && a.covered_j < 1e-2 * KWH);
}

static const struct test tests[] = {
	{ "whole and half slots", test_whole_and_half_slots },
	{ "not the start value", test_not_the_start_value },
	{ "gaps in the intensity, and between runs", test_gaps },
	{ "nothing known", test_nothing_known },
	{ "measured before forecast", test_measured_before_forecast },
	{ "at another time", test_at_another_time },
	{ "the end of summer time", test_end_of_summer_time },
	{ "hostile numbers", test_hostile },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("carbon accounts", tests);
}
