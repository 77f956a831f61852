/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /metrics, /healthz and /readyz, by libmicrohttpd on our own event loop. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "log.h"

#define CLIENTS_MAX 32
#define IDLE_S 15
#define METRICS_MAX 16384
#define SILENT_S 90 /* the API server was not heard for so long: not ready */

struct bridge_status {
	struct bridge *bridge;
	struct MHD_Daemon *daemon;
	struct event *ready, *timer;
};

/* --- what is told ------------------------------------------------------------------------ */

void bridge_readiness(struct bridge *bridge, char *text, size_t size)
{
	const struct wattle_kube_stats *stats = wattle_kube_stats(bridge->kube);

	text[0] = '\0';
	if (stats->answered_s <= 0 || bridge_now_s() - stats->answered_s > SILENT_S)
		snprintf(text, size, "%s does not answer", wattle_kube_server(bridge->kube));
	else if (!wattle_kube_watch_synced(bridge->node_watch))
		snprintf(text, size, "nodes are not listed yet");
	else if (!bridge_kueue_known(bridge))
		snprintf(text, size, "whether Kueue is here is not known yet");
	else if (bridge->leads && bridge->job_watch && !wattle_kube_watch_synced(bridge->job_watch) && !wattle_kube_watch_absent(bridge->job_watch))
		snprintf(text, size, "MPIJobs are not listed yet");
}

struct out {
	char *text;
	size_t len, size;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *out, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out->text + out->len, out->size - out->len, format, args);
	va_end(args);
	if (n > 0 && (size_t) n < out->size - out->len)
		out->len += (size_t) n;
	else
		out->text[out->len] = '\0'; /* a line whole or not at all */
}

static void put_head(struct out *out, const char *name, const char *type, const char *help)
{
	put(out, "# HELP wattle_bridge_%s %s\n# TYPE wattle_bridge_%s %s\n", name, help, name, type);
}

static void put_one(struct out *out, const char *name, const char *type, const char *help, uint64_t value)
{
	put_head(out, name, type, help);
	put(out, "wattle_bridge_%s %" PRIu64 "\n", name, value);
}

static void put_watches(struct out *out, const struct bridge *bridge)
{
	const struct {
		const char *name;
		const struct wattle_kube_watch *watch;
	} watches[] = { { "nodes", bridge->node_watch }, { "mpijobs", bridge->job_watch }, { "localqueues", bridge->queue_watch } };

	put_head(out, "watch_events_total", "counter", "Events of a watch, bookmarks too.");
	for (size_t i = 0; i < 3; i++)
		if (watches[i].watch)
			put(out, "wattle_bridge_watch_events_total{kind=\"%s\"} %" PRIu64 "\n", watches[i].name, wattle_kube_watch_stats(watches[i].watch)->events);
	put_head(out, "watch_lists_total", "counter", "Whole lists of a kind.");
	for (size_t i = 0; i < 3; i++)
		if (watches[i].watch)
			put(out, "wattle_bridge_watch_lists_total{kind=\"%s\"} %" PRIu64 "\n", watches[i].name, wattle_kube_watch_stats(watches[i].watch)->lists);
}

static void put_requests(struct out *out, const struct wattle_kube_stats *stats)
{
	static const char *const codes[6] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };

	put_head(out, "api_answers_total", "counter", "Answers of the API server, by status; none: no connection, or none in time.");
	for (int i = 0; i < 6; i++)
		put(out, "wattle_bridge_api_answers_total{status=\"%s\"} %" PRIu64 "\n", codes[i], stats->answers[i]);
	put_one(out, "api_requests_total", "counter", "Requests sent to the API server, watches and repetitions too.", stats->requests);
	put_one(out, "api_reads_total", "counter", "GETs ended.", stats->reads);
	put_one(out, "api_writes_total", "counter", "Other requests ended.", stats->writes);
	put_one(out, "api_retries_total", "counter", "Requests tried again.", stats->retries);
	put_one(out, "api_throttled_total", "counter", "Answers 429.", stats->throttled);
	put_one(out, "api_inflight", "gauge", "Requests on their way.", stats->inflight);
	put_one(out, "api_waiting", "gauge", "Requests that wait for their turn.", stats->waiting);
}

static void put_steps(struct out *out, const struct bridge_counts *counts)
{
	static const double bounds[BRIDGE_N_BUCKETS] = BRIDGE_BUCKETS;
	uint64_t sum = 0;

	put_head(out, "decisions_total", "counter", "Decisions written, by outcome.");
	put(out, "wattle_bridge_decisions_total{outcome=\"granted\"} %" PRIu64 "\n", counts->granted);
	put(out, "wattle_bridge_decisions_total{outcome=\"refused\"} %" PRIu64 "\n", counts->refused);
	put(out, "wattle_bridge_decisions_total{outcome=\"deferred\"} %" PRIu64 "\n", counts->deferred);
	put_one(out, "holds_total", "counter", "Jobs suspended.", counts->held);
	put_one(out, "releases_total", "counter", "Jobs let go: suspend or gate taken away.", counts->released);
	put_one(out, "failures_total", "counter", "Steps that failed.", counts->failed);
	put_one(out, "dry_run_steps_total", "counter", "Steps that a dry run did not take.", counts->dry);
	put_one(out, "node_patches_total", "counter", "Node statuses that were given their watts.", counts->node_patches);
	put_head(out, "event_to_decision_seconds", "histogram", "From the event of a job to its decision written.");
	for (size_t i = 0; i < BRIDGE_N_BUCKETS; i++) {
		sum += counts->bucket[i];
		put(out, "wattle_bridge_event_to_decision_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", bounds[i], sum);
	}
	put(out, "wattle_bridge_event_to_decision_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", counts->took_n);
	put(out, "wattle_bridge_event_to_decision_seconds_sum %.6f\nwattle_bridge_event_to_decision_seconds_count %" PRIu64 "\n", counts->took_s, counts->took_n);
}

static uint64_t resident_bytes(void)
{
	cleanup_free char *text = NULL;
	unsigned long size, resident;

	if (wattle_file_read("/proc/self/statm", &(struct wattle_file_rule){ 4096, true }, &text, NULL, NULL, NULL) < 0 ||
	    sscanf(text, "%lu %lu", &size, &resident) != 2)
		return 0;
	return (uint64_t) resident * (uint64_t) sysconf(_SC_PAGESIZE);
}

size_t bridge_metrics(struct bridge *bridge, char *text, size_t size)
{
	static const char *const states[BRIDGE_JOB_STATES] = { "new", "untouched", "refused", "waiting", "granted", "ended" };
	static const char *const reviews[] = { "bad", "passed", "decided", "refused" };
	struct out out = { text, 0, size };
	uint64_t jobs[BRIDGE_JOB_STATES];
	char why[256];

	put_head(&out, "build_info", "gauge", "Version.");
	put(&out, "wattle_bridge_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	bridge_readiness(bridge, why, sizeof(why));
	put_one(&out, "ready", "gauge", "1 if /readyz says so.", why[0] == '\0');
	put_one(&out, "leader", "gauge", "1 in the one that acts.", bridge->leads);
	put_one(&out, "config_good", "gauge", "1 if the site's configuration in force is the newest.", bridge->conf_trouble[0] == '\0');
	put_one(&out, "kueue", "gauge", "1 if Kueue serves here.", bridge->site.kueue);
	bridge_jobs_count(bridge, jobs);
	put_head(&out, "mpijobs", "gauge", "MPIJobs, by state.");
	for (int i = 0; i < BRIDGE_JOB_STATES; i++)
		put(&out, "wattle_bridge_mpijobs{state=\"%s\"} %" PRIu64 "\n", states[i], jobs[i]);
	put_one(&out, "nodes", "gauge", "Nodes seen.", bridge->node_watch ? wattle_kube_watch_count(bridge->node_watch) : 0);
	put_one(&out, "nodes_watts", "gauge", "Watts that nodes show as a resource, summed.", bridge_nodes_shown_w(bridge));
	put_head(&out, "admission_reviews_total", "counter", "Reviews answered, by outcome.");
	for (int i = 0; i < 4; i++)
		put(&out, "wattle_bridge_admission_reviews_total{outcome=\"%s\"} %" PRIu64 "\n", reviews[i], bridge->reviews[i]);
	put_steps(&out, &bridge->counts);
	put_requests(&out, wattle_kube_stats(bridge->kube));
	put_watches(&out, bridge);
	out.len += bridge_ledger_metrics(bridge, text + out.len, size - out.len);
	put(&out, "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %" PRIu64 "\n",
	    resident_bytes());
	return out.len;
}

/* --- the server ------------------------------------------------------------------------------ */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *text, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *) (uintptr_t) text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **own)
{
	struct bridge_status *status = arg;
	static char seen;
	char text[300];

	(void) version;
	(void) upload;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		if (*upload_size > 0)
			return *upload_size = 0, MHD_YES;
		return answer(connection, 405, "text/plain", "GET is wanted\n", 14);
	}
	if (!*own) { /* the head alone has come */
		*own = &seen;
		return MHD_YES;
	}
	if (strcmp(url, "/healthz") == 0 || strcmp(url, "/livez") == 0)
		return answer(connection, 200, "text/plain", "ok\n", 3);
	if (strcmp(url, "/readyz") == 0) {
		bridge_readiness(status->bridge, text, sizeof(text) - 1);
		strcat(text, text[0] ? "\n" : "ok\n");
		return answer(connection, strcmp(text, "ok\n") == 0 ? 200 : 503, "text/plain", text, strlen(text));
	}
	if (strcmp(url, "/metrics") == 0) {
		cleanup_free char *metrics = malloc(METRICS_MAX);

		if (!metrics)
			return MHD_NO;
		return answer(connection, 200, "text/plain; version=0.0.4", metrics, bridge_metrics(status->bridge, metrics, METRICS_MAX));
	}
	return answer(connection, 404, "text/plain", "/metrics, /healthz, /readyz\n", 28);
}

static void run(struct bridge_status *status)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval t;

	MHD_run(status->daemon);
	if (MHD_get_timeout(status->daemon, &ms) == MHD_YES) {
		t = (struct timeval){ (time_t) (ms / 1000), (suseconds_t) (ms % 1000 * 1000) };
		event_add(status->timer, &t);
	} else
		event_del(status->timer);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void) fd;
	(void) what;
	run(arg);
}

/* "HOST:PORT", "[HOST]:PORT", ":PORT". */
static struct addrinfo *resolve(const char *address, struct wattle_err *err)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found = NULL;
	const char *colon = strrchr(address, ':');
	char host[64], *h = host;
	size_t n;
	int rc;

	if (!colon || (size_t) (colon - address) >= sizeof(host)) {
		wattle_err_set(err, EINVAL, "\"%s\" is no address: 0.0.0.0:9470 or [::]:9470 is wanted", address);
		return NULL;
	}
	snprintf(host, sizeof(host), "%.*s", (int) (colon - address), address);
	n = strlen(host);
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		h++;
	}
	rc = getaddrinfo(h[0] ? h : "0.0.0.0", colon + 1, &hints, &found);
	if (rc != 0)
		wattle_err_set(err, EINVAL, "\"%s\" is no address: %s", address, gai_strerror(rc));
	return rc == 0 ? found : NULL;
}

int bridge_status_open(struct bridge *bridge, const char *address, struct wattle_err *err)
{
	struct bridge_status *status;
	struct addrinfo *found = resolve(address, err);
	const union MHD_DaemonInfo *info, *port;

	if (!found)
		return -err->code;
	status = calloc(1, sizeof(*status));
	if (!status) {
		freeaddrinfo(found);
		return wattle_err_set(err, ENOMEM, "out of memory");
	}
	status->bridge = bridge;
	bridge->status = status;
	status->daemon = MHD_start_daemon(MHD_USE_EPOLL | (found->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0), 0, NULL, NULL, on_request, status,
					  MHD_OPTION_SOCK_ADDR, found->ai_addr, MHD_OPTION_CONNECTION_LIMIT, CLIENTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
					  MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
	freeaddrinfo(found);
	info = status->daemon ? MHD_get_daemon_info(status->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info)
		return wattle_err_set(err, errno ? errno : EIO, "can't serve %s: %s", address, strerror(errno));
	status->ready = event_new(bridge->base, info->epoll_fd, EV_READ | EV_PERSIST, on_event, status);
	status->timer = event_new(bridge->base, -1, 0, on_event, status);
	if (!status->ready || !status->timer || event_add(status->ready, NULL) < 0)
		return wattle_err_set(err, ENOMEM, "out of memory");
	port = MHD_get_daemon_info(status->daemon, MHD_DAEMON_INFO_BIND_PORT);
	wattle_log(WATTLE_LOG_INFO, "serving /metrics, /healthz and /readyz on port %u", port ? port->port : 0);
	return 0;
}

void bridge_status_close(struct bridge *bridge)
{
	struct bridge_status *status = bridge->status;

	if (!status)
		return;
	if (status->ready)
		event_free(status->ready);
	if (status->timer)
		event_free(status->timer);
	if (status->daemon)
		MHD_stop_daemon(status->daemon);
	free(status);
	bridge->status = NULL;
}
