/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARTITIONS_MAX 256   /* that one job may name */
#define WHERE_MAX (WATTLE_NAME_MAX + 16)
#define WATTS_GRAIN 1e-6     /* 70% of 400 is 280 in spite of binary fractions */

/* What all partitions of a job allow together, and which of them says so. */
struct range {
	uint32_t min_w, max_w;      /* min_w > max_w: nothing */
	uint32_t default_w;
	uint32_t node_max_w;        /* the smallest class maximum: what a percentage is of */
	uint32_t cpus;              /* the smallest class's, 0: unknown in one */
	bool default_charge_node;   /* in one of them */
	char min_where[WHERE_MAX], max_where[WHERE_MAX]; /* "partition gpu", "class standard" */
};

struct nodes {
	uint32_t min, max;
	bool bounded;
};

/* --- where the job may run --------------------------------------------- */

static void narrow(struct range *range, const struct wattle_limits *limits, const char where[WHERE_MAX], bool first)
{
	if (first) {
		range->min_w = limits->min_w;
		range->max_w = limits->max_w;
		range->default_w = limits->default_w;
		range->node_max_w = limits->class->max_w;
		range->cpus = limits->class->cpus;
		range->default_charge_node = limits->default_charge_node;
		memcpy(range->min_where, where, WHERE_MAX);
		memcpy(range->max_where, where, WHERE_MAX);
		return;
	}
	if (limits->min_w > range->min_w) {
		range->min_w = limits->min_w;
		memcpy(range->min_where, where, WHERE_MAX);
	}
	if (limits->max_w < range->max_w) {
		range->max_w = limits->max_w;
		memcpy(range->max_where, where, WHERE_MAX);
	}
	if (limits->default_w < range->default_w)
		range->default_w = limits->default_w;
	if (limits->class->max_w < range->node_max_w)
		range->node_max_w = limits->class->max_w;
	if (limits->class->cpus < range->cpus)
		range->cpus = limits->class->cpus;
	if (limits->default_charge_node)
		range->default_charge_node = true;
}

/* name: NULL for the default one. */
static void narrow_to_partition(struct range *range, const struct wattle_siteconf *conf, const char *name, bool first)
{
	char where[WHERE_MAX] = "";
	struct wattle_limits limits;

	wattle_siteconf_limits(conf, name, &limits);
	if (!name && *conf->default_partition)
		name = conf->default_partition;
	snprintf(where, sizeof(where), "%s %s", name ? "partition" : "class", name ? name : limits.class->name);
	narrow(range, &limits, where, first);
}

static void narrow_to_class(struct range *range, const struct wattle_siteconf *conf, const struct wattle_class *class, bool first)
{
	const struct wattle_limits limits = {
		.class = class, .min_w = class->min_w, .max_w = class->max_w, .default_w = class->default_w,
		.default_charge_node = conf->default_charge_node,
	};
	char where[WHERE_MAX] = "";

	snprintf(where, sizeof(where), "class %s", class->name);
	narrow(range, &limits, where, first);
}

static int find_range(const struct wattle_siteconf *conf, const struct wattle_facts *facts, struct range *ret, struct wattle_err *err)
{
	const char *s = facts->partitions;
	unsigned n = 0;

	if (conf->n_classes == 0)
		return wattle_err_set(err, EINVAL, "the site's configuration has no [class NAME]");
	while (s && *s) {
		char name[WATTLE_NAME_MAX];
		size_t len = strcspn(s, ",");

		if (n == PARTITIONS_MAX)
			return wattle_err_set(err, EINVAL, "more than %d partitions are named", PARTITIONS_MAX);
		if (len > 0) {
			/* a name too long for us is in no configuration either: it gets the first class */
			size_t kept = len < sizeof(name) ? len : sizeof(name) - 1;

			memcpy(name, s, kept);
			name[kept] = '\0';
			wattle_err_quote(name, sizeof(name), name);
			narrow_to_partition(ret, conf, name, n++ == 0);
		}
		s += len;
		s += *s == ',';
	}
	for (uint32_t i = 0; n == 0 && i < facts->n_classes; i++)
		narrow_to_class(ret, conf, facts->classes[i], i == 0);
	if (n == 0 && facts->n_classes == 0)
		narrow_to_partition(ret, conf, NULL, true);
	if (ret->min_w > ret->max_w)
		return wattle_err_set(err, ERANGE, "no power fits all %s of the job: %s takes at least %u W per node, %s at most %u W: %s one of "
				      "them", n ? "partitions" : "kinds of nodes", ret->min_where, ret->min_w, ret->max_where, ret->max_w,
				      n ? "name" : "select the nodes of");
	if (ret->default_w < ret->min_w)
		ret->default_w = ret->min_w;
	return 0;
}

/* --- on how many nodes ------------------------------------------------- */

static uint64_t divide_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static uint32_t cpus_per_task(const struct wattle_facts *facts)
{
	return facts->cpus_per_task ? facts->cpus_per_task : 1;
}

static uint64_t nodes_for_tasks(const struct wattle_facts *facts, uint32_t cpus)
{
	uint32_t fit;

	if (facts->tasks == 0)
		return 1;
	if (facts->tasks_per_node)
		return divide_up(facts->tasks, facts->tasks_per_node);
	if (cpus == 0 || facts->packing_unknown)
		return facts->tasks;
	/* a task does not straddle nodes */
	fit = cpus / cpus_per_task(facts);
	return divide_up(facts->tasks, fit ? fit : 1);
}

static int find_nodes(const struct wattle_facts *facts, uint32_t cpus, struct nodes *ret, struct wattle_err *err)
{
	uint64_t max = facts->nodes_max;

	ret->min = facts->nodes_min ? facts->nodes_min : 1;
	ret->bounded = max == 0;
	if (max == 0) {
		max = nodes_for_tasks(facts, cpus);
		if (max < ret->min)
			max = ret->min;
	}
	if (max < ret->min)
		return wattle_err_set(err, EINVAL, "node count %u-%" PRIu64 " is no range", ret->min, max);
	ret->max = (uint32_t) max;
	return 0;
}

/* --- how many watts ---------------------------------------------------- */

static uint32_t default_watts(const struct wattle_facts *facts, const struct range *range, const struct nodes *nodes)
{
	uint64_t tasks, cpus, watts_w;

	if (facts->exclusive || range->default_charge_node || range->cpus == 0)
		return range->default_w;
	/* the fullest node it may get */
	tasks = facts->tasks_per_node ? facts->tasks_per_node : divide_up(facts->tasks ? facts->tasks : 1, nodes->min);
	cpus = tasks * cpus_per_task(facts);
	if (cpus < facts->cpus_per_node)
		cpus = facts->cpus_per_node;
	if (cpus >= range->cpus)
		return range->default_w;
	watts_w = divide_up(cpus * range->default_w, range->cpus);
	return watts_w ? (uint32_t) watts_w : 1;
}

static int named_watts(const struct wattle_watts *power, const struct range *range, const struct nodes *nodes, uint32_t *ret,
		       struct wattle_err *err)
{
	char asked[96];
	double watts_w;

	switch (power->kind) {
	case WATTLE_WATTS_PER_JOB:
		watts_w = floor(power->value / nodes->max + WATTS_GRAIN);
		snprintf(asked, sizeof(asked), "%g W/job over %u node%s is %.0f W per node", power->value, nodes->max,
			 nodes->max == 1 ? "" : "s", watts_w);
		break;
	case WATTLE_WATTS_PERCENT:
		watts_w = ceil(power->value * range->node_max_w / 100 - WATTS_GRAIN);
		snprintf(asked, sizeof(asked), "%g%% of %u W is %.0f W per node", power->value, range->node_max_w, watts_w);
		break;
	default:
		watts_w = ceil(power->value - WATTS_GRAIN);
		snprintf(asked, sizeof(asked), "%.0f W per node", watts_w);
		break;
	}
	if (watts_w < range->min_w || watts_w > range->max_w) {
		const char *where = watts_w < range->min_w ? range->min_where : range->max_where;

		if (power->kind == WATTLE_WATTS_PER_JOB)
			return wattle_err_set(err, ERANGE, "%s: %s allows %u to %u W per node, so say %" PRIu64 "W/job to %" PRIu64 "W/job",
					      asked, where, range->min_w, range->max_w, (uint64_t) range->min_w * nodes->max,
					      (uint64_t) range->max_w * nodes->max);
		return wattle_err_set(err, ERANGE, "%s is out of range: %s allows %u to %u W per node", asked, where, range->min_w,
				      range->max_w);
	}
	*ret = (uint32_t) watts_w;
	return 0;
}

/* --- what it costs in time --------------------------------------------- */

/* At whole watts, which may be a fraction above the highest cap measured: that one is then meant. */
static void predict(const struct wattle_facts *facts, struct wattle_decision *decision)
{
	const struct wattle_model *model = facts->model;
	double slowdown_pct = wattle_model_curve(model, fmin(decision->watts_w, model->cap_max_w));

	/* near full power the fit may pass under the best run */
	decision->slowdown_pct = slowdown_pct > 0 ? slowdown_pct : 0;
	snprintf(decision->profile, sizeof(decision->profile), "%s", facts->profile);
}

static void explain_clamp(enum wattle_clamp clamp, double asked_pct, uint32_t ceiling_w, const struct range *range,
			  struct wattle_decision *decision)
{
	char *text = decision->clamped;
	const size_t size = sizeof(decision->clamped);

	switch (clamp) {
	case WATTLE_CLAMP_RANGE_MIN:
		snprintf(text, size, "the lowest cap measured");
		break;
	case WATTLE_CLAMP_RANGE_MAX:
		snprintf(text, size, "%g%% can't be kept by the highest cap measured", asked_pct);
		break;
	case WATTLE_CLAMP_FLOOR:
		snprintf(text, size, "the least that %s allows", range->min_where);
		break;
	case WATTLE_CLAMP_CEILING:
		if (ceiling_w)
			snprintf(text, size, "%g%% can't be kept under the ceiling of %u W", asked_pct, ceiling_w);
		else
			snprintf(text, size, "%g%% can't be kept: %s allows no more", asked_pct, range->max_where);
		break;
	case WATTLE_CLAMP_NONE:
		break;
	}
}

/* ceiling_w: watts named beside the slowdown, 0: none. */
static int slowdown_watts(double asked_pct, const struct wattle_facts *facts, const struct range *range, uint32_t ceiling_w,
			  struct wattle_decision *decision, struct wattle_err *err)
{
	struct wattle_model_watts found;
	int rc;

	if (!facts->model)
		return wattle_err_set(err, EINVAL, "a slowdown needs the profile of the application: name one");
	rc = wattle_model_watts(facts->model, asked_pct, range->min_w, ceiling_w ? ceiling_w : range->max_w, &found, err);
	if (rc < 0)
		return wattle_err_wrap(err, "slowdown %g%% by profile %s", asked_pct, facts->profile);
	decision->watts_w = (uint32_t) ceil(found.watts_w - WATTS_GRAIN);
	explain_clamp(found.clamped, asked_pct, ceiling_w, range, decision);
	return 0;
}

/* watts_w is the decision's, but for a slowdown that is still to be found under it. */
static int decide_watts(const struct wattle_request *request, const struct wattle_facts *facts, const struct range *range,
			const struct nodes *nodes, struct wattle_decision *decision, struct wattle_err *err)
{
	const struct wattle_model *model = facts->model;
	int rc;

	if (decision->defaulted)
		decision->watts_w = default_watts(facts, range, nodes);
	else if (request->power.kind != WATTLE_WATTS_NONE && (rc = named_watts(&request->power, range, nodes, &decision->watts_w, err)) < 0)
		return rc;
	if (request->slowdown_pct > 0 &&
	    (rc = slowdown_watts(request->slowdown_pct, facts, range, decision->watts_w, decision, err)) < 0)
		return rc;
	/* a default share of a node is no cap on the job that anybody swept */
	if (model && !decision->defaulted && decision->watts_w >= model->cap_min_w &&
	    (request->slowdown_pct > 0 || decision->watts_w <= ceil(model->cap_max_w)))
		predict(facts, decision);
	return 0;
}

/* --- what there is ----------------------------------------------------- */

int wattle_budget_check(const struct wattle_siteconf *conf, uint64_t charge_w, uint32_t nodes, uint32_t least_w, struct wattle_err *err)
{
	uint32_t budget_w = conf->budget_w;

	if (budget_w == 0 || charge_w <= budget_w || !(conf->charge & WATTLE_CHARGE_LICENCE))
		return 0;
	if (nodes > 0 && budget_w / nodes >= least_w)
		return wattle_err_set(err, ERANGE, "%" PRIu64 " W are more than the %u W that there are: on %u node%s at most %u W per node can be had",
				      charge_w, budget_w, nodes, nodes == 1 ? "" : "s", budget_w / nodes);
	if (least_w > 0 && budget_w >= least_w)
		return wattle_err_set(err, ERANGE, "%" PRIu64 " W are more than the %u W that there are: at most %u node%s can be had, at %u W each",
				      charge_w, budget_w, budget_w / least_w, budget_w / least_w == 1 ? "" : "s", least_w);
	return wattle_err_set(err, ERANGE, "%" PRIu64 " W are more than the %u W that there are", charge_w, budget_w);
}

/* --- the answer -------------------------------------------------------- */

static void write_prediction(struct wattle_decision *decision)
{
	char nodes[32];

	if (decision->nodes_min == decision->nodes_max || decision->nodes_bounded)
		snprintf(nodes, sizeof(nodes), "%u", decision->nodes_max);
	else
		snprintf(nodes, sizeof(nodes), "%u-%u", decision->nodes_min, decision->nodes_max);
	snprintf(decision->answer, sizeof(decision->answer), "wattle: %u W/node x %s (slowdown %.1f%%, profile %s%s%s)",
		 decision->watts_w, nodes, decision->slowdown_pct, decision->profile, decision->clamped[0] ? "; " : "", decision->clamped);
}

static void write_answer(struct wattle_decision *decision)
{
	char nodes[48];

	if (decision->profile[0]) {
		write_prediction(decision);
		return;
	}

	if (decision->nodes_min == decision->nodes_max || decision->nodes_bounded)
		snprintf(nodes, sizeof(nodes), "%u node%s", decision->nodes_max, decision->nodes_max == 1 ? "" : "s");
	else
		snprintf(nodes, sizeof(nodes), "%u-%u nodes", decision->nodes_min, decision->nodes_max);
	snprintf(decision->answer, sizeof(decision->answer), "wattle: %u W/node%s x %s: %s%" PRIu64 " W", decision->watts_w,
		 decision->defaulted ? " (default)" : "", nodes,
		 decision->nodes_min == decision->nodes_max || decision->nodes_bounded ? "" : "at most ", decision->charge_w);
}

int wattle_decision_resize(struct wattle_decision *decision, uint32_t nodes_min, uint32_t nodes_max, struct wattle_err *err)
{
	uint64_t charge_w = (uint64_t) decision->watts_w * nodes_max;

	if (charge_w > WATTLE_CHARGE_MAX_W)
		return wattle_err_set(err, ERANGE, "%u W/node x %u nodes is more than the %d W that one job can be charged",
				      decision->watts_w, nodes_max, WATTLE_CHARGE_MAX_W);
	decision->nodes_min = nodes_min;
	decision->nodes_max = nodes_max;
	decision->charge_w = charge_w;
	write_answer(decision);
	return 0;
}

int wattle_decide(const struct wattle_siteconf *conf, const struct wattle_request *request, const struct wattle_facts *facts,
		  struct wattle_decision *ret, struct wattle_err *err)
{
	struct wattle_decision decision = { .defaulted = !wattle_request_names_watts(request) };
	struct range range = { 0 };
	struct nodes nodes = { 0 };
	int rc;

	if ((rc = find_range(conf, facts, &range, err)) < 0)
		return rc;
	if ((rc = find_nodes(facts, range.cpus, &nodes, err)) < 0)
		return rc;
	if ((rc = decide_watts(request, facts, &range, &nodes, &decision, err)) < 0)
		return rc;

	decision.least_w = range.min_w;
	decision.nodes_bounded = nodes.bounded;
	if ((rc = wattle_decision_resize(&decision, nodes.min, nodes.max, err)) < 0)
		return rc;
	if ((rc = wattle_budget_check(conf, decision.charge_w, nodes.max, decision.defaulted ? 0 : range.min_w, err)) < 0)
		return rc;
	*ret = decision;
	return 0;
}
