/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "profile_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".json"
#define MORE_ROOM 16 /* for ", and 512 more" */

int wattle_profile_store(const char *conf_path, char *ret_dir, size_t size, struct wattle_err *err)
{
	const char *slash = strrchr(conf_path, '/');
	int n = slash ? snprintf(ret_dir, size, "%.*s/profiles", (int) (slash - conf_path), conf_path) :
			snprintf(ret_dir, size, "profiles");

	if (n < 0 || (size_t) n >= size)
		return wattle_err_set(err, ENAMETOOLONG, "the path of the site's configuration is too long");
	return 0;
}

/* NAME of NAME.json, if it is one of ours. */
static bool take_name(const char *file, char ret[WATTLE_MODEL_NAME_MAX])
{
	size_t len = strlen(file), stem;

	if (len <= sizeof(SUFFIX) - 1 || strcmp(file + len - (sizeof(SUFFIX) - 1), SUFFIX) != 0)
		return false;
	stem = len - (sizeof(SUFFIX) - 1);
	if (stem >= WATTLE_MODEL_NAME_MAX)
		return false;
	memcpy(ret, file, stem);
	ret[stem] = '\0';
	return wattle_model_name_valid(ret);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int wattle_profile_names_read(const char *dir, struct wattle_profile_names *ret, struct wattle_err *err)
{
	const struct dirent *entry;
	DIR *d = opendir(dir);

	ret->n = 0;
	ret->more = false;
	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return wattle_err_set(err, errno, "can't read the profiles in %s: %s", dir, strerror(errno));
	while ((entry = readdir(d))) {
		char name[WATTLE_MODEL_NAME_MAX];

		if (!take_name(entry->d_name, name))
			continue;
		if (ret->n == WATTLE_PROFILE_NAMES_MAX) {
			ret->more = true;
			break;
		}
		memcpy(ret->name[ret->n++], name, sizeof(name));
	}
	closedir(d);
	qsort(ret->name, ret->n, sizeof(ret->name[0]), by_name);
	return 0;
}

const char *wattle_profile_names_text(const struct wattle_profile_names *names, char *buf, size_t size)
{
	size_t len = 0;

	snprintf(buf, size, "none");
	for (uint32_t i = 0; i < names->n; i++) {
		if (len + strlen(names->name[i]) + 2 + MORE_ROOM >= size) {
			snprintf(buf + len, size - len, " and %u more", names->n - i);
			break;
		}
		len += (size_t) snprintf(buf + len, size - len, "%s%s", i ? ", " : "", names->name[i]);
	}
	return buf;
}
