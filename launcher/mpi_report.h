/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MPI_REPORT_H
#define WATTLE_MPI_REPORT_H

/* The library's side of status.h. The first rank that has something to say makes the file and is its writer; the others find it
 * there and keep quiet. Any thread. */

#include <stdint.h>

int64_t wattle_wall_us(void);
int64_t wattle_mono_ns(void);

/* Takes the greater of what was and is said; written if a second has passed since the last write. */
void wattle_report_progress(uint64_t done, uint64_t total);
void wattle_report_latest(uint64_t *ret_done, uint64_t *ret_total);
/* The least that was ever said to be done: where this run began. */
uint64_t wattle_report_since(void);
void wattle_report_calls(uint64_t calls);
/* These are written at once. */
void wattle_report_asked(void);
void wattle_report_saved(void);
/* Last words, at MPI_Finalize. */
void wattle_report_end(void);

#endif
