/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FOLLOW_H
#define WATTLE_FOLLOW_H

/* wattlerun's work: the program runs at the plan's size, leg after leg. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "course.h"
#include "err.h"
#include "state.h"

struct wattle_replanner;

#define WATTLE_RUN_CHECKPOINTED 85 /* wattle.h's */

struct wattle_run {
	/* what was asked for */
	const struct wattle_course *course; /* NULL: no plan, the program runs at the size it has */
	char *const *program, *const *launch_args;
	const char *mpi, *mpirun, *self, *rank; /* as in wattle_launch */
	const char *folder;      /* absolute */
	int folder_fd;
	int signal;
	int64_t grace_s, pause_min_s;
	int64_t every_s;         /* a checkpoint at least that often; 0: where the plan wants one */
	uint32_t restarts_max;   /* of a program that was killed, in a row */
	int checkpointed;        /* exit status that means "checkpointed" */
	bool quiet;
	const char *measured;    /* as in wattle_launch */
	/* what is */
	uint32_t job_id, restarts, nodes;
	double deadline_s;       /* UTC; 0: none */
	double leave_by_s;       /* UTC; a checkpoint is asked for then, ahead of the time limit. 0: none */
	pid_t holder;            /* the slurmstepd of the batch script; 0: not known */
	char comment[1024];      /* the user's own */
	bool can_resize;
	char why_not[256];       /* if it can't */
	struct wattle_state state;
	struct wattle_replanner *replanner; /* NULL: the plan stays as it is */
	bool replans;            /* it has a forecast to plan with, and so sees to the deadline */
};

/* Until the program has ended, or this run of the job has: the exit status for the batch script. */
int wattle_follow(struct wattle_run *run);

/* A line for the user on stderr, unless quiet. */
void wattle_run_say(const struct wattle_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Where squeue shows it: in the job's comment. until_s: UTC; INFINITY: not said. */
void wattle_run_show(const struct wattle_run *run, const char *what, double until_s);
/* Its state, on disk; says so if that can't be. */
void wattle_run_save(const struct wattle_run *run);
/* UTC, and such a moment as people read it. */
double wattle_run_now_s(void);
const char *wattle_run_clock(double utc_s, char buf[16]);

/* What to do at a moment; pure. */
struct wattle_choice {
	enum wattle_phase phase;
	uint32_t nodes;
	double cap_w;            /* per node; 0: the grant alone */
	double until_s;          /* on the course's clock */
	bool behind;             /* the plan is not followed, for the deadline's sake */
	double speed;            /* under the cap, as a share of that without */
};

/* Deadline before carbon: where the work left, at the speed measured, is more than the plan does until the deadline, no pause is made,
 * no node given back, and no watts. now_s is UTC. */
struct wattle_choice wattle_choose(const struct wattle_run *run, double now_s);
/* UTC of a moment of the course. */
double wattle_course_utc(const struct wattle_run *run, double at_s);

#endif
