/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_ARGV_H
#define WATTLE_CLI_ARGV_H

/* Finds a client's own options in its argument vector: what getopt_long would take as `srun --power=300 app --power=5`'s own is the
 * first one only. */

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum wattle_cli {
	WATTLE_CLI_SCRIPT,  /* sbatch, salloc: after the first word that is no option everything is the script's */
	WATTLE_CLI_COMMAND, /* srun: the same up to the next ":", where another component begins */
};

/* Calls found(arg, i, separate), if found is given, for each element argv[i] that begins the client's own option --name: separate false "--name=V", true
 * "--name" followed by the value. Works on a copy of the vector; optstring and table as for getopt_long. Resets getopt's
 * state (optind 0) before and after; prints nothing. Unknown or ambiguous options end their component: the client
 * will complain of them itself. Returns how often it called, or -1 without memory. */
int wattle_cli_find(enum wattle_cli cli, int argc, char *const argv[], const char *optstring, const struct option *table,
		    const char *name, void (*found)(void *arg, int i, bool separate), void *arg);

/* For the Slurm client we are loaded in: the same with its own option table. -1 where a symbol is missing. */
int wattle_cli_find_own(int argc, char *const argv[], const char *name, void (*found)(void *arg, int i, bool separate),
			void *arg);
/* True if the client was given --name. */
bool wattle_cli_says(int argc, char *const argv[], const char *name);

#endif
