/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_REPORT_MPI_H
#define WATTLE_CLI_REPORT_MPI_H

/* The part of a report that says how the MPI programs of a job ran, beside what their steps drew. */

#include <json-c/json.h>

#include "measured.h"
#include "records.h"

struct report_mpi {
	struct wattle_measured measured;
	double *energy_j;  /* of each run's step on all its nodes, packages and base watts; < 0: not known */
	char why[256];     /* a file that was named or found can't be read */
};

/* said: --measured, NULL: where wattlerun --measure leaves it, in the job's own folder. No file there is no fault. */
void report_mpi_make(const char *said, bool ask_slurm, const struct wattle_slurm_job *job, const struct wattle_job_records *records,
		     struct report_mpi *ret);
void report_mpi_free(struct report_mpi *mpi);
void report_mpi_print(const struct report_mpi *mpi);
/* NULL: nothing was measured. */
struct json_object *report_mpi_json(const struct report_mpi *mpi);

#endif
