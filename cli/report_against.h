/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_REPORT_AGAINST_H
#define WATTLE_CLI_REPORT_AGAINST_H

/* One job's joules and grams beside those of another one that did the same work, such as one that ran at once: both measured. The other
 * one's grams are told twice: of its own time, and of the same energy drawn from the moment on at which the job was submitted, which is what
 * "at once" would have cost it. */

#include <json-c/json.h>

#include "records.h"
#include "report_carbon.h"
#include "slurm.h"
#include "total.h"

struct report_against {
	bool asked;
	char label[64];          /* of the other job */
	bool energy, carbon;     /* are known whole, of both */
	double energy_j, other_energy_j; /* with base watts */
	double carbon_g, other_carbon_g; /* other: moved to this one's submission */
	bool other_own;          /* other_own_g is known */
	double other_own_g;      /* of its own time */
	double time_s, other_time_s; /* from submission to the end; 0: not known */
	char why[200];           /* something is not known: why */
};

/* id NULL: nothing was asked. records of the other job are read from dir. 0, or an exit status after a line on stderr: there is no
 * such job, or it is not the caller's to see. */
int report_against_make(const char *id, const char *dir, const char *nodes, const struct report_intensity *intensity,
			const struct wattle_slurm_job *job, const struct wattle_job_records *records, const struct wattle_total *total,
			const struct report_carbon *carbon, struct report_against *ret);
void report_against_print(const struct report_against *against);
/* NULL: nothing was asked. */
struct json_object *report_against_json(const struct report_against *against);

#endif
