/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A step's record, from a file that is the job's user's: numbers or a refusal, and what is taken can be written. */
#include <math.h>

#include "fuzz.h"
#include "report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wattle_record record, again;
	static char formed[16384];
	char *text = fuzz_text(data, size);

	if (wattle_record_parse(text, &record) == 0) {
		MUST(record.node[0] && strnlen(record.node, sizeof(record.node)) < sizeof(record.node));
		MUST(isfinite(record.elapsed_s) && record.elapsed_s >= 0 && isfinite(record.energy_j));
		MUST(isfinite(record.mean_w) && isfinite(record.peak_w) && isfinite(record.capped_s) && isfinite(record.at_cap_s) &&
		     isfinite(record.over_s));
		MUST(record.slices.n <= WATTLE_SLICES_MAX && (record.slices.n == 0 || record.slices.slice_s > 0));
		if (wattle_record_format(&record, formed, sizeof(formed)) == 0)
			MUST(wattle_record_parse(formed, &again) == 0 && strcmp(again.node, record.node) == 0 &&
			     again.start_s == record.start_s && again.slices.n == record.slices.n);
	}
	free(text);
	return 0;
}
