/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_STATUS_H
#define WATTLE_STATUS_H

/* What a running program tells wattlerun: one line of fixed size in a file of the user's, written over in place by one rank. Files are
 * what a batch node and a rank have in common on every cluster. */

#include <stdbool.h>
#include <stdint.h>

#define WATTLE_STATUS_SIZE 192 /* bytes of the file: one line, filled up with blanks */

#define WATTLE_STATUS_ENV "WATTLE_STATUS"            /* path; PATH.saved says that a checkpoint is on disk, by another rank */
#define WATTLE_SIGNAL_ENV "WATTLE_CHECKPOINT_SIGNAL" /* a number */

struct wattle_status {
	uint64_t done, total;  /* the program's units; total 0: not known */
	uint64_t calls;        /* of wattle_should_checkpoint */
	uint32_t asked;        /* requests that the program was told of */
	uint32_t saved;        /* checkpoints that it said are on disk */
	int64_t first_us;      /* wall clock, microseconds since 1970: the first call, the last write. 0: not yet */
	int64_t last_us;
};

/* Exactly WATTLE_STATUS_SIZE bytes, the last a newline, no NUL. */
void wattle_status_format(const struct wattle_status *status, char text[WATTLE_STATUS_SIZE]);
/* False, with *ret untouched, unless it is whole: a reader may see half of a write on some file systems. */
bool wattle_status_parse(const char text[WATTLE_STATUS_SIZE], struct wattle_status *ret);

#endif
