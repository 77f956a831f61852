/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of services. */
#include "forecast_rows.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "instant.h"
#include "json.h"

#define DEPTH_MAX 16

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static const char *get_text(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static struct json_object *get_array(struct json_object *object, const char *key)
{
	struct json_object *value = get(object, key);

	return json_object_is_type(value, json_type_array) ? value : NULL;
}

static struct json_object *first(struct json_object *array)
{
	return array && json_object_array_length(array) > 0 ? json_object_array_get_idx(array, 0) : NULL;
}

static void set_zone(struct forecast_rows *rows, const char *zone)
{
	if (zone)
		wattle_err_quote(rows->head.zone, sizeof(rows->head.zone), zone);
}

static void set_issued(struct forecast_rows *rows, const char *moment)
{
	int64_t at_s;

	if (moment && wattle_instant_parse(moment, &at_s, NULL) == 0)
		rows->head.issued_s = at_s;
}

static void set_carbon(struct forecast_rows *rows, const char *source, enum wattle_signal signal)
{
	snprintf(rows->head.source, sizeof(rows->head.source), "%s", source);
	rows->head.signal = signal;
	rows->head.quantity = WATTLE_QUANTITY_CARBON;
	memcpy(rows->head.unit, "gCO2/kWh", sizeof("gCO2/kWh"));
}

/* One entry: its time under a key, and a value that may be null. */
static int take(struct forecast_rows *rows, struct json_object *entry, uint32_t n, const char *time_key, struct json_object *value,
		double factor, struct wattle_err *err)
{
	const char *moment = get_text(entry, time_key);
	char quoted[48];
	int64_t at_s;
	double number;
	bool zoned;

	if (!moment)
		return forecast_refuse(rows, n, err, "no \"%s\"", time_key);
	if (wattle_instant_parse(moment, &at_s, &zoned) < 0)
		return forecast_refuse(rows, n, err, "\"%s\" is no time", wattle_err_quote(quoted, sizeof(quoted), moment));
	rows->zoned = rows->n == 0 ? zoned : rows->zoned && zoned;
	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
		return forecast_refuse(rows, n, err, "its value is no number");
	number = json_object_get_double(value);
	if (!isfinite(number))
		return forecast_refuse(rows, n, err, "its value is not finite");
	return forecast_add(rows, at_s, number * factor, n, json_object_get_boolean(get(entry, "isEstimated")), err);
}

static int take_array(struct forecast_rows *rows, struct json_object *array, const char *time_key, const char *value_key, double factor,
		      struct wattle_err *err)
{
	size_t n = json_object_array_length(array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i);
		int rc = take(rows, entry, (uint32_t) i + 1, time_key, get(entry, value_key), factor, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* --- Electricity Maps ----------------------------------------------------- */

static int read_electricity_maps(struct forecast_rows *rows, struct json_object *root, struct json_object *array, const char *kind,
				 struct wattle_err *err)
{
	static const struct { const char *name; uint32_t s; } grains[] = {
		{ "5_minutes", 300 }, { "15_minutes", 900 }, { "30_minutes", 1800 }, { "hourly", 3600 }, { "daily", 86400 },
	};
	const char *grain = get_text(root, "temporalGranularity"), *factors = get_text(root, "emissionFactorType");
	const char *unit = get_text(root, "unit");
	char source[48], quoted[40];

	snprintf(source, sizeof(source), "Electricity Maps %s", kind);
	set_carbon(rows, source, WATTLE_SIGNAL_AVERAGE);
	if (unit && strncmp(unit, "gCO2", 4) != 0)
		return wattle_err_set(err, EINVAL, "%s: unit \"%s\": gCO2eq/kWh is needed", rows->name,
				      wattle_err_quote(quoted, sizeof(quoted), unit));
	rows->head.life_cycle = !factors || strcmp(factors, "lifecycle") == 0;
	set_zone(rows, get_text(root, "zone"));
	set_issued(rows, get_text(root, "updatedAt"));
	for (size_t i = 0; grain && i < sizeof(grains) / sizeof(grains[0]); i++)
		if (strcmp(grain, grains[i].name) == 0)
			rows->slot_s = grains[i].s;
	return take_array(rows, array, "datetime", "carbonIntensity", 1, err);
}

/* --- WattTime --------------------------------------------------------------- */

static int read_watttime(struct forecast_rows *rows, struct json_object *root, struct json_object *array, struct wattle_err *err)
{
	struct json_object *meta = get(root, "meta"), *forecast;
	const char *units = get_text(meta, "units"), *signal = get_text(meta, "signal_type");
	struct json_object *period = get(meta, "data_point_period_seconds");
	double factor;
	char quoted[40];

	if (!units)
		return wattle_err_set(err, EINVAL, "%s: meta.units is missing: lbs_co2_per_mwh is needed", rows->name);
	if (strcmp(units, "lbs_co2_per_mwh") == 0)
		factor = FORECAST_G_PER_LB / 1000;
	else if (strcmp(units, "kg_co2_per_mwh") == 0 || strcmp(units, "g_co2_per_kwh") == 0)
		factor = 1;
	else
		return wattle_err_set(err, EINVAL, "%s: unit \"%s\": lbs_co2_per_mwh is needed (signal co2_moer or co2_aoer)", rows->name,
				      wattle_err_quote(quoted, sizeof(quoted), units));
	set_carbon(rows, "WattTime", signal && strstr(signal, "aoer") ? WATTLE_SIGNAL_AVERAGE : WATTLE_SIGNAL_MARGINAL);
	set_zone(rows, get_text(meta, "region"));
	set_issued(rows, get_text(meta, "generated_at"));
	if (json_object_is_type(period, json_type_int) && json_object_get_int(period) >= 60 && json_object_get_int(period) <= 86400)
		rows->slot_s = (uint32_t) json_object_get_int(period);
	/* past forecasts: one a generation; the newest counts */
	forecast = get_array(json_object_array_get_idx(array, json_object_array_length(array) - 1), "forecast");
	if (forecast) {
		set_issued(rows, get_text(json_object_array_get_idx(array, json_object_array_length(array) - 1), "generated_at"));
		array = forecast;
	}
	return take_array(rows, array, "point_time", "value", factor, err);
}

/* --- UK Carbon Intensity ---------------------------------------------------- */

static int read_uk_entries(struct forecast_rows *rows, struct json_object *array, struct wattle_err *err)
{
	size_t n = json_object_array_length(array);

	for (size_t i = 0; i < n; i++) {
		struct json_object *entry = json_object_array_get_idx(array, i), *intensity = get(entry, "intensity");
		struct json_object *value = get(intensity, "forecast");
		int rc;

		if (get(entry, "regions"))
			return forecast_refuse(rows, (uint32_t) i + 1, err,
					       "this is the answer for all regions: ask for one, /regional/intensity/FROM/fw48h/regionid/N");
		/* past half hours: what was measured */
		if (rows->series == WATTLE_SERIES_ACTUAL || (rows->series == WATTLE_SERIES_BEST && get(intensity, "actual")))
			value = get(intensity, "actual");
		rc = take(rows, entry, (uint32_t) i + 1, "from", value, 1, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int read_uk_region(struct forecast_rows *rows, struct json_object *region, struct wattle_err *err)
{
	struct json_object *id = get(region, "regionid");

	set_carbon(rows, "UK Carbon Intensity, regional", WATTLE_SIGNAL_AVERAGE);
	set_zone(rows, get_text(region, "shortname"));
	if (json_object_is_type(id, json_type_int) && json_object_get_int(id) > 0)
		rows->head.region = (uint32_t) json_object_get_int(id);
	rows->slot_s = 1800;
	return read_uk_entries(rows, get_array(region, "data"), err);
}

/* --- which one ---------------------------------------------------------------- */

static int read_data(struct forecast_rows *rows, struct json_object *root, struct json_object *array, struct wattle_err *err)
{
	struct json_object *one = first(array);

	if (!one)
		return wattle_err_set(err, EINVAL, "%s has no values: \"data\" is empty", rows->name);
	if (get(one, "point_time") || get(one, "forecast"))
		return read_watttime(rows, root, array, err);
	if (get(one, "from")) {
		set_carbon(rows, "UK Carbon Intensity", WATTLE_SIGNAL_AVERAGE);
		set_zone(rows, "GB");
		rows->slot_s = 1800;
		return read_uk_entries(rows, array, err);
	}
	if (get_array(one, "data")) {
		if (json_object_array_length(array) > 1)
			return wattle_err_set(err, EINVAL, "%s holds %zu regions: one is taken", rows->name, json_object_array_length(array));
		return read_uk_region(rows, one, err);
	}
	return read_electricity_maps(rows, root, array, "past range", err);
}

static int read_root(struct forecast_rows *rows, struct json_object *root, struct wattle_err *err)
{
	struct json_object *array;
	const char *message = get_text(root, "message") ? get_text(root, "message") : get_text(root, "error");
	char quoted[120];

	if ((array = get_array(root, "forecast")))
		return read_electricity_maps(rows, root, array, "forecast", err);
	if ((array = get_array(root, "history")))
		return read_electricity_maps(rows, root, array, "history", err);
	if ((array = get_array(root, "data")))
		return read_data(rows, root, array, err);
	if (get_array(get(root, "data"), "data"))
		return read_uk_region(rows, get(root, "data"), err);
	if (get(root, "carbonIntensity"))
		return wattle_err_set(err, EINVAL, "%s is one value, not a series: ask for the forecast or the history", rows->name);
	if (!message)
		message = get_text(get(root, "error"), "message");
	if (message)
		return wattle_err_set(err, EINVAL, "%s is no forecast, but a message of the service: %s", rows->name,
				      wattle_err_quote(quoted, sizeof(quoted), message));
	return wattle_err_set(err, EINVAL, "%s is JSON of no known kind: Electricity Maps, WattTime, UK Carbon Intensity or a cache of ours "
			      "(zone, slot_s, start, values) are read", rows->name);
}

/* json-c's own message, with the line. */
static int refuse_syntax(const struct forecast_rows *rows, const char *text, struct json_tokener *tokener, struct wattle_err *err)
{
	const char *end = text + json_tokener_get_parse_end(tokener);
	uint32_t line = 1;

	for (const char *s = text; s < end && *s; s++)
		line += *s == '\n';
	return wattle_err_set(err, EINVAL, "%s:%u: no valid JSON: %s", rows->name, line,
			      json_tokener_error_desc(json_tokener_get_error(tokener)));
}

static void free_tokener(struct json_tokener **tokener)
{
	json_tokener_free(*tokener);
}

int forecast_read_json(struct forecast_rows *rows, const char *text, size_t len, struct wattle_err *err)
{
	__attribute__((cleanup(free_tokener))) struct json_tokener *tokener = NULL;
	cleanup_json struct json_object *root = NULL;

	rows->json = true;
	rows->head.dated = true;
	if (len > WATTLE_FORECAST_JSON_BYTES_MAX)
		return wattle_err_set(err, E2BIG, "%s has %zu bytes: at most %u of JSON are taken", rows->name, len,
				      WATTLE_FORECAST_JSON_BYTES_MAX);
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return wattle_err_set(err, ENOMEM, "out of memory for %s", rows->name);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	/* with the NUL, so that what follows the value is refused */
	root = json_tokener_parse_ex(tokener, text, (int) len + 1);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		return refuse_syntax(rows, text, tokener, err);
	return read_root(rows, root, err);
}
