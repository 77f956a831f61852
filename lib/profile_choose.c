/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "profile_choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "profile_store.h"

static int take_carried(const char *text, struct wattle_chosen_profile *ret, struct wattle_err *err)
{
	if (!text)
		return wattle_err_set(err, ENODATA, "the profile is a file, and files are read where a job is submitted, by wattle's plugin there: none "
				      "came along. Submit with sbatch, srun or salloc, or have the profile put into the site's store and name it");
	return wattle_model_parse(text, ret->name, &ret->model, &ret->scaling, err);
}

static int find_in_store(struct wattle_profile_cache *cache, const char *name, struct wattle_chosen_profile *ret, struct wattle_err *err)
{
	struct wattle_err found = WATTLE_ERR_INIT;
	int rc = wattle_profile_cache_find(cache, name, &ret->model, &ret->scaling, &found);

	if (rc < 0) {
		if (err)
			*err = found;
		return rc;
	}
	ret->stale = found;
	memcpy(ret->name, name, strlen(name) + 1);
	return 0;
}

/* wanted is a checked name, or "". */
static int refuse_missing(const struct wattle_siteconf *conf, const char *wanted, const char *why, struct wattle_err *err)
{
	cleanup_free struct wattle_profile_names *names = malloc(sizeof(*names));
	struct wattle_err unread = WATTLE_ERR_INIT;
	char known[256] = "unknown";

	if (names && wattle_profile_names_read(conf->profile_dir, names, &unread) == 0)
		wattle_profile_names_text(names, known, sizeof(known));
	if (!*wanted)
		return wattle_err_set(err, ENOENT, "no profile has the job's name, and there is no default one: say --power-profile=NAME; there are: %s",
				      known);
	return wattle_err_set(err, ENOENT, "there is no profile %s%s; there are: %s; a file of your own is named with its path, ./FILE.json",
			      wanted, why, known);
}

int wattle_profile_choose(struct wattle_profile_cache *cache, const struct wattle_siteconf *conf, const struct wattle_request *request,
			  const struct wattle_profile_hints *hints, struct wattle_chosen_profile *ret, struct wattle_err *err)
{
	struct wattle_chosen_profile chosen = { .name = "" };
	const char *wanted = request->profile;
	int rc;

	if (request->profile_own) {
		rc = take_carried(hints->carried, &chosen, err);
	} else if (*wanted) {
		rc = find_in_store(cache, wanted, &chosen, err);
		if (rc == -ENOENT)
			return refuse_missing(conf, wanted, "", err);
	} else {
		rc = -ENOENT;
		if (hints->job_name && wattle_model_name_valid(hints->job_name))
			rc = find_in_store(cache, hints->job_name, &chosen, err);
		wanted = wattle_siteconf_default_profile(conf, hints->partitions);
		if (rc == -ENOENT && *wanted)
			rc = find_in_store(cache, wanted, &chosen, err);
		if (rc == -ENOENT)
			return refuse_missing(conf, wanted, ", the default here: tell your administrator", err);
	}
	if (rc < 0)
		return rc;
	*ret = chosen;
	return 0;
}
