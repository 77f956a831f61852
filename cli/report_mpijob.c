/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "report_mpijob.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "lease.h"

#define PREFIX "mpijob/"
#define PODS_MAX 1000000

bool report_is_mpijob(const char *id)
{
	return strncmp(id, PREFIX, strlen(PREFIX)) == 0;
}

const char *report_mpijob_pod(uint32_t step_id, char *buf, size_t size)
{
	if (step_id == WATTLE_STEP_BATCH)
		snprintf(buf, size, "launcher");
	else
		snprintf(buf, size, "worker %u", step_id);
	return buf;
}

struct pods {
	size_t n, room;
	struct wattle_pod_record *pod;
};

static int keep(const struct wattle_pod_record *record, void *arg)
{
	struct pods *all = arg;

	if (all->n == all->room) {
		size_t room = all->room ? all->room * 2 : 64;
		struct wattle_pod_record *more;

		if (room > PODS_MAX || !(more = realloc(all->pod, room * sizeof(*more))))
			return -ENOMEM;
		all->pod = more;
		all->room = room;
	}
	all->pod[all->n++] = *record;
	return 0;
}

static bool is_launcher(const struct wattle_pod_record *pod)
{
	return strcmp(pod->role, "launcher") == 0;
}

/* Of MPIJobs with the same name the one whose worker began last; workers have it as their owner, launchers a Job of its. */
static const struct wattle_pod_record *last_worker(const struct pods *all)
{
	const struct wattle_pod_record *last = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (!is_launcher(&all->pod[i]) && (!last || all->pod[i].record.start_s > last->record.start_s))
			last = &all->pod[i];
	return last;
}

static int64_t first_begin(const struct pods *all, const char *owner)
{
	int64_t first_s = INT64_MAX;

	for (size_t i = 0; i < all->n; i++)
		if (!is_launcher(&all->pod[i]) && strcmp(all->pod[i].owner, owner) == 0 && all->pod[i].record.start_s < first_s)
			first_s = all->pod[i].record.start_s;
	return first_s;
}

static void add(struct wattle_job_records *records, const struct wattle_pod_record *pod)
{
	struct wattle_record *record = &records->record[records->n++];

	*record = pod->record;
	if (!pod->whole && !record->note[0])
		snprintf(record->note, sizeof(record->note), "not measured from its begin: wattle-agent was started later");
}

static void take_words(const struct wattle_pod_record *worker, size_t n_workers, struct wattle_slurm_job *job)
{
	if (worker->profile[0])
		snprintf(job->comment, sizeof(job->comment), "wattle: %u W/node x %zu (slowdown %.1f%%, profile %s)", worker->record.grant_w, n_workers,
			 worker->slowdown_pct, worker->profile);
}

static int select_run(const struct pods *all, struct wattle_slurm_job *job, struct wattle_job_records *records, size_t *ret_n_workers,
		      struct wattle_err *err)
{
	const struct wattle_pod_record *worker = last_worker(all), *launcher = NULL;
	int64_t first_s = worker ? first_begin(all, worker->owner) : INT64_MIN;

	records->record = calloc(all->n + 1, sizeof(*records->record));
	if (!records->record)
		return wattle_err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < all->n; i++)
		if (worker && !is_launcher(&all->pod[i]) && strcmp(all->pod[i].owner, worker->owner) == 0)
			add(records, &all->pod[i]);
	*ret_n_workers = records->n;
	for (size_t i = 0; i < all->n; i++) {
		const struct wattle_pod_record *pod = &all->pod[i];

		/* one that had ended before is an earlier job's of that name */
		if (!is_launcher(pod) || pod->record.end_s < first_s)
			continue;
		add(records, pod);
		if (!launcher || pod->record.start_s > launcher->record.start_s)
			launcher = pod;
	}
	if (worker)
		take_words(worker, *ret_n_workers, job);
	job->over = true;
	if (launcher && strcmp(launcher->state, "Succeeded") == 0)
		snprintf(job->state, sizeof(job->state), "COMPLETED");
	else if (launcher && strcmp(launcher->state, "Failed") == 0)
		snprintf(job->state, sizeof(job->state), "FAILED");
	return 0;
}

int report_mpijob_read(const char *id, const char *report_dir, const char *nodes_said, struct wattle_slurm_job *job,
		       struct wattle_job_records *records, size_t *ret_n_workers, struct wattle_err *err)
{
	char found[WATTLE_MPIJOB_MAX];
	struct pods all = { 0 };
	int rc = 0;

	memset(records, 0, sizeof(*records));
	*job = (struct wattle_slurm_job) { .uid = (uid_t) -1 };
	*ret_n_workers = 0;
	if (nodes_said)
		rc = wattle_slurm_hosts(nodes_said, &records->nodes, &records->n_nodes, err);
	if (rc == 0)
		rc = wattle_report_pods_read(report_dir, id + strlen(PREFIX), (const char *const *) records->nodes, records->n_nodes, keep, &all, found,
					     &records->n_bad, err);
	if (rc == 0)
		snprintf(job->label, sizeof(job->label), PREFIX "%s", found);
	if (rc == 0)
		rc = select_run(&all, job, records, ret_n_workers, err);
	free(all.pod);
	return rc;
}
