/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle carbon show`: a curve in the terminal. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plan_cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "forecast_read.h"
#include "instant.h"
#include "json_new.h"
#include "siteconf.h"
#include "terminal.h"

#define COLUMNS 64
#define ROWS 10
#define EIGHTHS 8
#define CACHE_DIR WATTLE_FORECAST_CACHE_DIR

static bool zone_name_valid(const char *zone)
{
	size_t n = strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

	return n > 0 && n < 64 && !zone[n] && zone[0] != '.';
}

/* A path as it is, else a zone's file in the cache; nothing: the site's zone. */
static int find_file(const char *said, const char *conf_path, char *path, size_t size)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	const char *zone = said;

	if (said && (strchr(said, '/') || strrchr(said, '.'))) {
		snprintf(path, size, "%s", said);
		return 0;
	}
	if (!zone) {
		if (wattle_siteconf_read(conf_path ? conf_path : WATTLE_CONF_PATH, &conf, &err) < 0)
			return wattle_fail("which zone? %s", err.text);
		zone = conf->carbon_zone;
		if (!zone[0])
			return wattle_fail("which zone? %s names no carbon_zone", conf_path ? conf_path : WATTLE_CONF_PATH);
	}
	if (!zone_name_valid(zone))
		return wattle_fail("\"%.40s\" is no zone: letters, digits, '-' and '_'", zone);
	snprintf(path, size, "%s/%s.json", CACHE_DIR, zone);
	return 0;
}

struct range {
	uint32_t least, most; /* slots */
	double mean;
};

static bool find_range(const struct wattle_forecast *f, struct range *ret)
{
	uint32_t n = 0;

	*ret = (struct range){ 0, 0, 0 };
	for (uint32_t i = 0; i < f->n; i++) {
		if (isnan(f->value[i]))
			continue;
		if (n == 0)
			ret->least = ret->most = i;
		if (f->value[i] < f->value[ret->least])
			ret->least = i;
		if (f->value[i] > f->value[ret->most])
			ret->most = i;
		ret->mean += (f->value[i] - ret->mean) / ++n;
	}
	return n > 0;
}

/* The mean over the slots of a column; NAN: none of them has a value. */
static double column_value(const struct wattle_forecast *f, uint32_t column, uint32_t columns)
{
	uint32_t from = (uint32_t) ((uint64_t) f->n * column / columns), to = (uint32_t) ((uint64_t) f->n * (column + 1) / columns), n = 0;
	double mean = 0;

	for (uint32_t i = from; i < to || i == from; i++)
		if (!isnan(f->value[i]))
			mean += (f->value[i] - mean) / ++n;
	return n ? mean : NAN;
}

static void put_cell(double eighths, bool utf8)
{
	if (eighths < 0.5)
		putchar(' ');
	else if (!utf8)
		putchar(eighths < EIGHTHS / 2.0 ? '.' : '#');
	else
		printf("\xe2\x96%c", 0x80 + (eighths >= EIGHTHS ? EIGHTHS : (int) (eighths + 0.5)));
}

static void draw(const struct wattle_forecast *f, const struct range *range, bool utf8)
{
	double top = fmax(f->value[range->most], 0), bottom = fmin(f->value[range->least], 0), value[COLUMNS];
	uint32_t columns = f->n < COLUMNS ? f->n : COLUMNS;
	char from[40], to[40];
	int gap;

	if (top <= bottom)
		top = bottom + 1;
	for (uint32_t i = 0; i < columns; i++)
		value[i] = column_value(f, i, columns);
	for (int row = ROWS; row-- > 0;) {
		if (row == ROWS - 1 || row == 0 || row == ROWS / 2)
			printf("%7.0f |", row == 0 ? bottom : bottom + (top - bottom) * (row + (row == ROWS - 1)) / ROWS);
		else
			printf("%7s |", "");
		for (uint32_t i = 0; i < columns; i++)
			put_cell(isnan(value[i]) ? 0 : ((value[i] - bottom) / (top - bottom) * ROWS - row) * EIGHTHS, utf8);
		putchar('\n');
	}
	plan_moment(f, (double) f->start_s, from, sizeof(from));
	plan_moment(f, (double) wattle_forecast_end(f), to, sizeof(to));
	gap = (int) columns - (int) strlen(from) - (int) strlen(to);
	printf("%9s%s%*s%s\n", "", from, gap > 2 ? gap : 2, "", to);
}

static void print_text(const struct wattle_forecast *f, const struct range *range)
{
	char a[40], b[40];

	printf("%s%s%s: %u slots of %u s, %s%s%s\n", f->zone, f->zone[0] ? ", " : "", f->source, f->n, f->slot_s, f->unit,
	       f->quantity == WATTLE_QUANTITY_CARBON && f->signal != WATTLE_SIGNAL_UNKNOWN ? ", " : "",
	       f->quantity == WATTLE_QUANTITY_CARBON && f->signal != WATTLE_SIGNAL_UNKNOWN ? wattle_signal_name(f->signal) : "");
	draw(f, range, wattle_terminal_has_utf8());
	printf("\nleast %.4g at %s, greatest %.4g at %s, mean %.4g\n", f->value[range->least],
	       plan_moment(f, (double) f->start_s + (double) range->least * f->slot_s, a, sizeof(a)), f->value[range->most],
	       plan_moment(f, (double) f->start_s + (double) range->most * f->slot_s, b, sizeof(b)), range->mean);
	if (f->issued_s > 0)
		printf("issued %s\n", wattle_instant_format(f->issued_s, a));
	if (f->n_filled > 0)
		printf("%u missing slots filled between their neighbours\n", f->n_filled);
	if (wattle_forecast_hole(f, 0) < f->n)
		printf("holes longer than 6 hours: the first at %s\n",
		       plan_moment(f, (double) f->start_s + (double) wattle_forecast_hole(f, 0) * f->slot_s, a, sizeof(a)));
	if (f->n_estimated > 0)
		printf("%u values are estimates\n", f->n_estimated);
}

static void print_json(const struct wattle_forecast *f)
{
	struct json_object *o = json_object_new_object(), *values = json_object_new_array();
	char moment[WATTLE_INSTANT_SIZE];

	json_object_object_add(o, "zone", json_object_new_string(f->zone));
	json_object_object_add(o, "signal", json_object_new_string(wattle_signal_name(f->signal)));
	json_object_object_add(o, "unit", json_object_new_string(f->unit));
	json_object_object_add(o, "issued", f->issued_s > 0 ? json_object_new_string(wattle_instant_format(f->issued_s, moment)) : NULL);
	json_object_object_add(o, "slot_s", json_object_new_int64(f->slot_s));
	json_object_object_add(o, "start", f->dated ? json_object_new_string(wattle_instant_format(f->start_s, moment)) :
						      json_object_new_int64(f->start_s / f->slot_s));
	json_object_object_add(o, "source", json_object_new_string(f->source));
	json_object_object_add(o, "filled", json_object_new_int64(f->n_filled));
	json_object_object_add(o, "estimated", json_object_new_int64(f->n_estimated));
	json_object_object_add(o, "repeated", json_object_new_int64(f->n_repeated));
	for (uint32_t i = 0; i < f->n; i++)
		json_object_array_add(values, wattle_json_new_estimate(f->value[i], 10));
	json_object_object_add(o, "values", values);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

int wattle_cmd_carbon_show(int argc, char **argv)
{
	bool json = false, price = false;
	const char *conf = NULL;
	const struct wattle_option options[] = {
		{ "price", &price, NULL, NULL, "take the price, where a table has both" },
		{ "json", &json, NULL, NULL, "print JSON: the cache's form, whatever was read" },
		{ "conf", NULL, "PATH", &conf, "site configuration [" WATTLE_CONF_PATH "]" },
	};
	const struct wattle_usage usage = {
		"wattle carbon show", "[ZONE|FILE]",
		"Draws a forecast: of a zone in " CACHE_DIR ", by default the site's, or of a file in\n"
		"any known format (a name with '/' or '.').",
		options, sizeof(options) / sizeof(options[0]), 0, 1, "wattle-carbon(1)",
	};
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_forecast f = { .n = 0 };
	struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	struct range range;
	char path[PATH_MAX];
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	wish.quantity = price ? WATTLE_QUANTITY_PRICE : WATTLE_QUANTITY_CARBON;
	status = find_file(first < argc ? argv[first] : NULL, conf, path, sizeof(path));
	if (status)
		return status;
	if (wattle_forecast_read(path, &wish, &f, &err) < 0)
		return wattle_fail("%s", err.text);
	if (json)
		print_json(&f);
	else if (find_range(&f, &range))
		print_text(&f, &range);
	free(f.value);
	return wattle_finish(WATTLE_EXIT_DONE);
}
