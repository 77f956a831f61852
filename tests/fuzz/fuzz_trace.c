/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of traces from anyone: refused, or jobs within the bounds that trace.h names. */
#include <math.h>

#include "fuzz.h"
#include "sacct_dump.h"
#include "swf.h"

static void check(int rc, const struct wattle_trace_job *job)
{
	if (rc != WATTLE_TRACE_JOB)
		return;
	if (!job->partition[0] || job->start_s < job->submit_s || !(job->run_s > 0) || job->run_s > WATTLE_TRACE_RUN_MAX_S ||
	    !(job->nodes > 0 || job->cpus > 0) || !(job->nodes <= WATTLE_TRACE_COUNT_MAX) || !(job->cpus <= WATTLE_TRACE_COUNT_MAX) ||
	    !isfinite(job->energy_j))
		abort();
}

/* The first line is a header; each later one is read in both formats. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text, *line, *copy;
	struct wattle_swf swf = { .unix_start_s = 0 };
	struct wattle_sacct_dump dump;
	struct wattle_trace_job job;
	int begun;

	memcpy(text, data, size);
	text[size] = '\0';
	line = strsep(&rest, "\n");
	copy = strdup(line);
	check(wattle_swf_line(&swf, line, &job, NULL), &job);
	begun = wattle_sacct_dump_begin(&dump, copy, NULL);
	free(copy);
	while ((line = strsep(&rest, "\n"))) {
		check(wattle_swf_line(&swf, line, &job, NULL), &job);
		if (begun == 0)
			check(wattle_sacct_dump_line(&dump, line, &job, NULL), &job);
	}
	free(text);
	return 0;
}
