/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MPI_H
#define WATTLE_MPI_H

/* What an MPI program calls so that wattlerun(1) can stop it, and start it again on another number of nodes:
 *
 *     for (step = from; step < steps; step++) {
 *         compute(step);
 *         wattle_progress(step + 1, steps);
 *         if (wattle_should_checkpoint()) {
 *             write_checkpoint(step + 1);         // as the program does anyway
 *             wattle_checkpoint_done();
 *             MPI_Finalize();
 *             return WATTLE_CHECKPOINTED;
 *         }
 *     }
 *
 * Link with -lwattle_mpi. Fortran: include 'wattle.inc'. Without wattlerun all of it does nothing, at no cost worth naming.
 *
 * Between MPI_Init and MPI_Finalize; none of it fails, prints or ends the program. What the library writes, it writes to the file
 * that wattlerun names in WATTLE_STATUS, at most once a second. It handles one signal, the one that WATTLE_CHECKPOINT_SIGNAL names
 * (a number; wattlerun's choice is SIGURG, which does nothing to a program that does not ask for it); a handler that was there
 * before is still called. */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Exit status of a program that left because it was asked to: its checkpoint is on disk, start it again and it goes on from there. */
#define WATTLE_CHECKPOINTED 85

#if defined(__GNUC__)
#define WATTLE_EXPORT __attribute__((visibility("default")))
#else
#define WATTLE_EXPORT
#endif

/* done of total units of the program's own choice (time steps, samples) are behind it, restarts included: 0 <= done <= total.
 * total 0: not known. Any rank, any thread, any time, as often as it likes: under 0.1 us unless a second has passed. What other ranks
 * said counts too, the most is taken. Returns 0, or -1 if done is more than total (then nothing changes). */
WATTLE_EXPORT int wattle_progress(uint64_t done, uint64_t total);

/* 1 once for each request to checkpoint, else 0, and the same on every rank: so every rank calls it equally often, such as once an
 * iteration, from one thread (which may call MPI). The ranks agree by a non-blocking reduction on a communicator of the library's,
 * every so many calls that it costs well under 1 us a call, or 0.1% of the time between calls if that is more; hence the answer
 * may come some calls late, a second at most where a call takes less. A program that calls it again after its checkpoint goes on: it may
 * be asked again. */
WATTLE_EXPORT int wattle_should_checkpoint(void);

/* The checkpoint is on disk, whole: from now on a restart goes on from there. Any rank, at least one. wattlerun takes a program that
 * was asked and leaves without this for one that failed in its checkpoint. */
WATTLE_EXPORT void wattle_checkpoint_done(void);

#ifdef __cplusplus
}
#endif

#endif
