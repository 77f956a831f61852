/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "report_mpi.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "program.h"
#include "table.h"
#include "total.h"

#define SACCT_MS 10000
#define CLOCKS_APART_S 2 /* records have whole seconds */

/* The job's working directory, as Slurm's accounting has it. */
static bool find_folder(const struct wattle_slurm_job *job, char *ret, size_t size)
{
	char sacct[256], id[16];
	const char *argv[] = { sacct, "-X", "-n", "-P", "-j", id, "-o", "WorkDir", NULL };
	struct wattle_answer answer;
	char *end;
	bool found;

	snprintf(id, sizeof(id), "%u", job->job_id);
	if (wattle_program_find("sacct", sacct, sizeof(sacct)) < 0 || wattle_program_ask(argv, SACCT_MS, PATH_MAX * 4, &answer, NULL) < 0)
		return false;
	end = strchr(answer.text, '\n');
	if (end)
		*end = '\0';
	found = answer.status == 0 && answer.text[0] == '/' && strlen(answer.text) < size;
	if (found)
		memcpy(ret, answer.text, strlen(answer.text) + 1);
	free(answer.text);
	return found;
}

/* What the run's step drew on its nodes. Steps are numbered anew when a job is requeued, so the time counts, too. */
static double energy_of(const struct wattle_measured_run *run, const struct wattle_job_records *records)
{
	double energy_j = 0;
	uint32_t nodes = 0;

	if (run->step < 0)
		return -1;
	for (size_t i = 0; i < records->n; i++) {
		const struct wattle_record *r = &records->record[i];

		if (r->step_id != run->step || (double) r->start_s > run->start_s + CLOCKS_APART_S ||
		    (double) r->end_s + CLOCKS_APART_S < run->start_s + run->elapsed_s)
			continue;
		if (r->energy_j < 0)
			return -1;
		energy_j += r->energy_j + r->base_w * r->elapsed_s;
		nodes++;
	}
	return nodes > 0 && nodes == run->nodes ? energy_j : -1;
}

void report_mpi_make(const char *said, bool ask_slurm, const struct wattle_slurm_job *job, const struct wattle_job_records *records,
		     struct report_mpi *ret)
{
	char folder[PATH_MAX], path[PATH_MAX + 64];
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (said)
		snprintf(path, sizeof(path), "%s", said);
	else if (ask_slurm && find_folder(job, folder, sizeof(folder)))
		snprintf(path, sizeof(path), "%s/.wattle/%u/measured.jsonl", folder, job->job_id);
	else
		return;
	rc = wattle_measured_read(path, job->uid, job->job_id, &ret->measured, &err);
	/* another user's home may be closed to whoever reads the report */
	if (rc < 0 && (said || (rc != -ENOENT && rc != -EACCES)))
		snprintf(ret->why, sizeof(ret->why), "%s", err.text);
	/* the folder's name is the user's, the terminal an administrator's */
	for (char *c = ret->why; *c; c++)
		if (iscntrl((unsigned char) *c))
			*c = '?';
	if (rc < 0 || ret->measured.n == 0)
		return;
	ret->energy_j = calloc(ret->measured.n, sizeof(*ret->energy_j));
	for (size_t i = 0; ret->energy_j && i < ret->measured.n; i++)
		ret->energy_j[i] = energy_of(&ret->measured.run[i], records);
}

void report_mpi_free(struct report_mpi *mpi)
{
	wattle_measured_free(&mpi->measured);
	free(mpi->energy_j);
	mpi->energy_j = NULL;
}

static double per_unit_j(const struct report_mpi *mpi, size_t i)
{
	const struct wattle_measured_run *run = &mpi->measured.run[i];

	return mpi->energy_j && mpi->energy_j[i] > 0 && run->units_per_s > 0 ? mpi->energy_j[i] / (run->units_per_s * run->elapsed_s) : -1;
}

static void cell_or_dash(struct wattle_table *table, const char *format, double value, bool known)
{
	char text[64];

	/* the formats are those below */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, value);
#pragma GCC diagnostic pop
	wattle_table_cell(table, "%s", known ? text : "-");
}

static const char *seconds(char *buf, size_t size, double s)
{
	snprintf(buf, size, s >= 1 ? "%.3g s" : s >= 1e-3 ? "%.3g ms" : "%.3g us", s >= 1 ? s : s >= 1e-3 ? s * 1e3 : s * 1e6);
	return buf;
}

void report_mpi_print(const struct report_mpi *mpi)
{
	static const char *const head[] = { "MPI STEP", ">NODES", ">RANKS", ">TIME", ">IN MPI", ">MOST", ">ITERATION", ">UNITS/S", ">ENERGY", ">J/UNIT" };
	struct wattle_table table;
	char b[32];

	if (mpi->why[0])
		printf("What MPI programs measured is left out: %s\n", mpi->why);
	if (mpi->measured.n == 0)
		return;
	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (size_t i = 0; i < mpi->measured.n; i++) {
		const struct wattle_measured_run *run = &mpi->measured.run[i];
		double energy_j = mpi->energy_j ? mpi->energy_j[i] : -1;

		if (run->step >= 0)
			wattle_table_cell(&table, "%lld", (long long) run->step);
		else
			wattle_table_cell(&table, "mpirun");
		wattle_table_cell(&table, "%u", run->nodes);
		wattle_table_cell(&table, "%u", run->ranks);
		wattle_table_cell(&table, "%s", wattle_text_duration(b, sizeof(b), run->elapsed_s));
		cell_or_dash(&table, "%.1f%%", 100 * run->mpi_mean_s / run->elapsed_s, true);
		cell_or_dash(&table, "%.1f%%", 100 * run->mpi_max_s / run->elapsed_s, true);
		wattle_table_cell(&table, "%s", run->iteration_s > 0 ? seconds(b, sizeof(b), run->iteration_s) : "-");
		cell_or_dash(&table, "%.4g", run->units_per_s, run->units_per_s >= 0);
		wattle_table_cell(&table, "%s", energy_j >= 0 ? wattle_text_energy(b, sizeof(b), energy_j) : "-");
		cell_or_dash(&table, "%.4g", per_unit_j(mpi, i), per_unit_j(mpi, i) >= 0);
	}
	printf("\n");
	wattle_table_print(&table, stdout);
	printf("(of each start of the program: time in MPI of a rank, mean and most; energy of its nodes with base watts)\n");
	if (mpi->measured.n_bad)
		printf("%u line%s of what was measured not readable and left out.\n", mpi->measured.n_bad, mpi->measured.n_bad == 1 ? " is" : "s are");
}

static struct json_object *figure(double v, bool known)
{
	char text[64];

	if (!known)
		return NULL;
	snprintf(text, sizeof(text), "%.9g", v);
	return json_object_new_double_s(v, text);
}

struct json_object *report_mpi_json(const struct report_mpi *mpi)
{
	struct json_object *list;

	if (mpi->measured.n == 0)
		return NULL;
	list = json_object_new_array();
	for (size_t i = 0; i < mpi->measured.n; i++) {
		const struct wattle_measured_run *run = &mpi->measured.run[i];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "step", run->step >= 0 ? json_object_new_int64(run->step) : NULL);
		json_object_object_add(o, "nodes", json_object_new_int64(run->nodes));
		json_object_object_add(o, "ranks", json_object_new_int64(run->ranks));
		json_object_object_add(o, "elapsed_s", figure(run->elapsed_s, true));
		json_object_object_add(o, "mpi_share", figure(run->mpi_mean_s / run->elapsed_s, true));
		json_object_object_add(o, "mpi_share_most", figure(run->mpi_max_s / run->elapsed_s, true));
		json_object_object_add(o, "iteration_s", figure(run->iteration_s, run->iteration_s > 0));
		json_object_object_add(o, "units_per_s", figure(run->units_per_s, run->units_per_s >= 0));
		json_object_object_add(o, "node_energy_j", figure(mpi->energy_j ? mpi->energy_j[i] : -1, mpi->energy_j && mpi->energy_j[i] >= 0));
		json_object_object_add(o, "unit_j", figure(per_unit_j(mpi, i), per_unit_j(mpi, i) >= 0));
		json_object_array_add(list, o);
	}
	return list;
}
