/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile from anyone: a valid one or a refusal, and a valid one survives being written. */
#include "fuzz.h"
#include "profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wattle_profile profile;
	struct wattle_err err = WATTLE_ERR_INIT;
	char *text = malloc(size + 1), *again = NULL;

	memcpy(text, data, size);
	text[size] = '\0';
	/* what is read from a file holds no NUL */
	if (!memchr(text, '\0', size) && wattle_profile_parse("fuzz", text, size, &profile, &err) == 0) {
		if (wattle_model_check(&profile.model, NULL) < 0 || wattle_profile_format(&profile, &again, &err) < 0)
			abort();
		free(again);
	}
	free(text);
	return 0;
}
