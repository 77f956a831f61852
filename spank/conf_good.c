/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "conf_good.h"
#include "file.h"

#define FILE_NAME "conf.good"

static const struct wattle_file_rule rule = { .max_bytes = WATTLE_CONF_BYTES_MAX };

static int read_and_parse(const char *path, char **ret_text, struct wattle_siteconf **ret, struct wattle_err *err)
{
	int rc = wattle_file_read(path, &rule, ret_text, NULL, NULL, err);

	return rc < 0 ? rc : wattle_siteconf_new(path, *ret_text, ret, err);
}

/* Only when it changed, and only if nobody holds the folder: all writers have the same temporary file. Who is busy there comes by
 * again, and a hook must not wait for this. */
static void keep(const char *run_dir, const char *good_path, const char *text)
{
	cleanup_free char *kept = NULL;
	cleanup_close int dir = -1;
	struct stat st;

	if (wattle_file_read(good_path, &rule, &kept, NULL, NULL, NULL) == 0 && strcmp(kept, text) == 0)
		return;
	(void) mkdir(run_dir, 0700);
	dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
		return;
	(void) wattle_file_replace(dir, FILE_NAME, 0600, text, strlen(text), NULL);
	flock(dir, LOCK_UN);
}

int wattle_conf_good_read(const char *path, const char *run_dir, struct wattle_siteconf **ret, struct wattle_err *why,
			  struct wattle_err *err)
{
	cleanup_free char *text = NULL, *good_text = NULL;
	char good_path[512];
	int n = snprintf(good_path, sizeof(good_path), "%s/" FILE_NAME, run_dir), rc;

	why->code = 0;
	if (n < 0 || (size_t) n >= sizeof(good_path))
		return wattle_err_set(err, ENAMETOOLONG, "%s: name too long", run_dir);
	rc = read_and_parse(path, &text, ret, err);
	if (rc == 0)
		keep(run_dir, good_path, text);
	else if (read_and_parse(good_path, &good_text, ret, NULL) == 0)
		*why = *err;
	else
		return rc;
	return 0;
}
