/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inpod.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "attend.h"
#include "cleanup.h"
#include "status.h"

#define HOSTFILE_ENV "OMPI_MCA_orte_default_hostfile" /* the operator's, of the workers */
#define NAMES_S 60
#define NAME_BYTES 256
#define HOSTS_MAX 10000

extern char **environ;

bool wattle_inpod_is(void)
{
	return getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

static void say(const struct wattle_inpod *o, const char *text)
{
	if (!o->quiet)
		fprintf(stderr, "wattlerun: %s\n", text);
}

/* mpirun passes on to ranks on other hosts only what it is told to. NULL: out of memory. */
static char **words_of(char **program)
{
	const char *name = strrchr(program[0], '/');
	size_t n = 0, used = 0;
	char **words;

	name = name ? name + 1 : program[0];
	while (program[n])
		n++;
	words = calloc(n + 3, sizeof(*words));
	if (!words)
		return NULL;
	words[used++] = program[0];
	if (strcmp(name, "mpirun") == 0 || strcmp(name, "mpiexec") == 0) {
		words[used++] = (char *) (uintptr_t) "-x";
		words[used++] = (char *) (uintptr_t) WATTLE_SIGNAL_ENV;
	}
	memcpy(words + used, program + 1, (n - 1) * sizeof(*words));
	return words;
}

/* In a process group of its own, with the signals as they were. 0 or an errno. */
static int start(char **words, pid_t *ret)
{
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc = posix_spawnattr_init(&attr);

	if (rc != 0)
		return rc;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	rc = posix_spawnp(ret, words[0], NULL, &attr, words, environ);
	posix_spawnattr_destroy(&attr);
	return rc;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Whether somebody stops us in time. */
static bool stopped(const sigset_t *set, double wait_s)
{
	double end_s = now_s() + wait_s, left_s;

	while ((left_s = end_s - now_s()) > 0) {
		struct timespec t = { (time_t) left_s, (long) ((left_s - (double) (time_t) left_s) * 1e9) };
		int number = sigtimedwait(set, NULL, &t);

		if (number == SIGTERM || number == SIGINT)
			return true;
		while (number == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	return false;
}

/* The first host of the list whose name nobody knows yet, into ret; false: all are known, or there is no list. Read each time: the operator may
 * have written it anew. */
static bool unknown(const char *path, char ret[NAME_BYTES])
{
	const struct addrinfo any = { .ai_socktype = SOCK_STREAM };
	FILE *f = fopen(path, "re");
	char line[NAME_BYTES + 64];
	bool found = false;

	if (!f)
		return false;
	for (unsigned n = 0; !found && n < HOSTS_MAX && fgets(line, sizeof(line), f); n++) {
		struct addrinfo *info = NULL;

		line[strcspn(line, " \t\r\n:#")] = '\0';
		if (!line[0])
			continue;
		found = getaddrinfo(line, NULL, &any, &info) != 0;
		if (info)
			freeaddrinfo(info);
		snprintf(ret, NAME_BYTES, "%s", line);
	}
	fclose(f);
	return found;
}

/* After a job was resumed the operator starts the launcher with the workers, and they get names when they run. mpirun would give up at once, and each time
 * Kubernetes waits longer before it starts the launcher again. False: somebody stopped us meanwhile. */
static bool workers_have_names(const struct wattle_inpod *o, const sigset_t *set)
{
	const char *path = getenv(HOSTFILE_ENV);
	double end_s = now_s() + NAMES_S;
	char name[NAME_BYTES], text[NAME_BYTES + 64];
	bool told = false;

	while (path && now_s() < end_s && unknown(path, name)) {
		snprintf(text, sizeof(text), "waits for worker %s: its name is not known yet", name);
		if (!told)
			say(o, text);
		told = true;
		if (stopped(set, 0.5))
			return false;
	}
	return true;
}

int wattle_inpod_run(const struct wattle_inpod *o)
{
	cleanup_free char **words = words_of(o->program);
	char number[16], text[128];
	sigset_t set;

	snprintf(number, sizeof(number), "%d", o->signal);
	if (!words || setenv(WATTLE_SIGNAL_ENV, number, 1) < 0) {
		fprintf(stderr, "wattlerun: can't run %s: %s\n", o->program[0], strerror(ENOMEM));
		return 127;
	}
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		uint64_t came;
		pid_t pid;
		int status, rc;

		if (!workers_have_names(o, &set))
			return 128 + SIGTERM;
		rc = start(words, &pid);
		if (rc != 0) {
			fprintf(stderr, "wattlerun: can't run %s: %s\n", words[0], strerror(rc));
			return 127;
		}
		status = wattle_attend(pid, true, &set, &came);
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		if (WEXITSTATUS(status) != o->checkpointed || (came & (WATTLE_CAME(SIGTERM) | WATTLE_CAME(SIGINT))))
			return WEXITSTATUS(status);
		snprintf(text, sizeof(text), "checkpointed: waits to be stopped, %" PRId64 " s at most", o->wait_s);
		say(o, text);
		if (stopped(&set, (double) o->wait_s))
			return o->checkpointed;
		say(o, "nobody stopped it: goes on from its checkpoint");
	}
}
