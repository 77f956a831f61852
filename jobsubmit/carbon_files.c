/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The zone's forecast and the queue's slot loads: files of others', looked at for each job that asks for carbon, read when they
 * changed. A broken new file leaves the last good one in force, and the log says so, once a change. The decision is made under the
 * cache's lock, in memory that is taken once: nothing is copied, and nothing grows with the number of submissions. */
#include "jobsubmit.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "file.h"
#include "stamp.h"

#define FORECAST_BYTES_MAX (512u * 1024) /* months of 5-minute slots: more is history, and reading it would hold slurmctld up */

struct source {
	char path[256];
	struct wattle_stamp stamp;  /* as last looked at */
	bool good;                  /* some reading was */
	struct wattle_err wrong;    /* code 0: the last reading was */
	bool stale_said;
};

static struct {
	pthread_mutex_t lock;
	struct source forecast_file, load_file;
	struct wattle_forecast forecast;
	int64_t written_s;
	struct wattle_slotload *load;
	void *scratch;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

static int read_forecast(const char *path, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = FORECAST_BYTES_MAX };
	cleanup_free char *text = NULL;
	struct wattle_forecast fresh = { .n = 0 };
	struct stat st;
	size_t len;
	int rc = wattle_file_read(path, &rule, &text, &len, &st, err);

	if (rc < 0)
		return rc;
	/* a value takes a digit and a comma at least */
	fresh.room = len / 2 + 1 < WATTLE_FORECAST_SLOTS_MAX ? (uint32_t) (len / 2 + 1) : WATTLE_FORECAST_SLOTS_MAX;
	fresh.value = malloc(fresh.room * sizeof(*fresh.value));
	if (!fresh.value)
		return wattle_err_set(err, ENOMEM, "%s: out of memory", path);
	rc = wattle_forecast_parse_cache(path, text, &fresh, err);
	if (rc == 0 && fresh.quantity != WATTLE_QUANTITY_CARBON)
		rc = wattle_err_set(err, EINVAL, "%s holds prices, carbon intensities are needed", path);
	if (rc < 0) {
		free(fresh.value);
		return rc;
	}
	free(cache.forecast.value);
	cache.forecast = fresh;
	cache.written_s = st.st_mtim.tv_sec;
	return 0;
}

static int read_load(const char *path, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_SLOTLOAD_BYTES_MAX };
	cleanup_free struct wattle_slotload *fresh = malloc(sizeof(*fresh));
	cleanup_free char *text = NULL;
	int rc = wattle_file_read(path, &rule, &text, NULL, NULL, err);

	if (rc < 0)
		return rc;
	if (!fresh)
		return wattle_err_set(err, ENOMEM, "%s: out of memory", path);
	rc = wattle_slotload_parse(path, text, fresh, err);
	if (rc < 0)
		return rc;
	free(cache.load);
	cache.load = fresh;
	fresh = NULL;
	return 0;
}

/* Reads it if it is not what it was. */
static void look_at(struct source *source, const char *path, int (*read)(const char *, struct wattle_err *))
{
	struct wattle_stamp stamp;

	if (strcmp(source->path, path) != 0) {
		*source = (struct source){ .good = false };
		snprintf(source->path, sizeof(source->path), "%s", path);
		wattle_stamp_void(&source->stamp);
	}
	wattle_stamp_read(path, &stamp);
	if (wattle_stamp_same(&stamp, &source->stamp))
		return;
	/* the stamp is older than what is read: a file changed meanwhile is read again */
	source->stamp = stamp;
	source->wrong = (struct wattle_err) WATTLE_ERR_INIT;
	if (read(path, &source->wrong) == 0) {
		source->good = true;
		source->stale_said = false;
		return;
	}
	/* one that is gone is gone; a broken one is a mistake that will be mended */
	source->good = source->good && stamp.there;
	slurm_error("wattle: %s%s", source->wrong.text, source->good ? ": what was read before stays in force" : "");
}

/* --- the outlook ------------------------------------------------------------------------------------------------------------- */

static uint32_t stale_after_s(const struct wattle_siteconf *site)
{
	const struct wattle_carbon_zone *zone = wattle_siteconf_zone(site, site->carbon_zone);

	return zone ? zone->stale_after_s : WATTLE_STALE_AFTER_S;
}

static void find_forecast(const struct wattle_siteconf *site, char *why, size_t size, struct wattle_carbon_outlook *ret)
{
	char path[256];

	ret->why = why;
	ret->stale_after_s = stale_after_s(site);
	if (!*site->carbon_zone) {
		snprintf(why, size, "this site names no carbon zone");
		return;
	}
	snprintf(path, sizeof(path), "%s/%s.json", WATTLE_FORECAST_CACHE_DIR, site->carbon_zone);
	look_at(&cache.forecast_file, path, read_forecast);
	if (!cache.forecast_file.good) {
		snprintf(why, size, cache.forecast_file.stamp.there ? "the forecast for zone %s is broken" :
			 "there is no forecast for zone %s", site->carbon_zone);
		return;
	}
	ret->forecast = &cache.forecast;
	ret->issued_s = cache.forecast.issued_s > 0 ? cache.forecast.issued_s : cache.written_s;
}

static void find_load(const struct wattle_siteconf *site, int64_t now_s, struct wattle_carbon_outlook *ret)
{
	if (site->carbon.slot_budget_w == 0)
		return;
	look_at(&cache.load_file, WATTLE_SLOTS_DIR "/" WATTLE_SLOTLOAD_FILE, read_load);
	if (!cache.load_file.good)
		return;
	if (now_s - cache.load->made_s <= WATTLE_SLOTLOAD_STALE_S) {
		ret->load = cache.load;
		return;
	}
	if (!cache.load_file.stale_said)
		slurm_error("wattle: %s is %" PRId64 " s old and not counted with: is wattle-slots.service running?", cache.load_file.path,
			    now_s - cache.load->made_s);
	cache.load_file.stale_said = true;
}

void wattle_carbon_ask(const struct wattle_siteconf *site, const struct wattle_carbon_facts *facts, const char *never,
		       struct wattle_carbon_decision *ret)
{
	struct wattle_carbon_outlook outlook = { .forecast = NULL };
	char why[96];

	pthread_mutex_lock(&cache.lock);
	if (!cache.scratch)
		cache.scratch = malloc(wattle_carbon_scratch_bytes());
	find_forecast(site, why, sizeof(why), &outlook);
	find_load(site, facts->now_s, &outlook);
	if (never) {
		outlook.forecast = NULL;
		outlook.why = never;
	}
	wattle_carbon_decide(&site->carbon, facts, &outlook, cache.scratch, cache.scratch ? wattle_carbon_scratch_bytes() : 0, ret);
	pthread_mutex_unlock(&cache.lock);
}

void wattle_carbon_close(void)
{
	pthread_mutex_lock(&cache.lock);
	free(cache.forecast.value);
	free(cache.load);
	free(cache.scratch);
	cache.forecast.value = NULL;
	cache.load = NULL;
	cache.scratch = NULL;
	cache.forecast_file.path[0] = cache.load_file.path[0] = '\0';
	pthread_mutex_unlock(&cache.lock);
}
