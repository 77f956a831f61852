/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_MEASURED_H
#define WATTLE_CLI_MEASURED_H

/* What libwattle_mpi measured of a job's MPI programs (launcher/mpi_measure.h): lines that the job's user could have written. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define WATTLE_MEASURED_BYTES_MAX (4 * 1024 * 1024)
#define WATTLE_MEASURED_LINES_MAX 10000u

struct wattle_measured_run {       /* from MPI_Init to MPI_Finalize */
	uint32_t nodes, ranks;
	int64_t step;                  /* of Slurm's; -1: not known, such as by mpirun */
	double start_s, elapsed_s;     /* UTC */
	double mpi_min_s, mpi_mean_s, mpi_max_s; /* in MPI, of a rank */
	double iterations, iteration_s; /* 0: none were marked */
	double units_per_s;            /* < 0: the program says none */
};

struct wattle_measured {
	size_t n;
	struct wattle_measured_run *run; /* in the order they ended */
	uint32_t n_bad;                  /* lines that are none, or another job's */
};

/* One line; pure. -EINVAL: not one of this job. job_id 0: any. */
int wattle_measured_parse(const char *line, size_t len, uint32_t job_id, struct wattle_measured_run *ret);
/* A file of uid's own ((uid_t) -1: of anybody); a link at its end is not followed. -ENOENT: none. The caller frees, also after an error. */
int wattle_measured_read(const char *path, uid_t uid, uint32_t job_id, struct wattle_measured *ret, struct wattle_err *err);
void wattle_measured_free(struct wattle_measured *measured);

/* Work by time over all its runs: units per second, or iterations where a run says no units. 0 if one has neither. */
double wattle_measured_rate(const struct wattle_measured *measured);

#endif
