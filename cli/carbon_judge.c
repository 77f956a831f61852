/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "carbon_judge.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "instant.h"

#define PAST_S_MAX 86400
#define AHEAD_S_MAX 3600 /* a forecast that begins with the next hour */

bool carbon_is_good(const struct wattle_forecast *kept, const struct wattle_forecast *as, const struct carbon_rules *rules)
{
	return kept && kept->n > 0 && strcmp(kept->zone, as->zone) == 0 && kept->signal == as->signal && kept->quantity == as->quantity &&
	       kept->issued_s > 0 && kept->issued_s <= rules->now_s + CARBON_CLOCK_S &&
	       kept->issued_s + rules->stale_after_s >= rules->now_s && wattle_forecast_end(kept) > rules->now_s;
}

uint32_t carbon_fill_slots(const struct wattle_forecast *next, const struct carbon_rules *rules)
{
	int64_t ahead_s = next->start_s - rules->now_s;

	return ahead_s > 0 && ahead_s <= AHEAD_S_MAX ? (uint32_t) ((ahead_s + next->slot_s - 1) / next->slot_s) : 0;
}

static void fill_before(struct wattle_forecast *next, const struct wattle_forecast *last, uint32_t slots)
{
	double first = next->value[0];

	memmove(next->value + slots, next->value, next->n * sizeof(*next->value));
	next->n += slots;
	next->start_s -= (int64_t) slots * next->slot_s;
	for (uint32_t i = 0; i < slots; i++) {
		int64_t old = last ? wattle_forecast_slot_at(last, next->start_s + (int64_t) i * next->slot_s) : -1;

		next->value[i] = old >= 0 && !isnan(last->value[old]) ? last->value[old] : first;
	}
}

int carbon_complete(struct wattle_forecast *next, const struct wattle_forecast *last, const struct carbon_rules *rules,
		    struct wattle_err *err)
{
	char a[WATTLE_INSTANT_SIZE];
	int64_t at;
	uint32_t hole;

	if (next->issued_s > rules->now_s + CARBON_CLOCK_S)
		return wattle_err_set(err, EINVAL, "issued %s, which is in the future: is this host's clock right?",
				      wattle_instant_format(next->issued_s, a));
	if (next->issued_s + rules->stale_after_s < rules->now_s)
		return wattle_err_set(err, EINVAL, "issued %s, %lld hours ago: stale (stale_after)", wattle_instant_format(next->issued_s, a),
				      (long long) (rules->now_s - next->issued_s) / 3600);
	if (wattle_forecast_end(next) <= rules->now_s)
		return wattle_err_set(err, EINVAL, "it ends %s, which is over", wattle_instant_format(wattle_forecast_end(next), a));
	if (carbon_fill_slots(next, rules) > 0)
		fill_before(next, carbon_is_good(last, next, rules) ? last : NULL, carbon_fill_slots(next, rules));
	at = wattle_forecast_slot_at(next, rules->now_s);
	if (at < 0)
		return wattle_err_set(err, EINVAL, "it begins %s only", wattle_instant_format(next->start_s, a));
	for (hole = (uint32_t) at; hole < next->n && !isnan(next->value[hole]);)
		hole++;
	if (hole == (uint32_t) at)
		return wattle_err_set(err, EINVAL, "it has no value for now");
	next->n = hole;
	/* of what is past: a day, without holes */
	for (hole = (uint32_t) at; hole > 0 && (at - hole) * next->slot_s < PAST_S_MAX && !isnan(next->value[hole - 1]);)
		hole--;
	memmove(next->value, next->value + hole, (next->n - hole) * sizeof(*next->value));
	next->n -= hole;
	next->start_s += (int64_t) hole * next->slot_s;
	return 0;
}

static bool is_same(const struct wattle_forecast *a, const struct wattle_forecast *b)
{
	if (a->issued_s != b->issued_s || a->slot_s != b->slot_s || wattle_forecast_end(a) != wattle_forecast_end(b))
		return false;
	for (uint32_t i = 0; i < a->n && i < b->n; i++)
		if (fabs(a->value[a->n - 1 - i] - b->value[b->n - 1 - i]) > 1e-6)
			return false;
	return true;
}

int carbon_compare(const struct wattle_forecast *next, const struct wattle_forecast *kept, const struct carbon_rules *rules,
		   struct wattle_err *err)
{
	char a[WATTLE_INSTANT_SIZE], b[WATTLE_INSTANT_SIZE];

	if (!carbon_is_good(kept, next, rules))
		return 1;
	if (next->issued_s < kept->issued_s)
		return wattle_err_set(err, EINVAL, "issued %s, older than the one we have, of %s", wattle_instant_format(next->issued_s, a),
				      wattle_instant_format(kept->issued_s, b));
	if (wattle_forecast_end(next) < wattle_forecast_end(kept))
		return wattle_err_set(err, EINVAL, "it has fewer hours than the one we have: it ends %s, ours %s",
				      wattle_instant_format(wattle_forecast_end(next), a),
				      wattle_instant_format(wattle_forecast_end(kept), b));
	return !is_same(next, kept);
}
