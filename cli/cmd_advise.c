/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle advise`: what carbon-aware starts would have saved on the jobs that really ran here. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "advise.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "decimal.h"
#include "forecast_read.h"

#define SLACK_DEFAULT "6h,24h"

struct said {
	struct plan_sizes_said sizes;
	const char *carbon, *slack, *min_length, *partitions, *watts, *class, *cores, *overhead;
	bool repeat, json;
};

/* "6h", or "2x" of the run time. */
static int take_slack(const char *text, struct advise_slack *ret)
{
	char number[24];
	size_t len = strlen(text);

	if (len >= sizeof(ret->said))
		return wattle_fail("--slack=%.40s: say durations or factors, such as 6h,24h or 2x", text);
	snprintf(ret->said, sizeof(ret->said), "%s", text);
	if (len > 1 && text[len - 1] == 'x') {
		memcpy(number, text, len - 1);
		number[len - 1] = '\0';
		if (wattle_decimal_parse(number, &ret->factor) == 0 && ret->factor > 1 && ret->factor <= 1000)
			return 0;
		return wattle_fail("--slack=%.40s: a factor of the run time is above 1 and at most 1000", text);
	}
	if (!plan_take_seconds("--slack", text, &ret->extra_s))
		return WATTLE_EXIT_FAILED;
	return ret->extra_s >= 1 && ret->extra_s <= 366.0 * 86400 ? 0 : wattle_fail("--slack=%.40s: 1 second to a year", text);
}

static int take_slacks(const char *text, struct advise *a)
{
	char list[128], *rest = list, *one;

	snprintf(list, sizeof(list), "%s", text);
	while ((one = strsep(&rest, ","))) {
		if (a->n_slacks == ADVISE_SLACKS_MAX)
			return wattle_fail("--slack=%.60s: at most %d are compared", text, ADVISE_SLACKS_MAX);
		if (take_slack(one, &a->slack[a->n_slacks]))
			return WATTLE_EXIT_FAILED;
		a->n_slacks++;
	}
	return 0;
}

static int take_names(const char *text, struct advise *a)
{
	while (*text) {
		size_t len = strcspn(text, ",");

		if (len == 0 || len >= WATTLE_TRACE_NAME_MAX || a->n_names == ADVISE_NAMES_MAX)
			return wattle_fail("--partitions: say up to %d names, with commas", ADVISE_NAMES_MAX);
		memcpy(a->names[a->n_names], text, len);
		a->names[a->n_names++][len] = '\0';
		text += len + (text[len] == ',');
	}
	return 0;
}

/* Without words about watts: the site configuration, where there is one to read. */
static int take_power(const struct said *said, struct wattle_siteconf **ret_conf, struct advise_power *power)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (said->watts && said->class)
		return wattle_fail("--watts-per-node or --class, not both");
	if (said->watts && !profile_take_watts(said->watts, &power->said_w))
		return WATTLE_EXIT_FAILED;
	if (said->cores && (wattle_decimal_parse(said->cores, &power->cores) < 0 || power->cores < 1 || power->cores > 1e6))
		return wattle_fail("--cores-per-node=%.40s: a number from 1 on is needed", said->cores);
	if (said->watts)
		return 0;
	if (wattle_siteconf_read(said->sizes.place.conf ? said->sizes.place.conf : WATTLE_CONF_PATH, ret_conf, &err) < 0) {
		if (said->sizes.place.conf || said->class)
			return wattle_fail("%s", err.text);
		return 0;
	}
	if ((*ret_conf)->n_classes > 0)
		power->conf = *ret_conf;
	if (said->class && !(power->class = wattle_siteconf_class(*ret_conf, said->class)))
		return wattle_fail("--class=%.40s: no such class in %s", said->class,
				   said->sizes.place.conf ? said->sizes.place.conf : WATTLE_CONF_PATH);
	return 0;
}

static int take_all(const struct said *said, struct advise *a, struct wattle_siteconf **ret_conf)
{
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	int status = take_slacks(said->slack, a);

	if (status == 0 && said->min_length && !plan_take_seconds("--min-length", said->min_length, &a->min_s))
		status = WATTLE_EXIT_FAILED;
	if (status == 0 && said->overhead && !plan_take_seconds("--resize-overhead", said->overhead, &a->overhead_s))
		status = WATTLE_EXIT_FAILED;
	if (status == 0 && said->partitions)
		status = take_names(said->partitions, a);
	if (status == 0)
		status = take_power(said, ret_conf, &a->power);
	if (status == 0 && (said->sizes.curve || said->sizes.profile))
		status = advise_scale_open(&said->sizes, &a->scale);
	if (status)
		return status;
	if (wattle_forecast_read(said->carbon, &wish, &a->carbon, &err) < 0)
		return wattle_fail("%s", err.text);
	if (a->carbon.quantity != WATTLE_QUANTITY_CARBON)
		return wattle_fail("%s holds prices where carbon intensities are needed", said->carbon);
	return advise_begin(a, said->repeat);
}

struct replay {
	struct advise advise;
	struct advise_read read;
	const struct said *said;
};

static int each_job(const struct wattle_trace_job *job, void *arg, struct wattle_err *err)
{
	struct replay *r = arg;

	if (!r->said->cores && r->read.cores > 0)
		r->advise.power.cores = r->read.cores;
	return advise_job(&r->advise, job, err);
}

static void say_bad(const struct advise_read *r)
{
	for (uint64_t i = 0; i < r->bad && i < ADVISE_BAD_SHOWN; i++)
		wattle_warn("%s:%llu: %s: left out", r->name, (unsigned long long) r->shown[i].line, r->shown[i].why);
	if (r->bad > ADVISE_BAD_SHOWN)
		wattle_warn("%s: and %llu more lines that are no jobs", r->name, (unsigned long long) (r->bad - ADVISE_BAD_SHOWN));
}

static int replay(const char *trace, struct replay *r)
{
	const struct said *said = r->said;
	struct advise_printed printed = { &r->advise, &r->read, said->carbon, said->sizes.curve ? said->sizes.curve : said->sizes.profile };
	int status = advise_read(trace, &r->read, each_job, r);

	if (status)
		return status;
	say_bad(&r->read);
	if (r->advise.all.jobs == 0)
		return wattle_fail("no job of %s lies within %s%s", r->read.name, said->carbon,
				   said->repeat || !r->advise.carbon.dated ? "" : ": --repeat lays it over the trace, weekday by weekday and hour by hour");
	if (said->json)
		advise_print_json(&printed);
	else
		advise_print_table(&printed);
	return wattle_finish(WATTLE_EXIT_DONE);
}

int wattle_cmd_advise(int argc, char **argv)
{
	struct said said = { .slack = SLACK_DEFAULT };
	const struct wattle_option options[] = {
		{ "carbon", NULL, "FILE", &said.carbon, "carbon intensity over time, in any known format; a year of it is best" },
		{ "slack", NULL, "D,…", &said.slack, "how much longer than its run time a job may take from submission on [" SLACK_DEFAULT "]" },
		{ "min-length", NULL, "D", &said.min_length, "shorter jobs don't wait" },
		{ "partitions", NULL, "P,…", &said.partitions, "only jobs of these may wait [all]" },
		{ "watts-per-node", NULL, "W", &said.watts, "what a node draws, where the trace does not say" },
		{ "class", NULL, "NAME", &said.class, "or: default_w of that class [of the partition's, in the site configuration]" },
		{ "cores-per-node", NULL, "N", &said.cores, "so that jobs are charged their part of a node" },
		{ "curve", NULL, "CURVE.csv", &said.sizes.curve, "nodes,throughput,power: what scale would have saved" },
		{ "profile", NULL, "PROFILE", &said.sizes.profile, "or a profile with a scaling curve" },
		{ "nodes", NULL, "MIN-MAX", &said.sizes.nodes, "node counts that scale may use" },
		{ "resize-overhead", NULL, "S", &said.overhead, "seconds without progress at each resize and resume" },
		{ "repeat", &said.repeat, NULL, NULL, "lay a dated series over a trace of another time" },
		{ "json", &said.json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &said.sizes.place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &said.sizes.place.store, "look for profiles there" },
	};
	const struct wattle_usage usage = {
		"wattle advise", "TRACE",
		"Replays the jobs that ran here (sacct's, or an SWF trace; \"-\" is standard input) against carbon intensities,\n"
		"and says what a better start, pauses and scaling would have saved.",
		options, sizeof(options) / sizeof(options[0]), 1, 1, "wattle-advise(1)",
	};
	struct replay *r;
	struct wattle_siteconf *conf = NULL;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (!said.carbon || (said.sizes.curve && said.sizes.profile) || (said.sizes.nodes && !said.sizes.curve && !said.sizes.profile)) {
		wattle_warn("say --carbon=FILE, at most one of --curve and --profile, and --nodes only with one of them: "
			    "`wattle advise --help` says more");
		return WATTLE_EXIT_USAGE;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return wattle_fail("out of memory");
	r->said = &said;
	status = take_all(&said, &r->advise, &conf);
	if (status == 0)
		status = replay(argv[first], r);
	advise_end(&r->advise);
	free(conf);
	free(r);
	return status;
}
