/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MPI_SIGNAL_H
#define WATTLE_MPI_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether anybody could ask this process to checkpoint: WATTLE_CHECKPOINT_SIGNAL named a signal when the library was loaded. */
bool wattle_signal_expected(void);
/* Whether it came since `after_ns` (monotonic clock). */
bool wattle_signal_since(int64_t after_ns);

#endif
