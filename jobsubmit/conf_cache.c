/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stamp.h"

struct wattle_conf {
	unsigned holders;
	struct wattle_siteconf *site;
};

static struct {
	pthread_mutex_t lock;
	char path[1024];
	struct wattle_stamp stamp;   /* of the file as last looked at */
	struct wattle_conf *newest;  /* the last good one; the cache holds it */
	struct wattle_err wrong;     /* code 0: the file is newest */
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void drop(struct wattle_conf *conf)
{
	if (conf && --conf->holders == 0) {
		free(conf->site);
		free(conf);
	}
}

/* NULL with a reason. */
static struct wattle_conf *load(struct wattle_err *err)
{
	struct wattle_conf *conf = calloc(1, sizeof(*conf));

	if (!conf) {
		wattle_err_set(err, ENOMEM, "out of memory for %s", cache.path);
		return NULL;
	}
	conf->holders = 1;
	if (wattle_siteconf_read(cache.path, &conf->site, err) < 0) {
		free(conf);
		return NULL;
	}
	return conf;
}

/* One line in the log a change of the file. */
static void look_again(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_conf *conf;
	struct wattle_stamp stamp;

	wattle_stamp_read(cache.path, &stamp);
	if (wattle_stamp_same(&stamp, &cache.stamp))
		return;
	/* the stamp is older than what is read: a file changed meanwhile is read again */
	cache.stamp = stamp;
	conf = load(&err);
	if (!conf) {
		cache.wrong = err;
		slurm_error("wattle: %s: %s", err.text, cache.newest ? "the configuration read before stays in force" :
			    "NO JOB IS CHARGED OR CAPPED until this is mended; jobs that name watts are refused");
		return;
	}
	drop(cache.newest);
	cache.newest = conf;
	cache.wrong.code = 0;
	slurm_info("wattle: %s read: %u classes, %u partitions", cache.path, conf->site->n_classes, conf->site->n_partitions);
}

void wattle_conf_open(const char *path)
{
	pthread_mutex_lock(&cache.lock);
	snprintf(cache.path, sizeof(cache.path), "%s", path);
	/* the first look always loads, and says so */
	wattle_stamp_void(&cache.stamp);
	look_again();
	pthread_mutex_unlock(&cache.lock);
}

struct wattle_conf *wattle_conf_acquire(struct wattle_err *why)
{
	struct wattle_conf *conf;

	pthread_mutex_lock(&cache.lock);
	look_again();
	conf = cache.newest;
	if (conf)
		conf->holders++;
	else if (why)
		*why = cache.wrong;
	pthread_mutex_unlock(&cache.lock);
	return conf;
}

const struct wattle_siteconf *wattle_conf_site(const struct wattle_conf *conf)
{
	return conf ? conf->site : NULL;
}

void wattle_conf_release(struct wattle_conf *conf)
{
	pthread_mutex_lock(&cache.lock);
	drop(conf);
	pthread_mutex_unlock(&cache.lock);
}

void wattle_conf_close(void)
{
	pthread_mutex_lock(&cache.lock);
	drop(cache.newest);
	cache.newest = NULL;
	pthread_mutex_unlock(&cache.lock);
}
