/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mutate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dig.h"
#include "instant.h"

#define TEMPLATE "/spec/mpiReplicaSpecs/Worker/template"
#define CONTAINER TEMPLATE "/spec/containers/0"
#define API_VERSION "kubeflow.org/v2beta1"

/* --- what a job is due ----------------------------------------------------------------------------------------------------------------- */

enum { DECISION, GRANT, ASKED, START, PLAN, ANNOTATIONS };

static const char *const annotation_keys[ANNOTATIONS] = {
	[DECISION] = WATTLE_ANNOTATION_DECISION, [GRANT] = WATTLE_ANNOTATION_GRANT, [ASKED] = WATTLE_ANNOTATION_ASKED,
	[START] = WATTLE_ANNOTATION_START,       [PLAN] = WATTLE_ANNOTATION_PLAN,
};

/* "" stands for an annotation that should not be there. */
struct due {
	char annotation[ANNOTATIONS][WATTLE_PLAN_TEXT_MAX];
	uint32_t watts_w;   /* 0: none */
	bool clean_pods;    /* cleanPodPolicy must become Running */
	bool held;          /* not to start yet */
	uint32_t replicas;
};

const char *wattle_mutate_text(const struct wattle_ruling *ruling, char *text, size_t size)
{
	if (ruling->untouched)
		*text = '\0';
	else if (ruling->refused)
		snprintf(text, size, "wattle: refused: %s", ruling->why.text);
	else
		snprintf(text, size, "%s", ruling->verdict.decision.answer);
	return text;
}

static void find_due(const struct wattle_mpijob *job, const struct wattle_ruling *ruling, const char *digest, struct due *ret)
{
	char moment[WATTLE_INSTANT_SIZE];
	struct wattle_grant grant;

	memset(ret, 0, sizeof(*ret));
	ret->replicas = job->replicas;
	if (ruling->untouched)
		return;
	wattle_mutate_text(ruling, ret->annotation[DECISION], sizeof(ret->annotation[DECISION]));
	snprintf(ret->annotation[ASKED], sizeof(ret->annotation[ASKED]), "%s", digest);
	ret->held = ruling->refused || ruling->start_s > 0;
	if (ruling->refused)
		return;
	wattle_flow_grant(&job->submission, &ruling->verdict, &grant);
	if (wattle_grant_format(&grant, ret->annotation[GRANT], sizeof(ret->annotation[GRANT])) < 0)
		ret->annotation[GRANT][0] = '\0';
	if (ruling->verdict.carbon.mode != WATTLE_CARBON_OFF)
		snprintf(ret->annotation[START], sizeof(ret->annotation[START]), "%s", wattle_instant_format(ruling->verdict.carbon.start_s, moment));
	if (ruling->verdict.carbon.mode == WATTLE_CARBON_SCALE &&
	    wattle_plan_text_format(&ruling->verdict.carbon.plan, ret->annotation[PLAN], sizeof(ret->annotation[PLAN])) < 0)
		ret->annotation[PLAN][0] = '\0';
	ret->watts_w = ruling->verdict.decision.watts_w;
	ret->clean_pods = !job->clean_pods;
	ret->replicas = ruling->replicas;
}

static const char *resource_of(const struct wattle_k8s_site *site)
{
	return site->resource ? site->resource : WATTLE_WATTS_RESOURCE;
}

/* --- JSON Patch -------------------------------------------------------------------------------------------------------------------------- */

/* RFC 6901. */
static void escape_pointer(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src && n + 3 < size; src++) {
		if (*src == '~' || *src == '/') {
			dst[n++] = '~';
			dst[n++] = *src == '~' ? '0' : '1';
		} else {
			dst[n++] = *src;
		}
	}
	dst[n] = '\0';
}

/* Takes value over; NULL for a removal. False: out of memory. */
static bool add_op(struct json_object *patch, const char *op, const char *folder, const char *key, struct json_object *value)
{
	struct json_object *entry = json_object_new_object();
	char path[1024], escaped[600];

	escape_pointer(escaped, sizeof(escaped), key);
	snprintf(path, sizeof(path), "%s/%s", folder, escaped);
	if (!entry)
		return json_object_put(value), false;
	json_object_object_add(entry, "op", json_object_new_string(op));
	json_object_object_add(entry, "path", json_object_new_string(path));
	if (value)
		json_object_object_add(entry, "value", value);
	return json_object_array_add(patch, entry) == 0;
}

static bool add_object(struct json_object *patch, struct json_object *parent, const char *folder, const char *key)
{
	return wattle_dig(parent, json_type_object, key, NULL) ||
	       add_op(patch, "add", folder, key, json_object_new_object());
}

static struct json_object *new_text(uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return json_object_new_string(text);
}

/* The gates, ours among them. */
static void join_gates(const char *present, char *ret, size_t size)
{
	snprintf(ret, size, "%.400s%s" WATTLE_KUEUE_GATE, present, *present ? "," : "");
}

static bool patch_annotations(struct json_object *patch, struct json_object *object, const struct wattle_mpijob *job, const struct due *due)
{
	struct json_object *annotations = wattle_dig(object, json_type_object, "metadata", "annotations", NULL);
	bool gate = due->held && job->kueue && !job->gated, any = gate, ok = true;
	char gates[600];

	for (int i = 0; i < ANNOTATIONS; i++)
		any = any || due->annotation[i][0];
	if (any)
		ok = add_object(patch, wattle_dig(object, json_type_object, "metadata", NULL), "/metadata", "annotations");
	for (int i = 0; ok && i < ANNOTATIONS; i++) {
		if (due->annotation[i][0])
			ok = add_op(patch, "add", "/metadata/annotations", annotation_keys[i], json_object_new_string(due->annotation[i]));
		else if (annotations && json_object_object_get_ex(annotations, annotation_keys[i], NULL))
			ok = add_op(patch, "remove", "/metadata/annotations", annotation_keys[i], NULL);
	}
	if (ok && gate) {
		join_gates(wattle_dig_text(annotations, WATTLE_KUEUE_GATES), gates, sizeof(gates));
		ok = add_op(patch, "add", "/metadata/annotations", WATTLE_KUEUE_GATES, json_object_new_string(gates));
	}
	return ok;
}

static bool patch_watts(struct json_object *patch, struct json_object *object, const char *resource, const struct due *due)
{
	static const char *const sections[] = { "requests", "limits" };
	struct json_object *containers = wattle_dig(object, json_type_array, "spec", "mpiReplicaSpecs", "Worker", "template", "spec", "containers", NULL);
	struct json_object *first = containers ? json_object_array_get_idx(containers, 0) : NULL;
	struct json_object *resources = wattle_dig(first, json_type_object, "resources", NULL);

	if (!json_object_is_type(first, json_type_object))
		return true; /* refused for it */
	if (due->watts_w && !add_object(patch, first, CONTAINER, "resources"))
		return false;
	for (size_t i = 0; i < 2; i++) {
		struct json_object *section = wattle_dig(resources, json_type_object, sections[i], NULL);
		char folder[sizeof(CONTAINER) + 32];

		snprintf(folder, sizeof(folder), CONTAINER "/resources/%s", sections[i]);
		if (due->watts_w && (!add_object(patch, resources, CONTAINER "/resources", sections[i]) ||
				     !add_op(patch, "add", folder, resource, new_text(due->watts_w))))
			return false;
		/* a refused job gets none */
		if (!due->watts_w && section && json_object_object_get_ex(section, resource, NULL) && !add_op(patch, "remove", folder, resource, NULL))
			return false;
	}
	return true;
}

/* On the workers, too: their agents put the prediction into the records. */
static bool patch_workers(struct json_object *patch, struct json_object *object, const struct due *due)
{
	struct json_object *template = wattle_dig(object, json_type_object, "spec", "mpiReplicaSpecs", "Worker", "template", NULL);
	struct json_object *meta = wattle_dig(template, json_type_object, "metadata", NULL);

	if (!template || !due->watts_w)
		return true;
	return add_object(patch, template, TEMPLATE, "metadata") && add_object(patch, meta, TEMPLATE "/metadata", "annotations") &&
	       add_op(patch, "add", TEMPLATE "/metadata/annotations", WATTLE_ANNOTATION_DECISION, json_object_new_string(due->annotation[DECISION]));
}

static bool patch_policy(struct json_object *patch, struct json_object *object, const struct wattle_mpijob *job, const struct due *due)
{
	struct json_object *spec = wattle_dig(object, json_type_object, "spec", NULL);
	bool suspend = due->held && !job->kueue && !job->suspended, ok = true;

	if (!spec)
		return true; /* the API server will not have it */
	if (suspend || due->clean_pods)
		ok = add_object(patch, spec, "/spec", "runPolicy");
	if (ok && due->clean_pods)
		ok = add_op(patch, "add", "/spec/runPolicy", "cleanPodPolicy", json_object_new_string("Running"));
	if (ok && suspend)
		ok = add_op(patch, "add", "/spec/runPolicy", "suspend", json_object_new_boolean(true)) &&
		     add_op(patch, "add", "/metadata/annotations", WATTLE_ANNOTATION_HELD, json_object_new_string(due->annotation[GRANT][0] ? "start" : "refused"));
	else if (ok && wattle_dig_meta(object, "annotations", WATTLE_ANNOTATION_HELD)[0]) /* nobody says that but us */
		ok = add_op(patch, "remove", "/metadata/annotations", WATTLE_ANNOTATION_HELD, NULL);
	if (ok && due->replicas != job->replicas)
		ok = add_op(patch, "add", "/spec/mpiReplicaSpecs/Worker", "replicas", json_object_new_int64(due->replicas));
	return ok;
}

struct json_object *wattle_mutate_patch(struct json_object *object, const struct wattle_mpijob *job, const struct wattle_ruling *ruling,
					const struct wattle_k8s_site *site)
{
	struct json_object *patch = json_object_new_array();
	struct due due;
	char digest[17];

	wattle_mpijob_digest(object, digest);
	find_due(job, ruling, digest, &due);
	if (!patch)
		return NULL;
	if (!patch_annotations(patch, object, job, &due) ||
	    (!ruling->untouched && (!patch_watts(patch, object, resource_of(site), &due) || !patch_workers(patch, object, &due) || !patch_policy(patch, object, job, &due)))) {
		json_object_put(patch);
		return NULL;
	}
	return patch;
}

/* --- server-side apply --------------------------------------------------------------------------------------------------------------------- */

static struct json_object *child(struct json_object *parent, const char *key)
{
	struct json_object *object;

	if (json_object_object_get_ex(parent, key, &object))
		return object;
	object = json_object_new_object();
	json_object_object_add(parent, key, object);
	return object;
}

static void apply_watts(struct json_object *worker, const struct wattle_mpijob *job, const char *resource, const struct due *due)
{
	struct json_object *container = json_object_new_object(), *resources = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(child(resources, "requests"), resource, new_text(due->watts_w));
	json_object_object_add(child(resources, "limits"), resource, new_text(due->watts_w));
	json_object_object_add(container, "name", json_object_new_string(job->container)); /* lists of containers merge by name */
	json_object_object_add(container, "resources", resources);
	json_object_array_add(list, container);
	json_object_object_add(child(child(worker, "template"), "spec"), "containers", list);
	json_object_object_add(child(child(child(worker, "template"), "metadata"), "annotations"), WATTLE_ANNOTATION_DECISION,
			       json_object_new_string(due->annotation[DECISION]));
}

struct json_object *wattle_mutate_apply(struct json_object *object, const struct wattle_mpijob *job, const struct wattle_ruling *ruling,
					const struct wattle_k8s_site *site, unsigned parts)
{
	struct json_object *apply = json_object_new_object(), *meta = apply ? child(apply, "metadata") : NULL;
	struct due due;
	char digest[17];

	if (!apply)
		return NULL;
	wattle_mpijob_digest(object, digest);
	find_due(job, ruling, digest, &due);
	json_object_object_add(apply, "apiVersion", json_object_new_string(API_VERSION));
	json_object_object_add(apply, "kind", json_object_new_string("MPIJob"));
	json_object_object_add(meta, "name", json_object_new_string(job->name));
	if (job->namespace[0])
		json_object_object_add(meta, "namespace", json_object_new_string(job->namespace));
	for (int i = 0; (parts & WATTLE_MUTATE_WORDS) && i < ANNOTATIONS; i++)
		if (due.annotation[i][0])
			json_object_object_add(child(meta, "annotations"), annotation_keys[i], json_object_new_string(due.annotation[i]));
	if ((parts & WATTLE_MUTATE_WATTS) && due.watts_w && job->container[0])
		apply_watts(child(child(child(apply, "spec"), "mpiReplicaSpecs"), "Worker"), job, resource_of(site), &due);
	if ((parts & WATTLE_MUTATE_WATTS) && due.watts_w)
		json_object_object_add(child(child(apply, "spec"), "runPolicy"), "cleanPodPolicy",
				       json_object_new_string(job->clean_all ? "All" : "Running"));
	if (parts & WATTLE_MUTATE_SIZE)
		json_object_object_add(child(child(child(apply, "spec"), "mpiReplicaSpecs"), "Worker"), "replicas",
				       json_object_new_int64(due.replicas));
	if ((parts & (WATTLE_MUTATE_HOLD | WATTLE_MUTATE_RELEASE)) && !job->kueue)
		json_object_object_add(child(child(apply, "spec"), "runPolicy"), "suspend",
				       json_object_new_boolean((parts & WATTLE_MUTATE_HOLD) != 0));
	return apply;
}

/* --- is it done? --------------------------------------------------------------------------------------------------------------------------- */

bool wattle_mutate_done(struct json_object *object, const struct wattle_mpijob *job, const struct wattle_ruling *ruling,
			const struct wattle_k8s_site *site)
{
	struct json_object *annotations = wattle_dig(object, json_type_object, "metadata", "annotations", NULL);
	struct due due;
	char digest[17];

	(void) site;
	wattle_mpijob_digest(object, digest);
	find_due(job, ruling, digest, &due);
	if (ruling->untouched)
		return true;
	for (int i = 0; i < ANNOTATIONS; i++)
		if (strcmp(wattle_dig_text(annotations, annotation_keys[i]), due.annotation[i]) != 0)
			return false;
	/* what a refused job's user wrote himself can't be applied away; it is held instead */
	return ruling->refused || (job->watts_w == due.watts_w && job->replicas == due.replicas && !due.clean_pods);
}

/* --- a condition ------------------------------------------------------------------------------------------------------------------------------ */

static struct json_object *find_condition(struct json_object *object, bool *ret_others)
{
	struct json_object *list = wattle_dig(object, json_type_array, "status", "conditions", NULL), *found = NULL;

	*ret_others = false;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (strcmp(wattle_dig_text(one, "type"), WATTLE_CONDITION_REFUSED) == 0)
			found = one;
		else
			*ret_others = true;
	}
	return found;
}

struct json_object *wattle_mutate_condition(struct json_object *object, bool refused, const char *text, int64_t now_s)
{
	const char *status = refused ? "True" : "False", *reason = refused ? "PowerRefused" : "PowerMended", *since;
	struct json_object *metadata = wattle_dig(object, json_type_object, "metadata", NULL), *apply, *meta, *condition, *list, *now;
	char moment[WATTLE_INSTANT_SIZE];
	bool others;

	now = find_condition(object, &others);
	if (!others || (!now && !refused))
		return NULL;
	since = wattle_dig_text(now, "lastTransitionTime");
	if (strcmp(wattle_dig_text(now, "status"), status) != 0 || !since[0])
		since = wattle_instant_format(now_s, moment);
	else if (strcmp(wattle_dig_text(now, "reason"), reason) == 0 && strcmp(wattle_dig_text(now, "message"), text) == 0)
		return NULL;
	apply = json_object_new_object();
	condition = json_object_new_object();
	list = json_object_new_array();
	if (!apply || !condition || !list) {
		json_object_put(apply);
		json_object_put(condition);
		json_object_put(list);
		return NULL;
	}
	json_object_object_add(condition, "type", json_object_new_string(WATTLE_CONDITION_REFUSED));
	json_object_object_add(condition, "status", json_object_new_string(status));
	json_object_object_add(condition, "reason", json_object_new_string(reason));
	json_object_object_add(condition, "message", json_object_new_string(text));
	json_object_object_add(condition, "lastTransitionTime", json_object_new_string(since));
	json_object_object_add(condition, "lastUpdateTime", json_object_new_string(wattle_instant_format(now_s, moment)));
	json_object_array_add(list, condition);
	json_object_object_add(apply, "apiVersion", json_object_new_string(API_VERSION));
	json_object_object_add(apply, "kind", json_object_new_string("MPIJob"));
	meta = child(apply, "metadata");
	json_object_object_add(meta, "name", json_object_new_string(wattle_dig_text(metadata, "name")));
	json_object_object_add(meta, "namespace", json_object_new_string(wattle_dig_text(metadata, "namespace")));
	json_object_object_add(child(apply, "status"), "conditions", list);
	return apply;
}

/* --- Kueue's gate -------------------------------------------------------------------------------------------------------------------------- */

struct json_object *wattle_mutate_ungate(struct json_object *object)
{
	const char *gates = wattle_dig_meta(object, "annotations", WATTLE_KUEUE_GATES), *s = gates;
	const char *version = wattle_dig_text(wattle_dig(object, json_type_object, "metadata", NULL), "resourceVersion");
	struct json_object *patch, *meta;
	char left[600] = "";
	bool found = false;
	size_t used = 0;

	while (*s) {
		size_t len;

		s += strspn(s, ", ");
		len = strcspn(s, ", ");
		if (len == strlen(WATTLE_KUEUE_GATE) && strncmp(s, WATTLE_KUEUE_GATE, len) == 0)
			found = true;
		else if (len > 0 && used + len + 2 < sizeof(left))
			used += (size_t) snprintf(left + used, sizeof(left) - used, "%s%.*s", used ? "," : "", (int) len, s);
		else if (len > 0)
			return NULL; /* others' must not get lost */
		s += len;
	}
	if (!found)
		return NULL;
	patch = json_object_new_object();
	if (!patch)
		return NULL;
	meta = child(patch, "metadata");
	if (*version)
		json_object_object_add(meta, "resourceVersion", json_object_new_string(version));
	json_object_object_add(child(meta, "annotations"), WATTLE_KUEUE_GATES, used ? json_object_new_string(left) : NULL);
	return patch;
}
