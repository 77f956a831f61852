/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of a sweep as Slurm's jobs. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "program.h"
#include "slurm.h"

#define SBATCH_MS 60000
#define SBATCH_ANSWER_MAX 65536
#define OURS_MAX 10 /* words of ours before the user's */

/* The run's own, so that it is found again: name, seed, index, try. */
static void job_name(const struct sweep *sweep, const struct sweep_run *run, char *ret, size_t size)
{
	snprintf(ret, size, "%s-sweep-%" PRIu64 "-%zu-%u", sweep->name, sweep->seed, (size_t) (run - sweep->run) + 1, run->tries);
}

void sweep_output_path(const struct sweep *sweep, const struct sweep_run *run, char *ret, size_t size)
{
	snprintf(ret, size, "%s/out/%03zu-%s%s-%u.out", sweep->dir, (size_t) (run - sweep->run) + 1, run->nodes ? "" : run->cap,
		 run->nodes ? "nodes" : "", run->tries);
}

void sweep_measured_path(const struct sweep *sweep, const struct sweep_run *run, char *ret, size_t size)
{
	snprintf(ret, size, "%s/out/%03zu-%u.jsonl", sweep->dir, (size_t) (run - sweep->run) + 1, run->tries);
}

struct words {
	char sbatch[256], name[160], output[PATH_MAX + 64], cap[64], nodes[32], hosts[300];
	const char *argv[OURS_MAX + SWEEP_ARGS_MAX + 1];
};

/* Ours first: of the options that both say, the user's win. */
static int words_make(const struct sweep *sweep, const struct sweep_run *run, const char *first, struct words *w, struct wattle_err *err)
{
	size_t n = 0;

	if (wattle_program_find("sbatch", w->sbatch, sizeof(w->sbatch)) < 0)
		return wattle_err_set(err, ENODEV, "no sbatch here: a sweep is made of Slurm's jobs");
	job_name(sweep, run, w->name, sizeof(w->name));
	memmove(w->name + strlen("--job-name="), w->name, sizeof(w->name) - strlen("--job-name="));
	memcpy(w->name, "--job-name=", strlen("--job-name="));
	w->name[sizeof(w->name) - 1] = '\0';
	memcpy(w->output, "--output=", sizeof("--output="));
	sweep_output_path(sweep, run, w->output + strlen(w->output), sizeof(w->output) - strlen(w->output));
	snprintf(w->cap, sizeof(w->cap), "--power-cap=%s", run->cap);
	w->argv[n++] = w->sbatch;
	w->argv[n++] = first;
	w->argv[n++] = "--no-requeue";
	w->argv[n++] = w->name;
	w->argv[n++] = w->output;
	w->argv[n++] = w->cap;
	if (!sweep->share)
		w->argv[n++] = "--exclusive";
	if (run->nodes) {
		snprintf(w->nodes, sizeof(w->nodes), "--nodes=%u", run->nodes);
		w->argv[n++] = w->nodes;
	} else if (sweep->pinned[0]) {
		snprintf(w->hosts, sizeof(w->hosts), "--nodelist=%s", sweep->pinned);
		w->argv[n++] = w->hosts;
	}
	for (uint32_t i = 0; i < sweep->n_args; i++)
		w->argv[n++] = sweep->arg[i];
	w->argv[n] = NULL;
	return 0;
}

/* 0: it ran and exited with 0 */
static int call_sbatch(const struct words *w, struct wattle_answer *ret, struct wattle_err *err)
{
	int rc = wattle_program_ask_as_is(w->argv, SBATCH_MS, SBATCH_ANSWER_MAX, ret, err);
	const char *said = ret->said;

	if (rc < 0 || ret->status == 0)
		return rc;
	if (strncmp(said, "sbatch: ", 8) == 0)
		said += 8;
	if (strncmp(said, "error: ", 7) == 0)
		said += 7;
	rc = wattle_err_set(err, EINVAL, "sbatch refuses: %s", said[0] ? said : "it gave no reason");
	free(ret->text);
	ret->text = NULL;
	return rc;
}

int sweep_try(const struct sweep *sweep, struct sweep_run *run, struct wattle_err *err)
{
	cleanup_free struct words *w = calloc(1, sizeof(*w));
	struct wattle_answer answer;
	const char *found;
	unsigned long watts_w;
	int rc;

	if (!w)
		return wattle_err_set(err, ENOMEM, "out of memory");
	rc = words_make(sweep, run, "--test-only", w, err);
	if (rc == 0)
		rc = call_sbatch(w, &answer, err);
	if (rc < 0)
		return rc;
	free(answer.text);
	found = strstr(answer.said, "wattle: ");
	watts_w = found ? strtoul(found + strlen("wattle: "), NULL, 10) : 0;
	if (watts_w > 0 && watts_w < UINT32_MAX && strstr(found, " W/node"))
		run->asked_w = (uint32_t) watts_w;
	return 0;
}

int sweep_submit(struct sweep *sweep, struct sweep_run *run, struct wattle_err *err)
{
	cleanup_free struct words *w = calloc(1, sizeof(*w));
	struct wattle_answer answer = { .text = NULL };
	struct wattle_err ignored = WATTLE_ERR_INIT;
	char measured[PATH_MAX + 64], *end;
	unsigned long job_id;
	int rc;

	if (!w)
		return wattle_err_set(err, ENOMEM, "out of memory");
	run->stage = SWEEP_SUBMITTING;
	run->tries++;
	run->job_id = 0;
	run->why[0] = '\0';
	run->submitted_s = (int64_t) time(NULL);
	rc = words_make(sweep, run, "--parsable", w, err);
	if (rc == 0 && strcmp(sweep->fom, SWEEP_FOM_MEASURED) == 0) {
		/* sbatch hands its environment on to the job, as every user knows who does not say --export */
		sweep_measured_path(sweep, run, measured, sizeof(measured));
		setenv("WATTLE_MEASURE", measured, 1);
	}
	if (rc == 0)
		rc = sweep_save(sweep, err);
	if (rc == 0)
		rc = call_sbatch(w, &answer, err);
	if (rc == -ETIMEDOUT) /* it may be queued all the same: left as SUBMITTING, to be looked for */
		return rc;
	if (rc < 0) {
		run->stage = SWEEP_TODO;
		run->tries--;
		(void) sweep_save(sweep, &ignored);
		return rc;
	}
	job_id = strtoul(answer.text, &end, 10);
	rc = 0;
	if (end == answer.text || job_id == 0 || job_id >= UINT32_MAX || (*end && *end != '\n' && *end != ';'))
		rc = wattle_err_set(err, EPROTO, "sbatch gave no job number but \"%.40s\"", answer.text);
	free(answer.text);
	if (rc < 0)
		return rc;
	run->job_id = (uint32_t) job_id;
	run->stage = SWEEP_QUEUED;
	return sweep_save(sweep, err);
}

/* The first number of a text; 0: it has none. */
static uint32_t first_number(const char *text)
{
	unsigned long n = *text >= '1' && *text <= '9' ? strtoul(text, NULL, 10) : 0;

	return n < UINT32_MAX ? (uint32_t) n : 0;
}

int sweep_find_lost(struct sweep *sweep, struct sweep_run *run, struct wattle_err *err)
{
	cleanup_free char *queued = NULL, *accounted = NULL;
	char name[160], by_name[180], uid[16];
	/* one that has ended, too: accounting learns of it later */
	const char *squeue[] = { "--noheader", "--format=%i", "--states=all", "--user", uid, by_name, NULL };
	const char *sacct[] = { "-X", "-n", "-P", "-o", "JobIDRaw", "-S", "now-30days", "--user", uid, by_name, NULL };
	int rc;

	snprintf(uid, sizeof(uid), "%u", (unsigned) getuid());
	job_name(sweep, run, name, sizeof(name));
	snprintf(by_name, sizeof(by_name), "--name=%s", name);
	rc = wattle_slurm_ask("squeue", squeue, &queued, err);
	if (rc < 0)
		return rc;
	run->job_id = first_number(queued);
	if (run->job_id == 0 && wattle_slurm_ask("sacct", sacct, &accounted, err) == 0)
		run->job_id = first_number(accounted);
	run->stage = run->job_id ? SWEEP_QUEUED : SWEEP_TODO;
	return sweep_save(sweep, err);
}

int sweep_cancel(const struct sweep_run *run, struct wattle_err *err)
{
	char id[16];
	const char *words[] = { id, NULL };
	cleanup_free char *text = NULL;

	snprintf(id, sizeof(id), "%u", run->job_id);
	return wattle_slurm_ask("scancel", words, &text, err);
}

int sweep_look(const struct sweep_run *run, struct sweep_look *ret, struct wattle_err *err)
{
	struct wattle_slurm_jobs jobs = { 0, NULL };
	struct sweep_look look = { .over = false };
	char id[16];
	int rc;

	snprintf(id, sizeof(id), "%u", run->job_id);
	rc = wattle_slurm_jobs_now(id, &jobs, err);
	if (rc == -ENOENT) /* slurmctld has forgotten it, or has not: accounting knows */
		rc = wattle_slurm_jobs_ask(id, &jobs, err);
	if (rc < 0)
		return rc;
	look.over = jobs.job[0].over;
	memcpy(look.state, jobs.job[0].state, sizeof(look.state));
	snprintf(look.reason, sizeof(look.reason), "%.63s", jobs.job[0].reason);
	snprintf(look.hosts, sizeof(look.hosts), "%s", jobs.job[0].nodes ? jobs.job[0].nodes : "");
	wattle_slurm_jobs_free(&jobs);
	*ret = look;
	return 0;
}
