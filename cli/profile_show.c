/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile show|list`. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "json_new.h"
#include "profile_json.h"
#include "profile_store.h"
#include "table.h"

static void print_origin(const struct wattle_provenance *p)
{
	const struct { const char *label, *value; } lines[] = {
		{ "date", p->date }, { "command", p->command }, { "host", p->host }, { "class", p->host_class },
		{ "source", p->source }, { "wattle", p->version },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (lines[i].value[0])
			printf("%-12s %s\n", lines[i].label, lines[i].value);
}

static void print_profile(const struct wattle_profile *p)
{
	char formula[160];

	printf("%-12s %s\n", "profile", p->name);
	printf("%-12s %s: %s\n", "model", wattle_form_name(p->model.form), profile_formula(&p->model, formula, sizeof(formula)));
	printf("%-12s %g to %g W, %u caps, %u runs\n", "measured", p->model.cap_min_w, p->model.cap_max_w, p->model.n_caps,
	       p->model.n_runs);
	printf("%-12s R2 %.3f, leave-one-cap-out error %.2f points\n", "quality", p->model.r2, p->model.loo_error_pct);
	if (p->model.time_min_s > 0)
		printf("%-12s %.4g s\n", "least time", p->model.time_min_s);
	if (p->scaling.n > 0)
		printf("%-12s %u points, %u to %u nodes\n", "scaling", p->scaling.n, p->scaling.point[0].nodes,
		       p->scaling.point[p->scaling.n - 1].nodes);
	print_origin(&p->provenance);
}

int wattle_cmd_profile_show(int argc, char **argv)
{
	const char *slowdown = "5%", *svg = NULL;
	bool json = false, ascii = false, no_plot = false;
	struct profile_place place = { NULL, NULL };
	const struct wattle_option options[] = {
		{ "slowdown", NULL, "PCT", &slowdown, "recommend the cap for this one in the plot [5%]" },
		{ "svg", NULL, "FILE", &svg, "draw into this file too" },
		{ "ascii", &ascii, NULL, NULL, "plot without braille characters" },
		{ "no-plot", &no_plot, NULL, NULL, "no plot" },
		{ "json", &json, NULL, NULL, "print the profile as it is stored" },
		{ "conf", NULL, "PATH", &place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &place.store, "look for NAME.json there [the site's profile_dir]" },
	};
	const struct wattle_usage usage = {
		"wattle profile show", "PROFILE",
		"A profile: its model, what it was fitted to, where that comes from, and a plot. PROFILE is a name\n"
		"in the site's store, or a path.",
		options, sizeof(options) / sizeof(options[0]), 1, 1, "wattle-profile(1)",
	};
	cleanup_free struct wattle_profile *profile = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_model_watts found;
	double pct;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (!profile_take_slowdown(slowdown, &pct))
		return WATTLE_EXIT_FAILED;
	status = profile_open(&place, argv[first], &profile);
	if (status)
		return status;
	if (wattle_model_watts(&profile->model, pct, 0, 0, &found, &err) < 0)
		return wattle_fail("profile %s: %s", profile->name, err.text);

	const struct wattle_plot plot = { profile->name, &profile->model, &profile->sweep, profile_time_min(&profile->sweep),
					  found.watts_w, found.slowdown_pct };

	if (json) {
		struct json_object *o = wattle_profile_json(profile);

		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	} else {
		print_profile(profile);
		printf("%-12s %g%% allowed: %.1f W%s%s\n", "slowdown", pct, found.watts_w, found.clamped ? ", " : "",
		       wattle_clamp_text(found.clamped));
		if (!no_plot) {
			putchar('\n');
			profile_plot(&plot, ascii);
		}
	}
	if (svg && profile_plot_file(&plot, svg, &err) < 0)
		return wattle_finish(wattle_fail("%s", err.text));
	return wattle_finish(WATTLE_EXIT_DONE);
}

static struct json_object *listed_json(const char *name, const struct wattle_profile *p, const char *why)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "usable", json_object_new_boolean(p != NULL));
	json_object_object_add(o, "why", json_object_new_string(p ? "" : why));
	json_object_object_add(o, "form", p ? json_object_new_string(wattle_form_name(p->model.form)) : NULL);
	json_object_object_add(o, "cap_min_w", p ? wattle_json_new_number(p->model.cap_min_w) : NULL);
	json_object_object_add(o, "cap_max_w", p ? wattle_json_new_number(p->model.cap_max_w) : NULL);
	json_object_object_add(o, "r2", p ? wattle_json_new_number(p->model.r2) : NULL);
	json_object_object_add(o, "date", p && p->provenance.date[0] ? json_object_new_string(p->provenance.date) : NULL);
	return o;
}

static void add_row(struct wattle_table *table, const char *name, const struct wattle_profile *p)
{
	wattle_table_cell(table, "%s", name);
	wattle_table_cell(table, "%s", p ? wattle_form_name(p->model.form) : "unusable");
	if (p) {
		wattle_table_cell(table, "%g-%g W", p->model.cap_min_w, p->model.cap_max_w);
		wattle_table_cell(table, "%.3f", p->model.r2);
	} else {
		wattle_table_cell(table, "%s", "-");
		wattle_table_cell(table, "%s", "-");
	}
	wattle_table_cell(table, "%s", p && p->provenance.host_class[0] ? p->provenance.host_class : "-");
	wattle_table_cell(table, "%s", p && p->provenance.date[0] ? p->provenance.date : "-");
}

/* One profile of the store, to the array or else to the table. One that can't be read says why. */
static void list_one(const char *dir, bool any_owner, const char *name, struct json_object *array, struct wattle_table *table)
{
	cleanup_free struct wattle_profile *profile = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[PATH_MAX];
	bool stored;

	if (wattle_profile_locate(dir, name, path, sizeof(path), &stored, &err) == 0)
		(void) wattle_profile_read(path, any_owner, &profile, &err);
	if (array) {
		json_object_array_add(array, listed_json(name, profile, err.text));
		return;
	}
	add_row(table, name, profile);
	if (!profile)
		wattle_warn("%s", err.text);
}

int wattle_cmd_profile_list(int argc, char **argv)
{
	static const char *const head[] = { "NAME", "FORM", "MEASURED", ">R2", "CLASS", "DATE" };
	bool json = false;
	struct profile_place place = { NULL, NULL };
	const struct wattle_option options[] = {
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &place.store, "the folder [the site's profile_dir]" },
	};
	const struct wattle_usage usage = {
		"wattle profile list", "", "The profiles in the site's store, which --power-profile=NAME takes.",
		options, sizeof(options) / sizeof(options[0]), 0, 0, "wattle-profile(1)",
	};
	struct wattle_profile_names names;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct json_object *array = NULL;
	struct wattle_table table;
	char dir[PATH_MAX];
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (profile_store_dir(&place, dir, sizeof(dir), &err) < 0 || wattle_profile_names_read(dir, &names, &err) < 0)
		return wattle_fail("%s", err.text);
	if (json)
		array = json_object_new_array();
	else
		wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0; i < names.n; i++)
		list_one(dir, place.store != NULL, names.name[i], array, &table);
	if (json) {
		puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(array);
	} else {
		wattle_table_print(&table, stdout);
	}
	if (names.n == 0 && !json)
		wattle_warn("no profiles in %s: `wattle profile fit -o` makes one", dir);
	if (names.more)
		wattle_warn("%s holds more than %d profiles: not all are shown", dir, WATTLE_PROFILE_NAMES_MAX);
	return wattle_finish(WATTLE_EXIT_DONE);
}
