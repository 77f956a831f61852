/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>

#include "bounded.h"
#include "record.h"

#define WAIT_MS 2000

/* Its own memory: a thread that is left behind keeps it. */
struct errand {
	char report_dir[256];
	struct wattle_record record;
	gid_t gid;
	int rc;
	struct wattle_err err;
};

static void *run(void *arg)
{
	struct errand *e = arg;

	e->rc = wattle_report_append(e->report_dir, &e->record, e->gid, &e->err);
	return NULL;
}

int wattle_record_write(const char *report_dir, const struct wattle_record *record, gid_t gid, struct wattle_err *err)
{
	pthread_t thread;
	struct errand *e = calloc(1, sizeof(*e));

	if (!e)
		return wattle_err_set(err, ENOMEM, "step record: no memory");
	snprintf(e->report_dir, sizeof(e->report_dir), "%s", report_dir);
	e->record = *record;
	e->gid = gid;

	int rc = wattle_thread_start(&thread, run, e);
	if (rc < 0) {
		free(e);
		return wattle_err_set(err, -rc, "step record: no thread");
	}
	if (!wattle_thread_join(thread, WAIT_MS))
		return wattle_err_set(err, ETIMEDOUT, "step record: %s did not answer within %d s (a network file system that hangs?)",
				      report_dir, WAIT_MS / 1000);
	rc = e->rc;
	if (rc < 0 && err)
		*err = e->err;
	free(e);
	return rc;
}
