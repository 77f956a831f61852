/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_STEP_H
#define WATTLE_STEP_H

/* The processes that wattlerun has under it: the program's step, and the step that holds a cap. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "status.h"

struct wattle_launch {
	uint32_t job_id, number; /* number: of the step among wattlerun's; names it and its status file */
	uint32_t nodes, tasks_per_node;
	int signal;
	int64_t wait_s;          /* a rank that outlives the first one to end by this long is ended */
	const char *mpirun;      /* path or name of Open MPI's; NULL: launched by srun */
	const char *self;        /* wattlerun's own path, of which the launcher starts one a rank */
	const char *rank;        /* what that one is told, see rank.h; NULL: srun starts the program itself */
	const char *mpi;         /* srun --mpi=; NULL: the site's default */
	const char *folder;      /* absolute; of the status file */
	const char *measured;    /* absolute; libwattle_mpi, preloaded, writes there. NULL: nothing is measured */
	char *const *launch_args; /* further ones for srun or mpirun, NULL at the end */
	char *const *program;    /* NULL at the end */
};

struct wattle_step {
	pid_t pid;               /* of srun or mpirun; 0: none */
	bool mpirun;
	char name[64];           /* of the step, as squeue -s shows it */
	char status_path[4096];
	bool blind;              /* an older status can't be removed there: none is believed */
};

/* Signals stay blocked in the caller and are let through in what it starts. */
int wattle_step_start(const struct wattle_launch *launch, struct wattle_step *ret, struct wattle_err *err);
/* The last whole status; false if there is none yet. */
bool wattle_step_status(const struct wattle_step *step, struct wattle_status *ret);
/* What step `number` of an earlier run of the job said last; false if it said nothing, or has been judged. */
bool wattle_step_said(const char *folder, uint32_t number, struct wattle_status *ret);
/* Its exit status, of what waitpid() said: 128+N for signal N. */
int wattle_step_exit(const struct wattle_step *step, int status, int checkpointed);

enum wattle_asked { WATTLE_ASKED_BY_SIGNAL, WATTLE_ASKED_BY_EVENT };

/* Asks all tasks of the step for a checkpoint: by a PMIx event if that may be (`event`) and the launcher delivers it, else by the signal.
 * -EAGAIN: there are none yet. */
int wattle_step_ask(const struct wattle_step *step, uint32_t job_id, int signal, bool event, enum wattle_asked *ret, struct wattle_err *err);
/* Removes its status files. */
void wattle_step_forget(const struct wattle_step *step);

/* A step beside the program's that asks for watts per node, by --power-cap, for as long as it lives: caps move while nothing is restarted.
 * It lives until its descriptor is closed, and so never longer than its starter. */
struct wattle_capper {
	pid_t pid;
	int fd;                  /* -1: none */
};

/* Waits until the cap is in force, within_s at most. -EINTR: a signal that ends the caller came meanwhile (it is blocked and stays pending), or
 * the child `step` has ended (0: none; not reaped). After any error there is no cap. */
int wattle_capper_start(uint32_t nodes, double watts_w, double within_s, pid_t step, struct wattle_capper *ret, struct wattle_err *err);
/* Waits for its end, bounded. */
void wattle_capper_stop(struct wattle_capper *capper);

#endif
