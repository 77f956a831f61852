/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROC_H
#define WATTLE_PROC_H

/* A process named so that a reused pid is not mistaken for it: pid and start time. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct wattle_proc {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat, clock ticks since boot */
};

/* 0, -ESRCH if there is none (a zombie counts as none), or -errno. */
int wattle_proc_get(pid_t pid, struct wattle_proc *ret);
/* False once it has ended, is a zombie, or its pid is another's. */
bool wattle_proc_alive(const struct wattle_proc *proc);
/* The kernel's boot id, 36 characters and NUL. */
int wattle_boot_id(char ret[37]);
/* Nanoseconds since boot, suspend included: untouched by clock jumps. */
uint64_t wattle_boottime_ns(void);

#endif
