/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_OPTIONS_H
#define WATTLE_OPTIONS_H

/* The words that sbatch, srun and salloc take from us, and their way to the node. */

#include <stddef.h>

#include "context.h"

#define WATTLE_OPTIONS_MAX 16
#define WATTLE_OPTION_ENV_MAX 128

/* Our options by their number, which is what Slurm hands to the callback: 0 to wattle_options_count() - 1. */
int wattle_options_count(void);
/* NULL: no number of ours. */
const char *wattle_option_name(int val);
/* True if it decides a submission; a step of a job that exists can't be given it. */
bool wattle_option_submits(int val);
bool wattle_option_is_profile(int val);
/* Slurm's name for it in an environment: on the way to the job, or as users may set it for a client. Returns buf. */
const char *wattle_option_env(int val, bool client, char buf[WATTLE_OPTION_ENV_MAX]);

/* Registers our options (from slurm_spank_init only). cb: Slurm gives a callback no context, so it lives beside the context;
 * it hands its arguments to wattle_option_take. */
void wattle_options_register(spank_t spank, spank_opt_cb_f cb);

/* An option was said. On the client a value that can't be taken is refused at once, with the reason: returns -1. On a node it
 * is dropped with a log line: 0. Up to 23.11 this is called twice for one word. */
int wattle_option_take(struct wattle_spank *ctx, int val, const char *text, bool remote);

/* In a client: forgets the words that a surrounding job left in the environment. Slurm hands sbatch's options to the job as
 * SLURM_SPANK_…, where an srun or sbatch inside takes them for its own: the job's "1200W/job" would become an ask over
 * the step's nodes. Outside of a job the SLURM_SPANK_… form is the user's own and stays. */
void wattle_options_disinherit(void);

/* In a step that has a lease: the watts granted, as WATTLE_GRANT in its tasks' environment. For programs to know; nobody believes it. */
void wattle_options_tell_grant(const struct wattle_spank *ctx, spank_t spank);

/* In srun: tells the node whether its --power made the allocation (then it is the grant's, and no ask on top). True if the client is an srun that
 * makes none: a step of a job that exists. */
#define WATTLE_ALLOCATED_NAME "WATTLE_OPTIONS_MADE_THE_JOB"
bool wattle_options_mark_allocation(struct wattle_spank *ctx);

#endif
