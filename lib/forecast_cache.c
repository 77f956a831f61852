/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our own forecast file. slurmctld reads it under its locks: a reader that allocates nothing, looks at each byte once, and knows
 * this one shape. */
#include "forecast.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "instant.h"

#define DEPTH_MAX 8

struct reader {
	const char *name;
	const char *begin, *at;
	struct wattle_err *err;
	bool holes; /* a value may be null */
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reader *r, const char *format, ...)
{
	char what[200];
	uint32_t line = 1;
	va_list args;

	for (const char *s = r->begin; s < r->at; s++)
		line += *s == '\n';
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return wattle_err_set(r->err, EINVAL, "%s:%u: %s", r->name, line, what);
}

static void blanks(struct reader *r)
{
	r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, char c)
{
	blanks(r);
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

/* A string without its quotes; escapes are kept as they are but for \" and \\, and what does not fit is refused. */
static int read_string(struct reader *r, char *ret, size_t size)
{
	size_t n = 0;

	if (!take(r, '"'))
		return refuse(r, "a string in quotes is needed here");
	for (; *r->at != '"'; r->at++) {
		if ((unsigned char) *r->at < 0x20)
			return refuse(r, "a string is not closed");
		if (*r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\' || r->at[1] == '/'))
			r->at++;
		if (n + 1 >= size)
			return refuse(r, "a string is longer than %zu bytes", size - 1);
		ret[n++] = *r->at;
	}
	r->at++;
	ret[n] = '\0';
	return 0;
}

static int skip_string(struct reader *r)
{
	for (r->at++; *r->at != '"'; r->at++) {
		if ((unsigned char) *r->at < 0x20)
			return refuse(r, "a string is not closed");
		if (*r->at == '\\' && r->at[1])
			r->at++;
	}
	r->at++;
	return 0;
}

/* A value of no interest: brackets are counted, strings skipped. */
static int skip_value(struct reader *r)
{
	unsigned depth = 0;

	do {
		blanks(r);
		if (*r->at == '"') {
			int rc = skip_string(r);

			if (rc < 0)
				return rc;
		} else if (*r->at == '[' || *r->at == '{') {
			if (++depth > DEPTH_MAX)
				return refuse(r, "nested more than %d deep", DEPTH_MAX);
			r->at++;
			continue;
		} else if (*r->at == ']' || *r->at == '}') {
			if (depth == 0)
				return refuse(r, "a value is missing");
			depth--;
			r->at++;
		} else {
			size_t n = strcspn(r->at, ",:]}\"[{ \t\r\n");

			if (n == 0)
				return refuse(r, "a value is missing");
			r->at += n;
		}
		blanks(r);
		if (depth > 0 && (*r->at == ',' || *r->at == ':'))
			r->at++;
	} while (depth > 0);
	return 0;
}

static int read_number(struct reader *r, const char *what, double min, double max, double *ret)
{
	double value;

	blanks(r);
	if (wattle_decimal_read(r->at, &r->at, &value) < 0)
		return refuse(r, "%s must be a number", what);
	if (!(value >= min && value <= max))
		return refuse(r, "%s %g is out of range: %g to %g", what, value, min, max);
	*ret = value;
	return 0;
}

/* ISO 8601 or Unix seconds. */
static int read_instant(struct reader *r, const char *what, int64_t *ret)
{
	char text[48];
	bool zoned;
	int rc;

	blanks(r);
	if (*r->at != '"') {
		double value;

		rc = read_number(r, what, 0, 253402300799.0, &value);
		if (rc == 0)
			*ret = (int64_t) value;
		return rc;
	}
	rc = read_string(r, text, sizeof(text));
	if (rc < 0)
		return rc;
	if (wattle_instant_parse(text, ret, &zoned) < 0 || !zoned)
		return refuse(r, "%s must be a moment such as 2026-05-08T21:00:00Z", what);
	return 0;
}

static int read_values(struct reader *r, struct wattle_forecast *f)
{
	if (!take(r, '['))
		return refuse(r, "values must be an array");
	f->n = 0;
	if (take(r, ']'))
		return 0;
	do {
		int rc;

		if (f->n == f->room)
			return wattle_err_set(r->err, E2BIG, "%s: more than %u values", r->name, f->room);
		blanks(r);
		if (r->holes && strncmp(r->at, "null", 4) == 0) {
			r->at += 4;
			f->value[f->n++] = NAN;
			continue;
		}
		/* what is out of range for an intensity is known when the unit is */
		rc = read_number(r, "a value", -WATTLE_FORECAST_PRICE_MAX, WATTLE_FORECAST_PRICE_MAX, &f->value[f->n]);
		if (rc < 0)
			return rc;
		f->n++;
	} while (take(r, ','));
	return take(r, ']') ? 0 : refuse(r, "values are not closed by ]");
}

static int read_signal(struct reader *r, struct wattle_forecast *f)
{
	char text[24];
	int rc = read_string(r, text, sizeof(text));

	if (rc < 0)
		return rc;
	if (strcmp(text, "average") == 0)
		f->signal = WATTLE_SIGNAL_AVERAGE;
	else if (strcmp(text, "marginal") == 0)
		f->signal = WATTLE_SIGNAL_MARGINAL;
	else if (strcmp(text, "unknown") == 0)
		f->signal = WATTLE_SIGNAL_UNKNOWN;
	else
		return refuse(r, "signal must be \"average\" or \"marginal\"");
	return 0;
}

enum { SAW_SLOT = 1, SAW_START = 2, SAW_VALUES = 4, SAW_UNIT = 8 };

static int read_member(struct reader *r, struct wattle_forecast *f, unsigned *seen)
{
	char key[32];
	const char *key_at;
	double number;
	int rc;

	blanks(r);
	key_at = r->at;
	/* a key too long to be ours is skipped as the string that it is */
	rc = read_string(r, key, sizeof(key));
	if (rc < 0) {
		if (*key_at != '"')
			return rc;
		r->at = key_at;
		rc = skip_string(r);
		if (rc < 0)
			return rc;
		key[0] = '\0';
	}
	if (!take(r, ':'))
		return refuse(r, "a colon is missing");
	if (strcmp(key, "zone") == 0)
		return read_string(r, f->zone, sizeof(f->zone));
	if (strcmp(key, "signal") == 0)
		return read_signal(r, f);
	if (strcmp(key, "unit") == 0) {
		*seen |= SAW_UNIT;
		return read_string(r, f->unit, sizeof(f->unit));
	}
	if (strcmp(key, "issued") == 0) {
		blanks(r);
		if (strncmp(r->at, "null", 4) == 0)
			return skip_value(r);
		return read_instant(r, "issued", &f->issued_s);
	}
	if (strcmp(key, "start") == 0) {
		*seen |= SAW_START;
		return read_instant(r, "start", &f->start_s);
	}
	if (strcmp(key, "slot_s") == 0) {
		*seen |= SAW_SLOT;
		rc = read_number(r, "slot_s", 1, 86400, &number);
		if (rc == 0)
			f->slot_s = (uint32_t) number;
		return rc == 0 && number != (double) f->slot_s ? refuse(r, "slot_s must be whole seconds") : rc;
	}
	if (strcmp(key, "values") == 0) {
		*seen |= SAW_VALUES;
		return read_values(r, f);
	}
	return skip_value(r);
}

/* Ranges that depend on the unit. */
static int judge(const struct reader *r, struct wattle_forecast *f, unsigned seen)
{
	if (!(seen & SAW_SLOT) || !(seen & SAW_START) || !(seen & SAW_VALUES))
		return wattle_err_set(r->err, EINVAL, "%s: slot_s, start and values are needed", r->name);
	if (f->n == 0)
		return wattle_err_set(r->err, EINVAL, "%s has no values", r->name);
	if (!(seen & SAW_UNIT) || strcmp(f->unit, "gCO2/kWh") == 0) {
		memcpy(f->unit, "gCO2/kWh", sizeof("gCO2/kWh"));
	} else if (strlen(f->unit) == 7 && strcmp(f->unit + 3, "/MWh") == 0) {
		f->quantity = WATTLE_QUANTITY_PRICE;
		return 0;
	} else {
		return wattle_err_set(r->err, EINVAL, "%s: unit \"%s\": gCO2/kWh is needed, or for a price a currency such as EUR/MWh",
				      r->name, f->unit);
	}
	for (uint32_t i = 0; i < f->n; i++)
		if (f->value[i] < 0 || f->value[i] > WATTLE_FORECAST_INTENSITY_MAX)
			return wattle_err_set(r->err, EINVAL, "%s: value %u is %g gCO2/kWh: 0 to %g are taken", r->name, i, f->value[i],
					      WATTLE_FORECAST_INTENSITY_MAX);
	return 0;
}

static int parse(const char *name, const char *text, bool holes, struct wattle_forecast *ret, struct wattle_err *err)
{
	struct reader r = { name, text, text, err, holes };
	struct wattle_forecast f = { .value = ret->value, .room = ret->room, .dated = true, .source = "forecast cache" };
	unsigned seen = 0;
	int rc;

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at += 3;
	if (!take(&r, '{'))
		return refuse(&r, "no forecast: a JSON object is needed");
	if (!take(&r, '}')) {
		do {
			rc = read_member(&r, &f, &seen);
			if (rc < 0)
				return rc;
		} while (take(&r, ','));
		if (!take(&r, '}'))
			return refuse(&r, "the object is not closed: the file was cut off?");
	}
	blanks(&r);
	if (*r.at)
		return refuse(&r, "text behind the object");
	rc = judge(&r, &f, seen);
	if (rc < 0)
		return rc;
	*ret = f;
	return 0;
}

int wattle_forecast_parse_cache(const char *name, const char *text, struct wattle_forecast *ret, struct wattle_err *err)
{
	return parse(name, text, false, ret, err);
}

int wattle_forecast_parse_history(const char *name, const char *text, struct wattle_forecast *ret, struct wattle_err *err)
{
	return parse(name, text, true, ret, err);
}

struct writer {
	char *text;
	size_t size, n;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(w->n < w->size ? w->text + w->n : NULL, w->n < w->size ? w->size - w->n : 0, format, args);
	va_end(args);
	if (n > 0)
		w->n += (size_t) n;
}

int64_t wattle_forecast_format_cache(const struct wattle_forecast *f, char *text, size_t size, struct wattle_err *err)
{
	struct writer w = { text, size, 0 };
	char moment[WATTLE_INSTANT_SIZE], number[40];

	if (!f->dated)
		return wattle_err_set(err, EINVAL, "a series without dates is no forecast to keep");
	if (strpbrk(f->zone, "\"\\") || strpbrk(f->unit, "\"\\"))
		return wattle_err_set(err, EINVAL, "zone or unit hold a quote or backslash");
	put(&w, "{\"zone\": \"%s\", \"signal\": \"%s\", \"unit\": \"%s\",", f->zone, wattle_signal_name(f->signal), f->unit);
	if (f->issued_s > 0)
		put(&w, " \"issued\": \"%s\",", wattle_instant_format(f->issued_s, moment));
	put(&w, " \"slot_s\": %" PRIu32 ", \"start\": \"%s\",\n \"values\": [", f->slot_s, wattle_instant_format(f->start_s, moment));
	for (uint32_t i = 0; i < f->n; i++) {
		if (isnan(f->value[i]))
			memcpy(number, "null", sizeof("null"));
		else if (wattle_decimal_print(number, sizeof(number), f->value[i], 10) < 0)
			return wattle_err_set(err, EINVAL, "value %u is no number", i);
		put(&w, "%s%s", i == 0 ? "" : i % 12 ? ", " : ",\n  ", number);
	}
	put(&w, "]}\n");
	return (int64_t) w.n;
}
