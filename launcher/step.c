/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "event.h"
#include "rank.h"
#include "step_words.h"

#define WORDS_OURS 64 /* room for those that are not the user's */

static void export_words(const struct wattle_launch *l, const char *status_path)
{
	char text[32], path[4096];
	const char *preload = getenv("LD_PRELOAD");

	if (l->measured) {
		setenv("WATTLE_MEASURE", l->measured, 1);
		/* for programs that are not linked with it; the loader finds it as it does any library */
		snprintf(path, sizeof(path), "%s%slibwattle_mpi.so.0", preload ? preload : "", preload ? ":" : "");
		/* srun stands it; of mpirun's daemons nobody knows */
		setenv(l->rank ? WATTLE_PRELOAD_ENV : "LD_PRELOAD", path, 1);
	}
	setenv(WATTLE_STATUS_ENV, status_path, 1);
	snprintf(text, sizeof(text), "%d", l->signal);
	setenv(WATTLE_SIGNAL_ENV, text, 1);
	snprintf(text, sizeof(text), "%u", l->number - 1);
	setenv("WATTLE_RESTART", text, 1);
	if (l->mpirun)
		wattle_mpirun_export(l);
}

/* False if the name is too long. */
static bool name_status(struct wattle_step *step, const char *folder, uint32_t number)
{
	size_t size = sizeof(step->status_path);

	return (size_t) snprintf(step->status_path, size, "%s/status.%u", folder, number) < size - 8;
}

int wattle_step_start(const struct wattle_launch *launch, struct wattle_step *ret, struct wattle_err *err)
{
	struct wattle_step step = { .mpirun = launch->mpirun != NULL };
	struct wattle_words *words;
	size_t n = 0;

	for (char *const *p = launch->program; *p; p++)
		n++;
	for (char *const *p = launch->launch_args; p && *p; p++)
		n++;
	if (n + WORDS_OURS > WATTLE_WORDS_MAX)
		return wattle_err_set(err, E2BIG, "%zu words are more than the %d that are passed on", n, WATTLE_WORDS_MAX - WORDS_OURS);
	snprintf(step.name, sizeof(step.name), "wattlerun.%u", launch->number);
	if (!name_status(&step, launch->folder, launch->number))
		return wattle_err_set(err, ENAMETOOLONG, "the state folder's name is too long");
	wattle_step_forget(&step);
	step.blind = access(step.status_path, F_OK) == 0;
	words = calloc(1, sizeof(*words));
	if (!words)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (step.mpirun)
		wattle_mpirun_words(words, launch);
	else
		wattle_srun_words(words, launch, step.name);
	step.pid = fork();
	if (step.pid == 0) {
		export_words(launch, step.status_path);
		wattle_step_become(words->word);
	}
	free(words);
	if (step.pid < 0)
		return wattle_err_set(err, errno, "can't start %s: %s", step.mpirun ? launch->mpirun : "srun", strerror(errno));
	*ret = step;
	return 0;
}

/* PATH.what beside the status file. */
static bool beside(const struct wattle_step *step, const char *what)
{
	char path[sizeof(step->status_path) + 8];

	snprintf(path, sizeof(path), "%s.%s", step->status_path, what);
	return access(path, F_OK) == 0;
}

/* The signal that a rank died of, and that nobody sent to all of them. 0: none. */
static int died_of(const struct wattle_step *step)
{
	char path[sizeof(step->status_path) + 8], text[16] = "";
	cleanup_close int fd = -1;
	int number;

	snprintf(path, sizeof(path), "%s.died", step->status_path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
		return 0;
	number = atoi(text);
	return number > 0 && number < 128 ? number : 0;
}

int wattle_step_exit(const struct wattle_step *step, int status, int checkpointed)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

	/* mpirun was told 0, see wattle_rank_main */
	if (code == 0)
		return step->mpirun && beside(step, "left") ? checkpointed : 0;
	return died_of(step) ? 128 + died_of(step) : code;
}

int wattle_step_ask(const struct wattle_step *step, uint32_t job_id, int signal, bool event, enum wattle_asked *ret, struct wattle_err *err)
{
	int rc;

	*ret = WATTLE_ASKED_BY_EVENT;
	if (step->mpirun && event && wattle_event_send(step->pid) == 0)
		return 0;
	*ret = WATTLE_ASKED_BY_SIGNAL;
	rc = step->mpirun ? wattle_mpirun_signal(step, signal, err) : wattle_srun_signal(step, job_id, signal, err);
	return rc;
}

bool wattle_step_status(const struct wattle_step *step, struct wattle_status *ret)
{
	char text[WATTLE_STATUS_SIZE];
	cleanup_close int fd = step->blind ? -1 : open(step->status_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || pread(fd, text, sizeof(text), 0) != (ssize_t) sizeof(text) || !wattle_status_parse(text, ret))
		return false;
	if (!ret->saved && beside(step, "saved"))
		ret->saved = 1;
	return true;
}

bool wattle_step_said(const char *folder, uint32_t number, struct wattle_status *ret)
{
	struct wattle_step step = { .pid = 0 };

	return name_status(&step, folder, number) && wattle_step_status(&step, ret);
}

void wattle_step_forget(const struct wattle_step *step)
{
	char path[sizeof(step->status_path) + 8];

	unlink(step->status_path);
	snprintf(path, sizeof(path), "%s.saved", step->status_path);
	unlink(path);
	snprintf(path, sizeof(path), "%s.left", step->status_path);
	unlink(path);
	snprintf(path, sizeof(path), "%s.died", step->status_path);
	unlink(path);
}
