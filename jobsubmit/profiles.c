/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
	pthread_mutex_t lock;
	char dir[sizeof(((struct wattle_siteconf *) NULL)->profile_dir)];
	struct wattle_profile_cache *profiles; /* of dir, NULL: not opened */
	char logged[sizeof(((struct wattle_err *) NULL)->text)];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int open_dir(const char *dir, struct wattle_err *err)
{
	if (cache.profiles && strcmp(cache.dir, dir) == 0)
		return 0;
	wattle_profile_cache_close(cache.profiles);
	snprintf(cache.dir, sizeof(cache.dir), "%s", dir);
	cache.profiles = wattle_profile_cache_open(dir);
	return cache.profiles ? 0 : wattle_err_set(err, ENOMEM, "out of memory for the profiles in %s", dir);
}

/* Once a mistake, not once a job. */
static void log_stale(const struct wattle_err *stale)
{
	if (!stale->code || strcmp(stale->text, cache.logged) == 0)
		return;
	snprintf(cache.logged, sizeof(cache.logged), "%s", stale->text);
	slurm_error("wattle: %s: the profile read before stays in force", stale->text);
}

/* What the user's plugin sent along; a name that stands twice is somebody's game, and the first counts. */
static const char *carried_text(const job_desc_msg_t *job_desc)
{
	static const char name[] = WATTLE_PROFILE_TEXT_NAME "=";

	for (uint32_t i = 0; job_desc->spank_job_env && i < job_desc->spank_job_env_size && i < WATTLE_ENTRIES_MAX; i++)
		if (job_desc->spank_job_env[i] && strncmp(job_desc->spank_job_env[i], name, sizeof(name) - 1) == 0)
			return job_desc->spank_job_env[i] + sizeof(name) - 1;
	return NULL;
}

int wattle_profile_of_job(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_request *request,
			  const char *partitions, struct wattle_chosen_profile *ret, struct wattle_err *err)
{
	const struct wattle_profile_hints hints = {
		.job_name = job_desc->name, .partitions = partitions, .carried = carried_text(job_desc),
	};
	int rc;

	pthread_mutex_lock(&cache.lock);
	rc = open_dir(site->profile_dir, err);
	if (rc == 0)
		rc = wattle_profile_choose(cache.profiles, site, request, &hints, ret, err);
	if (rc == 0)
		log_stale(&ret->stale);
	pthread_mutex_unlock(&cache.lock);
	return rc;
}

void wattle_profiles_close(void)
{
	pthread_mutex_lock(&cache.lock);
	wattle_profile_cache_close(cache.profiles);
	cache.profiles = NULL;
	pthread_mutex_unlock(&cache.lock);
}
