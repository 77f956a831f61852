/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "units.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 15 /* a decimal of 15 digits survives in a double */

struct decimal {
	uint64_t digits;   /* 12.50 is 1250 … */
	uint64_t divisor;  /* … over 100 */
};

/* Reads "12", "12.5" or ".5" and returns what follows, or NULL. strtod would take the locale's comma, "nan" and "0x1p4". */
static const char *read_decimal(const char *s, struct decimal *ret)
{
	struct decimal d = { 0, 1 };
	unsigned significant = 0, seen = 0;
	bool fraction = false;

	for (;; s++) {
		if (*s == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (*s < '0' || *s > '9')
			break;
		seen++;
		if (significant > 0 || *s != '0')
			significant++;
		if (significant > DIGITS_MAX || seen > 2 * DIGITS_MAX || (fraction && d.divisor >= 1000000000000u))
			return NULL;
		d.digits = 10 * d.digits + (uint64_t) (*s - '0');
		if (fraction)
			d.divisor *= 10;
	}
	if (seen == 0)
		return NULL;
	*ret = d;
	return s;
}

/* One rounding only, so that 0.3 kW is 300 W and not 301 when it is rounded up. */
static double decimal_times(const struct decimal *d, uint32_t factor)
{
	return (double) d->digits * (double) factor / (double) d->divisor;
}

static int bad_watts(struct wattle_err *err, const char *text)
{
	char quoted[64];

	return wattle_err_set(err, EINVAL, "\"%s\" is no power: say 300, 300W or 0.3kW per node, 1200W/job for all nodes, "
			      "or 70%% of a node's maximum", wattle_err_quote(quoted, sizeof(quoted), text));
}

int wattle_watts_parse(const char *text, struct wattle_watts *ret, struct wattle_err *err)
{
	struct wattle_watts watts = { WATTLE_WATTS_PER_NODE, 0 };
	struct decimal number;
	const char *rest;
	uint32_t factor = 1;

	rest = text ? read_decimal(text, &number) : NULL;
	if (!rest)
		return bad_watts(err, text);
	if (strcmp(rest, "%") == 0) {
		watts.kind = WATTLE_WATTS_PERCENT;
		rest++;
	} else {
		if (strncasecmp(rest, "kw", 2) == 0) {
			factor = 1000;
			rest += 2;
		} else if (*rest == 'W' || *rest == 'w') {
			rest++;
		}
		if (strcmp(rest, "/job") == 0) {
			watts.kind = WATTLE_WATTS_PER_JOB;
			rest += 4;
		}
	}
	if (*rest)
		return bad_watts(err, text);
	watts.value = decimal_times(&number, factor);
	if (number.digits == 0)
		return wattle_err_set(err, ERANGE, "no job can run at 0 %s: name the watts it needs",
				      watts.kind == WATTLE_WATTS_PERCENT ? "%" : "W");
	if (watts.kind == WATTLE_WATTS_PERCENT && watts.value > 100)
		return wattle_err_set(err, ERANGE, "%g%% of a node's maximum can't be had: say at most 100%%", watts.value);
	if (watts.value > WATTLE_WATTS_MAX)
		return wattle_err_set(err, ERANGE, "%.0f W is more than any site has", watts.value);
	*ret = watts;
	return 0;
}

int wattle_slowdown_parse(const char *text, double *ret_pct, struct wattle_err *err)
{
	char quoted[64];
	struct decimal number;
	const char *rest;
	double pct;

	rest = text ? read_decimal(text, &number) : NULL;
	if (!rest || (*rest && strcmp(rest, "%") != 0))
		return wattle_err_set(err, EINVAL, "\"%s\" is no slowdown: say a percentage such as 5%%",
				      wattle_err_quote(quoted, sizeof(quoted), text));
	pct = decimal_times(&number, 1);
	if (number.digits == 0)
		return wattle_err_set(err, ERANGE, "a slowdown of 0 leaves nothing to save: say a percentage such as 5%%");
	if (pct < 1 && !*rest)
		return wattle_err_set(err, EINVAL, "%g is a fraction, a slowdown is a percentage: did you mean %g%%?", pct, 100 * pct);
	if (pct > 1000)
		return wattle_err_set(err, ERANGE, "a slowdown of %g%% is out of range: at most 1000%%", pct);
	*ret_pct = pct;
	return 0;
}

#define DURATION_MAX_S (10 * 366 * INT64_C(86400))

static const char *read_integer(const char *s, int64_t *ret)
{
	int64_t value = 0;
	unsigned n;

	for (n = 0; s[n] >= '0' && s[n] <= '9'; n++) {
		if (n == 12)
			return NULL;
		value = 10 * value + (s[n] - '0');
	}
	if (n == 0)
		return NULL;
	*ret = value;
	return s + n;
}

/* Slurm's forms; without days the first of one or two fields is minutes, with days it is hours. */
static int parse_slurm_time(const char *text, int64_t *ret_s)
{
	int64_t field[3] = { 0, 0, 0 }, days = 0;
	bool with_days = false;
	unsigned n = 0;
	const char *s = text;

	s = read_integer(s, &field[n++]);
	if (s && *s == '-') {
		with_days = true;
		days = field[0];
		s = read_integer(s + 1, &field[0]);
	}
	while (s && *s == ':' && n < 3)
		s = read_integer(s + 1, &field[n++]);
	if (!s || *s)
		return -EINVAL;
	if (with_days || n == 3)
		*ret_s = days * 86400 + field[0] * 3600 + field[1] * 60 + field[2];
	else
		*ret_s = field[0] * 60 + field[1];
	return 0;
}

static int parse_suffixed(const char *text, int64_t *ret_s)
{
	static const struct { char suffix; uint32_t seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
	};
	struct decimal number;
	const char *rest = read_decimal(text, &number);

	for (size_t i = 0; rest && i < sizeof(units) / sizeof(units[0]); i++)
		if (rest[0] == units[i].suffix && !rest[1]) {
			double s = ceil(decimal_times(&number, units[i].seconds));

			*ret_s = s > (double) DURATION_MAX_S ? INT64_MAX : (int64_t) s;
			return 0;
		}
	return -EINVAL;
}

int wattle_duration_parse(const char *text, int64_t *ret_s, struct wattle_err *err)
{
	char quoted[64];
	int64_t s;

	if (!text || (parse_suffixed(text, &s) < 0 && parse_slurm_time(text, &s) < 0))
		return wattle_err_set(err, EINVAL, "\"%s\" is no duration: say 90s, 90m, 12h, 2d or [D-]HH:MM:SS",
				      wattle_err_quote(quoted, sizeof(quoted), text));
	if (s < 1 || s > DURATION_MAX_S)
		return wattle_err_set(err, ERANGE, "duration \"%s\" is out of range: 1 s to 10 years",
				      wattle_err_quote(quoted, sizeof(quoted), text));
	*ret_s = s;
	return 0;
}
