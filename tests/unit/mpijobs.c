/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpijobs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "runner.h"

struct json_object *mpijob_of(const char *metadata, unsigned workers)
{
	char text[8192];
	struct json_object *object;

	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"kubeflow.org/v2beta1\",\"kind\":\"MPIJob\",\"metadata\":{\"name\":\"nbody\",\"namespace\":\"team\"%s},\"spec\":{"
		 "\"slotsPerWorker\":1,\"mpiReplicaSpecs\":{"
		 "\"Launcher\":{\"replicas\":1,\"template\":{\"spec\":{\"containers\":[{\"name\":\"launcher\",\"image\":\"x\"}]}}},"
		 "\"Worker\":{\"replicas\":%u,\"template\":{\"spec\":{\"containers\":[{\"name\":\"worker\",\"image\":\"x\"}]}}}}}}",
		 metadata, workers);
	object = json_tokener_parse(text);
	if (!object) {
		fprintf(stderr, "no JSON: %s\n", text);
		exit(1);
	}
	return object;
}

void mpijob_set(struct json_object *object, const char *path, const char *json)
{
	struct json_object *value = json_tokener_parse(json), *next;
	char key[128];

	for (;;) {
		size_t n = 0;

		for (; *path && *path != '.'; path++) {
			if (path[0] == '\\' && path[1])
				path++;
			key[n++] = *path;
		}
		key[n] = '\0';
		if (!*path++)
			break;
		if (json_object_is_type(object, json_type_array)) {
			next = json_object_array_get_idx(object, (size_t) atoi(key));
		} else if (!json_object_object_get_ex(object, key, &next)) {
			next = json_object_new_object();
			json_object_object_add(object, key, next);
		}
		object = next;
	}
	json_object_object_add(object, key, value);
}

static void put_node(struct wattle_nodes *nodes, const char *name, const char *labels, const char *taints, const char *watts)
{
	char text[1024];
	struct json_object *node;
	struct wattle_err err = WATTLE_ERR_INIT;

	snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\",\"labels\":{%s}},\"spec\":{\"taints\":[%s]},\"status\":{\"capacity\":{"
		 "\"cpu\":\"64\",\"wattle.hpc/watts\":\"%s\"}}}", name, labels, taints, watts);
	node = json_tokener_parse(text);
	if (wattle_nodes_put(nodes, node, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	json_object_put(node);
}

void site_open(const char *name, struct wattle_k8s_site *ret)
{
	struct wattle_siteconf *conf = malloc(sizeof(*conf));
	struct wattle_nodes *nodes = wattle_nodes_new(WATTLE_WATTS_RESOURCE);
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_fclose FILE *f = NULL;
	cleanup_free char *text = NULL;
	char file[64];
	size_t size = 0;

	snprintf(file, sizeof(file), "golden/%s.conf", name);
	f = fopen(test_file(file), "re");
	if (!f || getdelim(&text, &size, '\0', f) < 0 || !conf || !nodes || wattle_siteconf_parse(file, text, conf, &err) < 0) {
		fprintf(stderr, "%s: %s\n", file, err.text);
		exit(1);
	}
	put_node(nodes, "n1", "\"kind\":\"standard\"", "", "400");
	put_node(nodes, "n2", "\"kind\":\"standard\"", "", "400");
	put_node(nodes, "s1", "\"kind\":\"small\"", "{\"key\":\"small\",\"effect\":\"NoSchedule\"}", "90");
	put_node(nodes, "f1", "\"kind\":\"fat\"", "{\"key\":\"fat\",\"effect\":\"NoSchedule\"}", "1200");
	*ret = (struct wattle_k8s_site){ .conf = conf, .sources = wattle_sources_open(NULL, NULL), .nodes = nodes };
}

void site_close(struct wattle_k8s_site *site)
{
	free((void *) (uintptr_t) site->conf);
	wattle_nodes_free((void *) (uintptr_t) site->nodes);
	wattle_sources_close(site->sources);
}

/* --- JSON Patch ------------------------------------------------------------------------------------------------------------------------- */

static void unescape(char *s)
{
	char *d = s;

	for (; *s; s++)
		if (s[0] == '~' && (s[1] == '0' || s[1] == '1'))
			*d++ = *++s == '0' ? '~' : '/';
		else
			*d++ = *s;
	*d = '\0';
}

static bool apply_one(struct json_object *object, struct json_object *op)
{
	const char *what = json_object_get_string(json_object_object_get(op, "op"));
	cleanup_free char *path = strdup(json_object_get_string(json_object_object_get(op, "path")));
	struct json_object *value;
	char *key = path + 1, *end;

	if (*path != '/')
		return false;
	while ((end = strchr(key, '/'))) {
		*end = '\0';
		unescape(key);
		if (json_object_is_type(object, json_type_array))
			object = json_object_array_get_idx(object, (size_t) atoi(key));
		else if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &object))
			return false;
		key = end + 1;
	}
	unescape(key);
	if (!json_object_is_type(object, json_type_object))
		return false;
	if (strcmp(what, "remove") == 0) {
		if (!json_object_object_get_ex(object, key, NULL))
			return false;
		json_object_object_del(object, key);
		return true;
	}
	if (strcmp(what, "add") != 0 || !json_object_object_get_ex(op, "value", &value))
		return false;
	return json_object_object_add(object, key, json_object_get(value)) == 0;
}

bool patch_apply(struct json_object *object, struct json_object *patch)
{
	for (size_t i = 0; i < json_object_array_length(patch); i++)
		if (!apply_one(object, json_object_array_get_idx(patch, i)))
			return false;
	return true;
}
