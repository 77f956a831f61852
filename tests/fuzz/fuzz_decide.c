/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A decision by a user's own model: the first line is a slowdown, the rest a profile that came along with a submission. */
#include "fuzz.h"
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char site[] = "[site]\nbudget_w = 5000\n[class a]\nbase_w = 60\nmin_w = 100\nmax_w = 400\n";
	static struct wattle_siteconf conf;
	struct wattle_request request = WATTLE_REQUEST_INIT;
	char *text = fuzz_text(data, size), *carried, name[WATTLE_MODEL_NAME_MAX];
	const char *pct = fuzz_line(text, &carried);
	struct wattle_scaling scaling;
	struct wattle_decision d;
	struct wattle_model model;
	const struct wattle_facts facts = { .nodes_max = 4, .model = &model, .profile = name };

	if (!conf.n_classes)
		MUST(wattle_siteconf_parse("f", site, &conf, NULL) == 0);
	if (carried && wattle_request_set(&request, "slowdown", pct, NULL) == 0 &&
	    wattle_model_parse(carried, name, &model, &scaling, NULL) == 0 && wattle_decide(&conf, &request, &facts, &d, NULL) == 0) {
		MUST(d.watts_w >= 100 && d.watts_w <= 400 && d.charge_w == 4ull * d.watts_w);
		MUST(d.slowdown_pct >= 0 && strcmp(d.profile, name) == 0);
	}
	free(text);
	return 0;
}
