/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile refit`: what finished jobs add to a profile. Shows first, writes when asked. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "fit/model_fit.h"
#include "json_new.h"
#include "profile_json.h"
#include "records.h"
#include "slurm.h"
#include "table.h"
#include "total.h"

#define JOBS_MAX 256

/* A job is an outlier if it lies further from the old curve than 4 standard deviations of the sweep's own runs about it, and than 3
 * points of slowdown: a good sweep has a deviation of a few tenths, which no second day repeats. */
#define OUTLIER_DEVIATIONS 4
#define OUTLIER_POINTS 3
#define FITTED 3 /* coefficients */

struct found {
	uint32_t job_id;
	struct wattle_run run;
	double slowdown_pct, residual_pct; /* against the old model and its T_min */
	bool outlier, known;               /* known: stands in the profile already */
	char why[200];                     /* not taken at all; "" if it is */
};

struct refit {
	struct wattle_profile *profile;
	struct wattle_model old;
	double tolerance_pct;
	uint32_t n;
	struct found *found;
};

/* --- reading the jobs -------------------------------------------------- */

static bool has_run(const struct wattle_sweep *sweep, const struct wattle_run *run)
{
	for (uint32_t i = 0; i < sweep->n; i++)
		if (fabs(sweep->run[i].cap_w - run->cap_w) < 1e-6 && fabs(sweep->run[i].time_s - run->time_s) < 1e-6)
			return true;
	return false;
}

/* The cap of all records alike, or 0 with why. */
static double one_cap(const struct wattle_job_records *records, char *why, size_t size)
{
	const struct wattle_record *first = &records->record[0];

	for (size_t i = 0; i < records->n; i++) {
		const struct wattle_record *r = &records->record[i];

		if (r->grant_w != first->grant_w || r->grant_w == 0 || (r->cap_w && (r->cap_w > r->grant_w + 1 || r->cap_w + 1 < r->grant_w)) ||
		    !r->cap_held) {
			snprintf(why, size, "it did not run under one cap, held from first to last, on all its nodes");
			return 0;
		}
		if (r->shared) {
			snprintf(why, size, "other jobs ran on %s at the same time", r->node);
			return 0;
		}
	}
	return first->grant_w;
}

static void read_job(const char *id, const char *report_dir, struct found *ret)
{
	struct wattle_slurm_jobs jobs = { 0, NULL };
	struct wattle_job_records records = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_total total;

	if (wattle_slurm_jobs_ask(id, &jobs, &err) < 0 ||
	    (jobs.n == 1 && wattle_job_records_read(&jobs.job[0], report_dir, NULL, &records, &err) < 0)) {
		snprintf(ret->why, sizeof(ret->why), "%.190s", err.text);
	} else if (jobs.n != 1) {
		snprintf(ret->why, sizeof(ret->why), "it has several parts: name them, such as %.60s", jobs.job[0].label);
	} else if (strncmp(jobs.job[0].state, "COMPLETED", 9) != 0) {
		snprintf(ret->why, sizeof(ret->why), "it is %.30s", jobs.job[0].state);
	} else if (records.n == 0 || records.n_missing > 0 || wattle_job_work_s(&records) <= 0) {
		snprintf(ret->why, sizeof(ret->why), "records are missing");
	} else {
		ret->job_id = jobs.job[0].job_id;
		ret->run.cap_w = one_cap(&records, ret->why, sizeof(ret->why));
		ret->run.time_s = wattle_job_work_s(&records);
		wattle_total_job(records.record, records.n, &total);
		ret->run.energy_j = total.n_unmeasured ? 0 : total.node_energy_j;
	}
	wattle_job_records_free(&records);
	wattle_slurm_jobs_free(&jobs);
}

/* --- judging ----------------------------------------------------------- */

static double tolerance_pct(const struct wattle_profile *profile)
{
	const struct wattle_model *m = &profile->model;
	double squares = 0, points;

	for (uint32_t i = 0; i < profile->sweep.n; i++) {
		double s_pct = 100 * (profile->sweep.run[i].time_s / m->time_min_s - 1) - wattle_model_curve(m, profile->sweep.run[i].cap_w);

		squares += s_pct * s_pct;
	}
	points = profile->sweep.n > FITTED ? OUTLIER_DEVIATIONS * sqrt(squares / (profile->sweep.n - FITTED)) : 0;
	return points > OUTLIER_POINTS ? points : OUTLIER_POINTS;
}

static void judge(struct refit *refit, struct found *f)
{
	const struct wattle_model *m = &refit->old;

	if (f->why[0])
		return;
	f->slowdown_pct = 100 * (f->run.time_s / m->time_min_s - 1);
	f->residual_pct = f->slowdown_pct - wattle_model_curve(m, f->run.cap_w);
	f->known = has_run(&refit->profile->sweep, &f->run) || has_run(&refit->profile->set_aside, &f->run);
	f->outlier = fabs(f->residual_pct) > refit->tolerance_pct;
}

/* 0 or -E2BIG */
static int add(struct wattle_sweep *sweep, const struct wattle_run *run)
{
	if (sweep->n == WATTLE_SWEEP_RUNS_MAX)
		return -E2BIG;
	sweep->run[sweep->n++] = *run;
	return 0;
}

/* --- showing ----------------------------------------------------------- */

static const char *verdict(const struct found *f, bool outliers_too)
{
	if (f->why[0])
		return f->why;
	if (f->known)
		return "in the profile already";
	if (f->outlier)
		return outliers_too ? "outlier, fitted all the same" : "outlier: kept aside, not fitted";
	return "fitted";
}

static void print_jobs(const struct refit *refit, bool outliers_too)
{
	static const char *const head[] = { ">JOB", ">CAP", ">TIME", ">SLOWDOWN", ">OFF BY", "VERDICT" };
	struct wattle_table table;
	char b[32];

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0; i < refit->n; i++) {
		const struct found *f = &refit->found[i];
		bool read = !f->why[0];

		wattle_table_cell(&table, "%u", f->job_id);
		wattle_table_cell(&table, read ? "%.0f W" : "-", f->run.cap_w);
		wattle_table_cell(&table, "%s", read ? wattle_text_duration(b, sizeof(b), f->run.time_s) : "-");
		wattle_table_cell(&table, read ? "%.1f%%" : "-", f->slowdown_pct);
		wattle_table_cell(&table, read ? "%+.1f" : "-", f->residual_pct);
		wattle_table_cell(&table, "%s", verdict(f, outliers_too));
	}
	wattle_table_print(&table, stdout);
	printf("an outlier is more than %.1f points off the profile's curve\n\n", refit->tolerance_pct);
}

static void model_cells(struct wattle_table *table, const char *label, const struct wattle_model *m)
{
	static const double targets_pct[] = { 5, 10, 20 };

	wattle_table_cell(table, "%s", label);
	wattle_table_cell(table, "%.4g", m->linear);
	wattle_table_cell(table, "%.4g", m->square);
	wattle_table_cell(table, "%.4g", m->offset);
	wattle_table_cell(table, "%.3f", m->r2);
	wattle_table_cell(table, "%.2f", m->loo_error_pct);
	for (size_t i = 0; i < sizeof(targets_pct) / sizeof(targets_pct[0]); i++) {
		struct wattle_model_watts found;

		if (wattle_model_watts(m, targets_pct[i], 0, 0, &found, NULL) < 0)
			wattle_table_cell(table, "-");
		else
			wattle_table_cell(table, "%.1f W%s", found.watts_w, found.clamped ? "*" : "");
	}
}

static void print_models(const struct wattle_model *old, const struct wattle_model *new)
{
	bool quadratic = old->form == WATTLE_FORM_QUADRATIC;
	const char *const head[] = { "MODEL", quadratic ? ">B" : ">a", quadratic ? ">A" : ">b", quadratic ? ">C" : ">c", ">R2", ">LOO", ">5%",
				     ">10%", ">20%" };
	struct wattle_table table;

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	model_cells(&table, "old", old);
	model_cells(&table, "new", new);
	wattle_table_print(&table, stdout);
}

static void print_json(const struct refit *refit, const struct wattle_fit *fit, const char *written)
{
	struct json_object *o = json_object_new_object(), *jobs = json_object_new_array();

	for (uint32_t i = 0; i < refit->n; i++) {
		const struct found *f = &refit->found[i];
		struct json_object *job = json_object_new_object();

		json_object_object_add(job, "job", json_object_new_int64(f->job_id));
		json_object_object_add(job, "cap_w", f->why[0] ? NULL : wattle_json_new_number(f->run.cap_w));
		json_object_object_add(job, "time_s", f->why[0] ? NULL : wattle_json_new_number(f->run.time_s));
		json_object_object_add(job, "slowdown_pct", f->why[0] ? NULL : wattle_json_new_estimate(f->slowdown_pct, 6));
		json_object_object_add(job, "residual_pct", f->why[0] ? NULL : wattle_json_new_estimate(f->residual_pct, 6));
		json_object_object_add(job, "outlier", json_object_new_boolean(f->outlier));
		json_object_object_add(job, "known", json_object_new_boolean(f->known));
		json_object_object_add(job, "why", json_object_new_string(f->why));
		json_object_array_add(jobs, job);
	}
	json_object_object_add(o, "profile", json_object_new_string(refit->profile->name));
	json_object_object_add(o, "jobs", jobs);
	json_object_object_add(o, "tolerance_pct", wattle_json_new_estimate(refit->tolerance_pct, 6));
	json_object_object_add(o, "old", wattle_model_json(&refit->old, true, true, ""));
	json_object_object_add(o, "new", wattle_model_json(&fit->model, fit->solved, fit->usable, fit->why));
	json_object_object_add(o, "written", written ? json_object_new_string(written) : NULL);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* --- the command ------------------------------------------------------- */

struct arguments {
	bool json, write, outliers;
	const char *jobs, *output, *report_dir;
	struct profile_place place;
};

/* "12,13,14_2". 0, or an exit status after a line. */
static int read_jobs(struct refit *refit, const char *list, const char *report_dir)
{
	cleanup_free char *copy = strdup(list);
	char *rest = copy, *id;

	refit->found = calloc(JOBS_MAX, sizeof(*refit->found));
	if (!copy || !refit->found)
		return wattle_fail("out of memory");
	while ((id = strsep(&rest, ","))) {
		struct wattle_err err = WATTLE_ERR_INIT;
		struct found *f = &refit->found[refit->n];
		bool plain;

		if (refit->n == JOBS_MAX)
			return wattle_fail("more than %d jobs at a time", JOBS_MAX);
		if (wattle_jobid_parse(id, &f->job_id, &plain, &err) < 0) {
			wattle_warn("%s", err.text);
			return WATTLE_EXIT_USAGE;
		}
		read_job(id, report_dir, f);
		judge(refit, f);
		for (uint32_t i = 0; i < refit->n; i++)
			f->known = f->known || (!f->why[0] && refit->found[i].job_id == f->job_id);
		refit->n++;
	}
	return 0;
}

/* Puts the jobs where they belong. Returns how many are new; < 0: the profile is full. */
static int take_jobs(struct refit *refit, bool outliers_too)
{
	int n = 0;

	for (uint32_t i = 0; i < refit->n; i++) {
		const struct found *f = &refit->found[i];

		if (f->why[0] || f->known)
			continue;
		if (add(f->outlier && !outliers_too ? &refit->profile->set_aside : &refit->profile->sweep, &f->run) < 0)
			return -E2BIG;
		n++;
	}
	/* those of earlier days, too */
	for (uint32_t i = 0; outliers_too && i < refit->profile->set_aside.n; i++, n++)
		if (add(&refit->profile->sweep, &refit->profile->set_aside.run[i]) < 0)
			return -E2BIG;
	if (outliers_too)
		refit->profile->set_aside.n = 0;
	return n;
}

static int refit_and_show(const struct arguments *args, struct refit *refit, const char *path)
{
	const char *target = args->output ? args->output : args->write ? path : NULL, *written = NULL;
	struct wattle_provenance *p = &refit->profile->provenance;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_fit fit;
	time_t now = time(NULL);
	struct tm tm;
	int n = take_jobs(refit, args->outliers);

	if (n < 0)
		return wattle_fail("profile %s holds as many runs as it may, %d: make a new one", refit->profile->name, WATTLE_SWEEP_RUNS_MAX);
	if (wattle_model_fit(&refit->profile->sweep, refit->old.form, &fit, &err) < 0)
		return wattle_fail("%s", err.text);
	refit->profile->model = fit.model;
	if (gmtime_r(&now, &tm))
		(void) strftime(p->date, sizeof(p->date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(p->version, sizeof(p->version), "%s", PACKAGE_VERSION);
	if (fit.usable && n > 0 && target) {
		if (wattle_profile_write(target, refit->profile, &err) < 0)
			return wattle_fail("%s", err.text);
		written = target;
	}
	if (args->json) {
		print_json(refit, &fit, written);
	} else {
		print_jobs(refit, args->outliers);
		if (fit.solved)
			print_models(&refit->old, &fit.model);
		if (fit.note[0])
			printf("note: %s\n", fit.note);
	}
	fflush(stdout);
	if (!fit.usable)
		return wattle_fail("with these jobs profile %s bears no model: %s; nothing is written", refit->profile->name, fit.why);
	if (n == 0)
		return wattle_fail("none of these jobs adds to profile %s; nothing is written", refit->profile->name);
	if (!args->json && written)
		printf("\nwritten %s\n", written);
	else if (!args->json)
		printf("\nnothing is written: --write puts the new model into %s, -o FILE elsewhere\n", path);
	return WATTLE_EXIT_DONE;
}

int wattle_cmd_profile_refit(int argc, char **argv)
{
	struct arguments args = { .json = false };
	const struct wattle_option options[] = {
		{ "job", NULL, "ID[,ID…]", &args.jobs, "finished jobs of the same work on as many nodes" },
		{ "outliers", &args.outliers, NULL, NULL, "fit outliers too, also those kept aside before" },
		{ "write", &args.write, NULL, NULL, "write the new model into the profile" },
		{ "output", NULL, "FILE", &args.output, "or into this one (or -o FILE)" },
		{ "json", &args.json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &args.place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &args.place.store, "look for NAME.json there [the site's profile_dir]" },
		{ "report-dir", NULL, "DIR", &args.report_dir, "where step records lie [report_dir of the site configuration]" },
	};
	const struct wattle_usage usage = {
		"wattle profile refit", "PROFILE",
		"What finished jobs add to a profile's sweep: outliers are flagged and kept aside, the old model is shown\n"
		"beside the new one, and nothing is written unless --write or -o says so.",
		options, sizeof(options) / sizeof(options[0]), 1, 1, "wattle-profile(1)",
	};
	cleanup_free struct wattle_profile *profile = NULL;
	struct refit refit = { .profile = NULL };
	char path[PATH_MAX], dir[256];
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (!args.jobs) {
		wattle_warn("say --job=ID[,ID…]: which finished jobs?");
		return WATTLE_EXIT_USAGE;
	}
	status = profile_open_path(&args.place, argv[first], &profile, path);
	if (status)
		return status;
	if (profile->sweep.relative || profile->sweep.n == 0)
		return wattle_fail("profile %s %s: run `wattle sweep` again", profile->name,
				   profile->sweep.n ? "counts throughput, which step records don't have" : "holds no sweep to add to");
	if (wattle_report_dir_find(args.place.conf, args.report_dir, dir, sizeof(dir)) < 0)
		return WATTLE_EXIT_FAILED;
	refit.profile = profile;
	refit.old = profile->model;
	refit.tolerance_pct = tolerance_pct(profile);
	status = read_jobs(&refit, args.jobs, dir);
	if (status == 0)
		status = refit_and_show(&args, &refit, path);
	free(refit.found);
	return wattle_finish(status);
}
