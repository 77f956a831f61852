/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "resize_sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "program.h"
#include "resize_size.h"

#define PATIENCE_S 30 /* a helper at work needs some seconds, and more where slurmctld is slow */
#define HELD_MAX 256u /* in one go; the others are left to the next */

bool wattle_resize_line(const char *line, struct wattle_held *ret)
{
	struct wattle_job job = { .state = "PENDING" };
	char task[32], het[32];
	struct wattle_held held = { 0 };
	int n = -1;

	if (sscanf(line, "%9u %31s %31s %9u %n", &held.job_id, task, het, &held.restarts, &n) != 4 || n < 0 || held.restarts == 0)
		return false;
	if (strcmp(task, "N/A") != 0 || (strcmp(het, "N/A") != 0 && strcmp(het, "0") != 0))
		return false;
	snprintf(job.reason, sizeof(job.reason), "%s", line + n);
	if (!wattle_resize_may(&job))
		return false;
	*ret = held;
	return true;
}

bool wattle_resize_asked(const char *comment, struct wattle_held *held)
{
	return wattle_handover_parse(comment, &held->asked) && held->restarts == held->asked.run + 1;
}

static bool is_held(const struct wattle_held *held)
{
	struct wattle_job now;

	return wattle_job_ask(held->job_id, &now, NULL) == 0 && now.restarts == held->restarts && wattle_resize_may(&now);
}

/* The jobs that are held with a request in their comment: their number, or negative. */
static int look(struct wattle_held *held)
{
	const char *args[] = { "-h", "-a", "-t", "PENDING", "-O", "JobID:14 ,ArrayTaskID:14 ,HetJobID:14 ,RestartCnt:14 ,Reason:70", NULL };
	struct wattle_err err = WATTLE_ERR_INIT;
	char comment[WATTLE_COMMENT_MAX];
	struct wattle_answer answer;
	int n = 0;

	if (wattle_slurm_run("squeue", args, &answer, &err) < 0) {
		syslog(LOG_ERR, "which jobs wait? %s", err.text);
		return -EIO;
	}
	for (char *line = answer.text, *rest; line && *line && n < (int) HELD_MAX; line = rest) {
		size_t len;

		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		for (len = strlen(line); len > 0 && line[len - 1] == ' '; len--)
			line[len - 1] = '\0';
		/* one that still completes has its helper; and what it asks for is asked of that job alone */
		if (wattle_resize_line(line, &held[n]) && is_held(&held[n]) && wattle_job_comment(held[n].job_id, comment, sizeof(comment), NULL) == 0 &&
		    wattle_resize_asked(comment, &held[n]))
			n++;
	}
	free(answer.text);
	return n;
}

static void let_go(const struct wattle_held *held)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char job[32], id[16];
	const char *release[] = { "release", id, NULL };

	snprintf(job, sizeof(job), "JobId=%u", held->job_id);
	snprintf(id, sizeof(id), "%u", held->job_id);
	if (wattle_job_begin(job, held->asked.begin_s, &err) < 0 || wattle_scontrol(release, &err) < 0) {
		syslog(LOG_ERR, "job %u stays held, for now: %s", held->job_id, err.text);
		return;
	}
	syslog(LOG_WARNING, "job %u: its change of size was cut short: let go with the size it has", held->job_id);
	wattle_resize_answered(held->job_id, held->asked.begin_s);
}

int wattle_resize_sweep(void)
{
	static struct wattle_held before[HELD_MAX], now[HELD_MAX];
	int n_before = look(before), n_now;

	if (n_before <= 0)
		return n_before;
	sleep(PATIENCE_S);
	n_now = look(now);
	if (n_now < 0)
		return n_now;
	for (int i = 0; i < n_now; i++)
		for (int j = 0; j < n_before; j++)
			if (now[i].job_id == before[j].job_id && now[i].restarts == before[j].restarts && is_held(&now[i]))
				let_go(&now[i]);
	return 0;
}

void wattle_resize_answered(uint32_t job_id, int64_t begin_s)
{
	char own[WATTLE_COMMENT_MAX], text[WATTLE_COMMENT_MAX + 64], job[32];
	const char *update[] = { "update", job, text, NULL }, *mine;

	if (wattle_job_comment(job_id, own, sizeof(own), NULL) < 0)
		return;
	mine = wattle_comment_own(own);
	snprintf(job, sizeof(job), "JobId=%u", job_id);
	snprintf(text, sizeof(text), "Comment=wattle: %s%s%.*s", begin_s > time(NULL) ? "pause" : "waits", *mine ? " | " : "",
		 (int) WATTLE_COMMENT_MAX, mine);
	wattle_scontrol(update, NULL);
}
