/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EpilogSlurmctld: a job that wattlerun has put on hold gets its next size and begin, and is let go. Slurm runs it as SlurmUser at the
 * end of every job's run, so for all others it ends at once. What it believes of the user: three numbers of the job's comment, the
 * nodes held within the grant. It opens no file, and runs scontrol and squeue alone.
 *
 * An update of a job that is still completing is accepted by slurmctld and lost, hence a process that waits: in a session of its own,
 * for slurmctld (24.11) ends the script's. A process can be killed, by a restart of slurmctld's service for one: --sweep, which a timer
 * runs, lets go the jobs that have lost theirs (resize_sweep.c). */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "resize_size.h"
#include "resize_sweep.h"

#define COMPLETING_MAX_S 3600
#define SETTLE_MS 2100       /* slurmd 24.11 refuses a job within the second in which it ended, 22.05 takes its prolog for done */
#define PUT_OFF_S 3          /* a begin later than asked for by more than this is Slurm's own delay of a requeued job */
#define WATCH_S 10
#define LET_GO_MAX_S 600     /* a slurmctld that restarts answers again within */

struct work {
	uint32_t job_id, nodes_before;
	struct wattle_handover asked;
	struct wattle_grant grant;
	bool granted, lift_limits;
	char cpus_per_node[512];
};

static void nap_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static bool number(const char *name, uint32_t *ret)
{
	const char *text = getenv(name);
	char *end;
	unsigned long n;

	if (!text)
		return false;
	n = strtoul(text, &end, 10);
	if (end == text || *end || n > UINT32_MAX)
		return false;
	*ret = (uint32_t) n;
	return true;
}

/* True if this job's end is ours to handle. */
static bool read_environment(struct work *work)
{
	const char *comment = getenv("SLURM_JOB_COMMENT"), *grant = getenv("SPANK_" WATTLE_GRANT_NAME), *cpus = getenv("SLURM_JOB_CPUS_PER_NODE");
	uint32_t restarts = 0;

	if (!comment || !cpus || !wattle_handover_parse(comment, &work->asked))
		return false;
	/* to scontrol the id of one task or component may mean all of them, those that an administrator holds, too */
	if (getenv("SLURM_ARRAY_JOB_ID") || getenv("SLURM_HET_JOB_ID"))
		return false;
	if (!number("SLURM_JOB_ID", &work->job_id) || !number("SLURM_JOB_NUM_NODES", &work->nodes_before))
		return false;
	/* the requeue itself may be counted already */
	if (!number("SLURM_JOB_RESTART_COUNT", &restarts) || (restarts != work->asked.run && restarts != work->asked.run + 1))
		return false;
	work->granted = grant && wattle_grant_parse(grant, &work->grant, NULL) == 0;
	return (size_t) snprintf(work->cpus_per_node, sizeof(work->cpus_per_node), "%s", cpus) < sizeof(work->cpus_per_node);
}

/* 0 once it is held as wattlerun left it; -ECANCELED: it was ended, or somebody else holds it. */
static int wait_until_held(const struct work *work, struct wattle_job *ret, struct wattle_err *err)
{
	time_t until = time(NULL) + COMPLETING_MAX_S;
	long pause_ms = 50;
	int rc;

	for (;;) {
		rc = wattle_job_ask(work->job_id, ret, err);
		if (rc == -ENOENT)
			return -ECANCELED;
		if (rc == 0 && strcmp(ret->state, "PENDING") == 0)
			break;
		if (rc == 0 && strcmp(ret->state, "COMPLETING") != 0)
			return -ECANCELED;
		if (time(NULL) >= until)
			return rc < 0 ? rc : wattle_err_set(err, ETIMEDOUT, "still completing after %d s", COMPLETING_MAX_S);
		nap_ms(pause_ms);
		if (pause_ms < 2000)
			pause_ms += pause_ms / 4;
	}
	return wattle_resize_may(ret) ? 0 : -ECANCELED;
}

/* Slurm takes a size that its own user sets for a word of the site's, and lifts the limits on nodes and CPUs of the job's user, account
 * and QOS for good: so any user could get a job past them. Where there are such limits a job keeps the size it has. */
static bool may_size(const struct work *work)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	bool limits = true;

	if (work->lift_limits)
		return true;
	if (wattle_job_limits(&limits, &err) < 0)
		syslog(LOG_ERR, "job %u keeps its size: are there limits on nodes and CPUs? %s", work->job_id, err.text);
	else if (limits)
		syslog(LOG_NOTICE, "job %u keeps its size: there are limits on nodes or CPUs, which a change would lift for it; see wattle-resize(8), "
		       "--lift-limits", work->job_id);
	return !limits;
}

static int set_limit(const char *job, int64_t minutes, struct wattle_err *err)
{
	char limit[40];
	const char *args[] = { "update", job, limit, NULL };

	if (minutes == 0)
		return 0;
	snprintf(limit, sizeof(limit), "TimeLimit=%" PRId64, minutes);
	return wattle_scontrol(args, err);
}

static int set_size(const char *job, const struct wattle_size *size, struct wattle_err *err)
{
	char nodes[40], tasks[40], cpus[40], limit[40];
	const char *args[] = { "update", job, nodes, tasks, cpus, size->time_limit_min ? limit : NULL, NULL };

	snprintf(nodes, sizeof(nodes), "NumNodes=%u-%u", size->nodes, size->nodes);
	snprintf(tasks, sizeof(tasks), "NumTasks=%u", size->tasks);
	snprintf(cpus, sizeof(cpus), "NumCPUs=%u", size->cpus);
	snprintf(limit, sizeof(limit), "TimeLimit=%" PRId64, size->time_limit_min);
	return wattle_scontrol(args, err);
}

/* Slurm delays a requeued job by two minutes, and may do so after our update. */
static void see_it_off(const struct work *work, const char *job, int64_t begin_s)
{
	time_t until = time(NULL) + WATCH_S;
	struct wattle_job now;
	bool told = false;

	while (time(NULL) < until) {
		int64_t wanted_s = begin_s > time(NULL) ? begin_s : time(NULL);

		nap_ms(500);
		if (wattle_job_ask(work->job_id, &now, NULL) < 0 || strcmp(now.state, "PENDING") != 0)
			return;
		if (!told)
			wattle_resize_answered(work->job_id, begin_s);
		told = true;
		if (now.eligible_s > wanted_s + PUT_OFF_S)
			wattle_job_begin(job, begin_s, NULL);
	}
}

/* A job that nobody lets go waits for ever: so again and again, as long as it is ours to let go. */
static int let_go(const struct work *work, const char *const *release, struct wattle_err *err)
{
	time_t until = time(NULL) + LET_GO_MAX_S;
	struct wattle_job now;

	while (wattle_scontrol(release, err) < 0) {
		int rc;

		if (time(NULL) >= until)
			return -EIO;
		nap_ms(5000);
		rc = wattle_job_ask(work->job_id, &now, NULL);
		if (rc == -ENOENT || (rc == 0 && !wattle_resize_may(&now)))
			return 0;
	}
	return 0;
}

static int resize(const struct work *work, struct wattle_err *err)
{
	struct wattle_job now;
	struct wattle_size size;
	char job[32], id[16];
	const char *release[] = { "release", id, NULL };
	int64_t begin_s;
	int rc = wait_until_held(work, &now, err);

	if (rc < 0)
		return rc == -ECANCELED ? 0 : rc;
	snprintf(id, sizeof(id), "%u", work->job_id);
	snprintf(job, sizeof(job), "JobId=%u", work->job_id);
	nap_ms(SETTLE_MS);
	/* an administrator may have held it meanwhile, and our release would outrank him */
	rc = wait_until_held(work, &now, err);
	if (rc < 0)
		return rc == -ECANCELED ? 0 : rc;
	begin_s = work->asked.begin_s;
	if (wattle_resize_size(&work->asked, work->granted ? &work->grant : NULL, &now, work->nodes_before, work->cpus_per_node,
			       begin_s > time(NULL) ? begin_s : time(NULL), &size) < 0)
		rc = wattle_err_set(err, EINVAL, "its last size, %u nodes with CPUs %.40s, is no size", work->nodes_before, work->cpus_per_node);
	else if (may_size(work))
		rc = set_size(job, &size, err);
	else
		rc = set_limit(job, size.time_limit_min, err);
	/* a job whose size was refused runs on with the one it had: nobody else would ever release it */
	if (wattle_job_begin(job, begin_s, rc < 0 ? NULL : err) < 0 && rc == 0)
		rc = -EIO;
	if (let_go(work, release, rc < 0 ? NULL : err) < 0 && rc == 0)
		rc = -EIO;
	see_it_off(work, job, begin_s);
	return rc;
}

/* Of slurmctld's environment only what its own commands need. */
static void clean_environment(void)
{
	const char *conf = getenv("SLURM_CONF");
	char *kept = conf ? strdup(conf) : NULL;

	clearenv();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (kept)
		setenv("SLURM_CONF", kept, 1);
	free(kept);
}

/* Runs on in a child with its own session; the parent returns when it has one. */
static bool detach(void)
{
	int told[2], null;
	char byte;
	pid_t pid;

	if (pipe2(told, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid != 0) {
		close(told[1]);
		while (pid > 0 && read(told[0], &byte, 1) < 0 && errno == EINTR)
			;
		close(told[0]);
		return false;
	}
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	close(told[1]);
	return true;
}

int main(int argc, char **argv)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct work work = { 0 };

	if (argc == 2 && strcmp(argv[1], "--sweep") == 0) {
		clean_environment();
		openlog("wattle-resize", LOG_PID | LOG_PERROR, LOG_DAEMON);
		return wattle_resize_sweep() < 0 ? 1 : 0;
	}
	if (argc == 2 && strcmp(argv[1], "--lift-limits") == 0)
		work.lift_limits = true;
	else if (argc > 1) {
		puts(strcmp(argv[1], "--version") == 0 ? "wattle-resize " PACKAGE_VERSION :
		     "Usage: wattle-resize [--lift-limits]    run by slurmctld, as EpilogSlurmctld\n"
		     "       wattle-resize --sweep            run by a timer: lets go the jobs whose change of size was cut short\n"
		     "See wattle-resize(8).");
		return strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	if (!read_environment(&work) || !detach())
		return 0; /* a failure would be a job's, and is none of its business */
	clean_environment();
	openlog("wattle-resize", LOG_PID, LOG_DAEMON);
	if (resize(&work, &err) < 0)
		syslog(LOG_ERR, "job %u: no new size: %s", work.job_id, err.text);
	return 0;
}
