/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drain.h"

#define LONGEST_S 60

/* Slurm's own call from within would wait for slurmctld with its many retries, and there is no way to bound it in
 * a process that must not die. Between fork and exec only calls that are safe in a process with threads. */
static void exec_detached(char *const argv[], char *const env[])
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
	alarm(LONGEST_S);
	execve(argv[0], argv, env);
	_exit(127);
}

int wattle_node_drain(const char *node, const char *reason, struct wattle_err *err)
{
	char node_arg[300], reason_arg[700], conf_env[512];
	const char *conf = getenv("SLURM_CONF"); /* slurmd hands its own on; no user can reach it */
	char *argv[] = { (char *) WATTLE_SCONTROL_PATH, (char *) "update", node_arg, (char *) "state=drain", reason_arg, NULL };
	char *env[] = { (char *) "PATH=/usr/bin:/bin", conf ? conf_env : NULL, NULL };

	if (access(WATTLE_SCONTROL_PATH, X_OK) < 0)
		return wattle_err_set(err, errno, "can't drain node %s: %s: %s", node, WATTLE_SCONTROL_PATH, strerror(errno));
	snprintf(node_arg, sizeof(node_arg), "nodename=%s", node);
	snprintf(reason_arg, sizeof(reason_arg), "reason=%s", reason);
	if (conf)
		snprintf(conf_env, sizeof(conf_env), "SLURM_CONF=%s", conf);

	pid_t child = fork();
	if (child < 0)
		return wattle_err_set(err, errno, "can't drain node %s: fork: %s", node, strerror(errno));
	if (child == 0)
		exec_detached(argv, env);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
