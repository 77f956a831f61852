/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_REPORT_CARBON_H
#define WATTLE_CLI_REPORT_CARBON_H

/* What a job cost in carbon: measured watts times the grid's intensity, over its runs; and what waiting for a better start saved. */

#include <json-c/json.h>

#include "carbon_account.h"
#include "report.h"
#include "slurm.h"

/* What is known of the site's zone; of the three series some may be missing (n = 0). */
struct report_intensity {
	char zone[64];                  /* "": the site names none */
	const char *dir;
	struct wattle_forecast actual;  /* measured */
	struct wattle_forecast before;  /* what was forecast, as it was last */
	struct wattle_forecast now;     /* the forecast in force */
	char trouble[256];              /* "": none; a file that can't be read */
};

struct report_carbon {
	const struct report_intensity *intensity;
	struct wattle_carbon_account actual, forecast; /* each alone */
	struct wattle_carbon_account best;             /* measured where that is known, else the forecast */
	struct wattle_carbon_account at_once;          /* the same as best, the energy drawn from submission on */
	bool deferred;                  /* its start was planned */
	int64_t submit_s, planned_s, start_s; /* 0: not known */
};

/* Reads the zone that the site configuration names, from a folder as `wattle carbon fetch` leaves it (NULL: the usual one). Nothing that is
 * missing is an error. */
void report_intensity_read(const char *conf, const char *dir, struct report_intensity *ret);
void report_intensity_free(struct report_intensity *intensity);

/* records are sorted in place. job may lack times. */
void report_carbon_make(const struct report_intensity *intensity, const struct wattle_slurm_job *job, struct wattle_record *records, size_t n,
			struct report_carbon *ret);
/* Some lines, or nothing where the site names no zone. */
void report_carbon_print(const struct report_carbon *carbon);
/* The caller owns it; NULL where the site names no zone. */
struct json_object *report_carbon_json(const struct report_carbon *carbon);

#endif
