/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scaling curve from anyone: refused with a reason, or fit to be used. */
#include "fuzz.h"
#include "scaling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_scaling scaling;

	if (wattle_scaling_parse("fuzz", text, &scaling, &err) == 0)
		MUST(scaling.n >= 1 && scaling.n <= WATTLE_SCALING_MAX && wattle_scaling_check(&scaling, NULL) == 0);
	else
		MUST(err.code > 0 && strncmp(err.text, "fuzz", 4) == 0);
	free(text);
	return 0;
}
