/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resize_size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 1000000u
#define CPUS_MAX 100000u

/* The least number of a list such as "4(x2),2"; 0 if it is none. */
static uint32_t least(const char *list)
{
	uint32_t min = 0;

	while (*list) {
		char *end;
		unsigned long n = strtoul(list, &end, 10);

		if (end == list || n < 1 || n > CPUS_MAX)
			return 0;
		if (min == 0 || n < min)
			min = (uint32_t) n;
		if (*end == '(')
			while (*end && *end != ')')
				end++;
		if (*end == ')')
			end++;
		if (*end && *end != ',')
			return 0;
		list = *end ? end + 1 : end;
	}
	return min;
}

/* Slurm's text, with blanks or, in newer versions, '_' between the words. */
static bool says(const char *reason, const char *text)
{
	for (; *reason && *text; reason++, text++)
		if (*reason != *text && !(*reason == '_' && *text == ' '))
			return false;
	return !*text && (!*reason || *reason == ' ');
}

bool wattle_resize_may(const struct wattle_job *job)
{
	return strcmp(job->state, "PENDING") == 0 && (says(job->reason, "job requeued in held state") || says(job->reason, "JobHeldUser"));
}

int wattle_resize_size(const struct wattle_handover *asked, const struct wattle_grant *grant, const struct wattle_job *job, uint32_t nodes_before,
		       const char *cpus_per_node, int64_t begin_s, struct wattle_size *ret)
{
	uint32_t cpus = least(cpus_per_node), per_task = job->cpus_per_task ? job->cpus_per_task : 1;
	uint32_t min = grant && grant->nodes_min ? grant->nodes_min : nodes_before, max = grant && grant->nodes_max ? grant->nodes_max : nodes_before;
	struct wattle_size size = { .nodes = asked->nodes };

	if (!cpus || nodes_before < 1 || min > max || max > NODES_MAX)
		return -EINVAL;
	if (size.nodes < min)
		size.nodes = min;
	if (size.nodes > max)
		size.nodes = max;
	if (size.nodes < 1 || cpus > UINT32_MAX / size.nodes)
		return -EINVAL;
	size.cpus = size.nodes * cpus;
	size.tasks = size.nodes * (cpus > per_task ? cpus / per_task : 1);
	if (job->deadline_s && job->time_limit_s && begin_s + job->time_limit_s > job->deadline_s) {
		size.time_limit_min = (job->deadline_s - begin_s) / 60;
		if (size.time_limit_min < 1)
			size.time_limit_min = 1;
	}
	*ret = size;
	return 0;
}
