/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json_new.h"

#include <math.h>
#include <string.h>

#include "decimal.h"

static struct json_object *number_from(double value, const char *text)
{
	/* -0 would be read as a sign that means something */
	return strcmp(text, "-0") == 0 ? json_object_new_double_s(0, "0") : json_object_new_double_s(value, text);
}

struct json_object *wattle_json_new_number(double value)
{
	char text[40];
	double again;

	if (!isfinite(value))
		return NULL;
	for (int digits = 15; digits <= 17; digits++)
		if (wattle_decimal_print(text, sizeof(text), value, digits) == 0 && wattle_decimal_parse(text, &again) == 0 &&
		    again == value)
			break;
	return number_from(value, text);
}

struct json_object *wattle_json_new_estimate(double value, int digits)
{
	char text[40];

	if (!isfinite(value) || wattle_decimal_print(text, sizeof(text), value, digits) < 0)
		return NULL;
	return number_from(value, text);
}
