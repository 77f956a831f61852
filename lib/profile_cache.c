/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "profile_cache.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "profile.h"
#include "profile_store.h"
#include "stamp.h"

struct entry {
	char name[WATTLE_MODEL_NAME_MAX];
	struct wattle_stamp stamp; /* of the file as last read, good or not */
	uint64_t used;             /* when, in calls */
	bool good;                 /* model and scaling are what some reading found */
	struct wattle_err wrong;   /* code 0: the last reading found them */
	struct wattle_model model;
	struct wattle_scaling scaling;
};

struct wattle_profile_cache {
	char dir[PATH_MAX - WATTLE_MODEL_NAME_MAX - 8];
	uint64_t calls;
	uint32_t n;
	struct entry *entry[WATTLE_PROFILE_NAMES_MAX]; /* by name */
};

struct wattle_profile_cache *wattle_profile_cache_open(const char *dir)
{
	struct wattle_profile_cache *cache;

	if (strlen(dir) >= sizeof(cache->dir))
		return NULL;
	cache = calloc(1, sizeof(*cache));
	if (cache)
		memcpy(cache->dir, dir, strlen(dir) + 1);
	return cache;
}

void wattle_profile_cache_close(struct wattle_profile_cache *cache)
{
	for (uint32_t i = 0; cache && i < cache->n; i++)
		free(cache->entry[i]);
	free(cache);
}

/* The place of a name, or where it belongs. */
static bool find(const struct wattle_profile_cache *cache, const char *name, uint32_t *ret)
{
	uint32_t low = 0, high = cache->n;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		int order = strcmp(name, cache->entry[middle]->name);

		if (order == 0) {
			*ret = middle;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret = low;
	return false;
}

static void drop(struct wattle_profile_cache *cache, uint32_t at)
{
	free(cache->entry[at]);
	cache->n--;
	memmove(&cache->entry[at], &cache->entry[at + 1], (cache->n - at) * sizeof(cache->entry[0]));
}

static void make_room(struct wattle_profile_cache *cache)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i < cache->n; i++)
		if (cache->entry[i]->used < cache->entry[oldest]->used)
			oldest = i;
	drop(cache, oldest);
}

static struct entry *insert(struct wattle_profile_cache *cache, const char *name)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	uint32_t at;

	if (!entry)
		return NULL;
	memcpy(entry->name, name, strlen(name) + 1);
	if (cache->n == WATTLE_PROFILE_NAMES_MAX)
		make_room(cache);
	find(cache, name, &at);
	memmove(&cache->entry[at + 1], &cache->entry[at], (cache->n - at) * sizeof(cache->entry[0]));
	cache->entry[at] = entry;
	cache->n++;
	return entry;
}

static void load(struct entry *entry, const char *path)
{
	cleanup_free struct wattle_profile *profile = NULL;

	entry->wrong = (struct wattle_err) WATTLE_ERR_INIT;
	if (wattle_profile_read(path, false, &profile, &entry->wrong) < 0)
		return;
	entry->model = profile->model;
	entry->scaling = profile->scaling;
	entry->good = true;
}

int wattle_profile_cache_find(struct wattle_profile_cache *cache, const char *name, struct wattle_model *ret,
			      struct wattle_scaling *ret_scaling, struct wattle_err *err)
{
	char path[PATH_MAX];
	struct wattle_stamp stamp;
	struct entry *entry;
	uint32_t at;
	bool known;
	int rc;

	if (!wattle_model_name_valid(name))
		return wattle_err_set(err, EINVAL, "a profile's name is letters, digits, '.', '_' and '-'");
	snprintf(path, sizeof(path), "%s/%s.json", cache->dir, name);
	known = find(cache, name, &at);
	rc = wattle_stamp_read(path, &stamp);
	if (rc < 0) {
		if (known)
			drop(cache, at);
		return wattle_err_set(err, -rc, "no profile %s: %s: %s", name, path, strerror(-rc));
	}
	entry = known ? cache->entry[at] : insert(cache, name);
	if (!entry)
		return wattle_err_set(err, ENOMEM, "out of memory for profile %s", name);
	entry->used = ++cache->calls;
	if (!known || !wattle_stamp_same(&stamp, &entry->stamp)) {
		/* the stamp is older than what is read: a file changed meanwhile is read again */
		entry->stamp = stamp;
		load(entry, path);
	}
	if (err)
		*err = entry->wrong;
	if (!entry->good)
		return -entry->wrong.code;
	*ret = entry->model;
	if (ret_scaling)
		*ret_scaling = entry->scaling;
	return 0;
}
