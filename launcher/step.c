/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "job.h"
#include "program.h"

#define ARGS_MAX 4096
#define STARTS_WITHIN_MS 60000
#define ENDS_WITHIN_MS 10000

/* In the child: its own signals again, and gone with us. */
static void become(char *const *argv)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "wattlerun: can't run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

struct words {
	char *word[ARGS_MAX + 1];
	size_t n;
	char text[1024];         /* of the words that are made here */
	size_t used;
};

static void add(struct words *w, char *word)
{
	if (w->n < ARGS_MAX)
		w->word[w->n++] = word;
}

static void __attribute__((format(printf, 2, 3))) make(struct words *w, const char *format, ...)
{
	char *at = w->text + w->used;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(at, sizeof(w->text) - w->used, format, args);
	va_end(args);
	add(w, at);
	w->used += (size_t) n + 1;
}

static void srun_words(struct words *w, const struct wattle_launch *l, const char *name)
{
	add(w, (char *) (uintptr_t) "srun");
	make(w, "--job-name=%s", name);
	make(w, "--nodes=%u", l->nodes);
	make(w, "--ntasks=%u", l->nodes * l->tasks_per_node);
	make(w, "--ntasks-per-node=%u", l->tasks_per_node);
	/* a rank that leaves with 85 is no failure; one that died is, and must not leave the others waiting for ever */
	make(w, "--kill-on-bad-exit=0");
	make(w, "--wait=%lld", (long long) l->wait_s);
	if (l->mpi)
		make(w, "--mpi=%.40s", l->mpi);
	for (char *const *p = l->srun_args; p && *p; p++)
		add(w, *p);
	add(w, (char *) (uintptr_t) "--");
	for (char *const *p = l->program; *p; p++)
		add(w, *p);
	w->word[w->n] = NULL;
}

static void export_words(const struct wattle_launch *l, const char *status_path)
{
	char text[32], path[4096];
	const char *preload = getenv("LD_PRELOAD");

	if (l->measure && (size_t) snprintf(path, sizeof(path), "%s/measured.jsonl", l->folder) < sizeof(path)) {
		setenv("WATTLE_MEASURE", path, 1);
		/* for programs that are not linked with it; the loader finds it as it does any library */
		snprintf(path, sizeof(path), "%s%slibwattle_mpi.so.0", preload ? preload : "", preload ? ":" : "");
		setenv("LD_PRELOAD", path, 1);
	}
	setenv(WATTLE_STATUS_ENV, status_path, 1);
	snprintf(text, sizeof(text), "%d", l->signal);
	setenv(WATTLE_SIGNAL_ENV, text, 1);
	snprintf(text, sizeof(text), "%u", l->number - 1);
	setenv("WATTLE_RESTART", text, 1);
}

int wattle_step_start(const struct wattle_launch *launch, struct wattle_step *ret, struct wattle_err *err)
{
	struct wattle_step step = { 0 };
	struct words *words;
	size_t n = 0;

	for (char *const *p = launch->program; *p; p++)
		n++;
	for (char *const *p = launch->srun_args; p && *p; p++)
		n++;
	if (n + 16 > ARGS_MAX)
		return wattle_err_set(err, E2BIG, "%zu words are more than the %d that are passed on", n, ARGS_MAX - 16);
	snprintf(step.name, sizeof(step.name), "wattlerun.%u", launch->number);
	if ((size_t) snprintf(step.status_path, sizeof(step.status_path), "%s/status.%u", launch->folder, launch->number) >= sizeof(step.status_path) - 8)
		return wattle_err_set(err, ENAMETOOLONG, "the state folder's name is too long");
	wattle_step_forget(&step);
	step.blind = access(step.status_path, F_OK) == 0;
	words = calloc(1, sizeof(*words));
	if (!words)
		return wattle_err_set(err, ENOMEM, "out of memory");
	srun_words(words, launch, step.name);
	step.pid = fork();
	if (step.pid == 0) {
		export_words(launch, step.status_path);
		become(words->word);
	}
	free(words);
	if (step.pid < 0)
		return wattle_err_set(err, errno, "can't start srun: %s", strerror(errno));
	*ret = step;
	return 0;
}

bool wattle_step_status(const struct wattle_step *step, struct wattle_status *ret)
{
	char text[WATTLE_STATUS_SIZE], path[sizeof(step->status_path) + 8];
	cleanup_close int fd = step->blind ? -1 : open(step->status_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || pread(fd, text, sizeof(text), 0) != (ssize_t) sizeof(text) || !wattle_status_parse(text, ret))
		return false;
	snprintf(path, sizeof(path), "%s.saved", step->status_path);
	if (!ret->saved && access(path, F_OK) == 0)
		ret->saved = 1;
	return true;
}

void wattle_step_forget(const struct wattle_step *step)
{
	char path[sizeof(step->status_path) + 8];

	unlink(step->status_path);
	snprintf(path, sizeof(path), "%s.saved", step->status_path);
	unlink(path);
}

int wattle_step_signal(const struct wattle_step *step, uint32_t job_id, int signal, struct wattle_err *err)
{
	char job[16], number[32], id[64] = "", name[128];
	const char *list[] = { "-h", "-s", "-j", job, "-o", "%i %j", NULL };
	const char *send[] = { number, id, NULL };
	struct wattle_answer answer;
	int rc;

	snprintf(job, sizeof(job), "%u", job_id);
	rc = wattle_slurm_run("squeue", list, &answer, err);
	if (rc < 0)
		return rc;
	for (const char *line = answer.text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%63s %127s", id, name) == 2 && strcmp(name, step->name) == 0)
			break;
		id[0] = '\0';
	}
	free(answer.text);
	if (!id[0])
		return -EAGAIN;
	snprintf(number, sizeof(number), "--signal=%d", signal);
	rc = wattle_slurm_run("scancel", send, &answer, err);
	free(answer.text);
	return rc;
}

/* --- the cap ---------------------------------------------------------------------------------------------------------------- */

/* Each node says so once its step, and with it the cap, is in force. */
static int wait_for_nodes(int fd, uint32_t nodes)
{
	uint32_t said = 0;
	char buf[256];

	for (int waited_ms = 0; said < nodes && waited_ms < STARTS_WITHIN_MS;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t n;

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

int wattle_capper_start(uint32_t nodes, double watts_w, struct wattle_capper *ret, struct wattle_err *err)
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
		become(argv);
	}
	close(in[0]);
	close(out[1]);
	rc = wait_for_nodes(out[0], nodes);
	close(out[0]);
	*ret = (struct wattle_capper) { pid, in[1] };
	if (rc < 0) {
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
