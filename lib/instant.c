/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Days since 1970-01-01 of the Gregorian calendar, and back: H. Hinnant, chrono-Compatible Low-Level Date Algorithms. Years from 1970. */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400;
	unsigned of_era = (unsigned) (y - era * 400), of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468, era = z / 146097;
	unsigned of_era = (unsigned) (z - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;

	*ret_day = of_year - (153 * m + 2) / 5 + 1;
	*ret_month = m < 10 ? m + 3 : m - 9;
	*ret_year = era * 400 + year + (*ret_month <= 2);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly that many digits. */
static const char *number(const char *s, int digits, unsigned *ret)
{
	unsigned value = 0;

	if (!s)
		return NULL;
	for (int i = 0; i < digits; i++) {
		if (!is_digit(s[i]))
			return NULL;
		value = 10 * value + (unsigned) (s[i] - '0');
	}
	*ret = value;
	return s + digits;
}

static const char *separator(const char *s, char c)
{
	return s && *s == c ? s + 1 : NULL;
}

static unsigned month_length(unsigned year, unsigned month)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "Z", "+01:00", "+0100", "+01" or nothing. */
static const char *read_zone(const char *s, int64_t *ret_s, bool *ret_zoned)
{
	unsigned hours, minutes = 0;
	int sign = *s == '-' ? -1 : 1;

	*ret_s = 0;
	*ret_zoned = true;
	if (*s == 'Z' || *s == 'z')
		return s + 1;
	if (strncmp(s, " UTC", 4) == 0)
		return s + 4;
	if (*s != '+' && *s != '-') {
		*ret_zoned = false;
		return s;
	}
	s = number(s + 1, 2, &hours);
	if (s && *s == ':')
		s = number(s + 1, 2, &minutes);
	else if (s && is_digit(*s))
		s = number(s, 2, &minutes);
	if (!s || hours > 23 || minutes > 59)
		return NULL;
	*ret_s = sign * (int64_t) (hours * 3600 + minutes * 60);
	return s;
}

int wattle_instant_parse(const char *text, int64_t *ret_s, bool *ret_zoned)
{
	unsigned year, month, day, hour = 0, minute = 0, second = 0;
	int64_t offset_s = 0;
	bool zoned = false;
	const char *s;

	s = number(text, 4, &year);
	s = number(separator(s, '-'), 2, &month);
	s = number(separator(s, '-'), 2, &day);
	if (!s || year < 1970 || month < 1 || month > 12 || day < 1 || day > month_length(year, month))
		return -EINVAL;
	if (*s) {
		if (*s != 'T' && *s != 't' && *s != ' ')
			return -EINVAL;
		s = number(s + 1, 2, &hour);
		s = number(separator(s, ':'), 2, &minute);
		if (s && *s == ':')
			s = number(s + 1, 2, &second);
		if (!s || hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute || second)))
			return -EINVAL;
		if (*s == '.' && is_digit(s[1]))
			for (s++; is_digit(*s); s++)
				;
		s = read_zone(s, &offset_s, &zoned);
		if (!s || *s)
			return -EINVAL;
	}
	*ret_s = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
	if (ret_zoned)
		*ret_zoned = zoned;
	return 0;
}

const char *wattle_instant_format(int64_t s, char buf[WATTLE_INSTANT_SIZE])
{
	int64_t days = s / 86400, year;
	unsigned of_day = (unsigned) (s % 86400), month, day;

	if (s < 0 || s > INT64_C(253402300799))
		return "?";
	civil_from_days(days, &year, &month, &day);
	snprintf(buf, WATTLE_INSTANT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned) year % 10000, month % 100, day % 100, of_day / 3600 % 100,
		 of_day / 60 % 60, of_day % 60);
	return buf;
}
