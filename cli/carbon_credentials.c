/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "carbon_credentials.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define BYTES_MAX 65536

struct reader {
	struct carbon_credentials *credentials;
	const char *why;
};

static const struct { const char *section, *key; size_t offset, size; } keys[] = {
	{ "electricitymaps", "token", offsetof(struct carbon_credentials, token), sizeof(((struct carbon_credentials *) 0)->token) },
	{ "watttime", "username", offsetof(struct carbon_credentials, username), sizeof(((struct carbon_credentials *) 0)->username) },
	{ "watttime", "password", offsetof(struct carbon_credentials, password), sizeof(((struct carbon_credentials *) 0)->password) },
};

static int take(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(section, keys[i].section) != 0 || strcmp(name, keys[i].key) != 0)
			continue;
		if (!value || !*value || strlen(value) >= keys[i].size) {
			r->why = "empty or too long";
			return 0;
		}
		/* it becomes part of a header */
		for (const char *s = value; *s; s++)
			if (*s < 0x20 || *s > 0x7e) {
				r->why = "something else than printable ASCII";
				return 0;
			}
		snprintf((char *) r->credentials + keys[i].offset, keys[i].size, "%s", value);
		return 1;
	}
	r->why = "[electricitymaps] token, [watttime] username and password are known";
	return 0;
}

/* What inih would do silently: cut a line that is too long in two, and take " ;" in a password for a comment. */
static unsigned find_misread(const char *text, const char **ret_why)
{
	unsigned line = 1;

	for (const char *s = text; *s; line++) {
		size_t n = strcspn(s, "\n"), blank = strspn(s, " \t");

		if (n > 190) {
			*ret_why = "a line of more than 190 bytes";
			return line;
		}
		for (size_t i = blank + 1; i < n; i++)
			if (s[i] == ';' && (s[i - 1] == ' ' || s[i - 1] == '\t') && s[blank] != ';' && s[blank] != '#') {
				*ret_why = "a ';' after a blank would begin a comment";
				return line;
			}
		s += s[n] ? n + 1 : n;
	}
	return 0;
}

static int parse(const char *path, const char *text, struct carbon_credentials *ret, struct wattle_err *err)
{
	struct carbon_credentials credentials = { "", "", "" };
	struct reader r = { &credentials, NULL };
	unsigned line = find_misread(text, &r.why);
	int bad = line ? (int) line : ini_parse_string(text, take, &r);

	if (bad == 0)
		*ret = credentials;
	explicit_bzero(&credentials, sizeof(credentials));
	if (bad != 0)
		return wattle_err_set(err, EINVAL, "%s:%d: %s", path, bad, r.why ? r.why : "neither a [section] nor key = value");
	return 0;
}

int carbon_credentials_read(const char *path, struct carbon_credentials *ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = BYTES_MAX };
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int rc = wattle_file_read(path, &rule, &text, &len, &st, err);

	if (rc < 0)
		return rc;
	if (st.st_mode & 077)
		rc = wattle_err_set(err, EPERM, "%s: others than root may read it, mode %04o: chmod 0600 %s, and have what stands in it changed",
				    path, (unsigned) (st.st_mode & 07777), path);
	else
		rc = parse(path, text, ret, err);
	explicit_bzero(text, len);
	free(text);
	return rc;
}
