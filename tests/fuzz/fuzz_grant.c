/* SPDX-License-Identifier: GPL-2.0-or-later */
/* WATTLE_GRANT: what is taken can be written, and says the same again. */
#include "fuzz.h"
#include "grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char formed[WATTLE_GRANT_MAX], *text = fuzz_text(data, size);
	struct wattle_grant grant, back;
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_grant_parse(text, &grant, &err) == 0) {
		MUST(grant.watts_w > 0);
		MUST(wattle_grant_format(&grant, formed, sizeof(formed)) == 0);
		MUST(wattle_grant_parse(formed, &back, NULL) == 0 && back.watts_w == grant.watts_w && back.defaulted == grant.defaulted);
		MUST(strcmp(back.profile, grant.profile) == 0);
	} else {
		MUST(err.code > 0 && err.text[0]);
	}
	free(text);
	return 0;
}
