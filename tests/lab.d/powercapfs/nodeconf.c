/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nodeconf.h"

#include <errno.h>
#include <ini.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum value_type { TYPE_UINT, TYPE_UINT64, TYPE_DOUBLE, TYPE_BOOL, TYPE_FORM };

struct key {
	const char *section;
	const char *name;
	enum value_type type;
	size_t offset;
	double min, max;
};

#define KEY(section, name, type, member, min, max) \
	{ section, name, type, offsetof(struct pcfs_config, member), min, max }

static const struct key keys[] = {
	KEY("tree", "packages", TYPE_UINT, tree.packages, 1, PCFS_PACKAGES_MAX),
	KEY("tree", "dram", TYPE_BOOL, tree.dram, 0, 0),
	KEY("tree", "mmio", TYPE_BOOL, tree.mmio, 0, 0),
	KEY("tree", "swap", TYPE_BOOL, tree.swap, 0, 0),
	KEY("tree", "enabled", TYPE_BOOL, tree.enabled, 0, 0),
	KEY("tree", "tdp_w", TYPE_UINT, tree.tdp_w, 0, 4000),
	KEY("tree", "max_power_1_w", TYPE_UINT, tree.max_power_1_w, 0, 4000),
	KEY("tree", "energy_start_uj", TYPE_UINT64, tree.energy_start_uj, 0, 1e15),
	KEY("tree", "energy_left_uj", TYPE_UINT64, tree.energy_start_uj, 0, 1e15),
	KEY("node", "base_w", TYPE_DOUBLE, model.base_w, 0, 10000),
	KEY("node", "full_quota_pct", TYPE_DOUBLE, model.full_quota_pct, 1, 100000),
	KEY("node", "period_us", TYPE_UINT, model.period_us, 1000, 1000000),
	KEY("package", "idle_w", TYPE_DOUBLE, model.idle_w, 0, 4000),
	KEY("package", "max_w", TYPE_DOUBLE, model.max_w, 1, 4000),
	KEY("package", "floor_w", TYPE_DOUBLE, model.floor_w, 0, 4000),
	KEY("curve", "form", TYPE_FORM, model.form, 0, 0),
	KEY("curve", "a", TYPE_DOUBLE, model.a, -1000, 1000),
	KEY("curve", "b", TYPE_DOUBLE, model.b, -1000, 1000),
	KEY("curve", "c", TYPE_DOUBLE, model.c, -1000, 1000),
	KEY("loop", "tick_ms", TYPE_UINT, tick_ms, 5, 10000),
	KEY("loop", "state_ms", TYPE_UINT, state_ms, 200, 60000),
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

void pcfs_config_default(struct pcfs_config *config)
{
	*config = (struct pcfs_config) {
		.tree = { .packages = 2, .enabled = true, .tdp_w = 170 },
		/* 60 W + 2 x 170 W = 400 W busy; held to 300 W it takes 12% longer, to 200 W 40%. */
		.model = {
			.base_w = 60,
			.idle_w = 12,
			.max_w = 170,
			.floor_w = 18,
			.full_quota_pct = 30,
			.period_us = 10000,
			.form = PCFS_CURVE_HYPERBOLIC,
			.a = 0.35,
			.b = 0.05,
		},
		.tick_ms = 50,
		.state_ms = 200,
	};
}

struct reader {
	struct pcfs_config *config;
	struct pcfs_err why;
	bool failed;
};

static int parse_number(const struct key *key, const char *value, double *ret, struct pcfs_err *err)
{
	char *end;

	errno = 0;
	*ret = strtod(value, &end);
	if (errno || end == value || *end || !isfinite(*ret) || *ret < key->min || *ret > key->max ||
	    (key->type != TYPE_DOUBLE && *ret != floor(*ret)))
		return pcfs_err_set(err, EINVAL, "[%s] %s: wanted a %snumber from %.0f to %.0f, found '%.60s'", key->section,
				    key->name, key->type == TYPE_DOUBLE ? "" : "whole ", key->min, key->max, value);
	return 0;
}

static int set_key(struct pcfs_config *config, const struct key *key, const char *value, struct pcfs_err *err)
{
	void *at = (char *)config + key->offset;
	double number = 0;

	if (key->type == TYPE_BOOL) {
		if (strcmp(value, "yes") == 0)
			*(bool *)at = true;
		else if (strcmp(value, "no") == 0)
			*(bool *)at = false;
		else
			return pcfs_err_set(err, EINVAL, "[%s] %s: wanted yes or no, found '%.60s'", key->section, key->name,
					    value);
		return 0;
	}
	if (key->type == TYPE_FORM) {
		if (strcmp(value, "hyperbolic") == 0)
			*(enum pcfs_curve_form *)at = PCFS_CURVE_HYPERBOLIC;
		else if (strcmp(value, "quadratic") == 0)
			*(enum pcfs_curve_form *)at = PCFS_CURVE_QUADRATIC;
		else
			return pcfs_err_set(err, EINVAL, "[%s] %s: wanted hyperbolic or quadratic, found '%.60s'", key->section,
					    key->name, value);
		return 0;
	}
	int r = parse_number(key, value, &number, err);
	if (r < 0)
		return r;
	if (key->type == TYPE_DOUBLE)
		*(double *)at = number;
	else if (key->type == TYPE_UINT)
		*(unsigned *)at = (unsigned)number;
	else
		*(uint64_t *)at = (uint64_t)number;
	return 0;
}

/* inih: 0 stops with this line's number. */
static int on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *reader = arg;

	/* inih goes on after an error unless built otherwise: the first one is the one to tell. */
	if (reader->failed)
		return 0;
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) != 0 || strcmp(keys[i].name, name) != 0)
			continue;
		if (set_key(reader->config, &keys[i], value, &reader->why) < 0)
			break;
		if (strcmp(name, "energy_start_uj") == 0 || strcmp(name, "energy_left_uj") == 0) {
			reader->config->tree.energy_start_set = true;
			reader->config->tree.energy_near_wrap = strcmp(name, "energy_left_uj") == 0;
		}
		return 1;
	}
	if (reader->why.text[0] == '\0')
		(void)pcfs_err_set(&reader->why, EINVAL, "[%s] %s: no such key", section, name);
	reader->failed = true;
	return 0;
}

int pcfs_config_read(struct pcfs_config *config, const char *path, struct pcfs_err *err)
{
	struct reader reader = { .config = config };
	int line;

	errno = 0;
	line = ini_parse(path, on_key, &reader);
	if (line < 0)
		return pcfs_err_set(err, errno ? errno : EIO, "%s: %s", path, strerror(errno ? errno : EIO));
	if (line > 0)
		return pcfs_err_set(err, EINVAL, "%s:%d: %.240s", path, line,
				    reader.failed ? reader.why.text : "not INI: wanted [section] or key = value");
	if (config->model.floor_w > config->model.max_w || config->model.idle_w > config->model.max_w)
		return pcfs_err_set(err, EINVAL, "%s: [package] idle_w and floor_w can't exceed max_w", path);
	return 0;
}
