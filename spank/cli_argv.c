/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cli_argv.h"

/* One component: argv[0] is the command's name or ":". Returns the index of the first word that is no option. */
static int walk_component(int argc, char **argv, int base, const char *optstring, const struct option *table, const char *name,
			  int *ret_count, void (*found)(void *arg, int i, bool separate), void *arg)
{
	int c, index = -1;

	optind = 0; /* glibc: start afresh, whatever was parsed before */
	while (index = -1, (c = getopt_long(argc, argv, optstring, table, &index)) != -1) {
		if (c == '?' || c == ':')
			continue;
		if (index < 0 || strcmp(table[index].name, name) != 0 || !optarg)
			continue;
		bool separate = optarg == argv[optind - 1];
		(*ret_count)++;
		if (found)
			found(arg, base + optind - (separate ? 2 : 1), separate);
	}
	return optind < 1 ? 1 : optind;
}

int wattle_cli_find(enum wattle_cli cli, int argc, char *const argv[], const char *optstring, const struct option *table,
		    const char *name, void (*found)(void *arg, int i, bool separate), void *arg)
{
	cleanup_free char **copy = NULL;
	int count = 0, saved_opterr = opterr;

	if (argc < 1)
		return 0;
	copy = malloc(((size_t) argc + 1) * sizeof(*copy));
	if (!copy)
		return -1;
	memcpy(copy, argv, (size_t) argc * sizeof(*copy));
	copy[argc] = NULL;

	opterr = 0;
	for (int base = 0; base < argc;) {
		int next = base + walk_component(argc - base, copy + base, base, optstring, table, name, &count, found, arg);
		if (cli == WATTLE_CLI_COMMAND)
			while (next < argc && strcmp(copy[next], ":") != 0)
				next++;
		if (next >= argc || strcmp(copy[next], ":") != 0)
			break;
		base = next;
	}
	opterr = saved_opterr;
	optind = 0;
	optarg = NULL;
	return count;
}

/* sbatch, srun and salloc export their option struct, and libslurmfull the function that makes getopt's table of it (with the
 * options of plugins loaded so far). Neither is promised: the callers do without when one is missing. */
int wattle_cli_find_own(int argc, char *const argv[], const char *name, void (*found)(void *arg, int i, bool separate),
			void *arg)
{
	struct option *(*table_create)(void *opt, char **optstring);
	void (*table_destroy)(struct option *table);
	void *opt = dlsym(RTLD_DEFAULT, "opt");
	char *optstring = NULL;

	*(void **) &table_create = dlsym(RTLD_DEFAULT, "slurm_option_table_create");
	*(void **) &table_destroy = dlsym(RTLD_DEFAULT, "slurm_option_table_destroy");
	if (argc < 1 || !argv || !opt || !table_create || !table_destroy)
		return -1;
	struct option *table = table_create(opt, &optstring);
	if (!table)
		return -1;
	int rc = -1;
	/* '+' first: the walk below counts on getopt stopping at the first word that is no option. optstring is Slurm's
	 * xmalloc memory, some dozens of bytes; its xfree is not part of what we may call. */
	if (optstring && optstring[0] == '+')
		rc = wattle_cli_find(dlsym(RTLD_DEFAULT, "sropt") ? WATTLE_CLI_COMMAND : WATTLE_CLI_SCRIPT, argc, argv, optstring,
				     table, name, found, arg);
	table_destroy(table);
	return rc;
}

bool wattle_cli_says(int argc, char *const argv[], const char *name)
{
	return wattle_cli_find_own(argc, argv, name, NULL, NULL) > 0;
}
