/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agentlock.h"
#include "leftover.h"
#include "runner.h"
#include "watch.h"

static const char v1[] = "9:name=systemd:/system.slice/slurmd.service\n4:memory:/slurm_n1/uid_1001/job_12/step_batch\n"
			 "6:freezer:/slurm_n1/uid_1001/job_12/step_batch\n0::/\n";
static const char v2[] = "0::/system.slice/slurmstepd.scope/job_12/step_0/user/task_0\n";

static void test_cgroup_of_job(void)
{
	char path[512];

	CHECK_INT(wattle_job_cgroup_parse(v1, 12, path, sizeof(path)), 0);
	CHECK_STRING(path, "/slurm_n1/uid_1001/job_12");
	CHECK_INT(wattle_job_cgroup_parse(v2, 12, path, sizeof(path)), 0);
	CHECK_STRING(path, "/system.slice/slurmstepd.scope/job_12");
	CHECK_INT(wattle_job_cgroup_parse(v2, 1, path, sizeof(path)), -2);
	CHECK_INT(wattle_job_cgroup_parse(v2, 122, path, sizeof(path)), -2);
	CHECK_INT(wattle_job_cgroup_parse("0::/\n", 12, path, sizeof(path)), -2);
	CHECK_INT(wattle_job_cgroup_parse("", 12, path, sizeof(path)), -2);
	CHECK_INT(wattle_job_cgroup_parse("nonsense /job_12/ \n", 12, path, sizeof(path)), -2);
	CHECK_INT(wattle_job_cgroup_parse("0::/a/job_12", 12, path, sizeof(path)), 0);
	CHECK_STRING(path, "/a/job_12");
	CHECK_INT(wattle_job_cgroup_parse(v2, 12, path, 10), -2);
}

static void test_below(void)
{
	CHECK_INT(wattle_cgroup_below(v1, "/slurm_n1/uid_1001/job_12"), 1);
	CHECK_INT(wattle_cgroup_below(v1, "/slurm_n1/uid_1001/job_1"), 0);
	CHECK_INT(wattle_cgroup_below(v1, "/slurm_n2/uid_1001/job_12"), 0);
	CHECK_INT(wattle_cgroup_below(v2, "/system.slice/slurmstepd.scope/job_12"), 1);
	CHECK_INT(wattle_cgroup_below("0::/a", "/a"), 1);
}

static void test_lock(void)
{
	char dir[] = "/tmp/wattle-test-agent.XXXXXX", path[64];
	int fd;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CHECK_INT(wattle_agent_running(dir), 0);
	fd = wattle_agent_lock(dir);
	CU_ASSERT(fd >= 0);
	CHECK_INT(wattle_agent_running(dir), 1);
	CHECK_INT(wattle_agent_lock(dir), -16);
	close(fd);
	CHECK_INT(wattle_agent_running(dir), 0);
	snprintf(path, sizeof(path), "%s/agent.lock", dir);
	unlink(path);
	rmdir(dir);
}

static int n_ended;

static void ended(void *arg)
{
	struct wattle_watches *watches = arg;

	n_ended++;
	event_base_loopbreak(watches->base);
}

static void test_watch(void)
{
	struct event_base *base = event_base_new();
	struct wattle_watches watches = { .base = base, .ended = ended, .arg = &watches };
	struct wattle_lease_step steps[2] = { { .job_id = 1 }, { .job_id = 2 } };
	struct wattle_book book = { .n_steps = 2, .step = steps };
	struct timeval patience = { 5, 0 };
	pid_t child[2];

	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			pause();
			_exit(0);
		}
		CHECK_INT(wattle_proc_get(child[i], &steps[i].holder), 0);
	}
	CHECK_INT(wattle_watches_set(&watches, &book), 0);
	CHECK_INT(watches.n, 2);
	/* again: nothing is opened twice */
	CHECK_INT(wattle_watches_set(&watches, &book), 0);
	CHECK_INT(watches.n, 2);

	kill(child[0], SIGKILL);
	event_base_loopexit(base, &patience);
	event_base_dispatch(base);
	CHECK_INT(n_ended, 1);
	waitpid(child[0], NULL, 0);

	/* its entry is still in the book: said to be dead, and not watched */
	book.n_steps = 1;
	CHECK_INT(wattle_watches_set(&watches, &book), 0);
	CHECK_INT(watches.n, 1);
	wattle_watches_free(&watches);
	watches = (struct wattle_watches){ .base = base, .ended = ended, .arg = &watches };
	CHECK_INT(wattle_watches_set(&watches, &book), 1);
	CHECK_INT(watches.n, 0);

	/* a pid that is another's now is as good as dead */
	book.n_steps = 1;
	steps[0].holder.pid = getpid();
	steps[0].holder.start_ticks = 1;
	CHECK_INT(wattle_watches_set(&watches, &book), 1);
	wattle_watches_free(&watches);
	event_base_free(base);
	kill(child[1], SIGKILL);
	waitpid(child[1], NULL, 0);
}

static const struct test tests[] = {
	{ "the cgroup of a job", test_cgroup_of_job },
	{ "below a cgroup", test_below },
	{ "one agent per node", test_lock },
	{ "holders are watched", test_watch },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("agent", tests);
}
