/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CAP_H
#define WATTLE_CAP_H

/* The fourth stage, hardware: package power limits through libpowercap's sysfs calls (stateless; the powercap_rapl_*
 * ones fail on machines with a peak_power constraint). Zones are found by name (package-N): a zone's index is no
 * socket number. Every write is read back. Threads: callers serialise by the lease book's lock. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_ZONES_MAX 64
#define WATTLE_CONSTRAINTS 2 /* 0 long_term, 1 short_term */

struct wattle_limit {
	bool present;      /* the constraint exists and could be read */
	int error;         /* it exists and can't be read: -errno; else 0 */
	uint64_t max_uw;   /* the constraint's max_power_uw, 0: the hardware does not say */
	uint64_t now_uw;   /* as read */
};

struct wattle_zone {
	char control[32];        /* "intel-rapl" */
	uint32_t index;          /* zone index below it */
	char name[32];           /* "package-0": the zone's identity in books and messages; "intel-rapl:1" if its name can't be read */
	struct wattle_limit limit[WATTLE_CONSTRAINTS];
	bool disabled;           /* its `enabled` says 0: limits can be written and don't bind (or the BIOS has locked them) */
	bool energy_present;
	uint64_t energy_uj, energy_range_uj;
};

struct wattle_zones {
	uint32_t n;
	bool stale; /* of a meter: which zones there are is to be found out anew */
	struct wattle_zone zone[WATTLE_ZONES_MAX]; /* sorted by name */
};

/* Finds the package zones (names "package-…") of the first control type that has any: intel-rapl, else intel-rapl-mmio, and
 * reads their limits. Where both exist they are two doors to the same package and the lower limit holds, so one is enough.
 * -ENODEV: no package zone with a limit (AMD, a virtual machine, no module): err says so plainly. A zone that exists and
 * can't be read: -EIO/-EACCES/-ENODATA, err names the first. *ret always holds what could be read: zones that are there
 * with limits that are not have limit[].error set. */
int wattle_zones_read(struct wattle_zones *ret, struct wattle_err *err);
/* The same, with only those parts beside the limits: each is a file a zone, which is what a hook's time goes into. What was not read
 * is as if the hardware did not say. */
#define WATTLE_READ_ENABLED 1u /* disabled */
#define WATTLE_READ_MAX 2u     /* limit[].max_uw */
#define WATTLE_READ_ENERGY 4u  /* energy_uj, energy_range_uj */
int wattle_zones_read_parts(struct wattle_zones *ret, unsigned parts, struct wattle_err *err);
/* Reads counters and long_term limits of zones found before once more; a zone that is gone has energy_present false. */
void wattle_zones_refresh(struct wattle_zones *zones);

/* Writes one limit and reads it back. On success *ret_read_uw is what the zone holds now, within the hardware's grain of wanted_uw
 * (WATTLE_CAP_TOLERANCE_UW). -EACCES (BIOS lock?), -EIO, …, or -EREMOTEIO: the write was taken and the zone reads another value;
 * then *ret_read_uw says which (0 if it can't be read). err names zone, wanted and read. */
#define WATTLE_CAP_TOLERANCE_UW 250000u
int wattle_limit_write(const struct wattle_zone *zone, uint32_t constraint, uint64_t wanted_uw, uint64_t *ret_read_uw,
		       struct wattle_err *err);

/* Splits a node's package watts evenly over n zones, no zone above its ceiling_uw: what one can't take goes to the others. */
void wattle_cap_split(uint64_t total_uw, uint32_t n, const uint64_t *ceiling_uw, uint64_t *ret_uw);

#endif
