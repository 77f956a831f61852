/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "lease_private.h"
#include "thread.h"

struct waiter {
	int fd, error;
};

/* Stands in line: the kernel wakes who waits in the order they came, which no polling does. */
static void *stand_in_line(void *arg)
{
	struct waiter *waiter = arg;

	/* It is in the system call or has nothing to undo: the lock goes with the descriptor. */
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	while (flock(waiter->fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			waiter->error = errno;
			break;
		}
	return NULL;
}

/* Who has the lock and how many want it, as /proc/locks tells; 0 what it does not tell. */
static void look_at_line(int fd, int *ret_holder, unsigned *ret_waiting)
{
	cleanup_fclose FILE *locks = fopen("/proc/locks", "re");
	char line[256], name[64];
	struct stat st;

	*ret_holder = 0;
	*ret_waiting = 0;
	if (!locks || fstat(fd, &st) < 0)
		return;
	snprintf(name, sizeof(name), " %02x:%02x:%" PRIu64 " ", major(st.st_dev), minor(st.st_dev), (uint64_t) st.st_ino);
	while (fgets(line, sizeof(line), locks)) {
		const char *flock_line = strstr(line, "FLOCK");
		int pid = 0;

		if (!flock_line || !strstr(line, name))
			continue;
		if (strstr(line, "->"))
			++*ret_waiting;
		else if (sscanf(flock_line, "FLOCK %*s %*s %d", &pid) == 1 && pid > 0)
			*ret_holder = pid;
	}
}

static int busy(int fd, uint32_t wait_ms, const char *path, struct wattle_err *err)
{
	char by[64] = "";
	unsigned waiting;
	int holder;

	look_at_line(fd, &holder, &waiting);
	if (holder)
		snprintf(by, sizeof(by), " by process %d", holder);
	return wattle_err_set(err, ETIMEDOUT, "%s is busy: held%s, %u wait in line, not had within %u ms; try again, and should it last "
			      "see what that process does (fuser -v %s)", path, by, waiting, (unsigned) wait_ms, path);
}

int lease_lock(int fd, uint32_t wait_ms, const char *path, struct wattle_err *err)
{
	struct waiter waiter = { .fd = fd };
	pthread_t thread;
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK && errno != EINTR)
		return wattle_err_set(err, errno, "can't lock %s: %s", path, strerror(errno));
	rc = wattle_thread_start(&thread, stand_in_line, &waiter);
	if (rc < 0)
		return wattle_err_set(err, -rc, "can't wait for %s: no thread: %s", path, strerror(-rc));
	if (!wattle_thread_wait(thread, wait_ms)) {
		/* Told while the line still has us in it; the lock, if it came just now, goes back with the descriptor. */
		rc = busy(fd, wait_ms, path, err);
		pthread_cancel(thread);
		pthread_join(thread, NULL);
		flock(fd, LOCK_UN);
		return rc;
	}
	if (waiter.error)
		return wattle_err_set(err, waiter.error, "can't lock %s: %s", path, strerror(waiter.error));
	return 0;
}
