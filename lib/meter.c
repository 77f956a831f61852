/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meter.h"

#include <errno.h>

#include "proc.h"

#define WINDOW_NS 500000000u
#define AT_CAP 0.95
#define OVER_CAP 1.05

/* The counter's last value before it wraps is its range (kernel: max_energy_range_uj). */
static uint64_t advance_uj(uint64_t last_uj, uint64_t now_uj, uint64_t range_uj)
{
	if (now_uj >= last_uj)
		return now_uj - last_uj;
	return range_uj > last_uj ? range_uj - last_uj + now_uj : now_uj;
}

static void count_cap(struct wattle_meter *meter, uint64_t cap_uw)
{
	if (!cap_uw)
		meter->window_cap_uw = UINT64_MAX;
	else if (cap_uw > meter->window_cap_uw)
		meter->window_cap_uw = cap_uw;
}

/* The cap that the last window ended under was in force when this one began, and nobody knows for how long. */
static void open_window(struct wattle_meter *meter, uint64_t t_ns, uint64_t cap_uw)
{
	meter->window_start_ns = t_ns;
	meter->window_uj = 0;
	meter->window_cap_uw = 0;
	meter->window_lost = false;
	count_cap(meter, cap_uw);
}

static void judge_window(struct wattle_meter *meter, uint64_t t_ns, uint64_t cap_uw)
{
	uint64_t ns = t_ns - meter->window_start_ns;
	double drawn_w = (double) meter->window_uj * 1e3 / (double) ns; /* uJ/ns = 1000 W */
	double cap_w = (double) meter->window_cap_uw / 1e6;
	bool capped = meter->window_cap_uw != 0 && meter->window_cap_uw != UINT64_MAX;

	if (!meter->window_lost && drawn_w > meter->peak_w)
		meter->peak_w = drawn_w;
	if (capped && !meter->window_lost && drawn_w >= AT_CAP * cap_w)
		meter->at_cap_ns += ns;
	if (capped && !meter->window_lost && drawn_w > OVER_CAP * cap_w) {
		meter->over_ns += ns;
		meter->over_run_ns += ns;
		if (meter->over_run_ns > meter->over_longest_ns)
			meter->over_longest_ns = meter->over_run_ns;
	} else {
		meter->over_run_ns = 0;
	}
	open_window(meter, t_ns, cap_uw);
}

static void take_counters(struct wattle_meter *meter, const struct wattle_zones *zones)
{
	meter->n_zones = zones->n;
	for (uint32_t i = 0; i < zones->n; i++) {
		meter->range_uj[i] = zones->zone[i].energy_present ? zones->zone[i].energy_range_uj : 0;
		meter->last_uj[i] = zones->zone[i].energy_uj;
	}
}

void wattle_meter_feed(struct wattle_meter *meter, uint64_t t_ns, const struct wattle_zones *zones, uint64_t cap_uw)
{
	uint64_t gained_uj = 0, dt_ns;
	bool lost = false;

	if (meter->n_samples++ == 0) {
		meter->start_ns = meter->last_ns = t_ns;
		take_counters(meter, zones);
		open_window(meter, t_ns, cap_uw);
		return;
	}
	if (zones->n != meter->n_zones) {
		/* A zone came or went: which counter is which is no longer known. */
		take_counters(meter, zones);
		lost = true;
	} else for (uint32_t i = 0; i < zones->n; i++) {
		const struct wattle_zone *zone = &zones->zone[i];

		if (!zone->energy_present) {
			lost = true;
			continue;
		}
		if (meter->range_uj[i] != 0)
			gained_uj += advance_uj(meter->last_uj[i], zone->energy_uj, zone->energy_range_uj);
		else
			lost = true; /* seen for the first time */
		meter->last_uj[i] = zone->energy_uj;
		meter->range_uj[i] = zone->energy_range_uj;
	}
	dt_ns = t_ns > meter->last_ns ? t_ns - meter->last_ns : 0;
	wattle_slices_add(&meter->slices, (double) (t_ns - dt_ns - meter->start_ns) / 1e9, (double) (t_ns - meter->start_ns) / 1e9,
			  (double) gained_uj / 1e6);
	meter->last_ns = t_ns;
	meter->energy_uj += gained_uj;
	if (cap_uw)
		meter->capped_ns += dt_ns;
	if (lost)
		meter->n_lost++;

	/* Energy of a lost reading comes with the next one: neither window can be judged. */
	meter->window_lost |= lost || meter->last_lost;
	meter->last_lost = lost;
	meter->window_uj += gained_uj;
	count_cap(meter, cap_uw);
	if (t_ns >= meter->window_start_ns + WINDOW_NS)
		judge_window(meter, t_ns, cap_uw);
}

/* The cap in force is what the zones' long-term limits say now, whoever wrote them. */
static uint64_t cap_in_force_uw(const struct wattle_zones *zones)
{
	uint64_t sum_uw = 0;

	for (uint32_t i = 0; i < zones->n; i++)
		if (zones->zone[i].limit[0].present)
			sum_uw += zones->zone[i].limit[0].now_uw;
	return sum_uw;
}

/* What could not be read is not known to be absent: next time everything is looked at anew. */
static void look_anew(struct wattle_zones *zones)
{
	for (uint32_t i = 0; i < zones->n; i++)
		if (!zones->zone[i].energy_present || zones->zone[i].limit[0].error)
			zones->stale = true;
}

static bool has_energy(const struct wattle_zones *zones)
{
	bool energy = false;

	for (uint32_t i = 0; i < zones->n; i++)
		energy |= zones->zone[i].energy_present;
	return energy;
}

int wattle_meter_read(struct wattle_zones *zones, uint64_t *ret_cap_uw, struct wattle_err *err)
{
	int rc = 0;

	if (zones->n == 0 || zones->stale)
		rc = wattle_zones_read_parts(zones, WATTLE_READ_ENERGY, err);
	else
		wattle_zones_refresh(zones);
	zones->stale = false;
	look_anew(zones);
	*ret_cap_uw = cap_in_force_uw(zones);
	if (!has_energy(zones))
		return rc < 0 ? rc : wattle_err_set(err, ENODATA, "no package zone has an energy counter that can be read");
	/* Zones without limits (-ENODEV) still count joules. */
	return rc == -ENODEV ? 0 : rc;
}

int wattle_meter_follow(struct wattle_meter *meter, struct wattle_zones *zones, bool capped, struct wattle_err *err)
{
	uint64_t cap_uw;
	int rc = wattle_meter_read(zones, &cap_uw, err);

	/* One bad file does not spoil the others. */
	if (!has_energy(zones))
		meter->n_lost++;
	else
		wattle_meter_feed(meter, wattle_boottime_ns(), zones, capped ? cap_uw : 0);
	return rc;
}
