/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A malleable MPI program: `stencil SIDE STEPS CHECKPOINT [WORK [GATE]]`.
 *
 * Heat spreads over a square grid of SIDE x SIDE cells (5-point stencil, Jacobi); each rank has some rows and learns its neighbours' edge
 * rows each step. A cell's value depends on the step and on nothing else, so the checksum is the same, bit for bit, however many ranks
 * there were and however often it was stopped: a run that lost work or did it twice can't hide. WORK: each step is computed that many
 * times over, to make it longer. GATE: the last step waits until there is a file of that name, so that it ends when a test wants it to;
 * the ranks answer requests meanwhile.
 *
 * Begins from CHECKPOINT if there is one. Asked for a checkpoint, it writes it and leaves with 85.
 * Prints one line: side, steps, ranks, checksum, and the steps that this run did. */
#include <errno.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wattle.h>

#define MAGIC 0x77617474u

struct header {
	uint32_t magic, side;
	uint64_t step;
};

static int rank, ranks;
static long side, first, rows; /* of this rank: rows first .. first+rows-1 */

static void *need(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p) {
		fprintf(stderr, "stencil: rank %d: out of memory\n", rank);
		MPI_Abort(MPI_COMM_WORLD, 1);
	}
	return p;
}

static long number(const char *text, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return errno || end == text || *end || n < 1 || n > max ? -1 : n;
}

static long first_of(int r)
{
	return side * r / ranks;
}

/* Cells of the rank with an edge row above and below. */
static double *row(double *cells, long i)
{
	return cells + (i + 1) * side;
}

static void begin(double *cells)
{
	for (long i = 0; i < rows; i++)
		for (long j = 0; j < side; j++)
			row(cells, i)[j] = (double) (((first + i) * 7919 + j * 104729) % 1000);
}

static void exchange(double *cells)
{
	int up = rank > 0 ? rank - 1 : MPI_PROC_NULL, down = rank < ranks - 1 ? rank + 1 : MPI_PROC_NULL;
	int n = (int) side;

	MPI_Sendrecv(row(cells, 0), n, MPI_DOUBLE, up, 1, row(cells, rows), n, MPI_DOUBLE, down, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	MPI_Sendrecv(row(cells, rows - 1), n, MPI_DOUBLE, down, 2, row(cells, -1), n, MPI_DOUBLE, up, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* The border of the grid keeps its values. */
static void compute(double *from, double *to)
{
	for (long i = 0; i < rows; i++) {
		const double *above = row(from, i - 1), *here = row(from, i), *below = row(from, i + 1);
		double *out = row(to, i);

		memcpy(out, here, sizeof(*out) * (size_t) side);
		if (first + i == 0 || first + i == side - 1)
			continue;
		for (long j = 1; j < side - 1; j++)
			out[j] = 0.25 * (above[j] + below[j] + here[j - 1] + here[j + 1]);
	}
}

/* A sum of hashes, in any order. */
static uint64_t checksum(double *cells)
{
	uint64_t sum = 0, total = 0;

	for (long i = 0; i < rows; i++)
		for (long j = 0; j < side; j++) {
			uint64_t bits;

			memcpy(&bits, &row(cells, i)[j], sizeof(bits));
			bits = (bits ^ (uint64_t) ((first + i) * side + j)) * 0x9E3779B97F4A7C15u;
			sum += bits ^ (bits >> 29);
		}
	MPI_Reduce(&sum, &total, 1, MPI_UINT64_T, MPI_SUM, 0, MPI_COMM_WORLD);
	return total;
}

/* Rank 0 writes for all, beside the old one, which stays until the new one is on disk. */
static int save(const char *path, double *cells, uint64_t step)
{
	struct header header = { MAGIC, (uint32_t) side, step };
	char new_path[4096];
	double *buffer;
	FILE *f;
	int ok = 1;

	if (rank != 0) {
		MPI_Send(row(cells, 0), (int) (rows * side), MPI_DOUBLE, 0, 3, MPI_COMM_WORLD);
		MPI_Bcast(&ok, 1, MPI_INT, 0, MPI_COMM_WORLD);
		return ok;
	}
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	f = fopen(new_path, "wb");
	ok = f && fwrite(&header, sizeof(header), 1, f) == 1 && fwrite(row(cells, 0), sizeof(double), (size_t) (rows * side), f) == (size_t) (rows * side);
	buffer = need(sizeof(double) * (size_t) ((side / ranks + 1) * side));
	for (int r = 1; r < ranks; r++) {
		size_t n = (size_t) ((first_of(r + 1) - first_of(r)) * side);

		MPI_Recv(buffer, (int) n, MPI_DOUBLE, r, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		ok = ok && fwrite(buffer, sizeof(double), n, f) == n;
	}
	free(buffer);
	ok = ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
	if (f)
		ok = fclose(f) == 0 && ok;
	ok = ok && rename(new_path, path) == 0;
	if (!ok)
		fprintf(stderr, "stencil: checkpoint %s: %s\n", path, strerror(errno));
	MPI_Bcast(&ok, 1, MPI_INT, 0, MPI_COMM_WORLD);
	return ok;
}

/* Each rank reads its own rows. 0 if there is no checkpoint. */
static uint64_t load(const char *path, double *cells)
{
	struct header header = { 0 };
	FILE *f = fopen(path, "rb");
	size_t n = (size_t) (rows * side);

	if (!f)
		return 0;
	if (fread(&header, sizeof(header), 1, f) != 1 || header.magic != MAGIC || header.side != (uint32_t) side ||
	    fseek(f, (long) sizeof(header) + first * side * (long) sizeof(double), SEEK_SET) != 0 || fread(row(cells, 0), sizeof(double), n, f) != n) {
		fprintf(stderr, "stencil: %s is no checkpoint of a grid of %ld\n", path, side);
		MPI_Abort(MPI_COMM_WORLD, 1);
	}
	fclose(f);
	return header.step;
}

/* Whether the ranks may take the last step; the same answer for all. */
static int gate_open(const char *gate)
{
	const struct timespec nap = { 0, 10000000 };
	int open = rank == 0 && access(gate, F_OK) == 0;

	MPI_Bcast(&open, 1, MPI_INT, 0, MPI_COMM_WORLD);
	if (!open)
		nanosleep(&nap, NULL);
	return open;
}

int main(int argc, char **argv)
{
	long steps, work;
	uint64_t from, step;
	double *cells, *next;
	int status = 0;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	side = argc > 2 ? number(argv[1], 20000) : -1;
	steps = argc > 2 ? number(argv[2], 1000000000) : -1;
	work = argc > 4 ? number(argv[4], 1000000) : 1;
	if (argc < 4 || argc > 6 || side < ranks || steps < 0 || work < 0) {
		if (rank == 0)
			fprintf(stderr, "usage: stencil SIDE STEPS CHECKPOINT [WORK [GATE]]   (SIDE at least the number of ranks)\n");
		MPI_Finalize();
		return 2;
	}
	first = first_of(rank);
	rows = first_of(rank + 1) - first;
	cells = need(sizeof(double) * (size_t) ((rows + 2) * side));
	next = need(sizeof(double) * (size_t) ((rows + 2) * side));
	begin(cells);
	from = step = load(argv[3], cells);
	while (step < (uint64_t) steps) {
		double *old = cells;

		if (argc < 6 || step + 1 < (uint64_t) steps || gate_open(argv[5])) {
			exchange(cells);
			for (long w = 0; w < work; w++)
				compute(cells, next);
			cells = next;
			next = old;
			step++;
		}
		wattle_progress(step, (uint64_t) steps);
		if (wattle_should_checkpoint()) {
			status = save(argv[3], cells, step) ? WATTLE_CHECKPOINTED : 1;
			if (status == WATTLE_CHECKPOINTED)
				wattle_checkpoint_done();
			break;
		}
	}
	if (step == (uint64_t) steps) {
		uint64_t sum = checksum(cells);

		status = 0;
		if (rank == 0)
			printf("stencil side=%ld steps=%ld ranks=%d checksum=%016llx did=%llu\n", side, steps, ranks, (unsigned long long) sum,
			       (unsigned long long) (step - from));
	}
	free(cells);
	free(next);
	MPI_Finalize();
	return status;
}
