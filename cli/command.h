/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_COMMAND_H
#define WATTLE_COMMAND_H

/* What every command of `wattle` shares: the table it stands in, its options and its way to fail.
 *
 * To add a command: write cli/cmd_NAME.c with one `int wattle_cmd_NAME (int argc, char **argv)`, declare it below,
 * and give it one line in the table of main.c (or in the table of its group, as in cmd_lease.c). */

#include <stdbool.h>
#include <stddef.h>

enum wattle_exit { WATTLE_EXIT_DONE = 0, WATTLE_EXIT_FAILED = 1, WATTLE_EXIT_USAGE = 2 };

struct wattle_command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
	const char *summary;               /* for the list in --help */
};

/* Runs the command that argv[1] names. prefix is what the user typed before it ("wattle", "wattle lease"). */
int wattle_command_dispatch(const char *prefix, const char *about, const struct wattle_command *table, size_t n, int argc,
			    char **argv);

/* An option: a flag (flag set, value NULL) or one that takes a value (value set, arg names it in the help). */
struct wattle_option {
	const char *name;   /* without the dashes */
	bool *flag;
	const char *arg;
	const char **value; /* points into argv */
	const char *help;
};

#define WATTLE_OPTIONS_MAX 24

struct wattle_usage {
	const char *command;  /* "wattle report" */
	const char *operands; /* "JOBID[_TASK|+HET]", "" for none */
	const char *about;    /* what it does, one or more lines */
	const struct wattle_option *options;
	size_t n_options;
	int operands_min, operands_max;
	const char *man;      /* "wattle-report(1)" */
};

enum wattle_parsed {
	WATTLE_PARSED_RUN,     /* go on; operands are argv[*ret_first] to argv[argc-1] */
	WATTLE_PARSED_HELP,    /* --help: wattle_usage_print, exit 0 */
	WATTLE_PARSED_VERSION, /* --version */
	WATTLE_PARSED_BAD,     /* a message is in ret_why, exit 2 */
};

/* Reads argv against the table: --help, -h, --version and -V are known to all, -o to those with an "output". Prints nothing; argv may be
 * permuted. */
enum wattle_parsed wattle_options_parse(const struct wattle_usage *usage, int argc, char **argv, int *ret_first, char *ret_why,
					size_t why_size);

/* The same with what a command does about it: prints help or version to stdout, a message to stderr.
 * True: run, operands from *ret_first on. False: leave with *ret_exit. */
bool wattle_options_take(const struct wattle_usage *usage, int argc, char **argv, int *ret_first, int *ret_exit);

/* One line "wattle: …" on stderr. Returns WATTLE_EXIT_FAILED. */
int wattle_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line on stderr for something that does not end the command. */
void wattle_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Closes stdout: WATTLE_EXIT_FAILED with a message if what was printed did not arrive (a full disk). */
int wattle_finish(int status);

int wattle_cmd_lease(int argc, char **argv);
int wattle_cmd_report(int argc, char **argv);
int wattle_cmd_check(int argc, char **argv);
int wattle_cmd_profile(int argc, char **argv);
int wattle_cmd_sweep(int argc, char **argv);
int wattle_cmd_plan(int argc, char **argv);
int wattle_cmd_carbon(int argc, char **argv);
int wattle_cmd_slots(int argc, char **argv);
int wattle_cmd_advise(int argc, char **argv);

#endif
