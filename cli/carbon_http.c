/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "carbon_http.h"

#include <errno.h>

#ifdef HAVE_CURL

#include <curl/curl.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"

#define TRIES 3
#define CONNECT_MS_MAX 10000L
#define BACKOFF_MS 1000u
#define RETRY_AFTER_S_MAX 120
#define CA_BYTES_MAX (4u * 1024 * 1024)

struct body {
	char *text;
	size_t len, room;
	bool too_big;
};

static size_t take(char *data, size_t size, size_t n, void *user)
{
	struct body *body = user;
	size_t more = size * n;

	if (more > CARBON_ANSWER_BYTES_MAX - body->len) {
		body->too_big = true;
		return 0;
	}
	if (body->len + more + 1 > body->room) {
		size_t room = 2 * (body->len + more) + 1024;
		char *text = realloc(body->text, room);

		if (!text)
			return 0;
		body->text = text;
		body->room = room;
	}
	memcpy(body->text + body->len, data, more);
	body->len += more;
	body->text[body->len] = '\0';
	return more;
}

/* What went wrong in one try, and whether another may help. */
struct outcome {
	int code;
	bool again;
	long retry_after_s;
};

static struct outcome fail(struct wattle_err *err, bool again, int code, const char *format, ...) __attribute__((format(printf, 4, 5)));
static struct outcome fail(struct wattle_err *err, bool again, int code, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return (struct outcome){ wattle_err_set(err, code, "%s", text), again, 0 };
}

/* What the service says about a refusal: its JSON's own words, if it does not repeat to us what is secret. */
static void quote_reason(const struct carbon_http_request *request, const struct body *body, char *ret, size_t size)
{
	static const char *const keys[] = { "message", "error", "detail" };
	cleanup_json struct json_object *root = body->text ? wattle_json_parse(body->text, body->len, 8) : NULL;
	const char *token = request->header ? strchr(request->header, ' ') : NULL;
	struct json_object *value;
	const char *said = NULL;

	*ret = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !said; i++)
		if (json_object_is_type(root, json_type_object) && json_object_object_get_ex(root, keys[i], &value)) {
			if (json_object_is_type(value, json_type_object) && !json_object_object_get_ex(value, "message", &value))
				continue;
			said = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
		}
	if (!said || (token && strstr(said, token + 1)) || (request->password && strstr(said, request->password)))
		return;
	snprintf(ret, size, ", \"");
	wattle_err_quote(ret + 3, size > 120 ? 117 : size - 4, said);
	strcat(ret, "\"");
}

static struct outcome judge_status(CURL *curl, const struct carbon_http_request *request, const struct body *body, struct wattle_err *err)
{
	char reason[140], *to = NULL, quoted[120];
	curl_off_t after = 0;
	long status = 0;
	struct outcome outcome;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
	curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &to);
	if (status == 200)
		return (struct outcome){ 0, false, 0 };
	quote_reason(request, body, reason, sizeof(reason));
	if (status >= 300 && status < 400) {
		wattle_err_quote(quoted, sizeof(quoted), to ? to : "nowhere");
		quoted[strcspn(quoted, "?#")] = '\0';
		return fail(err, false, EIO, "%s answered %ld, go to %s: redirects are not followed; if that is right, set url in [zone …]",
			    request->url, status, quoted);
	}
	if (status == 401)
		return fail(err, false, EACCES, "%s answered 401%s: the credentials are refused", request->url, reason);
	if (status == 403)
		return fail(err, false, EACCES, "%s answered 403%s: these credentials don't include that", request->url, reason);
	outcome = fail(err, status == 408 || status == 429 || status >= 500, status == 429 || status == 503 ? EAGAIN : EIO,
		       "%s answered %ld%s", request->url, status, reason);
	outcome.retry_after_s = after > 0 && after < LONG_MAX ? (long) after : 0;
	return outcome;
}

static struct outcome judge(CURL *curl, CURLcode rc, const char *curl_said, const struct carbon_http_request *request,
			    const struct body *body, struct wattle_err *err)
{
	char quoted[200];

	if (body->too_big || rc == CURLE_FILESIZE_EXCEEDED)
		return fail(err, false, EFBIG, "%s answers with more than %u bytes: no forecast", request->url, CARBON_ANSWER_BYTES_MAX);
	wattle_err_quote(quoted, sizeof(quoted), *curl_said ? curl_said : curl_easy_strerror(rc));
	switch (rc) {
	case CURLE_OK:
		return judge_status(curl, request, body, err);
	case CURLE_OPERATION_TIMEDOUT:
		return fail(err, true, ETIMEDOUT, "%s: no whole answer within %u s", request->url, request->timeout_s);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return fail(err, false, EIO, "%s: its certificate is not to be trusted: %s (an authority of the site's own: set ca_file)",
			    request->url, quoted);
	case CURLE_SSL_CACERT_BADFILE:
		return fail(err, false, EIO, "%s: no authorities in %s: %s", request->url,
			    *request->ca_file ? request->ca_file : "the system's store (package ca-certificates)", quoted);
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
		return fail(err, true, EIO, "%s: the answer broke off: %s", request->url, quoted);
	default:
		return fail(err, true, EIO, "%s: %s", request->url, quoted);
	}
}

static int set_up(CURL *curl, const struct carbon_http_request *request, struct body *body, char *curl_said, struct curl_slist *headers)
{
	long timeout_ms = (long) request->timeout_s * 1000;
	int bad = 0;

	bad |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_said) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_URL, request->url) != CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK;
#else
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long) CURLPROTO_HTTPS) != CURLE_OK;
#endif
	bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
	if (*request->ca_file) {
		bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file) != CURLE_OK;
		/* its folder would let the system's in as well; not every TLS library has one */
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_MS_MAX ? timeout_ms : CONNECT_MS_MAX) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long) CARBON_ANSWER_BYTES_MAX) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, body) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION) != CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK;
	if (request->username) {
		bad |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC) != CURLE_OK;
		bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, request->username) != CURLE_OK;
		bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password) != CURLE_OK;
	}
	return bad;
}

static struct outcome try(const struct carbon_http_request *request, struct curl_slist *headers, struct body *body, struct wattle_err *err)
{
	char curl_said[CURL_ERROR_SIZE] = "";
	struct outcome outcome;
	CURL *curl = curl_easy_init();

	if (!curl)
		return fail(err, false, ENOMEM, "out of memory");
	if (set_up(curl, request, body, curl_said, headers))
		outcome = fail(err, false, EIO, "%s: libcurl does not take what it must do; which version is it? %s", request->url,
			       curl_version());
	else
		outcome = judge(curl, curl_easy_perform(curl), curl_said, request, body, err);
	curl_easy_cleanup(curl);
	return outcome;
}

/* Half to one and a half of it: many clusters ask the same service, and had better not do it together. */
static void pause_about(uint64_t ms)
{
	uint32_t random = UINT32_MAX / 2;
	struct timespec t;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t) sizeof(random))
		random = UINT32_MAX / 2;
	ms = ms / 2 + ms * random / UINT32_MAX;
	t = (struct timespec){ (time_t) (ms / 1000), (long) (ms % 1000) * 1000000 };
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static int check_ca_file(const struct carbon_http_request *request, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = CA_BYTES_MAX };
	cleanup_free char *text = NULL;

	return *request->ca_file ? wattle_file_read(request->ca_file, &rule, &text, NULL, NULL, err) : 0;
}

static void free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

int carbon_http_get(const struct carbon_http_request *request, char **ret_text, size_t *ret_len, struct wattle_err *err)
{
	__attribute__((cleanup(free_list))) struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	struct outcome outcome = { check_ca_file(request, err), false, 0 };

	if (outcome.code < 0)
		return outcome.code;
	if (headers && request->header && !curl_slist_append(headers, request->header))
		return wattle_err_set(err, ENOMEM, "out of memory");
	for (unsigned n = 1;; n++) {
		struct body body = { NULL, 0, 0, false };

		outcome = try(request, headers, &body, err);
		if (outcome.code == 0 && body.text) {
			*ret_text = body.text;
			*ret_len = body.len;
			return 0;
		}
		free(body.text);
		if (outcome.code == 0)
			outcome = fail(err, true, EIO, "%s answered nothing", request->url);
		if (outcome.again && outcome.retry_after_s > RETRY_AFTER_S_MAX)
			return wattle_err_set(err, EAGAIN, "%s asks to be left alone for %ld s", request->url, outcome.retry_after_s);
		if (!outcome.again || n == TRIES)
			break;
		if (outcome.retry_after_s > 0) {
			struct timespec t = { outcome.retry_after_s, 0 };

			while (nanosleep(&t, &t) < 0 && errno == EINTR)
				;
		}
		pause_about((uint64_t) BACKOFF_MS << (n - 1));
	}
	if (outcome.again)
		wattle_err_wrap(err, "%d tries", TRIES);
	return outcome.code;
}

#else

int carbon_http_get(const struct carbon_http_request *request, char **ret_text, size_t *ret_len, struct wattle_err *err)
{
	(void) request;
	(void) ret_text;
	(void) ret_len;
	return wattle_err_set(err, ENOTSUP, "this wattle was built without libcurl and can ask no service: install "
			      "libcurl4-gnutls-dev, configure and build again, or give the forecast as a file (provider = file)");
}

#endif
