/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_VERDICT_H
#define WATTLE_VERDICT_H

/* What came of a step, and whether its program is started again. Pure but for the lines that it says. */

#include <stdbool.h>
#include <stdint.h>

#include "follow.h"
#include "status.h"

#define WATTLE_CRASHES_MAX 2u /* in its checkpoint, in a row: then it is left at the size it has */

enum wattle_verdict { WATTLE_GO_ON, WATTLE_FINISHED, WATTLE_FAILED };

/* exit_status: 128+N for signal N; asked: a checkpoint was wanted of the step; *hurry: the steps right before it that left "checkpointed" for
 * nothing, 0 at first. Counts in run->state what must not go on for ever. */
enum wattle_verdict wattle_judge(struct wattle_run *run, const struct wattle_status *status, int exit_status, bool asked, uint32_t *hurry);

/* Whether it makes sense to ask the program for a checkpoint: it has not ignored requests, failed in them, or come back from them again and
 * again without having done anything. */
bool wattle_may_ask(const struct wattle_state *state);
/* Whether it takes part in changes of size: it has not ignored requests, or failed in them. */
bool wattle_takes_part(const struct wattle_state *state);

#endif
