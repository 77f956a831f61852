/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "faultpoint.h"
#include "file.h"
#include "lease_private.h"

#define BOOK "book"
#define BOOK_PREV "book.prev"
#define BAD_MAX 16 /* kept for people to look at */
#define LOCK_WAIT_MS 10000u

/* Somebody else's folder is refused. Root's own in a wrong mode is mended by whoever is about to change the book: what is in it is
 * checked as ever, and refusing would fail every job and leave caps on. A reader mends nothing. */
static int check_folder(const struct lease *lease, int fd, bool mend, struct wattle_err *err)
{
	const char *path = lease->node->run_dir;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return wattle_err_set(err, errno, "can't stat %s: %s", path, strerror(errno));
	if (st.st_uid == 0 && (st.st_mode & 077) == 0)
		return 0;
	if (st.st_uid == 0 && mend && fchmod(fd, 0700) == 0) {
		lease_event(lease->outcome, WATTLE_EVENT_FOLDER_MENDED, 0, 0, "node %s: %s had mode %04o: set to 0700, it must be root's alone",
			    lease->node->host, path, (unsigned) (st.st_mode & 07777));
		return 0;
	}
	return wattle_err_set(err, EPERM, "%s belongs to uid %u with mode %04o: it must be root's with mode 0700 "
			      "(look into it, then remove it: it is made anew)",
			      path, (unsigned) st.st_uid, (unsigned) (st.st_mode & 07777));
}

int lease_store_open(struct lease *lease, bool make, bool lock, struct wattle_err *err)
{
	const char *path = lease->node->run_dir;
	cleanup_close int fd = -1;
	int rc;

	if (make && mkdir(path, 0700) < 0 && errno != EEXIST && errno != EROFS)
		return wattle_err_set(err, errno, "can't make %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return wattle_err_set(err, ENOTDIR, "%s is no folder (a symbolic link?): remove it, it is made anew", path);
	if (fd < 0)
		return wattle_err_set(err, errno, "can't open %s: %s", path, strerror(errno));
	rc = check_folder(lease, fd, lock, err);
	/* The folder is the lock: a file could be replaced, or have no room to be made. */
	if (rc == 0 && lock)
		rc = lease_lock(fd, lease->node->lock_wait_ms ? lease->node->lock_wait_ms : LOCK_WAIT_MS, path, err);
	if (rc < 0)
		return rc;
	lease->dirfd = fd;
	fd = -1;
	return 0;
}

void lease_store_close(struct lease *lease)
{
	free(lease->book);
	free(lease->on_disk);
	lease->book = NULL;
	lease->on_disk = NULL;
	if (lease->dirfd < 0)
		return;
	/* Said and not left to close: a child that another thread just forked has the descriptor too. */
	flock(lease->dirfd, LOCK_UN);
	close(lease->dirfd);
	lease->dirfd = -1;
}

/* True for what says something of us now, and nothing of the file. */
static bool our_trouble(int rc)
{
	return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -EACCES || rc == -EINTR;
}

/* ret_text, unless NULL: the file as it is, malloc'd. */
static int read_generation(const struct lease *lease, const char *name, const char *boot_id, struct wattle_book **ret, char **ret_text,
			   struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = LEASE_BOOK_BYTES_MAX };
	cleanup_free struct wattle_book *book = NULL;
	cleanup_free char *text = NULL;
	char path[4096];
	size_t len = 0;
	int n = snprintf(path, sizeof(path), "%s/%s", lease->node->run_dir, name), rc;

	if (n < 0 || (size_t) n >= sizeof(path))
		return wattle_err_set(err, ENAMETOOLONG, "the lease book's folder has too long a name");
	rc = wattle_file_read(path, &rule, &text, &len, NULL, err);
	if (rc < 0)
		return rc;
	rc = lease_book_parse(text, len, lease->more_pods, &book, err);
	if (rc < 0)
		return wattle_err_wrap(err, "%s", path);
	/* Another boot's book says nothing of the hardware as it is now. */
	if (strcmp(book->boot_id, boot_id) != 0) {
		book->n_jobs = book->n_steps = book->n_pods = book->n_limits = 0;
		snprintf(book->boot_id, sizeof(book->boot_id), "%s", boot_id);
	}
	*ret = book;
	book = NULL;
	if (ret_text) {
		*ret_text = text;
		text = NULL;
	}
	return 0;
}

/* Out of the way, but kept: somebody will want to know. */
static int set_aside(const struct lease *lease, const char *name, const char *why, struct wattle_err *err)
{
	char aside[32];
	struct stat st;
	int i;

	for (i = 1; i < BAD_MAX; i++) {
		snprintf(aside, sizeof(aside), "book.bad.%d", i);
		if (fstatat(lease->dirfd, aside, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			break;
	}
	snprintf(aside, sizeof(aside), "book.bad.%d", i);
	if (renameat(lease->dirfd, name, lease->dirfd, aside) < 0)
		return wattle_err_set(err, errno, "%s; it can't be moved to %s: %s", why, aside, strerror(errno));
	lease_event(lease->outcome, WATTLE_EVENT_BOOK_BAD, 0, 0, "node %s: %s: set aside as %s/%s", lease->node->host, why,
		    lease->node->run_dir, aside);
	wattle_fault_point("store.set_aside");
	return 0;
}

static int boot_id_now(char ret[37], struct wattle_err *err)
{
	int rc = wattle_boot_id(ret);

	if (rc < 0)
		return wattle_err_set(err, -rc, "can't read the boot id (/proc/sys/kernel/random/boot_id): %s", strerror(-rc));
	return 0;
}

/* 0 with lease->book, -ENOENT if there is none to be believed, else what kept us from looking. */
static int load_generation(struct lease *lease, const char *name, const char *boot_id, char **ret_text, struct wattle_err *err)
{
	struct wattle_err why = WATTLE_ERR_INIT;
	int rc = read_generation(lease, name, boot_id, &lease->book, ret_text, &why);

	if (rc == 0 || rc == -ENOENT)
		return rc;
	if (our_trouble(rc)) {
		if (err)
			*err = why;
		return rc;
	}
	rc = set_aside(lease, name, why.text, err);
	return rc < 0 ? rc : -ENOENT;
}

int lease_store_load(struct lease *lease, struct wattle_err *err)
{
	char boot_id[37];
	int rc = boot_id_now(boot_id, err);

	if (rc < 0)
		return rc;
	rc = load_generation(lease, BOOK, boot_id, &lease->on_disk, err);
	if (rc != -ENOENT)
		return rc;
	rc = load_generation(lease, BOOK_PREV, boot_id, NULL, err);
	if (rc == 0) {
		lease->recovered = true;
		lease->dirty = true;
		lease_event(lease->outcome, WATTLE_EVENT_BOOK_BAD, 0, 0, "node %s: the lease book is lost, went on from its previous generation",
			    lease->node->host);
		return 0;
	}
	if (rc != -ENOENT)
		return rc;
	lease->book = lease_book_new(boot_id, 1, 1, lease->more_pods);
	if (!lease->book)
		return wattle_err_set(err, ENOMEM, "out of memory for the lease book");
	return 0;
}

int lease_store_peek(struct lease *lease, struct wattle_book **ret, struct wattle_err *err)
{
	char boot_id[37];
	int rc = boot_id_now(boot_id, err);

	if (rc < 0)
		return rc;
	rc = read_generation(lease, BOOK, boot_id, ret, NULL, err);
	if (rc != -ENOENT)
		return rc;
	*ret = lease_book_new(boot_id, 0, 0, 0);
	return *ret ? 0 : wattle_err_set(err, ENOMEM, "out of memory for the lease book");
}

/* The generation on disk is copied before the new one takes its place: a copy, as what tears a file tears each of its names. */
int lease_store_save(struct lease *lease, struct wattle_err *err)
{
	cleanup_free char *text = NULL;
	size_t len;
	int rc = lease_book_format(lease->book, &text, &len);

	if (rc < 0)
		return wattle_err_set(err, -rc, "out of memory for the lease book");
	/* A larger one would not be read again. */
	if (len > LEASE_BOOK_BYTES_MAX)
		return wattle_err_set(err, EFBIG, "the lease book would have %zu bytes", len);
	wattle_fault_point("store.begin");
	if (lease->on_disk)
		rc = wattle_file_replace(lease->dirfd, BOOK_PREV, 0600, lease->on_disk, strlen(lease->on_disk), err);
	wattle_fault_point("store.prev_kept");
	if (rc == 0)
		rc = wattle_file_replace(lease->dirfd, BOOK, 0600, text, len, err);
	if (rc < 0)
		return wattle_err_wrap(err, "%s", lease->node->run_dir);
	wattle_fault_point("store.end");
	free(lease->on_disk);
	lease->on_disk = text;
	text = NULL;
	lease->dirty = false;
	return 0;
}
