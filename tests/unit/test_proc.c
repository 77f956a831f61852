/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"

static void test_self(void)
{
	struct wattle_proc self, again;

	CHECK_INT(wattle_proc_get(getpid(), &self), 0);
	CHECK_INT(self.pid, getpid());
	CU_ASSERT(self.start_ticks > 0);
	/* A name that tries to look like the fields after it. */
	prctl(PR_SET_NAME, "a) Z 1 1 (");
	CHECK_INT(wattle_proc_get(getpid(), &again), 0);
	CHECK_INT(again.start_ticks, self.start_ticks);
	CU_ASSERT(wattle_proc_alive(&self));
}

static void test_other_start(void)
{
	struct wattle_proc self;

	wattle_proc_get(getpid(), &self);
	self.start_ticks++;
	CU_ASSERT_FALSE(wattle_proc_alive(&self));
}

static void test_ends(void)
{
	struct wattle_proc child;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK_INT(wattle_proc_get(pid, &child), 0);
	CU_ASSERT(wattle_proc_alive(&child));
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT);
	CU_ASSERT_FALSE(wattle_proc_alive(&child)); /* still a zombie */
	CHECK_INT(wattle_proc_get(pid, &child), -ESRCH);
	waitpid(pid, NULL, 0);
	CU_ASSERT_FALSE(wattle_proc_alive(&child));
}

static void test_nobody(void)
{
	struct wattle_proc proc;

	CHECK_INT(wattle_proc_get(0, &proc), -ESRCH);
	CHECK_INT(wattle_proc_get(-1, &proc), -ESRCH);
	CHECK_INT(wattle_proc_get(0x7fffffff, &proc), -ESRCH);
}

static void test_boot(void)
{
	char id[37];
	uint64_t before_ns = wattle_boottime_ns();

	CHECK_INT(wattle_boot_id(id), 0);
	CHECK_INT(strlen(id), 36);
	CU_ASSERT(wattle_boottime_ns() >= before_ns);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a process whatever its name", test_self },
		{ "same pid, other start time", test_other_start },
		{ "an ended process and a zombie are gone", test_ends },
		{ "no such process", test_nobody },
		{ "boot id and boot clock", test_boot },
		{ NULL, NULL },
	};

	return run_suite("proc", tests);
}
