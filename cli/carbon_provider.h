/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_PROVIDER_H
#define WATTLE_CARBON_PROVIDER_H

/* Who gives forecasts: what to ask them, and whether what came back is what was asked for.
 *
 * To add a provider: its name in lib/siteconf.c, a line in the table of carbon_provider.c, its format in lib/forecast_json.c. */

#include "carbon_credentials.h"
#include "forecast_read.h"
#include "siteconf.h"

/* What one run of the command knows: secrets are read, and WattTime is logged in to, once. */
struct carbon_session {
	struct carbon_credentials credentials;
	char credentials_path[256]; /* of which they are; "": none yet */
	char header[4200];          /* "Authorization: Bearer …" of WattTime */
	char header_for[512];       /* address and credentials it is for; "": none yet */
};

void carbon_session_forget(struct carbon_session *session);

/* The forecast (WATTLE_SERIES_FORECAST), or what was measured from from_s on (WATTLE_SERIES_ACTUAL; the provider may know less or more).
 * ret->value is malloc'd, the caller frees; ret->issued_s is 0 where nobody says. It is the provider's format, zone, unit and signal, or
 * -EINVAL. -ENODATA: this provider does not say what was measured. Else as carbon_http_get, and file.h. */
int carbon_provider_get(struct carbon_session *session, const struct wattle_carbon_zone *zone, enum wattle_series series, int64_t now_s,
			int64_t from_s, struct wattle_forecast *ret, struct wattle_err *err);

#endif
