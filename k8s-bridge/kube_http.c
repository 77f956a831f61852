/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"
#include "kube_lines.h"

#define TOKEN_BYTES_MAX 65536
#define TOKEN_AGE_S 30.0       /* read again after so long */
#define CONNECT_MS 10000L
#define BACKOFF_MS 200u
#define BACKOFF_MAX_MS 10000u
#define RETRY_AFTER_MAX_S 60
#define ERROR_BODY_MAX 65536u  /* of a stream that is refused */
#define CONNECTIONS_KEPT 32L

enum state { STATE_WAITING, STATE_RUNNING, STATE_BACKOFF, STATE_ENDED };

struct wattle_kube_request {
	struct wattle_kube *kube;
	struct wattle_kube_request *prev, *next; /* of all */
	enum state state;
	char *method, *path, *content_type, *body;
	size_t body_len;
	uint32_t tries, tried, timeout_s, silent_s;
	bool first;  /* before others, and whatever runs: streams and what is urgent */
	bool dead;   /* done is not called any more */
	bool token_renewed, too_big;
	bool (*line)(void *arg, struct json_object *object); /* a stream */
	wattle_kube_done *done;
	void (*drop)(void *arg); /* NULL once done was called */
	void *arg;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct wattle_kube_text in;     /* an answer */
	struct wattle_kube_lines lines; /* of a stream */
	int retry_after_s;
	double began_s;
	struct event *later;
	char error[CURL_ERROR_SIZE];
};

struct wattle_kube {
	struct event_base *base;
	CURLM *multi;
	struct event *timer, *kick;
	char *url, *connect_to, *agent, *server;
	struct wattle_kube_conf conf; /* server and names unused: url has them; fds are the caller's */
	char *token_header;
	double token_read_s;
	struct wattle_kube_request *first, *last;
	uint32_t n_dead;
	struct wattle_kube_stats stats;
};

static double monotonic_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static uint32_t random_below(uint32_t n)
{
	uint32_t r = 0;

	if (n == 0 || getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		return n / 2;
	return r % n;
}

/* --- who we are -------------------------------------------------------------------- */

static bool token_set(struct wattle_kube *kube, const char *token)
{
	char *header = NULL;

	if (asprintf(&header, "Authorization: Bearer %s", token) < 0)
		return false;
	if (kube->token_header) {
		explicit_bzero(kube->token_header, strlen(kube->token_header));
		free(kube->token_header);
	}
	kube->token_header = header;
	return true;
}

/* A file that can't be read or holds no token leaves the last one. */
static void token_read(struct wattle_kube *kube)
{
	static const struct wattle_file_rule rule = { TOKEN_BYTES_MAX, true };
	cleanup_free char *real = wattle_kube_target(kube->conf.token_file), *text = NULL;
	size_t len;

	kube->token_read_s = monotonic_s();
	if (!real || wattle_file_read(real, &rule, &text, &len, NULL, NULL) < 0)
		return;
	while (len > 0 && isspace((unsigned char) text[len - 1]))
		text[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) text[i] <= 0x20 || (unsigned char) text[i] >= 0x7f)
			return;
	if (len > 0)
		token_set(kube, text);
	explicit_bzero(text, len);
}

/* --- a request's life ------------------------------------------------------------------ */

static void request_link(struct wattle_kube_request *r)
{
	struct wattle_kube *kube = r->kube;

	if (r->first) {
		r->next = kube->first;
		*(kube->first ? &kube->first->prev : &kube->last) = r;
		kube->first = r;
	} else {
		r->prev = kube->last;
		*(kube->last ? &kube->last->next : &kube->first) = r;
		kube->last = r;
	}
}

/* Ends the transfer if one runs. */
static void request_stop(struct wattle_kube_request *r)
{
	if (r->state == STATE_RUNNING && !r->line)
		r->kube->stats.inflight--;
	if (r->state == STATE_WAITING && !r->line)
		r->kube->stats.waiting--;
	if (r->easy) {
		curl_multi_remove_handle(r->kube->multi, r->easy);
		curl_easy_cleanup(r->easy);
		r->easy = NULL;
	}
	curl_slist_free_all(r->headers);
	curl_slist_free_all(r->connect_to);
	r->headers = r->connect_to = NULL;
}

static void request_free(struct wattle_kube_request *r)
{
	struct wattle_kube *kube = r->kube;

	request_stop(r);
	*(r->prev ? &r->prev->next : &kube->first) = r->next;
	*(r->next ? &r->next->prev : &kube->last) = r->prev;
	kube->n_dead -= r->dead;
	if (r->drop)
		r->drop(r->arg);
	if (r->later)
		event_free(r->later);
	wattle_kube_lines_free(&r->lines);
	wattle_kube_text_free(&r->in);
	free(r->method);
	free(r->path);
	free(r->content_type);
	free(r->body);
	free(r);
}

static void kick(struct wattle_kube *kube)
{
	event_active(kube->kick, EV_TIMEOUT, 0);
}

static void request_end(struct wattle_kube_request *r, int status, struct json_object *body, const char *why)
{
	request_stop(r);
	r->state = STATE_ENDED;
	if (!r->line) {
		*(strcmp(r->method, "GET") == 0 ? &r->kube->stats.reads : &r->kube->stats.writes) += 1;
		r->kube->stats.call_s += monotonic_s() - r->began_s;
	}
	if (!r->dead) {
		r->drop = NULL;
		r->done(r->arg, status, body, why);
	}
	wattle_kube_cancel(r); /* which frees it later: done may have been called from deep within */
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_kube_request *r = arg;

	(void) fd;
	(void) what;
	r->state = STATE_WAITING;
	r->kube->stats.waiting++;
	kick(r->kube);
}

static void request_later(struct wattle_kube_request *r)
{
	uint32_t ms = r->tried < 7 ? BACKOFF_MS << (r->tried - 1) : BACKOFF_MAX_MS;
	struct timeval t;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	ms = ms / 2 + random_below(ms);
	if (r->retry_after_s > 0 && (uint32_t) r->retry_after_s * 1000 > ms)
		ms = (uint32_t) r->retry_after_s * 1000 + random_below(500);
	t = (struct timeval){ (time_t) (ms / 1000), (suseconds_t) (ms % 1000 * 1000) };
	request_stop(r);
	r->state = STATE_BACKOFF;
	r->kube->stats.retries++;
	event_add(r->later, &t);
}

/* --- what comes in ------------------------------------------------------------------------ */

/* The value of the header if it is that one; false if not. */
static bool header_value(const char *data, size_t len, const char *name, char value[40])
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncasecmp(data, name, name_len) != 0)
		return false;
	len -= name_len;
	snprintf(value, 40, "%.*s", (int) (len < 39 ? len : 39), data + name_len);
	return true;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
	struct wattle_kube_request *r = user;
	size_t len = size * n;
	char value[40];
	time_t date;

	if (header_value(data, len, "retry-after:", value))
		r->retry_after_s = atoi(value) > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : atoi(value);
	else if (header_value(data, len, "date:", value) && (date = curl_getdate(value, NULL)) >= 0)
		r->kube->stats.ahead_s = (int64_t) time(NULL) - (int64_t) date;
	return len;
}

static bool on_line(void *arg, struct json_object *object)
{
	struct wattle_kube_request *r = arg;

	return r->line(r->arg, object) && !r->dead;
}

static size_t on_data(char *data, size_t size, size_t n, void *user)
{
	struct wattle_kube_request *r = user;
	size_t len = size * n;
	long status = 0;

	if (r->dead)
		return 0;
	r->kube->stats.bytes_in += len;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r->line && status == 200) {
		r->kube->stats.answered_s = monotonic_s();
		return wattle_kube_lines_feed(&r->lines, data, len, on_line, r) ? len : 0;
	}
	if (!wattle_kube_text_add(&r->in, data, len, r->line ? ERROR_BODY_MAX : WATTLE_KUBE_BODY_MAX)) {
		r->too_big = true;
		return 0;
	}
	return len;
}

/* --- out ------------------------------------------------------------------------------------ */

static bool header(struct wattle_kube_request *r, const char *text)
{
	struct curl_slist *more = curl_slist_append(r->headers, text);

	if (more)
		r->headers = more;
	return more != NULL;
}

static bool request_headers(struct wattle_kube_request *r)
{
	struct wattle_kube *kube = r->kube;
	char type[160];

	if (!header(r, "Accept: application/json") || !header(r, "Expect:"))
		return false;
	if (r->body) {
		snprintf(type, sizeof(type), "Content-Type: %s", r->content_type ? r->content_type : "application/json");
		if (!header(r, type))
			return false;
	}
	if (kube->conf.token_file && monotonic_s() - kube->token_read_s > TOKEN_AGE_S)
		token_read(kube);
	return !kube->token_header || header(r, kube->token_header);
}

static bool request_options(struct wattle_kube_request *r)
{
	const struct wattle_kube_conf *conf = &r->kube->conf;
	cleanup_free char *url = NULL;
	CURL *easy = r->easy;
	bool ok;

	if (asprintf(&url, "%s%s", r->kube->url, r->path) < 0) {
		url = NULL;
		return false;
	}
	ok = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_PRIVATE, r) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_USERAGENT, r->kube->agent) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->error) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 20L) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_WRITEDATA, r) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_HEADERDATA, r) == CURLE_OK;
	if (ok && conf->ca_file) /* these alone, not the system's too */
		ok = curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca_file) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (ok && conf->cert_file)
		ok = curl_easy_setopt(easy, CURLOPT_SSLCERT, conf->cert_file) == CURLE_OK && curl_easy_setopt(easy, CURLOPT_SSLKEY, conf->key_file) == CURLE_OK;
	if (ok && r->kube->connect_to) {
		r->connect_to = curl_slist_append(NULL, r->kube->connect_to);
		ok = r->connect_to && curl_easy_setopt(easy, CURLOPT_CONNECT_TO, r->connect_to) == CURLE_OK;
	}
	if (ok && r->line)
		ok = curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long) r->silent_s) == CURLE_OK;
	else if (ok)
		ok = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) r->timeout_s * 1000) == CURLE_OK;
	if (ok && strcmp(r->method, "GET") != 0)
		ok = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
	if (ok && r->body)
		ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) r->body_len) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body) == CURLE_OK;
	return ok;
}

static void request_start(struct wattle_kube_request *r)
{
	struct wattle_kube *kube = r->kube;

	r->in.len = 0;
	r->retry_after_s = 0;
	r->too_big = false;
	r->error[0] = '\0';
	r->tried++;
	r->easy = curl_easy_init();
	if (!r->easy || !request_headers(r) || !request_options(r) || curl_multi_add_handle(kube->multi, r->easy) != CURLM_OK) {
		request_end(r, 0, NULL, "out of memory");
		return;
	}
	if (!r->line) {
		kube->stats.waiting--;
		kube->stats.inflight++;
	} else
		kube->stats.streams++;
	kube->stats.requests++;
	r->state = STATE_RUNNING;
}

/* Frees what has ended, starts what may begin. Outside libcurl, from the loop. */
static void on_kick(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_kube *kube = arg;
	struct wattle_kube_request *r, *next;

	(void) fd;
	(void) what;
	for (r = kube->first; r && kube->n_dead > 0; r = next) {
		next = r->next;
		if (r->dead)
			request_free(r);
	}
	for (r = kube->first; r; r = next) {
		next = r->next;
		if (r->state != STATE_WAITING)
			continue;
		if (!r->first && kube->stats.inflight >= WATTLE_KUBE_INFLIGHT_MAX)
			break;
		request_start(r);
	}
}

/* --- how it went --------------------------------------------------------------------------- */

/* What a Status object says, or the status alone. */
static void say_why(const struct wattle_kube_request *r, int status, struct json_object *body, char *why, size_t size)
{
	struct json_object *message;
	char quoted[400];

	if (body && json_object_object_get_ex(body, "message", &message) && json_object_is_type(message, json_type_string)) {
		wattle_err_quote(quoted, sizeof(quoted), json_object_get_string(message));
		snprintf(why, size, "%d: %s", status, quoted);
	} else
		snprintf(why, size, "%s %.200s answered %d", r->method, r->path, status);
}

static bool never_taken(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_SSL_CONNECT_ERROR;
}

static bool worth_again(const struct wattle_kube_request *r, CURLcode code, long status)
{
	bool post = strcmp(r->method, "POST") == 0;

	if (r->tried >= r->tries || r->too_big)
		return false;
	if (code != CURLE_OK) /* a certificate that is not to be trusted stays so */
		return never_taken(code) || (!post && code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CERTPROBLEM && code != CURLE_SSL_CACERT_BADFILE);
	return status == 429 || (!post && (status == 500 || status == 502 || status == 503 || status == 504));
}

static void stream_over(struct wattle_kube_request *r, CURLcode code, long status)
{
	struct json_object *body = NULL;
	char why[512] = "";

	if (status == 200) {
		if (r->lines.end == WATTLE_KUBE_LINES_TOO_LONG)
			snprintf(why, sizeof(why), "a line of more than %u bytes", WATTLE_KUBE_LINE_MAX);
		else if (r->lines.end == WATTLE_KUBE_LINES_BROKEN || (code == CURLE_OK && r->lines.part.len > 0))
			snprintf(why, sizeof(why), "a line that is no JSON object");
		else if (code != CURLE_OK && r->lines.end != WATTLE_KUBE_LINES_STOPPED)
			snprintf(why, sizeof(why), "%s", r->error[0] ? r->error : curl_easy_strerror(code));
		request_end(r, 200, NULL, why);
		return;
	}
	if (code != CURLE_OK) {
		snprintf(why, sizeof(why), "%s", r->error[0] ? r->error : curl_easy_strerror(code));
		request_end(r, 0, NULL, why);
		return;
	}
	body = r->in.len ? wattle_json_parse(r->in.at, r->in.len, WATTLE_KUBE_DEPTH_MAX) : NULL;
	say_why(r, (int) status, body, why, sizeof(why));
	request_end(r, (int) status, body, why);
	json_object_put(body);
}

static void request_over(struct wattle_kube_request *r, CURLcode code)
{
	struct wattle_kube *kube = r->kube;
	struct json_object *body = NULL;
	char why[512] = "";
	long status = 0;

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK && !r->line)
		status = 0;
	kube->stats.answers[status >= 100 && status < 600 ? status / 100 : 0]++;
	kube->stats.throttled += status == 429;
	if (status > 0 && status < 500)
		kube->stats.answered_s = monotonic_s();
	if (status == 401 && kube->conf.token_file)
		kube->token_read_s = -1e9;
	if (r->dead) {
		request_end(r, 0, NULL, "");
		return;
	}
	if (r->line) {
		stream_over(r, code, status);
		return;
	}
	if (status == 401 && kube->conf.token_file && !r->token_renewed) {
		r->token_renewed = true;
		r->tried--;
		request_stop(r);
		r->state = STATE_WAITING;
		kube->stats.waiting++;
		kick(kube);
		return;
	}
	if (worth_again(r, code, status)) {
		request_later(r);
		return;
	}
	if (code != CURLE_OK) {
		if (r->too_big)
			snprintf(why, sizeof(why), "%s %.200s: an answer of more than %u bytes", r->method, r->path, WATTLE_KUBE_BODY_MAX);
		else
			snprintf(why, sizeof(why), "%s: %s", kube->server, r->error[0] ? r->error : curl_easy_strerror(code));
		request_end(r, 0, NULL, why);
		return;
	}
	body = r->in.len ? wattle_json_parse(r->in.at, r->in.len, WATTLE_KUBE_DEPTH_MAX) : NULL;
	if (status >= 300)
		say_why(r, (int) status, body, why, sizeof(why));
	wattle_kube_text_free(&r->in); /* the tree is large enough beside it */
	request_end(r, (int) status, body, why);
	json_object_put(body);
}

/* --- libcurl and libevent ------------------------------------------------------------------- */

static void harvest(struct wattle_kube *kube)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(kube->multi, &left))) {
		struct wattle_kube_request *r = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &r);
		request_over(r, code);
	}
	kick(kube);
}

static void act(struct wattle_kube *kube, curl_socket_t socket, int what)
{
	int running;

	curl_multi_socket_action(kube->multi, socket, what, &running);
	harvest(kube);
}

static void on_socket_event(evutil_socket_t fd, short what, void *arg)
{
	act(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void) fd;
	(void) what;
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *its)
{
	struct wattle_kube *kube = user;
	struct event *event = its;

	(void) easy;
	if (event)
		event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE) {
		event = event_new(kube->base, socket, (short) ((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST),
				  on_socket_event, kube);
		if (!event || event_add(event, NULL) < 0)
			return -1;
	}
	curl_multi_assign(kube->multi, socket, event);
	return 0;
}

static int on_timeout(CURLM *multi, long ms, void *user)
{
	struct wattle_kube *kube = user;
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	(void) multi;
	return ms < 0 ? event_del(kube->timer) : event_add(kube->timer, &t);
}

/* --- open, close ------------------------------------------------------------------------------ */

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* The certificate's name stands in the URL, and the address where to connect. */
static int set_url(struct wattle_kube *kube, const struct wattle_kube_conf *conf)
{
	const char *host = strstr(conf->server, "://") + 3, *end = strchrnul(host, '/'), *colon = NULL;
	bool tls = strncmp(conf->server, "https", 5) == 0;
	int host_len = (int) (end - host), port_len;

	if (!conf->tls_name) {
		kube->url = strdup(conf->server);
		return kube->url ? 0 : -ENOMEM;
	}
	for (const char *p = host; p < end; p++)
		if (*p == ':' && (host[0] != '[' || p > strchr(host, ']')))
			colon = p;
	if (colon)
		host_len = (int) (colon - host);
	port_len = colon ? (int) (end - colon - 1) : 0;
	if (asprintf(&kube->url, "%s%s:%.*s%s", tls ? "https://" : "http://", conf->tls_name, port_len ? port_len : tls ? 3 : 2,
		     port_len ? colon + 1 : tls ? "443" : "80", end) < 0)
		return kube->url = NULL, -ENOMEM;
	if (asprintf(&kube->connect_to, "::%.*s:%.*s", host_len, host, port_len ? port_len : tls ? 3 : 2, port_len ? colon + 1 : tls ? "443" : "80") < 0)
		return kube->connect_to = NULL, -ENOMEM;
	return 0;
}

int wattle_kube_open(struct event_base *base, const struct wattle_kube_conf *conf, const char *agent, struct wattle_kube **ret,
		     struct wattle_err *err)
{
	struct wattle_kube *kube = calloc(1, sizeof(*kube));

	if (!kube || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(kube);
		return wattle_err_set(err, ENOMEM, "out of memory");
	}
	kube->base = base;
	kube->server = copy(conf->server);
	kube->agent = copy(agent);
	kube->conf.ca_file = copy(conf->ca_file);
	kube->conf.cert_file = copy(conf->cert_file);
	kube->conf.key_file = copy(conf->key_file);
	kube->conf.token_file = copy(conf->token_file);
	kube->multi = curl_multi_init();
	kube->timer = event_new(base, -1, 0, on_timer, kube);
	kube->kick = event_new(base, -1, 0, on_kick, kube);
	if (!kube->server || !kube->agent || !kube->multi || !kube->timer || !kube->kick || (conf->ca_file && !kube->conf.ca_file) ||
	    (conf->cert_file && (!kube->conf.cert_file || !kube->conf.key_file)) || (conf->token_file && !kube->conf.token_file) ||
	    set_url(kube, conf) < 0 || (conf->token && !token_set(kube, conf->token)) ||
	    curl_multi_setopt(kube->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
	    curl_multi_setopt(kube->multi, CURLMOPT_SOCKETDATA, kube) != CURLM_OK ||
	    curl_multi_setopt(kube->multi, CURLMOPT_TIMERFUNCTION, on_timeout) != CURLM_OK ||
	    curl_multi_setopt(kube->multi, CURLMOPT_TIMERDATA, kube) != CURLM_OK ||
	    curl_multi_setopt(kube->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) != CURLM_OK) {
		wattle_kube_close(kube);
		return wattle_err_set(err, ENOMEM, "out of memory");
	}
	if (kube->conf.token_file)
		token_read(kube);
	*ret = kube;
	return 0;
}

void wattle_kube_close(struct wattle_kube *kube)
{
	if (!kube)
		return;
	while (kube->first)
		request_free(kube->first);
	if (kube->multi)
		curl_multi_cleanup(kube->multi);
	if (kube->timer)
		event_free(kube->timer);
	if (kube->kick)
		event_free(kube->kick);
	if (kube->token_header)
		explicit_bzero(kube->token_header, strlen(kube->token_header));
	free(kube->token_header);
	free(kube->url);
	free(kube->connect_to);
	free(kube->agent);
	free(kube->server);
	free(kube->conf.ca_file);
	free(kube->conf.cert_file);
	free(kube->conf.key_file);
	free(kube->conf.token_file);
	free(kube);
	curl_global_cleanup();
}

const struct wattle_kube_stats *wattle_kube_stats(const struct wattle_kube *kube)
{
	return &kube->stats;
}

struct event_base *wattle_kube_base(const struct wattle_kube *kube)
{
	return kube->base;
}

const char *wattle_kube_server(const struct wattle_kube *kube)
{
	return kube->server;
}

/* --- ask ---------------------------------------------------------------------------------------- */

static bool method_ok(const char *method)
{
	static const char *const known[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(method, known[i]) == 0)
			return true;
	return false;
}

static struct wattle_kube_request *request_new(struct wattle_kube *kube, const struct wattle_kube_call *call,
					       bool (*line)(void *arg, struct json_object *object), wattle_kube_done *done, void *arg)
{
	struct wattle_kube_request *r;

	if (!method_ok(call->method) || call->path[0] != '/' || strpbrk(call->path, " \t\r\n#"))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->kube = kube;
	r->done = done;
	r->arg = arg;
	r->method = strdup(call->method);
	r->path = strdup(call->path);
	r->content_type = copy(call->content_type);
	r->body = copy(call->body);
	r->body_len = call->body ? strlen(call->body) : 0;
	r->tries = call->tries ? call->tries : WATTLE_KUBE_TRIES;
	r->timeout_s = call->timeout_s ? call->timeout_s : WATTLE_KUBE_TIMEOUT_S;
	r->first = call->urgent || line;
	r->line = line;
	r->later = event_new(kube->base, -1, 0, on_later, r);
	r->began_s = monotonic_s();
	request_link(r);
	r->state = STATE_WAITING;
	kube->stats.waiting += !line;
	if (!r->method || !r->path || !r->later || (call->content_type && !r->content_type) || (call->body && !r->body)) {
		request_free(r);
		return NULL;
	}
	return r;
}

struct wattle_kube_request *wattle_kube_send(struct wattle_kube *kube, const struct wattle_kube_call *call, wattle_kube_done *done, void *arg)
{
	struct wattle_kube_request *r = request_new(kube, call, NULL, done, arg);

	if (!r)
		return NULL;
	r->drop = call->drop;
	kick(kube);
	return r;
}

struct wattle_kube_request *wattle_kube_stream(struct wattle_kube *kube, const char *path, uint32_t silent_s,
					       bool (*line)(void *arg, struct json_object *object), wattle_kube_done *done, void *arg)
{
	struct wattle_kube_request *r = request_new(kube, &(struct wattle_kube_call){ .method = "GET", .path = path }, line, done, arg);

	if (!r)
		return NULL;
	if (!wattle_kube_lines_init(&r->lines, WATTLE_KUBE_LINE_MAX, WATTLE_KUBE_DEPTH_MAX)) {
		request_free(r);
		return NULL;
	}
	r->silent_s = silent_s;
	kick(kube);
	return r;
}

void wattle_kube_cancel(struct wattle_kube_request *request)
{
	if (!request)
		return;
	if (!request->dead)
		request->kube->n_dead++;
	request->dead = true;
	kick(request->kube);
}
