/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BOOT_SLOTS 64U
#define BOOT_LONG_TERM_W 173U
#define BOOT_SHORT_TERM_ABOVE_W 150U
/* Decoys have limits of their own too, far from a package's. */
#define BOOT_MMIO_ABOVE_W 600U
#define BOOT_DRAM_W 33U
/*
 * What servers commonly show: 999424 us and 2440 us. The latter is 2.5 units: firmware can encode it, the kernel can't
 * (it divides first), so that 2440 written back reads 1952.
 */
#define BOOT_LONG_WINDOW_RAW 0x0aU
#define BOOT_SHORT_WINDOW_RAW 0x21U

static const char *const control_names[PCFS_CONTROLS_MAX] = { "intel-rapl", "intel-rapl-mmio" };

struct file_info {
	enum pcfs_file file;
	const char *name;       /* of a constraint's: what follows constraint_N_ */
	bool per_constraint;
	mode_t mode;
};

/* Modes as the kernel registers them; energy_uj has been the owner's alone since 5.10 (CVE-2020-8694). */
static const struct file_info files[] = {
	{ PCFS_FILE_ENABLED, "enabled", false, 0644 },
	{ PCFS_FILE_UEVENT, "uevent", false, 0644 },
	{ PCFS_FILE_NAME, "name", false, 0444 },
	{ PCFS_FILE_ENERGY, "energy_uj", false, 0400 },
	{ PCFS_FILE_ENERGY_RANGE, "max_energy_range_uj", false, 0444 },
	{ PCFS_FILE_CONSTRAINT_NAME, "name", true, 0444 },
	{ PCFS_FILE_POWER_LIMIT, "power_limit_uw", true, 0644 },
	{ PCFS_FILE_TIME_WINDOW, "time_window_us", true, 0644 },
	{ PCFS_FILE_MAX_POWER, "max_power_uw", true, 0444 },
};
#define FILES (sizeof(files) / sizeof(files[0]))

static const struct file_info *info_of(enum pcfs_file file)
{
	for (size_t i = 0; i < FILES; i++)
		if (files[i].file == file)
			return &files[i];
	return NULL;
}

/* A control type has only these two. */
static bool in_control(enum pcfs_file file)
{
	return file == PCFS_FILE_ENABLED || file == PCFS_FILE_UEVENT;
}

static uint32_t fnv1a(const char *text, uint32_t hash)
{
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619U;
	return hash;
}

unsigned pcfs_node_slot(const char *node)
{
	unsigned number = 0;
	int used = 0;

	/* Lab nodes are n1.. and k1..: even places for the former, odd ones for the latter. */
	if ((node[0] == 'n' || node[0] == 'k') && sscanf(node + 1, "%3u%n", &number, &used) == 1 &&
	    node[1 + used] == '\0' && number >= 1)
		return ((number - 1) * 2 + (node[0] == 'k')) % BOOT_SLOTS;
	return fnv1a(node, 2166136261U) % BOOT_SLOTS;
}

/*
 * Whole watts differ between any two of the lab's packages; the eighths make boot values that only survive a restore
 * done in microwatts.
 */
static uint32_t boot_limit_raw(unsigned slot, unsigned package, unsigned packages, unsigned above_w)
{
	uint32_t watts = BOOT_LONG_TERM_W + slot * packages + package + above_w;

	return watts * 8 + (slot * 3 + package * 5 + 1) % 8;
}

static void init_package_limits(struct pcfs_zone *zone, unsigned slot, const struct pcfs_tree_config *config,
				unsigned above_w)
{
	zone->constraints = 2;
	zone->constraint[0] = (struct pcfs_constraint) {
		.name = "long_term",
		.power_raw = boot_limit_raw(slot, zone->package, config->packages, above_w),
		.window_raw = BOOT_LONG_WINDOW_RAW,
		.max_power_raw = pcfs_power_to_raw(config->tdp_w * 1000000ULL),
	};
	zone->constraint[1] = (struct pcfs_constraint) {
		.name = "short_term",
		.power_raw = boot_limit_raw(slot, zone->package, config->packages, above_w + BOOT_SHORT_TERM_ABOVE_W),
		.window_raw = BOOT_SHORT_WINDOW_RAW,
		.max_power_raw = pcfs_power_to_raw(config->max_power_1_w * 1000000ULL),
	};
}

static void init_dram_limits(struct pcfs_zone *zone, unsigned slot)
{
	zone->constraints = 1;
	zone->constraint[0] = (struct pcfs_constraint) {
		.name = "long_term",
		.power_raw = (BOOT_DRAM_W + zone->package) * 8 + slot % 8,
		.window_raw = BOOT_LONG_WINDOW_RAW,
	};
}

static struct pcfs_zone *add_zone(struct pcfs_tree *tree, enum pcfs_zone_type type, unsigned index, unsigned package,
				  int parent)
{
	struct pcfs_zone *zone = &tree->zone[tree->zones++];

	*zone = (struct pcfs_zone) {
		.type = type,
		.control = type == PCFS_ZONE_MMIO,
		.parent = parent,
		.package = package,
		.energy = { .unit_nj = type == PCFS_ZONE_DRAM ? PCFS_ENERGY_UNIT_DRAM_NJ : PCFS_ENERGY_UNIT_NJ },
	};
	(void)snprintf(zone->dir, sizeof(zone->dir), "%.20s:%x",
		       parent < 0 ? control_names[zone->control] : tree->zone[parent].dir, index & 0xfU);
	if (type == PCFS_ZONE_DRAM)
		(void)snprintf(zone->name, sizeof(zone->name), "dram");
	else
		(void)snprintf(zone->name, sizeof(zone->name), "package-%u", package & 0xfU);
	return zone;
}

static void start_energy(struct pcfs_zone *zone, const char *node, const struct pcfs_tree_config *config)
{
	uint64_t range_uj = pcfs_energy_range_uj(&zone->energy);
	uint64_t start_uj;

	if (!config->energy_start_set)
		/* Somewhere in the counter's lower half: a node has been up for a while, and a short test meets no wrap unasked. */
		start_uj = (uint64_t)fnv1a(zone->dir, fnv1a(node, 2166136261U)) * 1000 % (range_uj / 2);
	else if (config->energy_near_wrap)
		start_uj = config->energy_start_uj > range_uj ? 0 : range_uj - config->energy_start_uj;
	else
		start_uj = config->energy_start_uj;
	pcfs_energy_set_uj(&zone->energy, start_uj);
}

void pcfs_tree_init(struct pcfs_tree *tree, const char *node, const struct pcfs_tree_config *config)
{
	unsigned slot = pcfs_node_slot(node);

	*tree = (struct pcfs_tree) { .packages = config->packages, .controls = config->mmio ? 2 : 1 };
	for (unsigned i = 0; i < tree->controls; i++)
		tree->control[i] = control_names[i];

	for (unsigned i = 0; i < config->packages; i++) {
		unsigned package = config->swap ? config->packages - 1 - i : i;
		int at = (int)tree->zones;
		struct pcfs_zone *zone = add_zone(tree, PCFS_ZONE_PACKAGE, i, package, -1);

		zone->enabled = config->enabled;
		init_package_limits(zone, slot, config, 0);
		if (config->dram)
			init_dram_limits(add_zone(tree, PCFS_ZONE_DRAM, 0, package, at), slot);
	}
	for (unsigned i = 0; config->mmio && i < config->packages; i++) {
		struct pcfs_zone *zone = add_zone(tree, PCFS_ZONE_MMIO, i, i, -1);

		zone->enabled = config->enabled;
		init_package_limits(zone, slot, config, BOOT_MMIO_ABOVE_W);
	}
	for (unsigned i = 0; i < tree->zones; i++)
		start_energy(&tree->zone[i], node, config);
}

/* Finds name among the files of a control type (zone < 0) or zone. */
static int find_file(const struct pcfs_tree *tree, const char *name, struct pcfs_node *node)
{
	const struct pcfs_zone *zone = node->zone < 0 ? NULL : &tree->zone[node->zone];
	static const char prefix[] = "constraint_";
	bool per_constraint = false;
	const char *rest = name;

	if (zone && strncmp(name, prefix, sizeof(prefix) - 1) == 0) {
		const char *digit = name + sizeof(prefix) - 1;

		if (digit[0] < '0' || digit[0] > '9' || digit[1] != '_')
			return -ENOENT;
		node->constraint = (unsigned)(digit[0] - '0');
		if (node->constraint >= zone->constraints)
			return -ENOENT;
		per_constraint = true;
		rest = digit + 2;
	}
	for (size_t i = 0; i < FILES; i++) {
		if (files[i].per_constraint != per_constraint || strcmp(files[i].name, rest) != 0)
			continue;
		if (!zone && !in_control(files[i].file))
			continue;
		node->kind = PCFS_FILE;
		node->file = files[i].file;
		return 0;
	}
	return -ENOENT;
}

static int find_zone(const struct pcfs_tree *tree, const char *dir)
{
	for (unsigned i = 0; i < tree->zones; i++)
		if (strcmp(tree->zone[i].dir, dir) == 0)
			return (int)i;
	return -1;
}

/* One step down from *node. */
static int descend(const struct pcfs_tree *tree, const char *name, struct pcfs_node *node)
{
	int zone = find_zone(tree, name);

	switch (node->kind) {
	case PCFS_ROOT:
		for (unsigned i = 0; i < tree->controls; i++) {
			if (strcmp(tree->control[i], name) == 0) {
				*node = (struct pcfs_node) { .kind = PCFS_CONTROL, .control = i, .zone = -1 };
				return 0;
			}
		}
		if (zone < 0)
			return -ENOENT;
		*node = (struct pcfs_node) { .kind = PCFS_LINK, .control = tree->zone[zone].control, .zone = zone };
		return 0;
	case PCFS_CONTROL:
	case PCFS_ZONE:
		if (zone >= 0 && tree->zone[zone].control == node->control && tree->zone[zone].parent == node->zone) {
			node->kind = PCFS_ZONE;
			node->zone = zone;
			return 0;
		}
		return find_file(tree, name, node);
	case PCFS_LINK:
	case PCFS_FILE:
		break;
	}
	return -ENOENT;
}

int pcfs_tree_lookup(const struct pcfs_tree *tree, const char *path, struct pcfs_node *ret)
{
	*ret = (struct pcfs_node) { .kind = PCFS_ROOT, .zone = -1 };
	while (*path) {
		char name[64];
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		if (len >= sizeof(name))
			return -ENOENT;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len;
		int r = descend(tree, name, ret);
		if (r < 0)
			return r;
	}
	return 0;
}

static int list_files(const struct pcfs_tree *tree, const struct pcfs_node *dir, pcfs_entry_fn *entry, void *arg)
{
	unsigned constraints = dir->zone < 0 ? 0 : tree->zone[dir->zone].constraints;

	for (size_t i = 0; i < FILES; i++) {
		if (dir->zone < 0 && !in_control(files[i].file))
			continue;
		for (unsigned c = 0; c < (files[i].per_constraint ? constraints : 1U); c++) {
			struct pcfs_node node = *dir;
			char name[48];

			node.kind = PCFS_FILE;
			node.file = files[i].file;
			node.constraint = c;
			pcfs_node_file_name(&node, name, sizeof(name));
			int r = entry(arg, name, &node);
			if (r)
				return r;
		}
	}
	return 0;
}

int pcfs_tree_list(const struct pcfs_tree *tree, const struct pcfs_node *dir, pcfs_entry_fn *entry, void *arg)
{
	if (dir->kind == PCFS_ROOT) {
		for (unsigned i = 0; i < tree->controls; i++) {
			struct pcfs_node node = { .kind = PCFS_CONTROL, .control = i, .zone = -1 };
			int r = entry(arg, tree->control[i], &node);
			if (r)
				return r;
		}
	} else {
		int r = list_files(tree, dir, entry, arg);
		if (r)
			return r;
	}
	for (unsigned i = 0; i < tree->zones; i++) {
		const struct pcfs_zone *zone = &tree->zone[i];
		struct pcfs_node node = { .control = zone->control, .zone = (int)i };

		if (dir->kind == PCFS_ROOT)
			node.kind = PCFS_LINK;
		else if (zone->control == dir->control && zone->parent == dir->zone)
			node.kind = PCFS_ZONE;
		else
			continue;
		int r = entry(arg, zone->dir, &node);
		if (r)
			return r;
	}
	return 0;
}

mode_t pcfs_node_mode(const struct pcfs_node *node)
{
	switch (node->kind) {
	case PCFS_LINK:
		return S_IFLNK | 0777;
	case PCFS_FILE:
		return S_IFREG | info_of(node->file)->mode;
	case PCFS_ROOT:
	case PCFS_CONTROL:
	case PCFS_ZONE:
		break;
	}
	return S_IFDIR | 0755;
}

const char *pcfs_node_dir(const struct pcfs_tree *tree, const struct pcfs_node *node)
{
	if (node->zone >= 0)
		return tree->zone[node->zone].dir;
	return node->kind == PCFS_ROOT ? "" : tree->control[node->control];
}

const char *pcfs_node_zone_name(const struct pcfs_tree *tree, const struct pcfs_node *node)
{
	return node->zone >= 0 ? tree->zone[node->zone].name : "";
}

void pcfs_node_file_name(const struct pcfs_node *node, char *buf, size_t size)
{
	const struct file_info *info = info_of(node->file);

	if (node->kind != PCFS_FILE)
		buf[0] = '\0';
	else if (info->per_constraint)
		(void)snprintf(buf, size, "constraint_%u_%s", node->constraint, info->name);
	else
		(void)snprintf(buf, size, "%s", info->name);
}

void pcfs_node_target(const struct pcfs_tree *tree, const struct pcfs_node *node, char *buf, size_t size)
{
	const struct pcfs_zone *zone = &tree->zone[node->zone];

	if (zone->parent < 0)
		(void)snprintf(buf, size, "%s/%s", tree->control[zone->control], zone->dir);
	else
		(void)snprintf(buf, size, "%s/%s/%s", tree->control[zone->control], tree->zone[zone->parent].dir,
			       zone->dir);
}

bool pcfs_node_numeric(const struct pcfs_node *node)
{
	if (node->kind != PCFS_FILE)
		return false;
	switch (node->file) {
	case PCFS_FILE_ENERGY:
	case PCFS_FILE_ENERGY_RANGE:
	case PCFS_FILE_POWER_LIMIT:
	case PCFS_FILE_TIME_WINDOW:
	case PCFS_FILE_MAX_POWER:
		return true;
	case PCFS_FILE_ENABLED:
	case PCFS_FILE_UEVENT:
	case PCFS_FILE_NAME:
	case PCFS_FILE_CONSTRAINT_NAME:
		break;
	}
	return false;
}

int pcfs_file_show(const struct pcfs_tree *tree, const struct pcfs_node *node, double ahead_s, char *buf, size_t size)
{
	const struct pcfs_zone *zone = node->zone < 0 ? NULL : &tree->zone[node->zone];
	const struct pcfs_constraint *constraint = zone ? &zone->constraint[node->constraint] : NULL;
	uint64_t value;

	if (!zone) {
		/* A control type without ops of its own, as intel_rapl registers it, is always enabled. */
		return snprintf(buf, size, "%s", node->file == PCFS_FILE_ENABLED ? "1\n" : "");
	}
	switch (node->file) {
	case PCFS_FILE_UEVENT:
		return 0;
	case PCFS_FILE_NAME:
		return snprintf(buf, size, "%s\n", zone->name);
	case PCFS_FILE_CONSTRAINT_NAME:
		return snprintf(buf, size, "%s\n", constraint->name);
	case PCFS_FILE_ENABLED:
		value = zone->enabled;
		break;
	case PCFS_FILE_ENERGY:
		value = pcfs_energy_peek_uj(&zone->energy, zone->power_w * ahead_s);
		break;
	case PCFS_FILE_ENERGY_RANGE:
		value = pcfs_energy_range_uj(&zone->energy);
		break;
	case PCFS_FILE_POWER_LIMIT:
		value = pcfs_power_from_raw(constraint->power_raw);
		break;
	case PCFS_FILE_TIME_WINDOW:
		value = pcfs_window_from_raw(constraint->window_raw);
		break;
	case PCFS_FILE_MAX_POWER:
		value = pcfs_power_from_raw(constraint->max_power_raw);
		break;
	default:
		return -EIO;
	}
	return snprintf(buf, size, "%" PRIu64 "\n", value);
}

int pcfs_file_store(struct pcfs_tree *tree, const struct pcfs_node *node, const char *buf, size_t len)
{
	struct pcfs_zone *zone = node->zone < 0 ? NULL : &tree->zone[node->zone];
	uint64_t value;
	bool on;

	switch (node->file) {
	case PCFS_FILE_UEVENT:
		/* Asks for a synthetic event; nothing to be seen afterwards. */
		return 0;
	case PCFS_FILE_ENABLED:
		if (pcfs_parse_bool(buf, len, &on) < 0)
			return -EINVAL;
		if (!zone)
			return -ENOSYS;
		zone->enabled = on;
		return 0;
	case PCFS_FILE_POWER_LIMIT:
	case PCFS_FILE_TIME_WINDOW:
		/* powercap_sys.c turns every parse error, -ERANGE too, into -EINVAL. */
		if (!zone || pcfs_parse_u64(buf, len, &value) < 0)
			return -EINVAL;
		if (node->file == PCFS_FILE_POWER_LIMIT)
			zone->constraint[node->constraint].power_raw = pcfs_power_to_raw(value);
		else
			zone->constraint[node->constraint].window_raw = pcfs_window_to_raw(value);
		return 0;
	case PCFS_FILE_NAME:
	case PCFS_FILE_ENERGY:
	case PCFS_FILE_ENERGY_RANGE:
	case PCFS_FILE_MAX_POWER:
	case PCFS_FILE_CONSTRAINT_NAME:
		break;
	}
	return -EACCES;
}
