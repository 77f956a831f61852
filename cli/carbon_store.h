/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_STORE_H
#define WATTLE_CARBON_STORE_H

/* The folder of forecasts, which slurmctld reads and root writes. Of each zone:
 *
 *   ZONE.json           the forecast to plan with
 *   ZONE-forecast.json  what was forecast last for each slot before it was over, and what is forecast
 *   ZONE-actual.json    what was measured, where the provider says so
 *
 * all of one form (forecast.h), the last two of at most 400 days. */

#include <stdbool.h>

#include "forecast_read.h"

struct carbon_store {
	const char *path;
	int dir, lock;  /* -1: not open */
};

#define CARBON_STORE_INIT { NULL, -1, -1 }

/* Opens the folder, and makes it if it is the usual one, and waits until no other fetch is writing there. It must be the caller's and
 * writable to nobody else: -EPERM. The lock is the caller's until carbon_store_close. */
int carbon_store_open(const char *path, struct carbon_store *ret, struct wattle_err *err);
void carbon_store_close(struct carbon_store *store);

/* ZONE + kind ("", "-forecast", "-actual") + ".json". 0: *ret->value is malloc'd, the caller frees; *ret_written_s (may be NULL) when it was
 * written. -ENOENT: there is none. */
int carbon_store_read(const struct carbon_store *store, const char *zone, const char *kind, struct wattle_forecast *ret,
		      int64_t *ret_written_s, struct wattle_err *err);
/* Swaps it in whole, mode 0644. */
int carbon_store_write(const struct carbon_store *store, const char *zone, const char *kind, const struct wattle_forecast *f,
		       struct wattle_err *err);

#endif
