/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FUZZ_H
#define WATTLE_FUZZ_H

/* What the harnesses share. A harness hands what it is given to one parser and checks what the parser's header promises: an answer in range,
 * or a refusal that says why. Built with --enable-fuzzing it is libFuzzer's; else replay.c gives it the committed corpus in `make check`. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* A copy that ends in NUL, in a block of just that size, so that a byte read behind it is noticed. The caller frees it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* The first line, cut off from text; *rest is what follows it, NULL if nothing does. */
static inline const char *fuzz_line(char *text, char **rest)
{
	*rest = text;
	return strsep(rest, "\n");
}

#endif
