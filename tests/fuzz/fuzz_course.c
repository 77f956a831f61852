/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan from a file, as wattlerun follows it: legs in time order that do not overlap, and an answer for every moment. */
#include <math.h>

#include "course.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_course course;
	uint32_t least, greatest;

	if (wattle_course_parse(text, size, &course, &err) < 0) {
		MUST(err.code > 0 && err.text[0] && !course.leg && course.n == 0);
		free(text);
		return 0;
	}
	MUST(course.n > 0 && course.n <= WATTLE_COURSE_LEGS_MAX);
	wattle_course_nodes(&course, &least, &greatest);
	for (size_t i = 0; i < course.n; i++) {
		const struct wattle_leg *leg = &course.leg[i];
		struct wattle_now now = wattle_course_at(&course, leg->begin_s, 30);

		MUST(isfinite(leg->begin_s) && isfinite(leg->end_s) && leg->begin_s <= leg->end_s);
		MUST(i == 0 || leg->begin_s >= course.leg[i - 1].end_s);
		MUST(leg->nodes >= least && leg->nodes <= greatest && least >= 1);
		MUST(leg->cap_w >= 0 && leg->cap_w <= 1e6);
		MUST(now.nodes >= least && now.nodes <= greatest);
	}
	MUST(wattle_course_at(&course, 0, 30).nodes >= 1 && wattle_course_at(&course, 1e18, 30).phase == WATTLE_PHASE_BEYOND);
	wattle_course_free(&course);
	free(text);
	return 0;
}
