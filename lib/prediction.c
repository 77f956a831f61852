/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prediction.h"

#include <string.h>

#include "decimal.h"

bool wattle_prediction_find(const char *answer, double *ret_pct, char ret_profile[WATTLE_MODEL_NAME_MAX])
{
	const char *s = strstr(answer, "(slowdown "), *end, *name;
	char profile[WATTLE_MODEL_NAME_MAX] = "";
	double pct;
	size_t len;

	if (strncmp(answer, "wattle: ", 8) != 0 || !s || wattle_decimal_read(s + 10, &end, &pct) < 0 ||
	    strncmp(end, "%, profile ", 11) != 0)
		return false;
	name = end + 11;
	len = strcspn(name, ";,) ");
	if (len == 0 || len >= WATTLE_MODEL_NAME_MAX)
		return false;
	memcpy(profile, name, len);
	if (!wattle_model_name_valid(profile))
		return false;
	memcpy(ret_profile, profile, sizeof(profile));
	*ret_pct = pct;
	return true;
}
