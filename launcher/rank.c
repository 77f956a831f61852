/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "rank.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attend.h"
#include "status.h"

bool wattle_rank_is(int argc, char *const *argv)
{
	return argc > 3 && strcmp(argv[1], WATTLE_RANK_WORD) == 0;
}

/* In a process group of its own, so that a signal comes once: mpirun sends to the group of what it started. */
static void become(char **argv, pid_t parent, bool apart)
{
	const char *preload = getenv(WATTLE_PRELOAD_ENV);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (apart)
		setpgid(0, 0);
	if (preload && *preload)
		setenv("LD_PRELOAD", preload, 1);
	unsetenv(WATTLE_PRELOAD_ENV);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "wattlerun: can't run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Whether it died of what was sent to it through us, or of being told to end. */
static bool was_sent(uint64_t came, int number)
{
	return came & (WATTLE_CAME(number) | WATTLE_CAME(SIGTERM) | WATTLE_CAME(SIGINT) | WATTLE_CAME(SIGHUP));
}

/* In a file beside the status file. Many ranks may say so; once is enough. False: it can't be made. */
static bool note(const char *what, const char *text)
{
	const char *path = getenv(WATTLE_STATUS_ENV);
	char beside[4096];
	int fd;

	if (!path || (size_t) snprintf(beside, sizeof(beside), "%s.%s", path, what) >= sizeof(beside))
		return false;
	fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "wattlerun: %s: %s\n", beside, strerror(errno));
	close(fd);
	return true;
}

int wattle_rank_main(char **argv)
{
	const bool tree = strcmp(argv[2], WATTLE_RANK_TREE) == 0, task = strcmp(argv[2], WATTLE_RANK_TASK) == 0;
	const int checkpointed = tree || task ? -1 : atoi(argv[2]);
	const struct rlimit no_core = { 0, 0 };
	pid_t parent = getpid(), program;
	uint64_t came;
	sigset_t set;
	char text[16];
	int status;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_NAME, WATTLE_RANK_NAME);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* no rank outlives slurmstepd or mpirun's daemon */
	program = fork();
	if (program < 0) {
		fprintf(stderr, "wattlerun: can't start %s: %s\n", argv[3], strerror(errno));
		return 1;
	}
	if (program == 0)
		become(argv + 3, parent, !tree);
	if (!tree)
		setpgid(program, program); /* whichever of us comes first */
	status = wattle_attend(program, !tree, &set, &came);
	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "%d\n", WTERMSIG(status));
		if (!was_sent(came, WTERMSIG(status)))
			(void) note("died", text);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(WTERMSIG(status), SIG_DFL);
		sigdelset(&set, WTERMSIG(status));
		raise(WTERMSIG(status));
		sigprocmask(SIG_SETMASK, &set, NULL);
		return 128 + WTERMSIG(status);
	}
	if (WEXITSTATUS(status) != checkpointed)
		return WEXITSTATUS(status);
	/* without the note wattlerun would take a 0 for the program's end: mpirun may rather complain, and end ranks that still write */
	return note("left", "") ? 0 : checkpointed;
}
