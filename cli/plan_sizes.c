/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which node counts and caps a job may have, and how much work it is. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plan_cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "decimal.h"
#include "file.h"
#include "units.h"

#define CAPS 16               /* points of a slowdown model between its lowest cap and its highest */
#define NODES_MAX 1000000u
#define LINEAR_NODES_MAX 4096u
#define ASSUMED_W 1000.0
#define CURVE_BYTES_MAX (64u * 1024)

struct range {
	uint32_t min, max;
};

static bool take_number(const char *text, const char **ret_end, uint32_t *ret)
{
	uint64_t value = 0;
	const char *s = text;

	for (; *s >= '0' && *s <= '9' && value <= NODES_MAX; s++)
		value = 10 * value + (uint64_t) (*s - '0');
	if (s == text || value < 1 || value > NODES_MAX)
		return false;
	*ret = (uint32_t) value;
	*ret_end = s;
	return true;
}

static int take_range(const char *text, struct range *ret)
{
	const char *end;

	if (!take_number(text, &end, &ret->min))
		return wattle_fail("--nodes=%.40s: say N or MIN-MAX", text);
	ret->max = ret->min;
	if (*end == '-' && !take_number(end + 1, &end, &ret->max))
		return wattle_fail("--nodes=%.40s: say N or MIN-MAX", text);
	if (*end || ret->max < ret->min)
		return wattle_fail("--nodes=%.40s: say N or MIN-MAX", text);
	return 0;
}

bool plan_take_seconds(const char *what, const char *text, double *ret_s)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t s;

	/* a bare number is seconds here; in Slurm's words it would be minutes */
	if (wattle_decimal_parse(text, ret_s) == 0) {
		if (*ret_s >= 0 && *ret_s <= 1e10)
			return true;
		wattle_fail("%s=%.40s is out of range", what, text);
		return false;
	}
	if (wattle_duration_parse(text, &s, &err) < 0) {
		wattle_fail("%s: %s", what, err.text);
		return false;
	}
	*ret_s = (double) s;
	return true;
}

static int take_work(const char *text, double *ret_s, uint32_t *ret_nodes)
{
	const char *at = strchr(text, '@'), *end;
	char seconds[40];

	if (!at || (size_t) (at - text) >= sizeof(seconds) || !take_number(at + 1, &end, ret_nodes) || *end)
		return wattle_fail("--work=%.40s: say SECONDS@NODES, how long it takes on how many nodes, such as 36000@4", text);
	memcpy(seconds, text, (size_t) (at - text));
	seconds[at - text] = '\0';
	if (!plan_take_seconds("--work", seconds, ret_s))
		return WATTLE_EXIT_FAILED;
	if (!(*ret_s > 0))
		return wattle_fail("--work=%.40s: there is nothing to do", text);
	return 0;
}

static void add(struct plan_sizes *sizes, uint32_t nodes, double cap_w, double throughput_per_s, double power_w)
{
	if (sizes->n < WATTLE_PLAN_CONFIGS_MAX)
		sizes->config[sizes->n++] = (struct wattle_plan_config){ nodes, cap_w, throughput_per_s, power_w };
}

int plan_curve_read(const char *path, struct wattle_scaling *ret)
{
	const struct wattle_file_rule rule = { CURVE_BYTES_MAX, true };
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free char *text = NULL;

	if (wattle_file_read(path, &rule, &text, NULL, NULL, &err) < 0 || wattle_scaling_parse(path, text, ret, &err) < 0 ||
	    wattle_scaling_check(ret, &err) < 0)
		return wattle_fail("%s", err.text);
	return 0;
}

/* What a node draws under a cap, as a share of what it draws at the highest: measured where the sweep measured energy, else as the
 * caps themselves. */
static double draw_at(const struct wattle_caps *caps, const struct wattle_model *model, double cap_w)
{
	const struct wattle_cap *top = caps && caps->n ? &caps->cap[caps->n - 1] : NULL;

	for (uint32_t i = 0; top && i < caps->n; i++)
		if (!(caps->cap[i].energy_j > 0))
			top = NULL;
	if (!top)
		return cap_w / model->cap_max_w;
	for (uint32_t i = 1; i < caps->n; i++) {
		const struct wattle_cap *a = &caps->cap[i - 1], *b = &caps->cap[i];
		double x = (cap_w - a->cap_w) / (b->cap_w - a->cap_w);

		if (cap_w <= b->cap_w)
			return (a->energy_j / a->time_s * (1 - x) + b->energy_j / b->time_s * x) / (top->energy_j / top->time_s);
	}
	return 1;
}

/* A node count under each of some caps. */
static void add_caps(struct plan_sizes *sizes, const struct wattle_model *model, const struct wattle_caps *caps,
		     const struct wattle_scaling_point *full)
{
	double at_top = 1 + wattle_model_curve(model, model->cap_max_w) / 100;

	for (int i = 0; i < CAPS; i++) {
		double cap_w = model->cap_max_w - (model->cap_max_w - model->cap_min_w) * i / (CAPS - 1);
		double slower = (1 + wattle_model_curve(model, cap_w) / 100) / at_top, draw = draw_at(caps, model, cap_w);

		if (slower > 0 && draw > 0)
			add(sizes, full->nodes, cap_w, full->throughput_per_s / fmax(1, slower), full->power_w * draw);
	}
}

static int add_profile(const struct plan_sizes_said *said, uint32_t work_nodes, const struct range *range, struct plan_sizes *sizes,
		       struct wattle_scaling *scaling)
{
	cleanup_free struct wattle_profile *profile = NULL;
	cleanup_free struct wattle_caps *caps = NULL;
	int status = profile_open(&said->place, said->profile, &profile);

	if (status)
		return status;
	if (profile->sweep.n > 0 && !profile->sweep.relative) {
		caps = calloc(1, sizeof(*caps));
		if (!caps)
			return wattle_fail("out of memory");
		wattle_sweep_group(&profile->sweep, caps);
	}
	*scaling = profile->scaling;
	sizes->resize_s = scaling->resize_s;
	if (scaling->n == 0) {
		scaling->n = 1;
		scaling->point[0] = (struct wattle_scaling_point){ work_nodes, 1, work_nodes * profile->model.cap_max_w };
		snprintf(sizes->assumed, sizeof(sizes->assumed), "profile %.40s has no scaling curve: %u node%s, each drawing its cap",
			 profile->name, work_nodes, work_nodes == 1 ? "" : "s");
	}
	for (uint32_t i = 0; i < scaling->n; i++)
		if (scaling->point[i].nodes >= range->min && scaling->point[i].nodes <= range->max)
			add_caps(sizes, &profile->model, caps, &scaling->point[i]);
	return 0;
}

static int add_linear(const struct plan_sizes_said *said, uint32_t work_nodes, bool ranged, struct range range,
		      struct plan_sizes *sizes, struct wattle_scaling *scaling)
{
	double node_w = ASSUMED_W;

	if (said->power && !profile_take_watts(said->power, &node_w))
		return WATTLE_EXIT_FAILED;
	if (!ranged)
		range = (struct range){ work_nodes, work_nodes };
	if (range.max - range.min >= LINEAR_NODES_MAX)
		return wattle_fail("--nodes=%u-%u: at most %u node counts are taken", range.min, range.max, LINEAR_NODES_MAX);
	for (uint32_t n = range.min; n <= range.max; n++)
		add(sizes, n, 0, n, n * node_w);
	scaling->n = 1;
	scaling->point[0] = (struct wattle_scaling_point){ work_nodes, work_nodes, work_nodes * node_w };
	snprintf(sizes->assumed, sizeof(sizes->assumed), "no --curve or --profile: %s%g W a node%s", said->power ? "" : "assumed ",
		 node_w, range.max > range.min ? ", work in proportion to nodes" : "");
	return 0;
}

/* The nodes that --work names, else the nearest allowed; at their greatest throughput. */
static uint32_t find_base(const struct plan_sizes *sizes, uint32_t work_nodes)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < sizes->n; i++) {
		const struct wattle_plan_config *c = &sizes->config[i], *b = &sizes->config[best];
		int64_t here = llabs((int64_t) c->nodes - work_nodes), there = llabs((int64_t) b->nodes - work_nodes);

		if (here < there || (here == there && c->throughput_per_s > b->throughput_per_s))
			best = i;
	}
	return best;
}

int plan_sizes_read(const struct plan_sizes_said *said, struct plan_sizes *ret)
{
	struct range range = { 1, NODES_MAX };
	struct wattle_scaling scaling = { 0 };
	uint32_t work_nodes = 0;
	double work_s = 0, rate = 0;
	int status = take_work(said->work, &work_s, &work_nodes);

	ret->n = 0;
	ret->assumed[0] = '\0';
	ret->resize_s = 0;
	if (status == 0 && said->nodes)
		status = take_range(said->nodes, &range);
	if (status)
		return status;
	if (said->curve) {
		status = plan_curve_read(said->curve, &scaling);
		for (uint32_t i = 0; status == 0 && i < scaling.n; i++)
			if (scaling.point[i].nodes >= range.min && scaling.point[i].nodes <= range.max)
				add(ret, scaling.point[i].nodes, 0, scaling.point[i].throughput_per_s, scaling.point[i].power_w);
	} else if (said->profile) {
		status = add_profile(said, work_nodes, &range, ret, &scaling);
	} else {
		status = add_linear(said, work_nodes, said->nodes != NULL, range, ret, &scaling);
	}
	if (status)
		return status;
	for (uint32_t i = 0; i < scaling.n; i++)
		if (scaling.point[i].nodes == work_nodes)
			rate = scaling.point[i].throughput_per_s;
	if (!(rate > 0))
		return wattle_fail("--work=%.40s: the scaling curve says nothing of %u nodes; it has %u to %u", said->work, work_nodes,
				   scaling.point[0].nodes, scaling.point[scaling.n - 1].nodes);
	if (ret->n == 0)
		return wattle_fail("--nodes=%.40s: the scaling curve has %u to %u nodes", said->nodes, scaling.point[0].nodes,
				   scaling.point[scaling.n - 1].nodes);
	ret->work = work_s * rate;
	ret->base = find_base(ret, work_nodes);
	return 0;
}
