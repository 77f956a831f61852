/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What Slurm's commands take from the environment to show less, or in another form. */
static const char *const habits[] = {
	"SLURM_CLUSTERS", "SLURM_BITSTR_LEN", "SACCT_FORMAT", "SQUEUE_ACCOUNT", "SQUEUE_ARRAY", "SQUEUE_CLUSTERS", "SQUEUE_FEDERATION",
	"SQUEUE_FORMAT", "SQUEUE_FORMAT2", "SQUEUE_LICENSES", "SQUEUE_LOCAL", "SQUEUE_NAMES", "SQUEUE_PARTITION", "SQUEUE_QOS",
	"SQUEUE_SIBLING", "SQUEUE_SORT", "SQUEUE_STATES", "SQUEUE_USERS",
};

/* Runs in the child: only async-signal-safe calls, but for setenv, which is safe as we have one thread. */
static void __attribute__((noreturn)) become(const char *const *argv, bool as_is, int out, int said, int told)
{
	int null = open("/dev/null", O_RDONLY);
	int code;

	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	/* what we parse must not depend on the caller's language or habits */
	if (!as_is) {
		setenv("LC_ALL", "C", 1);
		setenv("SLURM_TIME_FORMAT", "%s", 1);
		for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
			unsetenv(habits[i]);
	}
	execv(argv[0], (char *const *) (uintptr_t) argv);
	code = errno;
	if (write(told, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

struct stream {
	int fd;
	char *text;
	size_t len, room, max;
};

/* 0 more may come, 1 end of file, -errno */
static int take(struct stream *stream)
{
	ssize_t n;

	if (stream->len + 1 >= stream->room) {
		size_t room = stream->room ? stream->room * 2 : 4096;
		char *text = realloc(stream->text, room);

		if (!text)
			return -ENOMEM;
		stream->text = text;
		stream->room = room;
		stream->text[stream->len] = '\0';
	}
	n = read(stream->fd, stream->text + stream->len, stream->room - stream->len - 1);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return 1;
	stream->len += (size_t) n;
	stream->text[stream->len] = '\0';
	if (stream->len > stream->max)
		return -EFBIG;
	return 0;
}

/* Reads both until they close or time is up. */
static int listen_to(struct stream *out, struct stream *said, int64_t until_ms)
{
	while (out->fd >= 0 || said->fd >= 0) {
		struct pollfd p[2] = { { out->fd, POLLIN, 0 }, { said->fd, POLLIN, 0 } };
		struct stream *s[2] = { out, said };
		int64_t left = until_ms - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, 2, (int) (left > 1000 ? 1000 : left)) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			int rc;

			if (s[i]->fd < 0 || !(p[i].revents & (POLLIN | POLLHUP | POLLERR)))
				continue;
			rc = take(s[i]);
			if (rc < 0)
				return rc;
			if (rc > 0) {
				close(s[i]->fd);
				s[i]->fd = -1;
			}
		}
	}
	return 0;
}

/* It closed its output; it may still take a moment to end, or hang. */
static int reap(pid_t pid, int64_t until_ms, int *ret_status)
{
	for (;;) {
		struct timespec nap = { 0, 2000000 };
		pid_t got = waitpid(pid, ret_status, WNOHANG);

		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (now_ms() >= until_ms)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
}

static int ask(const char *const *argv, bool as_is, unsigned timeout_ms, size_t max_bytes, struct wattle_answer *ret,
	       struct wattle_err *err)
{
	int out[2] = { -1, -1 }, said[2] = { -1, -1 }, told[2] = { -1, -1 };
	struct stream o = { -1, NULL, 0, 0, max_bytes }, e = { -1, NULL, 0, 0, 65536 };
	int64_t until_ms = now_ms() + timeout_ms;
	int rc, status = 0, code = 0;
	pid_t pid = -1;

	memset(ret, 0, sizeof(*ret));
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(said, O_CLOEXEC) < 0 || pipe2(told, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		rc = wattle_err_set(err, errno, "can't run %s: %s", argv[0], strerror(errno));
		goto out;
	}
	if (pid == 0)
		become(argv, as_is, out[1], said[1], told[1]);
	setpgid(pid, pid); /* whoever comes first */
	close(out[1]), close(said[1]), close(told[1]);
	out[1] = said[1] = told[1] = -1;
	o.fd = out[0], e.fd = said[0];
	out[0] = said[0] = -1;

	if (read(told[0], &code, sizeof(code)) == (ssize_t) sizeof(code)) {
		waitpid(pid, NULL, 0);
		rc = wattle_err_set(err, code, "can't run %s: %s", argv[0], strerror(code));
		goto out;
	}
	rc = listen_to(&o, &e, until_ms);
	if (rc == 0)
		rc = reap(pid, until_ms, &status);
	if (rc < 0) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (rc == -ETIMEDOUT)
			wattle_err_set(err, ETIMEDOUT, "%s did not answer within %u s", argv[0], (timeout_ms + 999) / 1000);
		else
			wattle_err_set(err, -rc, "reading from %s: %s", argv[0], strerror(-rc));
		goto out;
	}
	ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	ret->text = o.text ? o.text : calloc(1, 1);
	ret->len = o.len;
	o.text = NULL;
	if (!ret->text)
		rc = wattle_err_set(err, ENOMEM, "out of memory");
	if (e.text) {
		e.text[strcspn(e.text, "\n")] = '\0';
		wattle_err_quote(ret->said, sizeof(ret->said), e.text);
	}
out:
	for (int i = 0; i < 2; i++) {
		wattle_cleanup_close(&out[i]);
		wattle_cleanup_close(&said[i]);
		wattle_cleanup_close(&told[i]);
	}
	wattle_cleanup_close(&o.fd);
	wattle_cleanup_close(&e.fd);
	free(o.text);
	free(e.text);
	return rc;
}

int wattle_program_ask(const char *const *argv, unsigned timeout_ms, size_t max_bytes, struct wattle_answer *ret,
		       struct wattle_err *err)
{
	return ask(argv, false, timeout_ms, max_bytes, ret, err);
}

int wattle_program_ask_as_is(const char *const *argv, unsigned timeout_ms, size_t max_bytes, struct wattle_answer *ret,
			     struct wattle_err *err)
{
	return ask(argv, true, timeout_ms, max_bytes, ret, err);
}

int wattle_program_find(const char *name, char *ret_path, size_t size)
{
	static const char *const folders[] = {
#ifdef WATTLE_SLURM_BINDIR
		WATTLE_SLURM_BINDIR,
#endif
		"/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin", "/opt/slurm/bin", "/usr/local/slurm/bin",
	};
	const char *path = getenv("PATH");

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		int n = snprintf(ret_path, size, "%s/%s", folders[i], name);

		if (n > 0 && (size_t) n < size && access(ret_path, X_OK) == 0)
			return 0;
	}
	if (geteuid() == 0 || !path)
		return -ENOENT;
	while (*path) {
		size_t len = strcspn(path, ":");
		int n = len ? snprintf(ret_path, size, "%.*s/%s", (int) len, path, name) : -1;

		if (n > 0 && (size_t) n < size && ret_path[0] == '/' && access(ret_path, X_OK) == 0)
			return 0;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}
