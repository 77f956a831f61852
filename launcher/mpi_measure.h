/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MPI_MEASURE_H
#define WATTLE_MPI_MEASURE_H

/* How much of a program's time is MPI's: the PMPI layer. It measures if WATTLE_MEASURE names a file when the library is loaded, linked
 * or preloaded; at MPI_Finalize rank 0 appends one JSON line to it, the user's own:
 *   {"job","step","pmix_job","nodes","ranks","start_s","elapsed_s","mpi_s":{"min","mean","max"},"mpi_calls","iterations","iteration_s",
 *    "done","total","units_per_s"}
 * pmix_job: PMIx's namespace, the launcher's name for this start. nodes: as PMIx has it, else found by which ranks share memory. mpi_s: seconds of a rank in MPI calls that move data or wait, least, mean and most of all ranks
 * (threads add up). iterations: calls of wattle_should_checkpoint, or of MPI_Pcontrol in a program that has none. units: of wattle_progress,
 * since this run began. What is not known is null. A file above WATTLE_MEASURE_BYTES_MAX is left alone.
 *
 * Calls from C and C++ are seen, and from Fortran with Open MPI (mpi_fortran.c). */

#include <stdbool.h>
#include <stdint.h>

#define WATTLE_MEASURE_ENV "WATTLE_MEASURE"
#define WATTLE_MEASURE_BYTES_MAX (4 * 1024 * 1024)

extern bool wattle_measuring;

void wattle_measure_init(void);              /* after MPI_Init */
void wattle_measure_add(int64_t began_ns);   /* one call, from then to now */
void wattle_measure_iteration(void);         /* MPI_Pcontrol */
void wattle_measure_end(uint64_t calls);     /* before MPI_Finalize: collective. calls: of wattle_should_checkpoint */

#endif
