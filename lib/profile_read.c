/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "profile.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "file.h"

#define DEPTH_MAX 8

static void cleanup_json_put(struct json_object **o)
{
	json_object_put(*o);
}

static void cleanup_tokener_free(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

/* An optional member that is null counts as missing. */
static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *found = NULL;

	return json_object_object_get_ex(object, key, &found) ? found : NULL;
}

static int take_number(struct json_object *object, const char *where, const char *key, bool required, double *ret,
		       struct wattle_err *err)
{
	struct json_object *o = member(object, key);
	double value;

	if (!o && !required)
		return 0;
	if (!json_object_is_type(o, json_type_double) && !json_object_is_type(o, json_type_int))
		return wattle_err_set(err, EINVAL, "%s.%s must be a number", where, key);
	value = json_object_get_double(o);
	if (!isfinite(value))
		return wattle_err_set(err, ERANGE, "%s.%s must be a finite number", where, key);
	*ret = value;
	return 0;
}

static int take_count(struct json_object *object, const char *where, const char *key, uint32_t *ret, struct wattle_err *err)
{
	double value = 0;
	int rc = take_number(object, where, key, true, &value, err);

	if (rc < 0)
		return rc;
	if (value < 0 || value > 1e9 || value != floor(value))
		return wattle_err_set(err, ERANGE, "%s.%s must be a whole number", where, key);
	*ret = (uint32_t) value;
	return 0;
}

/* A text that does not fit is refused where it decides, and cut where it only informs. */
static int take_text(struct json_object *object, const char *where, const char *key, bool required, char *ret, size_t size,
		     struct wattle_err *err)
{
	struct json_object *o = member(object, key);

	if (!o && !required)
		return 0;
	if (!json_object_is_type(o, json_type_string) ||
	    strlen(json_object_get_string(o)) != (size_t) json_object_get_string_len(o))
		return wattle_err_set(err, EINVAL, "%s.%s must be a text", where, key);
	if (required && (size_t) json_object_get_string_len(o) >= size)
		return wattle_err_set(err, E2BIG, "%s.%s is longer than %zu bytes", where, key, size - 1);
	wattle_err_quote(ret, size, json_object_get_string(o));
	return 0;
}

static int take_object(struct json_object *object, const char *where, const char *key, struct json_object **ret,
		       struct wattle_err *err)
{
	struct json_object *o = member(object, key);

	*ret = o;
	if (!json_object_is_type(o, json_type_object))
		return wattle_err_set(err, EINVAL, "%s.%s must be an object", where, key);
	return 0;
}

/* *ret is NULL if there is none. */
static int take_array(struct json_object *root, const char *key, size_t max, struct json_object **ret, struct wattle_err *err)
{
	struct json_object *o = member(root, key);

	*ret = o;
	if (!o)
		return 0;
	if (!json_object_is_type(o, json_type_array))
		return wattle_err_set(err, EINVAL, "%s must be an array", key);
	if (json_object_array_length(o) > max)
		return wattle_err_set(err, E2BIG, "%s has %zu entries: at most %zu are taken", key,
				      json_object_array_length(o), max);
	for (size_t i = 0; i < json_object_array_length(o); i++)
		if (!json_object_is_type(json_object_array_get_idx(o, i), json_type_object))
			return wattle_err_set(err, EINVAL, "%s[%zu] must be an object", key, i);
	return 0;
}

/* key is "sweep" or "set_aside", where is what messages call its rows. */
static int take_runs(struct json_object *root, const char *key, const char *where, struct wattle_sweep *ret, struct wattle_err *err)
{
	struct json_object *array;
	int rc = take_array(root, key, WATTLE_SWEEP_RUNS_MAX, &array, err);

	if (rc < 0)
		return rc;
	ret->n = 0;
	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		struct wattle_run *run = &ret->run[ret->n];

		run->energy_j = 0;
		rc = take_number(o, where, "cap_w", true, &run->cap_w, err);
		if (rc == 0)
			rc = take_number(o, where, "time_s", true, &run->time_s, err);
		if (rc == 0)
			rc = take_number(o, where, "energy_j", false, &run->energy_j, err);
		if (rc < 0)
			return rc;
		ret->n++;
	}
	return ret->n > 0 ? wattle_sweep_check(ret, err) : 0;
}

static int take_sweep(struct json_object *root, struct wattle_profile *ret, struct wattle_err *err)
{
	char unit[32];
	int rc = take_text(root, "profile", "unit", true, unit, sizeof(unit), err);

	if (rc < 0)
		return rc;
	if (strcmp(unit, "s") != 0 && strcmp(unit, "1/throughput") != 0)
		return wattle_err_set(err, EINVAL, "unit is \"%s\": \"s\" or \"1/throughput\" is known", unit);
	ret->sweep.relative = ret->set_aside.relative = strcmp(unit, "s") != 0;
	rc = take_runs(root, "sweep", "sweep[]", &ret->sweep, err);
	return rc < 0 ? rc : take_runs(root, "set_aside", "set_aside[]", &ret->set_aside, err);
}

static int take_scaling(struct json_object *root, struct wattle_scaling *ret, struct wattle_err *err)
{
	struct json_object *array;
	int rc = take_array(root, "scaling", WATTLE_SCALING_MAX, &array, err);

	ret->n = 0;
	ret->resize_s = 0;
	if (rc == 0)
		rc = take_number(root, "profile", "resize_s", false, &ret->resize_s, err);
	if (rc == 0 && !(ret->resize_s >= 0 && ret->resize_s <= WATTLE_RESIZE_MAX_S))
		return wattle_err_set(err, ERANGE, "profile.resize_s is %g: 0 to %g seconds are taken", ret->resize_s, WATTLE_RESIZE_MAX_S);
	for (size_t i = 0; rc == 0 && array && i < json_object_array_length(array); i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		struct wattle_scaling_point *p = &ret->point[ret->n++];

		rc = take_count(o, "scaling[]", "nodes", &p->nodes, err);
		if (rc == 0)
			rc = take_number(o, "scaling[]", "throughput", true, &p->throughput_per_s, err);
		if (rc == 0)
			rc = take_number(o, "scaling[]", "power_w", true, &p->power_w, err);
	}
	if (rc < 0)
		return rc;
	return ret->n > 0 ? wattle_scaling_check(ret, err) : 0;
}

static int take_coefficients(struct json_object *fit, struct wattle_model *m, struct wattle_err *err)
{
	struct json_object *coef;
	double x0 = 1;
	int rc = take_object(fit, "fit", "coef", &coef, err);

	if (rc < 0)
		return rc;
	if (m->form == WATTLE_FORM_HYPERBOLIC) {
		rc = take_number(coef, "fit.coef", "a", true, &m->linear, err);
		if (rc == 0)
			rc = take_number(coef, "fit.coef", "b", true, &m->square, err);
		return rc < 0 ? rc : take_number(coef, "fit.coef", "c", true, &m->offset, err);
	}
	rc = take_number(coef, "fit.coef", "A", true, &m->square, err);
	if (rc == 0)
		rc = take_number(coef, "fit.coef", "B", true, &m->linear, err);
	if (rc == 0)
		rc = take_number(coef, "fit.coef", "C", true, &m->offset, err);
	if (rc == 0)
		rc = take_number(coef, "fit.coef", "x0", false, &x0, err);
	if (rc == 0 && x0 != 1)
		return wattle_err_set(err, EINVAL, "fit.coef.x0 is %g: only models with x0 pinned to 1 are taken; fit the sweep "
				      "again", x0);
	return rc;
}

static int take_model(struct json_object *root, struct wattle_model *ret, struct wattle_err *err)
{
	struct wattle_model m = { 0 };
	struct json_object *fit, *usable;
	char form[16];
	int rc = take_object(root, "profile", "fit", &fit, err);

	if (rc == 0)
		rc = take_text(fit, "fit", "form", true, form, sizeof(form), err);
	if (rc == 0)
		rc = wattle_form_parse(form, &m.form, err);
	if (rc == 0)
		rc = take_coefficients(fit, &m, err);
	if (rc == 0)
		rc = take_number(fit, "fit", "r2", true, &m.r2, err);
	if (rc == 0)
		rc = take_number(fit, "fit", "loo_error_pct", true, &m.loo_error_pct, err);
	if (rc == 0)
		rc = take_number(fit, "fit", "cap_min_w", true, &m.cap_min_w, err);
	if (rc == 0)
		rc = take_number(fit, "fit", "cap_max_w", true, &m.cap_max_w, err);
	if (rc == 0)
		rc = take_number(fit, "fit", "time_min_s", false, &m.time_min_s, err);
	if (rc == 0)
		rc = take_count(fit, "fit", "caps", &m.n_caps, err);
	if (rc == 0)
		rc = take_count(fit, "fit", "runs", &m.n_runs, err);
	if (rc < 0)
		return rc;
	usable = member(fit, "usable");
	if (!json_object_is_type(usable, json_type_boolean) || !json_object_get_boolean(usable))
		return wattle_err_set(err, EINVAL, "fit.usable is not true: sweep and fit again");
	*ret = m;
	return wattle_model_check(ret, err);
}

/* A range wider than what was measured would be a guess. */
static int sweep_bears_model(const struct wattle_profile *p, struct wattle_err *err)
{
	double min_w = INFINITY, max_w = 0;

	if (p->sweep.n == 0)
		return 0;
	for (uint32_t i = 0; i < p->sweep.n; i++) {
		min_w = fmin(min_w, p->sweep.run[i].cap_w);
		max_w = fmax(max_w, p->sweep.run[i].cap_w);
	}
	if (fabs(p->model.cap_min_w - min_w) <= 1e-6 * max_w && fabs(p->model.cap_max_w - max_w) <= 1e-6 * max_w)
		return 0;
	return wattle_err_set(err, EINVAL, "the fit is for %g to %g W, but its sweep goes from %g to %g W: fit it again",
			      p->model.cap_min_w, p->model.cap_max_w, min_w, max_w);
}

static int take_provenance(struct json_object *root, struct wattle_provenance *ret, struct wattle_err *err)
{
	const struct { const char *key; char *to; size_t size; } texts[] = {
		{ "date", ret->date, sizeof(ret->date) },
		{ "command", ret->command, sizeof(ret->command) },
		{ "host", ret->host, sizeof(ret->host) },
		{ "class", ret->host_class, sizeof(ret->host_class) },
		{ "source", ret->source, sizeof(ret->source) },
		{ "wattle", ret->version, sizeof(ret->version) },
	};
	struct json_object *o;
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	if (!member(root, "provenance"))
		return 0;
	rc = take_object(root, "profile", "provenance", &o, err);
	for (size_t i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = take_text(o, "provenance", texts[i].key, false, texts[i].to, texts[i].size, err);
	return rc;
}

static int take_profile(struct json_object *root, struct wattle_profile *ret, struct wattle_err *err)
{
	int rc = take_text(root, "profile", "name", true, ret->name, sizeof(ret->name), err);

	if (rc == 0 && !wattle_model_name_valid(ret->name))
		rc = wattle_err_set(err, EINVAL, "name \"%s\": letters, digits, '.', '_' and '-' are taken", ret->name);
	if (rc == 0)
		rc = take_sweep(root, ret, err);
	if (rc == 0)
		rc = take_scaling(root, &ret->scaling, err);
	if (rc == 0)
		rc = take_model(root, &ret->model, err);
	if (rc == 0)
		rc = sweep_bears_model(ret, err);
	if (rc == 0)
		rc = take_provenance(root, &ret->provenance, err);
	return rc;
}

int wattle_profile_parse(const char *name, const char *text, size_t len, struct wattle_profile *ret, struct wattle_err *err)
{
	__attribute__((cleanup(cleanup_tokener_free))) struct json_tokener *tokener = NULL;
	__attribute__((cleanup(cleanup_json_put))) struct json_object *root = NULL;
	int rc;

	if (len > WATTLE_PROFILE_BYTES_MAX)
		return wattle_err_set(err, E2BIG, "%s has %zu bytes: at most %d are taken", name, len, WATTLE_PROFILE_BYTES_MAX);
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return wattle_err_set(err, ENOMEM, "out of memory for %s", name);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	root = json_tokener_parse_ex(tokener, text, (int) len);
	if (!root)
		return wattle_err_set(err, EINVAL, "%s is no JSON: %s at byte %zu", name,
				      json_tokener_error_desc(json_tokener_get_error(tokener)),
				      json_tokener_get_parse_end(tokener));
	if (strspn(text + json_tokener_get_parse_end(tokener), " \t\r\n") != len - json_tokener_get_parse_end(tokener))
		return wattle_err_set(err, EINVAL, "%s has more behind its JSON object", name);
	if (!json_object_is_type(root, json_type_object))
		return wattle_err_set(err, EINVAL, "%s is no profile: a JSON object was expected", name);
	rc = take_profile(root, ret, err);
	if (rc < 0)
		wattle_err_wrap(err, "%s", name);
	return rc;
}

int wattle_profile_read(const char *path, bool any_owner, struct wattle_profile **ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_PROFILE_BYTES_MAX, .any_owner = any_owner };
	cleanup_free struct wattle_profile *profile = NULL;
	cleanup_free char *text = NULL;
	size_t len;
	int rc = wattle_file_read(path, &rule, &text, &len, NULL, err);

	if (rc < 0)
		return rc;
	profile = calloc(1, sizeof(*profile));
	if (!profile)
		return wattle_err_set(err, ENOMEM, "out of memory for %s", path);
	rc = wattle_profile_parse(path, text, len, profile, err);
	if (rc < 0)
		return rc;
	*ret = profile;
	profile = NULL;
	return 0;
}

int wattle_profile_carry(const char *path, char ret_text[WATTLE_MODEL_TEXT_MAX], struct wattle_err *err)
{
	cleanup_free struct wattle_profile *profile = NULL;
	char text[WATTLE_MODEL_TEXT_MAX];
	int rc = wattle_profile_read(path, true, &profile, err);

	if (rc == 0)
		rc = wattle_model_format(profile->name, &profile->model, &profile->scaling, text, sizeof(text), err);
	if (rc == 0)
		memcpy(ret_text, text, sizeof(text));
	return rc;
}
