/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <string.h>
#include <time.h>

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

static void facts_from_job(const job_desc_msg_t *job_desc, struct wattle_facts *ret)
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

/* --- when ------------------------------------------------------------------------------------------------------------------------- */

/* 0 says nothing; and anything may stand there. */
static int64_t moment(time_t value)
{
	if (value <= 0)
		return 0;
	return value < WATTLE_CARBON_TIME_MAX_S ? (int64_t) value : WATTLE_CARBON_TIME_MAX_S;
}

static int64_t limit_s(const job_desc_msg_t *job_desc)
{
	uint32_t minutes = job_desc->time_limit;

	return minutes == NO_VAL || minutes == INFINITE ? 0 : (int64_t) minutes * 60;
}

/* Another one for each submission, and nothing to keep from one to the next: equal jobs in one second still spread. */
static uint64_t seed_of(const job_desc_msg_t *job_desc)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	struct timespec now;
	unsigned n = 0;

	for (const char *s = job_desc->name; s && *s && n < 256; s++, n++)
		hash = (hash ^ (unsigned char) *s) * UINT64_C(0x100000001b3);
	clock_gettime(CLOCK_REALTIME, &now);
	return hash ^ (uint64_t) job_desc->user_id << 32 ^ (uint64_t) now.tv_nsec ^ (uint64_t) now.tv_sec << 30;
}

static bool is_array(const job_desc_msg_t *job_desc)
{
	return job_desc->array_inx && *job_desc->array_inx;
}

static int32_t utc_offset_s(int64_t at_s)
{
	time_t at = (time_t) at_s;
	struct tm local;

	return localtime_r(&at, &local) ? (int32_t) local.tm_gmtoff : 0;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------------- */

/* What the user's plugin sent along; a name that stands twice is somebody's game, and the first counts. */
static const char *carried_text(const job_desc_msg_t *job_desc)
{
	static const char name[] = WATTLE_PROFILE_TEXT_NAME "=";

	for (uint32_t i = 0; job_desc->spank_job_env && i < job_desc->spank_job_env_size && i < WATTLE_ENTRIES_MAX; i++)
		if (job_desc->spank_job_env[i] && strncmp(job_desc->spank_job_env[i], name, sizeof(name) - 1) == 0)
			return job_desc->spank_job_env[i] + sizeof(name) - 1;
	return NULL;
}

void wattle_submission_of_job(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_words *words,
			      struct wattle_submission *ret)
{
	bool from_licence = words->request.power.kind == WATTLE_WATTS_PER_JOB && strncmp(words->said, "licence ", 8) == 0;

	*ret = (struct wattle_submission) {
		.request = words->request, .said = words->said, .name = job_desc->name, .carried = carried_text(job_desc),
		.total_name = words->explicit_licence && !from_licence ? words->licence_name : NULL, .total_w = words->licence_w,
		.per_node_name = words->explicit_gres ? words->gres_name : NULL, .per_node_w = words->gres_w,
		.now_s = (int64_t) time(NULL), .begin_s = moment(job_desc->begin_time), .deadline_s = moment(job_desc->deadline),
		.time_limit_s = limit_s(job_desc), .qos = job_desc->qos,
		.resizable = job_desc->script && job_desc->requeue != 0 && !is_array(job_desc),
		.never = job_desc->het_job_offset != NO_VAL ? "components of a heterogeneous job start together" : NULL,
		.seed = seed_of(job_desc), .utc_offset_s = utc_offset_s,
	};
	facts_from_job(job_desc, &ret->facts);
	if (!ret->facts.partitions && !*site->default_partition && &default_part_name)
		ret->facts.partitions = default_part_name;
}
