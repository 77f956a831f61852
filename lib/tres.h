/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TRES_H
#define WATTLE_TRES_H

/* The third stage: a decision becomes a charge in the scheduler's own words. Pure string work over Slurm's
 * "name[:=]count" lists; no Slurm types. Licence lists: "a,b:2,c@srv:3" (since 25.05 also '|' for OR, which is refused when
 * the charge would have to go into it). Gres lists: "gpu:2,gres:power:300,gres/power:300,gres/gpu:a100:2". */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_TRES_MAX 4096 /* bytes of a list we take or make, with the NUL; longer: -E2BIG */

/* The count of NAME in a list (NULL: empty list). Returns 1 found, 0 not there, -errno malformed. A name without a count is 1. */
int wattle_licence_find(const char *list, const char *name, uint64_t *ret_count, struct wattle_err *err);
int wattle_gres_find(const char *list, const char *name, uint64_t *ret_count, struct wattle_err *err);

/* list with every NAME removed and NAME:count appended (count 0: only removed). The others keep order and spelling.
 * Written to out (size bytes); -E2BIG if it does not fit. gres_prefix is "gres:" up to Slurm 23.02, "gres/" after. */
int wattle_licence_merge(const char *list, const char *name, uint64_t count, char *out, size_t size, struct wattle_err *err);
int wattle_gres_merge(const char *list, const char *name, uint64_t count, const char *gres_prefix, char *out, size_t size,
		      struct wattle_err *err);

#endif
