/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A forecast from anyone, in any format: values in range and no more than there is room for, or a refusal. The first byte says by
 * which reader: of whatever format (0), slurmctld's own (1), or that of histories (2). What is read can be written, and says the same again. */
#include <math.h>

#include "fuzz.h"
#include "forecast_read.h"

#define ROOM 64

static void must(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct wattle_forecast *f, int holes)
{
	must(f->n > 0 && f->n <= f->room && f->n <= WATTLE_FORECAST_SLOTS_MAX && f->slot_s > 0);
	must(strnlen(f->zone, sizeof(f->zone)) < sizeof(f->zone) && strnlen(f->unit, sizeof(f->unit)) < sizeof(f->unit));
	for (uint32_t i = 0; i < f->n; i++) {
		double most = f->quantity == WATTLE_QUANTITY_PRICE ? WATTLE_FORECAST_PRICE_MAX : WATTLE_FORECAST_INTENSITY_MAX;

		must(isnan(f->value[i]) ? holes : f->value[i] <= most && f->value[i] >= (f->quantity == WATTLE_QUANTITY_PRICE ? -most : 0));
	}
}

/* Written, read, written: the same text. */
static void check_again(const struct wattle_forecast *f)
{
	double value[ROOM];
	struct wattle_forecast again = { .room = ROOM, .value = value };
	char text[8192], twice[8192];
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t len;

	if (f->n > ROOM || f->start_s < 0 || f->start_s > INT64_C(253402300799))
		return;
	len = wattle_forecast_format_cache(f, text, sizeof(text), &err);
	if (len < 0 || len >= (int64_t) sizeof(text))
		return;
	must(wattle_forecast_parse_history("again", text, &again, &err) == 0);
	must(wattle_forecast_format_cache(&again, twice, sizeof(twice), &err) == len && strcmp(text, twice) == 0);
}

static void read_any(const char *text, size_t len)
{
	for (int i = 0; i < 4; i++) {
		const struct wattle_forecast_wish wish = { i == 3 ? WATTLE_QUANTITY_PRICE : WATTLE_QUANTITY_CARBON, 0 };
		struct wattle_forecast f = { .n = 0 };
		struct wattle_err err = WATTLE_ERR_INIT;
		char *copy = strdup(text);

		if (wattle_forecast_parse_series("fuzz", copy, len, &wish, (enum wattle_series) (i % 3), &f, &err) == 0) {
			check(&f, 1);
			check_again(&f);
		} else {
			must(f.value == NULL && err.code != 0 && err.text[0]);
		}
		free(f.value);
		free(copy);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	double value[ROOM];
	struct wattle_forecast f = { .room = ROOM, .value = value };
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text;

	/* what is read from a file holds no NUL */
	if (size == 0 || memchr(data + 1, '\0', size - 1))
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 0) {
		read_any(text, size - 1);
	} else if ((data[0] % 3 == 1 ? wattle_forecast_parse_cache : wattle_forecast_parse_history)("fuzz", text, &f, &err) == 0) {
		must(f.room == ROOM && f.value == value);
		check(&f, data[0] % 3 == 2);
		check_again(&f);
	}
	free(text);
	return 0;
}
