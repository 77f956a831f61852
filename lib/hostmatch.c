/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostmatch.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

#define DIGITS_MAX 18    /* fits 64 bits */
#define STEPS_MAX 20000u /* "*a*a*a*…" must not cost more than this */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The number at s and its length in digits; 0: none or too long. */
static size_t read_number(const char *s, size_t max, uint64_t *ret)
{
	uint64_t value = 0;
	size_t n;

	for (n = 0; n < max && is_digit(s[n]); n++) {
		if (n == DIGITS_MAX)
			return 0;
		value = 10 * value + (uint64_t) (s[n] - '0');
	}
	*ret = value;
	return n;
}

static size_t digits_of(uint64_t value)
{
	size_t n = 1;

	while (value >= 10) {
		value /= 10;
		n++;
	}
	return n;
}

struct range {
	uint64_t first, last;
	size_t width; /* of a zero-padded first: "07-12"; else 0 */
};

/* Reads "7", "07-12" at s, up to ',' or ']'; returns what follows or NULL. */
static const char *read_range(const char *s, struct range *ret)
{
	size_t n = read_number(s, DIGITS_MAX + 1, &ret->first);

	if (n == 0)
		return NULL;
	ret->width = n > 1 && *s == '0' ? n : 0;
	ret->last = ret->first;
	s += n;
	if (*s == '-') {
		n = read_number(s + 1, DIGITS_MAX + 1, &ret->last);
		if (n == 0 || ret->last < ret->first)
			return NULL;
		s += 1 + n;
	}
	return *s == ',' || *s == ']' ? s : NULL;
}

/* True if the len digits at host are spelled as one of the ranges after '[' would be. */
static bool in_ranges(const char *ranges, const char *host, size_t len)
{
	const char *s = ranges - 1;
	uint64_t number;
	bool found = false;

	if (read_number(host, len, &number) != len)
		return false;
	/* to the end, found or not: a malformed list holds nothing */
	do {
		size_t natural = digits_of(number);
		struct range r;

		s = read_range(s + 1, &r);
		if (!s)
			return false;
		if (number >= r.first && number <= r.last && len == (natural > r.width ? natural : r.width))
			found = true;
	} while (*s == ',');
	return found;
}

/* One part of the list, [p, end), against a whole host name. */
static bool part_matches(const char *p, const char *end, const char *host, unsigned *steps)
{
	for (; p < end; p++, host++) {
		if ((*steps)++ > STEPS_MAX)
			return false;
		if (*p == '*') {
			for (;; host++) {
				if (part_matches(p + 1, end, host, steps))
					return true;
				if (!*host)
					return false;
			}
		}
		if (*p == '[') {
			const char *close = memchr(p, ']', (size_t) (end - p));

			for (size_t len = 1; close && len <= DIGITS_MAX && is_digit(host[len - 1]); len++)
				if (in_ranges(p + 1, host, len) && part_matches(close + 1, end, host + len, steps))
					return true;
			return false;
		}
		if (!*host || *p != *host)
			return false;
	}
	return !*host;
}

/* The end of the part at s: a comma outside brackets, or the list's end. */
static const char *part_end(const char *s)
{
	bool inside = false;

	for (; *s && (inside || *s != ','); s++) {
		if (*s == '[')
			inside = true;
		else if (*s == ']')
			inside = false;
	}
	return s;
}

bool wattle_host_matches(const char *list, const char *host)
{
	unsigned steps = 0;

	if (!list || !host || !*host)
		return false;
	for (const char *s = list, *end; *s; s = *end ? end + 1 : end) {
		end = part_end(s);
		if (part_matches(s, end, host, &steps))
			return true;
	}
	return false;
}

static bool is_host_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-_.*", c));
}

static bool part_ok(const char *s, const char *end)
{
	if (s == end)
		return false;
	while (s < end) {
		if (*s == '[') {
			struct range r;

			do {
				s = read_range(s + 1, &r);
			} while (s && *s == ',');
			if (!s)
				return false;
			s++;
		} else if (is_host_char(*s)) {
			s++;
		} else {
			return false;
		}
	}
	return true;
}

int wattle_hostlist_check(const char *list, struct wattle_err *err)
{
	char quoted[64];
	const char *s = list, *end;

	for (;;) {
		end = part_end(s);
		if (!part_ok(s, end))
			return wattle_err_set(err, EINVAL, "host list is malformed at \"%s\": write it like n[1-4,07-12],login,gpu*",
					      wattle_err_quote(quoted, sizeof(quoted), s));
		if (!*end)
			return 0;
		s = end + 1;
	}
}
