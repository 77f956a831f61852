/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_METER_H
#define WATTLE_METER_H

/* Energy from counters that wrap. Fed with samples, at least one per half range of the counter
 * (range 262 kJ at 400 W: 10 minutes; we sample every second). Pure but for wattle_meter_follow, which reads sysfs. */

#include <stdbool.h>
#include <stdint.h>

#include "cap.h"
#include "err.h"
#include "slices.h"

struct wattle_meter {
	uint32_t n_zones;
	uint64_t last_uj[WATTLE_ZONES_MAX], range_uj[WATTLE_ZONES_MAX];
	uint64_t start_ns, last_ns;   /* of wattle_boottime_ns */
	uint64_t energy_uj;           /* sum over packages since start */
	double peak_w;                /* the highest mean power between two samples at least 0.5 s apart */
	uint64_t at_cap_ns;           /* time during which drawn power was within 5% of the package cap in force, or above */
	uint64_t capped_ns;           /* time with a cap in force */
	uint64_t over_ns;             /* time more than 5% above the cap: the cap was not held */
	uint64_t over_longest_ns;     /* the longest such time without a break */
	uint32_t n_samples, n_lost;   /* lost: a counter could not be read; its energy comes with the next reading that works */

	/* Power is judged (peak, at cap, over) over windows of at least 0.5 s: shorter ones show the counter's own grain. */
	uint64_t window_start_ns, window_uj, window_cap_uw; /* cap: the highest in force from its begin to its end, UINT64_MAX: none for a while */
	uint64_t over_run_ns;
	bool window_lost, last_lost;
	struct wattle_slices slices;  /* when the energy was drawn, from start_ns on */
};

/* Start with a meter of zeros: the first reading is the start. Advances by one reading at t_ns; cap_uw: package cap in force, 0 = none. Pure. */
void wattle_meter_feed(struct wattle_meter *meter, uint64_t t_ns, const struct wattle_zones *zones, uint64_t cap_uw);
/* Reads counters and limits, for one meter or several. *ret_cap_uw: the cap in force is the sum of the long_term limits, whoever set them. *zones, zeros at
 * first, keeps which zones there are, and only what moves is read again. An error: no counter can be read (then no zone has energy_present),
 * or some part can't. */
int wattle_meter_read(struct wattle_zones *zones, uint64_t *ret_cap_uw, struct wattle_err *err);
/* The same, and feeds them: the cap counts if `capped`. */
int wattle_meter_follow(struct wattle_meter *meter, struct wattle_zones *zones, bool capped, struct wattle_err *err);

#endif
