/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <string.h>

/* Slurm's ways of saying nothing. INFINITE is a number of nodes nobody has: the policy refuses it. */
static uint32_t said(uint32_t value)
{
	return value == NO_VAL ? 0 : value;
}

static uint32_t said16(uint16_t value)
{
	return value == NO_VAL16 || value == INFINITE16 ? 0 : value;
}

static bool names_something(const char *list)
{
	return list && *list;
}

/* Since 23.11 --cpus-per-task says itself here, too. */
static bool limits_tasks(const char *tres_per_task)
{
	return names_something(tres_per_task) && (strncmp(tres_per_task, "cpu", 3) != 0 || strchr(tres_per_task, ','));
}

static bool packing_unknown(const job_desc_msg_t *job_desc)
{
	bool mem_per_cpu = job_desc->pn_min_memory != NO_VAL64 && (job_desc->pn_min_memory & MEM_PER_CPU);

	return mem_per_cpu || names_something(job_desc->tres_per_job) || names_something(job_desc->tres_per_socket) ||
	       limits_tasks(job_desc->tres_per_task) || said16(job_desc->ntasks_per_socket) || said16(job_desc->ntasks_per_core) ||
	       said16(job_desc->ntasks_per_board) || said16(job_desc->sockets_per_node) || said16(job_desc->cores_per_socket) ||
	       said16(job_desc->threads_per_core) || said16(job_desc->core_spec) || (job_desc->bitflags & SPREAD_JOB);
}

void wattle_facts_from_job(const job_desc_msg_t *job_desc, struct wattle_facts *ret)
{
	uint32_t cpus = said(job_desc->min_cpus), per_task;

	*ret = (struct wattle_facts) {
		.partitions = names_something(job_desc->partition) ? job_desc->partition : NULL,
		.nodes_min = said(job_desc->min_nodes),
		.nodes_max = said(job_desc->max_nodes),
		.tasks = said(job_desc->num_tasks),
		.cpus_per_task = said16(job_desc->cpus_per_task),
		.tasks_per_node = said16(job_desc->ntasks_per_node),
		.cpus_per_node = said16(job_desc->pn_min_cpus),
		/* SHARED_USER and _MCS keep other people's jobs away: the node is theirs as a whole */
		.exclusive = job_desc->shared == JOB_SHARED_NONE || job_desc->shared == JOB_SHARED_USER ||
			     job_desc->shared == JOB_SHARED_MCS,
		.packing_unknown = packing_unknown(job_desc),
	};
	/* who asks for CPUs and names fewer tasks gets the CPUs */
	per_task = ret->cpus_per_task ? ret->cpus_per_task : 1;
	if (cpus / per_task > ret->tasks)
		ret->tasks = cpus / per_task + (cpus % per_task != 0);
}
