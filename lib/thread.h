/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_THREAD_H
#define WATTLE_THREAD_H

/* Threads within a program that is not ours. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a joinable thread with a small stack and all signals blocked: they are the calling program's. 0 or -errno. */
int wattle_thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

/* Joins a thread that ends within wait_ms, by the monotonic clock. False: it still runs, and is still to be joined or detached. */
bool wattle_thread_wait(pthread_t thread, uint32_t wait_ms);

#endif
