/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"

#define LONGEST_S 60

/* Between fork and exec only calls that are safe in a process with threads. */
static void exec_detached(char *const argv[], char *const env[], unsigned delay_s)
{
	sigset_t none;

	setsid();
	if (fork() != 0)
		_exit(0);
	int null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
	}
	close_range(3, ~0U, 0);
	if (chdir("/") < 0)
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGALRM, SIG_DFL);
	sleep(delay_s);
	alarm(LONGEST_S);
	execve(argv[0], argv, env);
	_exit(127);
}

static int run_detached(char *const argv[], unsigned delay_s, struct wattle_err *err)
{
	const char *conf = getenv("SLURM_CONF"); /* slurmd hands its own on; no user can reach it */
	char conf_env[512];
	char *env[] = { (char *) "PATH=/usr/bin:/bin", conf ? conf_env : NULL, NULL };

	if (access(argv[0], X_OK) < 0)
		return wattle_err_set(err, errno, "%s: %s", argv[0], strerror(errno));
	if (conf)
		snprintf(conf_env, sizeof(conf_env), "SLURM_CONF=%s", conf);
	pid_t child = fork();
	if (child < 0)
		return wattle_err_set(err, errno, "fork: %s", strerror(errno));
	if (child == 0)
		exec_detached(argv, env, delay_s);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

int wattle_node_drain(const char *node, const char *reason, struct wattle_err *err)
{
	char node_arg[300], reason_arg[700];
	char *argv[] = { (char *) WATTLE_SLURM_BINDIR "/scontrol", (char *) "update", node_arg, (char *) "state=drain", reason_arg, NULL };

	snprintf(node_arg, sizeof(node_arg), "nodename=%s", node);
	snprintf(reason_arg, sizeof(reason_arg), "reason=%s", reason);
	int rc = run_detached(argv, 0, err);
	return rc < 0 ? wattle_err_wrap(err, "can't drain node %s", node) : 0;
}

int wattle_step_kill(uint32_t job_id, uint32_t step_id, struct wattle_err *err)
{
	char step_arg[32];
	char *argv[] = { (char *) WATTLE_SLURM_BINDIR "/scancel", (char *) "--quiet", step_arg, NULL };

	snprintf(step_arg, sizeof(step_arg), "%" PRIu32 ".%" PRIu32, job_id, step_id);
	int rc = run_detached(argv, 1, err);
	return rc < 0 ? wattle_err_wrap(err, "can't end step %s", step_arg) : 0;
}
