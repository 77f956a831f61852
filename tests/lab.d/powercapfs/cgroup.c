/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_file(int dir_fd, const char *name, const char *text)
{
	/* O_TRUNC means nothing to a cgroup, and keeps a captured tree's file from holding leftovers. */
	int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;

	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);
	int r = n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
	(void)close(fd);
	return r;
}

/* From the start of a cgroup file that is kept open; opened anew when its cgroup was made anew. */
static int read_usage(struct pcfs_cgroup *cg, const char *name, char *buf, size_t size)
{
	for (int attempt = 0;; attempt++) {
		if (cg->usage_fd < 0)
			cg->usage_fd = openat(cg->usage_dir_fd, name, O_RDONLY | O_CLOEXEC);
		if (cg->usage_fd < 0)
			return -errno;

		ssize_t n = pread(cg->usage_fd, buf, size - 1, 0);
		if (n > 0) {
			buf[n] = '\0';
			return 0;
		}
		int r = n < 0 ? -errno : -ENODATA;
		(void)close(cg->usage_fd);
		cg->usage_fd = -1;
		if (attempt)
			return r;
	}
}

static int parse_number(const char *text, uint64_t scale, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || end == text || (*end && *end != '\n') || value > UINT64_MAX / scale)
		return -EBADMSG;
	*ret = value * scale;
	return 0;
}

static int v1_usage_ns(struct pcfs_cgroup *cg, uint64_t *ret)
{
	char buf[64];
	int r = read_usage(cg, "cpuacct.usage", buf, sizeof(buf));

	return r < 0 ? r : parse_number(buf, 1, ret);
}

static int v1_prepare(struct pcfs_cgroup *cg, unsigned period_us)
{
	char text[16];
	/* No quota first: the kernel would refuse a period that makes the old quota exceed the parent's. */
	int r = write_file(cg->cpu_fd, "cpu.cfs_quota_us", "-1");

	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u", period_us);
	return write_file(cg->cpu_fd, "cpu.cfs_period_us", text);
}

static int v1_set_quota(struct pcfs_cgroup *cg, unsigned quota_us, unsigned period_us)
{
	char text[16];

	(void)period_us;
	(void)snprintf(text, sizeof(text), "%u", quota_us);
	return write_file(cg->cpu_fd, "cpu.cfs_quota_us", text);
}

static const struct pcfs_cgroup_ops v1_ops = { "v1", v1_usage_ns, v1_prepare, v1_set_quota };

static int v2_usage_ns(struct pcfs_cgroup *cg, uint64_t *ret)
{
	static const char key[] = "usage_usec ";
	char buf[1024];
	int r = read_usage(cg, "cpu.stat", buf, sizeof(buf));

	if (r < 0)
		return r;
	for (const char *line = buf; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			return parse_number(line + sizeof(key) - 1, 1000, ret);
	}
	return -EBADMSG;
}

static int v2_prepare(struct pcfs_cgroup *cg, unsigned period_us)
{
	(void)period_us;
	/* Quota and period are one write; all there is to find out is whether the cpu controller is on here. */
	return faccessat(cg->cpu_fd, "cpu.max", W_OK, 0) < 0 ? -errno : 0;
}

static int v2_set_quota(struct pcfs_cgroup *cg, unsigned quota_us, unsigned period_us)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u %u", quota_us, period_us);
	return write_file(cg->cpu_fd, "cpu.max", text);
}

static const struct pcfs_cgroup_ops v2_ops = { "v2", v2_usage_ns, v2_prepare, v2_set_quota };

static int open_dir(const char *path, int *ret, struct pcfs_err *err)
{
	*ret = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return pcfs_err_set(err, errno, "cgroup directory %s: %s", path, strerror(errno));
	return 0;
}

int pcfs_cgroup_open(struct pcfs_cgroup *cg, const char *cpu_dir, const char *cpuacct_dir, const char *v2_dir,
		     struct pcfs_err *err)
{
	uint64_t usage_ns;
	int r;

	*cg = (struct pcfs_cgroup) PCFS_CGROUP_NONE;
	cg->ops = v2_dir ? &v2_ops : &v1_ops;
	r = open_dir(v2_dir ? v2_dir : cpu_dir, &cg->cpu_fd, err);
	if (r == 0)
		r = open_dir(v2_dir ? v2_dir : cpuacct_dir, &cg->usage_dir_fd, err);
	if (r == 0) {
		r = cg->ops->usage_ns(cg, &usage_ns);
		if (r < 0)
			(void)pcfs_err_set(err, -r, "CPU use of cgroup (%s) %s can't be read: %s", cg->ops->name,
					   v2_dir ? v2_dir : cpuacct_dir, strerror(-r));
	}
	if (r < 0)
		pcfs_cgroup_close(cg);
	return r;
}

void pcfs_cgroup_close(struct pcfs_cgroup *cg)
{
	int *fds[] = { &cg->cpu_fd, &cg->usage_dir_fd, &cg->usage_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}
