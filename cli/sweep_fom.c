/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A figure of merit from a job's output. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "decimal.h"

#define LINE_BYTES_MAX 65536 /* a longer line is no figure */

/* The number at the first place in [s, end) that has one. */
static int number_in(const char *s, const char *end, double *ret)
{
	const char *rest;

	for (; s < end; s++)
		if (((*s >= '0' && *s <= '9') || (*s == '.' && s[1] >= '0' && s[1] <= '9')) && wattle_decimal_read(s, &rest, ret) == 0)
			return 0;
	return -EINVAL;
}

int sweep_fom_find(const char *regex, char *text, double *ret, struct wattle_err *err)
{
	regex_t compiled;
	regmatch_t match[2];
	char why[120], *rest = text, *line;
	bool found = false;
	int rc = regcomp(&compiled, regex, REG_EXTENDED);

	if (rc != 0) {
		regerror(rc, &compiled, why, sizeof(why));
		return wattle_err_set(err, EINVAL, "--fom: \"%.80s\" is no extended regular expression: %s", regex, why);
	}
	rc = 0;
	while ((line = strsep(&rest, "\n"))) {
		const regmatch_t *m;
		char was;

		if (strlen(line) > LINE_BYTES_MAX || regexec(&compiled, line, 2, match, 0) != 0)
			continue;
		m = compiled.re_nsub > 0 && match[1].rm_so >= 0 ? &match[1] : &match[0];
		was = line[m->rm_eo];
		line[m->rm_eo] = '\0'; /* a number ends with the match */
		found = true;
		rc = number_in(line + m->rm_so, line + m->rm_eo, ret);
		if (rc < 0 || *ret <= 0)
			rc = wattle_err_set(err, EINVAL, "--fom: what matches, \"%.80s\", is no positive number", line + m->rm_so);
		line[m->rm_eo] = was;
	}
	regfree(&compiled);
	if (!found)
		return wattle_err_set(err, ENOENT, "no line of the output matches --fom");
	return rc;
}
