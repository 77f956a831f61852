/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "quantity.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 40
#define MILLI_MAX 9.0e18 /* of 64 bits */

static bool suffix_factor(const char *suffix, double *ret)
{
	static const struct {
		const char *suffix;
		double factor;
	} known[] = {
		{ "", 1 },       { "m", 1e-3 },        { "k", 1e3 },          { "M", 1e6 },            { "G", 1e9 },
		{ "T", 1e12 },   { "P", 1e15 },        { "E", 1e18 },         { "u", 1e-6 },           { "n", 1e-9 },
		{ "Ki", 0x1p10 }, { "Mi", 0x1p20 },    { "Gi", 0x1p30 },      { "Ti", 0x1p40 },        { "Pi", 0x1p50 },
		{ "Ei", 0x1p60 },
	};
	char *end;
	long power;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(suffix, known[i].suffix) == 0) {
			*ret = known[i].factor;
			return true;
		}
	if ((*suffix != 'e' && *suffix != 'E') || !(isdigit((unsigned char) suffix[1]) || suffix[1] == '+' || suffix[1] == '-'))
		return false;
	power = strtol(suffix + 1, &end, 10);
	if (*end || power < -12 || power > 18)
		return false;
	*ret = pow(10, (double) power);
	return true;
}

/* Digits with one point at most: strtod would take more, and reads the locale. */
static bool read_number(const char *text, double *ret, const char **ret_end)
{
	double value = 0, place = 1;
	bool point = false, digit = false;
	const char *s = text + (*text == '+');

	for (; isdigit((unsigned char) *s) || (*s == '.' && !point); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		digit = true;
		if (point)
			value += (*s - '0') * (place /= 10);
		else
			value = value * 10 + (*s - '0');
	}
	*ret = value;
	*ret_end = s;
	return digit;
}

bool wattle_quantity_milli(struct json_object *value, uint64_t *ret_milli)
{
	const char *text, *suffix;
	double number, factor, milli;

	if (!json_object_is_type(value, json_type_string) && !json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_double))
		return false;
	text = json_object_get_string(value);
	if (!text || strnlen(text, TEXT_MAX) == TEXT_MAX || !read_number(text, &number, &suffix) || !suffix_factor(suffix, &factor))
		return false;
	milli = number * factor * 1000;
	if (!(milli < MILLI_MAX))
		return false;
	*ret_milli = (uint64_t) ceil(milli - 1e-6); /* Kubernetes rounds up, too */
	return true;
}

bool wattle_quantity_whole(struct json_object *value, uint64_t *ret)
{
	uint64_t milli;

	if (!wattle_quantity_milli(value, &milli) || milli % 1000 != 0)
		return false;
	*ret = milli / 1000;
	return true;
}

uint64_t wattle_quantity_of(struct json_object *object, const char *key)
{
	struct json_object *value;
	uint64_t number = 0;

	if (json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value))
		wattle_quantity_whole(value, &number);
	return number;
}
