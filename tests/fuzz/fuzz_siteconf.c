/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wattle.conf: what is taken can be decided by; what is refused names the file. */
#include "fuzz.h"
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wattle_siteconf conf;
	const struct wattle_request request = { .power = { WATTLE_WATTS_PERCENT, 70 } };
	const struct wattle_facts facts = { .nodes_max = 3, .partitions = "a,b" };
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text = fuzz_text(data, size);
	struct wattle_decision d;

	if (wattle_siteconf_parse("f", text, &conf, &err) < 0) {
		MUST(err.code > 0 && strncmp(err.text, "f:", 2) == 0);
		goto out;
	}
	MUST(conf.n_classes > 0);
	for (uint32_t i = 0; i < conf.n_classes; i++) {
		const struct wattle_class *c = &conf.classes[i];

		MUST(c->base_w < c->min_w && c->min_w <= c->default_w && c->default_w <= c->max_w);
	}
	for (uint32_t i = 0; i < conf.n_partitions; i++) {
		struct wattle_limits l;

		wattle_siteconf_limits(&conf, conf.partitions[i].name, &l);
		MUST(l.class->min_w <= l.min_w && l.min_w <= l.default_w && l.default_w <= l.max_w && l.max_w <= l.class->max_w);
	}
	wattle_siteconf_node_class(&conf, "n17");
	if (wattle_decide(&conf, &request, &facts, &d, &err) == 0)
		MUST(d.charge_w == 3ull * d.watts_w);
out:
	free(text);
	return 0;
}
