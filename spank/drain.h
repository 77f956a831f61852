/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_DRAIN_H
#define WATTLE_DRAIN_H

#include "err.h"

/* Drains a node, without waiting: a detached `scontrol update` (ended after a minute if slurmctld does not answer).
 * reason is what `sinfo -R` shows. 0, or -errno if it could not be started. For root only. */
int wattle_node_drain(const char *node, const char *reason, struct wattle_err *err);

#endif
