/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MPI_ROUNDS_H
#define WATTLE_MPI_ROUNDS_H

/* How often the ranks ask each other. Each round is a reduction of doubles by MAX, begun at one call and looked at N calls later; all
 * ranks compute N from the same reduced numbers, so they stay in step without a word more. */

#include <stdint.h>

#define WATTLE_ROUND_CALLS_MAX 512u

enum {
	WATTLE_ROUND_ASKED,    /* 1: this rank was asked to checkpoint */
	WATTLE_ROUND_PER_CALL, /* seconds from one call to the next, over the last round */
	WATTLE_ROUND_COST,     /* minus the seconds that the round cost: the reduction by MAX finds the least, that of a rank
				* that did not have to wait for others */
	WATTLE_ROUND_WAITED,   /* the same seconds, not negated: the most, that of a rank that was ahead */
	WATTLE_ROUND_DONE, WATTLE_ROUND_TOTAL, /* of wattle_progress */
	WATTLE_ROUND_N
};

/* Calls until the next round: so many that a round costs at most 0.1 us a call, or 0.1% of the time between calls; and that ranks which
 * are not in step lose no more than that by waiting, as long as it keeps an answer back by no more than 50 ms. But no round takes longer than half a
 * second, unless a call does: where nodes are overloaded, rounds are dear and whoever asks waits all the same. 1 to
 * WATTLE_ROUND_CALLS_MAX; that bound limits how late an answer comes after a program has become slower. Pure.
 *
 * That all begin and end a round at the same call is no mere convenience: a rank that waits for one begun elsewhere at a call of
 * that rank's choice could wait for a rank that waits for it, in a message of the program's. */
uint32_t wattle_round_calls(const double agreed[WATTLE_ROUND_N]);

#endif
