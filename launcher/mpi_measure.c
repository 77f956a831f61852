/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpi_measure.h"

#include <fcntl.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mpi_pmix.h"
#include "mpi_report.h"

bool wattle_measuring;

static _Atomic int64_t in_mpi_ns;
static _Atomic uint64_t n_calls, n_marks;
static int64_t begin_ns, begin_us;

__attribute__((constructor)) static void look_for_file(void)
{
	wattle_measuring = getenv(WATTLE_MEASURE_ENV) != NULL;
}

void wattle_measure_init(void)
{
	begin_ns = wattle_mono_ns();
	begin_us = wattle_wall_us();
	atomic_store(&in_mpi_ns, 0);
}

void wattle_measure_add(int64_t began_ns)
{
	atomic_fetch_add_explicit(&in_mpi_ns, wattle_mono_ns() - began_ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&n_calls, 1, memory_order_relaxed);
}

void wattle_measure_iteration(void)
{
	atomic_fetch_add_explicit(&n_marks, 1, memory_order_relaxed);
}

/* PMIx knows; else those that share memory are one. All ranks go the same way. */
static int count_nodes(const struct wattle_pmix_place *place)
{
	MPI_Comm node;
	int rank, nodes = 0, leader = 0, known = place->nodes > 0;

	if (PMPI_Allreduce(MPI_IN_PLACE, &known, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD) == MPI_SUCCESS && known)
		return (int) place->nodes;
	if (PMPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node) != MPI_SUCCESS)
		return 0;
	if (PMPI_Comm_rank(node, &rank) == MPI_SUCCESS)
		leader = rank == 0;
	PMPI_Comm_free(&node);
	PMPI_Allreduce(&leader, &nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	return nodes;
}

/* A number of the environment, or null. */
static void put_number(char *text, size_t size, const char *key, const char *name)
{
	const char *value = getenv(name);
	size_t len = strlen(text), digits = value ? strspn(value, "0123456789") : 0;
	bool whole = digits > 0 && digits < 12 && !value[digits];

	snprintf(text + len, size - len, "\"%s\":%s,", key, whole ? value : "null");
}

/* The launcher's name for this start; what does not look like one would be no JSON. */
static void put_launch(char *text, size_t size, const char *job)
{
	size_t len = strlen(text);
	bool plain = job[0] && !job[strspn(job, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@:-")];

	snprintf(text + len, size - len, "\"pmix_job\":%s%s%s,", plain ? "\"" : "", plain ? job : "null", plain ? "\"" : "");
}

static void append(const char *text, size_t len)
{
	const char *path = getenv(WATTLE_MEASURE_ENV);
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600) : -1;
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < WATTLE_MEASURE_BYTES_MAX && write(fd, text, len) < 0)
		fprintf(stderr, "wattle: what was measured can't be written to %s\n", path);
	close(fd);
}

void wattle_measure_end(uint64_t calls)
{
	double elapsed_s = (double) (wattle_mono_ns() - begin_ns) / 1e9, mine = (double) atomic_load(&in_mpi_ns) / 1e9;
	/* the least by the greatest of the negative; counts that every rank has alike */
	double most[5] = { mine, -mine, 0, 0, 0 }, sum = 0, mean;
	uint64_t done, total, my_calls = atomic_load(&n_calls), all_calls = 0, iterations = calls ? calls : atomic_load(&n_marks);
	struct wattle_pmix_place place = { .nodes = 0 };
	int rank, ranks, nodes;
	char text[1024] = "{", iteration[64] = "null", units[64] = "null", of[64] = "\"done\":null,\"total\":null";
	size_t len;

	wattle_measuring = false;
	wattle_report_latest(&done, &total);
	most[2] = (double) done;
	most[3] = (double) total;
	most[4] = (double) wattle_report_since();
	wattle_pmix_place(&place);
	nodes = count_nodes(&place);
	if (PMPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS || PMPI_Comm_size(MPI_COMM_WORLD, &ranks) != MPI_SUCCESS ||
	    PMPI_Allreduce(MPI_IN_PLACE, most, 5, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD) != MPI_SUCCESS ||
	    PMPI_Reduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD) != MPI_SUCCESS ||
	    PMPI_Reduce(&my_calls, &all_calls, 1, MPI_UINT64_T, MPI_SUM, 0, MPI_COMM_WORLD) != MPI_SUCCESS || rank != 0)
		return;
	mean = sum / ranks;
	if (iterations)
		snprintf(iteration, sizeof(iteration), "%.9f", elapsed_s / (double) iterations);
	if (most[3] > 0)
		snprintf(of, sizeof(of), "\"done\":%.0f,\"total\":%.0f", most[2], most[3]);
	if (most[3] > 0 && elapsed_s > 0 && most[2] >= most[4])
		snprintf(units, sizeof(units), "%.6g", (most[2] - most[4]) / elapsed_s);
	put_number(text, sizeof(text), "job", "SLURM_JOB_ID");
	put_number(text, sizeof(text), "step", "SLURM_STEP_ID");
	put_launch(text, sizeof(text), place.job);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len,
		 "\"nodes\":%d,\"ranks\":%d,\"start_s\":%.3f,\"elapsed_s\":%.6f,\"mpi_s\":{\"min\":%.6f,\"mean\":%.6f,\"max\":%.6f},\"mpi_calls\":%" PRIu64
		 ",\"iterations\":%" PRIu64 ",\"iteration_s\":%s,%s,\"units_per_s\":%s}\n", nodes, ranks, (double) begin_us / 1e6, elapsed_s, -most[1],
		 mean, most[0], all_calls, iterations, iteration, of, units);
	append(text, strlen(text));
}
