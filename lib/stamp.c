/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stamp.h"

#include <errno.h>
#include <string.h>

int wattle_stamp_read(const char *path, struct wattle_stamp *ret)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (lstat(path, &st) < 0)
		return -errno;
	*ret = (struct wattle_stamp){ true, st.st_dev, st.st_ino, st.st_size, st.st_uid, st.st_mode, st.st_ctim, st.st_mtim };
	return 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool wattle_stamp_same(const struct wattle_stamp *a, const struct wattle_stamp *b)
{
	return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->uid == b->uid &&
	       a->mode == b->mode && same_time(&a->changed, &b->changed) && same_time(&a->modified, &b->modified);
}

void wattle_stamp_void(struct wattle_stamp *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->there = true;
	ret->size = -1;
}
