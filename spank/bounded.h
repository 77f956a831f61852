/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_BOUNDED_H
#define WATTLE_BOUNDED_H

/* Threads of a plugin that must neither hold up slurmstepd nor outlive their code. */

#include "thread.h"

/* Waits for a thread at most wait_ms. False: it is still stuck (a dead network file system); it is left behind and this plugin is
 * pinned in memory, as Slurm would unload it under the thread. */
bool wattle_thread_join(pthread_t thread, uint32_t wait_ms);

#endif
