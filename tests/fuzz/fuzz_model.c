/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A model as slurmctld gets it: a valid one or a refusal, and a valid one comes back as it went and answers in its range. */
#include <math.h>

#include "fuzz.h"
#include "model.h"

static void check(const char *name, const struct wattle_model *model, const struct wattle_scaling *scaling)
{
	char text[WATTLE_MODEL_TEXT_MAX], again[WATTLE_MODEL_NAME_MAX];
	struct wattle_scaling back_scaling;
	struct wattle_model_watts watts;
	struct wattle_model back;

	if (wattle_model_check(model, NULL) < 0 || !wattle_model_name_valid(name))
		abort();
	for (double pct = 0; pct < 1000; pct = 2 * pct + 1)
		if (wattle_model_watts(model, pct, 0, 0, &watts, NULL) < 0 || !(watts.watts_w >= model->cap_min_w) ||
		    !(watts.watts_w <= model->cap_max_w) || !isfinite(watts.slowdown_pct))
			abort();
	if (wattle_model_format(name, model, scaling, text, sizeof(text), NULL) == 0 &&
	    (wattle_model_parse(text, again, &back, &back_scaling, NULL) < 0 || strcmp(name, again) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), name[WATTLE_MODEL_NAME_MAX];
	struct wattle_scaling scaling;
	struct wattle_model model;

	memcpy(text, data, size);
	text[size] = '\0';
	if (wattle_model_parse(text, name, &model, &scaling, NULL) == 0)
		check(name, &model, &scaling);
	free(text);
	return 0;
}
