/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

/* 0 and its text, cut at size, or -errno */
static int cgroup_text(pid_t pid, char *ret, size_t size)
{
	char path[64];
	cleanup_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, ret, size - 1);
	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

/* "4:memory:/slurm/uid_1/job_7/step_0" -> the path; NULL: no such line */
static const char *path_of(const char *line)
{
	const char *p = strchr(line, ':');
	size_t end = strcspn(line, "\n");

	p = p ? strchr(p + 1, ':') : NULL;
	return p && p < line + end ? p + 1 : NULL;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

int wattle_job_cgroup_parse(const char *text, uint32_t job_id, char *ret, size_t size)
{
	char part[32];
	size_t n = (size_t) snprintf(part, sizeof(part), "/job_%u", job_id);

	for (const char *line = text; line; line = next_line(line)) {
		const char *path = path_of(line), *end, *hit;

		if (!path)
			continue;
		end = path + strcspn(path, "\n");
		for (hit = strstr(path, part); hit && hit < end; hit = strstr(hit + 1, part)) {
			size_t len = (size_t) (hit - path) + n;

			if ((hit[n] != '/' && hit[n] != '\n' && hit[n] != '\0') || len >= size)
				continue;
			memcpy(ret, path, len);
			ret[len] = '\0';
			return 0;
		}
	}
	return -ENOENT;
}

int wattle_cgroup_below(const char *text, const char *cgroup)
{
	size_t n = strlen(cgroup);

	for (const char *line = text; line; line = next_line(line)) {
		const char *path = path_of(line);

		if (path && strncmp(path, cgroup, n) == 0 && (path[n] == '/' || path[n] == '\n' || path[n] == '\0'))
			return 1;
	}
	return 0;
}

int wattle_job_cgroup(pid_t pid, uint32_t job_id, char *ret, size_t size)
{
	char text[8192];
	int rc = cgroup_text(pid, text, sizeof(text));

	return rc < 0 ? rc : wattle_job_cgroup_parse(text, job_id, ret, size);
}

size_t wattle_leftover_find(const char *cgroup, pid_t *ret_pids)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (proc && (entry = readdir(proc))) {
		char text[8192], *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end || pid <= 0 || cgroup_text((pid_t) pid, text, sizeof(text)) < 0 || !wattle_cgroup_below(text, cgroup))
			continue;
		if (n < WATTLE_LEFTOVER_SHOWN)
			ret_pids[n] = (pid_t) pid;
		n++;
	}
	if (proc)
		closedir(proc);
	return n;
}
