/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "replanner.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "file.h"

#define JUDGE_S 5  /* between two verdicts for the sake of progress */

/* --- the plan in force --------------------------------------------------------------------------------------------------------- */

static int follow_plan(struct wattle_replanner *r, struct wattle_run *run, const struct wattle_plan_steps *plan, struct wattle_err *err)
{
	struct wattle_course course;
	int rc = wattle_course_take(plan, &course, err);

	if (rc < 0)
		return rc;
	wattle_course_free(&r->course);
	r->course = course;
	r->plan = *plan;
	run->course = &r->course;
	return 0;
}

/* A plan from the state is the user's to write: within the sizes, and the deadline, of the one that was handed over. */
static bool take_from_state(const char *text, const struct wattle_plan_steps *given, struct wattle_plan_steps *ret)
{
	if (!*text || wattle_plan_text_parse(text, ret, NULL) < 0)
		return false;
	ret->deadline_s = given->deadline_s;
	ret->work_s = given->work_s;
	ret->n_sizes = given->n_sizes;
	memcpy(ret->size, given->size, sizeof(ret->size));
	for (uint32_t i = 0; i < ret->n; i++) {
		bool known = ret->step[i].nodes == 0;

		for (uint32_t k = 0; k < given->n_sizes && !known; k++)
			known = given->size[k].nodes == ret->step[i].nodes && given->size[k].watts_w == ret->step[i].watts_w;
		if (!known)
			return false;
	}
	return true;
}

/* --- the site's words ------------------------------------------------------------------------------------------------------------ */

static int read_site(struct wattle_replanner *r, const char *conf_path, struct wattle_err *err)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	const struct wattle_carbon_zone *zone;
	int rc = wattle_siteconf_read(conf_path ? conf_path : WATTLE_CONF_PATH, &conf, err);

	if (rc < 0)
		return rc;
	if (!conf->carbon_zone[0])
		return wattle_err_set(err, ENOENT, "this site names no carbon zone");
	zone = wattle_siteconf_zone(conf, conf->carbon_zone);
	r->stale_after_s = zone ? zone->stale_after_s : WATTLE_STALE_AFTER_S;
	r->min_saving_pct = conf->carbon.min_saving_pct;
	r->switches_max = conf->carbon.switches_max;
	snprintf(r->path, sizeof(r->path), WATTLE_FORECAST_CACHE_DIR "/%s.json", conf->carbon_zone);
	return 0;
}

int wattle_replanner_open(struct wattle_replanner *ret, struct wattle_run *run, const struct wattle_plan_steps *plan, const char *conf,
			  struct wattle_err *err)
{
	struct wattle_plan_steps later;
	struct wattle_err why = WATTLE_ERR_INIT;
	int rc;

	*ret = (struct wattle_replanner){ .path = "" };
	rc = follow_plan(ret, run, take_from_state(run->state.plan, plan, &later) ? &later : plan, err);
	if (rc < 0)
		return rc;
	if (plan->n_sizes == 0)
		return 0;
	if (read_site(ret, conf, &why) < 0)
		wattle_run_say(run, "no other plan will be made: %s", why.text);
	run->replanner = ret;
	return 0;
}

void wattle_replanner_close(struct wattle_replanner *r)
{
	wattle_course_free(&r->course);
	free(r->forecast.value);
	r->forecast.value = NULL;
}

/* --- the forecast ------------------------------------------------------------------------------------------------------------------ */

static int read_forecast(struct wattle_replanner *r, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_FORECAST_CACHE_BYTES_MAX };
	struct wattle_forecast fresh = { .n = 0 };
	cleanup_free char *text = NULL;
	struct stat st;
	size_t len;
	int rc = wattle_file_read(r->path, &rule, &text, &len, &st, err);

	if (rc < 0)
		return rc;
	/* a value takes a digit and a comma at least */
	fresh.room = len / 2 + 1 < WATTLE_FORECAST_SLOTS_MAX ? (uint32_t) (len / 2 + 1) : WATTLE_FORECAST_SLOTS_MAX;
	fresh.value = malloc(fresh.room * sizeof(*fresh.value));
	if (!fresh.value)
		return wattle_err_set(err, ENOMEM, "%s: out of memory", r->path);
	rc = wattle_forecast_parse_cache(r->path, text, &fresh, err);
	if (rc == 0 && (fresh.quantity != WATTLE_QUANTITY_CARBON || !fresh.dated))
		rc = wattle_err_set(err, EINVAL, "%s holds no dated carbon intensities", r->path);
	if (rc < 0) {
		free(fresh.value);
		return rc;
	}
	free(r->forecast.value);
	r->forecast = fresh;
	r->written_s = st.st_mtim.tv_sec;
	return 0;
}

static void look_at_forecast(struct wattle_run *run)
{
	struct wattle_replanner *r = run->replanner;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_stamp stamp;

	wattle_stamp_read(r->path, &stamp);
	if (r->looked && wattle_stamp_same(&stamp, &r->stamp))
		return;
	r->looked = true;
	r->stamp = stamp;
	if (read_forecast(r, &err) == 0) {
		r->fresh = true;
		r->stale_said = false;
		return;
	}
	wattle_run_say(run, "%s: %s", err.text, r->forecast.n ? "the forecast read before stays in force" : "the plan is followed as it is");
}

static bool is_stale(struct wattle_run *run, double now_s)
{
	struct wattle_replanner *r = run->replanner;
	double age_s = now_s - (double) (r->forecast.issued_s > 0 ? r->forecast.issued_s : r->written_s);

	if (age_s <= r->stale_after_s)
		return false;
	if (!r->stale_said)
		wattle_run_say(run, "the forecast is %.0f h old: the plan is followed as it is", age_s / 3600);
	r->stale_said = true;
	return true;
}

/* --- the verdict --------------------------------------------------------------------------------------------------------------------- */

static void report(struct wattle_run *run, const struct wattle_replan *answer)
{
	struct wattle_replanner *r = run->replanner;
	time_t end = (time_t) answer->end_s;
	char text[16];
	struct tm tm;

	if (!localtime_r(&end, &tm) || strftime(text, sizeof(text), "%H:%M:%S", &tm) == 0)
		snprintf(text, sizeof(text), "?");
	if (answer->take)
		wattle_run_say(run, "new plan, the work ends %s: %s", text, answer->why);
	else if (!answer->deadline_met && !r->late_said)
		wattle_run_say(run, "%s", answer->why);
	r->late_said = !answer->deadline_met;
}

static bool adopt(struct wattle_run *run, const struct wattle_replan *answer, double now_s)
{
	struct wattle_state *s = &run->state;
	char text[WATTLE_PLAN_TEXT_MAX];

	if (wattle_plan_text_format(&answer->plan, text, sizeof(text)) < 0 || follow_plan(run->replanner, run, &answer->plan, NULL) < 0)
		return false;
	memcpy(s->plan, text, sizeof(s->plan));
	s->planned_s = now_s;
	s->replans++;
	s->postponed += answer->postpones;
	s->refused_nodes = 0;
	return true;
}

bool wattle_replanner_look(struct wattle_run *run, const struct wattle_state *state, double now_s)
{
	struct wattle_replanner *r = run->replanner;
	struct wattle_replan answer;
	struct wattle_replan_facts facts = {
		.plan = r ? &r->plan : NULL, .state = state, .now_s = now_s, .deadline_s = run->deadline_s, .nodes = run->nodes,
		.pause_min_s = (double) run->pause_min_s,
	};
	bool departs;

	run->replans = false;
	if (!r || !r->path[0] || !run->can_resize)
		return false;
	look_at_forecast(run);
	if (r->forecast.n == 0 || wattle_forecast_slot_at(&r->forecast, (int64_t) now_s) < 0 || is_stale(run, now_s))
		return false;
	run->replans = true;
	facts.forecast = &r->forecast;
	facts.min_saving_pct = r->min_saving_pct;
	facts.switches_max = r->switches_max;
	departs = now_s - r->judged_s >= JUDGE_S && wattle_replan_departs(&facts);
	if (!r->fresh && !departs)
		return false;
	r->judged_s = now_s;
	/* one that came too soon after a new plan is looked at again when that is older */
	r->fresh = r->fresh && state->planned_s > 0 &&
		   now_s - state->planned_s < wattle_replan_interval_s(&r->forecast, wattle_replan_overhead_s(&r->plan, state));
	if (wattle_replan_make(&facts, &answer, NULL) < 0)
		return false;
	if (answer.take && !adopt(run, &answer, now_s))
		return false;
	report(run, &answer);
	return answer.take;
}
