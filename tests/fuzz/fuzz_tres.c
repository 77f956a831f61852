/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of licences and gres of a job: our entry goes in once, and comes out again. */
#include "fuzz.h"
#include "tres.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[WATTLE_TRES_MAX], again[WATTLE_TRES_MAX], *text = fuzz_text(data, size);
	uint64_t count;

	if (wattle_licence_merge(text, "power", 77, out, sizeof(out), NULL) == 0) {
		MUST(wattle_licence_find(out, "power", &count, NULL) == 1 && count == 77);
		MUST(wattle_licence_merge(out, "power", 77, again, sizeof(again), NULL) == 0 && strcmp(out, again) == 0);
	}
	if (wattle_gres_merge(text, "power", 77, "gres/", out, sizeof(out), NULL) == 0)
		MUST(wattle_gres_find(out, "power", &count, NULL) == 1 && count == 77);
	wattle_licence_find(text, "power", &count, NULL);
	wattle_gres_find(text, "power", &count, NULL);
	free(text);
	return 0;
}
