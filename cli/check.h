/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CHECK_H
#define WATTLE_CHECK_H

/* `wattle check`: each check looks at one thing and says what it found. A check never changes anything it looks at
 * (but for one, of the limits: see check_hardware.c), and what it can't see it says it can't see.
 *
 * To add a check: a function `void wattle_check_NAME (struct wattle_check *check)` and a line in the table of cmd_check.c. */

#include <stdbool.h>
#include <stdint.h>

#include "node.h"
#include "siteconf.h"

enum wattle_level { WATTLE_LEVEL_OK, WATTLE_LEVEL_WARNING, WATTLE_LEVEL_WRONG };

struct wattle_finding {
	enum wattle_level level;
	const char *topic;
	char text[512];
	char mend[384]; /* how to mend it; empty if there is nothing to mend */
};

#define WATTLE_FINDINGS_MAX 256

struct wattle_check {
	/* what is looked at; texts are NULL where they could not be had */
	bool root;               /* we may look everywhere */
	bool controller, node;   /* this host is; neither: a login host */
	char host[256];
	const char *conf_path;
	struct wattle_siteconf *conf;  /* NULL: broken or missing, said by the config check */
	char *slurm_config;      /* scontrol show config, or slurm.conf itself */
	bool slurm_alive;        /* slurmctld answered */
	char slurm_why[256];     /* why not */
	char slurm_conf_dir[256];/* folder of slurm.conf, "" if not known */
	char *licences, *partitions, *nodes; /* scontrol --oneliner show … */
	char plugstack_path[256];/* "" if none was found */
	char *plugstack;         /* its text, includes in place */
	const char *plugin_dir;  /* what this build installs to */

	/* what was found */
	uint32_t n, n_lost;
	struct wattle_finding finding[WATTLE_FINDINGS_MAX];
};

void wattle_found(struct wattle_check *check, enum wattle_level level, const char *topic, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* How to mend the finding just made. */
void wattle_mend(struct wattle_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fills in what Slurm says and which roles this host has. role: NULL, or "controller", "node", "login" to say so. */
void wattle_check_gather(struct wattle_check *check, const char *role);
void wattle_check_release(struct wattle_check *check);

void wattle_check_config(struct wattle_check *check);     /* reads conf_path */
void wattle_check_classes(struct wattle_check *check);    /* classes and partitions against Slurm's */
void wattle_check_slurm(struct wattle_check *check);      /* slurm.conf */
void wattle_check_budget(struct wattle_check *check);     /* licence, gres, TRES */
void wattle_check_licence(struct wattle_check *check);    /* of it, the licence */
void wattle_check_plugins(struct wattle_check *check);
void wattle_check_folders(struct wattle_check *check);
void wattle_check_hardware(struct wattle_check *check);
void wattle_check_leases(struct wattle_check *check);
void wattle_check_agent(struct wattle_check *check);
void wattle_check_carbon(struct wattle_check *check);

/* --- parts that are pure, for tests --------------------------------------- */

/* The line of plugstack.conf that loads NAME (".so" and folder ignored): true; *ret_required, and the arguments after the path. */
bool wattle_plugstack_find(const char *text, const char *name, bool *ret_required, char *ret_path, size_t path_size, char *ret_args,
			   size_t args_size);
/* "22.05.8" as SLURM_VERSION_NUMBER has it; 0 if it is no version. */
uint32_t wattle_slurm_version_parse(const char *text);
void wattle_slurm_version_format(uint32_t version, char *ret, size_t size);

#endif
