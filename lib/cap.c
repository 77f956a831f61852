/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cap.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <powercap/powercap-sysfs.h>

#define POWERCAP_DIR "/sys/class/powercap" /* what libpowercap has compiled in; it has no call that lists zones */

static const char *const CONSTRAINT_NAME[WATTLE_CONSTRAINTS] = { "long_term", "short_term" };

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* "intel-rapl:1f" is zone 0x1f: the kernel numbers in hex. */
static bool zone_index(const char *entry, const char *control, uint32_t *ret)
{
	size_t len = strlen(control);
	unsigned long index;
	char *end;

	if (strncmp(entry, control, len) != 0 || entry[len] != ':' || !entry[len + 1])
		return false;
	index = strtoul(entry + len + 1, &end, 16);
	if (*end || index > UINT32_MAX)
		return false;
	*ret = (uint32_t) index;
	return true;
}

/* A name goes into books and messages as it is: nothing but a plain word is taken. */
static bool plain_name(const char *name)
{
	return *name && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")] == '\0';
}

static int read_name(struct wattle_zone *zone)
{
	char name[sizeof(zone->name)] = "";
	ssize_t n = powercap_sysfs_zone_get_name(zone->control, &zone->index, 1, name, sizeof(name));

	if (n < 0)
		return (int) n;
	name[sizeof(name) - 1] = '\0';
	if (!plain_name(name))
		return -EIO;
	memcpy(zone->name, name, sizeof(name));
	return 0;
}

static void read_limit(struct wattle_zone *zone, uint32_t constraint, bool max)
{
	struct wattle_limit *limit = &zone->limit[constraint];
	int rc = powercap_sysfs_constraint_get_power_limit_uw(zone->control, &zone->index, 1, constraint, &limit->now_uw);

	limit->present = rc == 0;
	/* A constraint that is not there is no error: many parts have one alone. */
	limit->error = rc == -ENOENT ? 0 : rc;
	if (!max || !limit->present || powercap_sysfs_constraint_get_max_power_uw(zone->control, &zone->index, 1, constraint, &limit->max_uw) < 0)
		limit->max_uw = 0;
}

/* Where the file is missing or unreadable nothing is known against the zone. */
static void read_enabled(struct wattle_zone *zone)
{
	uint32_t enabled;

	zone->disabled = powercap_sysfs_zone_get_enabled(zone->control, &zone->index, 1, &enabled) == 0 && enabled == 0;
}

static void read_energy(struct wattle_zone *zone)
{
	zone->energy_present =
		powercap_sysfs_zone_get_energy_uj(zone->control, &zone->index, 1, &zone->energy_uj) == 0 &&
		powercap_sysfs_zone_get_max_energy_range_uj(zone->control, &zone->index, 1, &zone->energy_range_uj) == 0;
}

/* Keeps the first error of a reading: later ones are mostly the same trouble again. */
static void note_error(int rc, const struct wattle_zone *zone, const char *what, int *first, struct wattle_err *err)
{
	if (*first == 0)
		*first = wattle_err_set(err, -rc, "zone %s %s: can't be read: %s", zone->name, what, strerror(-rc));
}

/* Adds the zone if it is a package. A zone without a readable name may be one: it is kept under its kernel name. */
static void add_zone(struct wattle_zones *zones, const char *control, uint32_t index, unsigned parts, int *first, struct wattle_err *err)
{
	struct wattle_zone *zone = &zones->zone[zones->n];
	int rc;

	memset(zone, 0, sizeof(*zone));
	snprintf(zone->control, sizeof(zone->control), "%s", control);
	zone->index = index;
	rc = read_name(zone);
	if (rc == 0 && strncmp(zone->name, "package-", strlen("package-")) != 0)
		return;
	zones->n++;
	if (rc < 0) {
		snprintf(zone->name, sizeof(zone->name), "%.20s:%x", control, index);
		note_error(rc, zone, "name", first, err);
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++)
			zone->limit[c].error = rc;
		return;
	}
	for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++) {
		read_limit(zone, c, parts & WATTLE_READ_MAX);
		if (zone->limit[c].error)
			note_error(zone->limit[c].error, zone, CONSTRAINT_NAME[c], first, err);
	}
	if (parts & WATTLE_READ_ENABLED)
		read_enabled(zone);
	if (parts & WATTLE_READ_ENERGY)
		read_energy(zone);
}

static int read_control(struct wattle_zones *zones, const char *control, unsigned parts, struct wattle_err *err)
{
	char path[sizeof(POWERCAP_DIR) + 32];
	__attribute__((cleanup(cleanup_closedir))) DIR *dir = NULL;
	const struct dirent *entry;
	uint32_t index;
	int first = 0;

	snprintf(path, sizeof(path), POWERCAP_DIR "/%s", control);
	dir = opendir(path);
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return wattle_err_set(err, errno, "can't list %s: %s", path, strerror(errno));
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (zones->n < WATTLE_ZONES_MAX && zone_index(entry->d_name, control, &index))
			add_zone(zones, control, index, parts, &first, err);
	}
	if (errno != 0 && first == 0)
		first = wattle_err_set(err, errno, "can't list %s: %s", path, strerror(errno));
	return first;
}

static bool has_limit(const struct wattle_zones *zones)
{
	for (uint32_t i = 0; i < zones->n; i++)
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++)
			if (zones->zone[i].limit[c].present || zones->zone[i].limit[c].error)
				return true;
	return false;
}

/* By name, and package-2 before package-10. */
static int by_name(const void *a, const void *b)
{
	const struct wattle_zone *x = a, *y = b;

	return strverscmp(x->name, y->name);
}

int wattle_zones_read_parts(struct wattle_zones *ret, unsigned parts, struct wattle_err *err)
{
	static const char *const control[] = { "intel-rapl", "intel-rapl-mmio" };
	int rc = 0;

	ret->n = 0;
	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]) && ret->n == 0 && rc == 0; i++)
		rc = read_control(ret, control[i], parts, err);
	qsort(ret->zone, ret->n, sizeof(ret->zone[0]), by_name);
	if (rc == 0 && !has_limit(ret))
		return wattle_err_set(err, ENODEV, ret->n ?
			"the package zones of " POWERCAP_DIR " have no power limit (AMD, or a virtual machine?): watts can be measured here, not capped" :
			"no package zone in " POWERCAP_DIR " (module intel_rapl_msr not loaded, AMD without limits, or a virtual machine?): watts can't be capped here");
	return rc;
}

int wattle_zones_read(struct wattle_zones *ret, struct wattle_err *err)
{
	return wattle_zones_read_parts(ret, WATTLE_READ_ENABLED | WATTLE_READ_MAX | WATTLE_READ_ENERGY, err);
}

void wattle_zones_refresh(struct wattle_zones *zones)
{
	for (uint32_t i = 0; i < zones->n; i++) {
		struct wattle_zone *zone = &zones->zone[i];

		if (zone->limit[0].present)
			read_limit(zone, 0, false);
		zone->energy_present = zone->energy_range_uj != 0 &&
			powercap_sysfs_zone_get_energy_uj(zone->control, &zone->index, 1, &zone->energy_uj) == 0;
	}
}

/* The kernel's driver refuses a locked register with EACCES, and its sysfs file makes ENODATA of whatever the driver says. */
static const char *hint(int rc)
{
	return rc == -EACCES || rc == -EPERM || rc == -ENODATA ? " (BIOS lock?)" : "";
}

int wattle_limit_write(const struct wattle_zone *zone, uint32_t constraint, uint64_t wanted_uw, uint64_t *ret_read_uw,
		       struct wattle_err *err)
{
	const char *name = constraint < WATTLE_CONSTRAINTS ? CONSTRAINT_NAME[constraint] : "?";
	double wanted_w = (double) wanted_uw / 1e6;
	uint64_t read_uw = 0, off_uw;
	int wrote, read;

	wrote = powercap_sysfs_constraint_set_power_limit_uw(zone->control, &zone->index, 1, constraint, wanted_uw);
	/* A refused write is read back too: what the zone holds now is what matters, and goes into the message. */
	read = powercap_sysfs_constraint_get_power_limit_uw(zone->control, &zone->index, 1, constraint, &read_uw);
	*ret_read_uw = read == 0 ? read_uw : 0;
	if (wrote < 0 && read < 0)
		return wattle_err_set(err, -wrote, "zone %s %s: wanted %.3f W, can't be written: %s%s, nor read: %s", zone->name, name,
				      wanted_w, strerror(-wrote), hint(wrote), strerror(-read));
	if (wrote < 0)
		return wattle_err_set(err, -wrote, "zone %s %s: wanted %.3f W, reads %.3f W: %s%s", zone->name, name, wanted_w,
				      (double) read_uw / 1e6, strerror(-wrote), hint(wrote));
	if (read < 0)
		return wattle_err_set(err, -read, "zone %s %s: wanted %.3f W, written, can't be read back: %s", zone->name, name,
				      wanted_w, strerror(-read));
	off_uw = read_uw > wanted_uw ? read_uw - wanted_uw : wanted_uw - read_uw;
	if (off_uw > WATTLE_CAP_TOLERANCE_UW)
		return wattle_err_set(err, EREMOTEIO, "zone %s %s: wanted %.3f W, reads %.3f W after a write without an error", zone->name,
				      name, wanted_w, (double) read_uw / 1e6);
	return 0;
}

void wattle_cap_split(uint64_t total_uw, uint32_t n, const uint64_t *ceiling_uw, uint64_t *ret_uw)
{
	uint64_t left_uw = total_uw;
	uint32_t open = n;
	bool again = true;

	for (uint32_t i = 0; i < n; i++)
		ret_uw[i] = UINT64_MAX;
	/* Each round settles the zones whose ceiling is below an even share of what is left: at most n rounds. */
	while (open > 0 && again) {
		uint64_t share_uw = left_uw / open;

		again = false;
		for (uint32_t i = 0; i < n; i++) {
			if (ret_uw[i] != UINT64_MAX || ceiling_uw[i] > share_uw)
				continue;
			ret_uw[i] = ceiling_uw[i];
			left_uw -= ceiling_uw[i];
			open--;
			again = true;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (ret_uw[i] == UINT64_MAX)
			ret_uw[i] = left_uw / open;
}
