/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forecasts: are they there and young, and is what they are asked for with safe? */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "carbon_judge.h"
#include "carbon_store.h"
#include "cleanup.h"
#include "file.h"
#include "instant.h"
#include "slotload.h"

#define TOPIC "carbon"

static bool wants_credentials(const struct wattle_carbon_zone *zone)
{
	return zone->provider == WATTLE_PROVIDER_ELECTRICITYMAPS || zone->provider == WATTLE_PROVIDER_WATTTIME;
}

static void check_credentials(struct wattle_check *check, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == EACCES)
			return; /* a folder that users can't look into keeps it well */
		wattle_found(check, WATTLE_LEVEL_WRONG, TOPIC, "%s: %s, and a provider wants credentials", path, strerror(errno));
		wattle_mend(check, "copy carbon.credentials.example there, root's, mode 0600, and fill it in");
	} else if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 077)) {
		wattle_found(check, WATTLE_LEVEL_WRONG, TOPIC, "%s: %s of uid %u, mode %04o: others than root may see or change it", path,
			     S_ISREG(st.st_mode) ? "file" : "no regular file", (unsigned) st.st_uid, (unsigned) (st.st_mode & 07777));
		wattle_mend(check, "chown root:root %s; chmod 0600 %s; and have the provider change what stood in it", path, path);
	} else {
		wattle_found(check, WATTLE_LEVEL_OK, TOPIC, "%s: root's alone, mode %04o", path, (unsigned) (st.st_mode & 07777));
	}
}

static void mend_forecast(struct wattle_check *check, const struct wattle_carbon_zone *zone, const char *name)
{
	if (zone)
		wattle_mend(check, "wattle carbon fetch %s; systemctl enable --now wattle-carbon-fetch.timer", name);
	else
		wattle_mend(check, "say in [zone %s] of %s who gives its forecast, or write %s/%s.json by other means", name, check->conf_path,
			    WATTLE_FORECAST_CACHE_DIR, name);
}

static void say_age(struct wattle_check *check, const struct wattle_forecast *f, const struct wattle_carbon_zone *zone, const char *name)
{
	const struct carbon_rules rules = { time(NULL), zone ? zone->stale_after_s : WATTLE_STALE_AFTER_S };
	double age_h = (double) (rules.now_s - f->issued_s) / 3600;
	char end[WATTLE_INSTANT_SIZE];

	wattle_instant_format(wattle_forecast_end(f), end);
	if (f->issued_s == 0)
		wattle_found(check, WATTLE_LEVEL_WARNING, TOPIC, "zone %s: its forecast does not say when it was issued", name);
	else if (f->issued_s > rules.now_s + CARBON_CLOCK_S)
		wattle_found(check, WATTLE_LEVEL_WARNING, TOPIC, "zone %s: its forecast was issued %.1f hours from now: is the clock right?", name,
			     -age_h);
	else if (f->issued_s + rules.stale_after_s < rules.now_s)
		wattle_found(check, WATTLE_LEVEL_WARNING, TOPIC, "zone %s: its forecast is %.1f hours old, more than stale_after = %.1f: jobs start "
			     "at once", name, age_h, (double) rules.stale_after_s / 3600);
	else if (wattle_forecast_end(f) <= rules.now_s)
		wattle_found(check, WATTLE_LEVEL_WARNING, TOPIC, "zone %s: its forecast ended %s: jobs start at once", name, end);
	else {
		wattle_found(check, WATTLE_LEVEL_OK, TOPIC, "zone %s: forecast %.1f hours old, to %s, %s", name, age_h < 0 ? 0 : age_h, end,
			     wattle_signal_name(f->signal));
		return;
	}
	mend_forecast(check, zone, name);
}

static void check_zone(struct wattle_check *check, const char *name)
{
	const struct wattle_carbon_zone *zone = wattle_siteconf_zone(check->conf, name);
	const struct carbon_store store = { WATTLE_FORECAST_CACHE_DIR, -1, -1 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_forecast f = { .n = 0 };
	char path[sizeof(WATTLE_FORECAST_CACHE_DIR) + WATTLE_NAME_MAX + 8];
	struct stat st;
	int rc = carbon_store_read(&store, name, "", &f, NULL, &err);

	if (rc == -ENOENT && !zone && !check->conf->carbon_ruled) {
		wattle_found(check, WATTLE_LEVEL_OK, TOPIC, "zone %s has no forecast, and nobody is asked for one: --carbon starts jobs at once", name);
		return;
	}
	if (rc < 0) {
		wattle_found(check, rc == -ENOENT ? WATTLE_LEVEL_WARNING : WATTLE_LEVEL_WRONG, TOPIC, "zone %s: %s: jobs start at once", name,
			     rc == -ENOENT ? "there is no forecast" : err.text);
		mend_forecast(check, zone, name);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s.json", WATTLE_FORECAST_CACHE_DIR, name);
	/* slurmctld would not take it */
	if (lstat(path, &st) == 0 && (st.st_uid != 0 || (st.st_mode & 022))) {
		wattle_found(check, WATTLE_LEVEL_WRONG, TOPIC, "%s belongs to uid %u, mode %04o: slurmctld takes root's alone", path,
			     (unsigned) st.st_uid, (unsigned) (st.st_mode & 07777));
		wattle_mend(check, "chown root:root %s; chmod 0644 %s", path, path);
	}
	say_age(check, &f, zone, name);
	free(f.value);
}

/* With a budget, slurmctld asks how full the slots are. */
static void check_slots(struct wattle_check *check)
{
	static const char path[] = WATTLE_SLOTS_DIR "/" WATTLE_SLOTLOAD_FILE;
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_SLOTLOAD_BYTES_MAX };
	cleanup_free struct wattle_slotload *load = malloc(sizeof(*load));
	cleanup_free char *text = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t age_s;

	if (!check->conf->carbon.slot_budget_w || !load)
		return;
	if (wattle_file_read(path, &rule, &text, NULL, NULL, &err) < 0 || wattle_slotload_parse(path, text, load, &err) < 0) {
		wattle_found(check, WATTLE_LEVEL_WARNING, TOPIC, "%s: how full a slot is is not counted with", err.text);
		wattle_mend(check, "systemctl enable --now wattle-slots.service on the controller");
		return;
	}
	age_s = (int64_t) time(NULL) - load->made_s;
	if (age_s > WATTLE_SLOTLOAD_STALE_S) {
		wattle_found(check, WATTLE_LEVEL_WARNING, TOPIC, "%s is %lld s old and not counted with", path, (long long) age_s);
		wattle_mend(check, "systemctl status wattle-slots.service");
		return;
	}
	wattle_found(check, WATTLE_LEVEL_OK, TOPIC, "put-off jobs are counted (%s, %lld s old)", path, (long long) age_s);
}

void wattle_check_carbon(struct wattle_check *check)
{
	const struct wattle_siteconf *conf = check->conf;

	/* where the plugin and the timer are */
	if (!conf || !check->controller)
		return;
	for (uint32_t i = 0; i < conf->n_zones; i++) {
		bool seen = false;

		for (uint32_t j = 0; j < i; j++)
			seen |= wants_credentials(&conf->zones[j]) && strcmp(conf->zones[j].credentials, conf->zones[i].credentials) == 0;
		if (!seen && wants_credentials(&conf->zones[i]))
			check_credentials(check, conf->zones[i].credentials);
	}
	for (uint32_t i = 0; i < conf->n_zones; i++)
		check_zone(check, conf->zones[i].name);
	if (*conf->carbon_zone && !wattle_siteconf_zone(conf, conf->carbon_zone))
		check_zone(check, conf->carbon_zone);
	check_slots(check);
}
