/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client of the Kubernetes API on a command line, for tests.
 *   kube_tool KUBECONFIG watch PATH [SILENT_S [FIELD_SELECTOR]]    what the owner of a watch is told, a line each
 *   kube_tool KUBECONFIG send METHOD PATH [TYPE BODY]    "STATUS WHY", then the body; hasty in place of send waits 2 s for an answer
 *   kube_tool KUBECONFIG flood N PATH                     N GETs at once: how many were answered 200
 *   kube_tool KUBECONFIG lease NAMESPACE/NAME IDENTITY    SIGTERM releases it
 *   kube_tool KUBECONFIG conf                             what was understood */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "kube_event.h"
#include "kube_http.h"
#include "kube_lease.h"
#include "kube_watch.h"

static struct event_base *base;
static int status_of_exit;

static void on_has(void *arg, const char *key, struct json_object *object, void **own)
{
	struct json_object *meta = NULL;
	char version[64] = "?";

	(void) arg;
	json_object_object_get_ex(object, "metadata", &meta);
	wattle_json_text(meta, "resourceVersion", version, sizeof(version));
	printf("%s %s %s\n", *own ? "again" : "has", key, version);
	if (!*own)
		*own = strdup(key);
}

static void on_gone(void *arg, const char *key, void *own)
{
	(void) arg;
	if (!own || strcmp(own, key) != 0)
		printf("WRONG %s\n", key);
	free(own);
	printf("gone %s\n", key);
}

static void on_synced(void *arg)
{
	struct wattle_kube_watch **watch = arg;

	printf("synced %zu\n", wattle_kube_watch_count(*watch));
}

static void on_trouble(void *arg, const char *text)
{
	(void) arg;
	printf("trouble %s\n", text);
}

static void on_done(void *arg, int status, struct json_object *body, const char *why)
{
	(void) arg;
	printf("%d %s\n%s\n", status, why, body ? json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN) : "");
	event_base_loopbreak(base);
}

static int flood_left, flood_good;
static void on_flood(void *arg, int status, struct json_object *body, const char *why)
{
	(void) arg;
	(void) body;
	(void) why;
	flood_good += status == 200;
	if (--flood_left == 0)
		event_base_loopbreak(base);
}

static void on_changed(void *arg, bool leads, const char *holder)
{
	struct wattle_kube_lease **lease = arg;

	printf("%s %s %d\n", leads ? "leads" : "follows", holder, wattle_kube_lease_held(*lease));
}

static void on_released(void *arg)
{
	(void) arg;
	event_base_loopbreak(base);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_kube_lease **lease = arg;

	(void) fd;
	(void) what;
	if (lease && *lease)
		wattle_kube_lease_release(*lease, on_released, NULL);
	else
		event_base_loopbreak(base);
}

static int conf_show(const struct wattle_kube_conf *conf)
{
	printf("server=%s\nca=%s\ncert=%s\nkey=%s\ntoken=%s\ntoken_file=%s\nnamespace=%s\ntls_name=%s\n", conf->server, conf->ca_file ? conf->ca_file : "",
	       conf->cert_file ? conf->cert_file : "", conf->key_file ? conf->key_file : "", conf->token ? conf->token : "",
	       conf->token_file ? conf->token_file : "", conf->namespace, conf->tls_name ? conf->tls_name : "");
	for (int i = 0; i < 3; i++) {
		char path[64], text[200] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", conf->fds[i]);
		f = conf->fds[i] >= 0 ? fopen(path, "re") : NULL;
		if (f && fgets(text, sizeof(text), f))
			printf("data%d=%s", i, text);
		if (f)
			fclose(f);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct wattle_kube_conf conf = WATTLE_KUBE_CONF_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_kube *kube;
	struct wattle_kube_watch *watch = NULL;
	struct wattle_kube_lease *lease = NULL;
	struct event *term;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3 || wattle_kube_conf_find(strcmp(argv[1], "-") == 0 ? NULL : argv[1], &conf, &err) < 0) {
		printf("%s\n", err.text);
		return 1;
	}
	if (strcmp(argv[2], "conf") == 0) {
		conf_show(&conf);
		wattle_kube_conf_free(&conf);
		return 0;
	}
	base = event_base_new();
	if (wattle_kube_open(base, &conf, "kube_tool/1", &kube, &err) < 0) {
		printf("%s\n", err.text);
		return 1;
	}
	term = evsignal_new(base, SIGTERM, on_term, &lease);
	event_add(term, NULL);
	if (strcmp(argv[2], "watch") == 0) {
		watch = wattle_kube_watch_new(kube, &(struct wattle_kube_watch_spec){ .path = argv[3], .has = on_has, .gone = on_gone, .synced = on_synced,
										      .trouble = on_trouble, .arg = &watch,
										      .field_selector = argc > 5 ? argv[5] : NULL,
										      .silent_s = argc > 4 ? (uint32_t) atoi(argv[4]) : 0 });
	} else if (strcmp(argv[2], "lease") == 0) {
		char *slash = strchr(argv[3], '/');

		*slash = '\0';
		lease = wattle_kube_lease_new(kube, &(struct wattle_kube_lease_spec){ .namespace = argv[3], .name = slash + 1, .identity = argv[4],
										      .changed = on_changed, .trouble = on_trouble, .arg = &lease });
	} else if (strcmp(argv[2], "flood") == 0) {
		flood_left = atoi(argv[3]);
		for (int i = flood_left; i > 0; i--)
			if (!wattle_kube_send(kube, &(struct wattle_kube_call){ .method = "GET", .path = argv[4] }, on_flood, NULL))
				status_of_exit = 1;
	} else if (strcmp(argv[2], "event") == 0) {
		for (int i = 0; i < 3; i++)
			wattle_kube_event(kube, "kube_tool", &(struct wattle_kube_ref){ "v1", "Pod", "ns", "pod", "uid" }, false, "Tested", argv[3]);
	} else if (!wattle_kube_send(kube,
				     &(struct wattle_kube_call){ .method = argv[3], .path = argv[4], .content_type = argc > 5 ? argv[5] : NULL,
								 .body = argc > 6 ? argv[6] : NULL, .timeout_s = strcmp(argv[2], "hasty") == 0 ? 2 : 30 },
				     on_done, NULL)) {
		printf("refused\n");
		return 1;
	}
	event_base_dispatch(base);
	if (strcmp(argv[2], "flood") == 0)
		printf("%d\n", flood_good);
	wattle_kube_watch_free(watch);
	wattle_kube_lease_free(lease);
	wattle_kube_close(kube);
	wattle_kube_conf_free(&conf);
	event_free(term);
	event_base_free(base);
	return status_of_exit;
}
