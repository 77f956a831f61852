/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_STAMP_H
#define WATTLE_STAMP_H

/* What tells one state of a file from the next, for caches that look at a file before each use. */

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct wattle_stamp {
	bool there;
	dev_t dev;
	ino_t ino;
	off_t size;
	uid_t uid;
	mode_t mode;
	struct timespec changed, modified;
};

/* One lstat. 0, or -errno; *ret is then that of no file. Take it before reading: a file that changes meanwhile is read again. */
int wattle_stamp_read(const char *path, struct wattle_stamp *ret);
bool wattle_stamp_same(const struct wattle_stamp *a, const struct wattle_stamp *b);
/* A stamp that no file has: the next look finds a change. */
void wattle_stamp_void(struct wattle_stamp *ret);

#endif
