/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables. Headers vary from year to year and from paper to paper, so that columns are found by parts of their names. */
#include "forecast_rows.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "csv.h"
#include "decimal.h"
#include "instant.h"

#define NONE UINT32_MAX

enum time_kind { TIME_ISO, TIME_UNIX, TIME_INDEX };

struct columns {
	uint32_t time, value, zone, status, unit, estimated;
	enum time_kind kind;
	double factor; /* to g/kWh */
	char first_zone[64];
};

/* Lower case, '_' as blank. */
static void normal(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; from[n] && n + 1 < size; n++)
		to[n] = from[n] == '_' ? ' ' : from[n] >= 'A' && from[n] <= 'Z' ? (char) (from[n] + 32) : from[n];
	to[n] = '\0';
}

/* The first column whose name holds all of the words and not the other; words may be NULL. */
static uint32_t find(const struct wattle_csv *csv, const char *word, const char *word2, const char *without)
{
	char name[128];

	for (uint32_t i = 0; i < csv->n_columns; i++) {
		normal(name, sizeof(name), csv->field[i]);
		if (strstr(name, word) && (!word2 || strstr(name, word2)) && (!without || !strstr(name, without)))
			return i;
	}
	return NONE;
}

static uint32_t find_whole(const struct wattle_csv *csv, const char *word)
{
	char name[128];

	for (uint32_t i = 0; i < csv->n_columns; i++) {
		normal(name, sizeof(name), csv->field[i]);
		if (strcmp(name, word) == 0)
			return i;
	}
	return NONE;
}

static uint32_t first_of(uint32_t a, uint32_t b)
{
	return a != NONE ? a : b;
}

static int find_time(const struct wattle_csv *csv, struct columns *c, struct forecast_rows *rows, struct wattle_err *err)
{
	char name[128];

	c->kind = TIME_ISO;
	/* of a poll: the time that the value is for, not that of the poll */
	c->time = first_of(find_whole(csv, "zone datetime"), find(csv, "datetime", NULL, NULL));
	c->time = first_of(c->time, find(csv, "utc time", NULL, NULL));
	c->time = first_of(c->time, find(csv, "point time", NULL, NULL));
	c->time = first_of(c->time, first_of(find_whole(csv, "time"), find_whole(csv, "date")));
	c->time = first_of(c->time, first_of(find_whole(csv, "from"), find_whole(csv, "start")));
	if (c->time == NONE && (c->time = find(csv, "timestamp", NULL, NULL)) != NONE)
		c->kind = TIME_UNIX;
	if (c->time == NONE) {
		c->time = first_of(find(csv, "hour index", NULL, NULL), find_whole(csv, "hour"));
		c->time = first_of(c->time, first_of(find_whole(csv, "index"), find_whole(csv, "slot")));
		c->kind = TIME_INDEX;
	}
	if (c->time == NONE)
		return wattle_csv_refuse(csv, EINVAL, err, "no column of times: datetime, time, timestamp or hour_index is needed");
	normal(name, sizeof(name), csv->field[c->time]);
	rows->zoned = strstr(name, "utc") != NULL;
	rows->head.dated = c->kind != TIME_INDEX;
	return 0;
}

static void take_currency(struct wattle_forecast *head, const char *name)
{
	static const char *const known[] = { "EUR", "GBP", "USD", "DKK", "SEK", "NOK", "CHF", "PLN", "AUD", "CAD" };

	memcpy(head->unit, "EUR/MWh", sizeof("EUR/MWh"));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasestr(name, known[i]))
			memcpy(head->unit, known[i], 3);
}

static int find_value(const struct wattle_csv *csv, struct columns *c, struct forecast_rows *rows, enum wattle_quantity quantity,
		      struct wattle_err *err)
{
	struct wattle_forecast *head = &rows->head;
	char name[128];

	head->quantity = quantity;
	c->factor = 1;
	if (quantity == WATTLE_QUANTITY_PRICE) {
		c->value = first_of(find(csv, "price", NULL, NULL), find(csv, "/mwh", NULL, "co2"));
		if (c->value == NONE)
			return wattle_csv_refuse(csv, EINVAL, err, "no column of prices: one with \"price\" or \"/MWh\" in its name is needed");
		take_currency(head, csv->field[c->value]);
		return 0;
	}
	/* life-cycle before direct: the same as the service's own API gives */
	c->value = first_of(find(csv, "carbon intensity", "lca", NULL), find(csv, "carbon intensity", "life", NULL));
	head->life_cycle = c->value != NONE;
	c->value = first_of(c->value, find(csv, "carbon intensity", NULL, "unit"));
	c->value = first_of(c->value, first_of(find(csv, "moer", NULL, NULL), find(csv, "intensity", NULL, "unit")));
	if (c->value == NONE)
		return wattle_csv_refuse(csv, EINVAL, err, "no column of carbon intensities: carbon_intensity is needed");
	normal(name, sizeof(name), csv->field[c->value]);
	if (strstr(name, "lb"))
		c->factor = FORECAST_G_PER_LB / 1000;
	head->signal = strstr(name, "moer") || strstr(name, "marginal") ? WATTLE_SIGNAL_MARGINAL : WATTLE_SIGNAL_AVERAGE;
	memcpy(head->unit, "gCO2/kWh", sizeof("gCO2/kWh"));
	return 0;
}

static void name_source(const struct wattle_csv *csv, const struct columns *c, struct wattle_forecast *head)
{
	const char *source = "CSV";

	if (find(csv, "low carbon percentage", NULL, NULL) != NONE || find(csv, "carbon-free", NULL, NULL) != NONE)
		source = "Electricity Maps portal";
	else if (find_whole(csv, "carbon intensity avg") != NONE)
		source = find_whole(csv, "status") != NONE ? "polls of Electricity Maps" : "CarbonScaler";
	else if (find_whole(csv, "utc time") != NONE)
		source = "CarbonCast";
	else if (c->kind == TIME_INDEX)
		source = "hours by index";
	snprintf(head->source, sizeof(head->source), "%s", source);
}

static int take_zone(const struct wattle_csv *csv, struct columns *c, struct forecast_rows *rows, struct wattle_err *err)
{
	char quoted[64];

	if (c->zone == NONE || !csv->field[c->zone][0])
		return 0;
	wattle_err_quote(quoted, sizeof(quoted), csv->field[c->zone]);
	if (!c->first_zone[0])
		memcpy(c->first_zone, quoted, sizeof(quoted));
	if (strcmp(c->first_zone, quoted) != 0)
		return forecast_refuse(rows, csv->line, err, "zone %s among rows of %s: one zone a file is taken", quoted, c->first_zone);
	memcpy(rows->head.zone, quoted, sizeof(quoted));
	return 0;
}

static int take_time(const struct wattle_csv *csv, const struct columns *c, struct forecast_rows *rows, uint32_t index_slot_s,
		     int64_t *ret_s, struct wattle_err *err)
{
	const char *text = csv->field[c->time];
	char quoted[48];
	double number;
	bool zoned;

	wattle_err_quote(quoted, sizeof(quoted), text);
	/* a timestamp may be either */
	if (c->kind != TIME_INDEX && wattle_instant_parse(text, ret_s, &zoned) == 0) {
		rows->zoned |= zoned;
		return 0;
	}
	if (c->kind == TIME_ISO)
		return forecast_refuse(rows, csv->line, err, "\"%s\" is no time: ISO 8601 is needed, such as 2026-05-08T21:00:00Z", quoted);
	if (wattle_decimal_parse(text, &number) < 0 || number < 0 || number > (c->kind == TIME_UNIX ? 4e9 : 2e6) || number != floor(number))
		return forecast_refuse(rows, csv->line, err, "\"%s\" is no %s", quoted,
				       c->kind == TIME_UNIX ? "Unix time in seconds" : "slot index");
	*ret_s = (int64_t) number * (c->kind == TIME_INDEX ? index_slot_s : 1);
	if (c->kind == TIME_UNIX)
		rows->zoned = true;
	return 0;
}

static int take_row(const struct wattle_csv *csv, struct columns *c, struct forecast_rows *rows, uint32_t index_slot_s,
		    struct wattle_err *err)
{
	const char *text = csv->field[c->value];
	double value, factor = c->factor;
	bool estimated = c->estimated != NONE && strcasecmp(csv->field[c->estimated], "true") == 0;
	char quoted[40];
	int64_t at_s;
	int rc = take_zone(csv, c, rows, err);

	if (rc == 0)
		rc = take_time(csv, c, rows, index_slot_s, &at_s, err);
	if (rc < 0)
		return rc;
	if (c->status != NONE && strcasecmp(csv->field[c->status], "ok") != 0)
		return 0;
	if (!*text || strcasecmp(text, "null") == 0 || strcasecmp(text, "nan") == 0 || strcasecmp(text, "na") == 0)
		return 0;
	if (wattle_decimal_parse(text, &value) < 0)
		return forecast_refuse(rows, csv->line, err, "\"%s\" is no number", wattle_err_quote(quoted, sizeof(quoted), text));
	if (c->unit != NONE && strncasecmp(csv->field[c->unit], "lb", 2) == 0)
		factor = FORECAST_G_PER_LB / 1000;
	else if (c->unit != NONE && csv->field[c->unit][0] && strncasecmp(csv->field[c->unit], "gCO2", 4) != 0)
		return forecast_refuse(rows, csv->line, err, "unit \"%s\": gCO2/kWh or lb/MWh is needed",
				       wattle_err_quote(quoted, sizeof(quoted), csv->field[c->unit]));
	return forecast_add(rows, at_s, value * factor, csv->line, estimated, err);
}

int forecast_read_csv(struct forecast_rows *rows, char *text, const struct wattle_forecast_wish *wish, struct wattle_err *err)
{
	struct columns c = { .value = NONE };
	uint32_t index_slot_s = wish->index_slot_s ? wish->index_slot_s : 3600;
	struct wattle_csv csv;
	int rc = wattle_csv_begin(&csv, rows->name, text, err);

	if (rc == 0)
		rc = find_time(&csv, &c, rows, err);
	if (rc == 0)
		rc = find_value(&csv, &c, rows, wish->quantity, err);
	if (rc < 0)
		return rc;
	c.zone = first_of(find_whole(&csv, "zone id"), first_of(find_whole(&csv, "zone name"), find_whole(&csv, "zone")));
	c.status = find_whole(&csv, "status");
	c.unit = first_of(find_whole(&csv, "carbon intensity unit"), find_whole(&csv, "unit"));
	c.estimated = first_of(find_whole(&csv, "data estimated"), find_whole(&csv, "isestimated"));
	name_source(&csv, &c, &rows->head);
	if (c.kind == TIME_INDEX)
		rows->slot_s = index_slot_s;
	while ((rc = wattle_csv_next(&csv, err)) == 1) {
		rc = take_row(&csv, &c, rows, index_slot_s, err);
		if (rc < 0)
			return rc;
	}
	return rc;
}
