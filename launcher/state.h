/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_STATE_H
#define WATTLE_STATE_H

/* What wattlerun knows from one run of the job to the next: a file in a folder of the user's that all nodes see, replaced as a whole. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "plan_text.h"

#define WATTLE_STATE_RATES_MAX 64u /* node counts whose speed is remembered; further ones are not */

struct wattle_rate {
	uint32_t nodes;
	double units, run_s; /* summed over the steps at this size; run_s at full speed: less where a cap slowed it */
};

struct wattle_state {
	uint32_t job_id;
	uint32_t steps;          /* launched so far, the number of the last one */
	double first_start_s;    /* UTC; when the job ran first */
	uint32_t tasks_per_node; /* of the first run: Slurm's own variables keep no word of it */
	uint64_t done, total;    /* the program's; total 0: not known */
	uint64_t kept;           /* done, in its last checkpoint that is known of: at most so much, where it was killed later */
	/* A change of size under way: asked_s > 0 from the request to the first sign of life at the new size. */
	double asked_s, left_s, begin_s; /* UTC: request; requeue; begin wanted, 0: at once */
	uint32_t wanted_nodes;
	uint32_t refused_nodes;  /* a size that was wanted and not given: not wanted again in this leg. 0: none */
	uint32_t resizes, pauses;
	double lost_s;           /* sum over changes, from the request to the first iteration after it, without the pause */
	uint32_t lost_n;
	uint32_t ignored;        /* requests without an answer, in a row */
	uint32_t crashes;        /* in a checkpoint, in a row */
	uint32_t killed;         /* times it was killed, without a checkpoint of something new in between */
	uint32_t idle;           /* checkpoints asked for and made without progress, in a row */
	struct wattle_rate rate[WATTLE_STATE_RATES_MAX];
	uint32_t n_rates;
	/* The plan that took the place of the one handed over, as plan_text.h writes it; "": none did. Of this job alone. */
	char plan[WATTLE_PLAN_TEXT_MAX];
	double planned_s;        /* UTC; when it did */
	uint32_t replans;
	uint32_t postponed;      /* how many of them put work off */
};

/* Opens the folder, making it (0700) and those above it where missing; *ret_fd is the caller's. Refused if it is not the caller's own. */
int wattle_state_open(const char *folder, int *ret_fd, struct wattle_err *err);
/* -ENOENT: no state there; -EINVAL: something else is. */
int wattle_state_load(int folder, struct wattle_state *ret, struct wattle_err *err);
int wattle_state_save(int folder, const struct wattle_state *state, struct wattle_err *err);

/* 0 if it is not known. */
int wattle_state_done_pct(const struct wattle_state *state);

/* Adds what a step did. Nothing for one without units or time. */
void wattle_state_learn(struct wattle_state *state, uint32_t nodes, double units, double run_s);
/* Units per second at a size; where it was never run at, that of the nearest size, in proportion to the nodes. 0: nothing is
 * known. */
double wattle_state_rate(uint32_t nodes, const void *state);

#endif
