/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "program.h"
#include "units.h"

#define ASK_MS 30000
#define ANSWER_MAX (64 * 1024 * 1024) /* a line for each pending job of a large site */
#define ARGS_MAX 24

/* No words of users in it: a job's name could look like a field of scontrol's. Reason may have blanks, so it stands last. */
#define FIELDS "State:30 ,NumNodes:14 ,NumTasks:14 ,NumCPUs:14 ,cpus-per-task:14 ,RestartCnt:14 ,TimeLimit:26 ,Deadline:26 ,EligibleTime:26 ,EndTime:26 ,Requeue:10 ,Reason:70"

int wattle_slurm_run(const char *name, const char *const *args, struct wattle_answer *ret, struct wattle_err *err)
{
	const char *argv[ARGS_MAX + 2] = { NULL };
	char path[PATH_MAX];
	size_t n = 1;
	int rc;

	ret->text = NULL;
	if (wattle_program_find(name, path, sizeof(path)) < 0)
		return wattle_err_set(err, ENOENT, "%s is not here: is Slurm installed on this machine?", name);
	argv[0] = path;
	for (; *args && n <= ARGS_MAX; args++)
		argv[n++] = *args;
	rc = wattle_program_ask(argv, ASK_MS, ANSWER_MAX, ret, err);
	if (rc == 0 && ret->status != 0) {
		free(ret->text);
		ret->text = NULL;
		return wattle_err_set(err, EIO, "%s %s: %s", name, argv[1], ret->said[0] ? ret->said : "failed without a word");
	}
	return rc;
}

static int64_t moment(const char *text)
{
	char *end;
	long long s = strtoll(text, &end, 10);

	return end != text && !*end && s > 0 ? s : 0;
}

int wattle_job_parse(const char *line, struct wattle_job *ret)
{
	char limit[64], deadline[32], eligible[32], end[32];
	struct wattle_job job = { 0 };
	unsigned requeue = 0;
	int n = -1;

	if (sscanf(line, "%31s %9u %9u %9u %9u %9u %63s %31s %31s %31s %1u %n", job.state, &job.nodes, &job.tasks, &job.cpus, &job.cpus_per_task,
		   &job.restarts, limit, deadline, eligible, end, &requeue, &n) != 11 || n < 0)
		return -EINVAL;
	/* below a day it is MM:SS or HH:MM:SS: Slurm's own form, which the parser takes; else UNLIMITED and the like */
	if (wattle_duration_parse(limit, &job.time_limit_s, NULL) < 0)
		job.time_limit_s = 0;
	job.deadline_s = moment(deadline);
	job.eligible_s = moment(eligible);
	job.end_s = job.time_limit_s ? moment(end) : 0;
	job.requeue = requeue;
	snprintf(job.reason, sizeof(job.reason), "%.*s", (int) strcspn(line + n, "\n"), line + n);
	*ret = job;
	return 0;
}

int wattle_job_ask(uint32_t job_id, struct wattle_job *ret, struct wattle_err *err)
{
	char id[16];
	const char *args[] = { "-h", "-a", "-j", id, "-O", FIELDS, NULL };
	struct wattle_answer answer;
	int rc;

	snprintf(id, sizeof(id), "%u", job_id);
	rc = wattle_slurm_run("squeue", args, &answer, err);
	if (rc < 0)
		return rc;
	if (!*answer.text)
		rc = wattle_err_set(err, ENOENT, "Slurm knows no job %s", id);
	else if (wattle_job_parse(answer.text, ret) < 0)
		rc = wattle_err_set(err, EIO, "squeue answered something else than it was asked: \"%.80s\"", answer.text);
	free(answer.text);
	return rc;
}

bool wattle_slurm_answers(uint32_t job_id)
{
	struct wattle_job job;
	int rc = wattle_job_ask(job_id, &job, NULL);

	return rc == 0 || rc == -ENOENT;
}

int wattle_job_comment(uint32_t job_id, char *ret, unsigned long size, struct wattle_err *err)
{
	char id[16];
	const char *args[] = { "-h", "-a", "-j", id, "-O", "Comment:4096", NULL };
	struct wattle_answer answer;
	size_t len;
	int rc;

	snprintf(id, sizeof(id), "%u", job_id);
	rc = wattle_slurm_run("squeue", args, &answer, err);
	if (rc < 0)
		return rc;
	len = strcspn(answer.text, "\n");
	while (len > 0 && answer.text[len - 1] == ' ')
		len--;
	answer.text[len] = '\0';
	snprintf(ret, size, "%s", strcmp(answer.text, "(null)") == 0 ? "" : answer.text);
	free(answer.text);
	return 0;
}

int wattle_scontrol(const char *const *args, struct wattle_err *err)
{
	struct wattle_answer answer;
	int rc = wattle_slurm_run("scontrol", args, &answer, err);

	free(answer.text);
	return rc;
}

int wattle_job_begin(const char *job, int64_t begin_s, struct wattle_err *err)
{
	char start[40];
	const char *args[] = { "update", job, start, NULL };

	if (begin_s > time(NULL))
		snprintf(start, sizeof(start), "StartTime=uts%" PRId64, begin_s);
	else
		snprintf(start, sizeof(start), "StartTime=now");
	return wattle_scontrol(args, err);
}

bool wattle_limits_found(const char *text)
{
	static const char *const names[] = { "cpu=", "node=" };

	for (const char *s = text; (s = strchr(s, '=')); s++)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t n = strlen(names[i]) - 1;

			if ((size_t) (s - text) >= n && strncmp(s - n, names[i], n) == 0 && s[1] >= '0' && s[1] <= '9')
				return true;
		}
	return false;
}

int wattle_job_limits(bool *ret, struct wattle_err *err)
{
	static const char enforce[] = "AccountingStorageEnforce";
	const char *config[] = { "show", "config", NULL }, *limits[] = { "-o", "show", "assoc_mgr", "flags=assoc,qos", NULL };
	struct wattle_answer answer;
	const char *line;
	int rc = wattle_slurm_run("scontrol", config, &answer, err);

	if (rc < 0)
		return rc;
	line = strstr(answer.text, enforce);
	*ret = line && memmem(line, strcspn(line, "\n"), "limits", strlen("limits"));
	free(answer.text);
	if (!*ret)
		return 0;
	rc = wattle_slurm_run("scontrol", limits, &answer, err);
	if (rc < 0)
		return rc;
	*ret = wattle_limits_found(answer.text);
	free(answer.text);
	return 0;
}

static bool line_has(const char *line, const char *end, const char *key, const char *value)
{
	return strncmp(line, key, strlen(key)) == 0 && memmem(line, (size_t) (end - line), value, strlen(value));
}

void wattle_site_parse(const char *text, struct wattle_site *ret)
{
	bool tasks_alone = false, children = false;

	ret->epilog = false;
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		ret->epilog = ret->epilog || line_has(line, end, "EpilogSlurmctld", "wattle-resize");
		tasks_alone = tasks_alone || line_has(line, end, "ProctrackType", "proctrack/cgroup");
		children = children || line_has(line, end, "SignalChildrenProcesses", "= yes");
	}
	ret->signals_tree = !tasks_alone || children;
}

int wattle_site_ask(struct wattle_site *ret, struct wattle_err *err)
{
	const char *args[] = { "show", "config", NULL };
	struct wattle_answer answer;
	int rc = wattle_slurm_run("scontrol", args, &answer, err);

	if (rc < 0)
		return rc;
	wattle_site_parse(answer.text, ret);
	free(answer.text);
	return 0;
}
