/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

/* procfs hands over a whole small file in one read. Returns the length, or -errno. */
static ssize_t read_small(const char *path, char *text, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, text, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return n;
}

int wattle_proc_get(pid_t pid, struct wattle_proc *ret)
{
	char path[32], text[1024], state;
	uint64_t start_ticks;
	const char *after_name;
	ssize_t n;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long) pid);
	n = read_small(path, text, sizeof(text));
	if (n == -ENOENT)
		return -ESRCH;
	if (n < 0)
		return (int) n;
	/* The name in parentheses is the process's own choice and may hold anything, a ')' too: the last one ends it. */
	after_name = strrchr(text, ')');
	if (!after_name ||
	    sscanf(after_name + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		   &state, &start_ticks) != 2)
		return -EIO;
	if (state == 'Z' || state == 'X' || state == 'x')
		return -ESRCH;
	ret->pid = pid;
	ret->start_ticks = start_ticks;
	return 0;
}

bool wattle_proc_alive(const struct wattle_proc *proc)
{
	struct wattle_proc now;
	int rc = wattle_proc_get(proc->pid, &now);

	if (rc == -ESRCH)
		return false;
	/* A process that can't be looked at (no memory, no descriptors) is not known to be dead. */
	if (rc < 0)
		return true;
	return now.start_ticks == proc->start_ticks;
}

int wattle_boot_id(char ret[37])
{
	char text[64];
	ssize_t n = read_small("/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (n < 0)
		return (int) n;
	if (n < 36 || strspn(text, "0123456789abcdef-") != 36)
		return -EIO;
	memcpy(ret, text, 36);
	ret[36] = '\0';
	return 0;
}

uint64_t wattle_boottime_ns(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}
