/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIME_MAX_S INT64_C(253402300799) /* the year 9999 */
#define NODES_MAX 1000000u
#define WATTS_MAX 100000000u
#define SPEED_MAX 1000000000u
#define POWER_MAX 4000000000u
#define WORK_MAX_S 1000000000u

/* Is it a plan, and will it be read as it was written? */
static bool sound(const struct wattle_plan_steps *plan)
{
	if (plan->n < 1 || plan->n > WATTLE_PLAN_STEPS_MAX || plan->step[0].nodes == 0 || plan->end_s > TIME_MAX_S)
		return false;
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct wattle_plan_step *step = &plan->step[i];
		int64_t next_s = i + 1 < plan->n ? step[1].from_s : plan->end_s;

		if (step->from_s < 0 || next_s <= step->from_s || step->nodes > NODES_MAX || step->watts_w > WATTS_MAX ||
		    (step->nodes == 0) != (step->watts_w == 0))
			return false;
	}
	if (plan->n_sizes > WATTLE_PLAN_SIZES_MAX || (plan->n_sizes == 0) != (plan->work_s == 0) || plan->work_s > WORK_MAX_S)
		return false;
	for (uint32_t i = 0; i < plan->n_sizes; i++) {
		const struct wattle_plan_size *s = &plan->size[i];

		if (s->nodes < 1 || s->nodes > NODES_MAX || s->watts_w < 1 || s->watts_w > WATTS_MAX || s->speed < 1 || s->speed > SPEED_MAX ||
		    s->power_w < 1 || s->power_w > POWER_MAX)
			return false;
	}
	return true;
}

int wattle_plan_text_format(const struct wattle_plan_steps *plan, char *text, size_t size)
{
	int n;
	size_t used;

	if (!sound(plan) || plan->deadline_s < 0 || plan->deadline_s > TIME_MAX_S)
		return -EINVAL;
	n = snprintf(text, size, "v1 start=%" PRId64 " end=%" PRId64 " deadline=%" PRId64 " overhead=%" PRIu32 " slots=",
		     plan->step[0].from_s, plan->end_s, plan->deadline_s, plan->overhead_s);
	for (uint32_t i = 0; n >= 0 && i < plan->n; i++) {
		used = (size_t) n;
		if (used >= size)
			return -ENOSPC;
		n += snprintf(text + used, size - used, "%s%" PRId64 ":%" PRIu32 ":%" PRIu32, i ? "," : "",
			      plan->step[i].from_s - plan->step[0].from_s, plan->step[i].nodes, plan->step[i].watts_w);
	}
	for (uint32_t i = 0; n >= 0 && i < plan->n_sizes; i++) {
		const struct wattle_plan_size *s = &plan->size[i];
		char work[40] = ",";

		used = (size_t) n;
		if (used >= size)
			return -ENOSPC;
		if (i == 0)
			snprintf(work, sizeof(work), " work=%" PRIu32 " sizes=", plan->work_s);
		n += snprintf(text + used, size - used, "%s%" PRIu32 ":%" PRIu32 ":%" PRIu32 ":%" PRIu32, work, s->nodes, s->watts_w, s->speed, s->power_w);
	}
	return n < 0 || (size_t) n >= size ? -ENOSPC : 0;
}

/* A plain decimal number, up to max; no sign, no blanks. */
static bool read_number(const char **at, int64_t max, int64_t *ret)
{
	const char *s = *at;
	int64_t value = 0;

	for (; *s >= '0' && *s <= '9' && value <= max; s++)
		value = 10 * value + (*s - '0');
	if (s == *at || value > max)
		return false;
	*at = s;
	*ret = value;
	return true;
}

static bool read_steps(const char **at, struct wattle_plan_steps *plan)
{
	for (plan->n = 0; plan->n < WATTLE_PLAN_STEPS_MAX;) {
		int64_t from_s, nodes, watts_w;

		if (!read_number(at, TIME_MAX_S, &from_s) || *(*at)++ != ':' || !read_number(at, NODES_MAX, &nodes) || *(*at)++ != ':' ||
		    !read_number(at, WATTS_MAX, &watts_w))
			return false;
		plan->step[plan->n++] = (struct wattle_plan_step){ from_s, (uint32_t) nodes, (uint32_t) watts_w };
		if (**at != ',')
			return true;
		(*at)++;
	}
	return false;
}

static bool read_sizes(const char **at, struct wattle_plan_steps *plan)
{
	for (plan->n_sizes = 0; plan->n_sizes < WATTLE_PLAN_SIZES_MAX;) {
		int64_t nodes, watts_w, speed, power_w;

		if (!read_number(at, NODES_MAX, &nodes) || *(*at)++ != ':' || !read_number(at, WATTS_MAX, &watts_w) || *(*at)++ != ':' ||
		    !read_number(at, SPEED_MAX, &speed) || *(*at)++ != ':' || !read_number(at, POWER_MAX, &power_w))
			return false;
		plan->size[plan->n_sizes++] = (struct wattle_plan_size){ (uint32_t) nodes, (uint32_t) watts_w, (uint32_t) speed, (uint32_t) power_w };
		if (**at != ',')
			return true;
		(*at)++;
	}
	return false;
}

enum { SAW_START = 1, SAW_END = 2, SAW_DEADLINE = 4, SAW_OVERHEAD = 8, SAW_SLOTS = 16, SAW_WORK = 32, SAW_SIZES = 64 };

/* One word, from *at to its end. */
static bool read_word(const char **at, unsigned *seen, int64_t *start_s, struct wattle_plan_steps *plan)
{
	static const struct { const char *key; unsigned bit; } keys[] = {
		{ "start=", SAW_START }, { "end=", SAW_END }, { "deadline=", SAW_DEADLINE }, { "overhead=", SAW_OVERHEAD },
		{ "slots=", SAW_SLOTS }, { "work=", SAW_WORK }, { "sizes=", SAW_SIZES },
	};
	unsigned bit = 0;
	int64_t number = 0;
	bool good;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !bit; i++)
		if (strncmp(*at, keys[i].key, strlen(keys[i].key)) == 0) {
			bit = keys[i].bit;
			*at += strlen(keys[i].key);
		}
	if (!bit) {
		*at += strcspn(*at, " ");
		return true;
	}
	if (*seen & bit)
		return false;
	*seen |= bit;
	if (bit == SAW_SLOTS)
		good = read_steps(at, plan);
	else if (bit == SAW_SIZES)
		good = read_sizes(at, plan);
	else
		good = read_number(at, bit == SAW_OVERHEAD ? 86400 : bit == SAW_WORK ? WORK_MAX_S : TIME_MAX_S, &number);
	if (bit == SAW_START)
		*start_s = number;
	else if (bit == SAW_END)
		plan->end_s = number;
	else if (bit == SAW_DEADLINE)
		plan->deadline_s = number;
	else if (bit == SAW_OVERHEAD)
		plan->overhead_s = (uint32_t) number;
	else if (bit == SAW_WORK)
		plan->work_s = (uint32_t) number;
	return good && (**at == ' ' || !**at);
}

int wattle_plan_text_parse(const char *text, struct wattle_plan_steps *ret, struct wattle_err *err)
{
	struct wattle_plan_steps plan = { 0 };
	int64_t start_s = 0;
	unsigned seen = 0;
	const char *at;

	if (!text || strnlen(text, WATTLE_PLAN_TEXT_MAX) == WATTLE_PLAN_TEXT_MAX)
		return wattle_err_set(err, E2BIG, "plan: missing or longer than %d bytes", WATTLE_PLAN_TEXT_MAX - 1);
	if (strncmp(text, "v1 ", 3) != 0)
		return wattle_err_set(err, EINVAL, "plan: version 1 is known, this one starts \"%.8s\"", text);
	for (at = text + 3; *at;) {
		const char *word = at;

		if (*at == ' ')
			at++;
		else if (!read_word(&at, &seen, &start_s, &plan))
			return wattle_err_set(err, EINVAL, "plan: malformed or repeated: \"%.40s\"", word);
	}
	if ((seen & (SAW_START | SAW_END | SAW_SLOTS)) != (SAW_START | SAW_END | SAW_SLOTS) || plan.step[0].from_s != 0)
		return wattle_err_set(err, EINVAL, "plan: start, end and slots from 0 on are needed");
	for (uint32_t i = 0; i < plan.n; i++)
		plan.step[i].from_s += start_s;
	if (!sound(&plan))
		return wattle_err_set(err, EINVAL, "plan: slots must rise from start to end, and none but a pause has no nodes or no watts; sizes come "
				      "with work");
	*ret = plan;
	return 0;
}
