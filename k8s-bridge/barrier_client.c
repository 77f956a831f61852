/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wattle-barrier: waits until the cap of the pod it runs in is in force. For an init container, or a sidecar whose start the pod waits
 * for. Needs no right and no library: static, so that it runs in any image. It changes nothing, so that it may be restarted at any time. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

#define RETRY_MS 200
#define TIMEOUT_S 300

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A connection, or -1: nobody listens (yet). */
static int reach(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *) &to, sizeof(to)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The line, or false: not within time, or the agent went away. */
static bool hear(int fd, int64_t until_ms, char *line, size_t size)
{
	size_t len = 0;

	while (len < size - 1) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int64_t left_ms = until_ms - now_ms();
		ssize_t n;

		if (left_ms <= 0 || (poll(&wait, 1, (int) left_ms) <= 0 && errno != EINTR))
			return false;
		n = read(fd, line + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		len += (size_t) n;
		line[len] = '\0';
		if (strchr(line, '\n')) {
			*strchr(line, '\n') = '\0';
			return true;
		}
	}
	return false;
}

static bool ask(const char *path, int64_t until_ms, char *line, size_t size)
{
	while (now_ms() < until_ms) {
		int fd = reach(path);
		bool heard = fd >= 0 && hear(fd, until_ms, line, size);

		if (fd >= 0)
			close(fd);
		if (heard && strncmp(line, "refused too many", 16) != 0)
			return true;
		(void) !usleep(RETRY_MS * 1000);
	}
	return false;
}

static void help(void)
{
	printf("usage: wattle-barrier [OPTION…]\n\n"
	       "Waits until the power cap of the pod it runs in is in force, and ends with 0; at once in a pod\n"
	       "without watts. Asks wattle-agent of the node by a socket that the pod must mount.\n\n"
	       "options:\n"
	       "  --timeout=SECONDS  then ends with 1 [%d]\n"
	       "  --stay             once it is in force, stay until SIGTERM: for a sidecar\n"
	       "  --socket=PATH      the agent's socket [" WATTLE_BARRIER_SOCKET "]\n"
	       "  --help             this text\n"
	       "  --version          the version\n\n"
	       "See wattle-barrier(1).\n", TIMEOUT_S);
}

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "wattle-barrier: %s%s: `wattle-barrier --help` says how\n", why, what);
	return 2;
}

static int stay(void)
{
	sigset_t set;
	int which;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &which);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "timeout", required_argument, NULL, 't' }, { "stay", no_argument, NULL, 's' },    { "socket", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },	     { "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 },
	};
	const char *path = WATTLE_BARRIER_SOCKET;
	char line[512] = "", *end;
	long timeout_s = TIMEOUT_S;
	bool stays = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hV", options, NULL)) != -1)
		switch (c) {
		case 't':
			timeout_s = strtol(optarg, &end, 10);
			if (end == optarg || (*end && strcmp(end, "s") != 0) || timeout_s < 1 || timeout_s > 86400)
				return usage("--timeout takes whole seconds, 1 to 86400, not ", optarg);
			break;
		case 's':
			stays = true;
			break;
		case 'p':
			path = optarg;
			break;
		case 'h':
			help();
			return 0;
		case 'V':
			printf("wattle-barrier %s\n", PACKAGE_VERSION);
			return 0;
		case ':':
			return usage("a value is missing after ", argv[optind - 1]);
		default:
			return usage("no option ", argv[optind - 1]);
		}
	if (optind < argc)
		return usage("one word too many: ", argv[optind]);
	if (strlen(path) >= sizeof(((struct sockaddr_un *) 0)->sun_path))
		return usage("too long for a socket: ", path);
	if (!ask(path, now_ms() + timeout_s * 1000, line, sizeof(line))) {
		fprintf(stderr, "wattle-barrier: no word of this pod's cap within %ld s at %s: does wattle-agent run on this node, and is the folder mounted?\n",
			timeout_s, path);
		return 1;
	}
	if (strncmp(line, "applied", 7) != 0 && strcmp(line, "none") != 0) {
		fprintf(stderr, "wattle-barrier: %s\n", line);
		return 1;
	}
	printf("wattle-barrier: %s\n", strcmp(line, "none") == 0 ? "this pod has no watts of its own" : line);
	fflush(stdout);
	return stays ? stay() : 0;
}
