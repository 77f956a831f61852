/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "admission.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "cleanup.h"

#define IDLE_S 30
#define LOOK_S 10        /* between looks at the certificate */
#define DRAIN_S 60       /* how long clients of an older certificate may go on */
#define BODY_FIRST 16384
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* What tells one state of a pair of files from the next; links are followed: a Secret's volume swaps its folder under them. */
struct pair_stamp {
	struct {
		dev_t dev;
		ino_t ino;
		off_t size;
		struct timespec modified;
	} file[2];
};

/* One certificate's server. */
struct server {
	struct wattle_admission *admission;
	struct MHD_Daemon *daemon;
	struct event *readable, *timer;
	bool quiesced; /* takes no new clients; the library dies of being told twice */
	char *cert, *key; /* the library may look at them as long as it serves */
};

struct wattle_admission {
	struct event_base *base;
	struct wattle_admission_spec spec;
	char *cert_file, *key_file;
	int listen_fd;
	uint16_t port;
	struct pair_stamp stamp;
	struct server *now, *before; /* before: ends its clients' connections; NULL: none */
	struct event *look, *drained;
	char told[256];
};

/* A request on its way in. */
struct body {
	char *text;
	size_t len, room;
	bool too_large, lost;
};

static void trouble(struct wattle_admission *admission, const char *text)
{
	if (!admission->spec.trouble || strncmp(admission->told, text, sizeof(admission->told) - 1) == 0)
		return;
	snprintf(admission->told, sizeof(admission->told), "%s", text);
	admission->spec.trouble(admission->spec.arg, text);
}

/* --- requests ------------------------------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), (void *) (uintptr_t) text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result answer_review(struct wattle_admission *admission, struct MHD_Connection *connection, const struct body *body)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct timespec begin, end;
	enum wattle_review_kind kind;
	struct json_object *review;
	enum MHD_Result rc;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	review = wattle_review_answer(body->text ? body->text : "", body->len, admission->spec.site, (int64_t) time(NULL), &kind, &err);
	if (review)
		rc = answer(connection, MHD_HTTP_OK, "application/json",
			    json_object_to_json_string_ext(review, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		rc = answer(connection, err.code == ENOMEM ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_BAD_REQUEST, "text/plain", err.text);
	json_object_put(review);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (admission->spec.reviewed)
		admission->spec.reviewed(admission->spec.arg, kind,
					 (double) (end.tv_sec - begin.tv_sec) + (double) (end.tv_nsec - begin.tv_nsec) / 1e9);
	return rc;
}

/* What is too much is read and dropped: an answer in the midst of a body would be lost with the connection. */
static void append(struct body *body, const char *data, size_t size)
{
	if (size > WATTLE_REVIEW_BYTES_MAX - body->len)
		body->too_large = true;
	if (body->too_large || body->lost)
		return;
	if (body->len + size >= body->room) {
		size_t room = body->room ? body->room : BODY_FIRST;
		char *text;

		while (room <= body->len + size)
			room *= 2;
		text = realloc(body->text, room);
		if (!text) {
			body->lost = true;
			return;
		}
		body->text = text;
		body->room = room;
	}
	memcpy(body->text + body->len, data, size);
	body->len += size;
	body->text[body->len] = '\0';
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
				  const char *data, size_t *size, void **state)
{
	const struct server *server = arg;
	struct body *body = *state;

	(void) version;
	if (!body) {
		*state = body = calloc(1, sizeof(*body));
		return body ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		append(body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/mutate") != 0)
		return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain", "there is /mutate\n");
	if (strcmp(method, "POST") != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "reviews are POSTed\n");
	if (body->too_large)
		return answer(connection, MHD_HTTP_CONTENT_TOO_LARGE, "text/plain", "no review is that large\n");
	if (body->lost)
		return answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", "out of memory\n");
	return answer_review(server->admission, connection, body);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
	struct body *body = *state;

	(void) arg;
	(void) connection;
	(void) how;
	if (body)
		free(body->text);
	free(body);
	*state = NULL;
}

/* --- one server on the loop ------------------------------------------------------------------------------------------------------------ */

static void on_server(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	MHD_UNSIGNED_LONG_LONG ms;

	(void) fd;
	(void) what;
	MHD_run(server->daemon);
	if (MHD_get_timeout(server->daemon, &ms) == MHD_YES) {
		struct timeval t = { (time_t) (ms / 1000), (suseconds_t) (ms % 1000 * 1000) };

		event_add(server->timer, &t);
	} else {
		event_del(server->timer);
	}
}

static void server_quiesce(struct server *server)
{
	int fd;

	if (server->quiesced)
		return;
	fd = MHD_quiesce_daemon(server->daemon);
	server->quiesced = true;
	wattle_cleanup_close(&fd);
}

static void server_free(struct server *server)
{
	if (!server)
		return;
	if (server->readable)
		event_free(server->readable);
	if (server->timer)
		event_free(server->timer);
	if (server->daemon) {
		/* a library that still owned the socket would shut it down for the next server too */
		server_quiesce(server);
		MHD_stop_daemon(server->daemon);
	}
	free(server->cert);
	if (server->key)
		explicit_bzero(server->key, strlen(server->key));
	free(server->key);
	free(server);
}

/* Takes cert and key over. */
static struct server *server_new(struct wattle_admission *admission, char *cert, char *key)
{
	struct server *server = calloc(1, sizeof(*server));
	const union MHD_DaemonInfo *info;
	int fd = -1;

	if (!server) {
		free(cert);
		free(key);
		return NULL;
	}
	server->admission = admission;
	server->cert = cert;
	server->key = key;
	fd = fcntl(admission->listen_fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TLS, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd,
						  MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_PRIORITIES,
						  PRIORITIES, MHD_OPTION_CONNECTION_LIMIT, (unsigned) WATTLE_ADMISSION_CLIENTS,
						  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned) IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
						  MHD_OPTION_END);
	if (!server->daemon) {
		/* the library may have closed it or not; it says so nowhere */
		server_free(server);
		return NULL;
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info)
		server->readable = event_new(admission->base, info->epoll_fd, EV_READ | EV_PERSIST, on_server, server);
	server->timer = event_new(admission->base, -1, 0, on_server, server);
	if (!server->readable || !server->timer || event_add(server->readable, NULL) < 0) {
		server_free(server);
		return NULL;
	}
	return server;
}

/* --- the certificate ------------------------------------------------------------------------------------------------------------------- */

static void stamp_read(const struct wattle_admission *admission, struct pair_stamp *ret)
{
	const char *const files[2] = { admission->cert_file, admission->key_file };
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < 2; i++) {
		if (stat(files[i], &st) < 0)
			continue;
		ret->file[i].dev = st.st_dev;
		ret->file[i].ino = st.st_ino;
		ret->file[i].size = st.st_size;
		ret->file[i].modified = st.st_mtim;
	}
}

static char *read_pem(const char *path, struct wattle_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	cleanup_free char *text = NULL;
	char *kept;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		wattle_err_set(err, errno, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t) WATTLE_ADMISSION_CERT_BYTES_MAX) {
		wattle_err_set(err, EINVAL, "%s is no file of at most %u bytes", path, WATTLE_ADMISSION_CERT_BYTES_MAX);
		return NULL;
	}
	text = calloc(1, (size_t) st.st_size + 1);
	n = text ? read(fd, text, (size_t) st.st_size) : -1;
	if (n < 0 || strlen(text) != (size_t) n || n == 0) {
		wattle_err_set(err, EINVAL, "%s can't be read as PEM", path);
		return NULL;
	}
	kept = text;
	text = NULL;
	return kept;
}

static int check_pair(const char *cert, const char *key, struct wattle_err *err)
{
	const gnutls_datum_t cert_pem = { (unsigned char *) (uintptr_t) cert, (unsigned) strlen(cert) };
	const gnutls_datum_t key_pem = { (unsigned char *) (uintptr_t) key, (unsigned) strlen(key) };
	gnutls_certificate_credentials_t credentials;
	int rc = gnutls_certificate_allocate_credentials(&credentials);

	if (rc < 0)
		return wattle_err_set(err, ENOMEM, "out of memory");
	rc = gnutls_certificate_set_x509_key_mem2(credentials, &cert_pem, &key_pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_certificate_free_credentials(credentials);
	return rc < 0 ? wattle_err_set(err, EINVAL, "%s", gnutls_strerror(rc)) : 0;
}

static struct server *server_of_files(struct wattle_admission *admission, struct wattle_err *err)
{
	cleanup_free char *cert = read_pem(admission->cert_file, err), *key = cert ? read_pem(admission->key_file, err) : NULL;
	struct server *server;
	char *c = cert, *k = key;

	if (!cert || !key)
		return NULL;
	if (check_pair(cert, key, err) < 0) {
		wattle_err_wrap(err, "%s and %s are no certificate and its own key", admission->cert_file, admission->key_file);
		return NULL;
	}
	cert = key = NULL;
	server = server_new(admission, c, k);
	if (!server)
		wattle_err_set(err, ENOMEM, "no server could be started with %s", admission->cert_file);
	return server;
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_admission *admission = arg;

	(void) fd;
	(void) what;
	server_free(admission->before);
	admission->before = NULL;
}

int wattle_admission_reload(struct wattle_admission *admission)
{
	static const struct timeval drain = { DRAIN_S, 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct pair_stamp stamp;
	struct server *fresh;

	stamp_read(admission, &stamp);
	if (memcmp(&stamp, &admission->stamp, sizeof(stamp)) == 0)
		return 0;
	fresh = server_of_files(admission, &err);
	if (!fresh) {
		/* half of a pair may just be there: looked at again, whatever the stamp says then */
		wattle_err_wrap(&err, "the webhook goes on with the certificate it had");
		trouble(admission, err.text);
		return -err.code;
	}
	admission->stamp = stamp;
	admission->told[0] = '\0';
	on_drained(-1, 0, admission);
	server_quiesce(admission->now);
	admission->before = admission->now;
	admission->now = fresh;
	event_add(admission->drained, &drain);
	return 1;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void) fd;
	(void) what;
	wattle_admission_reload(arg);
}

/* --- start and end --------------------------------------------------------------------------------------------------------------------- */

static int listen_on(const char *address, uint16_t port, uint16_t *ret_port, struct wattle_err *err)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY) };
	bool is_four = address && inet_pton(AF_INET, address, &four.sin_addr) == 1;
	const int on = 1, off = 0;
	socklen_t len = sizeof(six);
	int fd, rc;

	if (address && !is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
		return wattle_err_set(err, EINVAL, "\"%.64s\" is no numeric address to listen on", address);
	fd = is_four ? -1 : socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && (is_four || !address)) { /* a host without IPv6 */
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		is_four = true;
	}
	if (fd < 0)
		return wattle_err_set(err, errno, "no socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!is_four && !address)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	rc = is_four ? bind(fd, (const struct sockaddr *) &four, sizeof(four)) : bind(fd, (const struct sockaddr *) &six, sizeof(six));
	if (rc < 0 || listen(fd, 128) < 0 || getsockname(fd, (struct sockaddr *) &six, &len) < 0) {
		rc = wattle_err_set(err, errno, "can't listen on port %u: %s", port, strerror(errno));
		close(fd);
		return rc;
	}
	*ret_port = ntohs(six.sin6_port); /* stands in the same place in both families */
	return fd;
}

int wattle_admission_open(struct event_base *base, const struct wattle_admission_spec *spec, struct wattle_admission **ret,
			  struct wattle_err *err)
{
	static const struct timeval often = { LOOK_S, 0 };
	struct wattle_admission *admission = calloc(1, sizeof(*admission));
	int rc = 0;

	if (!admission)
		return wattle_err_set(err, ENOMEM, "out of memory");
	admission->base = base;
	admission->spec = *spec;
	admission->cert_file = strdup(spec->cert_file);
	admission->key_file = strdup(spec->key_file);
	admission->look = event_new(base, -1, EV_PERSIST, on_look, admission);
	admission->drained = event_new(base, -1, 0, on_drained, admission);
	admission->listen_fd = listen_on(spec->address, spec->port, &admission->port, err);
	if (admission->listen_fd < 0)
		rc = admission->listen_fd;
	else if (!admission->cert_file || !admission->key_file || !admission->look || !admission->drained)
		rc = wattle_err_set(err, ENOMEM, "out of memory");
	if (rc == 0) {
		/* the stamp is older than what is read: files changed meanwhile are read again */
		stamp_read(admission, &admission->stamp);
		admission->now = server_of_files(admission, err);
		if (!admission->now)
			rc = err && err->code ? -err->code : -EIO;
	}
	if (rc == 0 && event_add(admission->look, &often) < 0)
		rc = wattle_err_set(err, ENOMEM, "out of memory");
	if (rc < 0) {
		wattle_admission_close(admission);
		return rc;
	}
	*ret = admission;
	return 0;
}

uint16_t wattle_admission_port(const struct wattle_admission *admission)
{
	return admission->port;
}

void wattle_admission_close(struct wattle_admission *admission)
{
	if (!admission)
		return;
	server_free(admission->now);
	server_free(admission->before);
	wattle_cleanup_close(&admission->listen_fd);
	if (admission->look)
		event_free(admission->look);
	if (admission->drained)
		event_free(admission->drained);
	free(admission->cert_file);
	free(admission->key_file);
	free(admission);
}
