/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The webhook's server alone, for tests: `admission_serve CONF CERT KEY` serves on a free port, prints it and then a word a review, looks
 * at the certificate on SIGHUP, ends on SIGTERM. */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "admission.h"

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
	(void) fd;
	(void) what;
	printf("reload %d\n", wattle_admission_reload(arg));
	fflush(stdout);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	(void) fd;
	(void) what;
	event_base_loopbreak(arg);
}

static void on_review(void *arg, enum wattle_review_kind kind, double took_s)
{
	static const char *const names[] = { "bad", "passed", "decided", "refused" };

	(void) arg;
	printf("%s %s\n", names[kind], took_s < 1 ? "soon" : "late");
	fflush(stdout);
}

static void on_trouble(void *arg, const char *text)
{
	(void) arg;
	printf("trouble: %s\n", text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct wattle_k8s_site site = { .sources = wattle_sources_open(NULL, NULL), .nodes = wattle_nodes_new(WATTLE_WATTS_RESOURCE) };
	struct event_base *base = event_base_new();
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_admission *admission;
	struct event *hangup, *term;
	struct wattle_siteconf *conf;

	if (argc != 4 || !base || wattle_siteconf_read(argv[1], &conf, &err) < 0) {
		fprintf(stderr, "admission_serve: %s\n", err.text);
		return 2;
	}
	site.conf = conf;
	if (wattle_admission_open(base, &(struct wattle_admission_spec){ .address = "127.0.0.1", .cert_file = argv[2], .key_file = argv[3], .site = &site,
									 .reviewed = on_review, .trouble = on_trouble }, &admission, &err) < 0) {
		fprintf(stderr, "admission_serve: %s\n", err.text);
		return 1;
	}
	hangup = evsignal_new(base, SIGHUP, on_hangup, admission);
	term = evsignal_new(base, SIGTERM, on_term, base);
	event_add(hangup, NULL);
	event_add(term, NULL);
	printf("%u\n", wattle_admission_port(admission));
	fflush(stdout);
	event_base_dispatch(base);
	event_free(hangup);
	event_free(term);
	wattle_admission_close(admission);
	wattle_nodes_free((void *) (uintptr_t) site.nodes);
	wattle_sources_close(site.sources);
	free(conf);
	event_base_free(base);
	return 0;
}
