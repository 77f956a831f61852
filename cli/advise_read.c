/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trace, line by line, in bounded memory. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "advise.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "sacct_dump.h"
#include "swf.h"

#define LINE_MAX_BYTES 65536
#define PROGRESS_LINES 65536

enum format { UNKNOWN, SWF, SACCT };

struct trace {
	FILE *file;
	enum format format;
	struct wattle_swf swf;
	struct wattle_sacct_dump dump;
	bool progress, progressed;
	char line[LINE_MAX_BYTES];
};

static void close_trace(struct trace **t)
{
	if (!*t)
		return;
	if ((*t)->progressed)
		fputs("\r\033[K", stderr);
	if ((*t)->file && (*t)->file != stdin)
		fclose((*t)->file);
	free(*t);
}

/* One line without newline. 1; 0: the end; -E2BIG, -EINVAL: it is too long, or holds NULs, and was skipped; -EIO. */
static int next_line(struct trace *t)
{
	size_t len = 0;
	int c, rc = 1;

	while ((c = getc_unlocked(t->file)) != EOF && c != '\n') {
		if (c == '\0')
			rc = -EINVAL;
		else if (len + 1 < sizeof(t->line))
			t->line[len++] = (char) c;
		else
			rc = -E2BIG;
	}
	t->line[len] = '\0';
	if (c == EOF && ferror(t->file))
		return -EIO;
	return c == EOF && len == 0 && rc == 1 ? 0 : rc;
}

static void note_bad(struct advise_read *r, const char *why)
{
	if (r->bad < ADVISE_BAD_SHOWN) {
		r->shown[r->bad].line = r->lines;
		snprintf(r->shown[r->bad].why, sizeof(r->shown[0].why), "%s", why);
	}
	r->bad++;
}

/* By the first line that says something. */
static int tell_format(struct trace *t, struct advise_read *r)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char *s = t->line;

	if (strncmp(s, "\xef\xbb\xbf", 3) == 0)
		memmove(s, s + 3, strlen(s + 3) + 1);
	if (!s[strspn(s, " \t\r")])
		return 0;
	if (strchr(s, '|')) {
		t->format = SACCT;
		r->format = "sacct";
		return wattle_sacct_dump_begin(&t->dump, s, &err) < 0 ? wattle_fail("%s:%llu: %s", r->name, (unsigned long long) r->lines, err.text) : 0;
	}
	s += strspn(s, " \t");
	if (*s != ';' && strspn(s, "-0123456789. \t\r") != strlen(s))
		return wattle_fail("%s: neither an SWF trace (18 numbers a line) nor `sacct -P` with its header: wattle-advise(1) has the command", r->name);
	t->format = SWF;
	r->format = "SWF";
	return 0;
}

static void show_progress(struct trace *t, const struct advise_read *r)
{
	if (!t->progress || r->lines % PROGRESS_LINES != 0)
		return;
	fprintf(stderr, "\r\033[K%s: %llu jobs", r->name, (unsigned long long) r->jobs);
	fflush(stderr);
	t->progressed = true;
}

/* 0, or an exit status after a line on stderr. */
static int take_line(struct trace *t, struct advise_read *r, int (*each)(const struct wattle_trace_job *, void *, struct wattle_err *),
		     void *arg)
{
	enum format before = t->format;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_trace_job job;
	int rc;

	if (before == UNKNOWN) {
		int status = tell_format(t, r);

		if (status || t->format != SWF)
			return status;
	}
	rc = t->format == SWF ? wattle_swf_line(&t->swf, t->line, &job, &err) : wattle_sacct_dump_line(&t->dump, t->line, &job, &err);
	if (rc < 0) {
		note_bad(r, err.text);
	} else if (rc == WATTLE_TRACE_NOT_RUN) {
		r->not_run++;
	} else if (rc == WATTLE_TRACE_JOB) {
		if (r->jobs++ == 0) {
			r->undated = t->format == SWF && t->swf.unix_start_s == 0;
			r->max_nodes = t->swf.max_nodes;
			r->max_procs = t->swf.max_procs;
			if (t->swf.max_nodes >= 1 && t->swf.max_procs >= t->swf.max_nodes)
				r->cores = t->swf.max_procs / t->swf.max_nodes;
		}
		r->unzoned += job.unzoned;
		if (each(&job, arg, &err) < 0)
			return wattle_fail("%s:%llu: %s", r->name, (unsigned long long) r->lines, err.text);
	}
	return 0;
}

static int judge(const struct advise_read *r)
{
	if (!r->format)
		return wattle_fail("%s is empty", r->name);
	if (r->bad > r->jobs + r->not_run)
		return wattle_fail("%s: %llu of %llu lines are no jobs, the first in line %llu: %s", r->name, (unsigned long long) r->bad,
				   (unsigned long long) r->lines, (unsigned long long) r->shown[0].line, r->shown[0].why);
	if (r->jobs == 0)
		return wattle_fail("%s: no job in it ran (%llu never started or have not ended)", r->name, (unsigned long long) r->not_run);
	return 0;
}

int advise_read(const char *path, struct advise_read *ret, int (*each)(const struct wattle_trace_job *job, void *arg, struct wattle_err *err),
		void *arg)
{
	__attribute__((cleanup(close_trace))) struct trace *t = calloc(1, sizeof(*t));
	int rc, status;

	*ret = (struct advise_read){ .name = strcmp(path, "-") == 0 ? "standard input" : path };
	if (!t)
		return wattle_fail("out of memory");
	t->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (!t->file)
		return wattle_fail("can't open %s: %s", path, strerror(errno));
	t->progress = isatty(STDERR_FILENO);
	while ((rc = next_line(t)) != 0) {
		ret->lines++;
		if (rc == -EIO)
			return wattle_fail("can't read %s: %s", ret->name, strerror(errno));
		if (rc < 0) {
			note_bad(ret, rc == -E2BIG ? "longer than 64 KiB" : "holds NUL bytes");
			continue;
		}
		status = take_line(t, ret, each, arg);
		if (status)
			return status;
		show_progress(t, ret);
	}
	return judge(ret);
}
