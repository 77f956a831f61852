/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --carbon: a job_desc in the terms of the carbon decision, and the decision written into the job. */
#include "jobsubmit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

void wattle_carbon_of_job(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_request *request,
			  const struct wattle_chosen_profile *profile, const char *partitions, const struct wattle_decision *decision,
			  struct wattle_carbon_answer *ret)
{
	ret->text[0] = '\0';
	ret->nodes_min = decision->nodes_min;
	ret->nodes_max = decision->nodes_max;
	ret->decision = (struct wattle_carbon_decision){ .mode = WATTLE_CARBON_OFF };
	if (request->carbon != WATTLE_CARBON_START && request->carbon != WATTLE_CARBON_SCALE)
		return;

	bool het = job_desc->het_job_offset != NO_VAL;
	struct wattle_carbon_facts facts = {
		.asked = request->carbon, .now_s = (int64_t) time(NULL), .begin_s = moment(job_desc->begin_time),
		.within_s = request->carbon_within_s, .deadline_s = moment(job_desc->deadline), .time_limit_s = limit_s(job_desc),
		.work_s = request->carbon_work_s, .partitions = partitions, .qos = job_desc->qos, .nodes_min = decision->nodes_min,
		.nodes_max = decision->nodes_max, .watts_w = decision->watts_w, .floor_w = decision->least_w,
		.watts_fixed = request->slowdown_pct > 0, .resizable = job_desc->script && job_desc->requeue != 0 && !is_array(job_desc),
		.seed = seed_of(job_desc),
	};

	if (profile) {
		facts.model = &profile->model;
		facts.scaling = &profile->scaling;
		if (facts.work_s == 0 && profile->model.time_min_s >= 1)
			facts.work_s = (int64_t) profile->model.time_min_s;
	}
	wattle_carbon_ask(site, &facts, het ? "components of a heterogeneous job start together" : NULL, &ret->decision);
	wattle_carbon_tail(&ret->decision, &facts, utc_offset_s(ret->decision.start_s), ret->text, sizeof(ret->text));
}

int wattle_carbon_size(const struct wattle_carbon_decision *carbon, struct wattle_decision *decision, struct wattle_err *err)
{
	if (carbon->mode != WATTLE_CARBON_SCALE)
		return 0;
	/* The prediction was for other watts, and a plan has no one slowdown. */
	if (decision->watts_w != carbon->watts_w)
		decision->profile[0] = '\0';
	decision->watts_w = carbon->watts_w;
	return wattle_decision_resize(decision, carbon->nodes, carbon->nodes, err);
}

/* --- into the job ------------------------------------------------------------------------------------------------------------ */

/* No plan but ours: one that came from the job that this one was submitted in would lead wattlerun astray. */
static bool is_plan(const char *entry)
{
	static const char name[] = WATTLE_PLAN_NAME "=";

	return strncmp(entry, name, sizeof(name) - 1) == 0;
}

static int append_plan(job_desc_msg_t *job_desc, const struct wattle_plan_steps *plan, struct wattle_err *err)
{
	char entry[sizeof(WATTLE_PLAN_NAME) + WATTLE_PLAN_TEXT_MAX] = WATTLE_PLAN_NAME "=";

	if (wattle_plan_text_format(plan, entry + strlen(entry), WATTLE_PLAN_TEXT_MAX) < 0)
		return wattle_err_set(err, ENOSPC, "the carbon plan does not fit");
	if (!job_desc->environment)
		job_desc->env_size = 0;
	if (job_desc->env_size > WATTLE_ENTRIES_MAX)
		return wattle_err_set(err, E2BIG, "%u variables in the environment are more than the %d that are taken", job_desc->env_size,
				      WATTLE_ENTRIES_MAX);
	return wattle_entries_append(&job_desc->environment, &job_desc->env_size, entry, err);
}

/* What a job needs to come back in another size. */
static void make_resizable(job_desc_msg_t *job_desc, uint32_t nodes)
{
	job_desc->min_nodes = job_desc->max_nodes = nodes;
	if (job_desc->requeue == NO_VAL16)
		job_desc->requeue = 1;
	if (job_desc->open_mode == 0)
		job_desc->open_mode = OPEN_MODE_APPEND;
	/* Slurm ends a requeued job whose whole time limit would pass its deadline, but for one that may be given less. Backfill then does give
	 * less, which costs a script that makes no checkpoint ahead of its time limit all it did. */
	if (moment(job_desc->deadline) && job_desc->time_min == NO_VAL && job_desc->script && strstr(job_desc->script, "wattlerun"))
		job_desc->time_min = 1;
}

int wattle_carbon_apply(job_desc_msg_t *job_desc, const struct wattle_carbon_decision *carbon, struct wattle_err *err)
{
	if (job_desc->environment && job_desc->env_size <= WATTLE_ENTRIES_MAX)
		wattle_entries_remove(job_desc->environment, &job_desc->env_size, is_plan);
	if (carbon->mode == WATTLE_CARBON_SCALE) {
		int rc = append_plan(job_desc, &carbon->plan, err);

		if (rc < 0)
			return rc;
		make_resizable(job_desc, carbon->nodes);
	}
	if (carbon->mode != WATTLE_CARBON_OFF)
		job_desc->begin_time = (time_t) carbon->start_s;
	return 0;
}
