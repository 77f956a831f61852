/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "event.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "step_words.h"

#define HELPER WATTLE_LIBEXECDIR "/wattle-event"
#define WITHIN_MS 5000
#define LOOK_MS 10

int wattle_event_send(pid_t pid)
{
	static char name[] = HELPER;
	char number[16];
	char *argv[] = { name, number, NULL };
	struct timespec nap = { 0, LOOK_MS * 1000000 };
	int status, null;
	pid_t child;

	if (access(HELPER, X_OK) < 0)
		return -errno;
	snprintf(number, sizeof(number), "%d", (int) pid);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		/* what libpmix has to say helps nobody where a signal does as well */
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0 && dup2(null, STDERR_FILENO) >= 0)
			dup2(null, STDOUT_FILENO);
		wattle_step_become(argv);
	}
	for (int waited_ms = 0; waitpid(child, &status, WNOHANG) == 0; waited_ms += LOOK_MS) {
		if (waited_ms == WITHIN_MS)
			kill(child, SIGKILL);
		nanosleep(&nap, NULL);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
