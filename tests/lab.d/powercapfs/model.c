/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <math.h>

/* Quotas of 10 ms periods make the use over one tick jump by a fifth; this long an average smooths it. */
#define UTIL_TAU_S 0.2
/* A quota loosened or lifted by somebody else must not leave an average that takes long to come down. */
#define UTIL_RATIO_MAX 2.0
/* Shorter than this, a sample is kept for the next step. */
#define SAMPLE_MIN_S 0.02
/* How strongly unused average turns into headroom above long_term: enough to reach short_term from idle. */
#define HEADROOM_GAIN 5.0
/* DRAM is no part of a package's power here; it follows the load and no limit. */
#define DRAM_IDLE_W 2.0
#define DRAM_MAX_W 9.0

double pcfs_curve_slowdown(const struct pcfs_model_config *config, double node_w, double max_node_w)
{
	double s;

	if (!(node_w < max_node_w))
		return 0;
	if (node_w < 1)
		node_w = 1;
	if (config->form == PCFS_CURVE_QUADRATIC) {
		double u = 1 - node_w / max_node_w;
		s = config->a * u * u + config->b * u + config->c;
	} else {
		double w = max_node_w / node_w - 1;
		s = config->a * w + config->b * w * w + config->c;
	}
	return s > 0 ? s : 0;
}

/* Share of a first-order average that dt_s replaces. */
static double blend(double dt_s, double tau_s)
{
	return tau_s > 0 ? -expm1(-dt_s / tau_s) : 1;
}

static double zone_allowed_w(const struct pcfs_zone *zone, double average_w)
{
	double long_w = (double)pcfs_power_from_raw(zone->constraint[0].power_raw) / 1e6;
	double allowed_w = long_w;

	if (average_w < long_w)
		allowed_w += HEADROOM_GAIN * (long_w - average_w);
	if (zone->constraints > 1) {
		double short_w = (double)pcfs_power_from_raw(zone->constraint[1].power_raw) / 1e6;
		if (allowed_w > short_w)
			allowed_w = short_w;
	} else {
		allowed_w = long_w;
	}
	return allowed_w;
}

static void update_use(struct pcfs_model *model, double dt_s, double cpu_s)
{
	model->pending_s += dt_s;
	model->pending_cpu_s += cpu_s;
	if (model->pending_s < SAMPLE_MIN_S)
		return;

	double share = blend(model->pending_s, UTIL_TAU_S);
	double cpus = model->pending_cpu_s / model->pending_s;
	double ratio = cpus / (model->config.full_quota_pct / 100 * model->throttle);

	model->used_cpus += (cpus - model->used_cpus) * share;
	/* The scheduler's slack evens out over some ticks: clipping each one would lose what was over and keep what was under. */
	model->util_raw += (fmin(ratio, UTIL_RATIO_MAX) - model->util_raw) * share;
	model->util = fmin(model->util_raw, 1);
	model->pending_s = 0;
	model->pending_cpu_s = 0;
}

/* What each package may draw, and from it the node's speed. */
static void apply_limits(struct pcfs_model *model, const struct pcfs_tree *tree)
{
	const struct pcfs_model_config *config = &model->config;
	double node_w = config->base_w;
	double max_node_w = config->base_w + config->max_w * tree->packages;

	for (unsigned p = 0; p < tree->packages; p++) {
		double allowed_w = config->max_w;

		for (unsigned i = 0; i < tree->zones; i++) {
			const struct pcfs_zone *zone = &tree->zone[i];
			double w;

			if (zone->package != p || zone->type == PCFS_ZONE_DRAM || !zone->enabled)
				continue;
			w = zone_allowed_w(zone, model->average_w[i]);
			if (w < allowed_w)
				allowed_w = w;
		}
		if (allowed_w < config->floor_w)
			allowed_w = config->floor_w;
		model->package[p].allowed_w = allowed_w;
		node_w += allowed_w;
	}
	model->node_allowed_w = node_w;
	model->throttle = 1 / (1 + pcfs_curve_slowdown(config, node_w, max_node_w));

	double quota_us = config->period_us * config->full_quota_pct / 100 * model->throttle;
	model->quota_us = quota_us < PCFS_QUOTA_MIN_US ? PCFS_QUOTA_MIN_US : (unsigned)lround(quota_us);
}

static void draw(struct pcfs_model *model, struct pcfs_tree *tree)
{
	const struct pcfs_model_config *config = &model->config;

	for (unsigned p = 0; p < tree->packages; p++) {
		struct pcfs_package_state *package = &model->package[p];

		package->demand_w = config->idle_w + model->util * (config->max_w - config->idle_w);
		package->power_w = fmin(package->demand_w, package->allowed_w);
	}
	for (unsigned i = 0; i < tree->zones; i++) {
		struct pcfs_zone *zone = &tree->zone[i];

		zone->power_w = zone->type == PCFS_ZONE_DRAM ?
			DRAM_IDLE_W + model->util * (DRAM_MAX_W - DRAM_IDLE_W) :
			model->package[zone->package].power_w;
	}
}

void pcfs_model_init(struct pcfs_model *model, const struct pcfs_model_config *config, struct pcfs_tree *tree)
{
	*model = (struct pcfs_model) { .config = *config, .throttle = 1 };
	for (unsigned i = 0; i < tree->zones; i++)
		model->average_w[i] = config->idle_w;
	apply_limits(model, tree);
	draw(model, tree);
}

void pcfs_model_step(struct pcfs_model *model, struct pcfs_tree *tree, double dt_s, double cpu_s)
{
	for (unsigned i = 0; i < tree->zones; i++) {
		struct pcfs_zone *zone = &tree->zone[i];
		double tau_s = (double)pcfs_window_from_raw(zone->constraint[0].window_raw) / 1e6;

		pcfs_energy_add(&zone->energy, zone->power_w * dt_s);
		model->average_w[i] += (zone->power_w - model->average_w[i]) * blend(dt_s, tau_s);
	}
	/* Against the throttle that was in force while the time was used: before the limits are looked at again. */
	update_use(model, dt_s, cpu_s);
	apply_limits(model, tree);
	draw(model, tree);
}
