/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SITECONF_H
#define WATTLE_SITECONF_H

/* The site's configuration: /etc/wattle/wattle.conf, INI.
 *
 *   [site]
 *   charge = licence            ; licence | gres | both
 *   licence = power             ; name of the licence that is the watt budget
 *   gres = power                ; name of the per-node count
 *   default_charge = share      ; share | node: what a job that names no watts is charged
 *   interactive_het = allow     ; allow | refuse: salloc and srun with ':', whose later components Slurm >= 23.02 lets nobody charge
 *   default_partition = main    ; what a job without -p gets; empty: Slurm's own default
 *   on_cap_failure = fail       ; fail | drain | continue
 *   report_dir = /var/spool/wattle
 *   carbon_zone = DE
 *
 *   [class standard]            ; kinds of nodes; the first class whose list has the node is its class
 *   nodes = n[1-64]             ; missing: every node
 *   cpus = 64                   ; per node; 0 or missing: unknown
 *   base_w = 60                 ; drawn outside the packages: fans, board, disks, network
 *   min_w = 100                 ; least node cap that may be asked for
 *   max_w = 400                 ; the node at full power; a cap this high is no cap
 *   default_w = 400             ; charged to a job that names no watts; missing: max_w
 *
 *   [partition main]
 *   class = standard            ; missing: the first class
 *   min_w, max_w, default_w     ; narrow the class's
 *   default_charge = node       ; missing: the site's; node where the partition hands out whole nodes
 *
 * Keys *_w are plain watts (integers, no suffix). Unknown section or key, or a unit error: refused with file:line.
 * `nodes` may be repeated, its lists add up; "license" is taken for "licence" as a value of charge. Lines have at most 198 bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_NAME_MAX 64
#define WATTLE_CLASSES_MAX 64
#define WATTLE_PARTITIONS_MAX 256
#define WATTLE_CONF_BYTES_MAX (256 * 1024)

enum wattle_charge { WATTLE_CHARGE_LICENCE = 1, WATTLE_CHARGE_GRES = 2, WATTLE_CHARGE_BOTH = 3 };
enum wattle_default_charge { WATTLE_DEFAULT_CHARGE_UNSAID, WATTLE_DEFAULT_CHARGE_SHARE, WATTLE_DEFAULT_CHARGE_NODE };
enum wattle_cap_failure { WATTLE_CAP_FAIL, WATTLE_CAP_DRAIN, WATTLE_CAP_CONTINUE };

struct wattle_class {
	char name[WATTLE_NAME_MAX];
	char nodes[512];     /* host list; empty: every node */
	uint32_t cpus;       /* 0: unknown */
	uint32_t base_w, min_w, max_w, default_w;
};

struct wattle_partition {
	char name[WATTLE_NAME_MAX];
	char class_name[WATTLE_NAME_MAX];
	uint32_t min_w, max_w, default_w; /* 0: the class's */
	enum wattle_default_charge default_charge;
};

struct wattle_siteconf {
	enum wattle_charge charge;
	char licence[WATTLE_NAME_MAX];
	char gres[WATTLE_NAME_MAX];
	bool default_charge_node;
	bool interactive_het_refused;
	char default_partition[WATTLE_NAME_MAX];
	enum wattle_cap_failure on_cap_failure;
	char report_dir[256];
	char carbon_zone[WATTLE_NAME_MAX];
	uint32_t n_classes, n_partitions;
	struct wattle_class classes[WATTLE_CLASSES_MAX];
	struct wattle_partition partitions[WATTLE_PARTITIONS_MAX];
};

/* Parses text (no file is read; name is for messages). Everything is checked: base_w < min_w <= default_w <= max_w,
 * partitions within their class, host lists, names. On error *ret is untouched and err says name:line. No globals; thread-safe. */
int wattle_siteconf_parse(const char *name, const char *text, struct wattle_siteconf *ret, struct wattle_err *err);

/* Reads and parses a root-owned file (file.h's rules). *ret is malloc'd, caller frees with free(). */
int wattle_siteconf_read(const char *path, struct wattle_siteconf **ret, struct wattle_err *err);

/* NULL if there is none. */
const struct wattle_partition *wattle_siteconf_partition(const struct wattle_siteconf *conf, const char *name);
const struct wattle_class *wattle_siteconf_class(const struct wattle_siteconf *conf, const char *name);
/* The class of a partition: its own, else the first. name may be NULL (default partition). NULL only without any class. */
const struct wattle_class *wattle_siteconf_partition_class(const struct wattle_siteconf *conf, const char *name);
/* What a job may ask for per node in a partition: the class's range as the partition narrows it. A default_w that the
 * partition does not name is the class's, moved into the range. Without any class: a class of zeros. */
struct wattle_limits {
	const struct wattle_class *class;
	uint32_t min_w, max_w, default_w;
	bool default_charge_node;
};
void wattle_siteconf_limits(const struct wattle_siteconf *conf, const char *name, struct wattle_limits *ret);
/* The class of a node, by host name: NULL if no list has it. */
const struct wattle_class *wattle_siteconf_node_class(const struct wattle_siteconf *conf, const char *host);

#endif
