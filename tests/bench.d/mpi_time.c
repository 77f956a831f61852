/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libwattle_mpi costs a program: `mpi_time BLOCKS`, on several ranks. Prints from rank 0, a line a sample:
 *   should_checkpoint US    a call, in a loop that does nothing else, while requests are expected
 *   progress US             a call, the same
 *   pmpi RATIO              time of a stencil step with the measured MPI_ calls, by that with PMPI_ calls; blocks take turns */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <wattle.h>

#define SIDE 512
#define STEPS 60
#define CALLS 400000

static double a[(SIDE + 2) * SIDE], b[(SIDE + 2) * SIDE];
static int rank, ranks;

static void compute(const double *from, double *to)
{
	for (int i = 1; i <= SIDE; i++)
		for (int j = 1; j < SIDE - 1; j++)
			to[i * SIDE + j] = 0.25 * (from[(i - 1) * SIDE + j] + from[(i + 1) * SIDE + j] + from[i * SIDE + j - 1] + from[i * SIDE + j + 1]);
}

#define BLOCK(call)                                                                                                                          \
	do {                                                                                                                                     \
		PMPI_Barrier(MPI_COMM_WORLD);                                                                                                        \
		begin_s = PMPI_Wtime();                                                                                                              \
		for (int s = 0; s < STEPS; s++) {                                                                                                    \
			call##Sendrecv(a + SIDE, SIDE, MPI_DOUBLE, up, 1, a + (SIDE + 1) * SIDE, SIDE, MPI_DOUBLE, down, 1, MPI_COMM_WORLD,             \
				       MPI_STATUS_IGNORE);                                                                                                   \
			call##Sendrecv(a + SIDE * SIDE, SIDE, MPI_DOUBLE, down, 2, a, SIDE, MPI_DOUBLE, up, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);       \
			compute(a, b);                                                                                                                   \
		}                                                                                                                                    \
		took_s = PMPI_Wtime() - begin_s;                                                                                                     \
	} while (0)

int main(int argc, char **argv)
{
	int blocks = argc > 1 ? atoi(argv[1]) : 1, up, down;
	double begin_s, took_s, plain_s = 1, measured_s = 1;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	up = rank > 0 ? rank - 1 : MPI_PROC_NULL;
	down = rank < ranks - 1 ? rank + 1 : MPI_PROC_NULL;
	for (int n = 0; n < blocks; n++) {
		PMPI_Barrier(MPI_COMM_WORLD);
		begin_s = PMPI_Wtime();
		for (int i = 0; i < CALLS; i++)
			wattle_should_checkpoint();
		took_s = PMPI_Wtime() - begin_s;
		if (rank == 0)
			printf("should_checkpoint %.6f\n", took_s / CALLS * 1e6);
		begin_s = PMPI_Wtime();
		for (int i = 0; i < CALLS; i++)
			wattle_progress((uint64_t) i, CALLS);
		took_s = PMPI_Wtime() - begin_s;
		if (rank == 0)
			printf("progress %.6f\n", took_s / CALLS * 1e6);
		/* which of the two goes first takes turns, too */
		for (int turn = 0; turn < 2; turn++)
			if ((n + turn) % 2) {
				BLOCK(PMPI_);
				plain_s = took_s;
			} else {
				BLOCK(MPI_);
				measured_s = took_s;
			}
		if (rank == 0)
			printf("pmpi %.6f\n", measured_s / plain_s);
	}
	MPI_Finalize();
	return 0;
}
