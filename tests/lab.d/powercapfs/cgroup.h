/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU use and CPU quota of a node's cgroup, of either hierarchy version. */
#ifndef PCFS_CGROUP_H
#define PCFS_CGROUP_H

#include <stdint.h>

#include "err.h"

struct pcfs_cgroup;

/*
 * To add a version: an ops table in cgroup.c and an entry in pcfs_cgroup_open(). Both functions return 0 or -errno;
 * usage_ns counts from the cgroup's creation.
 */
struct pcfs_cgroup_ops {
	const char *name;
	int (*usage_ns)(struct pcfs_cgroup *cg, uint64_t *ret);
	/* prepare is called once, before the first set_quota: whatever quota or period stood there is replaced. */
	int (*prepare)(struct pcfs_cgroup *cg, unsigned period_us);
	int (*set_quota)(struct pcfs_cgroup *cg, unsigned quota_us, unsigned period_us);
};

struct pcfs_cgroup {
	const struct pcfs_cgroup_ops *ops;
	int cpu_fd;             /* directory with the quota */
	int usage_dir_fd;       /* directory with the use; on v2 the same */
	int usage_fd;           /* kept open: read on every tick */
};

#define PCFS_CGROUP_NONE { 0, -1, -1, -1 }

/* Give cpu_dir and cpuacct_dir (v1), or v2_dir; the others NULL. On failure cg is closed. */
int pcfs_cgroup_open(struct pcfs_cgroup *cg, const char *cpu_dir, const char *cpuacct_dir, const char *v2_dir,
		     struct pcfs_err *err);
void pcfs_cgroup_close(struct pcfs_cgroup *cg);

#endif
