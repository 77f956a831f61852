/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forecast_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "forecast_rows.h"

uint32_t wattle_forecast_hole(const struct wattle_forecast *f, uint32_t slot)
{
	while (slot < f->n && !isnan(f->value[slot]))
		slot++;
	return slot;
}

/* Our own: as many values as there are commas can be. */
static int parse_cache(const char *name, const char *text, struct wattle_forecast *ret, struct wattle_err *err)
{
	struct wattle_forecast f = { .room = 1 };
	int rc;

	for (const char *s = text; *s; s++)
		if (*s == ',' && f.room < WATTLE_FORECAST_SLOTS_MAX)
			f.room++;
	f.value = calloc(f.room, sizeof(*f.value));
	if (!f.value)
		return wattle_err_set(err, ENOMEM, "out of memory for %s", name);
	rc = wattle_forecast_parse_history(name, text, &f, err);
	if (rc < 0)
		free(f.value);
	else
		*ret = f;
	return rc;
}

int wattle_forecast_parse(const char *name, char *text, size_t len, const struct wattle_forecast_wish *wish,
			  struct wattle_forecast *ret, struct wattle_err *err)
{
	return wattle_forecast_parse_series(name, text, len, wish, WATTLE_SERIES_BEST, ret, err);
}

int wattle_forecast_parse_series(const char *name, char *text, size_t len, const struct wattle_forecast_wish *wish,
				 enum wattle_series series, struct wattle_forecast *ret, struct wattle_err *err)
{
	struct forecast_rows rows = { .name = name, .series = series };
	int rc;

	if (strlen(text) != len)
		return wattle_err_set(err, EINVAL, "%s holds NUL bytes", name);
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (text[strspn(text, " \t\r\n")] == '{' || text[strspn(text, " \t\r\n")] == '[') {
		if (strstr(text, "\"slot_s\"") && strstr(text, "\"values\""))
			return parse_cache(name, text, ret, err);
		rc = forecast_read_json(&rows, text, len, err);
	} else {
		rc = forecast_read_csv(&rows, text, wish, err);
	}
	if (rc == 0)
		rc = forecast_settle(&rows, ret, err);
	free(rows.row);
	return rc;
}

int wattle_forecast_read(const char *path, const struct wattle_forecast_wish *wish, struct wattle_forecast *ret,
			 struct wattle_err *err)
{
	const struct wattle_file_rule rule = { WATTLE_FORECAST_CSV_BYTES_MAX, true };
	cleanup_free char *text = NULL;
	size_t len;
	int rc = wattle_file_read(path, &rule, &text, &len, NULL, err);

	return rc < 0 ? rc : wattle_forecast_parse(path, text, len, wish, ret, err);
}
