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
	const char *mpi;         /* srun --mpi=; NULL: the site's default */
	const char *folder;      /* absolute; of the status file */
	bool measure;            /* by libwattle_mpi, preloaded, into measured.jsonl there */
	char *const *srun_args;  /* further ones, NULL at the end */
	char *const *program;    /* NULL at the end */
};

struct wattle_step {
	pid_t pid;               /* of srun; 0: none */
	char name[64];           /* of the step, as squeue -s shows it */
	char status_path[4096];
	bool blind;              /* an older status can't be removed there: none is believed */
};

/* Signals stay blocked in the caller and are let through in what it starts. */
int wattle_step_start(const struct wattle_launch *launch, struct wattle_step *ret, struct wattle_err *err);
/* The last whole status; false if there is none yet. */
bool wattle_step_status(const struct wattle_step *step, struct wattle_status *ret);
/* Sends the signal to all tasks of the step. -EAGAIN: it has none yet. */
int wattle_step_signal(const struct wattle_step *step, uint32_t job_id, int signal, struct wattle_err *err);
/* Removes its status files. */
void wattle_step_forget(const struct wattle_step *step);

/* A step beside the program's that asks for watts per node, by --power-cap, for as long as it lives: caps move while nothing is restarted.
 * It lives until its descriptor is closed, and so never longer than its starter. */
struct wattle_capper {
	pid_t pid;
	int fd;                  /* -1: none */
};

int wattle_capper_start(uint32_t nodes, double watts_w, struct wattle_capper *ret, struct wattle_err *err);
/* Waits for its end, bounded. */
void wattle_capper_stop(struct wattle_capper *capper);

#endif
