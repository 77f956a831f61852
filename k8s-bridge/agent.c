/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wattle-agent: restores a node's power limits the moment the last holder of a lease dies; on nodes of Kubernetes it keeps the leases of
 * pods, too (podkeeper.h).
 *
 * It holds nothing that is not in the lease book: killed at any time, it loses nothing, and the hooks of Slurm go on without
 * it. It writes no limit itself; it calls wattle_lease_sweep when a sweep has something to do, which is when
 *   - a process that holds a lease has ended (pidfd),
 *   - the book changed (inotify) and names a process that is dead already,
 *   - a job waits for its first slurmstepd for too long, a restore is owed, or anything above was missed (timer). */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agentlock.h"
#include "cleanup.h"
#include "leftover.h"
#include "lease.h"
#include "node.h"
#include "notify.h"
#ifdef HAVE_KUBE
#include "podkeeper.h"
#endif
#include "watch.h"

#define TICK_S 30       /* the safety net */
#define RETRY_S 1       /* after a sweep that could not be done */
#define REPEAT_S 600    /* the same bad news is told again after this long */

enum level { LEVEL_ERR = 3, LEVEL_WARNING = 4, LEVEL_NOTICE = 5 };

struct agent {
	const char *conf, *name;
	struct wattle_this_node this;
	struct event_base *base;
	struct event *changed, *tick, *folder_gone;
	int inotify_fd, watch_id, lock_fd;
	struct wattle_watches watches;
	bool kubernetes;           /* keeps pods' leases */
	const char *kubeconfig;    /* NULL: what a pod is given */
	struct wattle_podkeeper *keeper;
	bool undone;               /* the last sweep could not be done */
	char told[256];            /* the last bad news, and when */
	uint64_t told_ns;
	int status;
};

/* --- log --------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(enum level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* sd-daemon(3): the journal takes the priority off again */
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "wattle-agent: %s\n", line);
	else
		fprintf(stderr, "<%d>%s\n", (int) level, line);
}

/* For what stays wrong and would be said at each sweep. */
static void say_once(struct agent *agent, const char *text)
{
	uint64_t now_ns = wattle_boottime_ns();

	if (strncmp(agent->told, text, sizeof(agent->told) - 1) == 0 && now_ns - agent->told_ns < REPEAT_S * UINT64_C(1000000000))
		return;
	snprintf(agent->told, sizeof(agent->told), "%s", text);
	agent->told_ns = now_ns;
	say(LEVEL_WARNING, "%s", text);
}

/* --- a job whose slurmstepds are all dead --------------------------------------- */

#define DEAD_MAX 64

struct dead_job {
	uint32_t job_id;
	char cgroup[512];
};

/* Jobs of which some watched process is dead: before the sweep takes them out of the book. */
static size_t dead_jobs(const struct agent *agent, struct dead_job *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < agent->watches.n; i++) {
		const struct wattle_watch *watch = agent->watches.watch[i];
		size_t j = 0;

		if (wattle_proc_alive(&watch->proc))
			continue;
		while (j < n && ret[j].job_id != watch->job_id)
			j++;
		if (j == n && n == DEAD_MAX)
			continue;
		if (j == n)
			ret[n++] = (struct dead_job){ .job_id = watch->job_id };
		if (watch->cgroup[0])
			memcpy(ret[j].cgroup, watch->cgroup, sizeof(ret[j].cgroup));
	}
	return n;
}

static void say_leftover(const struct dead_job *job)
{
	pid_t pid[WATTLE_LEFTOVER_SHOWN];
	char list[128] = "";
	size_t n, len = 0;

	if (!job->cgroup[0]) {
		say(LEVEL_NOTICE, "job %u: whether processes of it are left can't be told: its slurmstepd was in no cgroup of the job's "
		    "(ProctrackType=proctrack/cgroup makes one)", job->job_id);
		return;
	}
	n = wattle_leftover_find(job->cgroup, pid);
	if (n == 0)
		return;
	for (size_t i = 0; i < n && i < WATTLE_LEFTOVER_SHOWN; i++)
		len += (size_t) snprintf(list + len, sizeof(list) - len, " %d", (int) pid[i]);
	say(LEVEL_WARNING, "job %u: %zu process%s left after its last slurmstepd died, now uncapped: pid%s%s%s; cgroup %s", job->job_id, n,
	    n == 1 ? "" : "es", n == 1 ? "" : "s", list, n > WATTLE_LEFTOVER_SHOWN ? " …" : "", job->cgroup);
}

static bool has_job(const struct wattle_book *book, uint32_t job_id)
{
	for (uint32_t i = 0; book && i < book->n_jobs; i++)
		if (book->job[i].job_id == job_id)
			return true;
	return false;
}

/* --- sweep and watch ----------------------------------------------------------- */

static void tick_in(struct agent *agent, double s)
{
	struct timeval t = { (time_t) s, (suseconds_t) ((s - (double) (time_t) s) * 1e6) };

	event_add(agent->tick, &t);
}

static int transact(struct agent *agent, struct wattle_outcome *ret, struct wattle_err *err)
{
#ifdef HAVE_KUBE
	if (agent->keeper)
		return wattle_podkeeper_apply(agent->keeper, ret, err);
#endif
	return wattle_lease_sweep(&agent->this.node, ret, err);
}

/* 0, or -errno if the sweep could not be done. owed: some limit could not be put back. */
static int sweep(struct agent *agent, bool *ret_owed)
{
	static struct wattle_outcome outcome; /* large; we have one thread */
	struct wattle_err err = WATTLE_ERR_INIT;
	uint64_t start_ns = wattle_boottime_ns();
	int rc = transact(agent, &outcome, &err);
	bool swept = false;

	agent->undone = rc < 0;

	for (uint32_t i = 0; i < outcome.n_events && i < WATTLE_EVENTS_MAX; i++) {
		const struct wattle_event *event = &outcome.event[i];

		if (event->kind == WATTLE_EVENT_RESTORE_OWED || event->kind == WATTLE_EVENT_CAP_FAILED) {
			*ret_owed = *ret_owed || event->kind == WATTLE_EVENT_RESTORE_OWED;
			say_once(agent, event->text);
			continue;
		}
		swept = swept || event->kind == WATTLE_EVENT_SWEPT;
		say(event->kind == WATTLE_EVENT_RESTORED_LATE ? LEVEL_NOTICE : LEVEL_WARNING, "%s", event->text);
	}
	if (outcome.n_events_lost)
		say(LEVEL_WARNING, "%u more events", outcome.n_events_lost);
	if (rc < 0)
		say_once(agent, err.text);
	else if (swept)
		say(LEVEL_NOTICE, "swept in %.1f ms", (double) (wattle_boottime_ns() - start_ns) / 1e6);
	return rc;
}

/* When the next pending job has waited too long; TICK_S at most. */
static double next_tick_s(const struct wattle_book *book)
{
	uint64_t now_ns = wattle_boottime_ns();
	double least_s = TICK_S;

	for (uint32_t i = 0; book && i < book->n_jobs; i++) {
		double left_s = WATTLE_PENDING_MAX_S + 0.1 - (double) (now_ns - book->job[i].since_ns) / 1e9;

		if (!book->job[i].pending)
			continue;
		if (left_s < least_s)
			least_s = left_s;
	}
	return least_s < RETRY_S ? RETRY_S : least_s;
}

static bool limits_owed(const struct wattle_book *book)
{
	for (uint32_t i = 0; book && i < book->n_limits; i++)
		if (book->limit[i].owed)
			return true;
	return false;
}

/* Reads the book and watches whom it names; sweeps first if `must`, and if it names the dead or owes a restore and `may`. */
static void look(struct agent *agent, bool must, bool at_tick)
{
	static struct dead_job dead[DEAD_MAX];
	size_t n_dead = must ? dead_jobs(agent, dead) : 0;
	double next_s = TICK_S;
	bool owed = false;

	/* twice at most: a holder may die between sweep and watch; whatever comes after that, the pidfds or the tick tell */
	for (int round = 0; round < 3; round++) {
		cleanup_free struct wattle_book *book = NULL;
		struct wattle_err err = WATTLE_ERR_INIT;
		int rc;

		if (must && sweep(agent, &owed) < 0) {
			tick_in(agent, RETRY_S);
			return;
		}
		rc = wattle_lease_read(&agent->this.node, &book, &err);
		if (rc < 0 && rc != -ENOENT) {
			/* a sweep sets a bad book aside */
			must = true;
			next_s = RETRY_S;
			continue;
		}
		rc = wattle_watches_set(&agent->watches, book);
		next_s = next_tick_s(book);
		if (rc < 0)
			next_s = RETRY_S;
		for (size_t i = 0; i < n_dead; i++)
			if (!has_job(book, dead[i].job_id))
				say_leftover(&dead[i]);
		n_dead = 0;
		/* a restore that failed a moment ago fails again now: that waits for the tick */
		must = rc > 0 || (at_tick && round == 0 && !owed && (agent->undone || limits_owed(book) || (book && book->n_jobs + book->n_pods > 0)));
		if (!must)
			break;
	}
	tick_in(agent, next_s);
}

static void on_ended(void *arg)
{
	look(arg, true, false);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct agent *agent = arg;

	(void) fd;
	(void) what;
#ifdef HAVE_KUBE
	if (agent->keeper)
		wattle_podkeeper_look(agent->keeper);
#endif
	look(agent, false, true);
}

/* Locks and watches the run folder, which the first sweep has made. Once more if it went away meanwhile. */
static int folder_open(struct agent *agent)
{
	const char *run_dir = agent->this.node.run_dir;

	wattle_cleanup_close(&agent->lock_fd);
	agent->lock_fd = wattle_agent_lock(run_dir);
	if (agent->lock_fd == -EBUSY) {
		say(LEVEL_ERR, "another wattle-agent runs on this node");
		return -EBUSY;
	}
	if (agent->lock_fd < 0) {
		say(LEVEL_ERR, "can't lock %s: %s", run_dir, strerror(-agent->lock_fd));
		return agent->lock_fd;
	}
	if (agent->watch_id >= 0)
		inotify_rm_watch(agent->inotify_fd, agent->watch_id);
	agent->watch_id = inotify_add_watch(agent->inotify_fd, run_dir, IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
	if (agent->watch_id < 0) {
		say(LEVEL_ERR, "can't watch %s: %s", run_dir, strerror(errno));
		return -errno;
	}
	return 0;
}

static void on_folder_gone(evutil_socket_t fd, short what, void *arg)
{
	struct agent *agent = arg;

	(void) fd;
	(void) what;
	look(agent, true, false);
	if (folder_open(agent) == 0) {
		look(agent, false, false);
		return;
	}
	agent->status = 1; /* whoever started us starts us again */
	event_base_loopbreak(agent->base);
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	static const struct timeval soon = { 0, 100000 }; /* whoever removes files may remove the folder next */
	struct agent *agent = arg;
	bool gone = false, book = false;
	ssize_t n;

	(void) what;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *event = (const struct inotify_event *) (void *) p;
			const char *name = event->len ? event->name : "";

			/* our open lock keeps the folder's inode alive after its end, so it is the lock's end that tells */
			gone = gone || (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) ||
			       ((event->mask & IN_DELETE) && strcmp(name, "agent.lock") == 0);
			/* the book's other generations move too, at the same time */
			book = book || ((event->mask & IN_MOVED_TO) && strcmp(name, "book") == 0);
			p += sizeof(*event) + event->len;
		}
	if (book)
		look(agent, false, false);
	if (gone)
		event_add(agent->folder_gone, &soon);
}

static void on_leave(evutil_socket_t signal, short what, void *arg)
{
	struct agent *agent = arg;

	(void) signal;
	(void) what;
	wattle_notify("STOPPING=1");
	event_base_loopbreak(agent->base);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	struct agent *agent = arg;
	struct wattle_this_node fresh;
	struct wattle_err err = WATTLE_ERR_INIT;

	(void) signal;
	(void) what;
	if (wattle_this_node_find(agent->conf, agent->name, &fresh, &err) < 0) {
		say(LEVEL_WARNING, "%s; going on with what was read before", err.text);
		return;
	}
	agent->this.node.base_w = fresh.node.base_w;
	agent->this.node.min_w = fresh.node.min_w;
	agent->this.node.max_w = fresh.node.max_w;
	agent->this.on_cap_failure = fresh.on_cap_failure;
	look(agent, true, false);
}

/* --- start --------------------------------------------------------------------- */

static void help(void)
{
	printf("usage: wattle-agent [OPTION…]\n\n"
	       "Watches who holds leases on this node's power limits, and puts the limits back the moment the last\n"
	       "holder dies. Runs in the foreground, as root.\n\n"
	       "options:\n"
	       "  --conf=PATH        site configuration [" WATTLE_CONF_PATH "]\n"
	       "  --node=NAME        this node's name, if it is not the host's [$NODE_NAME, with Kubernetes]\n"
	       "  --kubeconfig=FILE  keep the leases of this node's pods, too: how to reach the API server\n"
	       "  --kubernetes       the same with what a pod is given, where it runs as one\n"
	       "  --once             sweep once and leave; exit 1 if a limit could not be put back\n"
	       "  --help             this text\n"
	       "  --version          the version\n\n"
	       "See wattle-agent(8).\n");
}

/* A descriptor for each holder, and holders may be many. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Where holders die, jobs keep every core busy. Not allowed, or given by the unit already: as well. */
static void go_first(void)
{
	setpriority(PRIO_PROCESS, 0, -10);
}

#ifdef HAVE_KUBE
static void say_line(bool warning, const char *text)
{
	say(warning ? LEVEL_WARNING : LEVEL_NOTICE, "%s", text);
}

static void on_pods_changed(void *arg)
{
	look(arg, true, false);
}
#endif

static int keeper_open(struct agent *agent)
{
#ifdef HAVE_KUBE
	const struct wattle_podkeeper_spec spec = { .base = agent->base, .this = &agent->this, .kubeconfig = agent->kubeconfig,
						    .changed = on_pods_changed, .say = say_line, .arg = agent };
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = wattle_podkeeper_open(&spec, &agent->keeper, &err);

	if (rc < 0)
		say(LEVEL_ERR, "%s", err.text);
	return rc;
#else
	(void) agent;
	say(LEVEL_ERR, "built without Kubernetes (libcurl, libyaml and GnuTLS are needed)");
	return -ENOTSUP;
#endif
}

static int agent_run(struct agent *agent)
{
	struct event *term, *interrupt, *hangup;
	bool owed = false;
	int rc;

	raise_descriptors();
	go_first();
	agent->base = event_base_new();
	agent->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (agent->inotify_fd < 0) {
		say(LEVEL_ERR, "can't watch files: %s%s", strerror(errno), errno == EMFILE ? " (raise fs.inotify.max_user_instances)" : "");
		return 1;
	}
	if (!agent->base) {
		say(LEVEL_ERR, "can't start: out of memory");
		return 1;
	}
	agent->watches.base = agent->base;
	agent->watches.ended = on_ended;
	agent->watches.arg = agent;
	if (agent->kubernetes && keeper_open(agent) < 0)
		return 1;
	sweep(agent, &owed); /* makes the run folder too */
	if (folder_open(agent) < 0)
		return 1;
	agent->changed = event_new(agent->base, agent->inotify_fd, EV_READ | EV_PERSIST, on_changed, agent);
	agent->tick = event_new(agent->base, -1, 0, on_tick, agent);
	agent->folder_gone = event_new(agent->base, -1, 0, on_folder_gone, agent);
	term = evsignal_new(agent->base, SIGTERM, on_leave, agent);
	interrupt = evsignal_new(agent->base, SIGINT, on_leave, agent);
	hangup = evsignal_new(agent->base, SIGHUP, on_reload, agent);
	if (!agent->changed || !agent->tick || !agent->folder_gone || !term || !interrupt || !hangup || event_add(agent->changed, NULL) < 0 ||
	    event_add(term, NULL) < 0 || event_add(interrupt, NULL) < 0 || event_add(hangup, NULL) < 0) {
		say(LEVEL_ERR, "can't start: out of memory");
		return 1;
	}
	look(agent, false, true);
	wattle_notify("READY=1");
	rc = event_base_dispatch(agent->base);
	event_free(term);
	event_free(interrupt);
	event_free(hangup);
	return rc < 0 ? 1 : agent->status;
}

static void agent_free(struct agent *agent)
{
#ifdef HAVE_KUBE
	wattle_podkeeper_close(agent->keeper);
#endif
	wattle_watches_free(&agent->watches);
	if (agent->changed)
		event_free(agent->changed);
	if (agent->tick)
		event_free(agent->tick);
	if (agent->folder_gone)
		event_free(agent->folder_gone);
	if (agent->base)
		event_base_free(agent->base);
	wattle_cleanup_close(&agent->inotify_fd);
	wattle_cleanup_close(&agent->lock_fd);
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "wattle-agent: %s%s: `wattle-agent --help` says how\n", why, what);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "conf", required_argument, NULL, 'c' }, { "node", required_argument, NULL, 'n' }, { "once", no_argument, NULL, 'o' },
		{ "kubeconfig", required_argument, NULL, 'k' }, { "kubernetes", no_argument, NULL, 'K' },
		{ "help", no_argument, NULL, 'h' },	  { "version", no_argument, NULL, 'V' },    { NULL, 0, NULL, 0 },
	};
	static struct agent agent = { .inotify_fd = -1, .watch_id = -1, .lock_fd = -1 };
	struct wattle_err err = WATTLE_ERR_INIT;
	bool once = false, owed = false;
	int c, status;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hV", options, NULL)) != -1)
		switch (c) {
		case 'c':
			agent.conf = optarg;
			break;
		case 'n':
			agent.name = optarg;
			break;
		case 'o':
			once = true;
			break;
		case 'k':
			agent.kubeconfig = optarg;
			agent.kubernetes = true;
			break;
		case 'K':
			agent.kubernetes = true;
			break;
		case 'h':
			help();
			return 0;
		case 'V':
			printf("wattle-agent %s\n", PACKAGE_VERSION);
			return 0;
		case ':':
			return usage("a value is missing after ", argv[optind - 1]);
		default:
			return usage("no option ", argv[optind - 1]);
		}
	if (optind < argc)
		return usage("one word too many: ", argv[optind]);
	if (agent.kubernetes && !agent.name)
		agent.name = getenv("NODE_NAME"); /* as the downward API gives it */
	setvbuf(stderr, NULL, _IOLBF, 0); /* whole lines */
	if (geteuid() != 0) {
		say(LEVEL_ERR, "only root can write power limits");
		return 1;
	}
	if (wattle_this_node_find(agent.conf, agent.name, &agent.this, &err) < 0) {
		say(LEVEL_ERR, "%s", err.text);
		return 1;
	}
	if (once) {
		cleanup_free struct wattle_book *book = NULL;

		status = sweep(&agent, &owed) < 0 || wattle_lease_read(&agent.this.node, &book, &err) < 0;
		return status || owed || limits_owed(book) ? 1 : 0;
	}
	status = agent_run(&agent);
	agent_free(&agent);
	return status;
}
