/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sweep from anyone: refused, or fitted without NaN. */
#include <math.h>

#include "fuzz.h"
#include "fit/model_fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wattle_sweep sweep;
	struct wattle_fit fit;
	char *text = fuzz_text(data, size);

	if (wattle_sweep_parse("fuzz", text, &sweep, NULL) == 0)
		for (int form = 0; form < 2; form++) {
			if (wattle_model_fit(&sweep, (enum wattle_form) form, &fit, NULL) < 0)
				continue;
			if (fit.solved && (!isfinite(fit.model.linear) || !isfinite(fit.model.square) || !isfinite(fit.model.offset)))
				abort();
			if (fit.usable && wattle_model_check(&fit.model, NULL) < 0)
				abort();
		}
	free(text);
	return 0;
}
