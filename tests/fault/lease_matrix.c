/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kill matrix of the lease book: every process that changes it, killed at every point, in every company, with
 * what may come after. Wants a build with --enable-fault-points; run by tests/fault/lease-tests.
 * `lease_matrix all` tries everything after every kill: some 5000 cases. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "rig.h"

#define JOB 1u
#define NEIGHBOUR 2u
#define NEXT 3u

static const char *const POINTS[] = {
	"lease.locked", "lease.changed", "apply.looked", "store.begin", "store.prev_kept", "file.synced", "file.renamed", "store.end",
	"apply.journaled_once", "apply.journaled", "apply.before_write", "apply.after_write", "apply.written", "apply.done",
};
#define N_POINTS (sizeof(POINTS) / sizeof(POINTS[0]))
#define PASSES_MAX 8 /* of one point in one call: three saves, four writes */

/* Who acts. Slurmstepds hold a step and go on living; the others are made for one call. */
enum who { PROLOG, EPILOG, AGENT, EXTERN, BATCH, STEP0, STEP1, N_WHO };
static const char *const WHO[] = { "prolog", "epilog", "agent", "extern stepd", "batch stepd", "step 0's stepd", "step 1's stepd" };
static const char *const OP[] = { "job begin", "step begin", "step end", "job end", "sweep", "pods set" };

/* The watts of both pods, for RIG_PODS_SET. */
#define PODS(first_w, second_w) ((first_w) << 16 | (second_w))

struct act {
	enum who who;
	enum rig_op op;
	uint32_t watts_w;
	bool kill_first;  /* the job's slurmstepds die before it */
};

struct scenario {
	const char *name;
	bool neighbour;
	uint32_t n_acts;
	struct act act[12];
};

static const struct scenario SCENARIOS[] = {
	{ "one job", false, 7, {
		{ PROLOG, RIG_JOB_BEGIN, 300, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { BATCH, RIG_STEP_BEGIN, 0, false },
		{ STEP0, RIG_STEP_BEGIN, 200, false }, { STEP0, RIG_STEP_END, 0, false }, { BATCH, RIG_STEP_END, 0, false },
		{ EXTERN, RIG_STEP_END, 0, false } } },
	{ "one job, its epilog", false, 3, {
		{ PROLOG, RIG_JOB_BEGIN, 300, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { EPILOG, RIG_JOB_END, 0, false } } },
	{ "one job, killed", false, 4, {
		{ PROLOG, RIG_JOB_BEGIN, 300, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { STEP0, RIG_STEP_BEGIN, 150, false },
		{ AGENT, RIG_SWEEP, 0, true } } },
	{ "two jobs", true, 5, {
		{ PROLOG, RIG_JOB_BEGIN, 150, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { STEP0, RIG_STEP_BEGIN, 90, false },
		{ STEP0, RIG_STEP_END, 0, false }, { EXTERN, RIG_STEP_END, 0, false } } },
	{ "two jobs, one's epilog", true, 3, {
		{ PROLOG, RIG_JOB_BEGIN, 150, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { EPILOG, RIG_JOB_END, 0, false } } },
	{ "two jobs, one killed", true, 4, {
		{ PROLOG, RIG_JOB_BEGIN, 150, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { STEP0, RIG_STEP_BEGIN, 90, false },
		{ AGENT, RIG_SWEEP, 0, true } } },
	{ "two jobs that need no cap together", true, 3, { /* the second job's begin restores, its end caps again */
		{ PROLOG, RIG_JOB_BEGIN, 280, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { EXTERN, RIG_STEP_END, 0, false } } },
	{ "nested steps", false, 7, {
		{ PROLOG, RIG_JOB_BEGIN, 350, false }, { EXTERN, RIG_STEP_BEGIN, 0, false }, { STEP0, RIG_STEP_BEGIN, 300, false },
		{ STEP1, RIG_STEP_BEGIN, 200, false }, { STEP0, RIG_STEP_END, 0, false }, { STEP1, RIG_STEP_END, 0, false },
		{ EXTERN, RIG_STEP_END, 0, false } } },
	{ "pods", false, 5, {
		{ AGENT, RIG_PODS_SET, PODS(150, 0), false }, { AGENT, RIG_PODS_SET, PODS(150, 120), false },
		{ AGENT, RIG_PODS_SET, PODS(90, 120), false }, { AGENT, RIG_PODS_SET, PODS(0, 120), false },
		{ AGENT, RIG_PODS_SET, PODS(0, 0), false } } },
	{ "pods beside a job", true, 3, {
		{ AGENT, RIG_PODS_SET, PODS(150, 0), false }, { AGENT, RIG_PODS_SET, PODS(90, 250), false },
		{ AGENT, RIG_PODS_SET, PODS(0, 0), false } } },
};
#define N_SCENARIOS (sizeof(SCENARIOS) / sizeof(SCENARIOS[0]))

enum after { THEN_SWEEP, THEN_NEXT_JOB, THEN_LIVES_ON, THEN_REBOOT, THEN_REBOOT_OLD_BOOK, THEN_TORN, N_AFTER };
static const char *const AFTER[] = {
	"sweep", "next job", "the others live on", "reboot", "reboot with the old book", "sweep of a torn book",
};

struct play {
	struct limits boot;
	struct actor slurmd, other_slurmd, neighbour, stepd[N_WHO];
	char why[1024];
};

static void fail(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct play *play, const char *format, ...)
{
	va_list args;

	if (play->why[0])
		return;
	va_start(args, format);
	vsnprintf(play->why, sizeof(play->why), format, args);
	va_end(args);
}

static void fail_when(struct play *play, const char *when)
{
	char text[sizeof(play->why)];

	snprintf(text, sizeof(text), "%s: %s", when, play->why);
	memcpy(play->why, text, sizeof(text));
}

static struct rig_call to_call(const struct play *play, const struct act *act)
{
	static const uint32_t step[] = { [EXTERN] = WATTLE_STEP_EXTERN, [BATCH] = WATTLE_STEP_BATCH, [STEP0] = 0, [STEP1] = 1 };
	struct rig_call call = { .op = act->op, .job_id = JOB, .watts_w = act->watts_w, .parent = play->slurmd.proc };

	if (act->op == RIG_PODS_SET) {
		call.pod_w[0] = act->watts_w >> 16;
		call.pod_w[1] = act->watts_w & 0xffff;
	}
	if (act->who >= EXTERN)
		call.step_id = step[act->who];
	return call;
}

static void kill_stepds(struct play *play)
{
	for (unsigned who = 0; who < N_WHO; who++)
		actor_kill(&play->stepd[who]);
}

/* 1: done; 0: whoever acted died in the midst of it. */
static int perform(struct play *play, const struct act *act)
{
	const struct rig_call call = to_call(play, act);
	struct rig_answer answer;
	int answered;

	if (act->kill_first)
		kill_stepds(play);
	if (act->who < EXTERN) {
		answered = once(&call, &answer);
	} else {
		if (!play->stepd[act->who].pid)
			actor_start(&play->stepd[act->who]);
		answered = actor_call(&play->stepd[act->who], &call, &answer);
		if (answered && act->op == RIG_STEP_END)
			actor_kill(&play->stepd[act->who]);
	}
	if (answered && (answer.rc < 0 || answer.outcome.cap_failed))
		fail(play, "%s, %s: %d %s %s", WHO[act->who], OP[act->op], answer.rc, answer.err.text, answer.outcome.cap_failure);
	return answered;
}

static void play_call(struct play *play, enum rig_op op, uint32_t job_id, uint32_t watts_w, const struct wattle_proc *parent)
{
	struct rig_call call = { .op = op, .job_id = job_id, .watts_w = watts_w };
	struct rig_answer answer;

	if (parent)
		call.parent = *parent;
	if (!once(&call, &answer))
		fail(play, "%s of job %u died", OP[op], (unsigned) job_id);
	else if (answer.rc < 0 || answer.outcome.cap_failed)
		fail(play, "%s of job %u: %d %s %s", OP[op], (unsigned) job_id, answer.rc, answer.err.text, answer.outcome.cap_failure);
}

static void start_neighbour(struct play *play)
{
	const struct rig_call call = { .op = RIG_STEP_BEGIN, .job_id = NEIGHBOUR, .step_id = WATTLE_STEP_EXTERN };
	struct rig_answer answer;

	actor_start(&play->other_slurmd);
	play_call(play, RIG_JOB_BEGIN, NEIGHBOUR, 120, &play->other_slurmd.proc);
	actor_start(&play->neighbour);
	if (!actor_call(&play->neighbour, &call, &answer) || answer.rc < 0)
		fail(play, "the neighbour can't begin: %s", answer.err.text);
}

static void check(struct play *play, const char *when, bool job_must_live, bool job_must_be_gone)
{
	bool job_there = false;

	if (!play->why[0] && !node_consistent(&play->boot, JOB, &job_there, play->why, sizeof(play->why)))
		fail_when(play, when);
	if (job_must_live && !job_there)
		fail(play, "%s: the entry of a living job is lost", when);
	if (job_must_be_gone && job_there)
		fail(play, "%s: the job's entry is still there", when);
}

static void next_job(struct play *play)
{
	const struct rig_call begin = { .op = RIG_STEP_BEGIN, .job_id = NEXT, .step_id = 0, .watts_w = 180 },
			      end = { .op = RIG_STEP_END, .job_id = NEXT, .step_id = 0 };
	struct actor slurmd, stepd;
	struct rig_answer answer;

	actor_start(&slurmd);
	actor_start(&stepd);
	play_call(play, RIG_JOB_BEGIN, NEXT, 200, &slurmd.proc);
	check(play, "next job begun", false, true);
	if (!actor_call(&stepd, &begin, &answer) || answer.rc < 0)
		fail(play, "next job's step: %s", answer.err.text);
	check(play, "next job's step begun", false, true);
	if (!actor_call(&stepd, &end, &answer) || answer.rc < 0)
		fail(play, "next job's step end: %s", answer.err.text);
	check(play, "next job ended", false, true);
	actor_kill(&stepd);
	actor_kill(&slurmd);
}

static void tear_book(void)
{
	struct stat st;

	if (stat(RIG_RUN_DIR "/book", &st) == 0 && truncate(RIG_RUN_DIR "/book", st.st_size / 2) < 0)
		rig_bail("can't tear the book");
}

static void all_die(struct play *play)
{
	kill_stepds(play);
	actor_kill(&play->slurmd);
}

static void reboot(struct play *play, bool keep_book)
{
	all_die(play);
	actor_kill(&play->neighbour);
	actor_kill(&play->other_slurmd);
	boot_id_new();
	/* Other firmware settings than last time: an old book believed would show. */
	for (uint32_t z = 0; z < RIG_ZONES; z++)
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++)
			play->boot.uw[z][c] += 8000000;
	limits_write(&play->boot);
	if (!keep_book)
		run_dir_wipe();
	play_call(play, RIG_SWEEP, 0, 0, NULL);
	check(play, "after the reboot", false, true);
	next_job(play);
}

static void go_on(struct play *play, const struct act *died_in, enum after after)
{
	/* An epilog takes the entry away whoever lives. */
	bool lives = play->stepd[EXTERN].pid != 0 && died_in->op != RIG_JOB_END;

	switch (after) {
	case THEN_SWEEP:
		all_die(play);
		play_call(play, RIG_SWEEP, 0, 0, NULL);
		check(play, "swept", false, true);
		break;
	case THEN_NEXT_JOB:
		all_die(play);
		next_job(play);
		break;
	case THEN_LIVES_ON:
		play_call(play, RIG_SWEEP, 0, 0, NULL);
		check(play, "lives on", lives, false);
		play_call(play, RIG_JOB_END, JOB, 0, NULL);
		check(play, "its epilog", false, true);
		if (died_in->op == RIG_PODS_SET)
			play_call(play, RIG_PODS_SET, 0, 0, NULL);
		all_die(play);
		break;
	case THEN_REBOOT:
	case THEN_REBOOT_OLD_BOOK:
		reboot(play, after == THEN_REBOOT_OLD_BOOK);
		break;
	case THEN_TORN:
		tear_book();
		all_die(play);
		play_call(play, RIG_SWEEP, 0, 0, NULL);
		check(play, "torn and swept", false, true);
		break;
	case N_AFTER:
		break;
	}
	if (play->neighbour.pid) {
		actor_kill(&play->neighbour);
		actor_kill(&play->other_slurmd);
		play_call(play, RIG_SWEEP, 0, 0, NULL);
	}
	check(play, "at the end", false, true);
}

/* One case: false if the point is never passed so often in that call. */
static bool run_case(const struct limits *boot, const struct scenario *scenario, uint32_t victim, const char *point, unsigned pass, enum after after)
{
	const struct act *act = &scenario->act[victim];
	struct play play = { .boot = *boot };
	char spec[64];
	bool died;

	run_dir_wipe();
	boot_id_new();
	limits_write(boot);
	actor_start(&play.slurmd);
	if (scenario->neighbour)
		start_neighbour(&play);
	for (uint32_t i = 0; i < victim; i++)
		if (!perform(&play, &scenario->act[i]))
			fail(&play, "act %u died without cause", (unsigned) i);
	check(&play, "before the kill", false, false);
	snprintf(spec, sizeof(spec), "%s skip=%u\n", point, pass);
	file_write(RIG_FAULTPOINT, spec);
	died = !perform(&play, act);
	unlink(RIG_FAULTPOINT);
	if (died)
		go_on(&play, act, after);
	all_die(&play);
	actor_kill(&play.neighbour);
	actor_kill(&play.other_slurmd);
	if (died || play.why[0])
		tap(!play.why[0], play.why, "%s: %s killed in %s at %s+%u, then %s", scenario->name, WHO[act->who], OP[act->op], point, pass,
		    AFTER[after]);
	return died;
}

/* Every kill; what comes after it goes round, or is tried in every way if `all`. False: the point was not reached. */
static bool run_kill(const struct limits *boot, const struct scenario *scenario, uint32_t victim, const char *point, unsigned pass, bool all)
{
	static unsigned turn;
	bool died = true;

	if (!all)
		return run_case(boot, scenario, victim, point, pass, turn++ % N_AFTER);
	for (unsigned after = 0; after < N_AFTER && died; after++)
		died = run_case(boot, scenario, victim, point, pass, after);
	return died;
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && strcmp(argv[1], "all") == 0;
	struct limits boot = limits_read();

	for (size_t s = 0; s < N_SCENARIOS; s++)
		for (uint32_t victim = 0; victim < SCENARIOS[s].n_acts; victim++)
			for (size_t p = 0; p < N_POINTS; p++)
				for (unsigned pass = 0; pass < PASSES_MAX; pass++)
					if (!run_kill(&boot, &SCENARIOS[s], victim, POINTS[p], pass, all))
						break;
	run_dir_wipe();
	limits_write(&boot);
	return tap_done();
}
