/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_REPLANNER_H
#define WATTLE_REPLANNER_H

/* What a re-plan needs from this node, the site's limits and its zone's forecast, looked at while the job runs; and the plan in force. */

#include <stdbool.h>

#include "course.h"
#include "follow.h"
#include "forecast.h"
#include "plan_text.h"
#include "replan.h"
#include "siteconf.h"
#include "stamp.h"

struct wattle_replanner {
	struct wattle_plan_steps plan;      /* in force */
	struct wattle_course course;        /* the same */
	/* the forecast */
	char path[256];                     /* "": nothing can be looked at */
	uint32_t stale_after_s, min_saving_pct, switches_max;
	bool looked;
	struct wattle_stamp stamp;
	struct wattle_forecast forecast;    /* n 0: none was ever read */
	int64_t written_s;
	bool fresh;                         /* not planned with yet */
	/* what was said, so that it is said once */
	bool stale_said, late_said;
	double judged_s;                    /* UTC; of the last verdict */
};

/* Takes the plan, or the one that took its place in the state of this job (text of plan_text.h; "": none), as run's course, and the site's
 * words from its configuration (NULL: the usual one). What is missing for re-plans is said; the plan is then followed as it is. -EINVAL, -ENOMEM: there is
 * no plan, err says why. */
int wattle_replanner_open(struct wattle_replanner *ret, struct wattle_run *run, const struct wattle_plan_steps *plan, const char *conf,
			  struct wattle_err *err);
void wattle_replanner_close(struct wattle_replanner *replanner);

/* Reads the forecast if it has changed, and judges if that or progress asks for it. state: the run's, with what the running step has shown.
 * True: another plan is in force from now on (run->course), and stands in run->state, not saved yet. */
bool wattle_replanner_look(struct wattle_run *run, const struct wattle_state *state, double now_s);

#endif
