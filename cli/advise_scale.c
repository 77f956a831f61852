/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How jobs could be wider or narrower, and what they draw. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "advise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"

#define NODE_W_MAX 50000.0 /* a measured energy beyond it is a counter's garbage */

struct advise_scale {
	uint32_t n;
	struct {
		uint32_t nodes;
		struct plan_sizes *sizes;
	} point[WATTLE_SCALING_MAX];
};

void advise_scale_close(struct advise_scale *scale)
{
	for (uint32_t i = 0; scale && i < scale->n; i++)
		free(scale->point[i].sizes);
	free(scale);
}

static int read_scaling(const struct plan_sizes_said *said, struct wattle_scaling *ret)
{
	cleanup_free struct wattle_profile *profile = NULL;
	int status;

	if (said->curve)
		return plan_curve_read(said->curve, ret);
	status = profile_open(&said->place, said->profile, &profile);
	if (status)
		return status;
	if (profile->scaling.n == 0)
		return wattle_fail("profile %.60s has no scaling curve: fit it with --scaling, or say --curve", said->profile);
	*ret = profile->scaling;
	return 0;
}

int advise_scale_open(const struct plan_sizes_said *said, struct advise_scale **ret)
{
	struct advise_scale *scale = calloc(1, sizeof(*scale));
	struct wattle_scaling scaling;
	int status = scale ? read_scaling(said, &scaling) : wattle_fail("out of memory");

	for (uint32_t i = 0; status == 0 && i < scaling.n; i++) {
		struct plan_sizes_said one = *said;
		char work[32];

		/* a second of work: the planner is linear in it */
		snprintf(work, sizeof(work), "1@%u", scaling.point[i].nodes);
		one.work = work;
		scale->point[i].nodes = scaling.point[i].nodes;
		scale->point[i].sizes = calloc(1, sizeof(*scale->point[i].sizes));
		scale->n = i + 1;
		status = scale->point[i].sizes ? plan_sizes_read(&one, scale->point[i].sizes) : wattle_fail("out of memory");
	}
	if (status)
		advise_scale_close(scale);
	else
		*ret = scale;
	return status;
}

uint32_t advise_scale_configs_max(const struct advise_scale *scale)
{
	uint32_t most = 1;

	for (uint32_t i = 0; scale && i < scale->n; i++)
		if (scale->point[i].sizes->n > most)
			most = scale->point[i].sizes->n;
	return most;
}

const struct plan_sizes *advise_scale_for(const struct advise_scale *scale, double nodes)
{
	for (uint32_t i = 0; i < scale->n; i++)
		if (scale->point[i].nodes == ceil(nodes - 1e-6))
			return scale->point[i].sizes;
	return NULL;
}

/* A job that had some of a node's cores is charged that part of it. */
static double nodes_of(double cores, const struct wattle_trace_job *job)
{
	double part = cores > 0 && job->cpus > 0 ? job->cpus / cores : 0;

	if (job->nodes > 0)
		return part > 0 && part < job->nodes ? part : job->nodes;
	return part > 0 ? part : job->cpus;
}

double advise_watts(struct advise_power *power, const struct wattle_trace_job *job, double *ret_nodes)
{
	const struct wattle_class *class = power->class ? power->class :
		power->conf ? wattle_siteconf_partition_class(power->conf, job->partition) : NULL;
	double cores = power->cores > 0 ? power->cores : class ? class->cpus : 0, watts;

	*ret_nodes = nodes_of(cores, job);
	watts = job->energy_j / job->run_s;
	if (job->energy_j > 0) {
		if (watts >= 1 && watts <= NODE_W_MAX * fmax(1, fmax(*ret_nodes, job->nodes))) {
			power->n_measured++;
			return watts;
		}
		power->n_odd++;
	}
	if (power->said_w > 0) {
		power->n_said++;
		return power->said_w * *ret_nodes;
	}
	if (class && power->class == NULL) {
		struct wattle_limits limits;

		wattle_siteconf_limits(power->conf, job->partition, &limits);
		power->n_class++;
		return limits.default_w * *ret_nodes;
	}
	if (class) {
		power->n_class++;
		return class->default_w * *ret_nodes;
	}
	power->n_assumed++;
	return ADVISE_ASSUMED_W * *ret_nodes;
}
