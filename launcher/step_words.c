/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "step_words.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

void wattle_step_become(char *const *argv)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "wattlerun: can't run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

void wattle_words_add(struct wattle_words *w, const char *word)
{
	if (w->n < WATTLE_WORDS_MAX)
		w->word[w->n++] = (char *) (uintptr_t) word;
	w->word[w->n] = NULL;
}

void wattle_words_make(struct wattle_words *w, const char *format, ...)
{
	char *at = w->text + w->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(at, sizeof(w->text) - w->used, format, args);
	va_end(args);
	wattle_words_add(w, at);
	w->used += (size_t) n + 1;
}

void wattle_words_all(struct wattle_words *w, char *const *list)
{
	for (char *const *p = list; p && *p; p++)
		wattle_words_add(w, *p);
}
