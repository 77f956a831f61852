/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_HOSTMATCH_H
#define WATTLE_HOSTMATCH_H

#include <stdbool.h>

/* True if host is in a Slurm-style list: "n[1-4,07-12],login,gpu*". Only matching: a list is never expanded, so
 * "n[0-999999999]" costs nothing. Malformed parts match nothing. Thread-safe, no allocation. */
bool wattle_host_matches(const char *list, const char *host);

/* 0, or -EINVAL with a message if the list is malformed (for the reader of the site config). */
struct wattle_err;
int wattle_hostlist_check(const char *list, struct wattle_err *err);

#endif
