/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was, or was forecast, slot by slot, as it becomes known. */
#include "forecast_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A copy of newer with the history's slots. */
static int fit_slots(const struct wattle_forecast *history, const struct wattle_forecast *newer, struct wattle_forecast *ret,
		     struct wattle_err *err)
{
	const uint32_t slot_s = history->slot_s;
	uint32_t times = newer->slot_s > slot_s ? newer->slot_s / slot_s : 1, skip = 0;

	*ret = *newer;
	ret->room = newer->n * times;
	if (newer->n == 0 || ret->room / times != newer->n)
		return wattle_err_set(err, EINVAL, "%u slots of %u s can't be kept in slots of %u s", newer->n, newer->slot_s, slot_s);
	ret->value = calloc(ret->room, sizeof(*ret->value));
	if (!ret->value)
		return wattle_err_set(err, ENOMEM, "out of memory");
	/* a longer slot begins where the history's do */
	if (newer->slot_s < slot_s)
		while (skip < newer->n && (newer->start_s + (int64_t) skip * newer->slot_s - history->start_s) % slot_s != 0)
			skip++;
	memcpy(ret->value, newer->value + skip, (newer->n - skip) * sizeof(*ret->value));
	ret->n -= skip;
	ret->start_s += (int64_t) skip * newer->slot_s;
	if (ret->n > 0 && wattle_forecast_reslot(ret, slot_s, err) == 0 && (ret->start_s - history->start_s) % slot_s == 0)
		return 0;
	free(ret->value);
	return wattle_err_set(err, EINVAL, "slots of %u s from %lld on don't fit into slots of %u s from %lld on", newer->slot_s,
			      (long long) newer->start_s, slot_s, (long long) history->start_s);
}

/* Holes at either end say nothing. */
static void trim(struct wattle_forecast *f)
{
	uint32_t skip = 0;

	while (f->n > 0 && isnan(f->value[f->n - 1]))
		f->n--;
	while (skip < f->n && isnan(f->value[skip]))
		skip++;
	memmove(f->value, f->value + skip, (f->n - skip) * sizeof(*f->value));
	f->n -= skip;
	f->start_s += (int64_t) skip * f->slot_s;
}

static int lay(struct wattle_forecast *history, const struct wattle_forecast *newer, int64_t from_s, struct wattle_err *err)
{
	const uint32_t slot_s = history->slot_s;
	int64_t begin = history->start_s < newer->start_s ? history->start_s : newer->start_s;
	int64_t end = wattle_forecast_end(history), slots, most = WATTLE_FORECAST_HISTORY_S_MAX / slot_s;
	struct wattle_forecast all = *history;

	if (wattle_forecast_end(newer) > end)
		end = wattle_forecast_end(newer);
	if (most > WATTLE_FORECAST_SLOTS_MAX)
		most = WATTLE_FORECAST_SLOTS_MAX;
	slots = (end - begin) / slot_s;
	if (slots > most) {
		begin += (slots - most) * slot_s;
		slots = most;
	}
	all.start_s = begin;
	all.n = all.room = (uint32_t) slots;
	all.value = calloc(all.room, sizeof(*all.value));
	if (!all.value)
		return wattle_err_set(err, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < all.n; i++) {
		int64_t at_s = begin + (int64_t) i * slot_s, old = wattle_forecast_slot_at(history, at_s);
		int64_t new = at_s + slot_s > from_s ? wattle_forecast_slot_at(newer, at_s) : -1;

		if (new >= 0 && !isnan(newer->value[new]))
			all.value[i] = newer->value[new];
		else
			all.value[i] = old >= 0 ? history->value[old] : NAN;
	}
	trim(&all);
	free(history->value);
	*history = all;
	return 0;
}

int wattle_forecast_append(struct wattle_forecast *history, const struct wattle_forecast *newer, int64_t from_s, struct wattle_err *err)
{
	struct wattle_forecast fitting, empty;
	int rc;

	if (history->n == 0) {
		empty = *newer;
		empty.n = empty.room = 0;
		empty.value = NULL;
		rc = lay(&empty, newer, from_s, err);
		if (rc < 0)
			return rc;
		free(history->value);
		*history = empty;
		return 0;
	}
	if (history->quantity != newer->quantity || history->signal != newer->signal)
		return wattle_err_set(err, EINVAL, "it holds another signal, %s, than this, %s", wattle_signal_name(history->signal),
				      wattle_signal_name(newer->signal));
	rc = fit_slots(history, newer, &fitting, err);
	if (rc < 0)
		return rc;
	rc = lay(history, &fitting, from_s, err);
	free(fitting.value);
	if (rc == 0)
		history->issued_s = newer->issued_s;
	return rc;
}
