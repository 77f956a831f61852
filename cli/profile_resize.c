/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile resize`: what finished jobs of wattlerun lost in each change of size, into the profile that the next ones are planned
 * with. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"
#include "json_new.h"

#define STATE_BYTES_MAX 65536

struct cost {
	double lost_s;
	uint64_t changes;
};

/* A state of wattlerun's: the file, or its folder. 0, or an exit status after a line. */
static int add_state(const char *said, struct cost *cost)
{
	const struct wattle_file_rule rule = { .max_bytes = STATE_BYTES_MAX, .any_owner = true };
	cleanup_json struct json_object *o = NULL;
	cleanup_free char *text = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[PATH_MAX];
	uint64_t version = 0, n = 0;
	double lost_s = 0;
	struct stat st;
	size_t len;

	snprintf(path, sizeof(path), stat(said, &st) == 0 && S_ISDIR(st.st_mode) ? "%s/state.json" : "%s", said);
	if (wattle_file_read(path, &rule, &text, &len, NULL, &err) < 0)
		return wattle_fail("%s", err.text);
	o = wattle_json_parse(text, len, 4);
	if (!o || wattle_json_u64(o, "wattle_state", 1, &version) < 0 || wattle_json_u64(o, "lost_n", 1000000, &n) < 0 ||
	    wattle_json_number(o, "lost_s", &lost_s) < 0 || !(lost_s >= 0 && lost_s <= WATTLE_RESIZE_MAX_S * 1000))
		return wattle_fail("%s is no state of wattlerun's: wanted .wattle/JOBID of a job's folder", path);
	cost->lost_s += lost_s;
	cost->changes += n;
	return 0;
}

static void print_text(const struct wattle_profile *profile, double old_s, const struct cost *cost, const char *target, const char *path)
{
	printf("profile %s: %.1f s lost in each of %" PRIu64 " changes of size", profile->name, profile->scaling.resize_s, cost->changes);
	if (old_s > 0)
		printf(", %.1f s before", old_s);
	if (target)
		printf("\nwritten %s\n", target);
	else
		printf("\nnothing is written: --write puts it into %s, -o FILE elsewhere\n", path);
}

int wattle_cmd_profile_resize(int argc, char **argv)
{
	bool json = false, write = false;
	const char *output = NULL;
	struct profile_place place = { NULL, NULL };
	const struct wattle_option options[] = {
		{ "write", &write, NULL, NULL, "write it into the profile" },
		{ "output", NULL, "FILE", &output, "or into this one (or -o FILE)" },
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &place.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "store", NULL, "DIR", &place.store, "look for NAME.json there [the site's profile_dir]" },
	};
	const struct wattle_usage usage = {
		"wattle profile resize", "PROFILE STATE…",
		"What changes of size cost finished jobs of wattlerun, from the request for a checkpoint to the first iteration after\n"
		"it: STATE is .wattle/JOBID of a job's folder. Jobs that are planned with the profile reserve that much.",
		options, sizeof(options) / sizeof(options[0]), 2, 256, "wattle-profile(1)",
	};
	cleanup_free struct wattle_profile *profile = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct cost cost = { 0, 0 };
	const char *target;
	char path[PATH_MAX];
	double old_s;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	status = profile_open_path(&place, argv[first], &profile, path);
	for (int i = first + 1; status == 0 && i < argc; i++)
		status = add_state(argv[i], &cost);
	if (status)
		return status;
	if (cost.changes == 0)
		return wattle_fail("no change of size was measured there: nothing is written");
	old_s = profile->scaling.resize_s;
	profile->scaling.resize_s = cost.lost_s / (double) cost.changes;
	if (profile->scaling.resize_s > WATTLE_RESIZE_MAX_S)
		return wattle_fail("%.0f s lost in each change of size is more than a profile may say, %.0f s: nothing is written",
				   profile->scaling.resize_s, WATTLE_RESIZE_MAX_S);
	target = output ? output : write ? path : NULL;
	if (target && wattle_profile_write(target, profile, &err) < 0)
		return wattle_fail("%s", err.text);
	if (json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "profile", json_object_new_string(profile->name));
		json_object_object_add(o, "resize_s", wattle_json_new_estimate(profile->scaling.resize_s, 6));
		json_object_object_add(o, "changes", json_object_new_uint64(cost.changes));
		json_object_object_add(o, "before_s", old_s > 0 ? wattle_json_new_number(old_s) : NULL);
		json_object_object_add(o, "written", target ? json_object_new_string(target) : NULL);
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	} else
		print_text(profile, old_s, &cost, target, path);
	return wattle_finish(WATTLE_EXIT_DONE);
}
