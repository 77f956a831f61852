/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host lists of wattle.conf: the first line is a list, the rest a host. */
#include "err.h"
#include "fuzz.h"
#include "hostmatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *host;
	const char *list = fuzz_line(text, &host);
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_hostlist_check(list, &err) < 0)
		MUST(err.code > 0 && err.text[0]);
	if (host)
		wattle_host_matches(list, host);
	free(text);
	return 0;
}
