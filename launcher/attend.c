/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attend.h"

#include <sys/wait.h>

int wattle_attend(pid_t program, bool pass_on, const sigset_t *set, uint64_t *ret_came)
{
	siginfo_t info;
	pid_t pid;
	int status, number;

	*ret_came = 0;
	for (;;) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == program)
				return status;
		number = sigwaitinfo(set, &info);
		if (number > 0 && number != SIGCHLD) {
			if (pass_on)
				kill(-program, number);
			*ret_came |= WATTLE_CAME(number);
		}
	}
}
