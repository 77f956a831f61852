/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decision is made under the lock of the forecast, in memory that is taken once: nothing is copied, and nothing grows with the
 * number of submissions. */
#include "sources.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "stamp.h"

#define FORECAST_BYTES_MAX (512u * 1024) /* months of 5-minute slots: more is history, and reading it would hold its caller up */

struct source {
	char path[256];
	struct wattle_stamp stamp;  /* as last looked at */
	bool good;                  /* some reading was */
	struct wattle_err wrong;    /* code 0: the last reading was */
	bool stale_said;
};

struct wattle_sources {
	void (*notice)(void *arg, const char *text);
	void *arg;

	pthread_mutex_t profiles_lock;
	char profile_dir[sizeof(((struct wattle_siteconf *) NULL)->profile_dir)];
	struct wattle_profile_cache *profiles; /* of profile_dir, NULL: not opened */
	char stale_said[sizeof(((struct wattle_err *) NULL)->text)];

	pthread_mutex_t carbon_lock;
	struct source forecast_file, load_file;
	struct wattle_forecast forecast;
	int64_t written_s;
	struct wattle_slotload *load;
	void *scratch;
};

__attribute__((format(printf, 2, 3))) static void notice(const struct wattle_sources *sources, const char *format, ...)
{
	char text[768];
	va_list args;

	if (!sources->notice)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sources->notice(sources->arg, text);
}

struct wattle_sources *wattle_sources_open(void (*told)(void *arg, const char *text), void *arg)
{
	struct wattle_sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		return NULL;
	sources->notice = told;
	sources->arg = arg;
	pthread_mutex_init(&sources->profiles_lock, NULL);
	pthread_mutex_init(&sources->carbon_lock, NULL);
	return sources;
}

void wattle_sources_close(struct wattle_sources *sources)
{
	if (!sources)
		return;
	wattle_profile_cache_close(sources->profiles);
	free(sources->forecast.value);
	free(sources->load);
	free(sources->scratch);
	pthread_mutex_destroy(&sources->profiles_lock);
	pthread_mutex_destroy(&sources->carbon_lock);
	free(sources);
}

/* --- profiles ------------------------------------------------------------------------------------------------------------------ */

static int open_dir(struct wattle_sources *sources, const char *dir, struct wattle_err *err)
{
	if (sources->profiles && strcmp(sources->profile_dir, dir) == 0)
		return 0;
	wattle_profile_cache_close(sources->profiles);
	snprintf(sources->profile_dir, sizeof(sources->profile_dir), "%s", dir);
	sources->profiles = wattle_profile_cache_open(dir);
	return sources->profiles ? 0 : wattle_err_set(err, ENOMEM, "out of memory for the profiles in %s", dir);
}

/* Once a mistake, not once a job. */
static void tell_stale(struct wattle_sources *sources, const struct wattle_err *stale)
{
	if (!stale->code || strcmp(stale->text, sources->stale_said) == 0)
		return;
	snprintf(sources->stale_said, sizeof(sources->stale_said), "%s", stale->text);
	notice(sources, "%s: the profile read before stays in force", stale->text);
}

int wattle_sources_profile(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_request *request,
			   const struct wattle_profile_hints *hints, struct wattle_chosen_profile *ret, struct wattle_err *err)
{
	int rc;

	if (!sources)
		return wattle_err_set(err, ENOMEM, "out of memory for profiles");
	pthread_mutex_lock(&sources->profiles_lock);
	rc = open_dir(sources, site->profile_dir, err);
	if (rc == 0)
		rc = wattle_profile_choose(sources->profiles, site, request, hints, ret, err);
	if (rc == 0)
		tell_stale(sources, &ret->stale);
	pthread_mutex_unlock(&sources->profiles_lock);
	return rc;
}

/* --- forecast and slot load ------------------------------------------------------------------------------------------------------- */

static int read_forecast(struct wattle_sources *sources, const char *path, struct wattle_err *err)
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
	free(sources->forecast.value);
	sources->forecast = fresh;
	sources->written_s = st.st_mtim.tv_sec;
	return 0;
}

static int read_load(struct wattle_sources *sources, const char *path, struct wattle_err *err)
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
	free(sources->load);
	sources->load = fresh;
	fresh = NULL;
	return 0;
}

/* Reads it if it is not what it was. */
static void look_at(struct wattle_sources *sources, struct source *source, const char *path,
		    int (*read)(struct wattle_sources *, const char *, struct wattle_err *))
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
	if (read(sources, path, &source->wrong) == 0) {
		source->good = true;
		source->stale_said = false;
		return;
	}
	/* one that is gone is gone; a broken one is a mistake that will be mended */
	source->good = source->good && stamp.there;
	notice(sources, "%s%s", source->wrong.text, source->good ? ": what was read before stays in force" : "");
}

static uint32_t stale_after_s(const struct wattle_siteconf *site)
{
	const struct wattle_carbon_zone *zone = wattle_siteconf_zone(site, site->carbon_zone);

	return zone ? zone->stale_after_s : WATTLE_STALE_AFTER_S;
}

static void find_forecast(struct wattle_sources *sources, const struct wattle_siteconf *site, char *why, size_t size,
			  struct wattle_carbon_outlook *ret)
{
	char path[256];

	ret->why = why;
	ret->stale_after_s = stale_after_s(site);
	if (!*site->carbon_zone) {
		snprintf(why, size, "this site names no carbon zone");
		return;
	}
	snprintf(path, sizeof(path), "%s/%s.json", WATTLE_FORECAST_CACHE_DIR, site->carbon_zone);
	look_at(sources, &sources->forecast_file, path, read_forecast);
	if (!sources->forecast_file.good) {
		snprintf(why, size, sources->forecast_file.stamp.there ? "the forecast for zone %s is broken" :
			 "there is no forecast for zone %s", site->carbon_zone);
		return;
	}
	ret->forecast = &sources->forecast;
	ret->issued_s = sources->forecast.issued_s > 0 ? sources->forecast.issued_s : sources->written_s;
}

static void find_load(struct wattle_sources *sources, const struct wattle_siteconf *site, int64_t now_s, struct wattle_carbon_outlook *ret)
{
	if (site->carbon.slot_budget_w == 0)
		return;
	look_at(sources, &sources->load_file, WATTLE_SLOTS_DIR "/" WATTLE_SLOTLOAD_FILE, read_load);
	if (!sources->load_file.good)
		return;
	if (now_s - sources->load->made_s <= WATTLE_SLOTLOAD_STALE_S) {
		ret->load = sources->load;
		return;
	}
	if (!sources->load_file.stale_said)
		notice(sources, "%s is %" PRId64 " s old and not counted with: is wattle-slots.service running?", sources->load_file.path,
		       now_s - sources->load->made_s);
	sources->load_file.stale_said = true;
}

void wattle_sources_carbon(struct wattle_sources *sources, const struct wattle_siteconf *site, const struct wattle_carbon_facts *facts,
			   const char *never, struct wattle_carbon_decision *ret)
{
	struct wattle_carbon_outlook outlook = { .forecast = NULL, .why = "out of memory" };
	char why[96];

	if (!sources) {
		wattle_carbon_decide(&site->carbon, facts, &outlook, NULL, 0, ret);
		return;
	}
	pthread_mutex_lock(&sources->carbon_lock);
	if (!sources->scratch)
		sources->scratch = malloc(wattle_carbon_scratch_bytes());
	find_forecast(sources, site, why, sizeof(why), &outlook);
	find_load(sources, site, facts->now_s, &outlook);
	if (never) {
		outlook.forecast = NULL;
		outlook.why = never;
	}
	wattle_carbon_decide(&site->carbon, facts, &outlook, sources->scratch, sources->scratch ? wattle_carbon_scratch_bytes() : 0, ret);
	pthread_mutex_unlock(&sources->carbon_lock);
}
