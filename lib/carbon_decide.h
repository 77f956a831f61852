/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_DECIDE_H
#define WATTLE_CARBON_DECIDE_H

/* The second stage's other half: when a job may start, and for --carbon=scale how wide it begins and what comes then. Called after
 * watts and nodes are decided; changes neither of its inputs. Pure: no I/O, no clock, no allocation, no globals, any thread; bounded
 * work whatever was asked for (carbon_decide.c names the bounds).
 *
 * The deadline comes first: the earliest of --deadline and of --carbon-within after submission (else the site's `within`). The job
 * must have *ended* by then at its full time limit, with the site's margin. If that leaves no time to wait, or waiting is not
 * worth it, or anything that is needed is missing, the job starts at once and `why` says so: nothing is refused here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "forecast.h"
#include "model.h"
#include "plan_text.h"
#include "request.h"
#include "scaling.h"
#include "siteconf.h"
#include "slotload.h"

#define WATTLE_CARBON_TIME_MAX_S INT64_C(253402300799) /* no moment is later: the year 9999 */

struct wattle_carbon_facts {
	enum wattle_carbon_word asked;
	int64_t now_s;            /* submission, Unix time */
	int64_t begin_s;          /* the user's own --begin: not before; 0: none */
	int64_t within_s;         /* --carbon-within, 0: not said */
	int64_t deadline_s;       /* --deadline, Unix time; 0: none */
	int64_t time_limit_s;     /* 0: none said, or unlimited */
	int64_t work_s;           /* run time on nodes_min nodes at full power; 0: take the time limit */
	const char *partitions;   /* comma-separated, or NULL */
	const char *qos;          /* that the job names, or NULL */
	uint32_t nodes_min, nodes_max, watts_w; /* as decided; > 0 */
	uint32_t floor_w;         /* least watts per node that its partitions allow */
	bool watts_fixed;         /* a slowdown was asked for: scale may not lower the watts */
	bool resizable;           /* a batch job that may be requeued */
	const struct wattle_model *model;     /* checked, or NULL */
	const struct wattle_scaling *scaling; /* checked, or NULL; n may be 0 */
	uint64_t seed;            /* other for each job: which of equally good slots it gets */
};

/* What is known of the grid and the queue. */
struct wattle_carbon_outlook {
	const struct wattle_forecast *forecast; /* dated carbon intensities; NULL: none, and why says why */
	const char *why;                        /* "no forecast for zone DE" */
	int64_t issued_s;                       /* when the forecast was made, or at least written */
	uint32_t stale_after_s;
	const struct wattle_slotload *load;     /* of the queue, fresh; NULL: not known */
};

struct wattle_carbon_decision {
	enum wattle_carbon_word mode; /* that is taken; OFF: it starts at once, or when its --begin says */
	char why[160];                /* with OFF, or where start was taken for scale: the reason; else "" */
	int64_t start_s;              /* not before, >= now_s and begin_s */
	int64_t deadline_s;           /* 0: none */
	bool deadline_met;            /* at the full time limit, margin not counted, if it starts then */
	bool limit_known;             /* false: "met" is of the work named, for there is no time limit */
	double saving_pct;            /* of CO2 by the forecast, against starting at once; 0 with OFF */
	uint32_t nodes;               /* scale: of the first slot; else 0 */
	uint32_t watts_w;             /* scale: the greatest of the plan; else 0 */
	struct wattle_plan_steps plan; /* scale; else n is 0 */
};

/* Memory that it works in, aligned as malloc does: about 100 KB. */
size_t wattle_carbon_scratch_bytes(void);

/* Never fails: with scratch NULL or too small the job starts at once. asked UNSAID counts as OFF, with an empty `why`. */
void wattle_carbon_decide(const struct wattle_carbon_rules *rules, const struct wattle_carbon_facts *facts,
			  const struct wattle_carbon_outlook *outlook, void *scratch, size_t scratch_bytes,
			  struct wattle_carbon_decision *ret);

/* For the end of the answer, without a comma before it: "starts 02:00 in 3h10m at the earliest: 41% less CO2, deadline kept", "starts
 * now: the forecast is 14h old". utc_offset_s is of the place whose clock people read. Returns text; "" if carbon was not asked for. */
const char *wattle_carbon_tail(const struct wattle_carbon_decision *decision, const struct wattle_carbon_facts *facts,
			       int32_t utc_offset_s, char *text, size_t size);

/* "3h10m", "45m", "20s", "2d3h". Returns text. */
const char *wattle_carbon_span(int64_t s, char *text, size_t size);

#endif
