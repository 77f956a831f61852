/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PREDICTION_H
#define WATTLE_PREDICTION_H

#include <stdbool.h>

#include "model.h"

/* The prediction in a decision's line (policy.h): "wattle: 312 W/node x 4 (slowdown 5.0%, profile nbody…)", which may come from anybody.
 * *ret_pct: in percent, finite. False: it has none, and nothing is written. */
bool wattle_prediction_find(const char *line, double *ret_pct, char ret_profile[WATTLE_MODEL_NAME_MAX]);

#endif
