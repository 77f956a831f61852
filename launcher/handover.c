/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OURS "wattle:"
#define BAR " | "

void wattle_handover_format(const struct wattle_handover *h, const char *own, char *text, size_t size)
{
	snprintf(text, size, OURS "v1 run=%u nodes=%u begin=%" PRId64 "%s%s", h->run, h->nodes, h->begin_s, *own ? BAR : "", own);
}

bool wattle_handover_parse(const char *comment, struct wattle_handover *ret)
{
	struct wattle_handover h;
	int n = -1;

	/* widths keep every number within its type; a sign would be taken, too */
	if (strncmp(comment, OURS, strlen(OURS)) != 0 || memchr(comment, '-', strcspn(comment, "|")))
		return false;
	if (sscanf(comment, OURS "v1 run=%9u nodes=%9u begin=%12" SCNd64 "%n", &h.run, &h.nodes, &h.begin_s, &n) != 3 || n < 0)
		return false;
	if ((comment[n] && strncmp(comment + n, BAR, strlen(BAR)) != 0) || h.nodes < 1 || h.begin_s < 0)
		return false;
	*ret = h;
	return true;
}

const char *wattle_comment_own(const char *comment)
{
	const char *bar;

	if (strncmp(comment, OURS, strlen(OURS)) != 0)
		return comment;
	bar = strstr(comment, BAR);
	return bar ? bar + strlen(BAR) : "";
}
