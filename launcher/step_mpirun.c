/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Launching by Open MPI's mpirun, 4 or 5; its words are those that both have. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "step_words.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "rank.h"
#include "status.h"

void wattle_mpirun_words(struct wattle_words *w, const struct wattle_launch *l)
{
	static const char *const names[] = { WATTLE_STATUS_ENV, WATTLE_SIGNAL_ENV, "WATTLE_RESTART", "WATTLE_MEASURE", WATTLE_PRELOAD_ENV };

	wattle_words_add(w, l->mpirun);
	wattle_words_add(w, "-np");
	wattle_words_make(w, "%u", l->nodes * l->tasks_per_node);
	/* slots are counted from variables of Slurm's that a change of size leaves as they were */
	wattle_words_add(w, "--map-by");
	wattle_words_make(w, "ppr:%u:node:oversubscribe", l->tasks_per_node);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (i < 3 || l->measured || getenv(names[i])) {
			wattle_words_add(w, "-x");
			wattle_words_add(w, names[i]);
		}
	wattle_words_all(w, l->launch_args);
	wattle_words_add(w, l->self);
	wattle_words_add(w, WATTLE_RANK_WORD);
	wattle_words_add(w, l->rank);
	wattle_words_all(w, l->program);
}

/* Both have it as a parameter, under different names, and each ignores the other's. */
void wattle_mpirun_export(const struct wattle_launch *l)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", l->signal);
	setenv("OMPI_MCA_ess_base_forward_signals", number, 0);
	setenv("PRTE_MCA_ess_base_forward_signals", number, 0);
}

/* Before mpirun handles it, a signal would be lost, or end it. */
static bool handles(pid_t pid, int number)
{
	char path[64], text[4096];
	cleanup_close int fd = -1;
	const char *line;
	uint64_t caught;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = '\0';
	line = strstr(text, "\nSigCgt:");
	return line && sscanf(line, "\nSigCgt: %" SCNx64, &caught) == 1 && (caught >> (number - 1) & 1);
}

int wattle_mpirun_signal(const struct wattle_step *step, int number, struct wattle_err *err)
{
	if (!handles(step->pid, number))
		return -EAGAIN;
	if (kill(step->pid, number) < 0)
		return wattle_err_set(err, errno, "mpirun: %s", strerror(errno));
	return 0;
}
