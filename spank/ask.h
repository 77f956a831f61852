/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_ASK_H
#define WATTLE_ASK_H

/* What a step asks of its node: `srun --power=SPEC` inside a job. Pure. */

#include <stdint.h>

#include "units.h"

/* Watts of one node, rounded up as the charge is: 0 if nothing was said. step_nodes: nodes of the step (for "/job"), 0 counts as 1;
 * node_max_w: the node at full power (for "%"). Never more than the watts said, rounded up; at least 1. */
uint32_t wattle_ask_watts(const struct wattle_watts *said, uint32_t step_nodes, uint32_t node_max_w);

#endif
