/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "barrier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "podscan.h"

#define LINE_MAX_BYTES 300

struct peer {
	struct wattle_barrier *barrier;
	struct peer *next;
	int fd;
	struct event *left;
	char uid[WATTLE_POD_UID_MAX];
};

struct wattle_barrier {
	struct event_base *base;
	bool (*ask)(void *arg, const char *uid, char *line, size_t size);
	void *arg;
	int fd;
	struct event *listen;
	struct peer *peers;
	char path[108]; /* sun_path */
};

static void peer_free(struct peer *peer)
{
	struct peer **at = &peer->barrier->peers;

	while (*at && *at != peer)
		at = &(*at)->next;
	if (*at)
		*at = peer->next;
	if (peer->left)
		event_free(peer->left);
	close(peer->fd);
	free(peer);
}

/* It has hung up, or said something, which nobody asked it to. */
static void on_left(evutil_socket_t fd, short what, void *arg)
{
	char unread[256];
	ssize_t n = recv(fd, unread, sizeof(unread), MSG_DONTWAIT);

	(void) what;
	if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR)))
		peer_free(arg);
}

static void send_line(int fd, const char *text)
{
	char line[LINE_MAX_BYTES + 1];
	int n = snprintf(line, sizeof(line), "%.*s\n", LINE_MAX_BYTES - 1, text);

	/* A socket just made has room for a line; who does not take it does not need it. */
	(void) !send(fd, line, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* True if it was answered. */
static bool answer(struct wattle_barrier *barrier, int fd, const char *uid)
{
	char line[LINE_MAX_BYTES];

	if (!barrier->ask(barrier->arg, uid, line, sizeof(line)))
		return false;
	send_line(fd, line);
	return true;
}

static const char *why_refused(const struct wattle_barrier *barrier, int fd, char uid[WATTLE_POD_UID_MAX])
{
	char container[WATTLE_CONTAINER_ID_MAX];
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	unsigned all = 0, same = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0)
		return "refused who asks can't be seen from here: wattle-agent needs hostPID";
	if (wattle_pod_of(peer.pid, uid, container) < 0)
		return "refused who asks runs in no pod";
	for (const struct peer *p = barrier->peers; p; p = p->next) {
		all++;
		same += strcmp(p->uid, uid) == 0;
	}
	if (same >= WATTLE_BARRIER_POD_MAX || all >= WATTLE_BARRIER_CONNECTIONS_MAX)
		return "refused too many ask at once";
	return NULL;
}

static int wait_for(struct wattle_barrier *barrier, int fd, const char *uid)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return -ENOMEM;
	peer->barrier = barrier;
	peer->fd = fd;
	snprintf(peer->uid, sizeof(peer->uid), "%s", uid);
	peer->left = event_new(barrier->base, fd, EV_READ | EV_PERSIST, on_left, peer);
	if (!peer->left || event_add(peer->left, NULL) < 0) {
		if (peer->left)
			event_free(peer->left);
		free(peer);
		return -ENOMEM;
	}
	peer->next = barrier->peers;
	barrier->peers = peer;
	return 0;
}

static void on_peer(evutil_socket_t listening, short what, void *arg)
{
	struct wattle_barrier *barrier = arg;
	char uid[WATTLE_POD_UID_MAX];
	const char *refused;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void) what;
	if (fd < 0)
		return;
	refused = why_refused(barrier, fd, uid);
	if (refused)
		send_line(fd, refused);
	else if (!answer(barrier, fd, uid) && wait_for(barrier, fd, uid) == 0)
		return;
	close(fd);
}

/* Everybody may connect, nobody but root may put another socket there. */
static int open_folder(const char *dir, struct wattle_err *err)
{
	struct stat st;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return wattle_err_set(err, errno, "can't make %s: %s", dir, strerror(errno));
	if (lstat(dir, &st) < 0)
		return wattle_err_set(err, errno, "can't stat %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0)
		return wattle_err_set(err, EPERM, "%s is no folder of root's: remove it, it is made anew", dir);
	if ((st.st_mode & 07777) != 0755 && chmod(dir, 0755) < 0)
		return wattle_err_set(err, errno, "can't set the mode of %s: %s", dir, strerror(errno));
	return 0;
}

static int open_socket(struct wattle_barrier *barrier, const char *dir, struct wattle_err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int n = snprintf(barrier->path, sizeof(barrier->path), "%s/barrier.sock", dir);

	if (n < 0 || (size_t) n >= sizeof(barrier->path))
		return wattle_err_set(err, ENAMETOOLONG, "%s is too long for a socket's folder", dir);
	memcpy(name.sun_path, barrier->path, sizeof(name.sun_path));
	barrier->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (barrier->fd < 0)
		return wattle_err_set(err, errno, "can't make a socket: %s", strerror(errno));
	unlink(barrier->path);
	if (bind(barrier->fd, (struct sockaddr *) &name, sizeof(name)) < 0 || chmod(barrier->path, 0666) < 0 || listen(barrier->fd, 128) < 0)
		return wattle_err_set(err, errno, "can't listen at %s: %s", barrier->path, strerror(errno));
	return 0;
}

int wattle_barrier_open(struct event_base *base, const char *dir, bool (*ask)(void *arg, const char *uid, char *line, size_t size), void *arg,
			struct wattle_barrier **ret, struct wattle_err *err)
{
	struct wattle_barrier *barrier = calloc(1, sizeof(*barrier));
	int rc;

	if (!barrier)
		return wattle_err_set(err, ENOMEM, "out of memory");
	barrier->base = base;
	barrier->ask = ask;
	barrier->arg = arg;
	barrier->fd = -1;
	rc = open_folder(dir, err);
	if (rc == 0)
		rc = open_socket(barrier, dir, err);
	if (rc == 0) {
		barrier->listen = event_new(base, barrier->fd, EV_READ | EV_PERSIST, on_peer, barrier);
		if (!barrier->listen || event_add(barrier->listen, NULL) < 0)
			rc = wattle_err_set(err, ENOMEM, "out of memory");
	}
	if (rc < 0) {
		wattle_barrier_close(barrier);
		return rc;
	}
	*ret = barrier;
	return 0;
}

void wattle_barrier_changed(struct wattle_barrier *barrier)
{
	struct peer *next;

	for (struct peer *peer = barrier ? barrier->peers : NULL; peer; peer = next) {
		next = peer->next;
		if (answer(barrier, peer->fd, peer->uid))
			peer_free(peer);
	}
}

/* The socket stays: who asks before another agent is there is refused by the kernel, and asks again. */
void wattle_barrier_close(struct wattle_barrier *barrier)
{
	if (!barrier)
		return;
	while (barrier->peers)
		peer_free(barrier->peers);
	if (barrier->listen)
		event_free(barrier->listen);
	if (barrier->fd >= 0)
		close(barrier->fd);
	free(barrier);
}
