/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A compute-bound MPI program for the lab: `nbody [bodies] [steps] [checkpoint] [probes]`.
 *
 * Gravity among all pairs, leapfrog in time. Each rank moves its share of the
 * bodies and learns the others' positions by an allgather a step. Every body
 * sums its forces in index order, so the checksum depends on bodies and steps
 * alone and not on the number of ranks: a run that lost work can't hide.
 *
 * Compiled with -DWATTLE (and -lwattle_mpi) it is malleable: begins from the file `checkpoint` if there is one, and asked for a
 * checkpoint it writes that and leaves with 85. Each body being an own file's record, any number of ranks goes on.
 *
 * probes: every rank by itself computes the potential of that many bodies each step, a part that more ranks don't make
 * faster. With a half of the bodies, as is Amdahl's law, 2 ranks are 1.5 times as fast as one and 4 ranks twice.
 *
 * Prints one line: bodies, steps, ranks, checksum and the loop's wall seconds. */
#include <errno.h>
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef WATTLE
#include <wattle.h>
#endif

#define DIM 3
#define TIME_STEP 1e-3
#define SOFTENING 1e-2 /* keeps close encounters finite */

static long argument(int argc, char **argv, int i, long standard, long max)
{
	char *end;
	long n;

	if (i >= argc)
		return standard;
	errno = 0;
	n = strtol(argv[i], &end, 10);
	if (errno || end == argv[i] || *end || n < 1 || n > max)
		return -1;
	return n;
}

/* The same start everywhere: a small generator, not the C library's. */
static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0 - 0.5;
}

static void accelerate(const double *pos, long n, const double *me, double *acc)
{
	double ax = 0, ay = 0, az = 0;

	for (long j = 0; j < n; j++) {
		double dx = pos[DIM * j] - me[0], dy = pos[DIM * j + 1] - me[1],
		       dz = pos[DIM * j + 2] - me[2];
		double r2 = dx * dx + dy * dy + dz * dz + SOFTENING;
		double w = 1.0 / (r2 * sqrt(r2));

		ax += dx * w;
		ay += dy * w;
		az += dz * w;
	}
	acc[0] = ax;
	acc[1] = ay;
	acc[2] = az;
}

static double potential(const double *pos, long n, long probes)
{
	double sum = 0;

	for (long i = 0; i < probes; i++)
		for (long j = 0; j < n; j++) {
			double dx = pos[DIM * j] - pos[DIM * i], dy = pos[DIM * j + 1] - pos[DIM * i + 1],
			       dz = pos[DIM * j + 2] - pos[DIM * i + 2];
			double r2 = dx * dx + dy * dy + dz * dz + SOFTENING;

			sum -= r2 / (r2 * sqrt(r2));
		}
	return sum;
}

static uint64_t checksum(const double *pos, long n)
{
	uint64_t sum = 14695981039346656037u, bits; /* FNV-1a */

	for (long i = 0; i < DIM * n; i++) {
		memcpy(&bits, &pos[i], sizeof(bits));
		sum = (sum ^ bits) * 1099511628211u;
	}
	return sum;
}

#ifdef WATTLE
/* Written beside the old one, which stays until the new one is on disk. Rank 0 has all positions; vel is gathered there. */
static int save(const char *path, long n, long step, const double *pos, const double *vel)
{
	char new_path[4096];
	FILE *f;
	int ok;

	snprintf(new_path, sizeof(new_path), "%s.new", path);
	f = fopen(new_path, "wb");
	ok = f && fwrite(&n, sizeof(n), 1, f) == 1 && fwrite(&step, sizeof(step), 1, f) == 1 &&
	     fwrite(pos, sizeof(*pos), DIM * (size_t)n, f) == DIM * (size_t)n && fwrite(vel, sizeof(*vel), DIM * (size_t)n, f) == DIM * (size_t)n &&
	     fflush(f) == 0 && fsync(fileno(f)) == 0;
	if (f)
		ok = fclose(f) == 0 && ok;
	ok = ok && rename(new_path, path) == 0;
	if (!ok)
		fprintf(stderr, "nbody: checkpoint %s: %s\n", path, strerror(errno));
	return ok;
}
#endif

/* The step that a checkpoint was written after; 0: there is none; -1: it is of something else. Every rank reads it. */
static long load(const char *path, long n, double *pos, double *vel)
{
	FILE *f = path ? fopen(path, "rb") : NULL;
	long bodies = 0, step = -1;
	int ok;

	if (!f)
		return 0;
	ok = fread(&bodies, sizeof(bodies), 1, f) == 1 && bodies == n && fread(&step, sizeof(step), 1, f) == 1 && step > 0 &&
	     fread(pos, sizeof(*pos), DIM * (size_t)n, f) == DIM * (size_t)n && fread(vel, sizeof(*vel), DIM * (size_t)n, f) == DIM * (size_t)n;
	fclose(f);
	return ok ? step : -1;
}

int main(int argc, char **argv)
{
	int rank, ranks, status = 0;
	const char *checkpoint = argc > 3 ? argv[3] : NULL;
	double energy = 0;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);

	long n = argument(argc, argv, 1, 1024, 1000000);
	long steps = argument(argc, argv, 2, 100, 1000000000);
	long probes = argument(argc, argv, 4, 0, n);
	if (argc > 5 || n < 0 || steps < 0 || probes < 0) {
		if (rank == 0)
			fprintf(stderr, "usage: nbody [bodies 1..1000000] [steps 1..1000000000] [checkpoint] [probes 1..bodies]\n");
		MPI_Finalize();
		return 2;
	}

	double *pos = malloc(sizeof(*pos) * DIM * (size_t)n);
	double *vel = calloc(DIM * (size_t)n, sizeof(*vel));
	int *counts = malloc(sizeof(*counts) * (size_t)ranks);
	int *starts = malloc(sizeof(*starts) * (size_t)ranks);
	if (!pos || !vel || !counts || !starts) {
		fprintf(stderr, "nbody: rank %d: out of memory for %ld bodies\n", rank, n);
		MPI_Abort(MPI_COMM_WORLD, 1);
		return 1;
	}

	uint64_t seed = 20110401;
	for (long i = 0; i < DIM * n; i++)
		pos[i] = uniform(&seed);
	for (int r = 0; r < ranks; r++) {
		long from = n * r / ranks, to = n * (r + 1) / ranks;

		starts[r] = (int)(DIM * from);
		counts[r] = (int)(DIM * (to - from));
	}
	long from = starts[rank] / DIM, to = from + counts[rank] / DIM;
	long first = load(checkpoint, n, pos, vel);
	if (first < 0) {
		fprintf(stderr, "nbody: %s is no checkpoint of %ld bodies\n", checkpoint, n);
		MPI_Abort(MPI_COMM_WORLD, 1);
	}

	MPI_Barrier(MPI_COMM_WORLD);
	double begin_s = MPI_Wtime();
	for (long step = first; step < steps; step++) {
		for (long i = from; i < to; i++) {
			double acc[DIM];

			accelerate(pos, n, &pos[DIM * i], acc);
			for (int d = 0; d < DIM; d++)
				vel[DIM * i + d] += acc[d] / (double)n * TIME_STEP;
		}
		/* Moved only now: every force of a step sees the same positions. */
		for (long i = DIM * from; i < DIM * to; i++)
			pos[i] += vel[i] * TIME_STEP;
		MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, pos, counts, starts, MPI_DOUBLE,
			       MPI_COMM_WORLD);
		energy = potential(pos, n, probes);
#ifdef WATTLE
		wattle_progress((uint64_t)step + 1, (uint64_t)steps);
		if (checkpoint && step + 1 < steps && wattle_should_checkpoint()) {
			int ok = 1;

			MPI_Gatherv(rank == 0 ? MPI_IN_PLACE : (const void *)(vel + starts[rank]), counts[rank], MPI_DOUBLE, vel, counts, starts,
				    MPI_DOUBLE, 0, MPI_COMM_WORLD);
			if (rank == 0 && (ok = save(checkpoint, n, step + 1, pos, vel)))
				wattle_checkpoint_done();
			MPI_Bcast(&ok, 1, MPI_INT, 0, MPI_COMM_WORLD);
			status = ok ? WATTLE_CHECKPOINTED : 1;
			break;
		}
#endif
	}
	MPI_Barrier(MPI_COMM_WORLD);
	double elapsed_s = MPI_Wtime() - begin_s;

	if (rank == 0 && status == 0)
		printf("nbody bodies=%ld steps=%ld ranks=%d checksum=%016llx%s seconds=%.3f\n", n, steps, ranks,
		       (unsigned long long)checksum(pos, n), probes && !isfinite(energy) ? " (energy lost)" : "", elapsed_s);
	free(pos);
	free(vel);
	free(counts);
	free(starts);
	MPI_Finalize();
	return status;
}
