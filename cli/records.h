/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_RECORDS_H
#define WATTLE_CLI_RECORDS_H

/* The step records of one job, found and read. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "report.h"
#include "slurm.h"

struct wattle_job_records {
	size_t n, room;
	struct wattle_record *record;
	char **nodes;          /* Slurm's list; NULL: not known */
	size_t n_nodes;
	const char **missing;  /* of nodes, those without a record */
	size_t n_missing;
	uint32_t n_bad;        /* lines that are no records */
};

/* Where records lie: dir if it is said, else the site's report_dir; a site config that users may not read, or that is missing, is
 * no reason to refuse, one named by conf is. 0, or -EINVAL after a line on stderr. */
int wattle_report_dir_find(const char *conf, const char *dir, char *ret, size_t size);

/* Reads the records of a job on its nodes, or on those of nodes_said (a host list, NULL: as the job says). Users may not list the
 * folder of records, so they need the names of the nodes; root looks itself. No records at all are no error. *ret is
 * overwritten; the caller frees it, also after an error. */
int wattle_job_records_read(const struct wattle_slurm_job *job, const char *report_dir, const char *nodes_said,
			    struct wattle_job_records *ret, struct wattle_err *err);
void wattle_job_records_free(struct wattle_job_records *records);

/* The run time of the job's work in seconds: of its script, as its batch step's record has it; without one from the first start of a
 * numbered step to the last end. Of a requeued job the last run. 0: no such record. */
double wattle_job_work_s(const struct wattle_job_records *records);

#endif
