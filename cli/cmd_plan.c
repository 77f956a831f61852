/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle plan`: when a job should run, how wide, and at how many watts. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plan_cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "decimal.h"
#include "forecast_read.h"
#include "instant.h"
#include "plan_window.h"

struct said {
	struct plan_sizes_said sizes;
	const char *forecast, *price, *carbon_price;
	const char *start, *deadline, *within;
	const char *policy, *slot, *overhead, *switches;
	bool one_size, json;
};

struct times {
	double start_s, deadline_s;
};

struct series {
	struct wattle_forecast carbon, price;
};

static void free_series(struct series *s)
{
	free(s->carbon.value);
	free(s->price.value);
}

/* ISO 8601, a slot's index, or Unix seconds. */
static int take_moment(const char *what, const char *text, const struct wattle_forecast *f, double *ret_s)
{
	int64_t at_s;
	double number;

	if (wattle_decimal_parse(text, &number) == 0 && number >= 0 && number <= 4e9) {
		*ret_s = number < 1e8 ? (double) f->start_s + number * f->slot_s : number;
		return 0;
	}
	if (!f->dated)
		return wattle_fail("%s=%.40s: this series has no dates: say the index of a slot", what, text);
	if (wattle_instant_parse(text, &at_s, NULL) < 0)
		return wattle_fail("%s=%.40s: say a moment such as 2026-05-08T21:00:00Z (UTC if it names no zone), or the index of a slot",
				   what, text);
	*ret_s = (double) at_s;
	return 0;
}

static int take_times(const struct said *said, const struct wattle_forecast *f, struct times *ret)
{
	time_t now = time(NULL);
	double within_s;
	int status = 0;

	/* a forecast that is about now is planned with from now on */
	ret->start_s = f->dated && wattle_forecast_slot_at(f, now) >= 0 ? (double) now : (double) f->start_s;
	if (said->start)
		status = take_moment("--start", said->start, f, &ret->start_s);
	if (status)
		return status;
	if (said->deadline && said->within) {
		wattle_warn("--deadline or --within, not both");
		return WATTLE_EXIT_USAGE;
	}
	if (said->deadline)
		return take_moment("--deadline", said->deadline, f, &ret->deadline_s);
	if (!said->within) {
		wattle_warn("say by when it must be done: --deadline=T or --within=DURATION");
		return WATTLE_EXIT_USAGE;
	}
	if (!plan_take_seconds("--within", said->within, &within_s))
		return WATTLE_EXIT_FAILED;
	ret->deadline_s = ret->start_s + within_s;
	return 0;
}

static int take_slot(const struct said *said, uint32_t *ret_s)
{
	double slot_s = 0;

	if (said->slot && (!plan_take_seconds("--slot", said->slot, &slot_s) || slot_s < 1 || slot_s > 86400 || slot_s != floor(slot_s)))
		return wattle_fail("--slot=%.40s: whole seconds, 1 to 86400, are needed", said->slot);
	*ret_s = (uint32_t) slot_s;
	return 0;
}

static int read_one(const char *path, enum wattle_quantity quantity, uint32_t slot_s, struct wattle_forecast *ret)
{
	const struct wattle_forecast_wish wish = { quantity, slot_s };
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_forecast_read(path, &wish, ret, &err) < 0)
		return wattle_fail("%s", err.text);
	if (ret->quantity != quantity)
		return wattle_fail("%s holds %s where %s are needed", path, ret->quantity == WATTLE_QUANTITY_PRICE ? "prices" : "carbon intensities",
				   quantity == WATTLE_QUANTITY_PRICE ? "prices" : "carbon intensities");
	return 0;
}

static int read_series(const struct said *said, struct series *ret)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t slot_s = 0;
	int status = take_slot(said, &slot_s);

	if (status == 0)
		status = read_one(said->forecast, WATTLE_QUANTITY_CARBON, slot_s, &ret->carbon);
	if (status == 0 && said->price)
		status = read_one(said->price, WATTLE_QUANTITY_PRICE, slot_s, &ret->price);
	if (status)
		return status;
	if (said->price && ret->price.dated != ret->carbon.dated)
		return wattle_fail("%s has %sdates and %s has %s: they can't be laid side by side", said->price, ret->price.dated ? "" : "no ",
				   said->forecast, ret->carbon.dated ? "some" : "none");
	if (slot_s && slot_s < ret->carbon.slot_s) {
		/* finer slots need room */
		uint64_t room = (uint64_t) ret->carbon.n * (ret->carbon.slot_s / slot_s);
		double *more = room <= WATTLE_FORECAST_SLOTS_MAX ? reallocarray(ret->carbon.value, room, sizeof(*more)) : NULL;

		if (!more)
			return wattle_fail("--slot=%.40s makes too many slots", said->slot);
		ret->carbon.value = more;
		ret->carbon.room = (uint32_t) room;
	}
	if (slot_s && slot_s != ret->carbon.slot_s && wattle_forecast_reslot(&ret->carbon, slot_s, &err) < 0)
		return wattle_fail("--slot: %s", err.text);
	return 0;
}

static int take_numbers(const struct said *said, double resize_s, struct wattle_plan_goal *goal, struct wattle_plan_problem *problem)
{
	double number;

	/* as measured, unless something else is said */
	problem->overhead_s = resize_s;
	if (said->overhead && !plan_take_seconds("--resize-overhead", said->overhead, &problem->overhead_s))
		return WATTLE_EXIT_FAILED;
	problem->switches_max = UINT32_MAX;
	if (said->switches) {
		if (wattle_decimal_parse(said->switches, &number) < 0 || number < 0 || number > 1e6 || number != floor(number))
			return wattle_fail("--switches=%.40s: a whole number is needed", said->switches);
		problem->switches_max = (uint32_t) number;
	}
	if (said->carbon_price) {
		if (!said->price)
			return wattle_fail("--carbon-price needs --price: without a price carbon alone is minimised");
		if (wattle_decimal_parse(said->carbon_price, &goal->carbon_price) < 0 || goal->carbon_price < 0 || goal->carbon_price > 1e6)
			return wattle_fail("--carbon-price=%.40s: the price of a tonne of CO2 is needed", said->carbon_price);
	}
	return 0;
}

/* What a user should know beside the plan. */
static void remark(const struct said *said, const struct wattle_forecast *f, const struct wattle_plan *plan, const struct plan_sizes *sizes)
{
	if (sizes->assumed[0])
		wattle_warn("%s", sizes->assumed);
	if (f->n_filled > 0)
		wattle_warn("%s: %u slots were missing and are filled between their neighbours", said->forecast, f->n_filled);
	if (plan->fell_back)
		wattle_warn("the work does not fit before the %s: it runs at once%s", plan->sum.deadline_met ? "end of the forecast" : "deadline",
			    plan->sum.deadline_met ? "" : ", as fast as it can");
	if (!plan->sum.deadline_met)
		wattle_warn("the deadline can't be kept");
	if (plan->sum.beyond_s > 0)
		wattle_warn("the forecast ends %.0f s before the plan: the rest is reckoned at the forecast's mean", plan->sum.beyond_s);
}

static int make_plan(const struct said *said, enum wattle_plan_policy policy, const struct series *series, const struct plan_sizes *sizes)
{
	const struct wattle_forecast *f = &series->carbon;
	struct wattle_plan_goal goal = { f, said->price ? &series->price : NULL, 0 };
	struct wattle_plan_problem problem = { .config = sizes->config, .n_configs = sizes->n, .base = sizes->base, .work = sizes->work,
					       .grain = said->one_size ? WATTLE_PLAN_ONE_SIZE : WATTLE_PLAN_SHARED };
	cleanup_free struct wattle_plan_slot *slot = calloc(f->n, sizeof(*slot));
	cleanup_free void *scratch = malloc(wattle_plan_scratch_bytes(f->n, sizes->n));
	struct wattle_plan plan = { .entry = NULL };
	cleanup_free struct wattle_plan_entry *entry = calloc(wattle_plan_entries_max(f->n), sizeof(*entry));
	struct wattle_err err = WATTLE_ERR_INIT;
	struct times times;
	int status = take_times(said, f, &times);

	if (status == 0)
		status = take_numbers(said, sizes->resize_s, &goal, &problem);
	if (status)
		return status;
	if (!slot || !scratch || !entry)
		return wattle_fail("out of memory");
	if (wattle_plan_window(&goal, (int64_t) floor(times.start_s), (int64_t) ceil(fmin(times.deadline_s, 1e15)), slot, f->n,
			       &problem.n_slots, &err) < 0)
		return wattle_fail("%s: %s", said->forecast, err.text);
	problem.slot = slot;
	problem.start_s = times.start_s;
	problem.deadline_s = times.deadline_s;
	plan.entry = entry;
	if (wattle_plan_make(&problem, policy, scratch, wattle_plan_scratch_bytes(f->n, sizes->n), &plan, &err) < 0)
		return wattle_fail("%s", err.text);
	remark(said, f, &plan, sizes);
	struct plan_printed printed = { f, &problem, &plan, sizes, said->price != NULL, series->price.unit };
	if (said->json)
		plan_print_json(&printed);
	else
		plan_print_table(&printed);
	return wattle_finish(WATTLE_EXIT_DONE);
}

int wattle_cmd_plan(int argc, char **argv)
{
	struct said said = { .policy = "scale" };
	const struct wattle_option options[] = {
		{ "forecast", NULL, "FILE", &said.forecast, "carbon intensity over time, in any known format" },
		{ "work", NULL, "S@NODES", &said.sizes.work, "how long the job takes on how many nodes at full power" },
		{ "deadline", NULL, "T", &said.deadline, "done by then: ISO 8601, or a slot index" },
		{ "within", NULL, "D", &said.within, "done that long after the start: seconds, 12h, 2d …" },
		{ "start", NULL, "T", &said.start, "not before [now, where the forecast covers it, else its beginning]" },
		{ "policy", NULL, "P", &said.policy, "now, start, pause, scale or carbonscaler [scale]" },
		{ "curve", NULL, "CURVE.csv", &said.sizes.curve, "nodes,throughput,power (watts of all nodes)" },
		{ "profile", NULL, "PROFILE", &said.sizes.profile, "a profile: its scaling curve, under each cap of its model" },
		{ "power", NULL, "WATTS", &said.sizes.power, "without both: what a node draws" },
		{ "nodes", NULL, "MIN-MAX", &said.sizes.nodes, "node counts it may run on" },
		{ "slot", NULL, "S", &said.slot, "plan in slots of that length" },
		{ "resize-overhead", NULL, "S", &said.overhead, "seconds without progress at each resize and resume" },
		{ "switches", NULL, "N", &said.switches, "resizes and pauses at most" },
		{ "one-size", &said.one_size, NULL, NULL, "never two configurations in one slot" },
		{ "price", NULL, "FILE", &said.price, "price over time, per MWh: minimise that instead" },
		{ "carbon-price", NULL, "X", &said.carbon_price, "and X a tonne of CO2 on top" },
		{ "json", &said.json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &said.sizes.place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &said.sizes.place.store, "look for profiles there" },
	};
	const struct wattle_usage usage = {
		"wattle plan", "",
		"When a job should run, how wide, and at how many watts, so that it is done in time for the least CO2.",
		options, sizeof(options) / sizeof(options[0]), 0, 0, "wattle-plan(1)",
	};
	cleanup_free struct plan_sizes *sizes = NULL;
	__attribute__((cleanup(free_series))) struct series series = { .carbon = { .n = 0 } };
	struct wattle_err err = WATTLE_ERR_INIT;
	enum wattle_plan_policy policy;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (!said.forecast || !said.sizes.work || (said.sizes.curve && said.sizes.profile)) {
		wattle_warn("say --forecast=FILE and --work=SECONDS@NODES, and at most one of --curve and --profile: `wattle plan --help` says more");
		return WATTLE_EXIT_USAGE;
	}
	if (wattle_plan_policy_parse(said.policy, &policy, &err) < 0) {
		wattle_warn("%s", err.text);
		return WATTLE_EXIT_USAGE;
	}
	sizes = calloc(1, sizeof(*sizes));
	if (!sizes)
		return wattle_fail("out of memory");
	status = plan_sizes_read(&said.sizes, sizes);
	if (status == 0)
		status = read_series(&said, &series);
	return status ? status : make_plan(&said, policy, &series, sizes);
}
