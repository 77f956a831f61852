/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer over the parsers that slurmctld runs on what users and files say. The first byte chooses the parser; what each
 * promises is checked, not only that it survives.
 * tests/run fuzz builds and runs it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "grant.h"
#include "hostmatch.h"
#include "jobsubmit.h"
#include "policy.h"
#include "tres.h"
#include "units.h"

#define MUST(condition) do { if (!(condition)) { fprintf(stderr, "broken: %s\n", #condition); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_units(const char *text)
{
	struct wattle_watts watts = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
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
}

/* The first line is the word, the rest its value. */
static void fuzz_request(const char *text)
{
	const struct wattle_request none = WATTLE_REQUEST_INIT;
	struct wattle_request request = WATTLE_REQUEST_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;
	const char *value = strchr(text, '\n');
	char word[64];

	if (!value || (size_t) (value - text) >= sizeof(word))
		return;
	memcpy(word, text, (size_t) (value - text));
	word[value - text] = '\0';
	if (wattle_request_set(&request, word, value + 1, &err) < 0) {
		MUST(err.code > 0 && err.text[0] && memcmp(&request, &none, sizeof(none)) == 0);
		return;
	}
	MUST(!wattle_request_empty(&request));
	MUST(request.slowdown_pct >= 0 && request.slowdown_pct <= 1000);
	MUST(!request.profile[0] || (wattle_model_name_valid(request.profile) && !request.profile_own));
	MUST(request.carbon_within_s >= 0 && request.carbon_work_s >= 0);
}

/* The first line is a slowdown, the rest a profile that travelled. */
static void fuzz_slowdown(const char *text)
{
	static const char site[] = "[site]\nbudget_w = 5000\n[class a]\nbase_w = 60\nmin_w = 100\nmax_w = 400\n";
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	struct wattle_request request = WATTLE_REQUEST_INIT;
	char pct[16], name[WATTLE_MODEL_NAME_MAX];
	const char *carried = strchr(text, '\n');
	struct wattle_scaling scaling;
	struct wattle_decision d;
	struct wattle_model model;
	const struct wattle_facts facts = { .nodes_max = 4, .model = &model, .profile = name };

	if (!conf || !carried || (size_t) (carried - text) >= sizeof(pct))
		return;
	memcpy(pct, text, (size_t) (carried - text));
	pct[carried - text] = '\0';
	if (wattle_siteconf_parse("f", site, conf, NULL) < 0 || wattle_request_set(&request, "slowdown", pct, NULL) < 0 ||
	    wattle_model_parse(carried + 1, name, &model, &scaling, NULL) < 0 || wattle_decide(conf, &request, &facts, &d, NULL) < 0)
		return;
	MUST(d.watts_w >= 100 && d.watts_w <= 400 && d.charge_w == 4ull * d.watts_w);
	MUST(d.slowdown_pct >= 0 && strcmp(d.profile, name) == 0);
}

static void fuzz_siteconf(const char *text)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	const struct wattle_request request = { .power = { WATTLE_WATTS_PERCENT, 70 } };
	const struct wattle_facts facts = { .nodes_max = 3, .partitions = "a,b" };
	struct wattle_decision d;
	struct wattle_err err = WATTLE_ERR_INIT;

	if (!conf)
		return;
	if (wattle_siteconf_parse("f", text, conf, &err) < 0) {
		MUST(err.code > 0 && strncmp(err.text, "f:", 2) == 0);
		return;
	}
	MUST(conf->n_classes > 0);
	for (uint32_t i = 0; i < conf->n_classes; i++) {
		const struct wattle_class *c = &conf->classes[i];

		MUST(c->base_w < c->min_w && c->min_w <= c->default_w && c->default_w <= c->max_w);
	}
	for (uint32_t i = 0; i < conf->n_partitions; i++) {
		struct wattle_limits l;

		wattle_siteconf_limits(conf, conf->partitions[i].name, &l);
		MUST(l.class->min_w <= l.min_w && l.min_w <= l.default_w && l.default_w <= l.max_w && l.max_w <= l.class->max_w);
	}
	wattle_siteconf_node_class(conf, "n17");
	if (wattle_decide(conf, &request, &facts, &d, &err) == 0)
		MUST(d.charge_w == 3ull * d.watts_w);
}

static void fuzz_tres(const char *text)
{
	char out[WATTLE_TRES_MAX], again[WATTLE_TRES_MAX];
	uint64_t count;

	if (wattle_licence_merge(text, "power", 77, out, sizeof(out), NULL) == 0) {
		MUST(wattle_licence_find(out, "power", &count, NULL) == 1 && count == 77);
		MUST(wattle_licence_merge(out, "power", 77, again, sizeof(again), NULL) == 0 && strcmp(out, again) == 0);
	}
	if (wattle_gres_merge(text, "power", 77, "gres/", out, sizeof(out), NULL) == 0)
		MUST(wattle_gres_find(out, "power", &count, NULL) == 1 && count == 77);
	wattle_licence_find(text, "power", &count, NULL);
	wattle_gres_find(text, "power", &count, NULL);
}

static void fuzz_grant(const char *text)
{
	struct wattle_grant grant, back;
	char formed[WATTLE_GRANT_MAX];

	if (wattle_grant_parse(text, &grant, NULL) < 0)
		return;
	MUST(grant.watts_w > 0);
	MUST(wattle_grant_format(&grant, formed, sizeof(formed)) == 0);
	MUST(wattle_grant_parse(formed, &back, NULL) == 0 && back.watts_w == grant.watts_w && back.defaulted == grant.defaulted);
	MUST(strcmp(back.profile, grant.profile) == 0);
}

static void fuzz_hosts(const char *text)
{
	const char *host = strchr(text, '\n');
	char list[600];

	if (!host || (size_t) (host - text) >= sizeof(list))
		return;
	memcpy(list, text, (size_t) (host - text));
	list[host - text] = '\0';
	wattle_hostlist_check(list, NULL);
	wattle_host_matches(list, host + 1);
}

static void fuzz_script(const char *text, size_t len)
{
	struct wattle_option option;

	if (wattle_script_option(text, len, &option))
		MUST(strncmp(option.word, "power", 5) == 0 && strlen(option.value) < WATTLE_WORD_MAX);
	if (wattle_submit_line_option(text, len, len > 0 ? (uint8_t) text[0] % 3 : 0, &option))
		MUST(strncmp(option.word, "power", 5) == 0 && strlen(option.value) < WATTLE_WORD_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);

	if (!text || size == 0)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 8) {
	case 0:
		fuzz_units(text);
		break;
	case 1:
		fuzz_siteconf(text);
		break;
	case 2:
		fuzz_tres(text);
		break;
	case 3:
		fuzz_grant(text);
		break;
	case 4:
		fuzz_hosts(text);
		break;
	case 6:
		fuzz_request(text);
		break;
	case 7:
		fuzz_slowdown(text);
		break;
	default:
		fuzz_script(text, size - 1);
		break;
	}
	return 0;
}
