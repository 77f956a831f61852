/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options that only a submission's text shows: a job script, and a command line as Slurm records it (of the component that its first byte
 * says). */
#include "fuzz.h"
#include "jobsubmit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct wattle_option option;

	if (wattle_script_option(text, size, &option))
		MUST(strncmp(option.word, "power", 5) == 0 && strlen(option.value) < WATTLE_WORD_MAX);
	if (wattle_submit_line_option(text, size, size > 0 ? data[0] % 3 : 0, &option))
		MUST(strncmp(option.word, "power", 5) == 0 && strlen(option.value) < WATTLE_WORD_MAX);
	free(text);
	return 0;
}
