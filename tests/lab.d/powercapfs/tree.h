/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The powercap class tree of one simulated node: its control types, zones and files, and what reading and writing a
 * file does to the registers. Pure: no I/O, no locks, no clock; the caller holds one lock around a tree.
 *
 * Layout, as /sys/class/powercap has it and as libpowercap walks it:
 *   intel-rapl/                                  control type
 *   intel-rapl/intel-rapl:0/                     zone
 *   intel-rapl/intel-rapl:0/intel-rapl:0:0/      subzone
 *   intel-rapl:0 -> intel-rapl/intel-rapl:0      every zone again at the top, as a link
 */
#ifndef PCFS_TREE_H
#define PCFS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "rapl.h"

#define PCFS_PACKAGES_MAX 8
#define PCFS_ZONES_MAX (3 * PCFS_PACKAGES_MAX)
#define PCFS_CONTROLS_MAX 2
#define PCFS_CONSTRAINTS_MAX 2
/* sysfs hands a show or store function one page. */
#define PCFS_FILE_SIZE 4096

enum pcfs_zone_type {
	PCFS_ZONE_PACKAGE,      /* the MSR interface: control type intel-rapl */
	PCFS_ZONE_DRAM,         /* a subzone, metering and one limit */
	PCFS_ZONE_MMIO,         /* a second interface to a package: control type intel-rapl-mmio */
};

struct pcfs_constraint {
	const char *name;
	uint32_t power_raw;
	uint8_t window_raw;
	uint32_t max_power_raw;
};

struct pcfs_zone {
	char dir[24];           /* intel-rapl:0:0 */
	char name[24];          /* package-0, dram */
	enum pcfs_zone_type type;
	unsigned control;       /* index into pcfs_tree.control */
	int parent;             /* index into pcfs_tree.zone, or -1 */
	unsigned package;       /* whose power it meters and limits */
	bool enabled;           /* do its limits bind? */
	unsigned constraints;
	struct pcfs_constraint constraint[PCFS_CONSTRAINTS_MAX];
	struct pcfs_energy energy;
	double power_w;         /* being drawn; set by the model */
};

struct pcfs_tree {
	unsigned packages;
	unsigned controls;
	const char *control[PCFS_CONTROLS_MAX];
	unsigned zones;
	struct pcfs_zone zone[PCFS_ZONES_MAX];
};

struct pcfs_tree_config {
	unsigned packages;
	bool dram;
	bool mmio;
	bool swap;              /* intel-rapl:0 is the last package, :1 the one before, … */
	bool enabled;           /* what `enabled` of package and mmio zones says at boot */
	uint32_t tdp_w;         /* constraint_0_max_power_uw: the kernel shows THERMAL_SPEC_POWER */
	uint32_t max_power_1_w; /* constraint_1_max_power_uw: MAX_POWER, which is 0 on much hardware; the file is always there */
	bool energy_start_set;
	uint64_t energy_start_uj; /* if set, else derived from node and zone */
	bool energy_near_wrap;  /* if true, energy_start_uj stands for microjoules left before the wrap */
};

/*
 * Builds the tree of node. Boot limits follow from the node's name, the zone and the constraint alone: n1..n32 and
 * k1..k32 of two packages share no value, long_term is at least 173 W, short_term is 150 W above it. Other names are
 * hashed onto the same 64 places. packages must be 1..PCFS_PACKAGES_MAX.
 */
void pcfs_tree_init(struct pcfs_tree *tree, const char *node, const struct pcfs_tree_config *config);

/* 0..63: which set of boot limits a node has. */
unsigned pcfs_node_slot(const char *node);

enum pcfs_file {
	PCFS_FILE_ENABLED,
	PCFS_FILE_UEVENT,
	PCFS_FILE_NAME,
	PCFS_FILE_ENERGY,
	PCFS_FILE_ENERGY_RANGE,
	PCFS_FILE_POWER_LIMIT,
	PCFS_FILE_TIME_WINDOW,
	PCFS_FILE_MAX_POWER,
	PCFS_FILE_CONSTRAINT_NAME,
};

struct pcfs_node {
	enum { PCFS_ROOT, PCFS_CONTROL, PCFS_ZONE, PCFS_LINK, PCFS_FILE } kind;
	unsigned control;       /* of CONTROL, and of a FILE of one */
	int zone;               /* index, or -1 */
	enum pcfs_file file;
	unsigned constraint;
};

/* Resolves an absolute path inside the mount. 0, or -ENOENT with *ret undefined. */
int pcfs_tree_lookup(const struct pcfs_tree *tree, const char *path, struct pcfs_node *ret);

/*
 * Calls entry once for each member of a directory node (ROOT, CONTROL, ZONE), "." and ".." excepted, until it returns
 * non-zero; returns that.
 */
typedef int pcfs_entry_fn(void *arg, const char *name, const struct pcfs_node *node);
int pcfs_tree_list(const struct pcfs_tree *tree, const struct pcfs_node *dir, pcfs_entry_fn *entry, void *arg);

/* File type and permissions as in sysfs. */
mode_t pcfs_node_mode(const struct pcfs_node *node);

/* "intel-rapl:0", or "intel-rapl" for a control type and its files, or "" for the root. */
const char *pcfs_node_dir(const struct pcfs_tree *tree, const struct pcfs_node *node);
/* The zone's name ("package-0"), or "". */
const char *pcfs_node_zone_name(const struct pcfs_tree *tree, const struct pcfs_node *node);
/* The file's own name into buf, "" for directories and links. */
void pcfs_node_file_name(const struct pcfs_node *node, char *buf, size_t size);
/* A link's target into buf: "intel-rapl/intel-rapl:0". */
void pcfs_node_target(const struct pcfs_tree *tree, const struct pcfs_node *node, char *buf, size_t size);
/* Does the file hold microwatts, microjoules or microseconds? */
bool pcfs_node_numeric(const struct pcfs_node *node);

/*
 * What a read gives: the length of the text put into buf, or -errno. ahead_s is how long ago the model last accrued
 * energy: the counter is shown with that much more at the power being drawn.
 */
int pcfs_file_show(const struct pcfs_tree *tree, const struct pcfs_node *node, double ahead_s, char *buf, size_t size);

/* What a write does: 0 with the register changed, or -errno with nothing changed. */
int pcfs_file_store(struct pcfs_tree *tree, const struct pcfs_node *node, const char *buf, size_t len);

#endif
