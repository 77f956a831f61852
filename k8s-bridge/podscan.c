/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "podscan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

#define UID_LEN (WATTLE_POD_UID_MAX - 1)
#define ID_LEN (WATTLE_CONTAINER_ID_MAX - 1)

/* "pod" UID, or "…-pod" UID_WITH_UNDERSCORES ".slice" */
static bool take_uid(const char *part, size_t len, char *ret)
{
	const char *at = part;
	char uid[WATTLE_POD_UID_MAX];

	if (len > 6 && memcmp(part + len - 6, ".slice", 6) == 0) {
		len -= 6;
		if (len < UID_LEN + 4 || part[len - UID_LEN - 4] != '-')
			return false;
		at = part + len - UID_LEN - 3;
		len = UID_LEN + 3;
	}
	if (len != UID_LEN + 3 || memcmp(at, "pod", 3) != 0)
		return false;
	for (size_t i = 0; i < UID_LEN; i++) {
		char c = at[3 + i] == '_' ? '-' : at[3 + i];

		if (!strchr("0123456789abcdef-", c))
			return false;
		uid[i] = c;
	}
	memcpy(ret, uid, UID_LEN);
	ret[UID_LEN] = '\0';
	return true;
}

/* ID, or "cri-containerd-" ID ".scope" and the like */
static void take_id(const char *part, size_t len, char *ret)
{
	const char *at = part;

	if (len > 6 && memcmp(part + len - 6, ".scope", 6) == 0 && len - 6 > ID_LEN && part[len - 6 - ID_LEN - 1] == '-') {
		at = part + len - 6 - ID_LEN;
		len = ID_LEN;
	}
	ret[0] = '\0';
	if (len != ID_LEN || strspn(at, "0123456789abcdef") < ID_LEN)
		return;
	memcpy(ret, at, ID_LEN);
	ret[ID_LEN] = '\0';
}

static bool take_path(const char *path, size_t len, char *ret_uid, char *ret_container)
{
	const char *end = path + len;

	while (path < end) {
		size_t n = strcspn(path, "/\n");

		if (take_uid(path, n, ret_uid)) {
			path += n;
			path += path < end && *path == '/';
			take_id(path, strcspn(path, "/\n"), ret_container);
			return true;
		}
		path += n + 1;
	}
	return false;
}

int wattle_pod_cgroup_parse(const char *text, char ret_uid[WATTLE_POD_UID_MAX], char ret_container[WATTLE_CONTAINER_ID_MAX])
{
	char uid[WATTLE_POD_UID_MAX], container[WATTLE_CONTAINER_ID_MAX], found[WATTLE_POD_UID_MAX] = "", in[WATTLE_CONTAINER_ID_MAX] = "";

	for (const char *line = text, *next; *line; line = next) {
		size_t len = strcspn(line, "\n");
		const char *path = memchr(line, ':', len);

		next = line + len + (line[len] == '\n');
		path = path ? memchr(path + 1, ':', (size_t) (line + len - path - 1)) : NULL;
		if (!path || !take_path(path + 1, (size_t) (line + len - path - 1), uid, container))
			continue;
		if (found[0] && strcmp(found, uid) != 0)
			return -EINVAL;
		memcpy(found, uid, sizeof(found));
		if (!in[0])
			memcpy(in, container, sizeof(in));
	}
	if (!found[0])
		return -ENOENT;
	memcpy(ret_uid, found, sizeof(found));
	memcpy(ret_container, in, sizeof(in));
	return 0;
}

int wattle_pod_of(pid_t pid, char ret_uid[WATTLE_POD_UID_MAX], char ret_container[WATTLE_CONTAINER_ID_MAX])
{
	char path[64], text[8192];
	cleanup_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return wattle_pod_cgroup_parse(text, ret_uid, ret_container);
}

int wattle_pod_scan(void (*each)(void *arg, const char *uid, const char *container, const struct wattle_proc *proc), void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		char uid[WATTLE_POD_UID_MAX], container[WATTLE_CONTAINER_ID_MAX], *end;
		long pid = strtol(entry->d_name, &end, 10);
		struct wattle_proc proc;

		if (*end || pid <= 0 || wattle_pod_of((pid_t) pid, uid, container) < 0 || wattle_proc_get((pid_t) pid, &proc) < 0)
			continue;
		each(arg, uid, container, &proc);
	}
	closedir(dir);
	return 0;
}
