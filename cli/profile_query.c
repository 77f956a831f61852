/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile watts|slowdown`: what a profile answers. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "json_new.h"

struct limits {
	double floor_w, ceiling_w; /* 0: none */
};

/* The node class's limits, and the ceiling that the user named. 0, or an exit status after a line. */
static int find_limits(const struct profile_place *place, const char *class_name, const char *power, struct limits *ret)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	const struct wattle_class *class;
	struct limits limits = { 0, 0 };

	if (power && !profile_take_watts(power, &limits.ceiling_w))
		return WATTLE_EXIT_FAILED;
	if (class_name) {
		if (wattle_siteconf_read(place->conf ? place->conf : WATTLE_CONF_PATH, &conf, &err) < 0)
			return wattle_fail("%s", err.text);
		class = wattle_siteconf_class(conf, class_name);
		if (!class)
			return wattle_fail("no class \"%.60s\" in %s", class_name, place->conf ? place->conf : WATTLE_CONF_PATH);
		limits.floor_w = class->min_w;
		if (limits.ceiling_w <= 0 || limits.ceiling_w > class->max_w)
			limits.ceiling_w = class->max_w;
	}
	*ret = limits;
	return 0;
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

static struct json_object *watts_json(double watts_w, double slowdown_pct, enum wattle_clamp clamped)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "watts", wattle_json_new_number(watts_w));
	json_object_object_add(o, "predicted_slowdown_pct", wattle_json_new_number(slowdown_pct));
	json_object_object_add(o, "clamped", json_object_new_boolean(clamped != WATTLE_CLAMP_NONE));
	if (clamped != WATTLE_CLAMP_NONE)
		json_object_object_add(o, "why", json_object_new_string(wattle_clamp_text(clamped)));
	return o;
}

static int answer_slowdown(const struct wattle_profile *profile, const char *slowdown, const struct limits *limits, bool json)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_model_watts found;
	double pct;

	if (!profile_take_slowdown(slowdown, &pct))
		return WATTLE_EXIT_FAILED;
	if (wattle_model_watts(&profile->model, pct, limits->floor_w, limits->ceiling_w, &found, &err) < 0)
		return wattle_fail("profile %s: %s", profile->name, err.text);
	if (json)
		print_json(watts_json(found.watts_w, found.slowdown_pct, found.clamped));
	else
		printf("%.1f W: %.1f%% slower%s%s\n", found.watts_w, found.slowdown_pct, found.clamped ? ", " : "",
		       wattle_clamp_text(found.clamped));
	return wattle_finish(WATTLE_EXIT_DONE);
}

/* Takes the caps out that the node would not, so that the least of the rest is found. */
static void keep_within(struct wattle_caps *caps, const struct limits *limits)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < caps->n; i++)
		if (caps->cap[i].cap_w >= limits->floor_w && (limits->ceiling_w <= 0 || caps->cap[i].cap_w <= limits->ceiling_w))
			caps->cap[n++] = caps->cap[i];
	caps->n = n;
}

static int answer_energy(const struct wattle_profile *profile, const char *limit, const struct limits *limits, bool json)
{
	cleanup_free struct wattle_caps *caps = calloc(1, sizeof(*caps));
	struct wattle_err err = WATTLE_ERR_INIT;
	const struct wattle_cap *best, *top;
	double pct = -1, measured_pct;
	uint32_t index;
	bool edge;

	if (limit && !profile_take_slowdown(limit, &pct))
		return WATTLE_EXIT_FAILED;
	if (!caps)
		return wattle_fail("out of memory");
	if (profile->sweep.n == 0)
		return wattle_fail("profile %s holds no sweep: the cap of least energy is one that was measured", profile->name);
	wattle_sweep_group(&profile->sweep, caps);
	top = &caps->cap[caps->n - 1];
	double top_j = top->energy_j;
	keep_within(caps, limits);
	if (wattle_sweep_least_energy(caps, pct, &index, &edge, &err) < 0)
		return wattle_fail("profile %s: %s", profile->name, err.text);
	best = &caps->cap[index];
	measured_pct = 100 * (best->time_s / caps->time_min_s - 1);
	if (json) {
		struct json_object *o = watts_json(best->cap_w, wattle_model_curve(&profile->model, best->cap_w), WATTLE_CLAMP_NONE);

		json_object_object_add(o, "measured_slowdown_pct", wattle_json_new_number(measured_pct));
		json_object_object_add(o, "energy_j", wattle_json_new_number(best->energy_j));
		json_object_object_add(o, "energy_saved_pct",
				       top_j > 0 ? wattle_json_new_number(100 * (1 - best->energy_j / top_j)) : NULL);
		json_object_object_add(o, "at_lowest_cap", json_object_new_boolean(edge));
		print_json(o);
	} else {
		printf("%g W: %.4g J, %.1f%% slower as measured", best->cap_w, best->energy_j, measured_pct);
		if (top_j > 0)
			printf(", %.1f%% less energy than at %g W", 100 * (1 - best->energy_j / top_j), profile->model.cap_max_w);
		printf("%s\n", edge ? "; the lowest cap measured: a lower one may need less still" : "");
	}
	return wattle_finish(WATTLE_EXIT_DONE);
}

int wattle_cmd_profile_watts(int argc, char **argv)
{
	const char *slowdown = NULL, *limit = NULL, *power = NULL, *class_name = NULL;
	bool json = false, min_energy = false;
	struct profile_place place = { NULL, NULL };
	const struct wattle_option options[] = {
		{ "slowdown", NULL, "PCT", &slowdown, "run time may grow by that much, such as 5%" },
		{ "min-energy", &min_energy, NULL, NULL, "the measured cap of least energy instead" },
		{ "slowdown-limit", NULL, "PCT", &limit, "with --min-energy: run time may grow by no more than that" },
		{ "power", NULL, "WATTS", &power, "no more than that" },
		{ "class", NULL, "NAME", &class_name, "keep within what nodes of this class take" },
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &place.store, "look for NAME.json there [the site's profile_dir]" },
	};
	const struct wattle_usage usage = {
		"wattle profile watts", "PROFILE",
		"The least power per node that keeps a slowdown, by the profile's model; or the cap that needs\n"
		"the least energy. PROFILE is a name in the site's store, or a path.",
		options, sizeof(options) / sizeof(options[0]), 1, 1, "wattle-profile(1)",
	};
	cleanup_free struct wattle_profile *profile = NULL;
	struct limits limits = { 0, 0 };
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (min_energy == (slowdown != NULL) || (limit && !min_energy)) {
		wattle_warn("say --slowdown=PCT, or --min-energy with or without --slowdown-limit=PCT");
		return WATTLE_EXIT_USAGE;
	}
	status = find_limits(&place, class_name, power, &limits);
	if (status)
		return status;
	status = profile_open(&place, argv[first], &profile);
	if (status)
		return status;
	return min_energy ? answer_energy(profile, limit, &limits, json) : answer_slowdown(profile, slowdown, &limits, json);
}

int wattle_cmd_profile_slowdown(int argc, char **argv)
{
	const char *power = NULL;
	bool json = false;
	struct profile_place place = { NULL, NULL };
	const struct wattle_option options[] = {
		{ "power", NULL, "WATTS", &power, "the cap of a node, such as 300W" },
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &place.store, "look for NAME.json there [the site's profile_dir]" },
	};
	const struct wattle_usage usage = {
		"wattle profile slowdown", "PROFILE",
		"How much longer the application runs under a cap, by the profile's model. Refused outside the\n"
		"range that was measured. PROFILE is a name in the site's store, or a path.",
		options, sizeof(options) / sizeof(options[0]), 1, 1, "wattle-profile(1)",
	};
	cleanup_free struct wattle_profile *profile = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	double watts_w, pct;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (!power) {
		wattle_warn("say --power=WATTS, such as --power=300W");
		return WATTLE_EXIT_USAGE;
	}
	if (!profile_take_watts(power, &watts_w))
		return WATTLE_EXIT_FAILED;
	status = profile_open(&place, argv[first], &profile);
	if (status)
		return status;
	if (wattle_model_slowdown(&profile->model, watts_w, &pct, &err) < 0)
		return wattle_fail("profile %s: %s", profile->name, err.text);
	if (json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "slowdown_pct", wattle_json_new_number(pct));
		print_json(o);
	} else {
		printf("%g W: %.1f%% slower\n", watts_w, pct);
	}
	return wattle_finish(WATTLE_EXIT_DONE);
}
