/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_REPORT_SLOWDOWN_H
#define WATTLE_CLI_REPORT_SLOWDOWN_H

/* Was the promise kept? The slowdown that was predicted at submission beside the one that was measured, and the energy saved. */

#include <stdbool.h>

#include <json-c/json.h>

#include "model.h"
#include "records.h"
#include "slurm.h"
#include "total.h"

/* What a job's run time is compared with. */
struct report_baseline {
	double time_s;    /* 0: there is none */
	double energy_j;  /* with base watts; 0: not known */
	char what[200];   /* "job 12", "profile nbody …", for people */
};

/* What the user said; any may be NULL. */
struct report_baseline_said {
	const char *baseline;  /* --baseline: "75s", "1h30m" … or a job's number */
	const char *profile;   /* --profile */
	const char *conf, *report_dir, *nodes;
};

/* --baseline and --profile, read once. ret->time_s is 0 if neither was said. 0, or an exit status after a line. */
int report_baseline_read(const struct report_baseline_said *said, struct report_baseline *ret);

struct report_slowdown {
	bool predicted, measured, saved;       /* which of these are known */
	double predicted_pct, measured_pct, saved_pct;
	char profile[WATTLE_MODEL_NAME_MAX];   /* that predicted */
	double time_s, energy_j;               /* the job's */
	struct report_baseline baseline;
	char why[240];                         /* predicted and not measured: why */
};

/* decision: the line of job_submit's answer, may be "". baseline->time_s 0: the profile that predicted, from the site's store. */
void report_slowdown_make(const struct report_baseline_said *said, const struct report_baseline *baseline,
			  const struct wattle_slurm_job *job, const char *decision, const struct wattle_job_records *records,
			  const struct wattle_total *total, struct report_slowdown *ret);

void report_slowdown_print(const struct report_slowdown *slowdown);
/* NULL: neither predicted nor measured. */
struct json_object *report_slowdown_json(const struct report_slowdown *slowdown);

#endif
