/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROFILE_STORE_H
#define WATTLE_PROFILE_STORE_H

/* The site's profiles: NAME.json, root's, in a folder beside wattle.conf. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "model.h"

#define WATTLE_PROFILE_NAMES_MAX 512

struct wattle_profile_names {
	uint32_t n;
	bool more;  /* there are more than fit */
	char name[WATTLE_PROFILE_NAMES_MAX][WATTLE_MODEL_NAME_MAX]; /* sorted */
};

/* "profiles" beside the configuration. -ENAMETOOLONG. */
int wattle_profile_store(const char *conf_path, char *ret_dir, size_t size, struct wattle_err *err);

/* The names in a store, unread. A folder that is not there has none. -EACCES, -ENOTDIR, …: *ret is then empty. */
int wattle_profile_names_read(const char *dir, struct wattle_profile_names *ret, struct wattle_err *err);

/* "a, b, c" and, if they are more than fit, "and 12 more"; "none" if there are none. Returns buf. */
const char *wattle_profile_names_text(const struct wattle_profile_names *names, char *buf, size_t size);

#endif
