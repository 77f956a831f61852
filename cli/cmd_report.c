/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle report`: the records of a job's steps, beside what Slurm says of the job. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "command.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "records.h"
#include "report.h"
#include "report_against.h"
#include "report_carbon.h"
#include "report_mpi.h"
#include "report_mpijob.h"
#include "report_slowdown.h"
#include "siteconf.h"
#include "slurm.h"
#include "table.h"
#include "total.h"

#define KWH_PER_J (1.0 / 3600000.0)

/* One job of the report. */
struct part {
	const struct wattle_slurm_job *job; /* label, state …; from Slurm, or made of the bare number */
	struct wattle_job_records records;
	struct wattle_total total;
	struct report_carbon carbon;
	struct report_slowdown slowdown;
	struct report_against against;
	struct report_mpi mpi;
};

struct report {
	const char *id;
	bool mpijob;           /* of Kubernetes: steps are pods */
	bool slurm_known;      /* Slurm told us of the job */
	struct wattle_err slurm_err;
	size_t n_parts;
	struct part *part;
	struct report_intensity intensity;
};

static void report_free(struct report *report)
{
	for (size_t i = 0; i < report->n_parts; i++) {
		wattle_job_records_free(&report->part[i].records);
		report_mpi_free(&report->part[i].mpi);
	}
	free(report->part);
	report_intensity_free(&report->intensity);
}

/* --- printing ----------------------------------------------------------- */

static const char *held_text(const struct wattle_record *r)
{
	return r->cap_w == 0 ? (r->note[0] ? "no" : "-") : r->cap_held ? "yes" : "no";
}

static const char *step_text(const struct report *report, const struct wattle_record *r, char *buf, size_t size)
{
	return report->mpijob ? report_mpijob_pod(r->step_id, buf, size) : wattle_step_name(r->step_id, buf, size);
}

static void print_steps(const struct part *part, const struct report *report)
{
	const char *const head[] = { report->mpijob ? "POD" : "STEP", "NODE", ">TIME", ">ENERGY", ">kWh", ">MEAN", ">PEAK", ">GRANT", ">CAP", "HELD", ">AT CAP" };
	struct wattle_table table;
	char b[32];

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (size_t i = 0; i < part->records.n; i++) {
		const struct wattle_record *r = &part->records.record[i];
		bool measured = r->energy_j >= 0;

		wattle_table_cell(&table, "%s", step_text(report, r, b, sizeof(b)));
		wattle_table_cell(&table, "%s%s", r->node, r->shared ? " (shared)" : "");
		wattle_table_cell(&table, "%s", wattle_text_duration(b, sizeof(b), r->elapsed_s));
		wattle_table_cell(&table, "%s", wattle_text_energy(b, sizeof(b), r->energy_j));
		if (measured)
			wattle_table_cell(&table, "%.6f", r->energy_j * KWH_PER_J);
		else
			wattle_table_cell(&table, "-");
		wattle_table_cell(&table, "%s", wattle_text_watts(b, sizeof(b), measured ? r->mean_w : -1));
		wattle_table_cell(&table, "%s", wattle_text_watts(b, sizeof(b), measured ? r->peak_w : -1));
		if (r->grant_w)
			wattle_table_cell(&table, "%u W", r->grant_w);
		else
			wattle_table_cell(&table, "-");
		if (r->cap_w)
			wattle_table_cell(&table, "%u W", r->cap_w);
		else
			wattle_table_cell(&table, "none");
		wattle_table_cell(&table, "%s", held_text(r));
		if (r->cap_w)
			wattle_table_cell(&table, "%s", wattle_text_duration(b, sizeof(b), r->at_cap_s));
		else
			wattle_table_cell(&table, "-");
	}
	wattle_table_print(&table, stdout);
	for (size_t i = 0; i < part->records.n; i++) {
		const struct wattle_record *r = &part->records.record[i];

		if (r->note[0])
			printf("note: %s%s on %s: %s\n", report->mpijob ? "" : "step ", step_text(report, r, b, sizeof(b)), r->node, r->note);
	}
}

static void print_names(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n && i < 16; i++)
		printf("%s%s", i ? ", " : "", names[i]);
	if (n > 16)
		printf(" and %zu more", n - 16);
}

static bool so_far(const struct part *part)
{
	return part->job->state[0] && !part->job->over;
}

/* It waits for its first run. When that will be is Slurm's guess, and no time of the job's. */
static bool waits(const struct part *part)
{
	return so_far(part) && part->records.n == 0 && strcmp(part->job->state, "PENDING") == 0;
}

static bool report_going(const struct report *report)
{
	for (size_t i = 0; i < report->n_parts; i++)
		if (so_far(&report->part[i]))
			return true;
	return false;
}

static void print_head(const struct part *part)
{
	const struct wattle_slurm_job *job = part->job;
	const struct wattle_total *t = &part->total;
	char from[32], to[32], took[32];
	int64_t start_s = job->start_s > 0 ? job->start_s : t->start_s, end_s = job->end_s > 0 ? job->end_s : t->end_s;

	printf("%s%s", report_is_mpijob(job->label) ? "" : "job ", job->label);
	if (job->name[0])
		printf(" \"%s\"", job->name);
	if (job->user[0])
		printf(" of %s", job->user);
	if (job->state[0])
		printf(", %s", job->state);
	if (part->records.n_nodes > 0)
		printf(", %zu node%s", part->records.n_nodes, part->records.n_nodes == 1 ? "" : "s");
	if (start_s > 0 && !waits(part))
		printf(", %s to %s", wattle_text_moment(from, sizeof(from), start_s), so_far(part) ? "now" : wattle_text_moment(to, sizeof(to), end_s));
	if (start_s > 0 && !so_far(part) && end_s >= start_s)
		printf(" (%s)", wattle_text_duration(took, sizeof(took), (double) (end_s - start_s)));
	printf("\n");
}

static void print_total(const struct part *part)
{
	const struct wattle_total *t = &part->total;
	char b[32];

	printf("%s: %s (%.6f kWh) in the processor packages", so_far(part) ? "so far" : "total",
	       wattle_text_energy(b, sizeof(b), t->energy_j), t->energy_j * KWH_PER_J);
	if (t->node_energy_j > t->energy_j)
		printf("; %s (%.6f kWh) with the nodes' base watts", wattle_text_energy(b, sizeof(b), t->node_energy_j),
		       t->node_energy_j * KWH_PER_J);
	printf("\n");
	if (t->mean_w >= 0)
		printf("per node: mean %s, peak %s in the packages", wattle_text_watts(b, sizeof(b), t->mean_w),
		       wattle_text_watts((char[32]){ 0 }, 32, t->peak_w));
	if (t->grant_w)
		printf("%sgranted %u W", t->mean_w >= 0 ? "; " : "per node: ", t->grant_w);
	if (t->mean_w >= 0 || t->grant_w)
		printf("\n");
	if (t->capped)
		printf("cap: %s; at the cap %s of %s node time\n", t->cap_held ? "held" : "NOT held on every node all the time",
		       wattle_text_duration(b, sizeof(b), t->at_cap_s), wattle_text_duration((char[32]){ 0 }, 32, t->node_s));
	else
		printf("cap: none was in force\n");
}

static void print_part(const struct part *part, const struct report *report)
{
	const struct wattle_total *t = &part->total;

	print_head(part);
	if (part->records.n > 0) {
		printf("\n");
		print_steps(part, report);
		printf("\n");
		print_total(part);
	}
	report_slowdown_print(&part->slowdown);
	report_carbon_print(&part->carbon);
	report_against_print(&part->against);
	report_mpi_print(&part->mpi);
	if (waits(part))
		printf("The job has not begun: there is nothing to report yet.\n");
	else if (so_far(part))
		printf("The job has not ended: steps that still run are not in this report%s.\n",
		       part->records.n ? "" : ", and none has ended yet");
	if (t->shared)
		printf("Other jobs ran on the same node at the same time (shared): the joules are the node's, not this job's alone.\n");
	if (t->n_unmeasured)
		printf("On %zu node%s some of the time could not be measured: the joules are too few.\n", t->n_unmeasured,
		       t->n_unmeasured == 1 ? "" : "s");
	if (part->records.n_missing > 0 && part->records.n > 0) {
		printf("No records of ");
		print_names(part->records.missing, part->records.n_missing);
		printf(": is report_dir shared by all nodes, and had the job a step there?%s\n",
		       so_far(part) ? " They may still come." : "");
	}
	if (part->records.n_bad)
		printf("%u line%s of the record files %s not readable and left out.\n", part->records.n_bad, part->records.n_bad == 1 ? "" : "s",
		       part->records.n_bad == 1 ? "was" : "were");
	if (!report->slurm_known)
		printf("Slurm was not asked or did not answer (%s): nodes without records can't be named.\n", report->slurm_err.text);
}

/* --- JSON --------------------------------------------------------------- */

static void put(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

/* three decimals are more than any counter gives; and no 17-digit noise */
static struct json_object *number(double v)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", v);
	return json_object_new_double_s(v, text);
}

static struct json_object *kwh(double energy_j)
{
	char text[64];

	snprintf(text, sizeof(text), "%.9f", energy_j * KWH_PER_J);
	return json_object_new_double_s(energy_j * KWH_PER_J, text);
}

static struct json_object *number_or_null(double v)
{
	return v >= 0 ? number(v) : NULL;
}

static struct json_object *text_or_null(const char *s)
{
	return s[0] ? json_object_new_string(s) : NULL;
}

static struct json_object *time_or_null(int64_t s)
{
	char text[32];
	time_t t = (time_t) s;
	struct tm tm;

	if (s <= 0 || !gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return NULL;
	return json_object_new_string(text);
}

static struct json_object *watts_or_null(uint32_t w)
{
	return w ? json_object_new_int64(w) : NULL;
}

static struct json_object *json_step(const struct report *report, const struct wattle_record *r)
{
	struct json_object *o = json_object_new_object();
	bool measured = r->energy_j >= 0;
	char b[32];

	put(o, report->mpijob ? "pod" : "step", json_object_new_string(step_text(report, r, b, sizeof(b))));
	put(o, "node", json_object_new_string(r->node));
	put(o, "start", time_or_null(r->start_s));
	put(o, "end", time_or_null(r->end_s));
	put(o, "elapsed_s", number(r->elapsed_s));
	put(o, "energy_j", number_or_null(r->energy_j));
	put(o, "energy_kwh", measured ? kwh(r->energy_j) : NULL);
	put(o, "node_energy_j", measured ? number(r->energy_j + r->base_w * r->elapsed_s) : NULL);
	put(o, "mean_w", measured ? number(r->mean_w) : NULL);
	put(o, "peak_w", measured ? number(r->peak_w) : NULL);
	put(o, "base_w", json_object_new_int64(r->base_w));
	put(o, "grant_w", watts_or_null(r->grant_w));
	put(o, "cap_w", watts_or_null(r->cap_w));
	put(o, "cap_held", r->cap_w ? json_object_new_boolean(r->cap_held) : NULL);
	put(o, "capped_s", number(r->capped_s));
	put(o, "at_cap_s", number(r->at_cap_s));
	put(o, "over_s", number(r->over_s));
	put(o, "shared", json_object_new_boolean(r->shared));
	put(o, "note", text_or_null(r->note));
	return o;
}

static void json_total(struct json_object *o, const struct wattle_total *t)
{
	bool any = t->n_nodes > 0;

	put(o, "energy_j", any ? number(t->energy_j) : NULL);
	put(o, "energy_kwh", any ? kwh(t->energy_j) : NULL);
	put(o, "node_energy_j", any ? number(t->node_energy_j) : NULL);
	put(o, "node_s", number(t->node_s));
	put(o, "mean_w", number_or_null(t->mean_w));
	put(o, "peak_w", number_or_null(t->peak_w));
	put(o, "grant_w", watts_or_null(t->grant_w));
	put(o, "cap_w", watts_or_null(t->cap_w));
	put(o, "cap_held", t->capped ? json_object_new_boolean(t->cap_held) : NULL);
	put(o, "capped_s", number(t->capped_s));
	put(o, "at_cap_s", number(t->at_cap_s));
	put(o, "over_s", number(t->over_s));
	put(o, "shared", json_object_new_boolean(t->shared));
	put(o, "unmeasured_nodes", json_object_new_int64((int64_t) t->n_unmeasured));
}

static struct json_object *json_part(const struct report *report, const struct part *part)
{
	struct json_object *o = json_object_new_object(), *steps = json_object_new_array(), *list;
	const struct wattle_slurm_job *job = part->job;

	put(o, "job", json_object_new_string(job->label));
	put(o, "job_id", report->mpijob ? NULL : json_object_new_int64(job->job_id));
	put(o, "name", text_or_null(job->name));
	put(o, "user", text_or_null(job->user));
	put(o, "state", text_or_null(job->state));
	put(o, "partition", text_or_null(job->partition));
	put(o, "start", waits(part) ? NULL : time_or_null(job->start_s > 0 ? job->start_s : part->total.start_s));
	put(o, "end", so_far(part) ? NULL : time_or_null(job->end_s > 0 ? job->end_s : part->total.end_s));
	put(o, "so_far", json_object_new_boolean(so_far(part)));
	list = part->records.nodes ? json_object_new_array() : NULL;
	for (size_t i = 0; i < part->records.n_nodes; i++)
		json_object_array_add(list, json_object_new_string(part->records.nodes[i]));
	put(o, "nodes", list);
	list = part->records.nodes ? json_object_new_array() : NULL;
	for (size_t i = 0; i < part->records.n_missing; i++)
		json_object_array_add(list, json_object_new_string(part->records.missing[i]));
	put(o, "missing_nodes", list);
	put(o, "slowdown", report_slowdown_json(&part->slowdown));
	put(o, "carbon", report_carbon_json(&part->carbon));
	put(o, "against", report_against_json(&part->against));
	put(o, "mpi", report_mpi_json(&part->mpi));
	put(o, "bad_lines", json_object_new_int64(part->records.n_bad));
	json_total(o, &part->total);
	for (size_t i = 0; i < part->records.n; i++)
		json_object_array_add(steps, json_step(report, &part->records.record[i]));
	put(o, "steps", steps);
	return o;
}

/* What all jobs of the report drew together; for a single job it repeats that job's. */
static void total_all(const struct report *report, struct wattle_total *ret)
{
	bool held = true;
	double measured_j_per_w = 0;

	memset(ret, 0, sizeof(*ret));
	ret->mean_w = ret->peak_w = -1;
	for (size_t i = 0; i < report->n_parts; i++) {
		const struct wattle_total *t = &report->part[i].total;

		if (t->n_nodes == 0)
			continue;
		ret->n_nodes += t->n_nodes;
		ret->n_unmeasured += t->n_unmeasured;
		ret->energy_j += t->energy_j;
		ret->node_energy_j += t->node_energy_j;
		ret->node_s += t->node_s;
		ret->capped_s += t->capped_s;
		ret->at_cap_s += t->at_cap_s;
		ret->over_s += t->over_s;
		if (t->mean_w > 0)
			measured_j_per_w += t->energy_j / t->mean_w;
		if (t->peak_w > ret->peak_w)
			ret->peak_w = t->peak_w;
		if (t->grant_w && (!ret->grant_w || t->grant_w < ret->grant_w))
			ret->grant_w = t->grant_w;
		if (t->cap_w && (!ret->cap_w || t->cap_w < ret->cap_w))
			ret->cap_w = t->cap_w;
		ret->capped = ret->capped || t->capped;
		held = held && (!t->capped || t->cap_held);
		ret->shared = ret->shared || t->shared;
	}
	ret->cap_held = ret->capped && held;
	if (measured_j_per_w > 0)
		ret->mean_w = ret->energy_j / measured_j_per_w;
}

static void print_json(const struct report *report)
{
	struct json_object *o = json_object_new_object(), *jobs = json_object_new_array();
	struct wattle_total all;

	total_all(report, &all);
	put(o, "job", json_object_new_string(report->id));
	put(o, "so_far", json_object_new_boolean(report_going(report)));
	json_total(o, &all);
	for (size_t i = 0; i < report->n_parts; i++)
		json_object_array_add(jobs, json_part(report, &report->part[i]));
	put(o, "jobs", jobs);
	put(o, "slurm", report->slurm_known ? NULL : json_object_new_string(report->slurm_err.text));
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void print_people(const struct report *report)
{
	struct wattle_total all;
	size_t shown = 0, silent = 0;
	char b[32];

	for (size_t i = 0; i < report->n_parts; i++) {
		if (report->n_parts > 1 && report->part[i].records.n == 0) {
			silent++;
			continue;
		}
		if (shown++)
			printf("\n");
		print_part(&report->part[i], report);
	}
	if (silent)
		printf("\n%zu job%s of %s without a record yet.\n", silent, silent == 1 ? "" : "s", report->id);
	if (shown > 1) {
		total_all(report, &all);
		printf("\nall of %s: %s (%.6f kWh) in the processor packages\n", report->id,
		       wattle_text_energy(b, sizeof(b), all.energy_j), all.energy_j * KWH_PER_J);
	}
}

/* --- the command -------------------------------------------------------- */

struct arguments {
	bool json, no_slurm;
	const char *conf, *dir, *nodes, *carbon_dir, *baseline, *profile, *against, *measured;
};

/* As of jobs that were cancelled while they waited. */
static bool report_never_ran(const struct report *report)
{
	for (size_t i = 0; i < report->n_parts; i++)
		if (!report->part[i].job->over || report->part[i].job->nodes)
			return false;
	return report->n_parts > 0;
}

/* Why there is nothing to show, and what to do. */
static int explain_nothing(const struct report *report, const char *dir, const struct arguments *args)
{
	const struct part *part = &report->part[0];

	if (report->slurm_err.code == ENOENT)
		return wattle_fail("job %s: %s, and there are no records of it in %s", report->id, report->slurm_err.text, dir);
	if (!report->slurm_known && geteuid() != 0 && !args->nodes)
		return wattle_fail("job %s: Slurm was not asked or did not answer (%s), and only root may list %s: say --nodes=n1,n2",
				   report->id, report->slurm_err.text, dir);
	if (report->slurm_known && !args->nodes && report_never_ran(report))
		return wattle_fail("job %s: %.*s, and it never had a node: it drew nothing", report->id, (int) strcspn(part->job->state, " "),
				   part->job->state); /* sacct says by whom */
	return wattle_fail("job %s: no records in %s: it ran no step under Wattle, or report_dir is not shared with %s (run this there)",
			   report->id, dir, part->records.n_nodes ? part->records.nodes[0] : "its nodes");
}

static int report_make(struct report *report, const struct wattle_slurm_jobs *jobs, const char *dir, const struct arguments *args)
{
	const struct report_baseline_said said = { args->baseline, args->profile, args->conf, dir, args->nodes };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct report_baseline baseline;
	size_t found = 0;

	if (report_baseline_read(&said, &baseline) != 0)
		return WATTLE_EXIT_FAILED;
	report->part = calloc(jobs->n, sizeof(*report->part));
	if (!report->part)
		return wattle_fail("out of memory");
	report->n_parts = jobs->n;
	report_intensity_read(args->conf, args->carbon_dir, &report->intensity);
	for (size_t i = 0; i < jobs->n; i++) {
		struct part *part = &report->part[i];
		int rc;

		part->job = &jobs->job[i];
		rc = wattle_job_records_read(part->job, dir, args->nodes, &part->records, &err);
		if (rc == -EACCES && report->slurm_known && part->job->user[0])
			return wattle_fail("job %s is %s's: only %s and root see its records", part->job->label, part->job->user,
					   part->job->user);
		if (rc < 0)
			return wattle_fail("job %s: %s", part->job->label, err.text);
		if (part->records.n == 0 && report->slurm_known && geteuid() != 0 && part->job->uid != (uid_t) -1 &&
		    part->job->uid != geteuid())
			return wattle_fail("job %s is %s's: only %s and root see its records", part->job->label, part->job->user,
					   part->job->user);
		wattle_total_job(part->records.record, part->records.n, &part->total);
		report_carbon_make(&report->intensity, part->job, part->records.record, part->records.n, &part->carbon);
		report_slowdown_make(&said, &baseline, part->job, part->job->comment, &part->records, &part->total, &part->slowdown);
		if (report_against_make(args->against, dir, args->nodes, &report->intensity, part->job, &part->records, &part->total, &part->carbon,
					&part->against) != 0)
			return WATTLE_EXIT_FAILED;
		report_mpi_make(args->measured, report->slurm_known, part->job, &part->records, &part->mpi);
		wattle_records_sort(part->records.record, part->records.n);
		found += part->records.n;
	}
	if (found == 0 && !(report->slurm_known && report_going(report)))
		return explain_nothing(report, dir, args);
	if (args->json)
		print_json(report);
	else
		print_people(report);
	return WATTLE_EXIT_DONE;
}

static int report_mpijob(struct report *report, const char *dir, const struct arguments *args)
{
	const struct report_baseline_said said = { args->baseline, args->profile, args->conf, dir, args->nodes };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct report_baseline baseline;
	struct wattle_slurm_job job;
	struct part *part;
	size_t n_workers;

	if (report_baseline_read(&said, &baseline) != 0)
		return WATTLE_EXIT_FAILED;
	report->part = part = calloc(1, sizeof(*report->part));
	if (!part)
		return wattle_fail("out of memory");
	report->n_parts = 1;
	report->mpijob = report->slurm_known = true;
	part->job = &job;
	if (report_mpijob_read(report->id, dir, args->nodes, &job, &part->records, &n_workers, &err) < 0)
		return wattle_fail("%s: %s", report->id, err.text);
	report_intensity_read(args->conf, args->carbon_dir, &report->intensity);
	/* a launcher computes nothing, and is not metered: what the job drew is what its workers' nodes did */
	wattle_total_job(part->records.record, n_workers, &part->total);
	report_carbon_make(&report->intensity, &job, part->records.record, n_workers, &part->carbon);
	report_slowdown_make(&said, &baseline, &job, job.comment, &part->records, &part->total, &part->slowdown);
	if (args->json)
		print_json(report);
	else
		print_people(report);
	return WATTLE_EXIT_DONE;
}

int wattle_cmd_report(int argc, char **argv)
{
	struct arguments args = { .json = false };
	const struct wattle_option options[] = {
		{ "json", &args.json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &args.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "report-dir", NULL, "DIR", &args.dir, "where the records lie [report_dir of the site configuration]" },
		{ "carbon-dir", NULL, "DIR", &args.carbon_dir, "where carbon intensities lie [" WATTLE_FORECAST_CACHE_DIR "]" },
		{ "baseline", NULL, "TIME|JOB", &args.baseline, "compare with this run time, such as 75s, or with this job" },
		{ "against", NULL, "JOBID", &args.against, "compare joules and grams with this job's, such as one that ran at once" },
		{ "profile", NULL, "PROFILE", &args.profile, "compare with this profile [the one that predicted]" },
		{ "measured", NULL, "FILE", &args.measured, "what libwattle_mpi measured [.wattle/JOBID/measured.jsonl of the job's folder]" },
		{ "nodes", NULL, "LIST", &args.nodes, "the job's nodes, where Slurm can't be asked" },
		{ "no-slurm", &args.no_slurm, NULL, NULL, "don't ask Slurm about the job" },
	};
	const struct wattle_usage usage = {
		.command = "wattle report",
		.operands = "JOBID[_TASK|+HET] | mpijob/[NAMESPACE/]NAME",
		.about = "Prints what a job drew, step by step and node by node: energy, watts, the grant, the cap\n"
			 "in force, and whether it was held. Users see their own jobs, root all.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.operands_min = 1,
		.operands_max = 1,
		.man = "wattle-report(1)",
	};
	struct wattle_slurm_jobs jobs = { 0, NULL };
	struct wattle_slurm_job bare = { .uid = (uid_t) -1 };
	struct report report = { .id = NULL };
	struct wattle_err err = WATTLE_ERR_INIT;
	char dir[256];
	int first, status, rc = -ENODEV;
	bool plain;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	report.id = argv[first];
	if (report_is_mpijob(report.id)) {
		if (wattle_report_dir_find(args.conf, args.dir, dir, sizeof(dir)) < 0)
			return WATTLE_EXIT_FAILED;
		status = report_mpijob(&report, dir, &args);
		report_free(&report);
		return wattle_finish(status);
	}
	if (wattle_jobid_parse(report.id, &bare.job_id, &plain, &err) < 0) {
		wattle_warn("%s", err.text);
		return WATTLE_EXIT_USAGE;
	}
	if (wattle_report_dir_find(args.conf, args.dir, dir, sizeof(dir)) < 0)
		return WATTLE_EXIT_FAILED;
	if (args.no_slurm)
		wattle_err_set(&report.slurm_err, ENODEV, "--no-slurm");
	else
		rc = wattle_slurm_jobs_ask(report.id, &jobs, &report.slurm_err);
	report.slurm_known = rc == 0;
	if (rc < 0 && !plain)
		return wattle_fail("job %s: its number is needed and Slurm does not give it (%s)", report.id, report.slurm_err.text);
	if (rc == -ENOMEM)
		return wattle_fail("%s", report.slurm_err.text);
	if (rc < 0) {
		/* Slurm forgets; the records stay */
		snprintf(bare.label, sizeof(bare.label), "%u", bare.job_id);
		jobs = (struct wattle_slurm_jobs){ 1, &bare };
	}
	status = report_make(&report, &jobs, dir, &args);
	report_free(&report);
	if (rc == 0)
		wattle_slurm_jobs_free(&jobs);
	return wattle_finish(status);
}
