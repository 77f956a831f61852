/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_REPLAN_H
#define WATTLE_REPLAN_H

/* Another plan on the way: for the work that is left, at the speeds measured, under the forecast as it is now, within the sizes that the
 * plan in force was made of. Deadline first: a plan that would miss it makes room for one that keeps it, or misses it by less. Else a new plan
 * must save: both are reckoned to the end of the work, each change of size at what changes have cost so far, and the new one is taken only if
 * it beats the old one by a threshold, and not soon after another. A plan that puts work off must save more each time: forecasts
 * that keep promising would else keep a job waiting (doc/adr/0017). */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "forecast.h"
#include "plan_text.h"
#include "state.h"

struct wattle_replan_facts {
	const struct wattle_plan_steps *plan;   /* in force, with sizes */
	const struct wattle_forecast *forecast; /* dated carbon intensities; NULL: none, and nothing is re-planned */
	const struct wattle_state *state;       /* progress, speeds and costs measured, those of the step that runs among them */
	double now_s;                           /* UTC */
	double deadline_s;                      /* UTC; 0: none, then the end of the plan in force takes its place */
	uint32_t nodes;                         /* that the job has now */
	uint32_t min_saving_pct;
	uint32_t switches_max;                  /* changes and resumes of the whole job */
	double pause_min_s;                     /* shorter gaps are run through */
};

struct wattle_replan {
	bool take;                /* plan is the one to follow now */
	bool deadline_met;        /* by the plan that is then in force */
	bool postpones;           /* it puts work off, against the one before */
	double end_s;             /* UTC: when the work is then done */
	double saving_pct;        /* of the carbon still to come, against the plan in force */
	char why[160];            /* of either verdict, for people */
	struct wattle_plan_steps plan; /* with take */
};

/* Pure but for the memory it works in. -EINVAL, -ERANGE: there is nothing to plan with (no sizes, no work left, the forecast does not hold
 * now), err says what; -ENOMEM. *ret then says keep. */
int wattle_replan_make(const struct wattle_replan_facts *facts, struct wattle_replan *ret, struct wattle_err *err);

/* Is it worth a look? The plan in force departs from what is measured: with the work left and the time to the deadline as they are, it does too
 * little, or would be done well before its end. Pure. */
bool wattle_replan_departs(const struct wattle_replan_facts *facts);

/* Seconds that a change of size costs: as measured, or as the plan was made with. */
double wattle_replan_overhead_s(const struct wattle_plan_steps *plan, const struct wattle_state *state);

/* Not sooner after the last new plan, unless the deadline asks for it: a slot, or some changes' worth of time. */
double wattle_replan_interval_s(const struct wattle_forecast *forecast, double overhead_s);

#endif
