/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <errno.h>
#include <stddef.h>

/* Environments and spank_job_env spell '-' as '_'. */
static bool same_word(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != *b)
			return false;
	return *a == *b;
}

static int set_power(struct wattle_request *request, const char *value, struct wattle_err *err)
{
	return wattle_watts_parse(value, &request->power, err);
}

/* To add a word: a line here, a field in the header. */
static const struct {
	const char *word;
	int (*set)(struct wattle_request *request, const char *value, struct wattle_err *err);
} words[] = {
	{ "power", set_power },
	{ "power-cap", set_power },
};

int wattle_request_set(struct wattle_request *request, const char *word, const char *value, struct wattle_err *err)
{
	char quoted[64];
	int rc;

	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!same_word(word, words[i].word))
			continue;
		rc = words[i].set(request, value ? value : "", err);
		if (rc < 0)
			wattle_err_wrap(err, "%s", words[i].word);
		return rc;
	}
	return wattle_err_set(err, ENOENT, "\"%s\" is no word of wattle's", wattle_err_quote(quoted, sizeof(quoted), word));
}

bool wattle_request_empty(const struct wattle_request *request)
{
	return request->power.kind == WATTLE_WATTS_NONE;
}
