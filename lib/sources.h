/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SOURCES_H
#define WATTLE_SOURCES_H

/* The files of others' that decisions are made from: the site's profiles, its zone's forecast, the queue's slot load. Looked at for
 * each job that needs them (one stat), read when they changed. A broken new file leaves the last good one in force.
 *
 * Threads: any number, serialised inside; what is found is copied out. */

#include "carbon_decide.h"
#include "err.h"
#include "profile_choose.h"
#include "siteconf.h"

struct wattle_sources;

/* notice: called with one line that an administrator should see, once a change of a file and not once a job; from within the calls below,
 * under a lock: it must not call back. NULL: nobody listens. NULL is returned when memory is out. Reads nothing yet. */
struct wattle_sources *wattle_sources_open(void (*notice)(void *arg, const char *text), void *arg);
void wattle_sources_close(struct wattle_sources *sources);

/* The profile that a job means: profile_choose.h. */
int wattle_sources_profile(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_request *request,
			   const struct wattle_profile_hints *hints, struct wattle_chosen_profile *ret, struct wattle_err *err);

/* Decides under the newest good forecast and slot load. never (or NULL): why such a job is not put off at all. Never fails. */
void wattle_sources_carbon(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_carbon_facts *facts,
			   const char *never, struct wattle_carbon_decision *ret);

#endif
