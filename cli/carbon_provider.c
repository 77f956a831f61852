/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "carbon_provider.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carbon_http.h"
#include "cleanup.h"
#include "file.h"
#include "instant.h"
#include "json.h"

#define URL_SIZE 1024
#define HALF_HOUR_S 1800

struct question {
	const struct wattle_carbon_zone *zone;
	enum wattle_series series;
	int64_t now_s, from_s;
};

/* The address behind the provider's own: false: it can't be asked that. */
typedef bool (*address_fn)(const struct question *q, char *ret, size_t size);

/* "2024-01-15T00:30Z": the UK's service wants minutes and no seconds. */
static const char *minutes(int64_t s, char buf[WATTLE_INSTANT_SIZE])
{
	wattle_instant_format(s, buf);
	memcpy(buf + strlen("2024-01-15T00:30"), "Z", 2);
	return buf;
}

static bool address_electricitymaps(const struct question *q, char *ret, size_t size)
{
	if (q->series == WATTLE_SERIES_ACTUAL)
		snprintf(ret, size, "/v3/carbon-intensity/history?zone=%s", q->zone->provider_zone);
	else
		snprintf(ret, size, "/v3/carbon-intensity/forecast?zone=%s&horizonHours=%u", q->zone->provider_zone, q->zone->horizon_s / 3600);
	return true;
}

static bool address_watttime(const struct question *q, char *ret, size_t size)
{
	const char *signal = q->zone->signal == WATTLE_SIGNAL_AVERAGE ? "co2_aoer" : "co2_moer";
	char from[WATTLE_INSTANT_SIZE], to[WATTLE_INSTANT_SIZE];

	if (q->series == WATTLE_SERIES_ACTUAL)
		snprintf(ret, size, "/v3/historical?region=%s&signal_type=%s&start=%s&end=%s", q->zone->provider_zone, signal,
			 wattle_instant_format(q->from_s, from), wattle_instant_format(q->now_s, to));
	else
		snprintf(ret, size, "/v3/forecast?region=%s&signal_type=%s&horizon_hours=%u", q->zone->provider_zone, signal,
			 q->zone->horizon_s / 3600);
	return true;
}

static bool address_uk(const struct question *q, char *ret, size_t size)
{
	char from[WATTLE_INSTANT_SIZE], to[WATTLE_INSTANT_SIZE];
	bool national = strcmp(q->zone->provider_zone, "GB") == 0;

	minutes(q->now_s - q->now_s % HALF_HOUR_S, to);
	if (q->series != WATTLE_SERIES_ACTUAL && national)
		snprintf(ret, size, "/intensity/%s/fw48h", to);
	else if (q->series != WATTLE_SERIES_ACTUAL)
		snprintf(ret, size, "/regional/intensity/%s/fw48h/regionid/%s", to, q->zone->provider_zone);
	else if (national)
		snprintf(ret, size, "/intensity/%s/%s", minutes(q->from_s - q->from_s % HALF_HOUR_S, from), to);
	else
		return false; /* nobody measures regions */
	return true;
}

static const struct provider {
	const char *url;
	const char *forecast, *actual; /* how the reader names their formats */
	address_fn address;
} providers[] = {
	[WATTLE_PROVIDER_ELECTRICITYMAPS] = { "https://api.electricitymaps.com", "Electricity Maps forecast", "Electricity Maps history",
					      address_electricitymaps },
	[WATTLE_PROVIDER_WATTTIME] = { "https://api.watttime.org", "WattTime", "WattTime", address_watttime },
	[WATTLE_PROVIDER_UK] = { "https://api.carbonintensity.org.uk", "UK Carbon Intensity", "UK Carbon Intensity", address_uk },
};

void carbon_session_forget(struct carbon_session *session)
{
	explicit_bzero(session, sizeof(*session));
}

/* --- secrets ------------------------------------------------------------------ */

static int need_credentials(struct carbon_session *session, const struct wattle_carbon_zone *zone, struct wattle_err *err)
{
	int rc;

	if (strcmp(session->credentials_path, zone->credentials) == 0)
		return 0;
	session->credentials_path[0] = '\0';
	rc = carbon_credentials_read(zone->credentials, &session->credentials, err);
	if (rc == 0)
		snprintf(session->credentials_path, sizeof(session->credentials_path), "%s", zone->credentials);
	return rc;
}

static int log_in(struct carbon_session *session, const struct wattle_carbon_zone *zone, const char *base, struct wattle_err *err)
{
	const struct carbon_credentials *c = &session->credentials;
	char url[URL_SIZE], want[sizeof(session->header_for)], token[CARBON_SECRET_SIZE];
	const struct carbon_http_request request = { url, zone->ca_file, NULL, c->username, c->password, zone->timeout_s };
	cleanup_json struct json_object *root = NULL;
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (!c->username[0] || !c->password[0])
		return wattle_err_set(err, EACCES, "%s lacks username or password of [watttime]", zone->credentials);
	snprintf(want, sizeof(want), "%s %s", base, zone->credentials);
	if (strcmp(session->header_for, want) == 0)
		return 0;
	session->header_for[0] = '\0';
	snprintf(url, sizeof(url), "%s/login", base);
	rc = carbon_http_get(&request, &text, &len, err);
	if (rc < 0)
		return rc;
	root = wattle_json_parse(text, len, 8);
	rc = root ? wattle_json_text(root, "token", token, sizeof(token)) : -EINVAL;
	if (rc < 0) {
		rc = wattle_err_set(err, EINVAL, "%s did not answer with a token", url);
	} else {
		snprintf(session->header, sizeof(session->header), "Authorization: Bearer %s", token);
		snprintf(session->header_for, sizeof(session->header_for), "%s", want);
	}
	explicit_bzero(token, sizeof(token));
	explicit_bzero(text, len);
	free(text);
	return rc;
}

/* The header that shows who asks; "" where nobody wants to know. */
static int authorise(struct carbon_session *session, const struct wattle_carbon_zone *zone, const char *base, char *header, size_t size,
		     struct wattle_err *err)
{
	int rc;

	header[0] = '\0';
	if (zone->provider == WATTLE_PROVIDER_UK)
		return 0;
	rc = need_credentials(session, zone, err);
	if (rc < 0)
		return rc;
	if (zone->provider == WATTLE_PROVIDER_WATTTIME) {
		rc = log_in(session, zone, base, err);
		snprintf(header, size, "%s", session->header);
		return rc;
	}
	if (!session->credentials.token[0])
		return wattle_err_set(err, EACCES, "%s lacks token of [electricitymaps]", zone->credentials);
	snprintf(header, size, "auth-token: %s", session->credentials.token);
	return 0;
}

/* --- what came back ----------------------------------------------------------- */

static int judge_kind(const struct wattle_carbon_zone *zone, const char *from, const struct wattle_forecast *f, struct wattle_err *err)
{
	char region[16];
	const char *name = f->zone;

	if (f->quantity != WATTLE_QUANTITY_CARBON || !f->dated)
		return wattle_err_set(err, EINVAL, "%s is no series of carbon intensities with dates, but %s", from,
				      f->dated ? f->unit : "slots without a date");
	if (f->region) {
		snprintf(region, sizeof(region), "%u", f->region);
		name = region;
	}
	/* a file need not say which zone it is of */
	if ((zone->provider != WATTLE_PROVIDER_FILE || *name) && strcmp(name, zone->provider_zone) != 0)
		return wattle_err_set(err, EINVAL, "%s is of zone \"%s\": \"%s\" was asked for (provider_zone)", from, name,
				      zone->provider_zone);
	if (zone->signal != WATTLE_SIGNAL_UNKNOWN && f->signal != WATTLE_SIGNAL_UNKNOWN && f->signal != zone->signal)
		return wattle_err_set(err, EINVAL, "%s gives the %s signal: signal = %s is wanted", from, wattle_signal_name(f->signal),
				      wattle_signal_name(zone->signal));
	return 0;
}

static int get_file(const struct wattle_carbon_zone *zone, struct wattle_forecast *ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_FORECAST_CSV_BYTES_MAX };
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	cleanup_free char *text = NULL;
	struct stat st;
	size_t len;
	int rc = wattle_file_read(zone->source, &rule, &text, &len, &st, err);

	if (rc == 0)
		rc = wattle_forecast_parse_series(zone->source, text, len, &wish, WATTLE_SERIES_FORECAST, ret, err);
	if (rc < 0)
		return rc;
	if (ret->issued_s == 0)
		ret->issued_s = st.st_mtim.tv_sec;
	return judge_kind(zone, zone->source, ret, err);
}

static int get_service(struct carbon_session *session, const struct question *q, struct wattle_forecast *ret, struct wattle_err *err)
{
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	const struct wattle_carbon_zone *zone = q->zone;
	const struct provider *provider = &providers[zone->provider];
	const char *base = *zone->url ? zone->url : provider->url, *wanted = q->series == WATTLE_SERIES_ACTUAL ? provider->actual : provider->forecast;
	char url[URL_SIZE], address[512], header[sizeof(session->header)];
	const struct carbon_http_request request = { url, zone->ca_file, header, NULL, NULL, zone->timeout_s };
	struct carbon_http_request bare;
	cleanup_free char *text = NULL;
	size_t len;
	int rc;

	if (!provider->address(q, address, sizeof(address)))
		return wattle_err_set(err, ENODATA, "%s does not say what was measured", base);
	snprintf(url, sizeof(url), "%s%s", base, address);
	rc = authorise(session, zone, base, header, sizeof(header), err);
	bare = request;
	if (!header[0])
		bare.header = NULL;
	if (rc == 0)
		rc = carbon_http_get(&bare, &text, &len, err);
	explicit_bzero(header, sizeof(header));
	if (rc < 0)
		return rc;
	if (text[strspn(text, " \t\r\n")] != '{')
		return wattle_err_set(err, EINVAL, "%s answered something that is no JSON object: a login page, or a proxy's message?", url);
	rc = wattle_forecast_parse_series(url, text, len, &wish, q->series, ret, err);
	if (rc < 0)
		return rc;
	if (strncmp(ret->source, wanted, strlen(wanted)) != 0)
		return wattle_err_set(err, EINVAL, "%s answered in the format \"%s\": \"%s\" was asked for", url, ret->source, wanted);
	return judge_kind(zone, url, ret, err);
}

int carbon_provider_get(struct carbon_session *session, const struct wattle_carbon_zone *zone, enum wattle_series series, int64_t now_s,
			int64_t from_s, struct wattle_forecast *ret, struct wattle_err *err)
{
	const struct question q = { zone, series, now_s, from_s };
	struct wattle_forecast f = { .n = 0 };
	int rc;

	if (zone->provider == WATTLE_PROVIDER_FILE && series == WATTLE_SERIES_ACTUAL)
		return wattle_err_set(err, ENODATA, "a file does not say what was measured");
	rc = zone->provider == WATTLE_PROVIDER_FILE ? get_file(zone, &f, err) : get_service(session, &q, &f, err);
	if (rc < 0) {
		free(f.value);
		return rc;
	}
	snprintf(f.zone, sizeof(f.zone), "%s", zone->name);
	if (f.signal == WATTLE_SIGNAL_UNKNOWN)
		f.signal = zone->signal;
	*ret = f;
	return 0;
}
