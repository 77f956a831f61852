/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle carbon fetch`: asks each zone's provider, and keeps what is good. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plan_cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>
#ifdef HAVE_CURL
#include <curl/curl.h>
#endif

#include "carbon_judge.h"
#include "carbon_provider.h"
#include "carbon_store.h"
#include "cleanup.h"
#include "forecast_read.h"
#include "instant.h"
#include "siteconf.h"

/* What was measured is known late and corrected later: that much is asked for again each time, and up to a week after a pause. */
#define ACTUAL_AGAIN_S (2 * 86400)
#define ACTUAL_BACK_S_MAX (7 * 86400)

enum state { STATE_NEW, STATE_SAME, STATE_NOT_DUE, STATE_FAILED };
static const char *const state_name[] = { "new", "same", "not due", "failed" };

struct run {
	const char *cache;
	int64_t now_s;
	struct carbon_session session;
	struct json_object *zones; /* NULL: people read it */
	unsigned failed;
};

static void free_values(struct wattle_forecast *f)
{
	free(f->value);
}
#define cleanup_forecast __attribute__((cleanup(free_values)))

/* --- saying it -------------------------------------------------------------- */

static void say(struct run *run, const struct wattle_carbon_zone *zone, enum state state, const struct wattle_forecast *f, const char *why)
{
	char issued[WATTLE_INSTANT_SIZE], start[WATTLE_INSTANT_SIZE], end[WATTLE_INSTANT_SIZE];
	struct json_object *o;

	wattle_instant_format(f->issued_s, issued);
	wattle_instant_format(f->start_s, start);
	wattle_instant_format(wattle_forecast_end(f), end);
	if (state == STATE_FAILED) {
		run->failed++;
		if (f->n > 0)
			wattle_warn("zone %s: %s; the forecast issued %s stays", zone->name, why, issued);
		else
			wattle_warn("zone %s: %s; there is no forecast yet", zone->name, why);
	}
	if (!run->zones) {
		if (state == STATE_NEW || state == STATE_SAME)
			printf("%s: %u slots of %u s, %s to %s, %s, issued %s%s\n", zone->name, f->n, f->slot_s, start, end,
			       wattle_signal_name(f->signal), issued, state == STATE_SAME ? ": as before" : "");
		else if (state == STATE_NOT_DUE)
			printf("%s: fetched less than interval = %u s ago\n", zone->name, zone->interval_s);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "zone", json_object_new_string(zone->name));
	json_object_object_add(o, "state", json_object_new_string(state_name[state]));
	if (f->n > 0) {
		json_object_object_add(o, "signal", json_object_new_string(wattle_signal_name(f->signal)));
		json_object_object_add(o, "issued", json_object_new_string(issued));
		json_object_object_add(o, "start", json_object_new_string(start));
		json_object_object_add(o, "end", json_object_new_string(end));
		json_object_object_add(o, "slot_s", json_object_new_int64(f->slot_s));
	}
	if (state == STATE_FAILED)
		json_object_object_add(o, "why", json_object_new_string(why));
	json_object_array_add(run->zones, o);
}

/* --- keeping it --------------------------------------------------------------- */

/* Lays newer over the history of that kind. A history that can't be read or added to is left as it is, and that is said. */
static void remember(const struct carbon_store *store, const struct wattle_carbon_zone *zone, const char *kind,
		     const struct wattle_forecast *newer, int64_t from_s)
{
	cleanup_forecast struct wattle_forecast history = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = carbon_store_read(store, zone->name, kind, &history, NULL, &err);

	if (rc == 0 || rc == -ENOENT)
		rc = wattle_forecast_append(&history, newer, from_s, &err);
	if (rc == 0 && history.n > 0)
		rc = carbon_store_write(store, zone->name, kind, &history, &err);
	if (rc < 0)
		wattle_warn("zone %s: %s/%s%s.json is not continued: %s; move it away to begin anew", zone->name, store->path, zone->name, kind,
			    err.text);
}

/* The forecast of now, complete, and in *kept the one that we had. 1: it was written; 0: it is the same; -errno. */
static int keep(const struct carbon_store *store, const struct wattle_carbon_zone *zone, const struct carbon_rules *rules,
		struct wattle_forecast *next, const struct wattle_forecast *kept, struct wattle_err *err)
{
	uint32_t room = next->n + carbon_fill_slots(next, rules);
	double *value = reallocarray(next->value, room, sizeof(*value));
	int rc;

	if (!value)
		return wattle_err_set(err, ENOMEM, "out of memory");
	next->value = value;
	next->room = room;
	rc = carbon_complete(next, kept->n > 0 ? kept : NULL, rules, err);
	if (rc == 0)
		rc = carbon_compare(next, kept->n > 0 ? kept : NULL, rules, err);
	if (rc != 1)
		return rc;
	rc = carbon_store_write(store, zone->name, "", next, err);
	if (rc < 0)
		return rc;
	remember(store, zone, "-forecast", next, rules->now_s);
	return 1;
}

/* False: it failed, and that has been said. */
static bool fetch_forecast(struct run *run, const struct wattle_carbon_zone *zone, struct wattle_forecast *next, int got,
			   struct wattle_err *err)
{
	const struct carbon_rules rules = { run->now_s, zone->stale_after_s };
	cleanup_forecast struct wattle_forecast kept = { .n = 0 };
	struct carbon_store store = CARBON_STORE_INIT;
	struct wattle_err broken = WATTLE_ERR_INIT, own = WATTLE_ERR_INIT;
	int rc = carbon_store_open(run->cache, &store, got < 0 ? &own : err);

	if (rc == 0) {
		rc = carbon_store_read(&store, zone->name, "", &kept, NULL, &broken);
		if (rc < 0 && rc != -ENOENT)
			wattle_warn("zone %s: what we have is broken: %s", zone->name, broken.text);
		rc = 0;
	}
	if (got < 0)
		rc = got;
	if (rc == 0 && next->issued_s == 0)
		next->issued_s = run->now_s; /* it was made for us */
	if (rc == 0)
		rc = keep(&store, zone, &rules, next, &kept, err);
	carbon_store_close(&store);
	say(run, zone, rc < 0 ? STATE_FAILED : rc ? STATE_NEW : STATE_SAME, rc < 0 ? &kept : next, err->text);
	return rc >= 0;
}

static void fetch_actual(struct run *run, const struct wattle_carbon_zone *zone)
{
	cleanup_forecast struct wattle_forecast measured = { .n = 0 }, known = { .n = 0 };
	struct carbon_store store = CARBON_STORE_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t from_s = run->now_s - ACTUAL_AGAIN_S;
	int rc;

	/* without the lock: it is a guess at what to ask for */
	store.path = run->cache;
	if (carbon_store_read(&store, zone->name, "-actual", &known, NULL, NULL) == 0 && wattle_forecast_end(&known) < from_s)
		from_s = wattle_forecast_end(&known);
	if (from_s < run->now_s - ACTUAL_BACK_S_MAX)
		from_s = run->now_s - ACTUAL_BACK_S_MAX;
	rc = carbon_provider_get(&run->session, zone, WATTLE_SERIES_ACTUAL, run->now_s, from_s, &measured, &err);
	if (rc == -ENODATA)
		return;
	if (rc < 0) {
		wattle_warn("zone %s: what was measured: %s", zone->name, err.text);
		return;
	}
	if (measured.issued_s == 0)
		measured.issued_s = run->now_s;
	if (carbon_store_open(run->cache, &store, &err) < 0) {
		wattle_warn("zone %s: %s", zone->name, err.text);
		return;
	}
	remember(&store, zone, "-actual", &measured, INT64_MIN);
	carbon_store_close(&store);
}

/* --- the command ---------------------------------------------------------------- */

static bool is_due(const struct run *run, const struct wattle_carbon_zone *zone)
{
	const struct carbon_store store = { run->cache, -1, -1 };
	cleanup_forecast struct wattle_forecast kept = { .n = 0 };
	int64_t written_s;

	if (carbon_store_read(&store, zone->name, "", &kept, &written_s, NULL) < 0)
		return true;
	/* a timer is never quite punctual */
	return written_s > run->now_s + CARBON_CLOCK_S || written_s + zone->interval_s - zone->interval_s / 20 <= run->now_s;
}

static void fetch_zone(struct run *run, const struct wattle_carbon_zone *zone, bool always)
{
	cleanup_forecast struct wattle_forecast next = { .n = 0 };
	const struct wattle_forecast none = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc;

	if (!always && !is_due(run, zone)) {
		say(run, zone, STATE_NOT_DUE, &none, "");
		return;
	}
	rc = carbon_provider_get(&run->session, zone, WATTLE_SERIES_FORECAST, run->now_s, 0, &next, &err);
	/* who answers wrongly is asked no more */
	if (fetch_forecast(run, zone, &next, rc, &err))
		fetch_actual(run, zone);
}

static int fetch_all(struct run *run, const struct wattle_siteconf *conf, const char *conf_path, int n, char **names)
{
	for (int i = 0; i < n; i++)
		if (!wattle_siteconf_zone(conf, names[i]))
			return wattle_fail("%s has no [zone %.60s]: say there who gives its forecast", conf_path, names[i]);
	if (n == 0 && conf->n_zones == 0)
		return wattle_fail("%s has no [zone NAME]: say there who gives its forecast", conf_path);
	for (int i = 0; i < n; i++)
		fetch_zone(run, wattle_siteconf_zone(conf, names[i]), true);
	for (uint32_t i = 0; n == 0 && i < conf->n_zones; i++)
		fetch_zone(run, &conf->zones[i], false);
	return run->failed ? WATTLE_EXIT_FAILED : WATTLE_EXIT_DONE;
}

int wattle_cmd_carbon_fetch(int argc, char **argv)
{
	bool json = false;
	const char *conf_path = WATTLE_CONF_PATH, *cache = WATTLE_FORECAST_CACHE_DIR;
	const struct wattle_option options[] = {
		{ "cache", NULL, "DIR", &cache, "keep them there [" WATTLE_FORECAST_CACHE_DIR "]" },
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &conf_path, "site configuration [" WATTLE_CONF_PATH "]" },
	};
	const struct wattle_usage usage = {
		"wattle carbon fetch", "[ZONE …]",
		"Asks the providers of the site configuration's zones for their forecasts, and keeps them where\n"
		"plans look. Without ZONE: those that are due; wattle-carbon-fetch.timer does that. What is broken,\n"
		"older, shorter or of another zone, unit or signal never takes the place of a good forecast.",
		options, sizeof(options) / sizeof(options[0]), 0, WATTLE_CARBON_ZONES_MAX, "wattle-carbon(1)",
	};
	cleanup_free struct wattle_siteconf *conf = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct run run = { .now_s = time(NULL) };
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (wattle_siteconf_read(conf_path, &conf, &err) < 0)
		return wattle_fail("%s", err.text);
#ifdef HAVE_CURL
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return wattle_fail("libcurl can't be set up: %s", curl_version());
#endif
	run.cache = cache;
	run.zones = json ? json_object_new_array() : NULL;
	status = fetch_all(&run, conf, conf_path, argc - first, argv + first);
	if (json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "zones", run.zones);
		puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	}
	carbon_session_forget(&run.session);
#ifdef HAVE_CURL
	curl_global_cleanup();
#endif
	return wattle_finish(status);
}
