/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "table.h"

#define COLUMNS_MAX 110

static void wipe(struct sweep_progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\r\033[K");
	progress->drawn = false;
}

void sweep_progress_say(struct sweep_progress *progress, const char *format, ...)
{
	va_list args;

	if (progress->quiet)
		return;
	wipe(progress);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* ", about 3m20s left", by how long the runs took since this wattle began; "" if none has ended. */
static const char *estimate(const struct sweep_progress *progress, const struct sweep *sweep, int64_t now_s, char *buf, size_t size)
{
	uint32_t left = sweep_count(sweep, SWEEP_TODO) + sweep_count(sweep, SWEEP_QUEUED);
	char b[32];

	buf[0] = '\0';
	if (progress->finished > 0 && left > 0)
		snprintf(buf, size, ", about %s left",
			 wattle_text_duration(b, sizeof(b), (double) (now_s - progress->start_s) / progress->finished * left));
	return buf;
}

/* "waits (Priority)", "runs on n[1-4]" */
static const char *doing(const struct sweep_look *look, char *buf, size_t size)
{
	bool known = look->reason[0] && strcmp(look->reason, "None") != 0;

	if (strncmp(look->state, "RUNNING", 7) == 0)
		snprintf(buf, size, "runs on %.60s", look->hosts);
	else if (strncmp(look->state, "PENDING", 7) == 0)
		snprintf(buf, size, "waits%s%.60s%s", known ? " (" : "", known ? look->reason : "", known ? ")" : "");
	else
		snprintf(buf, size, "is %.20s%s%.40s", look->state, known ? ": " : "", known ? look->reason : "");
	return buf;
}

void sweep_progress_draw(struct sweep_progress *progress, const struct sweep *sweep, const struct sweep_run *run,
			 const struct sweep_look *look, int64_t now_s)
{
	uint32_t bad = sweep_count(sweep, SWEEP_FAILED) + sweep_count(sweep, SWEEP_MISSING);
	char line[400], label[64], job[200] = "", does[100], left[64], failed[40] = "";
	bool early = strncmp(look->state, "PENDING", 7) == 0 && (!look->reason[0] || strcmp(look->reason, "None") == 0);

	if (progress->quiet)
		return;
	if (run)
		snprintf(job, sizeof(job), "job %u (%s) %s", run->job_id, sweep_run_label(sweep, run, label, sizeof(label)),
			 doing(look, does, sizeof(does)));
	if (bad)
		snprintf(failed, sizeof(failed), ", %u without result", bad);
	if (progress->tty) {
		snprintf(line, sizeof(line), "%u/%u runs done%s%s; %s", sweep_count(sweep, SWEEP_DONE), sweep->n_runs, failed,
			 estimate(progress, sweep, now_s, left, sizeof(left)), job);
		fprintf(stderr, "\r%.*s\033[K", COLUMNS_MAX, line);
		fflush(stderr);
		progress->drawn = true;
		return;
	}
	/* Elsewhere only what lasts: the job that runs, and why one waits. */
	if (!run || early || strncmp(look->state, "COMPLETING", 10) == 0 || strcmp(job, progress->last) == 0)
		return;
	memcpy(progress->last, job, sizeof(job));
	sweep_progress_say(progress, "%s", job);
}

void sweep_progress_result(struct sweep_progress *progress, const struct sweep *sweep, const struct sweep_run *run, int64_t now_s)
{
	uint32_t ended = sweep->n_runs - sweep_count(sweep, SWEEP_TODO) - sweep_count(sweep, SWEEP_QUEUED);
	char label[64], left[64], value[40];

	sweep_run_label(sweep, run, label, sizeof(label));
	estimate(progress, sweep, now_s, left, sizeof(left));
	if (run->stage != SWEEP_DONE) {
		sweep_progress_say(progress, "%u/%u %s: no result: %s%s", ended, sweep->n_runs, label, run->why, left);
		return;
	}
	if (sweep->fom[0])
		snprintf(value, sizeof(value), "%.4g/s", run->fom);
	else
		snprintf(value, sizeof(value), "%.2f s", run->time_s);
	sweep_progress_say(progress, "%u/%u %s: %s at %g W, %.0f J (job %u)%s", ended, sweep->n_runs, label, value, run->cap_w, run->energy_j,
			   run->job_id, left);
}
