/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_RANK_H
#define WATTLE_RANK_H

/* What srun or mpirun starts for each rank: wattlerun itself, which starts the program and notes what the launcher may not tell: that a rank was
 * killed, where the others' complaint about the lost connection comes first.
 *
 * To mpirun it says 0 for "checkpointed". mpirun ends all ranks as soon as one leaves with another status than 0, and so with the default
 * would kill ranks that still write; told to bear that, it returns 0 whatever the status was, and waits for ever for the others of a rank that
 * failed (4.1.4 and 5.0.7). This way a rank that fails ends the others at once, and one that has checkpointed does not.
 *
 * Signals to it go on to the program, in a process group of its own. Where Slurm signals every process of a step (any ProctrackType but cgroup,
 * which signals what slurmstepd started), the program has them already and nothing goes on. */

#include <stdbool.h>

#define WATTLE_RANK_WORD "--as-rank"        /* argv[1]; then one of those below, or the status that is 0 to the launcher; then the program */
#define WATTLE_RANK_TASK "task"             /* every status is told as it is */
#define WATTLE_RANK_TREE "tree"             /* the same, and signals come to the program, too */
#define WATTLE_RANK_NAME "wattle-rank"      /* of the process */
#define WATTLE_PRELOAD_ENV "WATTLE_PRELOAD" /* the program's LD_PRELOAD */

/* Whether these are the words of a rank. */
bool wattle_rank_is(int argc, char *const *argv);
/* Runs the program. Its exit status for the launcher; a signal that ended it ends us. */
int wattle_rank_main(char **argv);

#endif
