/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "cleanup.h"
#include "lease_private.h"

#define STACK_BYTES (256 * 1024)

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

/* Signals are the calling program's: none is taken here. */
static int start(pthread_t *ret, struct waiter *waiter)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return rc;
	rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	if (!rc)
		rc = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!rc) {
		rc = pthread_create(ret, &attr, stand_in_line, waiter);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	return rc;
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

static struct timespec from_now(uint32_t wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long) (wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	return until;
}

int lease_lock(int fd, uint32_t wait_ms, const char *path, struct wattle_err *err)
{
	struct waiter waiter = { .fd = fd };
	struct timespec until = from_now(wait_ms);
	pthread_t thread;
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK && errno != EINTR)
		return wattle_err_set(err, errno, "can't lock %s: %s", path, strerror(errno));
	rc = start(&thread, &waiter);
	if (rc)
		return wattle_err_set(err, rc, "can't wait for %s: no thread: %s", path, strerror(rc));
	rc = pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
	if (rc) {
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
