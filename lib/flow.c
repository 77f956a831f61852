/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A profile is looked for only where somebody asked for what it says. For a scaled job one that nobody named is a help and no need: it tells
 * how the job scales, and predicts nothing. */
static int choose_profile(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_submission *job,
			  struct wattle_chosen_profile *chosen, bool *ret_found, struct wattle_facts *facts, struct wattle_err *err)
{
	const struct wattle_request *request = &job->request;
	const struct wattle_profile_hints hints = { .job_name = job->name, .partitions = facts->partitions, .carried = job->carried };
	bool asked = request->slowdown_pct > 0 || request->profile[0] || request->profile_own;
	struct wattle_err ignored = WATTLE_ERR_INIT;
	int rc;

	*ret_found = false;
	facts->model = NULL;
	facts->profile = NULL;
	if (!asked && request->carbon != WATTLE_CARBON_SCALE)
		return 0;
	rc = wattle_sources_profile(sources, site, request, &hints, chosen, asked ? err : &ignored);
	if (rc < 0)
		return asked ? rc : 0;
	*ret_found = true;
	if (asked) {
		facts->model = &chosen->model;
		facts->profile = chosen->name;
	}
	return 0;
}

/* What the user asked for in the scheduler's own words must be what the decision charges. */
static int check_said(const struct wattle_submission *job, const struct wattle_decision *decision, struct wattle_err *err)
{
	if (job->total_name && job->total_w != decision->charge_w)
		return wattle_err_set(err, EINVAL, "%s:%" PRIu64 " disagrees with %s, which is %" PRIu64 " W on %u node%s: say one of them",
				      job->total_name, job->total_w, job->said, decision->charge_w, decision->nodes_max,
				      decision->nodes_max == 1 ? "" : "s");
	if (job->per_node_name && job->per_node_w != decision->watts_w)
		return wattle_err_set(err, EINVAL, "%s:%" PRIu64 " disagrees with %s, which is %u W per node: say one of them", job->per_node_name,
				      job->per_node_w, job->said, decision->watts_w);
	return 0;
}

/* A scaled job begins at its first size and is granted its plan's greatest watts: charge and answer follow. */
static int take_size(const struct wattle_carbon_decision *carbon, struct wattle_decision *decision, struct wattle_err *err)
{
	if (carbon->mode != WATTLE_CARBON_SCALE)
		return 0;
	/* The prediction was for other watts, and a plan has no one slowdown. */
	if (decision->watts_w != carbon->watts_w)
		decision->profile[0] = '\0';
	decision->watts_w = carbon->watts_w;
	return wattle_decision_resize(decision, carbon->nodes, carbon->nodes, err);
}

static void append_tail(const struct wattle_submission *job, const struct wattle_carbon_facts *facts, const struct wattle_carbon_decision *carbon,
			struct wattle_decision *decision)
{
	size_t len = strlen(decision->answer);
	char text[300];

	wattle_carbon_tail(carbon, facts, job->utc_offset_s ? job->utc_offset_s(carbon->start_s) : 0, text, sizeof(text));
	if (text[0])
		snprintf(decision->answer + len, sizeof(decision->answer) - len, ", %s", text);
}

/* When it starts: after watts and nodes are decided, which scale then changes. profile: NULL, or what is known of how it runs. */
static int decide_start(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_submission *job,
			const struct wattle_chosen_profile *profile, struct wattle_verdict *verdict, struct wattle_err *err)
{
	const struct wattle_request *request = &job->request;
	struct wattle_decision *decision = &verdict->decision;
	int rc;

	verdict->nodes_min = decision->nodes_min;
	verdict->nodes_max = decision->nodes_max;
	verdict->carbon = (struct wattle_carbon_decision){ .mode = WATTLE_CARBON_OFF };
	/* a bound with nothing to wait for: a word was forgotten. With "off" it was not: that takes back what the script asked for */
	if (request->carbon == WATTLE_CARBON_UNSAID && request->carbon_within_s)
		return wattle_err_set(err, EINVAL,
				      "carbon-within bounds how long a job waits for clean power: say carbon=start or carbon=scale with it");
	if (request->carbon != WATTLE_CARBON_START && request->carbon != WATTLE_CARBON_SCALE)
		return 0;

	struct wattle_carbon_facts facts = {
		.asked = request->carbon, .now_s = job->now_s, .begin_s = job->begin_s, .within_s = request->carbon_within_s,
		.deadline_s = job->deadline_s, .time_limit_s = job->time_limit_s, .work_s = request->carbon_work_s,
		.partitions = job->facts.partitions, .qos = job->qos, .nodes_min = decision->nodes_min, .nodes_max = decision->nodes_max,
		.watts_w = decision->watts_w, .floor_w = decision->least_w, .watts_fixed = request->slowdown_pct > 0,
		.resizable = job->resizable, .seed = job->seed,
	};

	if (profile) {
		facts.model = &profile->model;
		facts.scaling = &profile->scaling;
		if (facts.work_s == 0 && profile->model.time_min_s >= 1)
			facts.work_s = (int64_t) profile->model.time_min_s;
	}
	wattle_sources_carbon(sources, site, &facts, job->never, &verdict->carbon);
	rc = take_size(&verdict->carbon, decision, err);
	if (rc == 0)
		append_tail(job, &facts, &verdict->carbon, decision);
	return rc;
}

int wattle_flow_decide(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_submission *job,
		       struct wattle_verdict *ret, struct wattle_err *err)
{
	struct wattle_facts facts = job->facts;
	struct wattle_chosen_profile chosen;
	bool found;
	int rc;

	if ((rc = choose_profile(sources, site, job, &chosen, &found, &facts, err)) < 0)
		;
	else if ((rc = wattle_decide(site, &job->request, &facts, &ret->decision, err)) < 0)
		;
	else if ((rc = check_said(job, &ret->decision, err)) < 0)
		;
	else
		rc = decide_start(sources, site, job, found ? &chosen : NULL, ret, err);
	return rc;
}

void wattle_flow_grant(const struct wattle_submission *job, const struct wattle_verdict *verdict, struct wattle_grant *ret)
{
	const struct wattle_decision *decision = &verdict->decision;

	*ret = (struct wattle_grant) {
		.watts_w = decision->watts_w, .nodes_min = verdict->nodes_min, .nodes_max = verdict->nodes_max,
		.defaulted = decision->defaulted, .slowdown_pct = decision->slowdown_pct,
	};
	if (verdict->carbon.mode != WATTLE_CARBON_OFF) {
		ret->carbon = verdict->carbon.mode;
		ret->start_s = verdict->carbon.start_s;
		ret->saving_pct = (uint32_t) verdict->carbon.saving_pct;
	}
	memcpy(ret->profile, decision->profile, sizeof(ret->profile));
	if (decision->defaulted) {
		ret->tasks = job->facts.tasks;
		ret->cpus_per_task = job->facts.cpus_per_task;
		ret->tasks_per_node = job->facts.tasks_per_node;
		ret->cpus_per_node = job->facts.cpus_per_node;
	}
}
