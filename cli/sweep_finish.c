/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sweep's end: its table as CSV, what is missing, the profile. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "command.h"
#include "decimal.h"
#include "file.h"
#include "json_new.h"
#include "profile_make.h"
#include "table.h"

#define MISSING_SHOWN 12

/* --- CSV --------------------------------------------------------------- */

static const char *figure(char *buf, size_t size, double value)
{
	if (wattle_decimal_print(buf, size, value, 9) < 0)
		buf[0] = '\0';
	return buf;
}

static void put_runs(const struct sweep *sweep, FILE *to)
{
	char cap[32], time[32], energy[32];

	fprintf(to, "cap_w,%s,energy_j\n", sweep->fom[0] ? "throughput" : "time_s");
	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		const struct sweep_run *run = &sweep->run[i];

		if (run->stage == SWEEP_DONE)
			fprintf(to, "%s,%s,%s\n", figure(cap, sizeof(cap), run->cap_w),
				figure(time, sizeof(time), sweep->fom[0] ? run->fom : run->time_s),
				run->energy_j > 0 ? figure(energy, sizeof(energy), run->energy_j) : "");
	}
}

static void put_curve(const struct wattle_scaling *curve, FILE *to)
{
	char throughput[32], power[32];

	fputs("nodes,throughput,power\n", to);
	for (uint32_t i = 0; i < curve->n; i++)
		fprintf(to, "%u,%s,%s\n", curve->point[i].nodes, figure(throughput, sizeof(throughput), curve->point[i].throughput_per_s),
			figure(power, sizeof(power), curve->point[i].power_w));
}

/* curve: NULL for a sweep of caps. */
static int write_csv(const struct sweep *sweep, const struct wattle_scaling *curve, char *ret_path, size_t size, struct wattle_err *err)
{
	cleanup_free char *text = NULL;
	char name[WATTLE_MODEL_NAME_MAX + 8];
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (curve)
		put_curve(curve, to);
	else
		put_runs(sweep, to);
	if (fclose(to) != 0)
		return wattle_err_set(err, ENOMEM, "out of memory");
	snprintf(name, sizeof(name), "%s.csv", sweep->name);
	snprintf(ret_path, size, "%s/%s", sweep->dir, name);
	return wattle_file_replace(sweep->dir_fd, name, 0644, text, len, err);
}

/* --- what people should know ------------------------------------------- */

static void say_missing(const struct sweep *sweep)
{
	uint32_t shown = 0;
	char label[64];

	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		const struct sweep_run *run = &sweep->run[i];

		if (run->stage == SWEEP_DONE || run->stage == SWEEP_TODO)
			continue;
		if (shown++ < MISSING_SHOWN)
			wattle_warn("no result of %s: %s", sweep_run_label(sweep, run, label, sizeof(label)),
				    run->why[0] ? run->why : "its job is in the queue");
	}
	if (shown > MISSING_SHOWN)
		wattle_warn("and of %u more runs", shown - MISSING_SHOWN);
}

/* Where the runs compare badly. Returns their class of nodes, "" if there is not just one. */
static const char *say_doubts(const struct sweep *sweep)
{
	const struct sweep_run *first = NULL;
	double cap_max_w = 0;
	uint32_t max_w = 0;
	bool mixed = false, hosts = false;

	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		const struct sweep_run *run = &sweep->run[i];

		if (run->stage != SWEEP_DONE)
			continue;
		first = first ? first : run;
		mixed = mixed || strcmp(run->host_class, first->host_class) != 0 || strcmp(run->host_class, "mixed") == 0;
		hosts = hosts || strcmp(run->hosts, first->hosts) != 0;
		cap_max_w = run->cap_w > cap_max_w ? run->cap_w : cap_max_w;
		max_w = run->max_w > max_w ? run->max_w : max_w;
	}
	if (mixed)
		wattle_warn("the runs were on nodes of several classes: a profile is one class's (--constraint or --partition of sbatch "
			    "choose nodes)");
	else if (hosts && !sweep->any_nodes && !sweep->scaling)
		wattle_warn("the runs were on different nodes: what differs between nodes counts as an effect of the cap");
	if (cap_max_w > 0 && cap_max_w < max_w && !sweep->scaling)
		wattle_warn("the highest cap of the sweep, %g W, is under the node's maximum, %u W: slowdown is then against %g W, not against "
			    "full power", cap_max_w, max_w, cap_max_w);
	return mixed || !first ? "" : first->host_class;
}

/* --- tables ------------------------------------------------------------ */

static void print_caps(const struct wattle_sweep *measured)
{
	static const char *const head[] = { ">CAP", ">RUNS", ">TIME", ">SPREAD", ">ENERGY", ">SLOWDOWN" };
	cleanup_free struct wattle_caps *caps = calloc(1, sizeof(*caps));
	struct wattle_table table;
	char b[32];

	if (!caps)
		return;
	wattle_sweep_group(measured, caps);
	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = caps->n; i-- > 0;) {
		const struct wattle_cap *cap = &caps->cap[i];
		double spread = cap->n > 1 ? 100 * sqrt(cap->variance_s2) / cap->time_s : -1;

		wattle_table_cell(&table, "%g W", cap->cap_w);
		wattle_table_cell(&table, "%u%s", cap->n, cap->n_set_aside ? "*" : "");
		if (measured->relative)
			wattle_table_cell(&table, "%.4g/s", 1 / cap->time_s);
		else
			wattle_table_cell(&table, "%s", wattle_text_duration(b, sizeof(b), cap->time_s));
		if (spread >= 0)
			wattle_table_cell(&table, "%.1f%%", spread);
		else
			wattle_table_cell(&table, "-");
		wattle_table_cell(&table, "%s", wattle_text_energy(b, sizeof(b), cap->energy_j > 0 ? cap->energy_j : -1));
		wattle_table_cell(&table, "%.1f%%", 100 * (cap->time_s / caps->time_min_s - 1));
	}
	wattle_table_print(&table, stdout);
	if (caps->n_set_aside)
		printf("* without %u outlier%s\n", caps->n_set_aside, caps->n_set_aside == 1 ? "" : "s");
	putchar('\n');
}

static void print_curve(const struct wattle_scaling *curve)
{
	static const char *const head[] = { ">NODES", ">THROUGHPUT", ">POWER", ">EFFICIENCY" };
	struct wattle_table table;

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0; i < curve->n; i++) {
		const struct wattle_scaling_point *p = &curve->point[i], *one = &curve->point[0];

		wattle_table_cell(&table, "%u", p->nodes);
		wattle_table_cell(&table, "%.4g/s", p->throughput_per_s);
		wattle_table_cell(&table, "%.0f W", p->power_w);
		wattle_table_cell(&table, "%.0f%%", 100 * p->throughput_per_s / one->throughput_per_s * one->nodes / p->nodes);
	}
	wattle_table_print(&table, stdout);
	putchar('\n');
}

static struct json_object *runs_json(const struct sweep *sweep)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		const struct sweep_run *run = &sweep->run[i];
		struct json_object *o = json_object_new_object();
		bool done = run->stage == SWEEP_DONE;

		json_object_object_add(o, "cap", json_object_new_string(run->cap));
		json_object_object_add(o, "nodes", run->nodes ? json_object_new_int64(run->nodes) : NULL);
		json_object_object_add(o, "repeat", json_object_new_int64(run->repeat));
		json_object_object_add(o, "job", run->job_id ? json_object_new_int64(run->job_id) : NULL);
		json_object_object_add(o, "hosts", json_object_new_string(run->hosts));
		json_object_object_add(o, "done", json_object_new_boolean(done));
		json_object_object_add(o, "cap_w", done ? wattle_json_new_number(run->cap_w) : NULL);
		json_object_object_add(o, "time_s", done ? wattle_json_new_number(run->time_s) : NULL);
		json_object_object_add(o, "throughput", done && sweep->fom[0] ? wattle_json_new_number(run->fom) : NULL);
		json_object_object_add(o, "energy_j", done && run->energy_j > 0 ? wattle_json_new_number(run->energy_j) : NULL);
		json_object_object_add(o, "why", json_object_new_string(run->why));
		json_object_array_add(array, o);
	}
	return array;
}

/* --- profiles ---------------------------------------------------------- */

static void note_command(const struct sweep *sweep, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (uint32_t i = 0; i < sweep->n_args && used < size - 1; i++) {
		char quoted[256];

		used += (size_t) snprintf(ret + used, size - used, "%s%s", i ? " " : "sbatch ",
					  wattle_err_quote(quoted, sizeof(quoted), sweep->arg[i]));
	}
}

static int make_profile(const struct sweep *sweep, const struct wattle_sweep *measured, const char *csv, const char *class_name, bool ascii,
			struct json_object *into)
{
	cleanup_free struct wattle_profile *profile = calloc(1, sizeof(*profile));
	const struct profile_making making = { .form = sweep->form, .json = into != NULL, .plot = !into, .ascii = ascii,
					       .output = sweep->output[0] ? sweep->output : NULL, .from = csv, .into = into };

	if (!profile)
		return wattle_fail("out of memory");
	memcpy(profile->name, sweep->name, sizeof(profile->name));
	profile->sweep = *measured;
	note_command(sweep, profile->provenance.command, sizeof(profile->provenance.command));
	for (uint32_t i = 0; i < sweep->n_runs; i++)
		if (sweep->run[i].stage == SWEEP_DONE)
			snprintf(profile->provenance.host, sizeof(profile->provenance.host), "%s", sweep->run[i].hosts);
	snprintf(profile->provenance.host_class, sizeof(profile->provenance.host_class), "%s", class_name);
	snprintf(profile->provenance.source, sizeof(profile->provenance.source), "%s", csv);
	return profile_make(&making, profile);
}

/* A scaling curve goes into a profile that is there. */
static int extend_profile(const struct sweep *sweep, const struct wattle_scaling *curve, bool json)
{
	cleanup_free struct wattle_profile *profile = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;

	if (!sweep->output[0])
		return WATTLE_EXIT_DONE;
	if (wattle_profile_read(sweep->output, true, &profile, &err) < 0)
		return wattle_fail("%s: a scaling curve goes into a profile that is there, or is kept as CSV", err.text);
	profile->scaling = *curve;
	if (wattle_profile_write(sweep->output, profile, &err) < 0)
		return wattle_fail("%s", err.text);
	if (!json)
		printf("%-12s %s\n", "written", sweep->output);
	return WATTLE_EXIT_DONE;
}

static int fail_incomplete(const struct sweep *sweep)
{
	uint32_t done = sweep_count(sweep, SWEEP_DONE);

	return wattle_fail("%u of %u runs are missing, no profile is written: `wattle sweep --resume %s` runs them%s", sweep->n_runs - done,
			   sweep->n_runs, sweep->dir, done && !sweep->scaling ? "; with --partial it takes what there is" : "");
}

int sweep_finish(struct sweep *sweep, bool partial, bool json, bool ascii)
{
	cleanup_free struct wattle_sweep *measured = calloc(1, sizeof(*measured));
	struct json_object *o = json ? json_object_new_object() : NULL;
	struct wattle_scaling curve = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	bool complete = sweep_count(sweep, SWEEP_DONE) == sweep->n_runs;
	char csv[PATH_MAX + 80] = "";
	const char *class_name;
	int status = WATTLE_EXIT_DONE;

	if (!measured) {
		json_object_put(o);
		return wattle_fail("out of memory");
	}
	sweep_measured(sweep, measured);
	say_missing(sweep);
	class_name = say_doubts(sweep);
	if (sweep->scaling && !sweep_curve(sweep, &curve))
		status = fail_incomplete(sweep);
	else if (measured->n > 0 && write_csv(sweep, sweep->scaling ? &curve : NULL, csv, sizeof(csv), &err) < 0)
		status = wattle_fail("%s", err.text);
	if (measured->n > 0 && !json && !sweep->scaling)
		print_caps(measured);
	if (curve.n > 0 && !json)
		print_curve(&curve);
	if (csv[0] && !json)
		printf("%-12s %s\n", "table", csv);
	if (status == WATTLE_EXIT_DONE && (!complete && (!partial || measured->n == 0))) {
		fflush(stdout);
		status = fail_incomplete(sweep);
	} else if (status == WATTLE_EXIT_DONE) {
		status = sweep->scaling ? extend_profile(sweep, &curve, json)
					: make_profile(sweep, measured, csv, class_name, ascii, o);
	}
	if (json) {
		json_object_object_add(o, "name", json_object_new_string(sweep->name));
		json_object_object_add(o, "dir", json_object_new_string(sweep->dir));
		json_object_object_add(o, "csv", csv[0] ? json_object_new_string(csv) : NULL);
		json_object_object_add(o, "profile",
				       status == WATTLE_EXIT_DONE && sweep->output[0] ? json_object_new_string(sweep->output) : NULL);
		json_object_object_add(o, "total", json_object_new_int64(sweep->n_runs));
		json_object_object_add(o, "done", json_object_new_int64(sweep_count(sweep, SWEEP_DONE)));
		json_object_object_add(o, "runs", runs_json(sweep));
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	}
	return wattle_finish(status);
}
