/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AdmissionReviews from anyone: what is answered is a review that allows, and its patch applies to the object that came. */
#include "fuzz.h"

#include "cleanup.h"
#include "dig.h"
#include "json.h"
#include "review.h"

static const char conf_text[] = "[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n";

static const struct wattle_k8s_site *site_of(void)
{
	static struct wattle_k8s_site site;
	static struct wattle_siteconf conf;
	struct json_object *node;
	struct wattle_nodes *nodes;

	if (site.conf)
		return &site;
	MUST(wattle_siteconf_parse("f", conf_text, &conf, NULL) == 0);
	nodes = wattle_nodes_new(WATTLE_WATTS_RESOURCE);
	node = json_tokener_parse("{\"metadata\":{\"name\":\"n1\"},\"status\":{\"capacity\":{\"wattle.hpc/watts\":\"400\"}}}");
	MUST(nodes && wattle_nodes_put(nodes, node, NULL) == 0);
	json_object_put(node);
	site = (struct wattle_k8s_site){ .conf = &conf, .nodes = nodes, .sources = wattle_sources_open(NULL, NULL), .kueue = true };
	return &site;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	cleanup_json struct json_object *answer = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	enum wattle_review_kind kind;
	struct json_object *response;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	answer = wattle_review_answer(text, size, site_of(), 1763776800, &kind, &err);
	if (!answer) {
		MUST(kind == WATTLE_REVIEW_BAD && err.text[0]);
		return 0;
	}
	response = wattle_dig(answer, json_type_object, "response", NULL);
	MUST(json_object_get_boolean(wattle_dig(response, json_type_boolean, "allowed", NULL)));
	MUST(*wattle_dig_text(response, "uid"));
	MUST(!*wattle_dig_text(response, "patch") || strcmp(wattle_dig_text(response, "patchType"), "JSONPatch") == 0);
	return 0;
}
