/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The check digit of a line that may be read half old, half new. */
static unsigned sum_of(const char *text, size_t len)
{
	unsigned sum = 5381;

	for (size_t i = 0; i < len; i++)
		sum = sum * 33 + (unsigned char) text[i];
	return sum;
}

void wattle_status_format(const struct wattle_status *s, char text[WATTLE_STATUS_SIZE])
{
	char line[WATTLE_STATUS_SIZE + 1], sum[16];
	int n = snprintf(line, sizeof(line), "wattle1 done=%" PRIu64 " total=%" PRIu64 " calls=%" PRIu64 " asked=%u saved=%u first=%" PRId64
			 " last=%" PRId64 " ", s->done, s->total, s->calls, s->asked, s->saved, s->first_us, s->last_us);
	int m = snprintf(sum, sizeof(sum), "%u", sum_of(line, (size_t) n));

	memset(text, ' ', WATTLE_STATUS_SIZE);
	memcpy(text, line, (size_t) n);
	memcpy(text + n, sum, (size_t) m);
	text[WATTLE_STATUS_SIZE - 1] = '\n';
}

bool wattle_status_parse(const char text[WATTLE_STATUS_SIZE], struct wattle_status *ret)
{
	char line[WATTLE_STATUS_SIZE + 1];
	struct wattle_status s;
	unsigned sum;
	int n = -1;

	memcpy(line, text, WATTLE_STATUS_SIZE);
	line[WATTLE_STATUS_SIZE] = '\0';
	if (sscanf(line, "wattle1 done=%" SCNu64 " total=%" SCNu64 " calls=%" SCNu64 " asked=%u saved=%u first=%" SCNd64 " last=%" SCNd64 " %n%u",
		   &s.done, &s.total, &s.calls, &s.asked, &s.saved, &s.first_us, &s.last_us, &n, &sum) != 8 || n < 0)
		return false;
	if (sum != sum_of(line, (size_t) n))
		return false;
	*ret = s;
	return true;
}
