/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const side_names[WATTLE_LEDGER_SIDES] = { [WATTLE_LEDGER_SLURM] = "Slurm", [WATTLE_LEDGER_KUEUE] = "Kueue" };

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static enum wattle_ledger_side other(enum wattle_ledger_side side)
{
	return side == WATTLE_LEDGER_SLURM ? WATTLE_LEDGER_KUEUE : WATTLE_LEDGER_SLURM;
}

static uint64_t max_of(const struct wattle_ledger_rules *rules, enum wattle_ledger_side side)
{
	uint64_t room_w = rules->budget_w - rules->min_w[other(side)];

	return rules->max_w[side] ? least(rules->max_w[side], room_w) : room_w;
}

int wattle_ledger_check(const struct wattle_ledger_rules *rules, struct wattle_err *err)
{
	uint64_t minima_w = (uint64_t) rules->min_w[WATTLE_LEDGER_SLURM] + rules->min_w[WATTLE_LEDGER_KUEUE];

	if (rules->budget_w == 0)
		return 0;
	if (minima_w > rules->budget_w)
		return wattle_err_set(err, EINVAL, "slurm_min_w and kueue_min_w are %" PRIu64 " W together, more than budget_w, %" PRIu32 " W", minima_w,
				      rules->budget_w);
	for (int i = 0; i < WATTLE_LEDGER_SIDES; i++)
		if (rules->max_w[i] && rules->max_w[i] < rules->min_w[i])
			return wattle_err_set(err, EINVAL, "%s keeps at least %" PRIu32 " W and gets at most %" PRIu32 " W", side_names[i], rules->min_w[i],
					      rules->max_w[i]);
	if (rules->grain_w == 0)
		return wattle_err_set(err, EINVAL, "grain_w is 0, must be at least 1");
	return 0;
}

/* --- who should have what ---------------------------------------------------------------------------------------------------------------- */

void wattle_ledger_split(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
			 uint64_t ret_w[WATTLE_LEDGER_SIDES])
{
	const uint64_t budget_w = rules->budget_w;
	uint64_t wish_w[WATTLE_LEDGER_SIDES], has_w[WATTLE_LEDGER_SIDES];

	for (enum wattle_ledger_side i = 0; i < WATTLE_LEDGER_SIDES; i++) {
		wish_w[i] = most(rules->min_w[i], least(most(view[i].wanted_w, view[i].used_w), max_of(rules, i)));
		has_w[i] = most(rules->min_w[i], least(view[i].limit_w, max_of(rules, i)));
	}
	if (wish_w[0] + wish_w[1] >= budget_w) {
		/* max-min fairness: who wants less than half gets it, the rest is the other's */
		ret_w[0] = least(wish_w[0], most(budget_w / 2, minus(budget_w, wish_w[1])));
		ret_w[0] = most(rules->min_w[0], least(ret_w[0], max_of(rules, 0)));
		ret_w[1] = least(wish_w[1], budget_w - ret_w[0]);
		return;
	}
	/* both have their wish, and each keeps of the rest what it has: a shift that nobody needs costs latency to come back */
	ret_w[0] = most(wish_w[0], least(has_w[0], budget_w - wish_w[1]));
	ret_w[1] = most(wish_w[1], least(has_w[1], budget_w - ret_w[0]));
}

/* --- one step ------------------------------------------------------------------------------------------------------------------------------ */

static void take(struct wattle_ledger_step *step, enum wattle_ledger_what what, enum wattle_ledger_side side, uint64_t to_w)
{
	step->what = what;
	step->side = side;
	step->to_w = to_w;
}

/* The side whose limit is to fall. Where both sum to more than the budget that comes before everything, whatever the grain. */
static bool find_lower(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
		       const uint64_t target_w[WATTLE_LEDGER_SIDES], enum wattle_ledger_side *ret)
{
	uint64_t fall_w[WATTLE_LEDGER_SIDES], grain_w = rules->grain_w;
	bool over = view[0].limit_w + view[1].limit_w > rules->budget_w;

	for (int i = 0; i < WATTLE_LEDGER_SIDES; i++)
		fall_w[i] = minus(view[i].limit_w, target_w[i]);
	*ret = fall_w[0] >= fall_w[1] ? WATTLE_LEDGER_SLURM : WATTLE_LEDGER_KUEUE;
	return fall_w[*ret] > 0 && (over || fall_w[*ret] >= grain_w);
}

/* How far a side may be raised now: what the other side holds, set or used, is not there to be given. */
static uint64_t room_for(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
			 enum wattle_ledger_side side)
{
	const struct wattle_ledger_view *giver = &view[other(side)];

	return minus(rules->budget_w, most(giver->limit_w, giver->used_w));
}

/* A side that uses more than its limit: excess_w says so, else it is 0. */
static void look_over(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
		      const struct wattle_ledger_past *past, enum wattle_ledger_side side, struct wattle_ledger_step *ret)
{
	uint64_t excess_w = minus(view[side].used_w, view[side].limit_w);
	bool kueue = side == WATTLE_LEDGER_KUEUE;

	take(ret, WATTLE_LEDGER_WAIT, side, view[side].limit_w);
	ret->excess_w = excess_w;
	if (excess_w == 0)
		return;
	if (past->over_s[side] < rules->patience_s && !(kueue && past->tightened)) {
		snprintf(ret->why, sizeof(ret->why), "%s uses %" PRIu64 " W more than its part: its jobs may still end by themselves", side_names[side],
			 excess_w);
	} else if (!kueue) {
		ret->what = WATTLE_LEDGER_TELL;
	} else if (rules->evict_after_s == 0 || !past->tightened || past->tightened_s < rules->evict_after_s || excess_w <= past->leaving_w) {
		ret->what = WATTLE_LEDGER_TIGHTEN;
	} else {
		ret->what = WATTLE_LEDGER_EVICT;
		ret->excess_w = excess_w - past->leaving_w;
	}
}

void wattle_ledger_next(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
			const struct wattle_ledger_past *past, struct wattle_ledger_step *ret)
{
	const struct wattle_ledger_view *kueue = &view[WATTLE_LEDGER_KUEUE];
	struct wattle_ledger_step slurm_over, kueue_over;
	uint64_t target_w[WATTLE_LEDGER_SIDES];
	enum wattle_ledger_side side;

	*ret = slurm_over = kueue_over = (struct wattle_ledger_step){ .what = WATTLE_LEDGER_WAIT };
	if (rules->budget_w == 0) {
		snprintf(ret->why, sizeof(ret->why), "there is no budget to share");
		return;
	}
	for (int i = 0; i < WATTLE_LEDGER_SIDES; i++)
		if (!view[i].known) {
			snprintf(ret->why, sizeof(ret->why), "%s's side is not known now: nothing is moved", side_names[i]);
			return;
		}
	wattle_ledger_split(rules, view, target_w);
	if (find_lower(rules, view, target_w, &side)) {
		take(ret, WATTLE_LEDGER_LOWER, side, target_w[side]);
		return;
	}
	for (side = 0; side < WATTLE_LEDGER_SIDES; side++) {
		uint64_t to_w = least(target_w[side], room_for(rules, view, side));

		if (to_w > view[side].limit_w && (to_w - view[side].limit_w >= rules->grain_w)) {
			take(ret, WATTLE_LEDGER_RAISE, side, to_w);
			return;
		}
	}
	look_over(rules, view, past, WATTLE_LEDGER_SLURM, &slurm_over);
	look_over(rules, view, past, WATTLE_LEDGER_KUEUE, &kueue_over);
	if (kueue_over.excess_w > 0 && (kueue_over.what != WATTLE_LEDGER_WAIT || slurm_over.what == WATTLE_LEDGER_WAIT))
		*ret = kueue_over;
	else if (kueue_over.excess_w == 0 && past->tightened)
		take(ret, WATTLE_LEDGER_LOOSEN, WATTLE_LEDGER_KUEUE, kueue->limit_w);
	else if (kueue_over.excess_w == 0 && past->evicted_w > 0 && past->evicted_w <= kueue->limit_w - kueue->used_w)
		take(ret, WATTLE_LEDGER_RESUME, WATTLE_LEDGER_KUEUE, kueue->limit_w);
	else if (slurm_over.excess_w > 0)
		*ret = slurm_over;
	else
		snprintf(ret->why, sizeof(ret->why), "each side has what it wants or may have");
}
