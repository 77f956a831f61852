/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The closed loop, without its I/O: CPU time used by the node's cgroup in, watts, joules and the next CPU quota out.
 *
 *   utilisation u   = CPU used / (full speed x throttle), smoothed over some 200 ms
 *   demand          = idle_w + u x (max_w - idle_w), per package
 *   allowed         = the lowest of its enabled zones' limits, at least floor_w (hardware can't go below)
 *   drawn           = min(demand, allowed); energy accrues from it
 *   P               = base_w + sum over packages of min(allowed, max_w): what the node may draw when busy
 *   throttle        = 1 / (1 + S(P)), S the slowdown curve; CPU quota = period x full speed x throttle
 *
 * A zone's long_term limit binds the average over its time window, first order: while the average is below, more is
 * allowed, up to short_term. With both limits alike, as a cap sets them, a change takes effect at once.
 */
#ifndef PCFS_MODEL_H
#define PCFS_MODEL_H

#include <stdint.h>

#include "tree.h"

enum pcfs_curve_form {
	PCFS_CURVE_HYPERBOLIC,  /* S = a w + b w^2 + c, w = Pmax/P - 1 */
	PCFS_CURVE_QUADRATIC,   /* S = a u^2 + b u + c, u = 1 - P/Pmax (GEOPM's, with x0 = 1) */
};

struct pcfs_model_config {
	double base_w;          /* drawn by what no package meters */
	double idle_w;          /* per package */
	double max_w;           /* per package, at full load */
	double floor_w;         /* per package: caps below do no more than this one */
	double full_quota_pct;  /* of one CPU: the node's uncapped speed */
	unsigned period_us;
	enum pcfs_curve_form form;
	double a, b, c;
};

/* The kernel takes no CFS quota below 1 ms (min_cfs_quota_period). */
#define PCFS_QUOTA_MIN_US 1000U

struct pcfs_package_state {
	double demand_w;
	double allowed_w;       /* at most max_w */
	double power_w;
};

struct pcfs_model {
	struct pcfs_model_config config;
	double util;            /* 0..1 */
	double util_raw;        /* the average behind it */
	double throttle;
	double node_allowed_w;
	double used_cpus;       /* smoothed like util */
	unsigned quota_us;
	struct pcfs_package_state package[PCFS_PACKAGES_MAX];
	double average_w[PCFS_ZONES_MAX];
	/* Use not yet turned into a utilisation: steps right after a limit write are too short to measure on. */
	double pending_s;
	double pending_cpu_s;
};

/* Slowdown of a busy node held to node_w of max_node_w watts: 0 when it isn't held back, never negative. */
double pcfs_curve_slowdown(const struct pcfs_model_config *config, double node_w, double max_node_w);

/* Idle since long, limits as the tree has them. */
void pcfs_model_init(struct pcfs_model *model, const struct pcfs_model_config *config, struct pcfs_tree *tree);

/*
 * Accrues dt_s of energy at the power drawn so far (so that a reader between steps can run the counter ahead at that
 * power and never sees it go back), then takes in cpu_s seconds of CPU time used in that span and the limits as they
 * are now. Sets power_w in the tree's zones and quota_us.
 */
void pcfs_model_step(struct pcfs_model *model, struct pcfs_tree *tree, double dt_s, double cpu_s);

#endif
