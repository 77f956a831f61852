/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SPANK_CONTEXT_H
#define WATTLE_SPANK_CONTEXT_H

/* What one Slurm process (client, slurmd, slurmstepd, prolog or epilog) knows of itself. There is exactly one, static, in
 * spank_entry.c; everything else gets it as an argument. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "lease.h"
#include "request.h"
#include "sampler.h"
#include "siteconf.h"
#include "slurm_compat.h"

/* Slurm dlsyms the hooks and plugin_* of <slurm/spank.h>: the build's -fvisibility=hidden must not reach them. */
#pragma GCC visibility push(default)
#include <slurm/spank.h>
#pragma GCC visibility pop

/* Steps from here up are the job's own (interactive, extern, batch, pending): the --power they see was the job's
 * request, which is the grant, not an ask. */
#define WATTLE_STEP_FIRST_SPECIAL SLURM_INTERACTIVE_STEP

/* How long to stand in line for the lease book: a crowd of steps on a slow node is no fault of theirs. */
#define WATTLE_LOCK_WAIT_MS 30000

struct wattle_site {
	struct wattle_siteconf *conf;     /* NULL: could not be read, or this node is none of ours */
	const struct wattle_class *class; /* this node's, NULL: in no class */
	char host[WATTLE_NAME_MAX];       /* Slurm's name of this node */
	struct wattle_node node;
};

struct wattle_step {
	uint32_t job_id, step_id, nodes, node_index;
	uid_t uid;
	gid_t gid;
	struct wattle_proc self;
	bool attached;       /* the lease book may have this slurmstepd as a holder */
	bool cap_failed;     /* the cap it runs under is not in force */
	bool book_busy;      /* then: nothing failed but the wait for the lease book */
	bool shared;
	uint32_t grant_w, effective_w;
	int64_t start_s;
	char failure[512];   /* zone, wanted, read; or what else went wrong */
	char warning[384];   /* one line for the user, said once their stderr is connected */
	char note[256];      /* for the record */
};

struct wattle_spank {
	/* what the dynamic loader gave to our constructor; Slurm does not pass it on */
	int argc;
	char **argv;

	char conf_path[512];
	bool arguments_read;

	struct wattle_request request;
	char said[64];       /* the option's text, for messages */
	char option[16];     /* "power" or "power-cap" */

	struct wattle_site site;
	struct wattle_step step;
	struct wattle_sampler sampler;
};

/* Reads plugstack.conf's arguments: conf=PATH. An unknown one is an error line and nothing more: it must not take
 * sbatch away from everyone. */
void wattle_arguments_read(struct wattle_spank *ctx, int argc, char *argv[]);

/* Reads the site config (the last good one if it is broken: conf_good.h) and finds this node in it. 0; -ENOENT: the node is in no class (site.conf is there, site.class is not);
 * or -errno of wattle_conf_good_read. site.node points into site. */
int wattle_site_load(struct wattle_spank *ctx, struct wattle_err *err);
void wattle_site_free(struct wattle_spank *ctx);

#endif
