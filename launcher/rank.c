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

#include "status.h"

bool wattle_rank_is(int argc, char *const *argv)
{
	return argc > 3 && strcmp(argv[1], WATTLE_RANK_WORD) == 0;
}

/* In a process group of its own, so that a signal comes once: mpirun sends to the group of what it started. */
static void become(char **argv, pid_t parent)
{
	const char *preload = getenv(WATTLE_PRELOAD_ENV);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
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

/* Passes on what comes until the program has ended; *ret_passed: whether anything came. */
static int attend(pid_t program, const sigset_t *set, bool *ret_passed)
{
	siginfo_t info;
	int status, number;

	for (;;) {
		if (waitpid(program, &status, WNOHANG) == program)
			return status;
		number = sigwaitinfo(set, &info);
		if (number > 0 && number != SIGCHLD) {
			kill(-program, number);
			*ret_passed = true;
		}
	}
}

/* In a file beside the status file. Many ranks may say so; once is enough. */
static void note(const char *what, const char *text)
{
	const char *path = getenv(WATTLE_STATUS_ENV);
	char beside[4096];
	int fd;

	if (!path || (size_t) snprintf(beside, sizeof(beside), "%s.%s", path, what) >= sizeof(beside))
		return;
	fd = open(beside, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "wattlerun: %s: %s\n", beside, strerror(errno));
	close(fd);
}

int wattle_rank_main(char **argv)
{
	const int checkpointed = atoi(argv[2]);
	const struct rlimit no_core = { 0, 0 };
	pid_t parent = getpid(), program;
	bool passed = false;
	sigset_t set;
	char text[16];
	int status;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* no rank outlives mpirun's daemon */
	program = fork();
	if (program < 0) {
		fprintf(stderr, "wattlerun: can't start %s: %s\n", argv[3], strerror(errno));
		return 1;
	}
	if (program == 0)
		become(argv + 3, parent);
	setpgid(program, program); /* whichever of us comes first */
	status = attend(program, &set, &passed);
	if (WIFSIGNALED(status)) {
		/* the others may fail for want of this one, and mpirun tell of them */
		snprintf(text, sizeof(text), "%d\n", WTERMSIG(status));
		if (!passed)
			note("died", text);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(WTERMSIG(status), SIG_DFL);
		sigdelset(&set, WTERMSIG(status));
		raise(WTERMSIG(status));
		sigprocmask(SIG_SETMASK, &set, NULL);
		return 128 + WTERMSIG(status);
	}
	if (WEXITSTATUS(status) != checkpointed)
		return WEXITSTATUS(status);
	note("left", "");
	return 0;
}
