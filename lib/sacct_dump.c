/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sacct_dump.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "decimal.h"
#include "instant.h"

#define COLUMNS_MAX 256
#define TIME_MAX 2.5e11

static const struct {
	const char *name;
	enum wattle_sacct_dump_field field;
} names[] = {
	{ "JobIDRaw", WATTLE_DUMP_ID },	     { "JobID", WATTLE_DUMP_ID },	  { "Partition", WATTLE_DUMP_PARTITION },
	{ "Submit", WATTLE_DUMP_SUBMIT },    { "Start", WATTLE_DUMP_START },	  { "End", WATTLE_DUMP_END },
	{ "ElapsedRaw", WATTLE_DUMP_ELAPSED }, { "NNodes", WATTLE_DUMP_NODES },	  { "AllocNodes", WATTLE_DUMP_NODES },
	{ "NCPUS", WATTLE_DUMP_CPUS },	     { "AllocCPUS", WATTLE_DUMP_CPUS },	  { "State", WATTLE_DUMP_STATE },
	{ "ConsumedEnergyRaw", WATTLE_DUMP_ENERGY },
};

static void take_column(struct wattle_sacct_dump *dump, const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i].name) == 0 && dump->column[names[i].field] < 0)
			dump->column[names[i].field] = dump->n;
}

int wattle_sacct_dump_begin(struct wattle_sacct_dump *dump, char *header, struct wattle_err *err)
{
	const int *c = dump->column;
	char *rest = header, *name;
	const char *missing;

	dump->n = 0;
	for (int i = 0; i < WATTLE_DUMP_FIELDS; i++)
		dump->column[i] = -1;
	header[strcspn(header, "\r")] = '\0';
	while ((name = strsep(&rest, "|"))) {
		if (dump->n == COLUMNS_MAX)
			return wattle_err_set(err, EINVAL, "more than %d columns", COLUMNS_MAX);
		take_column(dump, name);
		dump->n++;
	}
	missing = c[WATTLE_DUMP_SUBMIT] < 0 ? "Submit" : c[WATTLE_DUMP_START] < 0 ? "Start" : c[WATTLE_DUMP_NODES] < 0 ? "NNodes" :
		  c[WATTLE_DUMP_ELAPSED] < 0 && c[WATTLE_DUMP_END] < 0 ? "ElapsedRaw" : NULL;
	if (missing)
		return wattle_err_set(err, EINVAL, "no column %s in the first line: it must be sacct's header, from "
				      "`SLURM_TIME_FORMAT=%%s sacct -a -X -P -o " WATTLE_SACCT_DUMP_FIELDS "`", missing);
	return 0;
}

static const char *cell(const struct wattle_sacct_dump *dump, char *const *field, enum wattle_sacct_dump_field which)
{
	return dump->column[which] < 0 ? "" : field[dump->column[which]];
}

static bool is_none(const char *text)
{
	return !*text || strcasecmp(text, "Unknown") == 0 || strcasecmp(text, "None") == 0 || strcasecmp(text, "N/A") == 0;
}

/* False: neither seconds nor ISO 8601. */
static bool take_time(const char *text, int64_t *ret_s, bool *unzoned)
{
	double number;
	bool zoned = true;

	if (wattle_decimal_parse(text, &number) == 0 && number >= 0 && number <= TIME_MAX)
		*ret_s = (int64_t) number;
	else if (wattle_instant_parse(text, ret_s, &zoned) < 0)
		return false;
	*unzoned = *unzoned || !zoned;
	return true;
}

static double count_or_0(const char *text)
{
	double number;

	return wattle_decimal_parse(text, &number) == 0 && number > 0 && number <= WATTLE_TRACE_COUNT_MAX ? number : 0;
}

static bool still_going(const char *state)
{
	return strncmp(state, "RUNNING", 7) == 0 || strncmp(state, "PENDING", 7) == 0 || strncmp(state, "SUSPENDED", 9) == 0 ||
	       strncmp(state, "REQUEUED", 8) == 0;
}

/* Elapsed time is without suspension: with the start it says how long the nodes worked. */
static int take_run(const char *elapsed, const char *end, struct wattle_trace_job *job, struct wattle_err *err)
{
	char quoted[40];
	int64_t end_s;

	if (*elapsed) {
		if (wattle_decimal_parse(elapsed, &job->run_s) < 0 || job->run_s < 0)
			return wattle_err_set(err, EINVAL, "ElapsedRaw \"%s\" is no number of seconds", wattle_err_quote(quoted, sizeof(quoted), elapsed));
	} else {
		if (is_none(end))
			return WATTLE_TRACE_NOT_RUN;
		if (!take_time(end, &end_s, &job->unzoned))
			return wattle_err_set(err, EINVAL, "End \"%s\" is no time", wattle_err_quote(quoted, sizeof(quoted), end));
		if (end_s < job->start_s)
			return wattle_err_set(err, EINVAL, "it ended before it started");
		job->run_s = (double) (end_s - job->start_s);
	}
	if (job->run_s > WATTLE_TRACE_RUN_MAX_S)
		return wattle_err_set(err, EINVAL, "it ran %g s: that is no job", job->run_s);
	return job->run_s > 0 ? WATTLE_TRACE_JOB : WATTLE_TRACE_NOT_RUN;
}

static int take_job(const struct wattle_sacct_dump *dump, char *const *field, struct wattle_trace_job *ret, struct wattle_err *err)
{
	const char *submit = cell(dump, field, WATTLE_DUMP_SUBMIT), *start = cell(dump, field, WATTLE_DUMP_START);
	const char *partition = cell(dump, field, WATTLE_DUMP_PARTITION);
	struct wattle_trace_job job = { .energy_j = -1 };
	char quoted[40];
	int rc;

	if (strchr(cell(dump, field, WATTLE_DUMP_ID), '.'))
		return WATTLE_TRACE_NOTHING;
	if (!take_time(submit, &job.submit_s, &job.unzoned))
		return wattle_err_set(err, EINVAL, "Submit \"%s\" is no time", wattle_err_quote(quoted, sizeof(quoted), submit));
	if (is_none(start) || still_going(cell(dump, field, WATTLE_DUMP_STATE)))
		return WATTLE_TRACE_NOT_RUN;
	if (!take_time(start, &job.start_s, &job.unzoned))
		return wattle_err_set(err, EINVAL, "Start \"%s\" is no time", wattle_err_quote(quoted, sizeof(quoted), start));
	rc = take_run(cell(dump, field, WATTLE_DUMP_ELAPSED), cell(dump, field, WATTLE_DUMP_END), &job, err);
	if (rc != WATTLE_TRACE_JOB)
		return rc;
	if (job.start_s < job.submit_s)
		return wattle_err_set(err, EINVAL, "it started before it was submitted");
	job.nodes = count_or_0(cell(dump, field, WATTLE_DUMP_NODES));
	if (!(job.nodes > 0))
		return wattle_err_set(err, EINVAL, "NNodes \"%s\" is no number of nodes",
				      wattle_err_quote(quoted, sizeof(quoted), cell(dump, field, WATTLE_DUMP_NODES)));
	job.cpus = count_or_0(cell(dump, field, WATTLE_DUMP_CPUS));
	if (wattle_decimal_parse(cell(dump, field, WATTLE_DUMP_ENERGY), &job.energy_j) < 0 || !(job.energy_j > 0))
		job.energy_j = -1;
	wattle_err_quote(job.partition, sizeof(job.partition), *partition ? partition : "all");
	*ret = job;
	return WATTLE_TRACE_JOB;
}

int wattle_sacct_dump_line(const struct wattle_sacct_dump *dump, char *line, struct wattle_trace_job *ret, struct wattle_err *err)
{
	char *field[COLUMNS_MAX], *rest = line;
	int n = 0;

	line[strcspn(line, "\r")] = '\0';
	if (!line[strspn(line, " \t")])
		return WATTLE_TRACE_NOTHING;
	for (char *next; (next = strsep(&rest, "|")); n++) {
		if (n == dump->n)
			return wattle_err_set(err, EINVAL, "more fields than the header's %d: a name with '|' in it?", dump->n);
		field[n] = next;
	}
	if (n < dump->n)
		return wattle_err_set(err, EINVAL, "%d fields where the header has %d", n, dump->n);
	return take_job(dump, field, ret, err);
}
