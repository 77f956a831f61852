/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_INPOD_H
#define WATTLE_INPOD_H

/* wattlerun in the launcher of an MPIJob. There the bridge changes sizes: a minute ahead at most it has the workers' programs told, by
 * wattle-agent, and then suspends the job. A program that has checkpointed leaves meanwhile, and mpirun returns its status. A launcher that
 * ended with it would have failed for the operator; so wattlerun waits to be stopped, and if that does not come starts the program again. Ahead of each
 * start it waits until the workers' names are known. */

#include <stdbool.h>
#include <stdint.h>

struct wattle_inpod {
	char **program;    /* mpirun and its words */
	int signal;        /* that asks the ranks */
	int checkpointed;  /* exit status that says so */
	int64_t wait_s;    /* to be stopped */
	bool quiet;
};

/* Whether this process is in a pod. */
bool wattle_inpod_is(void);

/* Returns the exit status: the program's, 128 and the signal that ended it, or 127 if it could not be run. Stopped while it waits, that is
 * `checkpointed`: a launcher that ends with 0 has done its job. */
int wattle_inpod_run(const struct wattle_inpod *o);

#endif
