/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_INSTANT_H
#define WATTLE_INSTANT_H

/* Moments in files: ISO 8601 as people and services write it. No locale, no time zone of the host. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2026-05-08T21:00:00.000Z", "2024-01-15T00:00Z", "2022-01-01 00:00:00", "2020-01-01T01:00:00+01:00", "2026-05-08": years 1970 to
 * 9999; fractions of a second are cut off. Without a zone it is UTC, and *ret_zoned (may be NULL) says so. The whole string, or -EINVAL. */
int wattle_instant_parse(const char *text, int64_t *ret_s, bool *ret_zoned);

#define WATTLE_INSTANT_SIZE 24
/* "2026-05-08T21:00:00Z". Returns buf; "?" outside the years 1970 to 9999. */
const char *wattle_instant_format(int64_t s, char buf[WATTLE_INSTANT_SIZE]);

#endif
