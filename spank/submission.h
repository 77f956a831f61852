/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SUBMISSION_H
#define WATTLE_SUBMISSION_H

/* What one sbatch, srun or salloc was told, component by component, and what goes along with it to slurmctld besides the
 * words themselves: a profile of the user's own, as text. */

#include <stdbool.h>

#include "model.h"
#include "options.h"

struct wattle_submission {
	bool step_only;     /* srun in a job that exists: it submits nothing */
	unsigned component; /* of a heterogeneous job; 0: the first or only one */
	struct {
		char *value;       /* of this component, malloc'd; NULL: not said */
		bool own_env;      /* the user's environment says the word to all components */
		bool env_skipped;  /* the last component's word came by once more, in this one */
	} word[WATTLE_OPTIONS_MAX];
	char profile[WATTLE_MODEL_TEXT_MAX]; /* the file named last; "": none, or a name */
};

/* In slurm_spank_init of a client, after wattle_options_disinherit. */
void wattle_submission_begin(struct wattle_submission *sub, bool step_only);

/* An option's value, before wattle_option_take gets it. A file is read. -1: refused, and said why; 1: a left-over of the last component, which
 * is none of this one's words; else 0. */
int wattle_submission_take(struct wattle_submission *sub, int val, const char *text);

/* The component is complete (slurm_spank_init_post_opt): gives it its words and its profile and no others, and begins the next. */
void wattle_submission_send(struct wattle_submission *sub, spank_t spank);

#endif
