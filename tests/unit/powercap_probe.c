/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libpowercap makes of /sys/class/powercap:
 *   powercap_probe show ZONE                     name=… energy_uj=… range_uj=… enabled=… and each constraint's name and limit
 *   powercap_probe set ZONE CONSTRAINT UW        sets a limit, prints what reads back
 * Exit status 1, with libpowercap's return value, if a call fails.
 */
#include <inttypes.h>
#include <powercap/powercap-sysfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char control[] = "intel-rapl";

static int failed(const char *what, long rc)
{
	(void)printf("%s: %ld\n", what, rc);
	return 1;
}

static int show(uint32_t zone)
{
	char name[32] = "";
	uint64_t energy_uj, range_uj, limit_uw, max_uw, window_us;
	uint32_t enabled;
	long rc;

	if ((rc = powercap_sysfs_zone_exists(control, &zone, 1)) != 0)
		return failed("zone", rc);
	if ((rc = powercap_sysfs_zone_get_name(control, &zone, 1, name, sizeof(name))) < 0)
		return failed("name", rc);
	if ((rc = powercap_sysfs_zone_get_energy_uj(control, &zone, 1, &energy_uj)) != 0)
		return failed("energy_uj", rc);
	if ((rc = powercap_sysfs_zone_get_max_energy_range_uj(control, &zone, 1, &range_uj)) != 0)
		return failed("max_energy_range_uj", rc);
	if ((rc = powercap_sysfs_zone_get_enabled(control, &zone, 1, &enabled)) != 0)
		return failed("enabled", rc);
	(void)printf("name=%s energy_uj=%" PRIu64 " range_uj=%" PRIu64 " enabled=%" PRIu32, name, energy_uj, range_uj, enabled);
	for (uint32_t c = 0; powercap_sysfs_constraint_exists(control, &zone, 1, c) == 0; c++) {
		if ((rc = powercap_sysfs_constraint_get_name(control, &zone, 1, c, name, sizeof(name))) < 0)
			return failed("constraint name", rc);
		if ((rc = powercap_sysfs_constraint_get_power_limit_uw(control, &zone, 1, c, &limit_uw)) != 0)
			return failed("power_limit_uw", rc);
		if ((rc = powercap_sysfs_constraint_get_max_power_uw(control, &zone, 1, c, &max_uw)) != 0)
			return failed("max_power_uw", rc);
		if ((rc = powercap_sysfs_constraint_get_time_window_us(control, &zone, 1, c, &window_us)) != 0)
			return failed("time_window_us", rc);
		(void)printf(" %s=%" PRIu64 "/%" PRIu64 "/%" PRIu64, name, limit_uw, max_uw, window_us);
	}
	(void)printf("\n");
	return 0;
}

static int set(uint32_t zone, uint32_t constraint, uint64_t limit_uw)
{
	long rc = powercap_sysfs_constraint_set_power_limit_uw(control, &zone, 1, constraint, limit_uw);

	if (rc != 0)
		return failed("set power_limit_uw", rc);
	if ((rc = powercap_sysfs_constraint_get_power_limit_uw(control, &zone, 1, constraint, &limit_uw)) != 0)
		return failed("power_limit_uw", rc);
	(void)printf("%" PRIu64 "\n", limit_uw);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "show") == 0)
		return show((uint32_t)strtoul(argv[2], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "set") == 0)
		return set((uint32_t)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10),
			   strtoull(argv[4], NULL, 10));
	(void)fprintf(stderr, "usage: powercap_probe show ZONE | set ZONE CONSTRAINT UW\n");
	return 2;
}
