/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SCALING_H
#define WATTLE_SCALING_H

/* How much more work a job gets done on more nodes, and what it draws: measured points, as CarbonScaler publishes them. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_SCALING_MAX 64
#define WATTLE_RESIZE_MAX_S 86400.0

struct wattle_scaling_point {
	uint32_t nodes;            /* >= 1 */
	double throughput_per_s;   /* work done per second, in whatever the application counts; > 0 */
	double power_w;            /* of all nodes together; > 0 */
};

struct wattle_scaling {
	uint32_t n;
	struct wattle_scaling_point point[WATTLE_SCALING_MAX]; /* nodes ascending, each once */
	double resize_s;           /* that a change of nodes or a resume costs, measured; 0: not known */
};

/* Finite, positive, ascending. -EINVAL, -ERANGE. */
int wattle_scaling_check(const struct wattle_scaling *scaling, struct wattle_err *err);

/* CSV `nodes,throughput,power` (power_w is taken too), columns in any order, others ignored; a row for 0 nodes is skipped.
 * name is for messages, which say name:line. text is changed. On error *ret is untouched. */
int wattle_scaling_parse(const char *name, char *text, struct wattle_scaling *ret, struct wattle_err *err);

#endif
