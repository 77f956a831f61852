/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PODSCAN_H
#define WATTLE_PODSCAN_H

/* Which pod a process runs in. Kubelets name a pod's cgroup by its UID, under both of their cgroup drivers and both versions of cgroups:
 *   /kubepods/burstable/pod3c6e…-…/9f86d0…                                                     (cgroupfs)
 *   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3c6e…_….slice/cri-containerd-9f86d0….scope   (systemd)
 * A process can make cgroups below its own at most, so the first such name on a path is the kubelet's. */

#include <sys/types.h>

#include "pod.h"
#include "proc.h"

/* The text of a /proc/PID/cgroup. ret_container is "" if its name is no id. 0; -ENOENT: in no pod; -EINVAL: in several at once. Pure. */
int wattle_pod_cgroup_parse(const char *text, char ret_uid[WATTLE_POD_UID_MAX], char ret_container[WATTLE_CONTAINER_ID_MAX]);

/* The same of a living process; -ESRCH: there is none; other -errno. */
int wattle_pod_of(pid_t pid, char ret_uid[WATTLE_POD_UID_MAX], char ret_container[WATTLE_CONTAINER_ID_MAX]);

/* Calls each() for each living process that runs in some pod; zombies have ended. 0 or -errno: /proc can't be read. */
int wattle_pod_scan(void (*each)(void *arg, const char *uid, const char *container, const struct wattle_proc *proc), void *arg);

#endif
