/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job's comment, its user's to write, as root's wattle-resize reads it; and the status line of a user's program. */
#include "fuzz.h"
#include "handover.h"
#include "status.h"

static void comment(const char *text)
{
	char formed[2 * WATTLE_COMMENT_MAX];
	struct wattle_handover h, again;
	const char *own = wattle_comment_own(text);

	MUST(own >= text || *own == '\0');
	if (!wattle_handover_parse(text, &h))
		return;
	MUST(h.nodes >= 1 && h.begin_s >= 0);
	if (strlen(own) >= WATTLE_COMMENT_MAX)
		return;
	wattle_handover_format(&h, own, formed, sizeof(formed));
	MUST(wattle_handover_parse(formed, &again) && again.run == h.run && again.nodes == h.nodes && again.begin_s == h.begin_s);
	MUST(strcmp(wattle_comment_own(formed), own) == 0);
}

static void status(const uint8_t *data, size_t size)
{
	char text[WATTLE_STATUS_SIZE], formed[WATTLE_STATUS_SIZE];
	struct wattle_status s, again;

	memset(text, ' ', sizeof(text));
	memcpy(text, data, size < sizeof(text) ? size : sizeof(text) - 1);
	text[sizeof(text) - 1] = '\n';
	if (!wattle_status_parse(text, &s))
		return;
	wattle_status_format(&s, formed);
	MUST(wattle_status_parse(formed, &again) && again.done == s.done && again.total == s.total && again.calls == s.calls &&
	     again.asked == s.asked && again.saved == s.saved && again.first_us == s.first_us && again.last_us == s.last_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	comment(text);
	status(data, size);
	free(text);
	return 0;
}
