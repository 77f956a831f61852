/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PMPI layer: each call that moves data or waits, timed. To measure another function: add its line. */
#include <mpi.h>

#include "mpi_measure.h"
#include "mpi_report.h"
#include "wattle.h"

uint64_t wattle_checkpoint_calls(void); /* mpi_entry.c */

#define WRAP(name, parameters, arguments)                        \
	WATTLE_EXPORT int MPI_##name parameters                      \
	{                                                            \
		int64_t began_ns;                                        \
		int rc;                                                  \
                                                                 \
		if (!wattle_measuring)                                   \
			return PMPI_##name arguments;                        \
		began_ns = wattle_mono_ns();                             \
		rc = PMPI_##name arguments;                              \
		wattle_measure_add(began_ns);                            \
		return rc;                                               \
	}

#define SEND (const void *b, int n, MPI_Datatype t, int to, int tag, MPI_Comm c), (b, n, t, to, tag, c)
#define ISEND (const void *b, int n, MPI_Datatype t, int to, int tag, MPI_Comm c, MPI_Request *r), (b, n, t, to, tag, c, r)
#define TO_ALL (const void *s, void *d, int n, MPI_Datatype t, MPI_Op o, MPI_Comm c), (s, d, n, t, o, c)
#define EACH (const void *s, int n, MPI_Datatype t, void *d, int m, MPI_Datatype u, MPI_Comm c), (s, n, t, d, m, u, c)
#define EACH_ROOT (const void *s, int n, MPI_Datatype t, void *d, int m, MPI_Datatype u, int root, MPI_Comm c), (s, n, t, d, m, u, root, c)
#define CALL(name, both) WRAP_BOTH(name, both)
#define WRAP_BOTH(...) WRAP(__VA_ARGS__) /* both becomes two arguments */

/* point to point */
CALL(Send, SEND)
CALL(Ssend, SEND)
CALL(Rsend, SEND)
CALL(Bsend, SEND)
CALL(Isend, ISEND)
CALL(Issend, ISEND)
CALL(Irsend, ISEND)
CALL(Ibsend, ISEND)
WRAP(Recv, (void *b, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Status *s), (b, n, t, from, tag, c, s))
WRAP(Irecv, (void *b, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Request *r), (b, n, t, from, tag, c, r))
WRAP(Sendrecv,
     (const void *s, int n, MPI_Datatype t, int to, int tag, void *d, int m, MPI_Datatype u, int from, int tag2, MPI_Comm c, MPI_Status *st),
     (s, n, t, to, tag, d, m, u, from, tag2, c, st))
WRAP(Sendrecv_replace, (void *b, int n, MPI_Datatype t, int to, int tag, int from, int tag2, MPI_Comm c, MPI_Status *s),
     (b, n, t, to, tag, from, tag2, c, s))
WRAP(Probe, (int from, int tag, MPI_Comm c, MPI_Status *s), (from, tag, c, s))
WRAP(Iprobe, (int from, int tag, MPI_Comm c, int *f, MPI_Status *s), (from, tag, c, f, s))
WRAP(Start, (MPI_Request * r), (r))
WRAP(Startall, (int n, MPI_Request r[]), (n, r))

/* waiting */
WRAP(Wait, (MPI_Request * r, MPI_Status *s), (r, s))
WRAP(Waitall, (int n, MPI_Request r[], MPI_Status s[]), (n, r, s))
WRAP(Waitany, (int n, MPI_Request r[], int *i, MPI_Status *s), (n, r, i, s))
WRAP(Waitsome, (int n, MPI_Request r[], int *m, int i[], MPI_Status s[]), (n, r, m, i, s))
WRAP(Test, (MPI_Request * r, int *f, MPI_Status *s), (r, f, s))
WRAP(Testall, (int n, MPI_Request r[], int *f, MPI_Status s[]), (n, r, f, s))
WRAP(Testany, (int n, MPI_Request r[], int *i, int *f, MPI_Status *s), (n, r, i, f, s))
WRAP(Testsome, (int n, MPI_Request r[], int *m, int i[], MPI_Status s[]), (n, r, m, i, s))

/* collectives */
WRAP(Barrier, (MPI_Comm c), (c))
WRAP(Ibarrier, (MPI_Comm c, MPI_Request *r), (c, r))
WRAP(Bcast, (void *b, int n, MPI_Datatype t, int root, MPI_Comm c), (b, n, t, root, c))
WRAP(Ibcast, (void *b, int n, MPI_Datatype t, int root, MPI_Comm c, MPI_Request *r), (b, n, t, root, c, r))
WRAP(Reduce, (const void *s, void *d, int n, MPI_Datatype t, MPI_Op o, int root, MPI_Comm c), (s, d, n, t, o, root, c))
CALL(Allreduce, TO_ALL)
WRAP(Iallreduce, (const void *s, void *d, int n, MPI_Datatype t, MPI_Op o, MPI_Comm c, MPI_Request *r), (s, d, n, t, o, c, r))
CALL(Scan, TO_ALL)
CALL(Exscan, TO_ALL)
CALL(Reduce_scatter_block, TO_ALL)
WRAP(Reduce_scatter, (const void *s, void *d, const int n[], MPI_Datatype t, MPI_Op o, MPI_Comm c), (s, d, n, t, o, c))
CALL(Allgather, EACH)
CALL(Alltoall, EACH)
CALL(Gather, EACH_ROOT)
CALL(Scatter, EACH_ROOT)
WRAP(Allgatherv, (const void *s, int n, MPI_Datatype t, void *d, const int m[], const int at[], MPI_Datatype u, MPI_Comm c),
     (s, n, t, d, m, at, u, c))
WRAP(Gatherv, (const void *s, int n, MPI_Datatype t, void *d, const int m[], const int at[], MPI_Datatype u, int root, MPI_Comm c),
     (s, n, t, d, m, at, u, root, c))
WRAP(Scatterv, (const void *s, const int n[], const int at[], MPI_Datatype t, void *d, int m, MPI_Datatype u, int root, MPI_Comm c),
     (s, n, at, t, d, m, u, root, c))
WRAP(Alltoallv,
     (const void *s, const int n[], const int at[], MPI_Datatype t, void *d, const int m[], const int at2[], MPI_Datatype u, MPI_Comm c),
     (s, n, at, t, d, m, at2, u, c))
WRAP(Neighbor_allgather, (const void *s, int n, MPI_Datatype t, void *d, int m, MPI_Datatype u, MPI_Comm c), (s, n, t, d, m, u, c))
WRAP(Neighbor_alltoall, (const void *s, int n, MPI_Datatype t, void *d, int m, MPI_Datatype u, MPI_Comm c), (s, n, t, d, m, u, c))

/* one-sided: what waits */
WRAP(Win_fence, (int a, MPI_Win w), (a, w))
WRAP(Win_flush, (int to, MPI_Win w), (to, w))
WRAP(Win_flush_all, (MPI_Win w), (w))
WRAP(Win_unlock, (int to, MPI_Win w), (to, w))
WRAP(Win_wait, (MPI_Win w), (w))
WRAP(Win_complete, (MPI_Win w), (w))

/* begin and end */
WATTLE_EXPORT int MPI_Init(int *argc, char ***argv)
{
	int rc = PMPI_Init(argc, argv);

	if (rc == MPI_SUCCESS && wattle_measuring)
		wattle_measure_init();
	return rc;
}

WATTLE_EXPORT int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
	int rc = PMPI_Init_thread(argc, argv, required, provided);

	if (rc == MPI_SUCCESS && wattle_measuring)
		wattle_measure_init();
	return rc;
}

WATTLE_EXPORT int MPI_Pcontrol(const int level, ...)
{
	if (wattle_measuring && level > 0)
		wattle_measure_iteration();
	return MPI_SUCCESS;
}

WATTLE_EXPORT int MPI_Finalize(void)
{
	if (wattle_measuring)
		wattle_measure_end(wattle_checkpoint_calls());
	return PMPI_Finalize();
}
