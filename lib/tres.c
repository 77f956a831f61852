/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tres.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* How a kind of list spells its entries. */
struct grammar {
	const char *what;        /* for messages */
	const char *separators;
	const char *ends_name;   /* what may follow an entry's name */
	bool gres;               /* entries may have a "gres:" or "gres/" before the name, and counts a suffix */
};

/* '(' is how 25.05 and later tie a hierarchical resource to nodes */
static const struct grammar licences = { "licence", ",;", ":=(", false };
static const struct grammar gres = { "gres", ",", ":=(", true };

/* The end of the entry at s. Separators in parentheses belong to the entry. */
static const char *entry_end(const struct grammar *g, const char *s)
{
	unsigned depth = 0;

	for (; *s && (depth > 0 || !strchr(g->separators, *s)); s++) {
		if (*s == '(')
			depth++;
		else if (*s == ')' && depth > 0)
			depth--;
	}
	return s;
}

/* A list that we could not take apart again with the charge in it is not taken. */
static int check_list(const struct grammar *g, const char *list, struct wattle_err *err)
{
	unsigned depth = 0;

	if (!list)
		return 0;
	if (strnlen(list, WATTLE_TRES_MAX) == WATTLE_TRES_MAX)
		return wattle_err_set(err, E2BIG, "%s list of more than %d bytes", g->what, WATTLE_TRES_MAX - 1);
	for (const char *s = list; *s; s++) {
		if (*s == '(')
			depth++;
		else if (*s == ')' && depth > 0)
			depth--;
	}
	return depth > 0 ? wattle_err_set(err, EINVAL, "%s list with a '(' and no ')'", g->what) : 0;
}

/* What follows the name if the entry [s, end) is NAME's, else NULL. */
static const char *entry_is(const struct grammar *g, const char *s, const char *end, const char *name)
{
	size_t len = strlen(name);

	if (g->gres && end - s > 5 && (strncasecmp(s, "gres:", 5) == 0 || strncasecmp(s, "gres/", 5) == 0))
		s += 5;
	if ((size_t) (end - s) < len || (g->gres ? strncasecmp(s, name, len) : strncmp(s, name, len)) != 0)
		return NULL;
	s += len;
	return s == end || strchr(g->ends_name, *s) ? s : NULL;
}

/* Slurm reads counts with strtol into 32 bits: "power:4294967296" would be 0 there, so what is more is malformed here. */
static int read_count(const struct grammar *g, const char *s, const char *end, uint64_t *ret)
{
	uint64_t count = 0, factor = 1;

	if (s == end) {
		*ret = 1;
		return 0;
	}
	if (*s != ':' && *s != '=')
		return -EINVAL;
	s++;
	if (g->gres && end - s > 1) {
		const char *suffix = strchr("kmg", end[-1] | 0x20);

		if (suffix) {
			factor = UINT64_C(1) << (10 * (unsigned) (suffix - "kmg" + 1));
			end--;
		}
	}
	if (s == end)
		return -EINVAL;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		count = 10 * count + (uint64_t) (*s - '0');
		if (count * factor > INT32_MAX)
			return -EINVAL;
	}
	*ret = count * factor;
	return 0;
}

static int find(const struct grammar *g, const char *list, const char *name, uint64_t *ret_count, struct wattle_err *err)
{
	uint64_t total = 0;
	bool found = false;
	int rc = check_list(g, list, err);

	if (rc < 0)
		return rc;
	for (const char *s = list, *end; s && *s; s = *end ? end + 1 : end) {
		const char *rest;
		uint64_t count;

		end = entry_end(g, s);
		rest = entry_is(g, s, end, name);
		if (!rest)
			continue;
		if (!g->gres && strchr(list, '|'))
			return wattle_err_set(err, EINVAL, "licence %s can't be one of several alternatives ('|')", name);
		if (read_count(g, rest, end, &count) < 0) {
			char quoted[64];

			wattle_err_quote(quoted, sizeof(quoted), s);
			return wattle_err_set(err, EINVAL, "%s \"%s\" has no count that can be taken: say %s:WATTS", g->what, quoted, name);
		}
		total += count; /* Slurm adds up repeated names; at most 4096 bytes of them fit 64 bits */
		found = true;
	}
	if (found)
		*ret_count = total;
	return found;
}

static int put(char *out, size_t size, size_t *used, const char *text, size_t len)
{
	if (*used + len >= size)
		return -E2BIG;
	memcpy(out + *used, text, len);
	*used += len;
	out[*used] = '\0';
	return 0;
}

static int merge(const struct grammar *g, const char *list, const char *name, uint64_t count, const char *prefix, char *out,
		 size_t size, struct wattle_err *err)
{
	char ours[192];
	size_t used = 0;
	int rc = 0;

	if (size == 0)
		return wattle_err_set(err, E2BIG, "no room for a %s list", g->what);
	*out = '\0';
	rc = check_list(g, list, err);
	if (rc < 0)
		return rc;
	if (count > 0 && !g->gres && list && strchr(list, '|'))
		return wattle_err_set(err, EINVAL, "licences with alternatives ('|') leave no place for the job's %s:%" PRIu64
				      ": name one licence", name, count);
	for (const char *s = list, *end; rc == 0 && s && *s; s = *end ? end + 1 : end) {
		end = entry_end(g, s);
		if (s == end || entry_is(g, s, end, name))
			continue;
		if (used > 0)
			rc = put(out, size, &used, ",", 1);
		if (rc == 0)
			rc = put(out, size, &used, s, (size_t) (end - s));
	}
	if (rc == 0 && count > 0) {
		int n = snprintf(ours, sizeof(ours), "%s%s%s:%" PRIu64, used > 0 ? "," : "", prefix, name, count);

		rc = n < 0 || (size_t) n >= sizeof(ours) ? -E2BIG : put(out, size, &used, ours, (size_t) n);
	}
	if (rc < 0)
		return wattle_err_set(err, E2BIG, "%s list does not fit %zu bytes", g->what, size);
	return 0;
}

int wattle_licence_find(const char *list, const char *name, uint64_t *ret_count, struct wattle_err *err)
{
	return find(&licences, list, name, ret_count, err);
}

int wattle_gres_find(const char *list, const char *name, uint64_t *ret_count, struct wattle_err *err)
{
	return find(&gres, list, name, ret_count, err);
}

int wattle_licence_merge(const char *list, const char *name, uint64_t count, char *out, size_t size, struct wattle_err *err)
{
	return merge(&licences, list, name, count, "", out, size, err);
}

int wattle_gres_merge(const char *list, const char *name, uint64_t count, const char *gres_prefix, char *out, size_t size,
		      struct wattle_err *err)
{
	return merge(&gres, list, name, count, gres_prefix, out, size, err);
}
