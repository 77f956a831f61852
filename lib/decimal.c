/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decimal.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 40 /* taken at all */
#define DIGITS_KEPT 19 /* that fit 64 bits; later ones only move the exponent */
#define EXPONENT_MAX 400

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Long double holds 10^27 exactly and 64 bits of digits: one rounding for all that people write. */
static double scale_by_ten(uint64_t digits, int exponent)
{
	long double value = (long double) digits, ten = 1;

	for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--)
		ten *= 10;
	return (double) (exponent < 0 ? value / ten : value * ten);
}

static const char *read_exponent(const char *s, int *ret)
{
	bool minus = false;
	int value = 0;

	if ((*s != 'e' && *s != 'E') || !(is_digit(s[1]) || ((s[1] == '-' || s[1] == '+') && is_digit(s[2]))))
		return s;
	s++;
	if (*s == '-' || *s == '+')
		minus = *s++ == '-';
	for (; is_digit(*s); s++)
		if (value <= EXPONENT_MAX)
			value = 10 * value + (*s - '0');
	*ret += minus ? -value : value;
	return s;
}

int wattle_decimal_read(const char *text, const char **ret_end, double *ret)
{
	const char *s = text;
	bool minus = false, fraction = false;
	uint64_t digits = 0;
	int seen = 0, kept = 0, exponent = 0;
	double value;

	if (*s == '-' || *s == '+')
		minus = *s++ == '-';
	for (;; s++) {
		if (*s == '.' && !fraction) {
			fraction = true;
			continue;
		}
		if (!is_digit(*s))
			break;
		if (++seen > DIGITS_MAX)
			return -ERANGE;
		if (kept < DIGITS_KEPT) {
			digits = 10 * digits + (uint64_t) (*s - '0');
			kept += digits > 0;
			exponent -= fraction;
		} else {
			exponent += !fraction;
		}
	}
	if (seen == 0)
		return -EINVAL;
	s = read_exponent(s, &exponent);
	if (exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
		return -ERANGE;
	value = scale_by_ten(digits, exponent);
	if (!isfinite(value) || (digits > 0 && value == 0))
		return -ERANGE;
	*ret = minus ? -value : value;
	*ret_end = s;
	return 0;
}

int wattle_decimal_parse(const char *text, double *ret)
{
	const char *end;
	double value;
	int rc;

	text += strspn(text, " \t");
	rc = wattle_decimal_read(text, &end, &value);
	if (rc < 0)
		return rc;
	if (end[strspn(end, " \t")])
		return -EINVAL;
	*ret = value;
	return 0;
}

int wattle_decimal_print(char *buf, size_t size, double value, int digits)
{
	char text[64];
	size_t n = 0;

	if (!isfinite(value))
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*g", digits > 17 ? 17 : digits, value);
	/* whatever the locale's point is, one byte or three: the only thing that is not plain ASCII arithmetic */
	for (const char *s = text; *s; s++) {
		bool plain = is_digit(*s) || strchr("+-e.", *s);

		if (n + 1 >= size)
			return -ENOSPC;
		if (plain)
			buf[n++] = *s;
		else if (n > 0 && buf[n - 1] != '.')
			buf[n++] = '.';
	}
	if (size == 0)
		return -ENOSPC;
	buf[n] = '\0';
	return 0;
}
