/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FILE_H
#define WATTLE_FILE_H

/* Files that root believes, and files that root writes. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "err.h"

struct wattle_file_rule {
	size_t max_bytes;   /* larger: -EFBIG */
	bool any_owner;     /* false: owner must be root and group/others must not be able to write, else -EPERM */
};

/* Reads a whole file. Taken only if it is regular (not a link, fifo or device: opened
 * O_NOFOLLOW|O_NONBLOCK and checked by fstat on the descriptor), within the rule, and without NUL bytes
 * (-EINVAL). On success *ret_text is malloc'd, NUL-terminated, the caller frees; ret_len and ret_stat may be NULL.
 * On error outputs are untouched and err names the file. Errors: -ENOENT, -EACCES, -EPERM, -EFBIG, -EINVAL,
 * -ENOMEM, -EIO. Thread-safe. Never blocks on a fifo; a dead network file system can still block: keep such files local. */
int wattle_file_read(const char *path, const struct wattle_file_rule *rule, char **ret_text, size_t *ret_len,
		     struct stat *ret_stat, struct wattle_err *err);

/* Replaces dirfd/name by len bytes: temporary file in the same folder, fsync, rename, fsync of the folder.
 * On error the old file is whole. The temporary is removed on error; a stale one is replaced. */
int wattle_file_replace(int dirfd, const char *name, mode_t mode, const char *text, size_t len, struct wattle_err *err);

#endif
