/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "ended.h"
#include "proc.h"

#define SLOTS 1024
#define FILE_NAME "ended"

struct slot {
	uint64_t at_ns; /* of wattle_boottime_ns: the file does not outlive a boot */
	uint32_t job_id, grant_w;
	uint64_t sum;
};

static uint64_t sum_of(const struct slot *slot)
{
	return ~(slot->at_ns ^ ((uint64_t) slot->job_id << 32 | slot->grant_w));
}

/* The folder may have been open to others for a while (a wrong mode, mended since): what they left in it gives no watts to anybody. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 && (st.st_mode & 077) == 0;
}

/* -1 with errno; EPERM: it is not ours. */
static int open_file(const char *run_dir, int flags)
{
	cleanup_close int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd = dir < 0 ? -1 : openat(dir, FILE_NAME, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0 || is_ours(fd))
		return fd;
	close(fd);
	if ((flags & O_CREAT) && unlinkat(dir, FILE_NAME, 0) == 0)
		return openat(dir, FILE_NAME, flags | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	errno = EPERM;
	return -1;
}

static off_t place_of(uint32_t job_id)
{
	return (off_t) (job_id % SLOTS) * (off_t) sizeof(struct slot);
}

int wattle_ended_write(const char *run_dir, uint32_t job_id, uint32_t grant_w, struct wattle_err *err)
{
	cleanup_close int fd = open_file(run_dir, O_WRONLY | O_CREAT);
	struct slot slot = { .at_ns = wattle_boottime_ns(), .job_id = job_id, .grant_w = grant_w };

	slot.sum = sum_of(&slot);
	if (fd < 0 || pwrite(fd, &slot, sizeof(slot), place_of(job_id)) != (ssize_t) sizeof(slot))
		return wattle_err_set(err, errno ? errno : EIO, "%s/%s: %s", run_dir, FILE_NAME, strerror(errno));
	return 0;
}

uint32_t wattle_ended_find(const char *run_dir, uint32_t job_id)
{
	cleanup_close int fd = open_file(run_dir, O_RDONLY);
	struct slot slot;

	if (fd < 0 || pread(fd, &slot, sizeof(slot), place_of(job_id)) != (ssize_t) sizeof(slot))
		return 0;
	bool fresh = wattle_boottime_ns() - slot.at_ns <= WATTLE_ENDED_MAX_S * UINT64_C(1000000000);
	return slot.sum == sum_of(&slot) && slot.job_id == job_id && fresh ? slot.grant_w : 0;
}
