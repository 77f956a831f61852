/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When it starts and how wide, written into the job. */
#include "jobsubmit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	if (job_desc->deadline > 0 && job_desc->time_min == NO_VAL && job_desc->script && strstr(job_desc->script, "wattlerun"))
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
