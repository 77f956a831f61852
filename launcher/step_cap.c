/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The step that holds a cap. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "step_words.h"

#define ENDS_WITHIN_MS 10000

/* Nobody needs the cap any more. */
static bool is_over(pid_t step)
{
	siginfo_t info = { .si_pid = 0 };
	sigset_t pending;

	if (sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT) || sigismember(&pending, SIGHUP)))
		return true;
	return step > 0 && waitid(P_PID, (id_t) step, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == step;
}

/* Each node says so once its step, and with it the cap, is in force. */
static int wait_for_nodes(int fd, uint32_t nodes, double within_s, pid_t step)
{
	uint32_t said = 0;
	char buf[256];

	for (int waited_ms = 0; said < nodes && waited_ms < within_s * 1000;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t n;

		if (is_over(step))
			return -EINTR;
		if (poll(&p, 1, 100) < 1) {
			waited_ms += 100;
			continue;
		}
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			return -EIO;
		for (ssize_t i = 0; i < n; i++)
			said += buf[i] == '+';
	}
	return said < nodes ? -ETIMEDOUT : 0;
}

int wattle_capper_start(uint32_t nodes, double watts_w, double within_s, pid_t step, struct wattle_capper *ret, struct wattle_err *err)
{
	/* signals meant for the program must not end it */
	static char script[] = "trap '' URG USR1 USR2; echo +; exec cat";
	char n[32], tasks[32], watts[32];
	char *argv[] = { (char *) (uintptr_t) "srun", (char *) (uintptr_t) "--job-name=wattlerun.cap", (char *) (uintptr_t) "--overlap",
			 (char *) (uintptr_t) "--mpi=none", (char *) (uintptr_t) "--ntasks-per-node=1", (char *) (uintptr_t) "--mem=0", n, tasks, watts,
			 (char *) (uintptr_t) "sh", (char *) (uintptr_t) "-c", script, NULL };
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	pid_t pid;
	int rc;

	snprintf(n, sizeof(n), "--nodes=%u", nodes);
	snprintf(tasks, sizeof(tasks), "--ntasks=%u", nodes);
	snprintf(watts, sizeof(watts), "--power-cap=%.0fW", watts_w);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		rc = wattle_err_set(err, errno, "can't start srun: %s", strerror(errno));
		wattle_cleanup_close(&in[0]), wattle_cleanup_close(&in[1]), wattle_cleanup_close(&out[0]), wattle_cleanup_close(&out[1]);
		return rc;
	}
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		wattle_step_become(argv);
	}
	close(in[0]);
	close(out[1]);
	rc = wait_for_nodes(out[0], nodes, within_s, step);
	close(out[0]);
	*ret = (struct wattle_capper) { pid, in[1] };
	if (rc < 0) {
		kill(pid, SIGTERM); /* an srun that waits for its nodes does not look at its input */
		wattle_capper_stop(ret);
		return wattle_err_set(err, -rc, "the step that holds %s did not start", watts + 2);
	}
	return 0;
}

void wattle_capper_stop(struct wattle_capper *capper)
{
	if (capper->fd < 0)
		return;
	close(capper->fd);
	capper->fd = -1;
	for (int waited_ms = 0; waitpid(capper->pid, NULL, WNOHANG) == 0; waited_ms += 20) {
		struct timespec nap = { 0, 20000000 };

		if (waited_ms == ENDS_WITHIN_MS)
			kill(capper->pid, SIGTERM);
		if (waited_ms > 2 * ENDS_WITHIN_MS)
			kill(capper->pid, SIGKILL);
		nanosleep(&nap, NULL);
	}
}
