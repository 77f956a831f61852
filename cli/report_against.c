/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "report_against.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json_new.h"
#include "table.h"

#define ALL_PCT 99.95 /* as report_carbon.c shows it */

static void add_energy(double from_s, double to_s, double energy_j, void *arg)
{
	wattle_carbon_account_add(arg, from_s, to_s, energy_j);
}

static bool covers(const struct wattle_carbon_account *account)
{
	return account->energy_j > 0 && wattle_carbon_account_covered_pct(account) >= ALL_PCT;
}

/* NULL: its joules are known whole and its own. */
static const char *trouble(const struct wattle_slurm_job *job, const struct wattle_job_records *records, const struct wattle_total *total)
{
	if (!job->over || strncmp(job->state, "COMPLETED", 9) != 0)
		return "has not completed";
	if (records->n == 0 || records->n_missing > 0)
		return "lacks records of some nodes";
	if (total->n_unmeasured)
		return "has time that could not be measured";
	return total->shared ? "shared nodes with others" : NULL;
}

static double took_s(const struct wattle_slurm_job *job)
{
	return job->submit_s > 0 && job->end_s > job->submit_s ? (double) (job->end_s - job->submit_s) : 0;
}

static void compare(const struct wattle_slurm_job *job, const struct report_carbon *carbon, const struct wattle_slurm_job *other_job,
		    struct wattle_job_records *other, struct report_against *ret)
{
	struct report_carbon own;
	struct wattle_carbon_account moved;

	report_carbon_make(carbon->intensity, other_job, other->record, other->n, &own);
	ret->other_own = covers(&own.best);
	ret->other_own_g = own.best.carbon_g;
	moved = (struct wattle_carbon_account){ .n_series = own.best.n_series };
	memcpy(moved.series, own.best.series, sizeof(moved.series));
	if (job->submit_s > 0 && own.start_s > 0)
		moved.shift_s = (double) (job->submit_s - own.start_s);
	wattle_total_energy(other->record, other->n, add_energy, &moved);
	ret->carbon_g = carbon->best.carbon_g;
	ret->other_carbon_g = moved.carbon_g;
	ret->carbon = job->submit_s > 0 && covers(&carbon->best) && covers(&moved) && moved.carbon_g > 0;
	if (!ret->carbon)
		snprintf(ret->why, sizeof(ret->why), "carbon intensities are not known of all the time that either would have run");
}

int report_against_make(const char *id, const char *dir, const char *nodes, const struct report_intensity *intensity,
			const struct wattle_slurm_job *job, const struct wattle_job_records *records, const struct wattle_total *total,
			const struct report_carbon *carbon, struct report_against *ret)
{
	struct wattle_slurm_jobs jobs = { 0, NULL };
	struct wattle_job_records other = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_total other_total;
	const char *why = NULL;
	uint32_t number;
	bool plain;
	int rc;

	*ret = (struct report_against){ .asked = id };
	if (!id)
		return 0;
	rc = wattle_jobid_parse(id, &number, &plain, &err);
	if (rc == 0)
		rc = wattle_slurm_jobs_ask(id, &jobs, &err);
	if (rc == 0 && jobs.n > 1)
		rc = wattle_err_set(&err, EINVAL, "it has several parts: name one of them, such as %s", jobs.job[0].label);
	if (rc == 0)
		rc = wattle_job_records_read(&jobs.job[0], dir, nodes, &other, &err);
	if (rc == 0) {
		snprintf(ret->label, sizeof(ret->label), "%s", jobs.job[0].label);
		wattle_total_job(other.record, other.n, &other_total);
		why = trouble(job, records, total);
		if (why)
			snprintf(ret->why, sizeof(ret->why), "job %s %s", job->label, why);
		else if ((why = trouble(&jobs.job[0], &other, &other_total)))
			snprintf(ret->why, sizeof(ret->why), "job %s %s", ret->label, why);
		else {
			ret->energy = total->node_energy_j > 0 && other_total.node_energy_j > 0;
			ret->energy_j = total->node_energy_j;
			ret->other_energy_j = other_total.node_energy_j;
			ret->time_s = took_s(job);
			ret->other_time_s = took_s(&jobs.job[0]);
			if (intensity->zone[0])
				compare(job, carbon, &jobs.job[0], &other, ret);
		}
	}
	wattle_job_records_free(&other);
	wattle_slurm_jobs_free(&jobs);
	return rc < 0 ? wattle_fail("--against=%.40s: %s", id, err.text) : 0;
}

static double less_pct(double now, double before)
{
	return 100 * (1 - now / before);
}

static const char *grams(double carbon_g, char buf[32])
{
	if (carbon_g >= 1000)
		snprintf(buf, 32, "%.4g kg CO2", carbon_g / 1000);
	else
		snprintf(buf, 32, "%.4g g CO2", carbon_g);
	return buf;
}

static void print_difference(double pct)
{
	printf("%.1f%% %s", fabs(pct), pct >= 0 ? "less" : "more");
}

void report_against_print(const struct report_against *a)
{
	char x[32], y[32];

	if (!a->asked)
		return;
	if (a->energy) {
		printf("against job %s, measured: %s and %s, ", a->label, wattle_text_energy(x, sizeof(x), a->energy_j),
		       wattle_text_energy(y, sizeof(y), a->other_energy_j));
		print_difference(less_pct(a->energy_j, a->other_energy_j));
		printf(" energy, with base watts");
		if (a->time_s > 0 && a->other_time_s > 0)
			printf("; %s and %s from submission to end", wattle_text_duration(x, sizeof(x), a->time_s),
			       wattle_text_duration(y, sizeof(y), a->other_time_s));
		putchar('\n');
	}
	if (a->carbon) {
		printf("against job %s, had it begun when this one was submitted: %s and %s, ", a->label, grams(a->carbon_g, x), grams(a->other_carbon_g, y));
		print_difference(less_pct(a->carbon_g, a->other_carbon_g));
		printf(" CO2");
		if (a->other_own)
			printf(" (at its own time it cost %s)", grams(a->other_own_g, x));
		putchar('\n');
	}
	if (a->why[0])
		printf("against job %s: not compared%s: %s\n", a->label, a->energy ? " by carbon" : "", a->why);
}

static struct json_object *number_if(bool known, double value)
{
	return known ? wattle_json_new_estimate(value, 9) : NULL;
}

struct json_object *report_against_json(const struct report_against *a)
{
	struct json_object *o;

	if (!a->asked)
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "job", json_object_new_string(a->label));
	json_object_object_add(o, "energy_j", number_if(a->energy, a->energy_j));
	json_object_object_add(o, "other_energy_j", number_if(a->energy, a->other_energy_j));
	json_object_object_add(o, "energy_saved_pct", number_if(a->energy, less_pct(a->energy_j, a->other_energy_j)));
	json_object_object_add(o, "carbon_g", number_if(a->carbon, a->carbon_g));
	json_object_object_add(o, "other_carbon_g", number_if(a->carbon, a->other_carbon_g));
	json_object_object_add(o, "carbon_saved_pct", number_if(a->carbon, less_pct(a->carbon_g, a->other_carbon_g)));
	json_object_object_add(o, "other_own_carbon_g", number_if(a->other_own, a->other_own_g));
	json_object_object_add(o, "time_s", number_if(a->time_s > 0, a->time_s));
	json_object_object_add(o, "other_time_s", number_if(a->other_time_s > 0, a->other_time_s));
	json_object_object_add(o, "why", json_object_new_string(a->why));
	return o;
}
