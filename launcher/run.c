/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "follow.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "job.h"

double wattle_run_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

void wattle_run_say(const struct wattle_run *run, const char *format, ...)
{
	va_list args;

	if (run->quiet)
		return;
	va_start(args, format);
	fputs("wattlerun: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

const char *wattle_run_clock(double utc_s, char buf[16])
{
	time_t t = utc_s < 1e11 ? (time_t) utc_s : 0;
	struct tm tm;

	return t && localtime_r(&t, &tm) && strftime(buf, 16, "%H:%M:%S", &tm) > 0 ? buf : "the end";
}

void wattle_run_show(const struct wattle_run *run, const char *what, double until_s)
{
	char comment[sizeof(run->comment) + 200], job[32], until[16];
	const char *args[] = { "update", job, comment, NULL };

	snprintf(job, sizeof(job), "JobId=%u", run->job_id);
	snprintf(comment, sizeof(comment), "Comment=wattle: %s", what);
	if (run->state.total)
		snprintf(comment + strlen(comment), 32, ", %d%% done", wattle_state_done_pct(&run->state));
	if (until_s < 1e11)
		snprintf(comment + strlen(comment), 64, ", until %s", wattle_run_clock(until_s, until));
	if (run->comment[0])
		snprintf(comment + strlen(comment), sizeof(run->comment) + 4, " | %s", run->comment);
	wattle_scontrol(args, NULL); /* a nicety: nothing depends on it */
}

void wattle_run_save(const struct wattle_run *run)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_state_save(run->folder_fd, &run->state, &err) < 0)
		wattle_run_say(run, "the state can't be kept in %s: %s", run->folder, err.text);
}
