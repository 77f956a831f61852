/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a carbon decision is to people. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "carbon_decide.h"

#define DAY_S 86400

const char *wattle_carbon_span(int64_t s, char *text, size_t size)
{
	if (s < 0)
		s = 0;
	if (s < 60)
		snprintf(text, size, "%" PRId64 "s", s);
	else if (s < 3600 && s % 60 != 0 && s < 600)
		snprintf(text, size, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
	else if (s < 3600)
		snprintf(text, size, "%" PRId64 "m", s / 60);
	else if (s < DAY_S)
		snprintf(text, size, s / 60 % 60 ? "%" PRId64 "h%" PRId64 "m" : "%" PRId64 "h", s / 3600, s / 60 % 60);
	else
		snprintf(text, size, s / 3600 % 24 ? "%" PRId64 "d%" PRId64 "h" : "%" PRId64 "d", s / DAY_S, s / 3600 % 24);
	return text;
}

/* "02:00"; with seconds where minutes do not tell it; with the day if that is not near. */
static void clock_text(int64_t at_s, int64_t now_s, int32_t utc_offset_s, char text[40])
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }; /* 1970 began on a Thursday */
	int64_t local_s = at_s + utc_offset_s, of_day_s = ((local_s % DAY_S) + DAY_S) % DAY_S;
	size_t used = 0;

	if (at_s - now_s >= DAY_S)
		used = (size_t) snprintf(text, 40, "%s ", days[((local_s - of_day_s) / DAY_S % 7 + 7) % 7]);
	snprintf(text + used, 40 - used, at_s - now_s < 600 && of_day_s % 60 ? "%02" PRId64 ":%02" PRId64 ":%02" PRId64 :
		 "%02" PRId64 ":%02" PRId64, of_day_s / 3600, of_day_s / 60 % 60, of_day_s % 60);
}

static uint32_t count_changes(const struct wattle_plan_steps *plan)
{
	uint32_t changes = 0, nodes = plan->step[0].nodes;

	for (uint32_t i = 1; i < plan->n; i++)
		if (plan->step[i].nodes != 0 && (plan->step[i].nodes != nodes || plan->step[i - 1].nodes == 0)) {
			nodes = plan->step[i].nodes;
			changes++;
		}
	return changes;
}

const char *wattle_carbon_tail(const struct wattle_carbon_decision *d, const struct wattle_carbon_facts *facts, int32_t utc_offset_s,
			       char *text, size_t size)
{
	char clock[40], span[24], when[96], size_text[64] = "", why[sizeof(d->why) + 24] = "";
	const char *deadline = !d->deadline_s ? "" : !d->limit_known ? ", deadline kept if it takes no longer than it says" :
			       d->deadline_met ? ", deadline kept" : ", deadline missed";

	text[0] = '\0';
	if (d->mode != WATTLE_CARBON_START && d->mode != WATTLE_CARBON_SCALE) {
		if (d->why[0])
			snprintf(text, size, "starts %s: %s", d->start_s > facts->now_s ? "as --begin says" : "now", d->why);
		return text;
	}
	if (d->start_s > facts->now_s) {
		clock_text(d->start_s, facts->now_s, utc_offset_s, clock);
		snprintf(when, sizeof(when), "starts %s in %s at the earliest", clock,
			 wattle_carbon_span(d->start_s - facts->now_s, span, sizeof(span)));
	} else {
		snprintf(when, sizeof(when), "starts now");
	}
	if (d->mode == WATTLE_CARBON_SCALE) {
		uint32_t changes = count_changes(&d->plan);

		snprintf(size_text, sizeof(size_text), " on %" PRIu32 " node%s, %" PRIu32 " change%s for wattlerun", d->nodes,
			 d->nodes == 1 ? "" : "s", changes, changes == 1 ? "" : "s");
	} else if (d->why[0]) {
		snprintf(why, sizeof(why), " (not scaled: %s)", d->why);
	}
	snprintf(text, size, "%s%s: %.0f%% less CO2%s%s", when, size_text, floor(d->saving_pct + 1e-6), deadline, why);
	return text;
}
