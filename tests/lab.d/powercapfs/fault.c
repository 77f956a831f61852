/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fault.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum arg_type { ARG_NONE, ARG_NUMBER, ARG_TEXT };

static const struct {
	const char *name;
	enum pcfs_fault_kind kind;
	enum arg_type arg;
	int errnum;
} kinds[] = {
	{ "EACCES", PCFS_FAULT_ERRNO, ARG_NONE, EACCES },
	{ "EIO", PCFS_FAULT_ERRNO, ARG_NONE, EIO },
	{ "ENODATA", PCFS_FAULT_ERRNO, ARG_NONE, ENODATA },
	{ "EINVAL", PCFS_FAULT_ERRNO, ARG_NONE, EINVAL },
	{ "EPERM", PCFS_FAULT_ERRNO, ARG_NONE, EPERM },
	{ "EBUSY", PCFS_FAULT_ERRNO, ARG_NONE, EBUSY },
	{ "ENODEV", PCFS_FAULT_ERRNO, ARG_NONE, ENODEV },
	{ "EINTR", PCFS_FAULT_ERRNO, ARG_NONE, EINTR },
	{ "ignored", PCFS_FAULT_IGNORED, ARG_NONE, 0 },
	{ "offset", PCFS_FAULT_OFFSET, ARG_NUMBER, 0 },
	{ "atmost", PCFS_FAULT_AT_MOST, ARG_NUMBER, 0 },
	{ "atleast", PCFS_FAULT_AT_LEAST, ARG_NUMBER, 0 },
	{ "text", PCFS_FAULT_TEXT, ARG_TEXT, 0 },
	{ "slow", PCFS_FAULT_SLOW, ARG_NUMBER, 0 },
	{ "lock", PCFS_FAULT_LOCK, ARG_NONE, 0 },
	{ "missing", PCFS_FAULT_MISSING, ARG_NONE, 0 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The next blank-separated word of *cursor into buf: its length, 0 at the end, -EINVAL if it doesn't fit. */
static int next_word(const char **cursor, char *buf, size_t size)
{
	const char *start = *cursor + strspn(*cursor, " \t\r");
	size_t len = strcspn(start, " \t\r");

	if (len >= size)
		return -EINVAL;
	memcpy(buf, start, len);
	buf[len] = '\0';
	*cursor = start + len;
	return (int)len;
}

static bool to_number(const char *text, int64_t *ret)
{
	char *end;

	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return false;
	*ret = value;
	return true;
}

static int parse_op(const char *word, unsigned *ret)
{
	if (strcmp(word, "read") == 0)
		*ret = PCFS_OP_READ;
	else if (strcmp(word, "write") == 0)
		*ret = PCFS_OP_WRITE;
	else if (strcmp(word, "*") == 0)
		*ret = PCFS_OP_READ | PCFS_OP_WRITE;
	else
		return -EINVAL;
	return 0;
}

static int parse_kind(const char *word, const char **cursor, struct pcfs_fault *ret, struct pcfs_err *err)
{
	char arg[48];
	size_t i = 0;

	while (i < KINDS && strcmp(kinds[i].name, word) != 0)
		i++;
	if (i == KINDS)
		return pcfs_err_set(err, EINVAL,
				    "no fault named '%s' (EACCES EIO ENODATA EINVAL EPERM EBUSY ENODEV EINTR ignored offset "
				    "atmost atleast text slow lock missing)", word);
	ret->kind = kinds[i].kind;
	ret->arg = kinds[i].errnum;
	if (kinds[i].arg == ARG_NONE)
		return 0;

	int len = next_word(cursor, arg, sizeof(arg));
	if (len <= 0 || (kinds[i].arg == ARG_NUMBER && !to_number(arg, &ret->arg)))
		return pcfs_err_set(err, EINVAL, "%s needs a %s, found '%s'", word,
				    kinds[i].arg == ARG_NUMBER ? "number" : "word", len > 0 ? arg : "");
	if (kinds[i].arg == ARG_TEXT)
		memcpy(ret->text, arg, (size_t)len + 1);
	if (ret->kind == PCFS_FAULT_SLOW && (ret->arg < 0 || ret->arg > PCFS_FAULT_SLOW_MAX_MS))
		return pcfs_err_set(err, EINVAL, "slow takes 0 to %u ms, found %s", PCFS_FAULT_SLOW_MAX_MS, arg);
	return 0;
}

static int check(const struct pcfs_fault *fault, struct pcfs_err *err)
{
	if (fault->kind == PCFS_FAULT_IGNORED && fault->ops != PCFS_OP_WRITE)
		return pcfs_err_set(err, EINVAL, "ignored is for writes: start the line with 'write'");
	if (fault->kind == PCFS_FAULT_TEXT && fault->ops != PCFS_OP_READ)
		return pcfs_err_set(err, EINVAL, "text is for reads: start the line with 'read'");
	/* Reads, listings and look-ups each ask several times: a count of strikes would mean nothing. */
	if ((fault->kind == PCFS_FAULT_MISSING || fault->kind == PCFS_FAULT_LOCK) && fault->counted)
		return pcfs_err_set(err, EINVAL, "missing and lock hold until the line goes: no count=");
	return 0;
}

int pcfs_fault_parse(const char *line, struct pcfs_fault *ret, struct pcfs_err *err)
{
	char word[48];
	int64_t count;
	const char *cursor = line;
	int len = next_word(&cursor, word, sizeof(word));

	*ret = (struct pcfs_fault) { 0 };
	if (len == 0 || (len > 0 && word[0] == '#'))
		return 0;
	if (len < 0 || parse_op(word, &ret->ops) < 0)
		return pcfs_err_set(err, EINVAL, "a line starts with read, write or *, found '%.40s'", line);
	if (next_word(&cursor, ret->zone, sizeof(ret->zone)) <= 0 ||
	    next_word(&cursor, ret->file, sizeof(ret->file)) <= 0 ||
	    next_word(&cursor, word, sizeof(word)) <= 0)
		return pcfs_err_set(err, EINVAL, "wanted OP ZONE FILE KIND [ARG] [count=N], found '%.80s'", line);

	int r = parse_kind(word, &cursor, ret, err);
	if (r < 0)
		return r;
	len = next_word(&cursor, word, sizeof(word));
	if (len != 0) {
		if (len < 0 || strncmp(word, "count=", 6) != 0 || !to_number(word + 6, &count) || count < 0)
			return pcfs_err_set(err, EINVAL, "wanted count=N or the line's end, found '%.40s'", word);
		ret->counted = true;
		ret->left = (uint64_t)count;
		if (next_word(&cursor, word, sizeof(word)) != 0)
			return pcfs_err_set(err, EINVAL, "nothing follows count=N, found '%.40s'", word);
	}
	r = check(ret, err);
	return r < 0 ? r : 1;
}

int pcfs_faults_parse(const char *text, struct pcfs_faults *ret, struct pcfs_err *err)
{
	int bad = 0;

	ret->count = 0;
	for (unsigned number = 1; *text; number++) {
		char line[256];
		struct pcfs_fault fault;
		struct pcfs_err why;
		size_t len = strcspn(text, "\n");
		int r;

		if (len >= sizeof(line)) {
			r = pcfs_err_set(&why, EINVAL, "longer than %zu characters", sizeof(line) - 1);
		} else {
			memcpy(line, text, len);
			line[len] = '\0';
			r = pcfs_fault_parse(line, &fault, &why);
		}
		if (r > 0 && ret->count == PCFS_FAULTS_MAX)
			r = pcfs_err_set(&why, EINVAL, "more than %d faults", PCFS_FAULTS_MAX);
		if (r > 0)
			ret->fault[ret->count++] = fault;
		else if (r < 0 && bad++ == 0)
			(void)pcfs_err_set(err, EINVAL, "faults line %u: %.280s", number, why.text);
		text += len;
		text += *text == '\n';
	}
	return bad;
}

static bool matches_zone(const struct pcfs_fault *fault, const struct pcfs_subject *subject)
{
	return fnmatch(fault->zone, subject->zone, 0) == 0 ||
	       (subject->zone_name[0] && fnmatch(fault->zone, subject->zone_name, 0) == 0);
}

static bool hides_zone(const struct pcfs_fault *fault)
{
	return strcmp(fault->file, "*") == 0 || strcmp(fault->file, ".") == 0;
}

bool pcfs_faults_missing(const struct pcfs_faults *faults, const struct pcfs_subject *subject)
{
	for (unsigned i = 0; i < faults->count; i++) {
		const struct pcfs_fault *fault = &faults->fault[i];

		if (fault->kind != PCFS_FAULT_MISSING || !matches_zone(fault, subject))
			continue;
		if (hides_zone(fault) || (subject->file[0] && fnmatch(fault->file, subject->file, 0) == 0))
			return true;
	}
	return false;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static bool lock_concerns(enum pcfs_fault_op op, const struct pcfs_subject *subject)
{
	if (subject->zone_name[0] == '\0')
		return false;
	if (strcmp(subject->file, "enabled") == 0)
		return true;
	return op == PCFS_OP_WRITE &&
	       (ends_with(subject->file, "_power_limit_uw") || ends_with(subject->file, "_time_window_us"));
}

static bool spend(struct pcfs_fault *fault)
{
	if (!fault->counted)
		return true;
	if (fault->left == 0)
		return false;
	fault->left--;
	return true;
}

const struct pcfs_fault *pcfs_faults_strike(struct pcfs_faults *faults, enum pcfs_fault_op op,
					    const struct pcfs_subject *subject, uint64_t *ret_slow_ms)
{
	*ret_slow_ms = 0;
	for (unsigned i = 0; i < faults->count; i++) {
		struct pcfs_fault *fault = &faults->fault[i];

		if (fault->kind == PCFS_FAULT_MISSING || !(fault->ops & op) || !matches_zone(fault, subject) ||
		    fnmatch(fault->file, subject->file, 0) != 0)
			continue;
		if (fault->kind == PCFS_FAULT_LOCK && !lock_concerns(op, subject))
			continue;
		if (!spend(fault))
			continue;
		if (fault->kind != PCFS_FAULT_SLOW)
			return fault;
		*ret_slow_ms += (uint64_t)fault->arg;
	}
	return NULL;
}

uint64_t pcfs_fault_value(const struct pcfs_fault *fault, uint64_t value)
{
	uint64_t bound = fault->arg < 0 ? 0 : (uint64_t)fault->arg;

	switch (fault->kind) {
	case PCFS_FAULT_OFFSET:
		if (fault->arg < 0) {
			uint64_t less = 0 - (uint64_t)fault->arg;
			return value < less ? 0 : value - less;
		}
		return value > UINT64_MAX - bound ? UINT64_MAX : value + bound;
	case PCFS_FAULT_AT_MOST:
		return value > bound ? bound : value;
	case PCFS_FAULT_AT_LEAST:
		return value < bound ? bound : value;
	default:
		return value;
	}
}
