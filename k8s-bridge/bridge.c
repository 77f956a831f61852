/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wattle-bridge: the policy of this site for MPIJobs. See bridge.h for its parts. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "bridge.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "admission.h"
#include "log.h"
#include "notify.h"

#define CONF_LOOK_S 5
#define STATUS_ADDRESS "0.0.0.0:9470"
#define RUN_LOST_S 4 /* requests on their way when we leave may take so long */

double bridge_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

bool bridge_may_write(const struct bridge *bridge)
{
	return !bridge->dry_run && !bridge->leaving && (bridge->no_lease || (bridge->lease && wattle_kube_lease_held(bridge->lease)));
}

/* --- the site's configuration ---------------------------------------------------------------- */

static void on_notice(void *arg, const char *text)
{
	(void) arg;
	wattle_log(WATTLE_LOG_WARNING, "%s", text);
}

/* A broken file leaves what was read before. Returns whether something changed. */
static bool conf_read(struct bridge *bridge)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_siteconf *fresh;

	wattle_stamp_read(bridge->conf_path, &bridge->conf_stamp);
	if (wattle_siteconf_read(bridge->conf_path, &fresh, &err) < 0) {
		if (strcmp(bridge->conf_trouble, err.text) != 0)
			wattle_log(WATTLE_LOG_WARNING, "%s%s", err.text, bridge->conf ? ": what was read before stays in force" : "");
		snprintf(bridge->conf_trouble, sizeof(bridge->conf_trouble), "%s", err.text);
		return false;
	}
	bridge->conf_trouble[0] = '\0';
	free(bridge->conf);
	bridge->conf = fresh;
	bridge->site.conf = fresh;
	return true;
}

static void conf_changed(struct bridge *bridge)
{
	if (!conf_read(bridge))
		return;
	wattle_log(WATTLE_LOG_NOTICE, "%s was read again", bridge->conf_path);
	bridge_nodes_tick(bridge);
	bridge_jobs_start(bridge);
}

/* --- the loop ------------------------------------------------------------------------------------ */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct bridge *bridge = arg;
	static const struct timeval second = { 1, 0 };
	struct wattle_stamp stamp;

	(void) fd;
	(void) what;
	event_add(bridge->tick, &second);
	wattle_stamp_read(bridge->conf_path, &stamp);
	if (!wattle_stamp_same(&stamp, &bridge->conf_stamp))
		conf_changed(bridge);
	bridge_kueue_tick(bridge);
	bridge_nodes_tick(bridge);
	bridge_jobs_tick(bridge);
	bridge_ledger_tick(bridge);
}

static void on_leading(void *arg, bool leads, const char *holder)
{
	struct bridge *bridge = arg;

	snprintf(bridge->leader, sizeof(bridge->leader), "%s", holder);
	if (leads != bridge->leads || !leads)
		wattle_log(WATTLE_LOG_NOTICE, leads ? "leading as %s" : holder[0] ? "%s leads: standing by" : "nobody is known to lead%s", holder);
	bridge->leads = leads;
	if (leads)
		bridge_jobs_start(bridge);
	else
		bridge_jobs_stop(bridge);
}

static void on_lease_trouble(void *arg, const char *text)
{
	(void) arg;
	wattle_log(text[0] ? WATTLE_LOG_WARNING : WATTLE_LOG_NOTICE, "the lease of who leads: %s", text[0] ? text : "works again");
}

static void on_released(void *arg)
{
	struct bridge *bridge = arg;

	event_base_loopbreak(bridge->base);
}

/* Ends what is begun, then gives the lead away. */
static void on_leave_tick(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval soon = { 0, 50000 };
	static int rounds;
	struct bridge *bridge = arg;

	(void) fd;
	(void) what;
	if (bridge->busy > 0 && rounds++ < RUN_LOST_S * 20) {
		event_base_once(bridge->base, -1, EV_TIMEOUT, on_leave_tick, bridge, &soon);
		return;
	}
	bridge_jobs_stop(bridge);
	if (bridge->lease)
		wattle_kube_lease_release(bridge->lease, on_released, bridge);
	else
		event_base_loopbreak(bridge->base);
}

static void on_leave(evutil_socket_t signal, short what, void *arg)
{
	struct bridge *bridge = arg;

	(void) signal;
	(void) what;
	if (bridge->leaving) { /* asked twice: at once */
		event_base_loopbreak(bridge->base);
		return;
	}
	bridge->leaving = true;
	wattle_notify("STOPPING=1");
	on_leave_tick(-1, 0, bridge);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	(void) signal;
	(void) what;
	conf_changed(arg);
}

/* --- start ------------------------------------------------------------------------------------------ */

/* Of this process alone, even where a pod's name comes again. */
static void make_identity(char *ret, size_t size)
{
	char host[200] = "host";
	uint32_t random = 0;

	gethostname(host, sizeof(host) - 1);
	for (char *p = host; *p; p++)
		if (*p == '"' || *p == '\\')
			*p = '-';
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t) time(NULL);
	snprintf(ret, size, "%s_%d_%08" PRIx32, host, (int) getpid(), random);
}

static int lease_start(struct bridge *bridge, const char *namespace)
{
	char identity[256];

	if (bridge->dry_run)
		return 0;
	if (bridge->no_lease) {
		bridge->leads = true;
		return 0;
	}
	make_identity(identity, sizeof(identity));
	bridge->lease = wattle_kube_lease_new(bridge->kube, &(struct wattle_kube_lease_spec){ .namespace = namespace, .name = BRIDGE_NAME, .identity = identity,
											      .changed = on_leading, .trouble = on_lease_trouble,
											      .arg = bridge });
	if (!bridge->lease)
		wattle_log(WATTLE_LOG_ERR, "the lease %s/%s can't be asked for: is \"%s\" a namespace?", namespace, BRIDGE_NAME, namespace);
	return bridge->lease ? 0 : -1;
}

struct options {
	const char *kubeconfig, *status, *webhook, *cert, *key;
};

static void on_reviewed(void *arg, enum wattle_review_kind kind, double took_s)
{
	struct bridge *bridge = arg;

	bridge->reviews[kind]++;
	bridge->reviews_s += took_s;
}

static void on_webhook_trouble(void *arg, const char *text)
{
	(void) arg;
	wattle_log(WATTLE_LOG_WARNING, "admission: %s", text);
}

static int webhook_start(struct bridge *bridge, const struct options *options, struct wattle_err *err)
{
	const char *colon = options->webhook ? strrchr(options->webhook, ':') : NULL;
	struct wattle_admission_spec spec = { .cert_file = options->cert, .key_file = options->key, .site = &bridge->site, .reviewed = on_reviewed,
					      .trouble = on_webhook_trouble, .arg = bridge };
	char host[64];
	unsigned long port;

	if (!options->webhook)
		return 0;
	port = colon ? strtoul(colon + 1, NULL, 10) : 0;
	if (!colon || (size_t) (colon - options->webhook) >= sizeof(host) || port > 65535 || (port == 0 && strcmp(colon, ":0") != 0))
		return wattle_err_set(err, EINVAL, "--webhook=%s is no address: 0.0.0.0:9443 is wanted", options->webhook);
	snprintf(host, sizeof(host), "%.*s", (int) (colon - options->webhook), options->webhook);
	spec.address = host[0] ? host : NULL;
	spec.port = (uint16_t) port;
	if (wattle_admission_open(bridge->base, &spec, &bridge->admission, err) < 0)
		return -err->code;
	wattle_log(WATTLE_LOG_INFO, "admission on port %u", wattle_admission_port(bridge->admission));
	return 0;
}

static int bridge_open(struct bridge *bridge, const struct options *options, struct wattle_kube_conf *conf, struct wattle_err *err)
{
	conf_read(bridge);
	if (!bridge->conf)
		return wattle_err_set(err, EINVAL, "%s", bridge->conf_trouble);
	bridge->base = event_base_new();
	bridge->sources = wattle_sources_open(on_notice, bridge);
	if (!bridge->base || !bridge->sources)
		return wattle_err_set(err, ENOMEM, "out of memory");
	bridge->site.sources = bridge->sources;
	bridge->site.resource = bridge->resource;
	if (wattle_kube_conf_find(options->kubeconfig, conf, err) < 0 ||
	    wattle_kube_open(bridge->base, conf, BRIDGE_NAME "/" PACKAGE_VERSION, &bridge->kube, err) < 0)
		return -err->code;
	if (bridge_nodes_start(bridge) < 0)
		return wattle_err_set(err, ENOMEM, "out of memory");
	bridge_kueue_start(bridge);
	if (options->status[0] && bridge_status_open(bridge, options->status, err) < 0)
		return -err->code;
	if (webhook_start(bridge, options, err) < 0)
		return -err->code;
	if (lease_start(bridge, bridge->lease_namespace ? bridge->lease_namespace : conf->namespace) < 0)
		return wattle_err_set(err, EINVAL, "no lease");
	wattle_log(WATTLE_LOG_NOTICE, "%s %s on %s%s", BRIDGE_NAME, PACKAGE_VERSION, conf->server, bridge->dry_run ? ": dry run, nothing is written" : "");
	return 0;
}

static void bridge_close(struct bridge *bridge)
{
	if (bridge->admission)
		wattle_admission_close(bridge->admission);
	bridge_status_close(bridge);
	if (bridge->kube) {
		bridge_jobs_stop(bridge);
		bridge_ledger_free(bridge);
		bridge_kueue_stop(bridge);
		wattle_kube_watch_free(bridge->node_watch);
		wattle_kube_lease_free(bridge->lease);
		wattle_kube_close(bridge->kube);
	}
	wattle_nodes_free(bridge->nodes);
	wattle_sources_close(bridge->sources);
	free(bridge->conf);
	if (bridge->tick)
		event_free(bridge->tick);
	if (bridge->base)
		event_base_free(bridge->base);
}

static int bridge_run(struct bridge *bridge)
{
	static const struct timeval second = { 1, 0 };
	struct event *term = evsignal_new(bridge->base, SIGTERM, on_leave, bridge), *interrupt = evsignal_new(bridge->base, SIGINT, on_leave, bridge);
	struct event *hangup = evsignal_new(bridge->base, SIGHUP, on_reload, bridge);
	int rc = -1;

	bridge->tick = event_new(bridge->base, -1, 0, on_tick, bridge);
	if (term && interrupt && hangup && bridge->tick && event_add(term, NULL) == 0 && event_add(interrupt, NULL) == 0 && event_add(hangup, NULL) == 0 &&
	    event_add(bridge->tick, &second) == 0) {
		wattle_notify("READY=1");
		rc = event_base_dispatch(bridge->base);
	}
	if (term)
		event_free(term);
	if (interrupt)
		event_free(interrupt);
	if (hangup)
		event_free(hangup);
	return rc < 0 ? 1 : 0;
}

static void help(void)
{
	printf("usage: wattle-bridge [OPTION…]\n\n"
	       "Decides watts, size and start of MPIJobs as this site does for its other jobs, and gives nodes their watts as a\n"
	       "resource. Runs in the foreground, in a pod or anywhere with a kubeconfig.\n\n"
	       "options:\n"
	       "  --conf=PATH             site configuration [" WATTLE_CONF_PATH "]\n"
	       "  --kubeconfig=PATH       how to reach the API server; missing: as a pod is told, else $KUBECONFIG\n"
	       "  --dry-run               say what would be done, write nothing\n"
	       "  --resource=NAME         of watts on nodes and workers [" WATTLE_WATTS_RESOURCE "]\n"
	       "  --alias=NAME            that nodes show beside it, such as intel.com/power\n"
	       "  --no-node-watts         somebody else gives nodes their watts\n"
	       "  --kueue-manages-all     Kueue has manageJobsWithoutQueueName\n"
	       "  --webhook=ADDRESS       serve admission there, such as 0.0.0.0:9443; needs --cert and --key\n"
	       "  --cert=PATH --key=PATH  PEM; read again when they change\n"
	       "  --status=ADDRESS        of /metrics, /healthz and /readyz [" STATUS_ADDRESS "]; empty: none\n"
	       "  --lease-namespace=NAME  of the Lease " BRIDGE_NAME "; missing: the kubeconfig's or the pod's\n"
	       "  --no-lease              the only one there is: act at once\n"
	       "  --help                  this text\n"
	       "  --version               the version\n\n"
	       "See wattle-bridge(8).\n");
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "wattle-bridge: %s%s: `wattle-bridge --help` says how\n", why, what);
	return 2;
}

int main(int argc, char **argv)
{
	enum { CONF = 256, KUBECONFIG, DRY_RUN, RESOURCE, ALIAS, NO_NODES, KUEUE_ALL, WEBHOOK, CERT, KEY, STATUS, LEASE_NS, NO_LEASE };
	static const struct option table[] = {
		{ "conf", required_argument, NULL, CONF },
		{ "kubeconfig", required_argument, NULL, KUBECONFIG },
		{ "dry-run", no_argument, NULL, DRY_RUN },
		{ "resource", required_argument, NULL, RESOURCE },
		{ "alias", required_argument, NULL, ALIAS },
		{ "no-node-watts", no_argument, NULL, NO_NODES },
		{ "kueue-manages-all", no_argument, NULL, KUEUE_ALL },
		{ "webhook", required_argument, NULL, WEBHOOK },
		{ "cert", required_argument, NULL, CERT },
		{ "key", required_argument, NULL, KEY },
		{ "status", required_argument, NULL, STATUS },
		{ "lease-namespace", required_argument, NULL, LEASE_NS },
		{ "no-lease", no_argument, NULL, NO_LEASE },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	static struct bridge bridge = { .conf_path = WATTLE_CONF_PATH, .resource = WATTLE_WATTS_RESOURCE };
	struct options options = { .status = STATUS_ADDRESS };
	struct wattle_kube_conf conf = WATTLE_KUBE_CONF_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;
	int c, rc = 1;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hV", table, NULL)) != -1)
		switch (c) {
		case CONF:
			bridge.conf_path = optarg;
			break;
		case KUBECONFIG:
			options.kubeconfig = optarg;
			break;
		case DRY_RUN:
			bridge.dry_run = true;
			break;
		case RESOURCE:
			bridge.resource = optarg;
			break;
		case ALIAS:
			bridge.alias = optarg;
			break;
		case NO_NODES:
			bridge.no_nodes = true;
			break;
		case KUEUE_ALL:
			bridge.kueue_all = true;
			break;
		case WEBHOOK:
			options.webhook = optarg;
			break;
		case CERT:
			options.cert = optarg;
			break;
		case KEY:
			options.key = optarg;
			break;
		case STATUS:
			options.status = optarg;
			break;
		case LEASE_NS:
			bridge.lease_namespace = optarg;
			break;
		case NO_LEASE:
			bridge.no_lease = true;
			break;
		case 'h':
			help();
			return 0;
		case 'V':
			printf("wattle-bridge %s\n", PACKAGE_VERSION);
			return 0;
		case ':':
			return usage("a value is missing after ", argv[optind - 1]);
		default:
			return usage("what is ", argv[optind - 1]);
		}
	if (optind < argc)
		return usage("what is ", argv[optind]);
	if (!bridge.resource[0] || !strchr(bridge.resource, '/') || (bridge.alias && !strchr(bridge.alias, '/')))
		return usage("an extended resource has a domain, such as " WATTLE_WATTS_RESOURCE ", not ", bridge.alias ? bridge.alias : bridge.resource);
	if (options.webhook && (!options.cert || !options.key))
		return usage("--webhook needs ", "--cert and --key");
	signal(SIGPIPE, SIG_IGN);
	/* lists are parsed and thrown away: what they took goes back */
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, 1 << 18);
	if (bridge_open(&bridge, &options, &conf, &err) < 0)
		wattle_log(WATTLE_LOG_ERR, "%s", err.text);
	else
		rc = bridge_run(&bridge);
	bridge_close(&bridge);
	wattle_kube_conf_free(&conf);
	return rc;
}
