/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "measured.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"

#define FIGURE_MAX 1e15

/* null: not known, ret untouched. */
static bool take(struct json_object *o, const char *key, double *ret)
{
	struct json_object *value;
	double v;

	if (!json_object_object_get_ex(o, key, &value))
		return false;
	if (!value)
		return true;
	if (wattle_json_number(o, key, &v) < 0 || v < 0 || v > FIGURE_MAX)
		return false;
	*ret = v;
	return true;
}

int wattle_measured_parse(const char *line, size_t len, uint32_t job_id, struct wattle_measured_run *ret)
{
	cleanup_json struct json_object *o = wattle_json_parse(line, len, 3);
	struct wattle_measured_run run = { .mpi_mean_s = -1, .units_per_s = -1 };
	struct json_object *mpi;
	double job = 0, step = -1, iteration_s = 0;
	uint64_t nodes, ranks;

	if (!json_object_is_type(o, json_type_object) || !take(o, "job", &job) || (job_id && job != job_id) || !take(o, "step", &step) ||
	    wattle_json_u64(o, "nodes", UINT32_MAX, &nodes) < 0 || wattle_json_u64(o, "ranks", UINT32_MAX, &ranks) < 0 || ranks == 0 ||
	    !take(o, "start_s", &run.start_s) || !take(o, "elapsed_s", &run.elapsed_s) || !(run.elapsed_s > 0) ||
	    !json_object_object_get_ex(o, "mpi_s", &mpi) || !json_object_is_type(mpi, json_type_object) || !take(mpi, "min", &run.mpi_min_s) ||
	    !take(mpi, "mean", &run.mpi_mean_s) || run.mpi_mean_s < 0 || !take(mpi, "max", &run.mpi_max_s) ||
	    !take(o, "iterations", &run.iterations) || !take(o, "iteration_s", &iteration_s) || !take(o, "units_per_s", &run.units_per_s))
		return -EINVAL;
	run.iteration_s = run.iterations > 0 ? iteration_s : 0;
	run.nodes = (uint32_t) nodes;
	run.ranks = (uint32_t) ranks;
	run.step = (int64_t) step;
	*ret = run;
	return 0;
}

int wattle_measured_read(const char *path, uid_t uid, uint32_t job_id, struct wattle_measured *ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_MEASURED_BYTES_MAX, .any_owner = true };
	cleanup_free char *text = NULL;
	char *rest, *line;
	struct stat st;
	size_t len;
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = wattle_file_read(path, &rule, &text, &len, &st, err);
	if (rc < 0)
		return rc;
	if (uid != (uid_t) -1 && st.st_uid != uid)
		return wattle_err_set(err, EPERM, "%s is not the file of the job's user", path);
	ret->run = calloc(WATTLE_MEASURED_LINES_MAX, sizeof(*ret->run));
	if (!ret->run)
		return wattle_err_set(err, ENOMEM, "out of memory");
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		if (ret->n < WATTLE_MEASURED_LINES_MAX && wattle_measured_parse(line, strlen(line), job_id, &ret->run[ret->n]) == 0)
			ret->n++;
		else
			ret->n_bad++;
	}
	return 0;
}

void wattle_measured_free(struct wattle_measured *measured)
{
	free(measured->run);
	memset(measured, 0, sizeof(*measured));
}

double wattle_measured_rate(const struct wattle_measured *measured)
{
	double units = 0, iterations = 0, elapsed_s = 0;
	bool all_units = true, all_iterations = true;

	for (size_t i = 0; i < measured->n; i++) {
		const struct wattle_measured_run *run = &measured->run[i];

		elapsed_s += run->elapsed_s;
		units += run->units_per_s * run->elapsed_s;
		iterations += run->iterations;
		all_units = all_units && run->units_per_s > 0;
		all_iterations = all_iterations && run->iterations > 0;
	}
	if (!(elapsed_s > 0) || (!all_units && !all_iterations))
		return 0;
	return (all_units ? units : iterations) / elapsed_s;
}
