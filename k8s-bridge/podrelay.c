/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "podrelay.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "instant.h"
#include "podscan.h"

#define JOBS "/apis/kubeflow.org/v2beta1/namespaces/"
#define APART_NS UINT64_C(1000000000) /* between two looks for a job's processes, whatever its user annotates */

struct job {
	struct wattle_podrelay *relay;
	struct wattle_kube_watch *watch;
	bool wanted;
	char name[WATTLE_POD_NAME_MAX];      /* "NAMESPACE/NAME" */
	char last[WATTLE_INSTANT_SIZE];      /* the moment that was told; "": none yet */
	uint64_t told_ns;
};

struct wattle_podrelay {
	struct wattle_podrelay_spec spec;
	struct job *job[WATTLE_RELAY_JOBS];
	bool troubled;
};

bool wattle_podrelay_due(const char *moment, const char *last, int64_t now_s)
{
	int64_t moment_s;

	return strlen(moment) < WATTLE_INSTANT_SIZE && strcmp(moment, last) != 0 && wattle_instant_parse(moment, &moment_s, NULL) == 0 &&
	       moment_s > now_s;
}

/* --- signalling ------------------------------------------------------------------------------------------------------------------------- */

struct asking {
	const struct wattle_pod_state *state;
	unsigned n;
};

/* Its pid can't become another's between the look and the signal: the pidfd is of who lived when it was opened, and that was still him. */
static void ask_process(void *arg, const char *uid, const char *container, const struct wattle_proc *proc)
{
	struct asking *asking = arg;
	int fd;

	(void) container;
	if (strcmp(uid, asking->state->pod.uid) != 0 || proc->pid == asking->state->sandbox.pid)
		return;
	fd = (int) syscall(SYS_pidfd_open, proc->pid, 0);
	if (fd < 0)
		return;
	if (wattle_proc_alive(proc) && syscall(SYS_pidfd_send_signal, fd, SIGURG, NULL, 0) == 0)
		asking->n++;
	close(fd);
}

static bool is_worker(const struct wattle_pod_state *state)
{
	return state->pod.job[0] && strcmp(state->pod.role, "worker") == 0 && !state->gone && !state->over && state->n_procs > 0;
}

static void ask(struct job *job, const char *job_uid, const char *moment)
{
	const struct wattle_podset *set = job->relay->spec.set;

	for (size_t i = 0; i < set->n; i++) {
		struct asking asking = { set->pod[i], 0 };

		if (!is_worker(set->pod[i]) || strcmp(set->pod[i]->pod.job, job->name) != 0 || strcmp(set->pod[i]->pod.owner, job_uid) != 0)
			continue;
		wattle_pod_scan(ask_process, &asking);
		job->relay->spec.told(job->relay->spec.arg, set->pod[i], asking.n, moment);
	}
}

/* Text at object.a.b, or "". */
static const char *text_at(struct json_object *object, const char *a, const char *b)
{
	return json_object_object_get_ex(object, a, &object) && json_object_object_get_ex(object, b, &object) && json_object_is_type(object, json_type_string)
		       ? json_object_get_string(object) : "";
}

/* --- one job's watch ----------------------------------------------------------------------------------------------------------------------- */

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	struct job *job = arg;
	const char *uid = text_at(object, "metadata", "uid"), *moment;
	uint64_t now_ns = wattle_boottime_ns();
	struct json_object *metadata;

	(void) own;
	moment = json_object_object_get_ex(object, "metadata", &metadata) ? text_at(metadata, "annotations", WATTLE_RELAY_ANNOTATION) : "";
	if (strcmp(key, job->name) != 0 || !uid[0] || !wattle_podrelay_due(moment, job->last, (int64_t) time(NULL)) ||
	    (job->told_ns && now_ns - job->told_ns < APART_NS))
		return;
	job->told_ns = now_ns;
	snprintf(job->last, sizeof(job->last), "%s", moment);
	ask(job, uid, moment);
}

static void on_gone(void *arg, const char *key, void *own)
{
	(void) arg;
	(void) key;
	(void) own;
}

static void on_trouble(void *arg, const char *text)
{
	const struct job *job = arg;
	struct wattle_podrelay *relay = job->relay;

	if (relay->troubled == (text[0] != '\0'))
		return;
	relay->troubled = text[0] != '\0';
	relay->spec.trouble(relay->spec.arg, text);
}

static void job_free(struct job *job)
{
	wattle_kube_watch_free(job->watch);
	free(job);
}

static struct job *job_new(struct wattle_podrelay *relay, const char *name)
{
	const char *slash = strchr(name, '/');
	struct job *job = slash ? calloc(1, sizeof(*job)) : NULL;
	char path[sizeof(JOBS) + WATTLE_POD_NAME_MAX + 16], selector[WATTLE_POD_NAME_MAX + 16];

	if (!job)
		return NULL;
	job->relay = relay;
	job->wanted = true;
	snprintf(job->name, sizeof(job->name), "%s", name);
	snprintf(path, sizeof(path), JOBS "%.*s/mpijobs", (int) (slash - name), name);
	snprintf(selector, sizeof(selector), "metadata.name=%s", slash + 1);
	job->watch = wattle_kube_watch_new(relay->spec.kube, &(struct wattle_kube_watch_spec){ .path = path, .field_selector = selector, .has = on_has,
											      .gone = on_gone, .trouble = on_trouble, .arg = job });
	if (!job->watch) {
		free(job);
		return NULL;
	}
	return job;
}

/* --- which -------------------------------------------------------------------------------------------------------------------------------- */

static void want(struct wattle_podrelay *relay, const char *name)
{
	struct job **room = NULL;

	for (size_t i = 0; i < WATTLE_RELAY_JOBS; i++) {
		if (!relay->job[i]) {
			room = room ? room : &relay->job[i];
		} else if (strcmp(relay->job[i]->name, name) == 0) {
			relay->job[i]->wanted = true;
			return;
		}
	}
	if (room)
		*room = job_new(relay, name);
}

void wattle_podrelay_look(struct wattle_podrelay *relay)
{
	for (size_t i = 0; i < WATTLE_RELAY_JOBS; i++)
		if (relay->job[i])
			relay->job[i]->wanted = false;
	for (size_t i = 0; i < relay->spec.set->n; i++)
		if (is_worker(relay->spec.set->pod[i]))
			want(relay, relay->spec.set->pod[i]->pod.job);
	for (size_t i = 0; i < WATTLE_RELAY_JOBS; i++)
		if (relay->job[i] && !relay->job[i]->wanted) {
			job_free(relay->job[i]);
			relay->job[i] = NULL;
		}
}

struct wattle_podrelay *wattle_podrelay_new(const struct wattle_podrelay_spec *spec)
{
	struct wattle_podrelay *relay = calloc(1, sizeof(*relay));

	if (relay)
		relay->spec = *spec;
	return relay;
}

void wattle_podrelay_free(struct wattle_podrelay *relay)
{
	if (!relay)
		return;
	for (size_t i = 0; i < WATTLE_RELAY_JOBS; i++)
		if (relay->job[i])
			job_free(relay->job[i]);
	free(relay);
}
