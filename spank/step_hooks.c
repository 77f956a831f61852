/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "command.h"
#include "ended.h"
#include "hooks.h"
#include "options.h"
#include "record.h"
#include "root.h"

#define STEP_SLICES_MAX 32

static bool is_special(const struct wattle_step *step)
{
	return step->step_id >= WATTLE_STEP_FIRST_SPECIAL;
}

static const char *mode_name(enum wattle_cap_failure mode)
{
	switch (mode) {
	case WATTLE_CAP_DRAIN:
		return "drain";
	case WATTLE_CAP_CONTINUE:
		return "continue";
	case WATTLE_CAP_FAIL:
		break;
	}
	return "fail";
}

/* Without a config nobody has chosen: the safe one. */
static enum wattle_cap_failure mode_of(const struct wattle_site *site)
{
	return site->conf ? site->conf->on_cap_failure : WATTLE_CAP_FAIL;
}

static bool identify(struct wattle_step *step, spank_t spank)
{
	return spank_get_item(spank, S_JOB_ID, &step->job_id) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_JOB_STEPID, &step->step_id) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_JOB_UID, &step->uid) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_JOB_GID, &step->gid) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_JOB_NNODES, &step->nodes) == ESPANK_SUCCESS &&
	       spank_get_item(spank, S_JOB_NODEID, &step->node_index) == ESPANK_SUCCESS;
}

/* Says what this step asks of the node; 0: nothing. */
static uint32_t step_ask(struct wattle_spank *ctx, spank_t spank)
{
	struct wattle_step *step = &ctx->step;
	const struct wattle_class *class = ctx->site.class;
	char mark[8];

	/* What made the job became its grant; here it would only be counted again, in other rounding. */
	bool made_the_job = spank_getenv(spank, WATTLE_ALLOCATED_NAME, mark, sizeof(mark)) != ESPANK_ENV_NOEXIST;
	if (made_the_job)
		spank_unsetenv(spank, WATTLE_ALLOCATED_NAME);
	if (is_special(step) || made_the_job)
		return 0;

	uint32_t ask_w = wattle_ask_watts(&ctx->request.power, step->nodes, class->max_w);
	if (ask_w != 0 && ask_w < class->min_w) {
		snprintf(step->warning, sizeof(step->warning), "--%s=%s is %" PRIu32 " W, less than node %s can be held to: runs at %" PRIu32 " W",
			 ctx->option, ctx->said, ask_w, ctx->site.host, class->min_w);
		ask_w = class->min_w;
	}
	return ask_w;
}

static void set_failure(struct wattle_spank *ctx, const char *what)
{
	struct wattle_step *step = &ctx->step;

	step->cap_failed = true;
	snprintf(step->failure, sizeof(step->failure), "%s", what);
	snprintf(step->note, sizeof(step->note), "%s", what);
}

/* On a node that the admin left out, or whose configuration can't be had at all, only the step's own words can't be honoured: other
 * jobs run, or one bad file would fail every job that such a node draws. job_submit decides likewise. */
static void handle_no_class(struct wattle_spank *ctx, const char *what)
{
	if (!wattle_request_empty(&ctx->request))
		set_failure(ctx, what);
	else if (ctx->site.conf)
		slurm_debug("wattle: %s", what);
	else
		slurm_info("wattle: %s: no configuration, the step named no watts and runs uncapped", what);
}

/* A crowd at the lease book is no fault of the node: not worth a drain, and refused only where nothing may run unsure. */
static bool is_refused(const struct wattle_spank *ctx)
{
	enum wattle_cap_failure mode = mode_of(&ctx->site);

	return ctx->step.cap_failed && (mode == WATTLE_CAP_FAIL || (mode == WATTLE_CAP_DRAIN && !ctx->step.book_busy));
}

static void report_failure(struct wattle_spank *ctx)
{
	struct wattle_step *step = &ctx->step;
	struct wattle_err err = WATTLE_ERR_INIT;
	enum wattle_cap_failure mode = mode_of(&ctx->site);
	char reason[sizeof(step->failure) + 16];

	slurm_error("wattle: %s (on_cap_failure=%s)", step->failure, mode_name(mode));
	if (mode != WATTLE_CAP_DRAIN || step->book_busy)
		return;
	snprintf(reason, sizeof(reason), "wattle: %s", step->failure);
	if (wattle_node_drain(ctx->site.host, reason, &err) < 0)
		slurm_error("wattle: %s", err.text);
}

/* Holds the job on this node from now on. Its prolog has made the entry; if slurmd left that out, see ended.h. */
static int take_lease(struct wattle_spank *ctx, uint32_t ask_w, struct wattle_outcome *ret, struct wattle_err *err)
{
	const struct wattle_node *node = &ctx->site.node;
	const struct wattle_step *step = &ctx->step;
	uint32_t grant_w = 0;
	struct wattle_root root;

	wattle_root_hold(&root);
	int rc = wattle_lease_step_begin(node, step->job_id, step->step_id, ask_w, &step->self, ret, err);

	if (rc == -ENOENT)
		grant_w = wattle_ended_find(node->run_dir, step->job_id);
	if (grant_w != 0) {
		slurm_info("wattle: job %" PRIu32 " has no lease yet (requeued without a prolog, or the book was busy in it): %" PRIu32
			   " W as granted", step->job_id, grant_w);
		rc = wattle_lease_job_begin(node, step->job_id, step->uid, grant_w, &step->self, ret, err);
		if (rc == 0)
			rc = wattle_lease_step_begin(node, step->job_id, step->step_id, ask_w, &step->self, ret, err);
	}
	wattle_root_release(&root);
	return rc;
}

void wattle_step_start(struct wattle_spank *ctx, spank_t spank)
{
	struct wattle_step *step = &ctx->step;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_outcome outcome = { 0 };

	if (!identify(step, spank)) {
		step->job_id = 0;
		set_failure(ctx, "slurmstepd does not say which step this is");
		report_failure(ctx);
		return;
	}
	step->start_s = (int64_t) time(NULL);

	int rc = wattle_site_load(ctx, &err);
	if (rc < 0) {
		handle_no_class(ctx, err.text);
	} else if ((rc = wattle_proc_get(getpid(), &step->self)) < 0) {
		set_failure(ctx, "slurmstepd can't read its own /proc entry");
	} else {
		rc = take_lease(ctx, step_ask(ctx, spank), &outcome, &err);
		step->attached = true;
		step->book_busy = rc == -ETIMEDOUT;
		if (rc < 0)
			set_failure(ctx, err.text);
		else if (outcome.cap_failed)
			set_failure(ctx, outcome.cap_failure);
		step->shared = outcome.job_shared;
		step->grant_w = outcome.grant_w;
		step->effective_w = outcome.effective_w;
		wattle_events_log(ctx, &outcome);
		slurm_debug("wattle: step of job %" PRIu32 ": node cap %" PRIu32 " W, written in %" PRIu64 " us", step->job_id,
			    outcome.effective_w, outcome.apply_ns / 1000);
	}
	if (step->cap_failed)
		report_failure(ctx);
	if (ctx->site.class) {
		rc = wattle_sampler_start(&ctx->sampler, &ctx->site.node, step->effective_w);
		if (rc < 0)
			slurm_error("wattle: no meter thread: %s", strerror(-rc));
	}
}

static void write_record(struct wattle_spank *ctx, const struct wattle_sums *sums)
{
	const struct wattle_step *step = &ctx->step;
	const struct wattle_meter *meter = &sums->meter;
	struct wattle_err err = WATTLE_ERR_INIT;
	double elapsed_s = (double) (meter->last_ns - meter->start_ns) / 1e9;
	struct wattle_record record = {
		.job_id = step->job_id,
		.step_id = step->step_id,
		.uid = step->uid,
		.start_s = step->start_s,
		.end_s = (int64_t) time(NULL),
		.elapsed_s = elapsed_s,
		.energy_j = sums->metered ? (double) meter->energy_uj / 1e6 : -1,
		.mean_w = elapsed_s > 0 ? (double) meter->energy_uj / 1e6 / elapsed_s : 0,
		.peak_w = meter->peak_w,
		.grant_w = step->grant_w,
		.cap_w = sums->effective_w,
		.base_w = ctx->site.class->base_w,
		.capped_s = (double) meter->capped_ns / 1e9,
		.at_cap_s = (double) meter->at_cap_ns / 1e9,
		.over_s = (double) meter->over_ns / 1e9,
		.cap_held = !step->cap_failed && meter->over_longest_ns <= 1000000000u,
		.shared = step->shared,
	};

	if (sums->metered)
		record.slices = meter->slices;
	/* The total goes by the extern step: of the others less will do, and keeps their file small. */
	if (step->step_id != WATTLE_STEP_EXTERN)
		wattle_slices_coarsen(&record.slices, STEP_SLICES_MAX);
	if (!sums->metered)
		record.elapsed_s = (double) (record.end_s - record.start_s);
	/* A step too short for a judged window drew its mean. */
	if (record.peak_w < record.mean_w)
		record.peak_w = record.mean_w;
	snprintf(record.node, sizeof(record.node), "%s", ctx->site.host);
	snprintf(record.note, sizeof(record.note), "%s", step->note);
	/* Not slurm_error: that goes to the user, too, who can do nothing about it. */
	if (wattle_record_write(ctx->site.conf->report_dir, &record, step->gid, &err) < 0)
		slurm_info("wattle: %s", err.text);
}

void wattle_step_end(struct wattle_spank *ctx)
{
	struct wattle_step *step = &ctx->step;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_outcome outcome = { 0 };
	struct wattle_sums sums;
	struct wattle_root root;

	if (!ctx->site.class) {
		wattle_site_free(ctx);
		return;
	}
	wattle_root_hold(&root);
	wattle_sampler_stop(&ctx->sampler, &sums);
	if (step->attached) {
		if (wattle_lease_step_end(&ctx->site.node, step->job_id, step->step_id, &step->self, &outcome, &err) < 0)
			slurm_info("wattle: %s", err.text);
		step->shared |= outcome.job_shared;
		sums.effective_w = outcome.before_w;
		if (outcome.cap_failed && !step->cap_failed)
			set_failure(ctx, outcome.cap_failure);
		wattle_events_log(ctx, &outcome);
	}
	write_record(ctx, &sums);
	wattle_root_release(&root);
	wattle_site_free(ctx);
}

void wattle_step_tell(const struct wattle_spank *ctx)
{
	const struct wattle_step *step = &ctx->step;

	/* The same on every node: once is enough. */
	if (step->warning[0] && step->node_index == 0)
		slurm_spank_log("wattle: %s", step->warning);
	if (step->cap_failed && !is_refused(ctx))
		slurm_spank_log("wattle: %s: step runs all the same (on_cap_failure=%s)", step->failure, mode_name(mode_of(&ctx->site)));
}

/* Tasks on the step's other nodes would wait for the ones refused here (in MPI_Init) until the time limit. */
static void end_step_elsewhere(const struct wattle_step *step)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (step->nodes > 1 && !is_special(step) && wattle_step_kill(step->job_id, step->step_id, &err) < 0)
		slurm_info("wattle: %s", err.text);
}

int wattle_step_task(const struct wattle_spank *ctx, spank_t spank)
{
	int task = 0;

	if (!is_refused(ctx))
		return 0;
	if (spank_get_item(spank, S_TASK_ID, &task) != ESPANK_SUCCESS || task == 0) {
		slurm_spank_log("wattle: %s: step refused (on_cap_failure=%s)", ctx->step.failure, mode_name(mode_of(&ctx->site)));
		end_step_elsewhere(&ctx->step);
	}
	return -1;
}
