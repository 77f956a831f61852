/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_STEP_WORDS_H
#define WATTLE_STEP_WORDS_H

/* What the files of a step share: the words of a launcher's command line, and how a child becomes it. */

#include <stdbool.h>
#include <stddef.h>

#include "step.h"

#define WATTLE_WORDS_MAX 4096

struct wattle_words {
	char *word[WATTLE_WORDS_MAX + 1];
	size_t n;
	char text[2048];         /* of the words that are made here */
	size_t used;
};

void wattle_words_add(struct wattle_words *words, const char *word);
void wattle_words_make(struct wattle_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* All up to a NULL; NULL: none. */
void wattle_words_all(struct wattle_words *words, char *const *list);

/* In the child: its own signals again, gone with us, and another program. Does not return. */
void wattle_step_become(char *const *argv) __attribute__((noreturn));

void wattle_srun_words(struct wattle_words *words, const struct wattle_launch *launch, const char *name);
int wattle_srun_signal(const struct wattle_step *step, uint32_t job_id, int signal, struct wattle_err *err);
void wattle_mpirun_words(struct wattle_words *words, const struct wattle_launch *launch);
/* In the child: what mpirun reads from its environment. */
void wattle_mpirun_export(const struct wattle_launch *launch);
int wattle_mpirun_signal(const struct wattle_step *step, int signal, struct wattle_err *err);

#endif
