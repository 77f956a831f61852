/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ended.h"
#include "grant.h"
#include "hooks.h"

extern char **environ;

void wattle_events_log(struct wattle_spank *ctx, const struct wattle_outcome *outcome)
{
	for (uint32_t i = 0; i < outcome->n_events; i++) {
		const struct wattle_event *event = &outcome->event[i];
		const char *text = strncmp(event->text, "wattle: ", 8) == 0 ? event->text + 8 : event->text;
		bool ours = ctx->step.job_id != 0 && event->job_id == ctx->step.job_id;

		switch (event->kind) {
		case WATTLE_EVENT_CAP_FAILED:
		case WATTLE_EVENT_RESTORE_OWED:
		case WATTLE_EVENT_BOOK_BAD:
		case WATTLE_EVENT_FOLDER_MENDED:
			/* In a step what is an error also goes to its user, who is told in wattle_step_tell and wattle_step_task. */
			if (ctx->step.job_id != 0)
				slurm_info("wattle: %s", text);
			else
				slurm_error("wattle: %s", text);
			break;
		case WATTLE_EVENT_ASK_ABOVE:
			if (ours && event->step_id == ctx->step.step_id)
				snprintf(ctx->step.warning, sizeof(ctx->step.warning), "%s", text);
			slurm_info("wattle: %s", text);
			break;
		case WATTLE_EVENT_FOREIGN:
			if (ctx->step.job_id != 0)
				snprintf(ctx->step.note, sizeof(ctx->step.note), "%s", text);
			slurm_info("wattle: %s", text);
			break;
		case WATTLE_EVENT_SWEPT:
		case WATTLE_EVENT_RESTORED_LATE:
			slurm_info("wattle: %s", text);
			break;
		}
	}
	if (outcome->n_events_lost)
		slurm_info("wattle: and %" PRIu32 " more events", outcome->n_events_lost);
}

/* What job_submit wrote; slurmd puts "SPANK_" before each name, so that nothing else in here can be of that name. Should there be
 * several, all but one are somebody's forgery: the least counts. False: there is none that can be believed. */
static bool find_grant(struct wattle_grant *ret)
{
	static const char name[] = "SPANK_" WATTLE_GRANT_NAME "=";
	bool found = false;

	for (char **e = environ; e && *e; e++) {
		struct wattle_err err = WATTLE_ERR_INIT;
		struct wattle_grant grant;

		if (strncmp(*e, name, sizeof(name) - 1) != 0)
			continue;
		if (wattle_grant_parse(*e + sizeof(name) - 1, &grant, &err) < 0) {
			slurm_error("wattle: %s", err.text);
			continue;
		}
		if (found)
			slurm_error("wattle: more than one %s: the least counts", WATTLE_GRANT_NAME);
		if (!found || grant.watts_w < ret->watts_w)
			*ret = grant;
		found = true;
	}
	return found;
}

void wattle_slurmd_start(struct wattle_spank *ctx)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_outcome outcome = { 0 };

	if (wattle_site_load(ctx, &err) < 0)
		slurm_error("wattle: %s", err.text);
	else if (wattle_lease_sweep(&ctx->site.node, &outcome, &err) < 0)
		slurm_error("wattle: %s", err.text);
	wattle_events_log(ctx, &outcome);
	wattle_site_free(ctx);
}

void wattle_job_start(struct wattle_spank *ctx, spank_t spank)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_outcome outcome = { 0 };
	struct wattle_proc parent;
	struct wattle_grant grant;
	uint32_t job_id = 0;
	uid_t uid = (uid_t) -1;

	if (spank_get_item(spank, S_JOB_ID, &job_id) != ESPANK_SUCCESS ||
	    spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS) {
		slurm_error("wattle: prolog: Slurm does not say which job this is");
		return;
	}
	if (wattle_site_load(ctx, &err) < 0) {
		slurm_error("wattle: job %" PRIu32 ": %s", job_id, err.text);
		return;
	}
	if (!find_grant(&grant)) {
		grant = (struct wattle_grant) { .watts_w = ctx->site.class->default_w, .defaulted = true };
		slurm_info("wattle: job %" PRIu32 " has no %s (submitted without the job_submit plugin?): %" PRIu32 " W, "
			   "its node class's default", job_id, WATTLE_GRANT_NAME, grant.watts_w);
	}
	int rc = wattle_proc_get(getppid(), &parent);
	if (rc < 0)
		wattle_err_set(&err, -rc, "prolog: parent process %d: %s", (int) getppid(), strerror(-rc));
	else
		rc = wattle_lease_job_begin(&ctx->site.node, job_id, uid, grant.watts_w, &parent, &outcome, &err);
	if (rc < 0)
		slurm_error("wattle: job %" PRIu32 ": %s", job_id, err.text);
	/* Its steps make up for it: each takes its own turn, and finds the grant there. */
	if (rc == -ETIMEDOUT && wattle_ended_write(ctx->site.node.run_dir, job_id, grant.watts_w, &err) < 0)
		slurm_error("wattle: job %" PRIu32 ": %s", job_id, err.text);
	if (rc == 0)
		slurm_verbose("wattle: job %" PRIu32 ": %" PRIu32 " W granted, node cap %" PRIu32 " W, written in %" PRIu64 " us",
			      job_id, grant.watts_w, outcome.effective_w, outcome.apply_ns / 1000);
	wattle_events_log(ctx, &outcome);
	wattle_site_free(ctx);
}

/* The config that the job began with is broken now, or has this node no more. Putting limits back takes none of its numbers;
 * caps of other jobs do, so that with one of those the entry is left to the sweep. */
static bool alone_in_book(struct wattle_spank *ctx, uint32_t job_id)
{
	cleanup_free struct wattle_book *book = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;

	ctx->site.node = (struct wattle_node) {
		.run_dir = WATTLE_RUN_DIR, .host = ctx->site.host, .base_w = 0, .min_w = 1, .max_w = 1,
		.lock_wait_ms = WATTLE_LOCK_WAIT_MS,
	};
	return wattle_lease_read(&ctx->site.node, &book, &err) == 0 && book->n_jobs == 1 && book->n_pods == 0 && book->job[0].job_id == job_id;
}

void wattle_job_end(struct wattle_spank *ctx, spank_t spank)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_outcome outcome = { 0 };
	struct wattle_grant grant;
	uint32_t job_id = 0;

	if (spank_get_item(spank, S_JOB_ID, &job_id) != ESPANK_SUCCESS) {
		slurm_error("wattle: epilog: Slurm does not say which job this is");
		return;
	}
	if (wattle_site_load(ctx, &err) < 0) {
		slurm_error("wattle: job %" PRIu32 ": %s", job_id, err.text);
		if (!alone_in_book(ctx, job_id))
			return;
	}
	if (wattle_lease_job_end(&ctx->site.node, job_id, &outcome, &err) < 0)
		slurm_error("wattle: job %" PRIu32 ": %s", job_id, err.text);
	if (find_grant(&grant) && wattle_ended_write(ctx->site.node.run_dir, job_id, grant.watts_w, &err) < 0)
		slurm_error("wattle: job %" PRIu32 ": %s", job_id, err.text);
	wattle_events_log(ctx, &outcome);
	wattle_site_free(ctx);
}
