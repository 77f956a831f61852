/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "report_carbon.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "forecast_read.h"
#include "instant.h"
#include "json_new.h"
#include "siteconf.h"
#include "table.h"
#include "total.h"

#define ALL_PCT 99.95 /* shown as 100% */
#define DEFERRED " at the earliest" /* as wattle_carbon_tail says it */

/* --- reading ----------------------------------------------------------------- */

/* 0; one that is missing stays empty. */
static void read_series(struct report_intensity *r, const char *kind, struct wattle_forecast *ret)
{
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/%s%s.json", r->dir, r->zone, kind);
	rc = wattle_forecast_read(path, &wish, ret, &err);
	if (rc == 0 && ret->dated && ret->quantity == WATTLE_QUANTITY_CARBON)
		return;
	if (rc == 0) {
		wattle_err_set(&err, EINVAL, "%s holds no dated carbon intensities", path);
		free(ret->value);
	}
	memset(ret, 0, sizeof(*ret));
	if (rc != -ENOENT && !r->trouble[0])
		snprintf(r->trouble, sizeof(r->trouble), "%.250s", err.text);
}

void report_intensity_read(const char *conf_path, const char *dir, struct report_intensity *ret)
{
	cleanup_free struct wattle_siteconf *conf = NULL;

	memset(ret, 0, sizeof(*ret));
	ret->dir = dir ? dir : WATTLE_FORECAST_CACHE_DIR;
	/* that there is none has been said where the records are looked for */
	if (wattle_siteconf_read(conf_path ? conf_path : WATTLE_CONF_PATH, &conf, NULL) < 0 || !conf->carbon_zone[0])
		return;
	snprintf(ret->zone, sizeof(ret->zone), "%s", conf->carbon_zone);
	read_series(ret, "-actual", &ret->actual);
	read_series(ret, "-forecast", &ret->before);
	read_series(ret, "", &ret->now);
}

void report_intensity_free(struct report_intensity *intensity)
{
	free(intensity->actual.value);
	free(intensity->before.value);
	free(intensity->now.value);
	memset(intensity, 0, sizeof(*intensity));
}

/* --- reckoning ---------------------------------------------------------------- */

static void use(struct wattle_carbon_account *account, const struct wattle_forecast *f)
{
	/* marginal and average intensities are never added up */
	if (f->n > 0 && (account->n_series == 0 || account->series[0]->signal == f->signal))
		account->series[account->n_series++] = f;
}

static void add_energy(double from_s, double to_s, double energy_j, void *arg)
{
	struct report_carbon *c = arg;

	wattle_carbon_account_add(&c->actual, from_s, to_s, energy_j);
	wattle_carbon_account_add(&c->forecast, from_s, to_s, energy_j);
	wattle_carbon_account_add(&c->best, from_s, to_s, energy_j);
	wattle_carbon_account_add(&c->at_once, from_s, to_s, energy_j);
}

void report_carbon_make(const struct report_intensity *intensity, const struct wattle_slurm_job *job, struct wattle_record *records, size_t n,
			struct report_carbon *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->intensity = intensity;
	if (!intensity->zone[0])
		return;
	use(&ret->actual, &intensity->actual);
	use(&ret->forecast, &intensity->before);
	use(&ret->forecast, &intensity->now);
	use(&ret->best, &intensity->actual);
	use(&ret->best, &intensity->before);
	use(&ret->best, &intensity->now);
	for (size_t i = 0; i < n; i++)
		if (ret->start_s == 0 || records[i].start_s < ret->start_s)
			ret->start_s = records[i].start_s;
	if (ret->start_s == 0)
		ret->start_s = job->start_s;
	ret->submit_s = job->submit_s;
	ret->deferred = strstr(job->comment, DEFERRED) && job->eligible_s > 0;
	if (ret->deferred)
		ret->planned_s = job->eligible_s;
	ret->at_once = ret->best;
	if (ret->submit_s > 0 && ret->start_s > 0)
		ret->at_once.shift_s = (double) (ret->submit_s - ret->start_s);
	wattle_total_energy(records, n, add_energy, ret);
}

static bool covers(const struct wattle_carbon_account *account)
{
	return account->energy_j > 0 && wattle_carbon_account_covered_pct(account) >= ALL_PCT;
}

/* Only where both are known whole: a share of what is known would be a guess. */
static bool saving(const struct report_carbon *c, double *ret_pct)
{
	if (!c->deferred || c->submit_s <= 0 || !covers(&c->best) || !covers(&c->at_once) || !(c->at_once.carbon_g > 0))
		return false;
	*ret_pct = 100 * (1 - c->best.carbon_g / c->at_once.carbon_g);
	return true;
}

/* --- printing ------------------------------------------------------------------ */

static double share_pct(const struct wattle_carbon_account *account, double part_j)
{
	return account->energy_j > 0 ? 100 * part_j / account->energy_j : 0;
}

static void print_grams(double carbon_g)
{
	if (carbon_g >= 1000)
		printf("%.4g kg CO2", carbon_g / 1000);
	else
		printf("%.4g g CO2", carbon_g);
}

static void print_sources(const struct report_carbon *c)
{
	bool measured = c->intensity->actual.n > 0;
	double measured_pct = measured ? share_pct(&c->best, c->best.by_j[0]) : 0;
	double known_pct = wattle_carbon_account_covered_pct(&c->best);

	if (measured_pct >= ALL_PCT)
		printf("by measured intensities");
	else if (measured_pct > 0)
		printf("by measured intensities for %.1f%% of the energy, by the forecast for %.1f%%", measured_pct, known_pct - measured_pct);
	else
		printf("by the forecast, no measured intensities are known of that time");
	if (known_pct < ALL_PCT)
		printf("; for %.1f%% no intensity is known: left out", 100 - known_pct);
	if (measured_pct > 0 && covers(&c->forecast)) {
		printf("; the forecast said ");
		print_grams(c->forecast.carbon_g);
	}
}

static void print_saving(const struct report_carbon *c)
{
	char planned[32], started[32];
	double pct;

	if (!c->deferred)
		return;
	printf("planned to start %s, started %s", wattle_text_moment(planned, sizeof(planned), c->planned_s), wattle_text_moment(started, sizeof(started), c->start_s));
	if (c->best.energy_j > 0 && saving(c, &pct)) {
		printf("; at submission, with the same watts: ");
		print_grams(c->at_once.carbon_g);
		printf(", so %.1f%% %s", fabs(pct), pct >= 0 ? "saved" : "more");
	} else if (c->best.energy_j > 0) {
		printf("; what that saved can't be said: intensities are known of %.0f%% of its energy, had it started at submission of %.0f%%",
		       wattle_carbon_account_covered_pct(&c->best), wattle_carbon_account_covered_pct(&c->at_once));
	}
	printf("\n");
}

void report_carbon_print(const struct report_carbon *c)
{
	const struct report_intensity *i = c->intensity;

	if (!i->zone[0])
		return;
	if (i->trouble[0])
		printf("carbon: %s\n", i->trouble);
	if (c->best.energy_j > 0 && c->best.n_series == 0)
		printf("carbon: no intensities of zone %s in %s (`wattle carbon fetch` brings them)\n", i->zone, i->dir);
	else if (c->best.energy_j > 0 && !(c->best.covered_j > 0))
		printf("carbon: no intensities of zone %s are known of that time\n", i->zone);
	if (c->best.covered_j > 0) {
		printf("carbon: ");
		print_grams(c->best.carbon_g);
		printf(" in zone %s, base watts included, %s signal, ", i->zone, wattle_signal_name(c->best.series[0]->signal));
		print_sources(c);
		printf("\n");
	}
	print_saving(c);
}

/* --- JSON ---------------------------------------------------------------------- */

static struct json_object *number(double value)
{
	return wattle_json_new_estimate(value, 9);
}

static struct json_object *moment(int64_t s)
{
	char text[WATTLE_INSTANT_SIZE];

	return s > 0 ? json_object_new_string(wattle_instant_format(s, text)) : NULL;
}

static struct json_object *account_json(const struct wattle_carbon_account *account)
{
	struct json_object *o;

	if (account->n_series == 0 || !(account->energy_j > 0))
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "carbon_g", account->covered_j > 0 ? number(account->carbon_g) : NULL);
	json_object_object_add(o, "covered_pct", number(wattle_carbon_account_covered_pct(account)));
	return o;
}

struct json_object *report_carbon_json(const struct report_carbon *c)
{
	const struct report_intensity *i = c->intensity;
	struct json_object *o;
	double pct;

	if (!i->zone[0])
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "zone", json_object_new_string(i->zone));
	json_object_object_add(o, "signal", c->best.n_series ? json_object_new_string(wattle_signal_name(c->best.series[0]->signal)) : NULL);
	json_object_object_add(o, "carbon_g", c->best.covered_j > 0 ? number(c->best.carbon_g) : NULL);
	json_object_object_add(o, "covered_pct", c->best.energy_j > 0 ? number(wattle_carbon_account_covered_pct(&c->best)) : NULL);
	json_object_object_add(o, "energy_j", number(c->best.energy_j));
	json_object_object_add(o, "actual", account_json(&c->actual));
	json_object_object_add(o, "forecast", account_json(&c->forecast));
	json_object_object_add(o, "deferred", json_object_new_boolean(c->deferred));
	json_object_object_add(o, "submitted", moment(c->submit_s));
	json_object_object_add(o, "planned_start", moment(c->planned_s));
	json_object_object_add(o, "started", moment(c->start_s));
	json_object_object_add(o, "at_once", c->deferred && c->submit_s > 0 ? account_json(&c->at_once) : NULL);
	json_object_object_add(o, "saving_pct", saving(c, &pct) ? number(pct) : NULL);
	json_object_object_add(o, "trouble", i->trouble[0] ? json_object_new_string(i->trouble) : NULL);
	return o;
}
