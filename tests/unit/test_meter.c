/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meter.h"

#include <string.h>

#include "runner.h"

#define RANGE_UJ 262143328850u
#define S 1000000000u

static struct wattle_zones zones;
static struct wattle_meter meter;

static void start(uint64_t first_uj, uint64_t second_uj)
{
	memset(&meter, 0, sizeof(meter));
	memset(&zones, 0, sizeof(zones));
	zones.n = 2;
	for (unsigned i = 0; i < 2; i++) {
		zones.zone[i].energy_present = true;
		zones.zone[i].energy_range_uj = RANGE_UJ;
	}
	zones.zone[0].energy_uj = first_uj;
	zones.zone[1].energy_uj = second_uj;
	wattle_meter_feed(&meter, 1000 * (uint64_t) S, &zones, 0);
}

/* Both packages draw so many watts for so many seconds. */
static void draw(double each_w, double s, uint64_t cap_uw)
{
	for (unsigned i = 0; i < 2; i++)
		zones.zone[i].energy_uj = (zones.zone[i].energy_uj + (uint64_t) (each_w * s * 1e6)) % RANGE_UJ;
	wattle_meter_feed(&meter, meter.last_ns + (uint64_t) (s * S), &zones, cap_uw);
}

static void test_sum(void)
{
	start(5, 7);
	CHECK_INT(meter.energy_uj, 0);
	draw(100, 1, 0);
	draw(50, 2, 0);
	CHECK_INT(meter.energy_uj, 2 * (100 + 100) * 1000000LL);
	CHECK_INT(meter.capped_ns, 0);
	CHECK_INT(meter.n_samples, 3);
	CU_ASSERT_DOUBLE_EQUAL(meter.peak_w, 200, 1e-6);
}

static void test_slices(void)
{
	start(0, 0);
	draw(50, 0.5, 0);
	draw(100, 1, 0);
	draw(0, 1, 0);
	CHECK_INT(meter.slices.n, 3);
	CHECK_INT(meter.slices.slice_s, 1);
	CU_ASSERT_DOUBLE_EQUAL(meter.slices.j[0], 50 + 100, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(meter.slices.j[1], 100, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(meter.slices.j[2], 0, 1e-3);
	/* a day: a quarter of an hour each, and nothing is lost */
	for (int i = 0; i < 86400; i++)
		draw(i < 43200 ? 100 : 50, 1, 0);
	CHECK_INT(meter.slices.slice_s, 1024);
	CHECK_INT(meter.slices.n, 85);
	CU_ASSERT_DOUBLE_EQUAL(wattle_slices_sum(&meter.slices), (double) meter.energy_uj / 1e6, 1e-6 * (double) meter.energy_uj / 1e6);
	CU_ASSERT_DOUBLE_EQUAL(meter.slices.j[10], 200 * 1024, 200);
	CU_ASSERT_DOUBLE_EQUAL(meter.slices.j[70], 100 * 1024, 100);
	wattle_slices_coarsen(&meter.slices, 32);
	CHECK_INT(meter.slices.n, 22);
	CHECK_INT(meter.slices.slice_s, 4096);
}

static void test_slices_odd(void)
{
	struct wattle_slices s = { .n = 0 };

	wattle_slices_add(&s, 3, 2, 5);
	wattle_slices_add(&s, -1, 2, 5);
	wattle_slices_add(&s, 0, 2, -5);
	wattle_slices_add(&s, 0, 1e300, 5);
	wattle_slices_add(&s, 0, 1, 0.0 / 0.0);
	CHECK_INT(s.n, 0);
	wattle_slices_add(&s, 2, 2, 5);
	CHECK_INT(s.n, 3);
	CU_ASSERT_DOUBLE_EQUAL(wattle_slices_sum(&s), 5, 1e-6);
	wattle_slices_add(&s, 0, 128, 256);
	CHECK_INT(s.n, 128);
	CHECK_INT(s.slice_s, 1);
	wattle_slices_add(&s, 0, 3e8, 1);
	CU_ASSERT(s.n <= WATTLE_SLICES_MAX);
	CU_ASSERT_DOUBLE_EQUAL(wattle_slices_sum(&s), 262, 1e-3);
}

static void test_wrap(void)
{
	start(RANGE_UJ - 3000000, 0);
	draw(10, 1, 0);
	CHECK_INT(meter.energy_uj, 20000000);
	for (int i = 0; i < 3000; i++)
		draw(400, 1, 0); /* four times round */
	CHECK_INT(meter.energy_uj, 20000000LL + 3000LL * 800 * 1000000);
}

static void test_short_samples(void)
{
	start(0, 0);
	/* 10 ms of a spike is the counter's grain, not a peak */
	draw(5000, 0.01, 0);
	draw(50, 0.49, 0);
	CU_ASSERT_DOUBLE_EQUAL(meter.peak_w, 2 * (50 + 24.5) / 0.5, 1e-3);
}

static void test_cap(void)
{
	start(0, 0);
	draw(60, 1, 240000000);   /* half of it */
	draw(119, 1, 240000000);  /* at it */
	draw(123, 1, 240000000);  /* within 5% above */
	draw(130, 1, 240000000);  /* over */
	draw(130, 1, 240000000);
	draw(100, 1, 240000000);
	draw(130, 1, 240000000);
	draw(130, 1, 0);          /* no cap: neither */
	CHECK_INT(meter.capped_ns, 7LL * S);
	CHECK_INT(meter.at_cap_ns, 5LL * S);
	CHECK_INT(meter.over_ns, 3LL * S);
	CHECK_INT(meter.over_longest_ns, 2LL * S);
	CU_ASSERT_DOUBLE_EQUAL(meter.peak_w, 260, 1e-6);
}

static void test_cap_lowered_in_window(void)
{
	start(0, 0);
	draw(140, 0.25, 300000000);
	draw(100, 0.25, 200000000);
	/* 240 W over the window: below the cap that was in force in its first half */
	CHECK_INT(meter.over_ns, 0);
	CHECK_INT(meter.capped_ns, S / 2);
}

/* One sample a second, as steps take them: the watts drawn before the cap was lowered are in the window that ends under the lower one. */
static void test_cap_lowered_between_samples(void)
{
	start(0, 0);
	draw(90, 1, 280000000);
	draw(90, 1.25, 280000000);
	draw(60, 1.25, 80000000);
	CHECK_INT(meter.over_ns, 0);
	draw(39, 1.25, 80000000);
	CHECK_INT(meter.over_ns, 0);
	CHECK_INT(meter.at_cap_ns, 1250000000);
	draw(60, 1.25, 80000000);
	CHECK_INT(meter.over_longest_ns, 1250000000);
	/* raised: what was drawn may have been under the higher one */
	draw(90, 1.25, 280000000);
	CHECK_INT(meter.over_ns, 1250000000);
}

static void test_lost(void)
{
	start(0, 0);
	draw(100, 1, 200000000);
	zones.zone[1].energy_present = false;
	draw(100, 1, 200000000);
	CHECK_INT(meter.n_lost, 1);
	CHECK_INT(meter.energy_uj, 300000000);
	zones.zone[1].energy_present = true;
	draw(100, 1, 200000000);
	/* its energy came later; no peak is made of that */
	CHECK_INT(meter.energy_uj, 600000000);
	CU_ASSERT_DOUBLE_EQUAL(meter.peak_w, 200, 1e-6);
	CHECK_INT(meter.over_ns, 0);
	draw(120, 1, 0);
	CU_ASSERT_DOUBLE_EQUAL(meter.peak_w, 240, 1e-6);
}

static void test_zone_gone(void)
{
	start(0, 0);
	draw(100, 1, 0);
	zones.n = 1;
	draw(100, 1, 0);
	draw(100, 1, 0);
	CHECK_INT(meter.n_lost, 1);
	CHECK_INT(meter.energy_uj, 300000000);
}

static void test_clock_stands(void)
{
	start(0, 0);
	wattle_meter_feed(&meter, meter.last_ns, &zones, 0);
	wattle_meter_feed(&meter, meter.last_ns - 5, &zones, 0);
	CHECK_INT(meter.energy_uj, 0);
	CU_ASSERT_DOUBLE_EQUAL(meter.peak_w, 0, 1e-9);
}

int main(void)
{
	static const struct test tests[] = {
		{ "energy is the sum over packages", test_sum },
		{ "counters wrap", test_wrap },
	{ "when it was drawn", test_slices },
	{ "slices that can't be", test_slices_odd },
		{ "peaks are over half a second", test_short_samples },
		{ "time capped, at the cap, over it", test_cap },
		{ "cap lowered within a window", test_cap_lowered_in_window },
		{ "a cap lowered between samples", test_cap_lowered_between_samples },
		{ "a counter that can't be read for a while", test_lost },
		{ "a zone that goes away", test_zone_gone },
		{ "a clock that does not advance", test_clock_stands },
		{ NULL, NULL },
	};

	return run_suite("meter", tests);
}
