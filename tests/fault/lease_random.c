/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kill matrix leaves out: one kill upon another. Random lives of jobs on a node, in which whoever acts may die at
 * any point, restores too, and books are torn; after each act a sweep must put everything right.
 * lease_random [ROUNDS [SEED]]: the same seed is the same story. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

#define JOBS 3
#define STEPS 3
#define ACTS 14

static const char *const POINTS[] = {
	"lease.locked", "lease.changed", "apply.looked", "store.begin", "store.prev_kept", "file.synced", "file.renamed", "store.end",
	"apply.journaled_once", "apply.journaled", "apply.before_write", "apply.after_write", "apply.written", "apply.done", "store.set_aside",
};
#define N_POINTS (sizeof(POINTS) / sizeof(POINTS[0]))

struct story {
	struct limits boot;
	struct actor slurmd, stepd[JOBS][STEPS];
	uint64_t state;
	char why[1024], acts[4096];
};

/* xorshift64*: good enough to choose by, and the same everywhere. */
static uint32_t choose(struct story *story, uint32_t below)
{
	story->state ^= story->state >> 12;
	story->state ^= story->state << 25;
	story->state ^= story->state >> 27;
	return (uint32_t) ((story->state * 0x2545f4914f6cdd1dull) >> 33) % below;
}

static void note(struct story *story, const char *what, uint32_t job, uint32_t step, const char *point)
{
	size_t len = strlen(story->acts);

	snprintf(story->acts + len, sizeof(story->acts) - len, "; %s %u.%u%s%s", what, job + 1, step, *point ? " dies at " : "", point);
}

static void sweep_and_check(struct story *story)
{
	const struct rig_call call = { .op = RIG_SWEEP };
	struct rig_answer answer;

	if (story->why[0])
		return;
	if (!once(&call, &answer) || answer.rc < 0)
		snprintf(story->why, sizeof(story->why), "sweep: %d %s", answer.rc, answer.err.text);
	else
		node_consistent(&story->boot, 0, NULL, story->why, sizeof(story->why));
}

/* Perhaps the next to pass some point will die there. */
static const char *arm(struct story *story)
{
	const char *point = POINTS[choose(story, N_POINTS)];
	char spec[64];

	if (choose(story, 2) == 0)
		return "";
	snprintf(spec, sizeof(spec), "%s skip=%u\n", point, choose(story, 4));
	file_write(RIG_FAULTPOINT, spec);
	return point;
}

static void perform(struct story *story, struct actor *stepd, const struct rig_call *call, const char *what, uint32_t step)
{
	const char *point = arm(story);
	struct rig_answer answer;
	int lived;

	if (stepd && !stepd->pid)
		actor_start(stepd);
	lived = stepd ? actor_call(stepd, call, &answer) : once(call, &answer);
	unlink(RIG_FAULTPOINT);
	note(story, what, call->job_id - 1, step, lived ? "" : point);
	if (lived && call->op == RIG_STEP_END)
		actor_kill(stepd);
	/* A step of a job that has no lease is refused, anything else works. */
	if (lived && answer.rc < 0 && answer.rc != -ENOENT)
		snprintf(story->why, sizeof(story->why), "%s: %d %s", what, answer.rc, answer.err.text);
}

static void tear(struct story *story)
{
	struct stat st;

	note(story, "book torn", 0, 0, "");
	if (stat(RIG_RUN_DIR "/book", &st) == 0 && truncate(RIG_RUN_DIR "/book", choose(story, (uint32_t) st.st_size)) < 0)
		rig_bail("can't tear the book");
}

static void one_act(struct story *story)
{
	uint32_t job = choose(story, JOBS), step = choose(story, STEPS);
	struct actor *stepd = &story->stepd[job][step];
	struct rig_call call = { .job_id = job + 1, .step_id = step };

	switch (choose(story, 10)) {
	case 0:
	case 1:
	case 2:
		call.op = RIG_JOB_BEGIN;
		call.watts_w = 40 + choose(story, 300);
		call.parent = story->slurmd.proc;
		perform(story, NULL, &call, "begin", 0);
		break;
	case 3:
	case 4:
	case 5:
		call.op = RIG_STEP_BEGIN;
		call.watts_w = choose(story, 3) ? 50 + choose(story, 250) : 0;
		perform(story, stepd, &call, "step", step);
		break;
	case 6:
		if (!stepd->pid)
			return;
		call.op = RIG_STEP_END;
		perform(story, stepd, &call, "step end", step);
		break;
	case 7:
		note(story, "kill", job, step, "");
		actor_kill(stepd);
		call.op = RIG_SWEEP;
		perform(story, NULL, &call, "sweep", 0);
		break;
	case 8:
		call.op = RIG_JOB_END;
		perform(story, NULL, &call, "end", 0);
		break;
	case 9:
		if (choose(story, 3) == 0)
			tear(story);
		call.op = RIG_SWEEP;
		perform(story, NULL, &call, "sweep", 0);
		break;
	}
}

static void run_story(struct story *story)
{
	run_dir_wipe();
	limits_write(&story->boot);
	actor_start(&story->slurmd);
	for (unsigned i = 0; i < ACTS && !story->why[0]; i++) {
		one_act(story);
		/* Not after each: what the next one finds is then what the last one left. */
		if (choose(story, 2))
			sweep_and_check(story);
	}
	for (unsigned job = 0; job < JOBS; job++)
		for (unsigned step = 0; step < STEPS; step++)
			actor_kill(&story->stepd[job][step]);
	actor_kill(&story->slurmd);
	sweep_and_check(story);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : 100;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct limits boot = limits_read();

	for (unsigned i = 0; i < rounds; i++) {
		struct story story = { .boot = boot, .state = (seed + i) * 0x9e3779b97f4a7c15ull + 1 };

		run_story(&story);
		if (story.why[0])
			printf("# %s\n", story.acts);
		tap(!story.why[0], story.why, "random lives and deaths, seed %llu", (unsigned long long) (seed + i));
	}
	return tap_done();
}
