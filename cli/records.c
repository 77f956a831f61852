/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "records.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "lease.h"
#include "siteconf.h"
#include "total.h"

#define REPORT_DIR_DEFAULT "/var/spool/wattle"
#define RECORDS_MAX 1000000

int wattle_report_dir_find(const char *conf_path, const char *dir, char *ret, size_t size)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc;

	if (dir) {
		snprintf(ret, size, "%s", dir);
		return 0;
	}
	rc = wattle_siteconf_read(conf_path ? conf_path : WATTLE_CONF_PATH, &conf, &err);
	if (rc == 0) {
		snprintf(ret, size, "%s", conf->report_dir[0] ? conf->report_dir : REPORT_DIR_DEFAULT);
		return 0;
	}
	if (conf_path) {
		wattle_fail("%s", err.text);
		return -EINVAL;
	}
	if (rc != -ENOENT)
		wattle_warn("%s; looking in " REPORT_DIR_DEFAULT, err.text);
	snprintf(ret, size, REPORT_DIR_DEFAULT);
	return 0;
}

static int keep(const struct wattle_record *record, void *arg)
{
	struct wattle_job_records *all = arg;

	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		struct wattle_record *more;

		if (room > RECORDS_MAX || !(more = realloc(all->record, room * sizeof(*more))))
			return -ENOMEM;
		all->record = more;
		all->room = room;
	}
	all->record[all->n++] = *record;
	return 0;
}

int wattle_job_records_read(const struct wattle_slurm_job *job, const char *report_dir, const char *nodes_said,
			    struct wattle_job_records *ret, struct wattle_err *err)
{
	cleanup_free char *both = NULL;
	const char *list = nodes_said ? nodes_said : job->nodes;
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (!nodes_said && job->nodes && job->nodes_before) {
		if (asprintf(&both, "%s,%s", job->nodes, job->nodes_before) < 0)
			return wattle_err_set(err, ENOMEM, "out of memory");
		list = both;
	}
	if (list) {
		rc = wattle_slurm_hosts(list, &ret->nodes, &ret->n_nodes, err);
		if (rc < 0)
			return rc;
	}
	if (geteuid() == 0 && !nodes_said)
		rc = wattle_report_read(report_dir, job->job_id, NULL, 0, keep, ret, &ret->n_bad, err);
	else if (ret->n_nodes > 0)
		rc = wattle_report_read(report_dir, job->job_id, (const char *const *) ret->nodes, ret->n_nodes, keep, ret,
					&ret->n_bad, err);
	else
		rc = -ENOENT;
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (ret->n_nodes > 0) {
		ret->missing = calloc(ret->n_nodes, sizeof(*ret->missing));
		if (!ret->missing)
			return wattle_err_set(err, ENOMEM, "out of memory");
		ret->n_missing = wattle_nodes_missing(ret->nodes, ret->n_nodes, ret->record, ret->n, ret->missing);
	}
	return 0;
}

void wattle_job_records_free(struct wattle_job_records *records)
{
	free(records->record);
	free(records->nodes);
	free(records->missing);
	memset(records, 0, sizeof(*records));
}

double wattle_job_work_s(const struct wattle_job_records *records)
{
	const struct wattle_record *batch = NULL, *first = NULL, *last = NULL;

	for (size_t i = 0; i < records->n; i++) {
		const struct wattle_record *r = &records->record[i];

		if (r->step_id == WATTLE_STEP_BATCH && (!batch || r->start_s > batch->start_s))
			batch = r;
		if (r->step_id >= WATTLE_STEP_INTERACTIVE)
			continue;
		if (!first || r->start_s < first->start_s)
			first = r;
		if (!last || (double) r->start_s + r->elapsed_s > (double) last->start_s + last->elapsed_s)
			last = r;
	}
	if (batch)
		return batch->elapsed_s;
	return first ? (double) (last->start_s - first->start_s) + last->elapsed_s : 0;
}
