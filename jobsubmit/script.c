/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <string.h>

/* A word of a command line, in the text it stands in. */
struct span {
	const char *start;
	size_t len;
};

static bool span_is(const struct span *span, const char *text)
{
	return span->len == strlen(text) && memcmp(span->start, text, span->len) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void copy_value(struct wattle_option *option, const char *text, size_t len)
{
	size_t kept = len < sizeof(option->value) ? len : sizeof(option->value) - 1;

	memcpy(option->value, text, kept);
	option->value[kept] = '\0';
}

/* "--power=300" sets both; "--power" sets the word and asks for the next word as its value. */
enum option_shape { NOT_OURS, WHOLE, VALUE_FOLLOWS };

static enum option_shape read_option(const struct span *word, struct wattle_option *ret)
{
	static const char *const names[] = { "power-cap", "power" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);

		if (word->len < 2 + n || memcmp(word->start, "--", 2) != 0 || memcmp(word->start + 2, names[i], n) != 0)
			continue;
		if (word->len > 2 + n && word->start[2 + n] != '=')
			continue;
		memcpy(ret->word, names[i], n + 1);
		if (word->len == 2 + n)
			return VALUE_FOLLOWS;
		copy_value(ret, word->start + 2 + n + 1, word->len - (2 + n + 1));
		return WHOLE;
	}
	return NOT_OURS;
}

/* --- scripts -------------------------------------------------------------------------------------------------------------- */

/* The next word of an #SBATCH line, as sbatch splits it: quotes and backslashes are kept in the span (no value of ours has any), a
 * '#' begins a comment. False at the end. */
static bool next_word(const char **s, const char *end, struct span *ret)
{
	char quote = '\0';

	while (*s < end && is_blank(**s))
		(*s)++;
	if (*s == end || **s == '#')
		return false;
	ret->start = *s;
	for (; *s < end && (quote || !is_blank(**s)); (*s)++) {
		if (**s == '\\' && *s + 1 < end)
			(*s)++;
		else if (quote && **s == quote)
			quote = '\0';
		else if (!quote && (**s == '"' || **s == '\''))
			quote = **s;
	}
	ret->len = (size_t) (*s - ret->start);
	return true;
}

/* --power="300W" and --power '300W': the quotes go. */
static void unquote(struct wattle_option *option)
{
	size_t n = strlen(option->value);

	if (n >= 2 && (option->value[0] == '"' || option->value[0] == '\'') && option->value[n - 1] == option->value[0]) {
		memmove(option->value, option->value + 1, n - 2);
		option->value[n - 2] = '\0';
	}
}

/* False if the line ends the component. */
static bool read_sbatch_line(const char *s, const char *end, bool *found, struct wattle_option *ret)
{
	struct wattle_option option = { { 0 }, { 0 } };
	struct span word;

	while (next_word(&s, end, &word)) {
		if (span_is(&word, "hetjob") || span_is(&word, "packjob"))
			return false;
		switch (read_option(&word, &option)) {
		case NOT_OURS:
			continue;
		case VALUE_FOLLOWS:
			if (!next_word(&s, end, &word))
				return true;
			copy_value(&option, word.start, word.len);
			break;
		case WHOLE:
			break;
		}
		unquote(&option);
		*ret = option;
		*found = true;
	}
	return true;
}

bool wattle_script_option(const char *script, size_t len, struct wattle_option *ret)
{
	static const char magic[] = "#SBATCH";
	const char *end = script + (len < WATTLE_SCRIPT_MAX ? len : WATTLE_SCRIPT_MAX);
	bool found = false;

	for (const char *line = script; line < end;) {
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *line_end = newline ? newline : end, *s = line;

		if ((size_t) (line_end - line) >= sizeof(magic) - 1 && memcmp(line, magic, sizeof(magic) - 1) == 0) {
			if (!read_sbatch_line(line + sizeof(magic) - 1, line_end, &found, ret))
				break;
		} else {
			while (s < line_end && is_blank(*s))
				s++;
			if (s < line_end && *s != '#')
				break; /* the first command: sbatch looks no further */
		}
		line = line_end + 1;
	}
	return found;
}

/* --- command lines -------------------------------------------------------------------------------------------------------- */

/* What a word that begins with '-' says of the next one. */
enum follows { NOTHING_FOLLOWS, A_VALUE_FOLLOWS, NOBODY_KNOWS };

static bool is_one_of(const struct span *word, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (word->len == 2 + strlen(names[i]) && memcmp(word->start + 2, names[i], word->len - 2) == 0)
			return true;
	return false;
}

static enum follows what_follows(const struct span *word)
{
	static const char *const flags[] = {
		"hold", "exclusive", "wait", "contiguous", "parsable", "test-only", "requeue", "no-requeue", "overcommit", "oversubscribe",
		"share", "ignore-pbs", "use-min-nodes", "reboot", "spread-job", "quiet", "verbose", "no-kill", "no-shell", "no-bell", "bell",
		"immediate", "pty", "label", "unbuffered", "overlap", "exact", "preserve-env", "disable-status", "multi-prog",
		"get-user-env", "nice", "x11", "stepmgr", "propagate",
	};
	static const char *const valued[] = {
		"account", "array", "begin", "chdir", "comment", "constraint", "cpus-per-gpu", "cpus-per-task", "cores-per-socket", "deadline",
		"dependency", "distribution", "error", "exclude", "export", "gpus", "gpus-per-node", "gpus-per-task", "gpus-per-socket", "gres",
		"gres-flags", "hint", "input", "job-name", "licenses", "mail-type", "mail-user", "mem", "mem-per-cpu", "mem-per-gpu", "mincpus",
		"mpi", "nodelist", "nodes", "ntasks", "ntasks-per-core", "ntasks-per-gpu", "ntasks-per-node", "ntasks-per-socket", "open-mode",
		"output", "partition", "priority", "profile", "qos", "reservation", "signal", "sockets-per-node", "switches", "tasks-per-node",
		"threads-per-core", "time", "time-min", "tmp", "wckey",
	};

	if (memchr(word->start, '=', word->len))
		return NOTHING_FOLLOWS;
	if (word->start[1] == '-') {
		if (is_one_of(word, flags, sizeof(flags) / sizeof(flags[0])))
			return NOTHING_FOLLOWS;
		return is_one_of(word, valued, sizeof(valued) / sizeof(valued[0])) ? A_VALUE_FOLLOWS : NOBODY_KNOWS;
	}
	/* short ones: flags may stand together, a value may be in the same word */
	for (size_t i = 1; i < word->len; i++)
		if (!strchr("HWsOQvkIKlXuEZ", word->start[i]))
			return i + 1 == word->len ? A_VALUE_FOLLOWS : NOTHING_FOLLOWS;
	return NOTHING_FOLLOWS;
}

bool wattle_submit_line_option(const char *line, size_t len, uint32_t component, struct wattle_option *ret)
{
	const char *s = line, *end = line + (len < WATTLE_SCRIPT_MAX ? len : WATTLE_SCRIPT_MAX);
	struct wattle_option option = { { 0 }, { 0 } };
	bool found = false, value_next = false, value_ours = false, program = true;
	uint32_t at = 0;

	while (s < end) {
		struct span word;

		while (s < end && *s == ' ')
			s++;
		word.start = s;
		while (s < end && *s != ' ')
			s++;
		word.len = (size_t) (s - word.start);
		if (word.len == 0)
			break;
		if (program) {
			program = false; /* sbatch, srun or salloc itself */
		} else if (value_next) {
			value_next = false;
			if (value_ours) {
				copy_value(&option, word.start, word.len);
				if (at == component) {
					*ret = option;
					found = true;
				}
			}
		} else if (span_is(&word, ":")) {
			if (at++ == component)
				break;
		} else if (word.start[0] != '-' || word.len == 1 || span_is(&word, "--")) {
			break; /* the script or program */
		} else {
			enum option_shape shape = read_option(&word, &option);
			enum follows follows = what_follows(&word);

			if (shape == WHOLE && at == component) {
				*ret = option;
				found = true;
			}
			value_ours = shape == VALUE_FOLLOWS;
			if (shape == NOT_OURS && (follows == NOBODY_KNOWS || (word.len >= 7 && memcmp(word.start, "--wrap=", 7) == 0)))
				break; /* the next word may be a value or the program, or the rest of a value of many words */
			value_next = value_ours || (shape == NOT_OURS && follows == A_VALUE_FOLLOWS);
		}
	}
	return found;
}
