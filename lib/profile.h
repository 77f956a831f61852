/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROFILE_H
#define WATTLE_PROFILE_H

/* What is known of an application: its sweep, the slowdown model fitted to it, how it scales, and where all that comes from.
 *
 *   {"name": "nbody", "unit": "s",                            unit of time_s; "1/throughput": compares, but is no time
 *    "sweep": [{"cap_w": 300, "time_s": 61.2, "energy_j": 17100}, …],          may be empty or missing; so may energy_j
 *    "set_aside": [{"cap_w", "time_s", "energy_j"}, …],       runs that were flagged as outliers and not fitted; may be missing
 *    "scaling": [{"nodes": 1, "throughput": 1757.9, "power_w": 54.8}, …],      may be missing
 *    "resize_s": 7.3,                                         seconds that a change of nodes or a resume costs; may be missing
 *    "fit": {"form": "hyperbolic", "coef": {"a", "b", "c"},   quadratic: {"A", "B", "C", "x0": 1}
 *            "r2", "loo_error_pct", "cap_min_w", "cap_max_w", "time_min_s", "caps", "runs", "usable": true, "why": ""},
 *    "provenance": {"date", "command", "host", "class", "source", "wattle"}}   strings, any may be missing
 *
 * Unknown keys are ignored. Reading is for files from anyone: size, depth, counts, types and ranges are checked. */

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "model.h"
#include "scaling.h"
#include "sweep.h"

#define WATTLE_PROFILE_BYTES_MAX (256 * 1024)

struct wattle_provenance {
	char date[40];        /* ISO 8601, UTC */
	char command[256];    /* what was run */
	char host[256];
	char host_class[64];
	char source[256];     /* file the sweep came from */
	char version[32];     /* of wattle */
};

/* Large: keep it off small stacks. */
struct wattle_profile {
	char name[WATTLE_MODEL_NAME_MAX];
	struct wattle_model model;        /* valid by wattle_model_check */
	struct wattle_sweep sweep;
	struct wattle_sweep set_aside;    /* of the same unit; n is mostly 0 */
	struct wattle_scaling scaling;    /* n may be 0 */
	struct wattle_provenance provenance;
};

/* name is for messages. -EINVAL, -ERANGE, -E2BIG, -ENOMEM: *ret is then unspecified. */
int wattle_profile_parse(const char *name, const char *text, size_t len, struct wattle_profile *ret, struct wattle_err *err);

/* By file.h's rules; any_owner for a user's own, else root's alone is taken. *ret is malloc'd, the caller frees with free(). */
int wattle_profile_read(const char *path, bool any_owner, struct wattle_profile **ret, struct wattle_err *err);

/* JSON text, malloc'd, the caller frees. -EINVAL: not a valid profile. -ENOMEM. */
int wattle_profile_format(const struct wattle_profile *profile, char **ret_text, struct wattle_err *err);

/* Replaces the file, atomically, mode 0644. On error the old one is whole. */
int wattle_profile_write(const char *path, const struct wattle_profile *profile, struct wattle_err *err);

/* A user's own file as the line that travels with a submission (model.h). *ret_text is untouched on error. */
int wattle_profile_carry(const char *path, char ret_text[WATTLE_MODEL_TEXT_MAX], struct wattle_err *err);

/* The file of a profile as people name it: with a '/' or ending in ".json" a path, else NAME.json in the store's folder.
 * *ret_stored says which. -EINVAL: no valid name; -ENAMETOOLONG. */
int wattle_profile_locate(const char *store_dir, const char *said, char *ret_path, size_t size, bool *ret_stored,
			  struct wattle_err *err);

#endif
