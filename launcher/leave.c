/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "leave.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "handover.h"
#include "job.h"

#define REQUEUE_WAIT_S 60   /* for Slurm to end us after requeuehold */
#define REFUSED_WAIT_S 2
#define REQUEUE_TRIES 3     /* a slurmctld that dies after its answer may have forgotten it */
#define SLURM_AGAIN_S 5     /* between two questions to a Slurm that does not answer */

void wattle_signals_of_end(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

int wattle_wait_for_slurm(const struct wattle_run *run)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	bool said = false;
	sigset_t set;

	wattle_signals_of_end(&set);
	for (;;) {
		struct timespec t = { SLURM_AGAIN_S, 0 };
		struct wattle_job job;
		int rc = wattle_job_ask(run->job_id, &job, &err), got;

		if (rc == 0 || rc == -ENOENT)
			return 0;
		if (!said)
			wattle_run_say(run, "Slurm does not answer, waits for it: %s", err.text);
		said = true;
		got = sigtimedwait(&set, NULL, &t);
		if (got > 0) {
			kill(getpid(), got); /* pending again, for those who look at it */
			return -EINTR;
		}
	}
}

int wattle_requeue(const struct wattle_run *run, uint32_t nodes, int64_t begin_s, struct wattle_err *err)
{
	struct wattle_handover handover = { run->restarts, nodes, begin_s };
	char comment[sizeof(run->comment) + 200] = "Comment=", job[32], id[16];
	const char *update[] = { "update", job, comment, NULL };
	const char *hold[] = { "requeuehold", id, NULL };
	struct wattle_job now;
	int rc = wattle_job_ask(run->job_id, &now, err);

	if (rc < 0)
		return rc;
	if (now.restarts != run->restarts || strcmp(now.state, "COMPLETING") == 0)
		return wattle_err_set(err, ESTALE, "Slurm has requeued it");
	snprintf(job, sizeof(job), "JobId=%u", run->job_id);
	snprintf(id, sizeof(id), "%u", run->job_id);
	wattle_handover_format(&handover, run->comment, comment + strlen(comment), sizeof(comment) - strlen(comment));
	rc = wattle_scontrol(update, err);
	return rc < 0 ? rc : wattle_scontrol(hold, err);
}

void wattle_leave_for(struct wattle_run *run, const struct wattle_choice *next)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_state *s = &run->state;
	bool pause = next->phase == WATTLE_PHASE_PAUSE;
	int64_t begin_s = pause ? (int64_t) ceil(wattle_course_utc(run, next->until_s)) : 0;
	pid_t script = getppid();
	sigset_t ends;
	char when[16];

	wattle_signals_of_end(&ends);
	if (!(s->asked_s > 0))
		s->asked_s = wattle_run_now_s();
	s->left_s = wattle_run_now_s();
	s->begin_s = (double) begin_s;
	s->wanted_nodes = next->nodes;
	if (pause)
		s->pauses++;
	if (next->nodes != run->nodes)
		s->resizes++;
	wattle_run_save(run);
	if (pause)
		wattle_run_say(run, "pauses until %s, then %u nodes", wattle_run_clock(s->begin_s, when), next->nodes);
	else if (next->nodes != run->nodes)
		wattle_run_say(run, "from %u to %u nodes", run->nodes, next->nodes);
	else
		wattle_run_say(run, "goes on in the job's next run: the time limit comes");
	/* proctrack/linuxproc ends the batch script and may lose sight of us then */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < REQUEUE_TRIES; i++) {
		struct timespec t = { REQUEUE_WAIT_S, 0 };
		int rc = wattle_wait_for_slurm(run);

		if (rc == 0)
			rc = wattle_requeue(run, next->nodes, begin_s, &err);
		fflush(NULL);
		if (rc == -ESTALE)
			_exit(1);
		if (rc == -EINTR)
			break;
		/* a slurmctld that goes down refuses, too, for reasons of its own: what the next one says counts */
		if (rc < 0 && wattle_slurm_answers(run->job_id))
			t.tv_sec = REFUSED_WAIT_S;
		/* Slurm's SIGTERM goes to the script, too; to wait for its SIGKILL would keep the nodes for half a minute */
		if (sigtimedwait(&ends, NULL, &t) > 0 || getppid() != script)
			_exit(1); /* this run of the job is over, whatever has kept us: the next one is another's */
		if (rc == 0)
			wattle_err_set(&err, ETIMEDOUT, "this run of the job was not ended within %d s", REQUEUE_WAIT_S);
	}
	prctl(PR_SET_PDEATHSIG, 0);
	run->can_resize = false;
	snprintf(run->why_not, sizeof(run->why_not), "the job could not be requeued: %.200s", err.text);
	wattle_run_say(run, "%s", run->why_not);
	s->asked_s = 0;
	wattle_run_show(run, "size can't be changed", INFINITY);
}
