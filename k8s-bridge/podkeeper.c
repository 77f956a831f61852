/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "podkeeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "barrier.h"
#include "cleanup.h"
#include "kube_event.h"
#include "kube_http.h"
#include "kube_watch.h"
#include "podmeter.h"
#include "podrelay.h"
#include "podscan.h"
#include "podset.h"
#include "recorder.h"
#include "watch.h"

#define SOON_US 2000     /* what comes in a burst is looked at once */
#define SECOND_US 999999

struct wattle_podkeeper {
	struct wattle_podkeeper_spec spec;
	struct wattle_kube_conf conf;
	struct wattle_kube *kube;
	struct wattle_kube_watch *watch;
	struct wattle_barrier *barrier;
	struct wattle_recorder *recorder;
	struct wattle_podrelay *relay;
	struct wattle_podset set;
	struct wattle_watches procs;
	struct wattle_proc self;
	struct event *soon, *second;
	struct wattle_lease_pod leases[WATTLE_PODS_MAX], applied[WATTLE_PODS_MAX];
	uint32_t n_leases, n_applied;
	bool ever_applied, closing;
	bool cap_failed;         /* as of the last apply */
	char cap_failure[256];
	struct wattle_podmeter meter;
	uint64_t refused_told;
};

static void say(const struct wattle_podkeeper *k, bool warning, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(const struct wattle_podkeeper *k, bool warning, const char *format, ...)
{
	char text[900];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	k->spec.say(warning, text);
}

static void look_soon(struct wattle_podkeeper *k)
{
	static const struct timeval soon = { 0, SOON_US };

	if (!k->closing && !event_pending(k->soon, EV_TIMEOUT, NULL))
		event_add(k->soon, &soon);
}

/* For `kubectl describe pod`; each text once. */
static void tell_pod(struct wattle_podkeeper *k, struct wattle_pod_state *state, bool warning, const char *reason, const char *text)
{
	struct wattle_pod_tale *tale = state->own;
	const char *slash = strchr(state->pod.name, '/');
	char space[64];

	if (!tale || strncmp(tale->told, text, sizeof(tale->told) - 1) == 0)
		return;
	snprintf(tale->told, sizeof(tale->told), "%s", text);
	snprintf(space, sizeof(space), "%.*s", (int) (slash - state->pod.name), state->pod.name);
	wattle_kube_event(k->kube, "wattle-agent",
			  &(struct wattle_kube_ref){ .api_version = "v1", .kind = "Pod", .namespace = space, .name = slash + 1, .uid = state->pod.uid },
			  warning, reason, text);
}

/* --- what the API server tells --------------------------------------------------- */

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	struct wattle_podkeeper *k = arg;
	struct wattle_pod_state *state = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_pod pod;

	(void) key;
	if (wattle_pod_parse(object, &pod, &err) < 0) {
		say(k, true, "%s", err.text);
		return;
	}
	/* the same name again is another pod */
	if (*own && strcmp(*own, pod.uid) != 0) {
		wattle_podset_gone(&k->set, *own);
		free(*own);
		*own = NULL;
	}
	if (strcmp(pod.node, k->spec.this->host) != 0 || wattle_podset_has(&k->set, &pod, &state) < 0 || !state)
		return;
	if (!*own)
		*own = strdup(pod.uid);
	if (!state->own)
		state->own = wattle_pod_tale_new();
	if (pod.refused[0])
		tell_pod(k, state, true, "WattleGrantRefused", pod.refused);
	look_soon(k);
}

static void on_gone(void *arg, const char *key, void *own)
{
	struct wattle_podkeeper *k = arg;

	(void) key;
	if (own && !k->closing) {
		wattle_podset_gone(&k->set, own);
		look_soon(k);
	}
	free(own);
}

static void on_synced(void *arg)
{
	struct wattle_podkeeper *k = arg;

	if (k->set.silent)
		say(k, false, "pods of node %s are watched at %s", k->spec.this->host, wattle_kube_server(k->kube));
	k->set.silent = false;
	wattle_podset_synced(&k->set);
	/* who asked before it was known which pods there are, and no lease changes for it */
	wattle_barrier_changed(k->barrier);
	look_soon(k);
}

static void on_trouble(void *arg, const char *text)
{
	struct wattle_podkeeper *k = arg;

	if (text[0])
		say(k, true, "pods can't be watched at %s: %s; caps stay, pods that end are noticed all the same", wattle_kube_server(k->kube), text);
	else
		say(k, false, "pods are watched at %s", wattle_kube_server(k->kube));
	k->set.silent = text[0] || !wattle_kube_watch_synced(k->watch);
	look_soon(k);
}

/* --- what programs are told ------------------------------------------------------- */

static void on_relayed(void *arg, struct wattle_pod_state *state, unsigned n, const char *moment)
{
	struct wattle_podkeeper *k = arg;
	char text[200];

	snprintf(text, sizeof(text), "%u processes were told to checkpoint: the job is stopped at %s", n, moment);
	say(k, false, "pod %.150s: %s", state->pod.name, text);
	tell_pod(k, state, false, "WattleCheckpointAsked", text);
}

static void on_relay_trouble(void *arg, const char *text)
{
	struct wattle_podkeeper *k = arg;

	if (text[0])
		say(k, true, "MPIJobs can't be watched at %s: %s; their programs are not told when to checkpoint", wattle_kube_server(k->kube), text);
	else
		say(k, false, "MPIJobs of this node are watched at %s", wattle_kube_server(k->kube));
}

/* --- what runs -------------------------------------------------------------------- */

static void saw(void *arg, const char *uid, const char *container, const struct wattle_proc *proc)
{
	wattle_podset_saw(arg, uid, container, proc);
}

static size_t scan(struct wattle_podkeeper *k)
{
	int rc;

	wattle_podset_scan_begin(&k->set);
	rc = wattle_pod_scan(saw, &k->set);
	wattle_podset_scan_end(&k->set);
	if (rc < 0)
		say(k, true, "can't read /proc: %s", strerror(-rc));
	/* what can't be seen is not known to have ended */
	return rc < 0 ? 0 : wattle_podset_judge(&k->set);
}

static void watch_processes(struct wattle_podkeeper *k)
{
	bool again = false;

	wattle_watches_begin(&k->procs);
	for (size_t i = 0; i < k->set.n; i++)
		for (uint32_t c = 0; c < k->set.pod[i]->n_containers; c++)
			again |= wattle_watches_add(&k->procs, &k->set.pod[i]->container[c].oldest, 0) > 0;
	wattle_watches_end(&k->procs);
	if (again)
		look_soon(k);
}

static bool same_leases(const struct wattle_podkeeper *k)
{
	if (!k->ever_applied || k->n_leases != k->n_applied)
		return false;
	for (uint32_t i = 0; i < k->n_leases; i++)
		if (strcmp(k->leases[i].uid, k->applied[i].uid) != 0 || k->leases[i].watts_w != k->applied[i].watts_w ||
		    k->leases[i].holder.pid != k->applied[i].holder.pid || k->leases[i].holder.start_ticks != k->applied[i].holder.start_ticks)
			return false;
	return true;
}

/* Is there something that only a look at the processes will tell? */
static bool unsettled(const struct wattle_podset *set, const struct wattle_pod_state *state)
{
	if (!state->over)
		return state->sandbox.pid == 0 || state->n_procs == 0 || state->pod.deleting;
	return set->silent && !state->gone && !state->pod.ends && state->pod.phase != WATTLE_POD_SUCCEEDED && state->pod.phase != WATTLE_POD_FAILED;
}

static void second_if_needed(struct wattle_podkeeper *k)
{
	static const struct timeval second = { 0, SECOND_US };
	bool needed = wattle_podmeter_runs(&k->meter);

	for (size_t i = 0; i < k->set.n && !needed; i++)
		needed = unsettled(&k->set, k->set.pod[i]);
	if (!needed)
		event_del(k->second);
	else if (!event_pending(k->second, EV_TIMEOUT, NULL))
		event_add(k->second, &second);
}

static void drop(struct wattle_pod_state *state, void *arg)
{
	(void) arg;
	wattle_pod_tale_free(state->own);
	state->own = NULL;
}

static void record(struct wattle_podkeeper *k, struct wattle_pod_state *state)
{
	struct wattle_pod_record record;

	if (!wattle_podmeter_record(state, k->spec.this, &record) || !k->recorder)
		return;
	if (wattle_recorder_put(k->recorder, &record) < 0)
		say(k, true, "the record of pod %.150s is lost: too many wait to be written to %s", state->pod.name, k->spec.this->report_dir);
}

void wattle_podkeeper_look(struct wattle_podkeeper *k)
{
	/* What seems to have ended is looked at twice: processes that beget others move while /proc is read. */
	if (scan(k) > 0)
		scan(k);
	k->n_leases = wattle_podset_leases(&k->set, &k->self, k->leases);
	if (!same_leases(k))
		k->spec.changed(k->spec.arg);
	wattle_podmeter_look(&k->meter, &k->set);
	for (size_t i = 0; i < k->set.n; i++)
		if (wattle_pod_told(k->set.pod[i]))
			record(k, k->set.pod[i]);
	watch_processes(k);
	if (k->relay)
		wattle_podrelay_look(k->relay);
	wattle_podset_forget(&k->set, drop, k);
	if (k->set.refused > k->refused_told)
		say(k, true, "more than %d pods on this node: the others are not capped", WATTLE_PODS_MAX);
	k->refused_told = k->set.refused;
	second_if_needed(k);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	(void) fd;
	(void) what;
	wattle_podkeeper_look(arg);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_podkeeper *k = arg;
	bool look = false;

	(void) fd;
	(void) what;
	wattle_podmeter_sample(&k->meter, &k->set);
	for (size_t i = 0; i < k->set.n && !look; i++)
		look = unsettled(&k->set, k->set.pod[i]);
	if (look)
		wattle_podkeeper_look(k);
	second_if_needed(k);
}

static void on_ended(void *arg)
{
	wattle_podkeeper_look(arg);
}

/* --- leases --------------------------------------------------------------------------- */

static void tell_applied(struct wattle_podkeeper *k)
{
	for (uint32_t i = 0; i < k->n_applied; i++) {
		struct wattle_pod_state *state = wattle_podset_find(&k->set, k->applied[i].uid);
		char text[300];

		if (!state || state->pod.refused[0])
			continue;
		if (k->cap_failed)
			tell_pod(k, state, true, "WattleCapFailed", k->cap_failure);
		else if (k->meter.effective_w) {
			snprintf(text, sizeof(text), "%u W of node %s", k->applied[i].watts_w, k->spec.this->host);
			tell_pod(k, state, false, "WattleCapApplied", text);
		}
	}
}

int wattle_podkeeper_apply(struct wattle_podkeeper *k, struct wattle_outcome *ret, struct wattle_err *err)
{
	int rc;

	k->n_leases = wattle_podset_leases(&k->set, &k->self, k->leases);
	rc = wattle_lease_pods_set(&k->spec.this->node, k->leases, k->n_leases, ret, err);
	if (rc < 0) {
		k->ever_applied = false;
		return rc;
	}
	memcpy(k->applied, k->leases, k->n_leases * sizeof(k->leases[0]));
	k->n_applied = k->n_leases;
	k->ever_applied = true;
	k->cap_failed = ret->cap_failed;
	memcpy(k->cap_failure, ret->cap_failure, sizeof(k->cap_failure));
	wattle_podmeter_applied(&k->meter, &k->set, ret);
	tell_applied(k);
	wattle_barrier_changed(k->barrier);
	return 0;
}

static bool on_ask(void *arg, const char *uid, char *line, size_t size)
{
	struct wattle_podkeeper *k = arg;
	const struct wattle_pod_state *state = wattle_podset_find(&k->set, uid);

	if (k->cap_failed && k->spec.this->on_cap_failure != WATTLE_CAP_CONTINUE && state && wattle_pod_leased(state)) {
		snprintf(line, size, "failed %s", k->cap_failure);
		return true;
	}
	for (uint32_t i = 0; i < k->n_applied && k->ever_applied; i++)
		if (strcmp(k->applied[i].uid, uid) == 0) {
			snprintf(line, size, "applied %u", k->applied[i].watts_w);
			return true;
		}
	/* One that asks runs here, so a pod that was not told of yet will be; and of one without watts nothing is kept. */
	if (!wattle_kube_watch_synced(k->watch) || (state && state->pod.allocated_w))
		return false;
	snprintf(line, size, "none");
	return true;
}

/* --- begin and end ---------------------------------------------------------------------- */

static int adopt_from_book(struct wattle_podkeeper *k)
{
	cleanup_free struct wattle_book *book = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = wattle_lease_read(&k->spec.this->node, &book, &err);

	/* a book that can't be believed is set aside by the first transaction */
	if (rc < 0)
		return 0;
	for (uint32_t i = 0; i < book->n_pods && rc == 0; i++) {
		rc = wattle_podset_adopt(&k->set, &book->pod[i]);
		if (rc == 0)
			wattle_podset_find(&k->set, book->pod[i].uid)->own = wattle_pod_tale_new();
	}
	return rc;
}

static int open_kube(struct wattle_podkeeper *k, struct wattle_err *err)
{
	struct wattle_kube_watch_spec watch = { .path = "/api/v1/pods", .has = on_has, .gone = on_gone, .synced = on_synced, .trouble = on_trouble,
						.arg = k };
	char selector[300], agent[64];
	int rc = wattle_kube_conf_find(k->spec.kubeconfig, &k->conf, err);

	if (rc < 0)
		return rc;
	snprintf(agent, sizeof(agent), "wattle-agent/%s", PACKAGE_VERSION);
	rc = wattle_kube_open(k->spec.base, &k->conf, agent, &k->kube, err);
	if (rc < 0)
		return rc;
	snprintf(selector, sizeof(selector), "spec.nodeName=%s", k->spec.this->host);
	watch.field_selector = selector;
	k->watch = wattle_kube_watch_new(k->kube, &watch);
	k->relay = wattle_podrelay_new(&(struct wattle_podrelay_spec){ .kube = k->kube, .set = &k->set, .told = on_relayed, .trouble = on_relay_trouble, .arg = k });
	return k->watch && k->relay ? 0 : wattle_err_set(err, ENOMEM, "out of memory");
}

int wattle_podkeeper_open(const struct wattle_podkeeper_spec *spec, struct wattle_podkeeper **ret, struct wattle_err *err)
{
	struct wattle_podkeeper *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return wattle_err_set(err, ENOMEM, "out of memory");
	k->spec = *spec;
	k->conf = (struct wattle_kube_conf) WATTLE_KUBE_CONF_INIT;
	k->set.silent = true;
	k->procs = (struct wattle_watches){ .base = spec->base, .ended = on_ended, .arg = k };
	k->soon = event_new(spec->base, -1, 0, on_soon, k);
	k->second = event_new(spec->base, -1, 0, on_second, k);
	rc = wattle_proc_get(getpid(), &k->self);
	if (rc < 0 || !k->soon || !k->second || adopt_from_book(k) < 0)
		rc = wattle_err_set(err, rc < 0 ? -rc : ENOMEM, "can't start: %s", strerror(rc < 0 ? -rc : ENOMEM));
	if (rc == 0)
		rc = open_kube(k, err);
	if (rc == 0)
		rc = wattle_barrier_open(spec->base, WATTLE_BARRIER_DIR, on_ask, k, &k->barrier, err);
	if (rc < 0) {
		wattle_podkeeper_close(k);
		return rc;
	}
	if (spec->this->report_dir[0] && !(k->recorder = wattle_recorder_new(spec->this->report_dir, spec->say)))
		say(k, true, "no thread to write records with: there will be none");
	look_soon(k);
	*ret = k;
	return 0;
}

void wattle_podkeeper_close(struct wattle_podkeeper *k)
{
	if (!k)
		return;
	k->closing = true;
	wattle_podmeter_sample(&k->meter, &k->set);
	for (size_t i = 0; i < k->set.n; i++) {
		if (k->recorder)
			record(k, k->set.pod[i]);
		drop(k->set.pod[i], k);
	}
	wattle_recorder_free(k->recorder);
	wattle_barrier_close(k->barrier);
	wattle_podrelay_free(k->relay);
	wattle_kube_watch_free(k->watch);
	if (k->kube)
		wattle_kube_close(k->kube);
	wattle_kube_conf_free(&k->conf);
	wattle_watches_free(&k->procs);
	if (k->soon)
		event_free(k->soon);
	if (k->second)
		event_free(k->second);
	wattle_podset_free(&k->set);
	free(k);
}
