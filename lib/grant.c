/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grant.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"

static void add_count(char *text, size_t size, const char *key, uint32_t count)
{
	size_t used = strlen(text);

	if (count > 0)
		snprintf(text + used, size - used, " %s=%" PRIu32, key, count);
}

/* Rounded, and printed with a point whatever the locale. */
static int add_prediction(char *text, size_t size, const struct wattle_grant *grant)
{
	char number[40];
	size_t used = strlen(text);

	if (!grant->profile[0])
		return 0;
	if (!wattle_model_name_valid(grant->profile) ||
	    !(grant->slowdown_pct >= 0 && grant->slowdown_pct <= WATTLE_GRANT_SLOWDOWN_MAX_PCT))
		return -EINVAL;
	if (wattle_decimal_print(number, sizeof(number), round(grant->slowdown_pct * 1000) / 1000, 12) < 0)
		return -EINVAL;
	snprintf(text + used, size - used, " slowdown=%s profile=%s", number, grant->profile);
	return 0;
}

static int add_carbon(char *text, size_t size, const struct wattle_grant *grant)
{
	size_t used = strlen(text);

	if (grant->carbon != WATTLE_CARBON_START && grant->carbon != WATTLE_CARBON_SCALE)
		return 0;
	if (grant->start_s <= 0 || grant->start_s > UINT32_MAX)
		return -EINVAL;
	snprintf(text + used, size - used, " carbon=%s start=%" PRId64, grant->carbon == WATTLE_CARBON_START ? "start" : "scale",
		 grant->start_s);
	add_count(text, size, "saving", grant->saving_pct);
	return 0;
}

int wattle_grant_format(const struct wattle_grant *grant, char *text, size_t size)
{
	char whole[WATTLE_GRANT_MAX]; /* eleven numbers and two names at most: it always fits */
	size_t used;
	int rc;

	snprintf(whole, sizeof(whole), "v1 watts=%" PRIu32, grant->watts_w);
	used = strlen(whole);
	if (grant->nodes_max > 0)
		snprintf(whole + used, sizeof(whole) - used, " nodes=%" PRIu32 "-%" PRIu32, grant->nodes_min, grant->nodes_max);
	add_count(whole, sizeof(whole), "default", grant->defaulted);
	add_count(whole, sizeof(whole), "tasks", grant->tasks);
	add_count(whole, sizeof(whole), "cpt", grant->cpus_per_task);
	add_count(whole, sizeof(whole), "tpn", grant->tasks_per_node);
	add_count(whole, sizeof(whole), "cpn", grant->cpus_per_node);
	if ((rc = add_prediction(whole, sizeof(whole), grant)) < 0 || (rc = add_carbon(whole, sizeof(whole), grant)) < 0)
		return rc;
	used = strlen(whole);
	if (used >= size)
		return -ENOSPC;
	memcpy(text, whole, used + 1);
	return 0;
}

/* A plain decimal number that fills [s, end); no sign, no blanks, which strtoul would take. */
static int read_count(const char *s, const char *end, uint32_t *ret)
{
	uint64_t value = 0;

	if (s == end || end - s > 10)
		return -EINVAL;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		value = 10 * value + (uint64_t) (*s - '0');
	}
	if (value > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t) value;
	return 0;
}

static int read_range(const char *s, const char *end, uint32_t *ret_min, uint32_t *ret_max)
{
	const char *dash = memchr(s, '-', (size_t) (end - s));

	if (!dash || read_count(s, dash, ret_min) < 0 || read_count(dash + 1, end, ret_max) < 0)
		return -EINVAL;
	return *ret_min > *ret_max ? -EINVAL : 0;
}

static int read_slowdown(const char *s, const char *end, double *ret)
{
	const char *stop;
	double value;

	if (wattle_decimal_read(s, &stop, &value) < 0 || stop != end || !(value >= 0 && value <= WATTLE_GRANT_SLOWDOWN_MAX_PCT))
		return -EINVAL;
	*ret = value;
	return 0;
}

static int read_profile(const char *s, const char *end, char ret[WATTLE_MODEL_NAME_MAX])
{
	char name[WATTLE_MODEL_NAME_MAX] = "";

	if ((size_t) (end - s) >= sizeof(name))
		return -EINVAL;
	memcpy(name, s, (size_t) (end - s));
	name[end - s] = '\0';
	if (!wattle_model_name_valid(name))
		return -EINVAL;
	memcpy(ret, name, sizeof(name));
	return 0;
}

static int read_carbon(const char *s, const char *end, enum wattle_carbon_word *ret)
{
	if (end - s == 5 && memcmp(s, "start", 5) == 0)
		*ret = WATTLE_CARBON_START;
	else if (end - s == 5 && memcmp(s, "scale", 5) == 0)
		*ret = WATTLE_CARBON_SCALE;
	else
		return -EINVAL;
	return 0;
}

enum key { KEY_WATTS, KEY_NODES, KEY_DEFAULT, KEY_TASKS, KEY_CPT, KEY_TPN, KEY_CPN, KEY_SLOWDOWN, KEY_PROFILE, KEY_CARBON, KEY_START, KEY_SAVING, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {
	"watts", "nodes", "default", "tasks", "cpt", "tpn", "cpn", "slowdown", "profile", "carbon", "start", "saving",
};

static int read_word(const char *word, const char *end, unsigned *seen, struct wattle_grant *grant)
{
	const char *equals = memchr(word, '=', (size_t) (end - word));
	uint32_t flag, seconds;
	int key;

	if (!equals)
		return 0; /* not key=value: nothing we know, nothing we need */
	for (key = 0; key < KEY_COUNT; key++)
		if (strlen(key_names[key]) == (size_t) (equals - word) &&
		    memcmp(key_names[key], word, (size_t) (equals - word)) == 0)
			break;
	if (key == KEY_COUNT)
		return 0;
	if (*seen & (1u << key))
		return -EINVAL;
	*seen |= 1u << key;
	switch (key) {
	case KEY_WATTS:
		return read_count(equals + 1, end, &grant->watts_w);
	case KEY_NODES:
		return read_range(equals + 1, end, &grant->nodes_min, &grant->nodes_max);
	case KEY_TASKS:
		return read_count(equals + 1, end, &grant->tasks);
	case KEY_CPT:
		return read_count(equals + 1, end, &grant->cpus_per_task);
	case KEY_TPN:
		return read_count(equals + 1, end, &grant->tasks_per_node);
	case KEY_CPN:
		return read_count(equals + 1, end, &grant->cpus_per_node);
	case KEY_SLOWDOWN:
		return read_slowdown(equals + 1, end, &grant->slowdown_pct);
	case KEY_PROFILE:
		return read_profile(equals + 1, end, grant->profile);
	case KEY_CARBON:
		return read_carbon(equals + 1, end, &grant->carbon);
	case KEY_START:
		if (read_count(equals + 1, end, &seconds) < 0 || seconds == 0)
			return -EINVAL;
		grant->start_s = seconds;
		return 0;
	case KEY_SAVING:
		return read_count(equals + 1, end, &grant->saving_pct) < 0 || grant->saving_pct > 100 ? -EINVAL : 0;
	default:
		if (read_count(equals + 1, end, &flag) < 0 || flag > 1)
			return -EINVAL;
		grant->defaulted = flag == 1;
		return 0;
	}
}

int wattle_grant_parse(const char *text, struct wattle_grant *ret, struct wattle_err *err)
{
	struct wattle_grant grant = { 0 };
	unsigned seen = 0;
	const char *s;

	if (!text || strnlen(text, WATTLE_GRANT_MAX) == WATTLE_GRANT_MAX)
		return wattle_err_set(err, EINVAL, "grant: missing or longer than %d bytes", WATTLE_GRANT_MAX - 1);
	if (strncmp(text, "v1", 2) != 0 || (text[2] && text[2] != ' '))
		return wattle_err_set(err, EINVAL, "grant: version 1 is known, this one starts \"%.8s\": "
				      "are all nodes on one release?", text);
	for (s = text + 2; *s;) {
		const char *end;

		if (*s == ' ') {
			s++;
			continue;
		}
		end = s + strcspn(s, " ");
		if (read_word(s, end, &seen, &grant) < 0)
			return wattle_err_set(err, EINVAL, "grant: malformed or repeated \"%.*s\"",
					      (int) (end - s < 40 ? end - s : 40), s);
		s = end;
	}
	if (!(seen & (1u << KEY_WATTS)) || grant.watts_w == 0)
		return wattle_err_set(err, EINVAL, "grant: no watts in it");
	if (!(seen & (1u << KEY_SLOWDOWN)) != !(seen & (1u << KEY_PROFILE)))
		return wattle_err_set(err, EINVAL, "grant: slowdown and profile belong together");
	if (!(seen & (1u << KEY_CARBON)) != !(seen & (1u << KEY_START)))
		return wattle_err_set(err, EINVAL, "grant: carbon and start belong together");
	*ret = grant;
	return 0;
}
