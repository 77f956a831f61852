/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "carbon_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"

/* The last two of the usual folder's path; what is above is the system's. */
static void make_usual(void)
{
	static const char usual[] = WATTLE_FORECAST_CACHE_DIR;
	char above[sizeof(usual)];

	memcpy(above, usual, sizeof(usual));
	*strrchr(above, '/') = '\0';
	/* an error shows when the folder is opened */
	if (mkdir(above, 0755) == 0 || errno == EEXIST)
		mkdir(usual, 0755);
}

int carbon_store_open(const char *path, struct carbon_store *ret, struct wattle_err *err)
{
	struct carbon_store store = { path, -1, -1 };
	struct stat st;

	if (strcmp(path, WATTLE_FORECAST_CACHE_DIR) == 0)
		make_usual();
	store.dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (store.dir < 0)
		return wattle_err_set(err, errno, "can't open folder %s: %s", path, strerror(errno));
	if (fstat(store.dir, &st) < 0) {
		int code = errno;

		carbon_store_close(&store);
		return wattle_err_set(err, code, "can't stat %s: %s", path, strerror(code));
	}
	if (st.st_uid != geteuid() || (st.st_mode & 022)) {
		carbon_store_close(&store);
		return wattle_err_set(err, EPERM, "%s belongs to uid %u, mode %04o, and uid %u asks: only its owner, who alone may write there, can "
				      "fetch into it (--cache=DIR for another)", path, (unsigned) st.st_uid, (unsigned) (st.st_mode & 07777),
				      (unsigned) geteuid());
	}
	/* a file of its own: whoever may read the folder could lock that */
	store.lock = openat(store.dir, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store.lock < 0 || flock(store.lock, LOCK_EX) < 0) {
		int code = errno;

		carbon_store_close(&store);
		return wattle_err_set(err, code, "can't lock %s/.lock: %s", path, strerror(code));
	}
	*ret = store;
	return 0;
}

void carbon_store_close(struct carbon_store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	if (store->dir >= 0)
		close(store->dir);
	store->lock = store->dir = -1;
}

int carbon_store_read(const struct carbon_store *store, const char *zone, const char *kind, struct wattle_forecast *ret,
		      int64_t *ret_written_s, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { WATTLE_FORECAST_CACHE_BYTES_MAX, true };
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	cleanup_free char *text = NULL;
	char path[PATH_MAX];
	struct stat st;
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "%s/%s%s.json", store->path, zone, kind);
	rc = wattle_file_read(path, &rule, &text, &len, &st, err);
	if (rc < 0)
		return rc;
	if (ret_written_s)
		*ret_written_s = st.st_mtim.tv_sec;
	return wattle_forecast_parse(path, text, len, &wish, ret, err);
}

int carbon_store_write(const struct carbon_store *store, const char *zone, const char *kind, const struct wattle_forecast *f,
		       struct wattle_err *err)
{
	cleanup_free char *text = malloc(WATTLE_FORECAST_CACHE_BYTES_MAX);
	char name[NAME_MAX];
	int64_t len;
	int rc;

	if (!text)
		return wattle_err_set(err, ENOMEM, "out of memory");
	snprintf(name, sizeof(name), "%s%s.json", zone, kind);
	len = wattle_forecast_format_cache(f, text, WATTLE_FORECAST_CACHE_BYTES_MAX, err);
	if (len < 0)
		return (int) len;
	if (len >= (int64_t) WATTLE_FORECAST_CACHE_BYTES_MAX)
		return wattle_err_set(err, EFBIG, "%s/%s would have %lld bytes: at most %u are taken", store->path, name, (long long) len,
				      WATTLE_FORECAST_CACHE_BYTES_MAX);
	rc = wattle_file_replace(store->dir, name, 0644, text, (size_t) len, err);
	return rc < 0 ? wattle_err_wrap(err, "%s", store->path) : 0;
}
