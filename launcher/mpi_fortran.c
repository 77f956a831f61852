/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PMPI layer for Fortran programs: Open MPI's bindings call PMPI themselves, so the layer in C never sees them. All sets of names that it
 * has are taken, mpif.h's and `use mpi`'s (mpi_send_), and mpi_f08's (mpi_send_f08_, with Open MPI 6 mpi_send_f08ts_ where there is a buffer).
 * All arguments of these are addresses, also one that was left out, so how many there are is all that must be known. A program without Fortran has no pmpi_send_, and never calls mpi_send_.
 * To measure another function: add its line. */
#include <mpi.h>

#include "mpi_measure.h"
#include "mpi_report.h"
#include "wattle.h"

uint64_t wattle_checkpoint_calls(void); /* mpi_entry.c */

#define P2 void *a, void *b
#define P3 P2, void *c
#define P4 P3, void *d
#define P5 P4, void *e
#define P6 P5, void *f
#define P7 P6, void *g
#define P8 P7, void *h
#define P9 P8, void *i
#define P10 P9, void *j
#define P13 P10, void *k, void *l, void *m
#define A2 a, b
#define A3 A2, c
#define A4 A3, d
#define A5 A4, e
#define A6 A5, f
#define A7 A6, g
#define A8 A7, h
#define A9 A8, i
#define A10 A9, j
#define A13 A10, k, l, m

#define NAME(name, parameters, arguments)                           \
	void p##name parameters __attribute__((weak));                  \
	WATTLE_EXPORT void name parameters;                             \
	void name parameters                                            \
	{                                                               \
		int64_t began_ns;                                           \
                                                                    \
		if (!p##name)                                               \
			return;                                                 \
		if (!wattle_measuring) {                                    \
			p##name arguments;                                      \
			return;                                                 \
		}                                                           \
		began_ns = wattle_mono_ns();                                \
		p##name arguments;                                          \
		wattle_measure_add(began_ns);                               \
	}
#define WRAP(name, n)                          \
	NAME(mpi_##name##_, (P##n), (A##n))        \
	NAME(mpi_##name##_f08_, (P##n), (A##n))    \
	NAME(mpi_##name##_f08ts_, (P##n), (A##n))

/* point to point */
WRAP(send, 7)
WRAP(ssend, 7)
WRAP(rsend, 7)
WRAP(bsend, 7)
WRAP(isend, 8)
WRAP(issend, 8)
WRAP(irsend, 8)
WRAP(ibsend, 8)
WRAP(recv, 8)
WRAP(irecv, 8)
WRAP(sendrecv, 13)
WRAP(sendrecv_replace, 10)
WRAP(probe, 5)
WRAP(iprobe, 6)
WRAP(start, 2)
WRAP(startall, 3)

/* waiting */
WRAP(wait, 3)
WRAP(waitall, 4)
WRAP(waitany, 5)
WRAP(waitsome, 6)
WRAP(test, 4)
WRAP(testall, 5)
WRAP(testany, 6)
WRAP(testsome, 6)

/* collectives */
WRAP(barrier, 2)
WRAP(ibarrier, 3)
WRAP(bcast, 6)
WRAP(ibcast, 7)
WRAP(reduce, 8)
WRAP(allreduce, 7)
WRAP(iallreduce, 8)
WRAP(scan, 7)
WRAP(exscan, 7)
WRAP(reduce_scatter_block, 7)
WRAP(reduce_scatter, 7)
WRAP(allgather, 8)
WRAP(alltoall, 8)
WRAP(gather, 9)
WRAP(scatter, 9)
WRAP(allgatherv, 9)
WRAP(gatherv, 10)
WRAP(scatterv, 10)
WRAP(alltoallv, 10)
WRAP(neighbor_allgather, 8)
WRAP(neighbor_alltoall, 8)

/* one-sided: what waits */
WRAP(win_fence, 3)
WRAP(win_flush, 3)
WRAP(win_flush_all, 2)
WRAP(win_unlock, 3)
WRAP(win_wait, 2)
WRAP(win_complete, 2)

/* begin and end */
#define FIRST(name, parameters, arguments)                          \
	void p##name parameters __attribute__((weak));                  \
	WATTLE_EXPORT void name parameters;                             \
	void name parameters                                            \
	{                                                               \
		int ready = 0;                                              \
                                                                    \
		if (!p##name)                                               \
			return;                                                 \
		p##name arguments;                                          \
		if (wattle_measuring && PMPI_Initialized(&ready) == MPI_SUCCESS && ready) \
			wattle_measure_init();                                  \
	}
#define LAST(name, parameters, arguments)                           \
	void p##name parameters __attribute__((weak));                  \
	WATTLE_EXPORT void name parameters;                             \
	void name parameters                                            \
	{                                                               \
		if (wattle_measuring)                                       \
			wattle_measure_end(wattle_checkpoint_calls());          \
		if (p##name)                                                \
			p##name arguments;                                      \
	}

FIRST(mpi_init_, (void *ierror), (ierror))
FIRST(mpi_init_f08_, (void *ierror), (ierror))
FIRST(mpi_init_thread_, (P3), (A3))
FIRST(mpi_init_thread_f08_, (P3), (A3))
LAST(mpi_finalize_, (void *ierror), (ierror))
LAST(mpi_finalize_f08_, (void *ierror), (ierror))

/* The standard gives it no ierror; mpi_f08 of Open MPI has one that may be left out. */
WATTLE_EXPORT void mpi_pcontrol_(int *level);
void mpi_pcontrol_(int *level)
{
	if (wattle_measuring && *level > 0)
		wattle_measure_iteration();
}

WATTLE_EXPORT void mpi_pcontrol_f08_(int *level);
void mpi_pcontrol_f08_(int *level)
{
	mpi_pcontrol_(level);
}
