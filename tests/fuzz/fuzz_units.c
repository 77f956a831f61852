/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watts, slowdowns and durations as users say them. */
#include "fuzz.h"
#include "units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wattle_watts watts = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text = fuzz_text(data, size);
	double pct;
	int64_t s;

	if (wattle_watts_parse(text, &watts, &err) == 0)
		MUST(watts.kind != WATTLE_WATTS_NONE && watts.value > 0 && watts.value <= WATTLE_WATTS_MAX);
	else
		MUST(err.code > 0 && err.text[0] && watts.kind == WATTLE_WATTS_NONE);
	if (wattle_slowdown_parse(text, &pct, NULL) == 0)
		MUST(pct > 0 && pct <= 1000);
	if (wattle_duration_parse(text, &s, NULL) == 0)
		MUST(s >= 1 && s <= INT64_C(10) * 366 * 86400);
	free(text);
	return 0;
}
