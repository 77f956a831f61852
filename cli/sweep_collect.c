/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run measured, and whether that counts. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "file.h"
#include "measured.h"
#include "records.h"
#include "siteconf.h"
#include "total.h"

#define OUTPUT_BYTES_MAX (64 * 1024 * 1024)
#define CAP_GRAIN_W 1 /* what hardware rounds, over a node's packages */

static void settle(struct sweep_run *run, enum sweep_stage stage, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void settle(struct sweep_run *run, enum sweep_stage stage, const char *format, ...)
{
	char text[sizeof(run->why)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	wattle_err_quote(run->why, sizeof(run->why), text);
	run->stage = stage;
}

/* Full power is no cap: that a record has none is right there, and nowhere else. */
static bool uncapped_by_right(const struct wattle_siteconf *conf, const struct wattle_record *r)
{
	const struct wattle_class *class = conf ? wattle_siteconf_node_class(conf, r->node) : NULL;

	return !class || r->grant_w >= class->max_w;
}

/* False, with why: the run does not measure what it was to measure. */
static bool judge(struct sweep_run *run, const struct wattle_job_records *records, const struct wattle_siteconf *conf)
{
	uint32_t grant_w = records->record[0].grant_w;

	for (size_t i = 0; i < records->n; i++) {
		const struct wattle_record *r = &records->record[i];
		char step[16];

		wattle_step_name(r->step_id, step, sizeof(step));
		if (r->grant_w != grant_w)
			settle(run, SWEEP_FAILED, "job %u was granted %u W on %s and %u W on %s", run->job_id, grant_w, records->record[0].node,
			       r->grant_w, r->node);
		else if (run->asked_w && r->grant_w != run->asked_w)
			settle(run, SWEEP_FAILED, "job %u was granted %u W on %s, %u W were asked for", run->job_id, r->grant_w, r->node,
			       run->asked_w);
		else if (r->shared)
			settle(run, SWEEP_FAILED, "job %u: other jobs ran on %s: its time and energy are not this job's alone", run->job_id,
			       r->node);
		else if (r->cap_w == 0 && !uncapped_by_right(conf, r))
			settle(run, SWEEP_FAILED, "job %u: %s was not capped, %u W were asked for%s%s", run->job_id, r->node, r->grant_w,
			       r->note[0] ? ": " : "", r->note);
		else if (r->cap_w && (r->cap_w > r->grant_w + CAP_GRAIN_W || r->cap_w + CAP_GRAIN_W < r->grant_w))
			settle(run, SWEEP_FAILED, "job %u: %s was held to %u W in step %s, %u W were asked for%s%s", run->job_id, r->node,
			       r->cap_w, step, r->grant_w, r->note[0] ? ": " : "", r->note);
		else if (!r->cap_held)
			settle(run, SWEEP_FAILED, "job %u: the cap did not hold on %s in step %s%s%s", run->job_id, r->node, step,
			       r->note[0] ? ": " : "", r->note);
		else
			continue;
		return false;
	}
	return true;
}

static void note_class(struct sweep_run *run, const struct wattle_job_records *records, const struct wattle_siteconf *conf)
{
	run->host_class[0] = '\0';
	run->max_w = 0;
	for (size_t i = 0; conf && i < records->n; i++) {
		const struct wattle_class *class = wattle_siteconf_node_class(conf, records->record[i].node);

		if (!class)
			continue;
		if (run->host_class[0] && strcmp(run->host_class, class->name) != 0)
			snprintf(run->host_class, sizeof(run->host_class), "mixed");
		else
			memcpy(run->host_class, class->name, sizeof(run->host_class));
		if (class->max_w > run->max_w)
			run->max_w = class->max_w;
	}
}

static int read_measured(const struct sweep *sweep, struct sweep_run *run, struct wattle_err *err)
{
	struct wattle_measured measured;
	char path[PATH_MAX + 64];
	int rc;

	sweep_measured_path(sweep, run, path, sizeof(path));
	rc = wattle_measured_read(path, (uid_t) -1, run->job_id, &measured, err);
	if (rc == -ENOENT || (rc == 0 && measured.n == 0))
		rc = wattle_err_set(err, ENOENT, "nothing was measured: is the program linked with -lwattle_mpi, or started with "
				    "LD_PRELOAD=libwattle_mpi.so.0, and does it get to MPI_Finalize?");
	if (rc == 0) {
		run->fom = wattle_measured_rate(&measured);
		if (!(run->fom > 0))
			rc = wattle_err_set(err, EINVAL, "the program says neither units (wattle_progress) nor iterations (wattle_should_checkpoint, MPI_Pcontrol)");
	}
	wattle_measured_free(&measured);
	return rc;
}

static int read_fom(const struct sweep *sweep, struct sweep_run *run, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { OUTPUT_BYTES_MAX, true };
	cleanup_free char *text = NULL;
	char path[PATH_MAX + 64];
	int rc;

	if (strcmp(sweep->fom, SWEEP_FOM_MEASURED) == 0)
		return read_measured(sweep, run, err);
	sweep_output_path(sweep, run, path, sizeof(path));
	rc = wattle_file_read(path, &rule, &text, NULL, NULL, err);
	return rc < 0 ? rc : sweep_fom_find(sweep->fom, text, &run->fom, err);
}

/* All there? Else what is missing goes to run->why. */
static bool whole(struct sweep_run *run, const struct wattle_job_records *records, const char *report_dir)
{
	if (records->n == 0)
		settle(run, SWEEP_MISSING, "job %u has no records in %s: is report_dir shared with this host?", run->job_id, report_dir);
	else if (records->n_missing > 0)
		settle(run, SWEEP_MISSING, "job %u has no record of %s%s: is report_dir shared by all nodes?", run->job_id,
		       records->missing[0], records->n_missing > 1 ? " and others" : "");
	else if (wattle_job_work_s(records) <= 0)
		settle(run, SWEEP_MISSING, "job %u has no record of its batch step, whose time is the run's", run->job_id);
	else
		return true;
	return false;
}

static bool nap(double *left_s)
{
	struct timespec step = { 0, 250000000 };

	if (*left_s <= 0)
		return false;
	*left_s -= 0.25;
	nanosleep(&step, NULL);
	return true;
}

static void measure(struct sweep *sweep, struct sweep_run *run, struct wattle_job_records *records)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_total total;

	if (wattle_siteconf_read(sweep->conf[0] ? sweep->conf : WATTLE_CONF_PATH, &conf, &err) < 0)
		conf = NULL; /* not the user's to read: what records say has to do */
	if (!judge(run, records, conf))
		return;
	if (sweep->fom[0] && read_fom(sweep, run, &err) < 0) {
		settle(run, SWEEP_FAILED, "job %u: %s", run->job_id, err.text);
		return;
	}
	note_class(run, records, conf);
	run->cap_w = records->record[0].grant_w;
	run->time_s = wattle_job_work_s(records);
	wattle_total_job(records->record, records->n, &total);
	run->energy_j = total.n_unmeasured ? 0 : total.node_energy_j;
	run->stage = SWEEP_DONE;
	run->why[0] = '\0';
}

/* A cap that did not take stands in the records; what else went wrong, in the job's output. */
static void note_failure(const struct sweep *sweep, struct sweep_run *run, const struct wattle_slurm_job *job, const char *report_dir)
{
	struct wattle_job_records records;
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[PATH_MAX + 64], cut[200];
	bool noted = false;

	if (wattle_job_records_read(job, report_dir, NULL, &records, &err) == 0)
		for (size_t i = 0; i < records.n && !noted; i++)
			if (records.record[i].note[0]) {
				settle(run, SWEEP_FAILED, "job %u ended as %s: %s", run->job_id, job->state, records.record[i].note);
				noted = true;
			}
	wattle_job_records_free(&records);
	if (noted)
		return;
	sweep_output_path(sweep, run, path, sizeof(path));
	snprintf(cut, sizeof(cut), "%s", path + strlen(sweep->dir) + 1);
	settle(run, SWEEP_FAILED, "job %u ended as %s: see %s in the sweep's folder", run->job_id, job->state, cut);
}

void sweep_collect(struct sweep *sweep, struct sweep_run *run, const char *report_dir, double wait_s)
{
	struct wattle_slurm_jobs jobs = { 0, NULL };
	struct wattle_job_records records;
	struct wattle_err err = WATTLE_ERR_INIT;
	const struct wattle_slurm_job *job;
	char id[16];
	bool all;

	snprintf(id, sizeof(id), "%u", run->job_id);
	if (wattle_slurm_jobs_ask(id, &jobs, &err) < 0) {
		settle(run, SWEEP_MISSING, "job %s: %s", id, err.text);
		return;
	}
	job = &jobs.job[0];
	snprintf(run->hosts, sizeof(run->hosts), "%s", job->nodes ? job->nodes : "");
	run->took_s = job->end_s > run->submitted_s ? job->end_s - run->submitted_s : 0;
	if (strncmp(job->state, "COMPLETED", 9) != 0) {
		note_failure(sweep, run, job, report_dir);
		wattle_slurm_jobs_free(&jobs);
		return;
	}
	for (;;) {
		int rc = wattle_job_records_read(job, report_dir, NULL, &records, &err);

		if (rc < 0)
			settle(run, SWEEP_MISSING, "job %s: %s", id, err.text);
		all = rc == 0 && whole(run, &records, report_dir);
		if (all || !nap(&wait_s))
			break;
		wattle_job_records_free(&records);
	}
	if (all)
		measure(sweep, run, &records);
	wattle_job_records_free(&records);
	wattle_slurm_jobs_free(&jobs);
}
