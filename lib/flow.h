/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FLOW_H
#define WATTLE_FLOW_H

/* The flow from a request to its verdict, for every scheduler alike: job_submit and the Kubernetes bridge translate a job into a
 * struct wattle_submission, call wattle_flow_decide and write the verdict into the job in their scheduler's words.
 *
 *     profile ──► watts and nodes ──► what was said twice agrees ──► start, and size of a scaled job ──► grant
 *
 * Its files (profiles, forecast, slot load) come from struct wattle_sources; the clock is the submission's. */

#include "carbon_decide.h"
#include "err.h"
#include "grant.h"
#include "policy.h"
#include "profile_choose.h"
#include "request.h"
#include "siteconf.h"
#include "sources.h"

/* A job as its scheduler's adapter tells of it. Strings are borrowed; anything may stand in them. */
struct wattle_submission {
	struct wattle_request request;
	const char *said;           /* how, for messages: "--slowdown=5% --power=300" */
	/* The charge named in the scheduler's own words beside that: it must be what the decision charges. NULL: none was. */
	const char *total_name;     /* "licence power": a total of total_w */
	uint64_t total_w;
	const char *per_node_name;  /* "gres power", "resource wattle.hpc/watts": per_node_w on each node */
	uint64_t per_node_w;
	struct wattle_facts facts;  /* model and profile are not looked at: they are found here */
	const char *name;           /* the job's, which may be a profile's; NULL: none */
	const char *carried;        /* the model that travelled (profile_choose.h), NULL: none */
	/* When. Unix times, 0: not said. */
	int64_t now_s, begin_s, deadline_s;
	int64_t time_limit_s;       /* 0: none said, or unlimited */
	const char *qos;            /* NULL: none named */
	bool resizable;             /* may be scaled */
	const char *never;          /* why such a job is not put off at all; NULL: it may be */
	uint64_t seed;              /* other for each job */
	int32_t (*utc_offset_s)(int64_t at_s); /* of the place whose clock the user reads; NULL: UTC */
};

struct wattle_verdict {
	struct wattle_decision decision;        /* of a scaled job: its first size, its plan's greatest watts */
	struct wattle_carbon_decision carbon;   /* mode OFF: starts at once, or when its begin says */
	uint32_t nodes_min, nodes_max;          /* what the job may have, however it begins */
};

/* On error *ret is unspecified and err says why the job is refused, to its user. Thread-safe as wattle_sources is; never waits beyond the
 * reading of a local file that changed. */
int wattle_flow_decide(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_submission *job,
		       struct wattle_verdict *ret, struct wattle_err *err);

/* What nodes are told of a verdict. Never fails: its strings are checked ones. */
void wattle_flow_grant(const struct wattle_submission *job, const struct wattle_verdict *verdict, struct wattle_grant *ret);

#endif
