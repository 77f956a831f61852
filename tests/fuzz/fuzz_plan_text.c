/* SPDX-License-Identifier: GPL-2.0-or-later */
/* WATTLE_PLAN, from a job's environment: rising slots, and the same again when written. */
#include "fuzz.h"
#include "plan_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wattle_plan_steps plan, again;
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text = fuzz_text(data, size), formed[WATTLE_PLAN_TEXT_MAX];

	if (wattle_plan_text_parse(text, &plan, &err) == 0) {
		MUST(plan.n >= 1 && plan.n <= WATTLE_PLAN_STEPS_MAX && plan.step[0].nodes > 0);
		for (uint32_t i = 1; i < plan.n; i++)
			MUST(plan.step[i].from_s > plan.step[i - 1].from_s);
		for (uint32_t i = 0; i < plan.n; i++)
			MUST((plan.step[i].nodes == 0) == (plan.step[i].watts_w == 0));
		/* It may have been written with more digits than we use, never with less. */
		if (wattle_plan_text_format(&plan, formed, sizeof(formed)) == 0)
			MUST(wattle_plan_text_parse(formed, &again, NULL) == 0 && again.n == plan.n && again.end_s == plan.end_s &&
			     again.deadline_s == plan.deadline_s && again.overhead_s == plan.overhead_s &&
			     memcmp(again.step, plan.step, plan.n * sizeof(*plan.step)) == 0);
	} else {
		MUST(err.code > 0 && err.text[0]);
	}
	free(text);
	return 0;
}
