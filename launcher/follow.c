/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "follow.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holder.h"
#include "leave.h"
#include "replanner.h"
#include "step.h"
#include "verdict.h"

#define LOOK_S 5            /* between two looks at the status file */
#define CAP_WITHIN_S 60     /* for the step that holds a cap to start */
#define SPARE_S 3           /* a cap that will be raised is asked for so long before */
#define LEARN_S 5           /* a step tells something of its speed after this */
#define SHOW_S 60           /* between two changes of the job's comment */
#define AGAIN_S 2           /* a request that nobody has heard is made again after this */
#define ENDS_WITHIN_S 20    /* srun, told to end its step */

struct leg {
	struct wattle_step step;
	struct wattle_capper capper, spare;
	double spare_w;
	struct wattle_choice choice;
	struct wattle_status status;
	double start_s;
	double ask_s;            /* UTC; a checkpoint is due then, whatever the plan says. INFINITY: never */
	uint64_t done_before;    /* the program's units when the step started */
	int exit_status;         /* 128+N: signal N; -1: still running */
	int stop;                /* the signal that told us to end; 0: none */
	bool alone;              /* nobody holds this batch script any more */
	double shown_s;
	double slow_s, since_s;  /* time that caps have cost since the step started; up to when that is reckoned */
};

/* --- looking ---------------------------------------------------------------------------------------------------------------- */

/* The first iteration at the new size: what the change has cost. */
static void note_arrival(struct wattle_run *run, const struct leg *leg)
{
	struct wattle_state *s = &run->state;
	double first_s = (double) leg->status.first_us / 1e6, lost_s;

	if (!(s->asked_s > 0) || !leg->status.first_us)
		return;
	lost_s = first_s - s->asked_s;
	if (s->begin_s > s->left_s)
		lost_s -= s->begin_s - s->left_s;
	if (lost_s > 0 && lost_s < 86400) {
		s->lost_s += lost_s;
		s->lost_n++;
		wattle_run_say(run, "%.1f s from the request to the first iteration on %u node%s", lost_s, run->nodes, run->nodes == 1 ? "" : "s");
	}
	s->asked_s = 0;
	wattle_run_save(run);
}

static void note_progress(struct wattle_run *run, const struct wattle_status *status)
{
	if (status->total) {
		run->state.done = status->done;
		run->state.total = status->total;
	}
}

static void look(struct wattle_run *run, struct leg *leg)
{
	struct wattle_status now;

	if (!wattle_step_status(&leg->step, &now))
		return;
	leg->status = now;
	note_progress(run, &now);
	note_arrival(run, leg);
}

/* The run before may have been killed before it looked. That there is a program which tells of its progress must be known: without it a
 * step that could not be started is a program that has ended. */
static void look_back(struct wattle_run *run)
{
	struct wattle_status last;

	if (run->state.steps && wattle_step_said(run->folder, run->state.steps, &last))
		note_progress(run, &last);
}

/* Up to now the step ran at the speed of its cap. */
static void count_slow(struct leg *leg)
{
	double at_s = wattle_run_now_s();

	leg->slow_s += (at_s - leg->since_s) * (1 - leg->choice.speed);
	leg->since_s = at_s;
}

/* From the first status to the last: what starting took is not the program's speed; and at full speed. */
static void learn_from(const struct wattle_run *run, const struct leg *leg, struct wattle_state *state)
{
	double run_s = (double) (leg->status.last_us - leg->status.first_us) / 1e6;

	if (leg->status.total && leg->status.done > leg->done_before)
		wattle_state_learn(state, run->nodes, (double) (leg->status.done - leg->done_before),
				   fmax(run_s - fmin(leg->slow_s, 0.9 * run_s), 1e-3));
}

/* Whether another plan is in force now. */
static bool replan(struct wattle_run *run, struct leg *leg)
{
	struct wattle_state seen = run->state;

	if (!run->replanner || !wattle_takes_part(&seen))
		return false;
	if (leg->exit_status < 0 && leg->status.last_us - leg->status.first_us >= LEARN_S * 1000000) {
		count_slow(leg);
		learn_from(run, leg, &seen);
	}
	if (!wattle_replanner_look(run, &seen, wattle_run_now_s()))
		return false;
	wattle_run_save(run);
	return true;
}

/* Waits for a change: the step's end, a signal to us, or time. */
static void wait_a_while(const struct wattle_run *run, struct leg *leg, double seconds)
{
	struct timespec t;
	sigset_t set;
	int status, got;

	if (waitpid(leg->step.pid, &status, WNOHANG) == leg->step.pid)
		goto ended;
	wattle_signals_of_end(&set);
	sigaddset(&set, SIGCHLD);
	if (seconds < 0)
		seconds = 0;
	t.tv_sec = (time_t) seconds;
	t.tv_nsec = (long) ((seconds - (double) t.tv_sec) * 1e9);
	got = sigtimedwait(&set, NULL, &t);
	if (got > 0 && got != SIGCHLD)
		leg->stop = got;
	if (waitpid(leg->step.pid, &status, WNOHANG) != leg->step.pid)
		return;
ended:
	leg->exit_status = wattle_step_exit(&leg->step, status, run->checkpointed);
}

/* --- a step ----------------------------------------------------------------------------------------------------------------- */

/* To wait for a cap's step; a checkpoint that is due does not wait for it. */
static double cap_within_s(const struct leg *leg)
{
	return fmax(1, fmin(CAP_WITHIN_S, leg->ask_s - wattle_run_now_s()));
}

static int set_cap(struct wattle_run *run, struct leg *leg, double cap_w)
{
	struct wattle_capper old = leg->capper, fresh = { 0, -1 };
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = 0;

	if (leg->spare.fd >= 0 && cap_w > 0 && fabs(leg->spare_w - cap_w) < 0.5) {
		fresh = leg->spare;
		leg->spare.fd = -1;
	} else if (cap_w > 0)
		rc = wattle_capper_start(run->nodes, cap_w, cap_within_s(leg), leg->step.pid, &fresh, &err);
	wattle_capper_stop(&leg->spare);
	if (rc < 0) {
		wattle_run_say(run, "%s: the watts stay as they are", err.text);
		return rc;
	}
	leg->capper = fresh;
	wattle_capper_stop(&old); /* only now: a higher cap comes in force when the lower one goes, a lower one at once */
	return 0;
}

/* The least of what steps ask for counts: a step that asks for more than the one in force does nothing until that goes. Started before
 * its time, the new cap takes as long as the end of a step, and not as its start as well. */
static void prepare_cap(struct wattle_run *run, struct leg *leg)
{
	struct wattle_choice next = wattle_choose(run, wattle_course_utc(run, leg->choice.until_s) + 1e-3);

	if (leg->spare.fd >= 0 || !(leg->choice.cap_w > 0) || next.phase != WATTLE_PHASE_RUN || next.nodes != run->nodes ||
	    next.cap_w < leg->choice.cap_w + 0.5)
		return;
	if (wattle_capper_start(run->nodes, next.cap_w, cap_within_s(leg), leg->step.pid, &leg->spare, NULL) == 0)
		leg->spare_w = next.cap_w;
	else
		leg->spare.fd = -1; /* it is tried again when it is due */
}

static void show_step(const struct wattle_run *run, struct leg *leg)
{
	char text[40];

	snprintf(text, sizeof(text), "%u node%s", run->nodes, run->nodes == 1 ? "" : "s");
	wattle_run_show(run, text, wattle_course_utc(run, leg->choice.until_s));
	leg->shown_s = wattle_run_now_s();
}

static int start(struct wattle_run *run, struct leg *leg)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_launch launch = {
		.job_id = run->job_id, .number = run->state.steps + 1, .nodes = run->nodes, .tasks_per_node = run->state.tasks_per_node,
		.signal = run->signal, .wait_s = run->grace_s, .mpi = run->mpi, .folder = run->folder, .launch_args = run->launch_args,
		.program = run->program, .measured = run->measured, .mpirun = run->mpirun, .self = run->self, .rank = run->rank,
	};
	char until[16];

	run->state.steps++;
	leg->done_before = run->state.done;
	leg->exit_status = -1;
	leg->step.pid = 0;
	leg->start_s = leg->since_s = wattle_run_now_s();
	leg->slow_s = 0;
	leg->ask_s = run->every_s ? leg->start_s + (double) run->every_s : INFINITY;
	if (run->can_resize && run->leave_by_s > leg->start_s)
		leg->ask_s = fmin(leg->ask_s, run->leave_by_s);
	wattle_run_save(run);
	if (wattle_wait_for_slurm(run) < 0)
		return -1;
	if (leg->choice.cap_w > 0)
		set_cap(run, leg, leg->choice.cap_w);
	if (wattle_step_start(&launch, &leg->step, &err) < 0) {
		wattle_run_say(run, "%s", err.text);
		return -1;
	}
	wattle_run_say(run, "step %u on %u node%s%s, until %s%s", run->state.steps, run->nodes, run->nodes == 1 ? "" : "s", leg->choice.cap_w > 0 ? ", capped" : "",
		       wattle_run_clock(wattle_course_utc(run, leg->choice.until_s), until), leg->choice.behind ? " (behind the plan: deadline first)" : "");
	show_step(run, leg);
	return 0;
}

static bool size_changes(const struct wattle_run *run, const struct wattle_choice *next)
{
	if (next->phase == WATTLE_PHASE_PAUSE)
		return true;
	return next->nodes != run->nodes && next->nodes != run->state.refused_nodes;
}

/* What was asked for has been left; the program goes on in another run of the job, which has a time limit of its own. */
static bool limit_comes(const struct wattle_run *run)
{
	return run->leave_by_s > 0 && wattle_run_now_s() >= run->leave_by_s;
}

/* At the end of a leg whose successor has the same size nothing is restarted. True if the step must be asked to leave. */
static bool leg_over(struct wattle_run *run, struct leg *leg)
{
	struct wattle_choice next;

	replan(run, leg);
	next = wattle_choose(run, wattle_run_now_s());
	if (next.behind && !leg->choice.behind)
		wattle_run_say(run, "behind the plan: no pause, no fewer nodes, for the deadline's sake");
	if (size_changes(run, &next)) {
		if (run->can_resize && wattle_may_ask(&run->state))
			return true;
		if (leg->choice.nodes != next.nodes || leg->choice.phase != next.phase)
			wattle_run_say(run, "the plan wants %s%u nodes; goes on with %u: %s", next.phase == WATTLE_PHASE_PAUSE ? "a pause, then " : "", next.nodes,
				       run->nodes, run->can_resize ? "the program does not take part" : run->why_not);
	}
	if (next.phase != WATTLE_PHASE_PAUSE && fabs(next.cap_w - leg->choice.cap_w) >= 0.5) {
		wattle_run_say(run, next.cap_w > 0 ? "cap %.0f W per node, nothing restarted" : "no cap but the grant, nothing restarted", next.cap_w);
		set_cap(run, leg, next.cap_w);
	}
	count_slow(leg);
	leg->choice = next;
	return false;
}

/* Asks until the step has left, the grace is over, or we are to end ourselves. */
static void ask_to_leave(struct wattle_run *run, struct leg *leg)
{
	double asked_s = wattle_run_now_s(), sent_s = 0, until_s;
	struct wattle_err err = WATTLE_ERR_INIT;
	bool heard = false, event = wattle_step_status(&leg->step, &leg->status); /* events reach programs that have the library */
	enum wattle_asked how, said_how = WATTLE_ASKED_BY_SIGNAL;
	bool said = false, complained = false;

	wattle_run_show(run, "checkpoint", INFINITY);
	run->state.asked_s = asked_s;
	until_s = wattle_run_now_s() + (double) run->grace_s;
	while (leg->exit_status < 0 && wattle_run_now_s() < until_s && !leg->stop) {
		if (!heard && wattle_run_now_s() - sent_s >= AGAIN_S) {
			int rc = wattle_step_ask(&leg->step, run->job_id, run->signal, event, &how, &err);

			if (rc == 0 && (!said || how != said_how))
				wattle_run_say(run, "asks for a checkpoint, by %s", how == WATTLE_ASKED_BY_EVENT ? "a PMIx event" : "signal");
			said = said || rc == 0;
			said_how = how;
			event = false; /* once unheard, then by signal */
			sent_s = wattle_run_now_s();
			if (rc < 0 && rc != -EAGAIN) {
				/* no fault of the program's, which works on meanwhile */
				until_s = sent_s + (double) run->grace_s;
				if (!complained)
					wattle_run_say(run, "the request can't be sent, is tried again: %s", err.text);
				complained = true;
			}
		}
		wait_a_while(run, leg, heard ? 1 : 0.25);
		if (wattle_step_status(&leg->step, &leg->status))
			heard = leg->status.asked > 0;
	}
}

/* srun is told to end its step. */
static void end_step(const struct leg *leg)
{
	int status;

	if (leg->exit_status >= 0)
		return;
	kill(leg->step.pid, SIGTERM);
	for (int waited_ms = 0; waitpid(leg->step.pid, &status, WNOHANG) == 0; waited_ms += 50) {
		struct timespec nap = { 0, 50000000 };

		if (waited_ms == ENDS_WITHIN_S * 1000)
			kill(leg->step.pid, SIGKILL);
		nanosleep(&nap, NULL);
	}
}

/* The slurmstepd of the batch script is gone: Slurm will notice in some minutes, and run the job again beside what still runs. So
 * nothing goes on here, and Slurm hears of it now. */
static int abandon(struct wattle_run *run, const struct leg *leg)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	wattle_run_say(run, "the slurmstepd of this batch script was killed: this run of the job ends");
	end_step(leg);
	wattle_holder_clear(run->job_id); /* the ranks here, which nobody holds either, and the script */
	run->state.asked_s = 0;
	run->state.wanted_nodes = 0;
	wattle_run_save(run);
	if (run->can_resize && wattle_wait_for_slurm(run) == 0 && wattle_requeue(run, run->nodes, 0, &err) < 0)
		wattle_run_say(run, "the job could not be requeued: %s", err.text);
	return 1;
}

/* --- what came of a step ---------------------------------------------------------------------------------------------------- */

static void learn(struct wattle_run *run, struct leg *leg)
{
	look(run, leg);
	count_slow(leg);
	learn_from(run, leg, &run->state);
}

/* One step, until it has ended or we have to: whether it was asked to leave. */
static bool run_step(struct wattle_run *run, struct leg *leg)
{
	while (leg->exit_status < 0 && !leg->stop) {
		double left_s = wattle_course_utc(run, leg->choice.until_s) - wattle_run_now_s(), due_s = leg->ask_s - wattle_run_now_s();

		leg->alone = run->holder && wattle_holder_find() != run->holder;
		if (leg->alone)
			return false;
		if ((due_s <= 0 && wattle_may_ask(&run->state)) || (left_s <= 0 && leg_over(run, leg))) {
			if (due_s <= 0)
				leg->ask_s = run->every_s ? wattle_run_now_s() + (double) run->every_s : INFINITY;
			ask_to_leave(run, leg);
			if (leg->exit_status >= 0 || leg->stop)
				return true;
			run->state.ignored++;
			run->state.asked_s = 0;
			wattle_run_say(run, "no answer to the request within %" PRId64 " s: the program goes on with %u nodes%s", run->grace_s, run->nodes,
				       !wattle_takes_part(&run->state) ? ", and is asked no more" : "");
			leg->choice = wattle_choose(run, wattle_run_now_s());
			continue;
		}
		if (left_s > 0 && left_s <= SPARE_S) {
			prepare_cap(run, leg);
			left_s = fmax(wattle_course_utc(run, leg->choice.until_s) - wattle_run_now_s(), 0);
		} else
			left_s = left_s > 0 ? left_s - SPARE_S : LOOK_S;
		wait_a_while(run, leg, fmin(fmin(left_s, due_s > 0 ? due_s : LOOK_S), LOOK_S));
		look(run, leg);
		if (leg->exit_status < 0 && replan(run, leg)) {
			leg->choice.until_s = -INFINITY;
			continue;
		}
		if (wattle_run_now_s() - leg->shown_s >= SHOW_S) {
			show_step(run, leg);
			wattle_run_save(run);
		}
	}
	return false;
}

/* Somebody wants us gone: Slurm at the time limit or a preemption, or the user. The step hears of it from Slurm, too; the state is on
 * disk already. */
static int stop_for(struct wattle_run *run, const struct leg *leg)
{
	wattle_run_save(run);
	wattle_run_say(run, "ended by signal %d", leg->stop);
	end_step(leg);
	return 128 + leg->stop;
}

static void finish(struct wattle_run *run, const char *what)
{
	struct wattle_state *s = &run->state;

	wattle_run_say(run, "%s after %u step%s, %u change%s of size, %u pause%s", what, s->steps, s->steps == 1 ? "" : "s", s->resizes,
		       s->resizes == 1 ? "" : "s", s->pauses, s->pauses == 1 ? "" : "s");
	if (s->lost_n)
		wattle_run_say(run, "%.1f s lost in each change, on average", s->lost_s / s->lost_n);
	wattle_run_show(run, what, INFINITY);
	wattle_run_save(run);
}

int wattle_follow(struct wattle_run *run)
{
	struct leg leg = { .capper = { 0, -1 }, .spare = { 0, -1 } };
	uint32_t hurry = 0;
	sigset_t set;

	wattle_signals_of_end(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	look_back(run);
	for (;;) {
		enum wattle_verdict verdict;
		bool asked;

		leg.exit_status = 0;
		replan(run, &leg);
		leg.choice = wattle_choose(run, wattle_run_now_s());
		if (run->can_resize && (size_changes(run, &leg.choice) || limit_comes(run)) && run->state.crashes < WATTLE_CRASHES_MAX) {
			wattle_leave_for(run, &leg.choice);
			continue;
		}
		if (start(run, &leg) < 0)
			return 1;
		asked = run_step(run, &leg);
		set_cap(run, &leg, 0);
		if (leg.alone)
			return abandon(run, &leg);
		if (leg.stop)
			return stop_for(run, &leg);
		learn(run, &leg);
		verdict = wattle_judge(run, &leg.status, leg.exit_status, asked, &hurry);
		wattle_step_forget(&leg.step);
		memset(&leg.status, 0, sizeof(leg.status));
		wattle_run_save(run);
		if (verdict == WATTLE_FINISHED) {
			finish(run, "done");
			return 0;
		}
		if (verdict == WATTLE_FAILED) {
			finish(run, "failed");
			return leg.exit_status;
		}
	}
}
