/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "faultpoint.h"

static int open_trusted(const char *path, const struct wattle_file_rule *rule, struct stat *ret_stat,
			struct wattle_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int found;

	if (fd < 0 && errno == ELOOP)
		return wattle_err_set(err, EINVAL, "%s is a symbolic link: put a regular file there", path);
	if (fd < 0)
		return wattle_err_set(err, errno, "can't open %s: %s", path, strerror(errno));
	if (fstat(fd, ret_stat) < 0)
		return wattle_err_set(err, EIO, "can't stat %s: %s", path, strerror(errno));
	if (!S_ISREG(ret_stat->st_mode))
		return wattle_err_set(err, EINVAL, "%s is no regular file", path);
	if (!rule->any_owner && ret_stat->st_uid != 0)
		return wattle_err_set(err, EPERM, "%s belongs to uid %u: it must be root's (chown root %s)", path,
				      (unsigned) ret_stat->st_uid, path);
	if (!rule->any_owner && (ret_stat->st_mode & 022))
		return wattle_err_set(err, EPERM, "%s is writable by others than root, mode %04o: chmod go-w %s", path,
				      (unsigned) (ret_stat->st_mode & 07777), path);
	if (ret_stat->st_size < 0 || (uint64_t) ret_stat->st_size > rule->max_bytes)
		return wattle_err_set(err, EFBIG, "%s has %lld bytes: at most %zu are taken", path,
				      (long long) ret_stat->st_size, rule->max_bytes);
	found = fd;
	fd = -1;
	return found;
}

int wattle_file_read(const char *path, const struct wattle_file_rule *rule, char **ret_text, size_t *ret_len,
		     struct stat *ret_stat, struct wattle_err *err)
{
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	struct stat st;
	size_t len = 0, room;

	fd = open_trusted(path, rule, &st, err);
	if (fd < 0)
		return fd;
	/* st_size is a hint: the file may grow while we read, and some file systems say 0 */
	room = (size_t) st.st_size;
	for (;;) {
		ssize_t got;
		char *more;

		if (!text || len > room) {
			if (text)
				room = room < rule->max_bytes / 2 ? 2 * room + 4096 : rule->max_bytes;
			if (room > rule->max_bytes)
				room = rule->max_bytes;
			if (len > room)
				return wattle_err_set(err, EFBIG, "%s has more than %zu bytes", path, rule->max_bytes);
			more = realloc(text, room + 2); /* one byte to notice growth, one for the NUL */
			if (!more)
				return wattle_err_set(err, ENOMEM, "out of memory for %s", path);
			text = more;
		}
		got = read(fd, text + len, room + 1 - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wattle_err_set(err, EIO, "can't read %s: %s", path, strerror(errno));
		if (got == 0)
			break;
		len += (size_t) got;
	}
	if (memchr(text, '\0', len))
		return wattle_err_set(err, EINVAL, "%s holds NUL bytes: it is no text, or was cut off while written", path);
	text[len] = '\0';

	*ret_text = text;
	text = NULL;
	if (ret_len)
		*ret_len = len;
	if (ret_stat)
		*ret_stat = st;
	return 0;
}

static int write_whole(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, text, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		text += put;
		len -= (size_t) put;
	}
	return 0;
}

static int fill_temporary(int dirfd, const char *temporary, mode_t mode, const char *text, size_t len)
{
	cleanup_close int fd = -1;
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int rc;

	fd = openat(dirfd, temporary, flags, 0600);
	if (fd < 0 && errno == EEXIST && unlinkat(dirfd, temporary, 0) == 0)
		fd = openat(dirfd, temporary, flags, 0600);
	if (fd < 0)
		return -errno;
	rc = write_whole(fd, text, len);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	return rc;
}

int wattle_file_replace(int dirfd, const char *name, mode_t mode, const char *text, size_t len, struct wattle_err *err)
{
	char temporary[256];
	int n, rc;

	n = snprintf(temporary, sizeof(temporary), ".%s.new", name);
	if (n < 0 || (size_t) n >= sizeof(temporary) || strchr(name, '/'))
		return wattle_err_set(err, EINVAL, "not a file name to be written: %s", name);
	rc = fill_temporary(dirfd, temporary, mode, text, len);
	wattle_fault_point("file.synced");
	if (rc == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dirfd, temporary, 0);
		return wattle_err_set(err, -rc, "can't write %s: %s; the old one is kept", name, strerror(-rc));
	}
	wattle_fault_point("file.renamed");
	if (fsync(dirfd) < 0)
		return wattle_err_set(err, errno, "%s is written, but its folder can't be synced: %s", name, strerror(errno));
	return 0;
}
