/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_HTTP_H
#define WATTLE_CARBON_HTTP_H

/* One GET over https, as careful as a stranger on the network asks for: certificates are always verified, redirects never followed (so
 * that what is secret goes to no other host), time and size bounded. A connection that fails or breaks off, 408, 429 and 5xx are tried
 * again, three times in all, after 1 s and 2 s, give or take half, or when Retry-After says, if that is within two minutes. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define CARBON_ANSWER_BYTES_MAX (4u * 1024 * 1024)
#define CARBON_SECRET_SIZE 4096

struct carbon_http_request {
	const char *url;
	const char *ca_file;                /* "": the system's authorities; else a file of root's that nobody else may write */
	const char *header;                 /* "auth-token: …"; NULL: none */
	const char *username, *password;    /* NULL: none */
	uint32_t timeout_s;                 /* of each try; connecting gets at most 10 s of it */
};

/* 0 and a body of status 200, malloc'd, NUL-terminated, the caller frees. Messages name host and path, never what is secret.
 * -EACCES: 401 or 403; -EAGAIN: the service asks to come back later; -ETIMEDOUT; -EFBIG; -EIO: everything else. -ENOTSUP: built without
 * libcurl. */
int carbon_http_get(const struct carbon_http_request *request, char **ret_text, size_t *ret_len, struct wattle_err *err);

#endif
