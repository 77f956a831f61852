/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "profile.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "file.h"
#include "json_new.h"
#include "profile_json.h"

/* json-c reports a lack of memory only by NULL, which is also JSON's null: the text is checked in the end, by reading it back. */
static struct json_object *sweep_json(const struct wattle_sweep *sweep)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < sweep->n; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "cap_w", wattle_json_new_number(sweep->run[i].cap_w));
		json_object_object_add(o, "time_s", wattle_json_new_number(sweep->run[i].time_s));
		if (sweep->run[i].energy_j > 0)
			json_object_object_add(o, "energy_j", wattle_json_new_number(sweep->run[i].energy_j));
		json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *scaling_json(const struct wattle_scaling *scaling)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < scaling->n; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "nodes", json_object_new_int64(scaling->point[i].nodes));
		json_object_object_add(o, "throughput", wattle_json_new_number(scaling->point[i].throughput_per_s));
		json_object_object_add(o, "power_w", wattle_json_new_number(scaling->point[i].power_w));
		json_object_array_add(array, o);
	}
	return array;
}

struct json_object *wattle_model_json(const struct wattle_model *model, bool solved, bool usable, const char *why)
{
	struct json_object *o = json_object_new_object(), *coef = NULL;

	if (solved && model->form == WATTLE_FORM_HYPERBOLIC) {
		coef = json_object_new_object();
		json_object_object_add(coef, "a", wattle_json_new_number(model->linear));
		json_object_object_add(coef, "b", wattle_json_new_number(model->square));
		json_object_object_add(coef, "c", wattle_json_new_number(model->offset));
	} else if (solved) {
		coef = json_object_new_object();
		json_object_object_add(coef, "A", wattle_json_new_number(model->square));
		json_object_object_add(coef, "B", wattle_json_new_number(model->linear));
		json_object_object_add(coef, "C", wattle_json_new_number(model->offset));
		json_object_object_add(coef, "x0", json_object_new_int(1));
	}
	json_object_object_add(o, "form", json_object_new_string(wattle_form_name(model->form)));
	json_object_object_add(o, "coef", coef);
	json_object_object_add(o, "r2", wattle_json_new_number(model->r2));
	json_object_object_add(o, "loo_error_pct", wattle_json_new_number(model->loo_error_pct));
	json_object_object_add(o, "cap_min_w", wattle_json_new_number(model->cap_min_w));
	json_object_object_add(o, "cap_max_w", wattle_json_new_number(model->cap_max_w));
	json_object_object_add(o, "time_min_s", model->time_min_s > 0 ? wattle_json_new_number(model->time_min_s) : NULL);
	json_object_object_add(o, "caps", json_object_new_int64(model->n_caps));
	json_object_object_add(o, "runs", json_object_new_int64(model->n_runs));
	json_object_object_add(o, "usable", json_object_new_boolean(usable));
	json_object_object_add(o, "why", json_object_new_string(why));
	return o;
}

static struct json_object *provenance_json(const struct wattle_provenance *p)
{
	const struct { const char *key, *value; } texts[] = {
		{ "date", p->date }, { "command", p->command }, { "host", p->host },
		{ "class", p->host_class }, { "source", p->source }, { "wattle", p->version },
	};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value[0])
			json_object_object_add(o, texts[i].key, json_object_new_string(texts[i].value));
	return o;
}

struct json_object *wattle_profile_json(const struct wattle_profile *profile)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(profile->name));
	json_object_object_add(o, "unit", json_object_new_string(profile->sweep.relative ? "1/throughput" : "s"));
	json_object_object_add(o, "sweep", sweep_json(&profile->sweep));
	if (profile->set_aside.n > 0)
		json_object_object_add(o, "set_aside", sweep_json(&profile->set_aside));
	json_object_object_add(o, "scaling", scaling_json(&profile->scaling));
	if (profile->scaling.resize_s > 0)
		json_object_object_add(o, "resize_s", wattle_json_new_number(profile->scaling.resize_s));
	json_object_object_add(o, "fit", wattle_model_json(&profile->model, true, true, ""));
	json_object_object_add(o, "provenance", provenance_json(&profile->provenance));
	return o;
}

int wattle_profile_format(const struct wattle_profile *profile, char **ret_text, struct wattle_err *err)
{
	cleanup_free struct wattle_profile *again = calloc(1, sizeof(*again));
	struct json_object *o = wattle_profile_json(profile);
	cleanup_free char *text = NULL;
	const char *s;
	int rc;

	s = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!again || !s || asprintf(&text, "%s\n", s) < 0) {
		json_object_put(o);
		return wattle_err_set(err, ENOMEM, "out of memory for profile %s", profile->name);
	}
	json_object_put(o);
	rc = wattle_profile_parse("the profile to be written", text, strlen(text), again, err);
	if (rc < 0)
		return rc;
	*ret_text = text;
	text = NULL;
	return 0;
}

int wattle_profile_write(const char *path, const struct wattle_profile *profile, struct wattle_err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *text = NULL, *folder = NULL;
	cleanup_close int dirfd = -1;
	int rc;

	rc = wattle_profile_format(profile, &text, err);
	if (rc < 0)
		return rc;
	folder = slash ? strndup(path, slash == path ? 1 : (size_t) (slash - path)) : strdup(".");
	if (!folder)
		return wattle_err_set(err, ENOMEM, "out of memory for %s", path);
	dirfd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return wattle_err_set(err, errno, "can't write %s: folder %s: %s", path, folder, strerror(errno));
	return wattle_file_replace(dirfd, slash ? slash + 1 : path, 0644, text, strlen(text), err);
}

int wattle_profile_locate(const char *store_dir, const char *said, char *ret_path, size_t size, bool *ret_stored,
			  struct wattle_err *err)
{
	bool stored = !wattle_profile_is_path(said);
	int n;

	if (stored && !wattle_model_name_valid(said)) {
		char quoted[80];

		return wattle_err_set(err, EINVAL, "\"%s\" is no profile's name: letters, digits, '.', '_' and '-' are; a path has a '/'",
				      wattle_err_quote(quoted, sizeof(quoted), said));
	}
	n = stored ? snprintf(ret_path, size, "%s/%s.json", store_dir, said) : snprintf(ret_path, size, "%s", said);
	if (n < 0 || (size_t) n >= size)
		return wattle_err_set(err, ENAMETOOLONG, "the path of that profile is too long");
	*ret_stored = stored;
	return 0;
}
