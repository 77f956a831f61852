/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "report_slowdown.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "command.h"
#include "decimal.h"
#include "json_new.h"
#include "prediction.h"
#include "profile_common.h"
#include "report_mpijob.h"
#include "table.h"
#include "units.h"

/* --- what it is compared with ------------------------------------------ */

static int baseline_of_profile(const char *name, const struct report_baseline_said *said, struct report_baseline *ret, char *why, size_t size)
{
	const struct profile_place place = { said->conf, NULL };
	cleanup_free struct wattle_profile *profile = NULL;
	cleanup_free struct wattle_caps *caps = calloc(1, sizeof(*caps));
	struct wattle_err err = WATTLE_ERR_INIT;
	char dir[PATH_MAX], path[PATH_MAX];
	bool stored;
	int rc;

	if (!caps)
		return -ENOMEM;
	rc = profile_store_dir(&place, dir, sizeof(dir), &err);
	if (rc == 0)
		rc = wattle_profile_locate(dir, name, path, sizeof(path), &stored, &err);
	if (rc == 0)
		rc = wattle_profile_read(path, !stored, &profile, &err);
	if (rc < 0) {
		snprintf(why, size, "%s: say --profile=PATH or --baseline=JOBID", err.text);
		return rc;
	}
	if (profile->sweep.relative || profile->model.time_min_s <= 0) {
		snprintf(why, size, "profile %s counts throughput, not time: say --baseline=JOBID or --baseline=75s", profile->name);
		return -ENODATA;
	}
	ret->time_s = profile->model.time_min_s;
	ret->energy_j = 0;
	if (profile->sweep.n > 0) {
		wattle_sweep_group(&profile->sweep, caps);
		ret->energy_j = caps->cap[caps->n - 1].energy_j;
	}
	snprintf(ret->what, sizeof(ret->what), "profile %s at %g W", profile->name, profile->model.cap_max_w);
	return 0;
}

static int baseline_of_job(const struct report_baseline_said *said, struct report_baseline *ret)
{
	struct wattle_slurm_jobs jobs = { 0, NULL };
	struct wattle_job_records records = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_total total;
	uint32_t number;
	bool plain;
	int rc = wattle_jobid_parse(said->baseline, &number, &plain, &err);

	if (rc == 0)
		rc = wattle_slurm_jobs_ask(said->baseline, &jobs, &err);
	if (rc == 0 && jobs.n > 1)
		rc = wattle_err_set(&err, EINVAL, "it has several parts: name one of them, such as %s", jobs.job[0].label);
	if (rc == 0 && strncmp(jobs.job[0].state, "COMPLETED", 9) != 0)
		rc = wattle_err_set(&err, EINVAL, "it is %s, so its run time tells nothing", jobs.job[0].state);
	if (rc == 0)
		rc = wattle_job_records_read(&jobs.job[0], said->report_dir, said->nodes, &records, &err);
	if (rc == 0) {
		ret->time_s = wattle_job_work_s(&records);
		wattle_total_job(records.record, records.n, &total);
		ret->energy_j = total.n_unmeasured || records.n_missing ? 0 : total.node_energy_j;
		if (ret->time_s <= 0)
			rc = wattle_err_set(&err, ENOENT, "there are no records of its run time");
		else if (total.cap_w && total.capped)
			snprintf(ret->what, sizeof(ret->what), "job %u, itself under a cap of %u W", number, total.cap_w);
		else
			snprintf(ret->what, sizeof(ret->what), "job %u", number);
	}
	wattle_job_records_free(&records);
	wattle_slurm_jobs_free(&jobs);
	return rc < 0 ? wattle_fail("--baseline=%.40s: %s", said->baseline, err.text) : 0;
}

/* "75s", "75.5s", "1h", "1:30:00": whatever is no job's number. False: not a time. */
static bool take_time(const char *text, double *ret_s)
{
	char number[40];
	size_t len = strlen(text);
	int64_t s;

	if (strspn(text, "0123456789_+") == len)
		return false;
	if (len > 1 && len < sizeof(number) && text[len - 1] == 's') {
		memcpy(number, text, len - 1);
		number[len - 1] = '\0';
		if (wattle_decimal_parse(number, ret_s) == 0 && *ret_s > 0)
			return true;
	}
	if (wattle_duration_parse(text, &s, NULL) < 0)
		return false;
	*ret_s = (double) s;
	return true;
}

static int baseline_of_mpijob(const struct report_baseline_said *said, struct report_baseline *ret)
{
	struct wattle_job_records records = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_slurm_job job;
	struct wattle_total total;
	size_t n_workers;
	int rc = report_mpijob_read(said->baseline, said->report_dir, said->nodes, &job, &records, &n_workers, &err);

	if (rc == 0 && strcmp(job.state, "COMPLETED") != 0)
		rc = wattle_err_set(&err, EINVAL, "it did not complete, so its run time tells nothing");
	if (rc == 0) {
		ret->time_s = wattle_job_work_s(&records);
		wattle_total_job(records.record, n_workers, &total);
		ret->energy_j = total.n_unmeasured ? 0 : total.node_energy_j;
		snprintf(ret->what, sizeof(ret->what), "%.150s", job.label);
		if (total.cap_w && total.capped)
			snprintf(ret->what, sizeof(ret->what), "%.120s, itself under a cap of %u W", job.label, total.cap_w);
	}
	wattle_job_records_free(&records);
	return rc < 0 ? wattle_fail("--baseline=%.80s: %s", said->baseline, err.text) : 0;
}

int report_baseline_read(const struct report_baseline_said *said, struct report_baseline *ret)
{
	char why[240];

	*ret = (struct report_baseline) { .time_s = 0 };
	if (said->baseline && take_time(said->baseline, &ret->time_s)) {
		snprintf(ret->what, sizeof(ret->what), "the time said");
		return 0;
	}
	if (said->baseline && report_is_mpijob(said->baseline))
		return baseline_of_mpijob(said, ret);
	if (said->baseline)
		return baseline_of_job(said, ret);
	if (said->profile && baseline_of_profile(said->profile, said, ret, why, sizeof(why)) < 0)
		return wattle_fail("%s", why);
	return 0;
}

/* --- the comparison ---------------------------------------------------- */

void report_slowdown_make(const struct report_baseline_said *said, const struct report_baseline *baseline,
			  const struct wattle_slurm_job *job, const char *decision, const struct wattle_job_records *records,
			  const struct wattle_total *total, struct report_slowdown *ret)
{
	struct report_slowdown s = { .baseline = *baseline };

	s.predicted = wattle_prediction_find(decision, &s.predicted_pct, s.profile);
	s.time_s = wattle_job_work_s(records);
	s.energy_j = total->n_unmeasured || records->n_missing || total->shared ? 0 : total->node_energy_j;
	if (!s.predicted && s.baseline.time_s <= 0)
		;
	else if (!job->over || strncmp(job->state, "COMPLETED", 9) != 0)
		snprintf(s.why, sizeof(s.why), "the job is %s", job->state[0] ? job->state : "in a state that is not known");
	else if (s.time_s <= 0)
		snprintf(s.why, sizeof(s.why), "there is no record of its run time");
	else if (s.baseline.time_s > 0 || baseline_of_profile(s.profile, said, &s.baseline, s.why, sizeof(s.why)) == 0) {
		s.measured = true;
		s.measured_pct = 100 * (s.time_s / s.baseline.time_s - 1);
		s.saved = s.energy_j > 0 && s.baseline.energy_j > 0;
		if (s.saved)
			s.saved_pct = 100 * (1 - s.energy_j / s.baseline.energy_j);
	}
	*ret = s;
}

void report_slowdown_print(const struct report_slowdown *s)
{
	char a[32], b[32];

	if (!s->predicted && !s->measured && !s->why[0])
		return;
	printf("slowdown: ");
	if (s->predicted)
		printf("predicted %.1f%% by profile %s", s->predicted_pct, s->profile);
	if (s->measured)
		printf("%smeasured %.1f%%: %s against %s of %s", s->predicted ? ", " : "", s->measured_pct,
		       wattle_text_duration(a, sizeof(a), s->time_s), wattle_text_duration(b, sizeof(b), s->baseline.time_s),
		       s->baseline.what);
	else
		printf("%snot measured: %s", s->predicted ? ", " : "", s->why);
	putchar('\n');
	if (s->saved)
		printf("energy: %.1f%% %s than %s: %s against %s, with base watts\n", s->saved_pct < 0 ? -s->saved_pct : s->saved_pct,
		       s->saved_pct < 0 ? "more" : "less", s->baseline.what, wattle_text_energy(a, sizeof(a), s->energy_j),
		       wattle_text_energy(b, sizeof(b), s->baseline.energy_j));
}

static struct json_object *number_if(bool known, double value)
{
	return known ? wattle_json_new_estimate(value, 6) : NULL;
}

struct json_object *report_slowdown_json(const struct report_slowdown *s)
{
	struct json_object *o;

	if (!s->predicted && !s->measured && !s->why[0])
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "profile", s->predicted ? json_object_new_string(s->profile) : NULL);
	json_object_object_add(o, "predicted_pct", number_if(s->predicted, s->predicted_pct));
	json_object_object_add(o, "measured_pct", number_if(s->measured, s->measured_pct));
	json_object_object_add(o, "energy_saved_pct", number_if(s->saved, s->saved_pct));
	json_object_object_add(o, "time_s", number_if(s->time_s > 0, s->time_s));
	json_object_object_add(o, "baseline", s->measured ? json_object_new_string(s->baseline.what) : NULL);
	json_object_object_add(o, "baseline_time_s", number_if(s->measured, s->baseline.time_s));
	json_object_object_add(o, "baseline_energy_j", number_if(s->measured && s->baseline.energy_j > 0, s->baseline.energy_j));
	json_object_object_add(o, "why", json_object_new_string(s->why));
	return o;
}
