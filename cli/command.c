/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void vsay(const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	for (char *s = line; *s; s++)
		if ((unsigned char) *s < 0x20 || (unsigned char) *s == 0x7f)
			*s = ' ';
	fprintf(stderr, "wattle: %s\n", line);
}

int wattle_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
	return WATTLE_EXIT_FAILED;
}

void wattle_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
}

int wattle_finish(int status)
{
	bool bad = ferror(stdout) != 0;

	if (fflush(stdout) != 0 || bad) {
		/* a reader that has seen enough (`| head`) is no failure worth a line */
		if (errno == EPIPE)
			return status;
		return wattle_fail("can't write the output: %s", strerror(errno));
	}
	return status;
}

static void version_print(void)
{
	printf("wattle %s\n", PACKAGE_VERSION);
}

static void commands_print(const char *prefix, const char *about, const struct wattle_command *table, size_t n)
{
	printf("usage: %s COMMAND [OPTION…]\n\n%s\n\ncommands:\n", prefix, about);
	for (size_t i = 0; i < n; i++)
		printf("  %-10s %s\n", table[i].name, table[i].summary);
	printf("\n`%s COMMAND --help` says more.\n", prefix);
}

int wattle_command_dispatch(const char *prefix, const char *about, const struct wattle_command *table, size_t n, int argc,
			    char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "wattle: which command? `%s --help` lists them\n", prefix);
		return WATTLE_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		commands_print(prefix, about, table, n);
		return wattle_finish(WATTLE_EXIT_DONE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		version_print();
		return wattle_finish(WATTLE_EXIT_DONE);
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(argv[1], table[i].name) == 0)
			return table[i].run(argc - 1, argv + 1);
	wattle_warn("no command \"%.40s\": `%s --help` lists them", argv[1], prefix);
	return WATTLE_EXIT_USAGE;
}

static void usage_print(const struct wattle_usage *usage)
{
	printf("usage: %s [OPTION…]%s%s\n\n%s\n\noptions:\n", usage->command, usage->operands[0] ? " " : "", usage->operands,
	       usage->about);
	for (size_t i = 0; i < usage->n_options; i++) {
		const struct wattle_option *o = &usage->options[i];
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg ? "=" : "", o->arg ? o->arg : "");
		printf("  %-18s %s\n", left, o->help);
	}
	printf("  %-18s %s\n  %-18s %s\n", "--help", "this text", "--version", "the version");
	if (usage->man)
		printf("\nSee %s.\n", usage->man);
}

enum { OPT_FIRST = 256 };

enum wattle_parsed wattle_options_parse(const struct wattle_usage *usage, int argc, char **argv, int *ret_first, char *ret_why,
					size_t why_size)
{
	struct option table[WATTLE_OPTIONS_MAX + 3] = { { "help", no_argument, NULL, 'h' },
							{ "version", no_argument, NULL, 'V' } };
	const char *letters = ":hV";
	int c, given, output = -1;

	for (size_t i = 0; i < usage->n_options && i < WATTLE_OPTIONS_MAX; i++) {
		table[i + 2] = (struct option){ usage->options[i].name, usage->options[i].value ? required_argument : no_argument,
						NULL, OPT_FIRST + (int) i };
		if (strcmp(usage->options[i].name, "output") == 0) {
			letters = ":hVo:"; /* the one short option that people expect */
			output = OPT_FIRST + (int) i;
		}
	}
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		const struct wattle_option *o;

		if (c == 'h')
			return WATTLE_PARSED_HELP;
		if (c == 'V')
			return WATTLE_PARSED_VERSION;
		if (c == ':') {
			snprintf(ret_why, why_size, "%.60s needs a value", argv[optind - 1]);
			return WATTLE_PARSED_BAD;
		}
		if (c == '?') {
			if (optopt >= OPT_FIRST)
				snprintf(ret_why, why_size, "--%s takes no value", usage->options[optopt - OPT_FIRST].name);
			else if (optopt && optopt < OPT_FIRST && optopt != 'h' && optopt != 'V')
				snprintf(ret_why, why_size, "no option -%c", optopt);
			else
				snprintf(ret_why, why_size, "no option %.60s", argv[optind - 1]);
			return WATTLE_PARSED_BAD;
		}
		o = &usage->options[(c == 'o' ? output : c) - OPT_FIRST];
		if (o->value)
			*o->value = optarg;
		else
			*o->flag = true;
	}
	given = argc - optind;
	if (given < usage->operands_min) {
		snprintf(ret_why, why_size, "%s is missing", usage->operands);
		return WATTLE_PARSED_BAD;
	}
	if (given > usage->operands_max) {
		snprintf(ret_why, why_size, "\"%.60s\" is one word too many", argv[optind + usage->operands_max]);
		return WATTLE_PARSED_BAD;
	}
	*ret_first = optind;
	return WATTLE_PARSED_RUN;
}

bool wattle_options_take(const struct wattle_usage *usage, int argc, char **argv, int *ret_first, int *ret_exit)
{
	char why[160];

	switch (wattle_options_parse(usage, argc, argv, ret_first, why, sizeof(why))) {
	case WATTLE_PARSED_RUN:
		return true;
	case WATTLE_PARSED_HELP:
		usage_print(usage);
		*ret_exit = wattle_finish(WATTLE_EXIT_DONE);
		return false;
	case WATTLE_PARSED_VERSION:
		version_print();
		*ret_exit = wattle_finish(WATTLE_EXIT_DONE);
		return false;
	case WATTLE_PARSED_BAD:
		break;
	}
	wattle_warn("%s: `%s --help` says how", why, usage->command);
	*ret_exit = WATTLE_EXIT_USAGE;
	return false;
}
