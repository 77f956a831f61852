/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "course.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "instant.h"
#include "json.h"

#define NODES_MAX 1000000u
#define TIME_MAX_S 253402300799.0 /* the year 9999 */

struct reading {
	struct wattle_course *course;
	double slot_s;
	double last_t, free_s; /* of the entry before: its slot, and where the next one in it begins */
};

static int read_moment(struct reading *r, struct json_object *entry, size_t i, double *ret_s, struct wattle_err *err)
{
	char text[64];
	int64_t at_s;
	double number;
	bool dated;

	if (wattle_json_number(entry, "t", &number) == 0) {
		dated = false;
		*ret_s = number * r->slot_s;
	} else if (wattle_json_text(entry, "t", text, sizeof(text)) == 0 && wattle_instant_parse(text, &at_s, NULL) == 0) {
		dated = true;
		*ret_s = (double) at_s;
	} else
		return wattle_err_set(err, EINVAL, "slot %zu: \"t\" is neither a moment nor a number of slots", i);
	if (i > 0 && dated != r->course->dated)
		return wattle_err_set(err, EINVAL, "slot %zu: moments and slot numbers are mixed", i);
	r->course->dated = dated;
	if (!(*ret_s >= 0) || *ret_s > TIME_MAX_S)
		return wattle_err_set(err, EINVAL, "slot %zu: \"t\" is out of range", i);
	return 0;
}

/* Appends, or lengthens the last leg if nothing but time has gone on. */
static void append(struct wattle_course *course, const struct wattle_leg *leg)
{
	struct wattle_leg *last = course->n ? &course->leg[course->n - 1] : NULL;

	if (last && last->nodes == leg->nodes && fabs(last->cap_w - leg->cap_w) < 0.5 && leg->begin_s - last->end_s < 1e-3)
		last->end_s = leg->end_s;
	else
		course->leg[course->n++] = *leg;
}

static int read_entry(struct reading *r, struct json_object *entry, size_t i, struct wattle_err *err)
{
	struct wattle_leg leg = { .speed = 1 };
	uint64_t nodes = 0;
	double t = 0, fraction;
	int rc = read_moment(r, entry, i, &t, err);

	if (rc < 0)
		return rc;
	if (wattle_json_u64(entry, "nodes", NODES_MAX, &nodes) < 0 || nodes < 1)
		return wattle_err_set(err, EINVAL, "slot %zu: \"nodes\" must be 1 to %u", i, NODES_MAX);
	if (wattle_json_number(entry, "fraction", &fraction) < 0)
		fraction = 1;
	if (!(fraction > 0) || fraction > 1.000001)
		return wattle_err_set(err, EINVAL, "slot %zu: \"fraction\" must be above 0, at most 1", i);
	if (wattle_json_number(entry, "cap_w", &leg.cap_w) < 0)
		leg.cap_w = 0;
	if (!(leg.cap_w >= 0) || leg.cap_w > 1e6)
		return wattle_err_set(err, EINVAL, "slot %zu: \"cap_w\" is no watts of a node", i);
	if (i > 0 && t < r->last_t)
		return wattle_err_set(err, EINVAL, "slot %zu is before the one ahead of it", i);
	leg.nodes = (uint32_t) nodes;
	leg.begin_s = i > 0 && t < r->last_t + r->slot_s && r->free_s > t ? r->free_s : t;
	leg.end_s = leg.begin_s + fraction * r->slot_s;
	if (leg.end_s > t + r->slot_s * 1.000002)
		return wattle_err_set(err, EINVAL, "slot %zu: the fractions of its slot are more than the whole", i);
	r->last_t = t;
	r->free_s = leg.end_s;
	append(r->course, &leg);
	return 0;
}

int wattle_course_parse(const char *text, size_t len, struct wattle_course *ret, struct wattle_err *err)
{
	cleanup_json struct json_object *plan = wattle_json_parse(text, len, 8);
	struct json_object *slots = plan ? wattle_json_array(plan, "slots") : NULL;
	struct reading r = { .course = ret };
	size_t n = slots ? json_object_array_length(slots) : 0;
	int rc = 0;

	*ret = (struct wattle_course) { 0 };
	if (!plan || !slots)
		return wattle_err_set(err, EINVAL, "this is no plan: wanted what `wattle plan --json` prints");
	if (n < 1 || n > WATTLE_COURSE_LEGS_MAX)
		return wattle_err_set(err, EINVAL, "a plan of %zu slots: wanted 1 to %u", n, WATTLE_COURSE_LEGS_MAX);
	if (wattle_json_number(plan, "slot_s", &r.slot_s) < 0 || !(r.slot_s > 0) || r.slot_s > 366 * 86400.0)
		return wattle_err_set(err, EINVAL, "the plan's \"slot_s\" must be the seconds of a slot");
	ret->leg = calloc(n, sizeof(*ret->leg));
	if (!ret->leg)
		return wattle_err_set(err, ENOMEM, "out of memory for %zu slots", n);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = read_entry(&r, json_object_array_get_idx(slots, i), i, err);
	if (rc < 0)
		wattle_course_free(ret);
	return rc;
}
