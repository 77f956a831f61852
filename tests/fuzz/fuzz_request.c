/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a user says: the first line is the word, the rest its value. */
#include "fuzz.h"
#include "model.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wattle_request none = WATTLE_REQUEST_INIT;
	struct wattle_request request = WATTLE_REQUEST_INIT;
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text = fuzz_text(data, size), *value;
	const char *word = fuzz_line(text, &value);

	if (!value)
		goto out;
	if (wattle_request_set(&request, word, value, &err) < 0) {
		MUST(err.code > 0 && err.text[0] && memcmp(&request, &none, sizeof(none)) == 0);
		goto out;
	}
	MUST(!wattle_request_empty(&request));
	MUST(request.slowdown_pct >= 0 && request.slowdown_pct <= 1000);
	MUST(!request.profile[0] || (wattle_model_name_valid(request.profile) && !request.profile_own));
	MUST(request.carbon_within_s >= 0 && request.carbon_work_s >= 0);
out:
	free(text);
	return 0;
}
