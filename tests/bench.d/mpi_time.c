/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libwattle_mpi costs a program: `mpi_time BLOCKS`, on several ranks. Prints from rank 0, a line a sample:
 *   should_checkpoint US    a call, in a loop that does nothing else, while requests are expected
 *   progress US             a call, the same
 *   pmpi RATIO              time of a stencil step with the measured MPI_ calls, by that with PMPI_ calls, step by step in turns
 * Each is the lower quartile of many short pieces: the machine may have other work. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <wattle.h>

#define SIDE 512
#define PAIRS 120   /* of steps with and without the layer, in turns */
#define PIECES 100
#define CALLS 4000  /* a piece; the ranks agree many times in it */

static double a[(SIDE + 2) * SIDE], b[(SIDE + 2) * SIDE];
static int rank, ranks;

static void compute(const double *from, double *to)
{
	for (int i = 1; i <= SIDE; i++)
		for (int j = 1; j < SIDE - 1; j++)
			to[i * SIDE + j] = 0.25 * (from[(i - 1) * SIDE + j] + from[(i + 1) * SIDE + j] + from[i * SIDE + j - 1] + from[i * SIDE + j + 1]);
}

static int by_size(const void *x, const void *y)
{
	double d = *(const double *) x - *(const double *) y;

	return (d > 0) - (d < 0);
}

/* The lower quartile: what else the machine does falls on the other pieces, above all where a rank waits for one that has no CPU. */
static double undisturbed(double *x, int n)
{
	qsort(x, (size_t) n, sizeof(*x), by_size);
	return x[n / 4];
}

/* One step, with the names of the layer or without. */
#define STEP(call)                                                                                                                       \
	do {                                                                                                                                 \
		PMPI_Barrier(MPI_COMM_WORLD);                                                                                                    \
		begin_s = PMPI_Wtime();                                                                                                          \
		call##Sendrecv(a + SIDE, SIDE, MPI_DOUBLE, up, 1, a + (SIDE + 1) * SIDE, SIDE, MPI_DOUBLE, down, 1, MPI_COMM_WORLD,             \
			       MPI_STATUS_IGNORE);                                                                                                       \
		call##Sendrecv(a + SIDE * SIDE, SIDE, MPI_DOUBLE, down, 2, a, SIDE, MPI_DOUBLE, up, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);       \
		compute(a, b);                                                                                                                   \
		took_s = PMPI_Wtime() - begin_s;                                                                                                 \
	} while (0)

int main(int argc, char **argv)
{
	static double plain_s[PAIRS], measured_s[PAIRS], asking_s[PIECES], telling_s[PIECES];
	int samples = argc > 1 ? atoi(argv[1]) : 1, up, down;
	double begin_s, took_s;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	up = rank > 0 ? rank - 1 : MPI_PROC_NULL;
	down = rank < ranks - 1 ? rank + 1 : MPI_PROC_NULL;
	for (int n = 0; n < samples; n++) {
		PMPI_Barrier(MPI_COMM_WORLD);
		for (int p = 0; p < PIECES; p++) {
			begin_s = PMPI_Wtime();
			for (int i = 0; i < CALLS; i++)
				wattle_should_checkpoint();
			asking_s[p] = PMPI_Wtime() - begin_s;
			begin_s = PMPI_Wtime();
			for (int i = 0; i < CALLS; i++)
				wattle_progress((uint64_t) i, CALLS);
			telling_s[p] = PMPI_Wtime() - begin_s;
		}
		/* which of the two goes first takes turns, too */
		for (int p = 0; p < PAIRS; p++)
			for (int turn = 0; turn < 2; turn++)
				if ((p + turn) % 2) {
					STEP(PMPI_);
					plain_s[p] = took_s;
				} else {
					STEP(MPI_);
					measured_s[p] = took_s;
				}
		if (rank == 0) {
			printf("should_checkpoint %.6f\n", undisturbed(asking_s, PIECES) / CALLS * 1e6);
			printf("progress %.6f\n", undisturbed(telling_s, PIECES) / CALLS * 1e6);
			printf("pmpi %.6f\n", undisturbed(measured_s, PAIRS) / undisturbed(plain_s, PAIRS));
		}
	}
	MPI_Finalize();
	return 0;
}
