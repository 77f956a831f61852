/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PROGRAM_H
#define WATTLE_PROGRAM_H

/* Asking another program: fork, exec, read what it says, with a time-out and a bound. No shell. */

#include <stddef.h>

#include "err.h"

struct wattle_answer {
	char *text;     /* stdout, NUL-terminated; the caller frees */
	size_t len;
	int status;     /* exit status; 128+N: signal N */
	char said[256]; /* first line of stderr */
};

/* argv[0] is an absolute path. 0: it ran to its end (look at status); -ENOENT, -EACCES: can't be run; -ETIMEDOUT: was
 * killed with all its children; -EFBIG: said more than max_bytes, killed. On error ret->text is NULL. */
int wattle_program_ask(const char *const *argv, unsigned timeout_ms, size_t max_bytes, struct wattle_answer *ret,
		       struct wattle_err *err);

/* The same in the caller's own environment, for a program that passes it on (sbatch): language and habits are then the caller's. */
int wattle_program_ask_as_is(const char *const *argv, unsigned timeout_ms, size_t max_bytes, struct wattle_answer *ret,
			     struct wattle_err *err);

/* Finds a program of Slurm's by name: where this build expects Slurm, in the system's folders, and, unless root asks, on PATH
 * (root does not run what a user's PATH names). 0 and its absolute path, or -ENOENT. */
int wattle_program_find(const char *name, char *ret_path, size_t size);

#endif
