/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_RANK_H
#define WATTLE_RANK_H

/* What mpirun starts for each rank: wattlerun itself, which starts the program and says 0 to mpirun for "checkpointed". mpirun ends all ranks
 * as soon as one leaves with another status than 0, and so with the default would kill ranks that still write; told to bear that, it
 * returns 0 whatever the status was, and waits for ever for the others of a rank that failed (4.1.4 and 5.0.7). This way a rank that fails
 * ends the others at once, and one that has checkpointed does not. */

#include <stdbool.h>

#define WATTLE_RANK_WORD "--as-rank"        /* argv[1]; then the status that means "checkpointed"; then the program */
#define WATTLE_PRELOAD_ENV "WATTLE_PRELOAD" /* the program's LD_PRELOAD */

/* Whether these are the words of a rank. */
bool wattle_rank_is(int argc, char *const *argv);
/* Runs the program; signals to us go on to it. Its exit status for mpirun; a signal that ended it ends us. */
int wattle_rank_main(char **argv);

#endif
