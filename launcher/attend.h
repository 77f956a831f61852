/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_ATTEND_H
#define WATTLE_ATTEND_H

/* Waiting for a program, with every signal blocked. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WATTLE_CAME(number) (UINT64_C(1) << ((number) - 1))

/* pass_on: the program leads a process group of its own, and what comes goes on to that. set: what is blocked, SIGCHLD among it. Returns the
 * program's status as waitpid() tells it; *ret_came: the signals that came, as WATTLE_CAME(). Orphans that are ours because we are a container's first process are buried. */
int wattle_attend(pid_t program, bool pass_on, const sigset_t *set, uint64_t *ret_came);

#endif
