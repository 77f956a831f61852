/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

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

static int set_slowdown(struct wattle_request *request, const char *value, struct wattle_err *err)
{
	return wattle_slowdown_parse(value, &request->slowdown_pct, err);
}

bool wattle_profile_is_path(const char *said)
{
	static const char suffix[] = ".json";
	size_t len = strlen(said), n = sizeof(suffix) - 1;

	return strchr(said, '/') || (len > n && strcmp(said + len - n, suffix) == 0);
}

static int set_profile(struct wattle_request *request, const char *value, struct wattle_err *err)
{
	char quoted[WATTLE_MODEL_NAME_MAX + 16];

	if (wattle_profile_is_path(value)) {
		if (strnlen(value, WATTLE_REQUEST_PATH_MAX) == WATTLE_REQUEST_PATH_MAX)
			return wattle_err_set(err, ENAMETOOLONG, "the path has more than %d bytes", WATTLE_REQUEST_PATH_MAX - 1);
		request->profile_own = true;
		request->profile[0] = '\0';
		return 0;
	}
	if (!wattle_model_name_valid(value))
		return wattle_err_set(err, EINVAL, "\"%s\" is no name of a profile: letters, digits, '.', '_' and '-', at most %d; a file of your "
				      "own is named with its path, ./FILE.json", wattle_err_quote(quoted, sizeof(quoted), value),
				      WATTLE_MODEL_NAME_MAX - 1);
	request->profile_own = false;
	memcpy(request->profile, value, strlen(value) + 1);
	return 0;
}

static int set_carbon(struct wattle_request *request, const char *value, struct wattle_err *err)
{
	static const char *const names[] = {
		[WATTLE_CARBON_OFF] = "off", [WATTLE_CARBON_START] = "start", [WATTLE_CARBON_SCALE] = "scale",
	};
	char quoted[32];

	for (int i = WATTLE_CARBON_OFF; i <= WATTLE_CARBON_SCALE; i++)
		if (strcmp(value, names[i]) == 0) {
			request->carbon = (enum wattle_carbon_word) i;
			return 0;
		}
	return wattle_err_set(err, EINVAL, "\"%s\" is not known: say off, start or scale", wattle_err_quote(quoted, sizeof(quoted), value));
}

static int set_carbon_within(struct wattle_request *request, const char *value, struct wattle_err *err)
{
	return wattle_duration_parse(value, &request->carbon_within_s, err);
}

static int set_carbon_work(struct wattle_request *request, const char *value, struct wattle_err *err)
{
	return wattle_duration_parse(value, &request->carbon_work_s, err);
}

/* To add a word: a line here, a field in the header. */
static const struct {
	const char *word;
	int (*set)(struct wattle_request *request, const char *value, struct wattle_err *err);
} words[] = {
	{ "power", set_power },
	{ "power-cap", set_power },
	{ "slowdown", set_slowdown },
	{ "power-profile", set_profile },
	{ "profile", set_profile },
	{ "carbon", set_carbon },
	{ "carbon-within", set_carbon_within },
	{ "carbon-work", set_carbon_work },
	{ "work", set_carbon_work },
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

bool wattle_request_names_watts(const struct wattle_request *request)
{
	return request->power.kind != WATTLE_WATTS_NONE || request->slowdown_pct > 0;
}

bool wattle_request_empty(const struct wattle_request *request)
{
	return !wattle_request_names_watts(request) && !request->profile[0] && !request->profile_own &&
	       request->carbon == WATTLE_CARBON_UNSAID && request->carbon_within_s == 0 && request->carbon_work_s == 0;
}
