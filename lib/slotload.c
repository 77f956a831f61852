/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slotload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIME_MAX_S INT64_C(253402300799)

/* The slots that [from_s, to_s) touches: *ret_first up to, not with, the one returned. */
static uint32_t touched(const struct wattle_slotload *load, int64_t from_s, int64_t to_s, uint32_t *ret_first)
{
	int64_t end_s = load->start_s + (int64_t) load->n * load->slot_s;

	*ret_first = 0;
	if (from_s < load->start_s)
		from_s = load->start_s;
	if (to_s > end_s)
		to_s = end_s;
	if (to_s <= from_s)
		return 0;
	*ret_first = (uint32_t) ((from_s - load->start_s) / load->slot_s);
	return (uint32_t) ((to_s - load->start_s - 1) / load->slot_s) + 1;
}

void wattle_slotload_add(struct wattle_slotload *load, int64_t from_s, int64_t to_s, uint64_t watts_w)
{
	uint32_t i, end = touched(load, from_s, to_s, &i);

	for (; i < end; i++)
		load->watts_w[i] = watts_w > UINT32_MAX - load->watts_w[i] ? UINT32_MAX : load->watts_w[i] + (uint32_t) watts_w;
}

uint32_t wattle_slotload_most(const struct wattle_slotload *load, int64_t from_s, int64_t to_s)
{
	uint32_t i, end = touched(load, from_s, to_s, &i), most = 0;

	for (; i < end; i++)
		if (load->watts_w[i] > most)
			most = load->watts_w[i];
	return most;
}

size_t wattle_slotload_format(const struct wattle_slotload *load, char *text, size_t size)
{
	int n = snprintf(text, size, "v1 made=%" PRId64 " start=%" PRId64 " slot_s=%" PRIu32 "\n", load->made_s, load->start_s,
			 load->slot_s);
	size_t used = n > 0 ? (size_t) n : 0;

	for (uint32_t i = 0; i < load->n; i++) {
		n = snprintf(used < size ? text + used : NULL, used < size ? size - used : 0, "%" PRIu32 "%c", load->watts_w[i],
			     i + 1 == load->n || i % 16 == 15 ? '\n' : ' ');
		used += n > 0 ? (size_t) n : 0;
	}
	return used;
}

static bool take(const char **at, const char *word, int64_t min, int64_t max, int64_t *ret)
{
	size_t len = strlen(word);
	const char *s = *at + len;
	int64_t value = 0;

	if (strncmp(*at, word, len) != 0 || *s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9' && value <= max; s++)
		value = 10 * value + (*s - '0');
	if (value < min || value > max)
		return false;
	*at = s;
	*ret = value;
	return true;
}

int wattle_slotload_parse(const char *name, const char *text, struct wattle_slotload *ret, struct wattle_err *err)
{
	const char *at = text;
	int64_t number = 0;

	ret->n = 0;
	if (!take(&at, "v1 made=", 0, TIME_MAX_S, &ret->made_s) || !take(&at, " start=", 0, TIME_MAX_S, &ret->start_s) ||
	    !take(&at, " slot_s=", 1, 86400, &number) || *at++ != '\n')
		return wattle_err_set(err, EINVAL, "%s: the first line must be \"v1 made=… start=… slot_s=…\"", name);
	ret->slot_s = (uint32_t) number;
	while (*at) {
		if (ret->n == WATTLE_SLOTLOAD_MAX)
			return wattle_err_set(err, EINVAL, "%s: more than %u slots", name, WATTLE_SLOTLOAD_MAX);
		if (!take(&at, "", 0, UINT32_MAX, &number) || (*at != ' ' && *at != '\n'))
			return wattle_err_set(err, EINVAL, "%s: slot %u is no number of watts", name, ret->n);
		at++;
		ret->watts_w[ret->n++] = (uint32_t) number;
	}
	return 0;
}
