/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROFILE_CHOOSE_H
#define WATTLE_PROFILE_CHOOSE_H

/* Which profile a job means: the one that its user sent along or named, else the one of the job's name, else the
 * default of its partition or of the site. Every scheduler's adapter asks here. */

#include "err.h"
#include "model.h"
#include "profile_cache.h"
#include "request.h"
#include "scaling.h"
#include "siteconf.h"

#define WATTLE_PROFILE_TEXT_NAME "WATTLE_PROFILE" /* how a file of the user's travels beside the words, as wattle_model_format's line */

/* What a job tells about itself. All of it is its user's: anything may stand there. */
struct wattle_profile_hints {
	const char *job_name;   /* NULL: none */
	const char *partitions; /* comma-separated; NULL or "": the site's default */
	const char *carried;    /* the line that travelled; NULL: none did. Taken only where the request names a file */
};

struct wattle_chosen_profile {
	char name[WATTLE_MODEL_NAME_MAX];
	struct wattle_model model;     /* checked */
	struct wattle_scaling scaling; /* n may be 0 */
	struct wattle_err stale;       /* code not 0: the file is broken now, and this is what it was before */
};

/* cache is of conf->profile_dir (callers serialise). -ENOENT: there is none, err says which there are; -ENODATA: a file was named and has not come
 * along; else it came damaged, or the file in the store can't be taken. *ret is then untouched. May read the folder on errors. */
int wattle_profile_choose(struct wattle_profile_cache *cache, const struct wattle_siteconf *conf, const struct wattle_request *request,
			  const struct wattle_profile_hints *hints, struct wattle_chosen_profile *ret, struct wattle_err *err);

#endif
