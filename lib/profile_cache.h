/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROFILE_CACHE_H
#define WATTLE_PROFILE_CACHE_H

/* The site's profiles as slurmctld wants them: by name, in a microsecond, read again when a file changes. Looks at the file on each call (one
 * stat), reads it only if it is not what it was. A broken new file keeps the last good profile and says so; one that is
 * gone is gone. Holds at most WATTLE_PROFILE_NAMES_MAX profiles; the one not asked for longest makes room. Threads: callers serialise. */

#include <stdint.h>

#include "err.h"
#include "model.h"
#include "scaling.h"

struct wattle_profile_cache;

/* dir: of files that root alone may write. NULL: out of memory, or the path is too long. Reads nothing yet. */
struct wattle_profile_cache *wattle_profile_cache_open(const char *dir);
void wattle_profile_cache_close(struct wattle_profile_cache *cache);

/* 0: *ret and *ret_scaling (may be NULL) are the profile's, and err->code is not 0 if the file is broken now and this is what
 * it was before. -ENOENT: there is none of that name. -EINVAL: no valid name. Else the file can't be taken (profile.h, file.h). */
int wattle_profile_cache_find(struct wattle_profile_cache *cache, const char *name, struct wattle_model *ret,
			      struct wattle_scaling *ret_scaling, struct wattle_err *err);

#endif
