/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be run, and in which order. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "units.h"

/* --- caps and node counts ---------------------------------------------- */

/* A cap of one node, without its unit's many spellings. */
static int read_cap(const char *text, struct wattle_watts *ret, struct wattle_err *err)
{
	int rc = wattle_watts_parse(text, ret, err);

	if (rc < 0)
		return rc;
	if (ret->kind == WATTLE_WATTS_PER_JOB)
		return wattle_err_set(err, EINVAL, "a cap of the sweep is one node's: say 250W or 60%%");
	return 0;
}

static int add_cap(struct sweep_values *values, const struct wattle_watts *watts, struct wattle_err *err)
{
	char number[SWEEP_CAP_MAX - 2];

	if (values->n == SWEEP_VALUES_MAX)
		return wattle_err_set(err, E2BIG, "more than %d caps: fewer, and more repeats, tell more", SWEEP_VALUES_MAX);
	if (wattle_decimal_print(number, sizeof(number), watts->value, 6) < 0)
		return wattle_err_set(err, EINVAL, "a cap that is no number");
	snprintf(values->cap[values->n], sizeof(values->cap[0]), "%s%s", number, watts->kind == WATTLE_WATTS_PERCENT ? "%" : "W");
	for (uint32_t i = 0; i < values->n; i++)
		if (strcmp(values->cap[i], values->cap[values->n]) == 0)
			return wattle_err_set(err, EINVAL, "%s stands twice among the caps: --repeat=N runs each N times", values->cap[i]);
	values->n++;
	return 0;
}

static int add_range(char *from, char *to, const char *count, struct sweep_values *values, struct wattle_err *err)
{
	struct wattle_watts low, high, cap;
	double n;
	int rc;

	/* "40..100%" means percents at both ends */
	if (strchr(to, '%') && !strchr(from, '%')) {
		char both[64];

		snprintf(both, sizeof(both), "%.60s%%", from);
		rc = read_cap(both, &low, err);
	} else {
		rc = read_cap(from, &low, err);
	}
	if (rc == 0)
		rc = read_cap(to, &high, err);
	if (rc < 0)
		return rc;
	if (low.kind != high.kind || low.value >= high.value)
		return wattle_err_set(err, EINVAL, "%s..%s is no range: say the lower end first, both in watts or both in percent", from, to);
	if (wattle_decimal_parse(count, &n) < 0 || n < 2 || n > SWEEP_VALUES_MAX || n != (double) (int) n)
		return wattle_err_set(err, EINVAL, "%s..%s/%s: the number of caps is 2 to %d", from, to, count, SWEEP_VALUES_MAX);
	cap = low;
	for (int i = 0; i < (int) n && rc == 0; i++) {
		cap.value = low.value + (high.value - low.value) * i / (n - 1);
		if (cap.kind == WATTLE_WATTS_PER_NODE) /* whole watts are what is charged */
			cap.value = (double) (long long) (cap.value + 0.5);
		rc = add_cap(values, &cap, err);
	}
	return rc;
}

int sweep_caps_parse(const char *text, struct sweep_values *ret, struct wattle_err *err)
{
	char copy[512], *rest = copy, *word;
	struct sweep_values values = { .n = 0 };
	struct wattle_watts watts;

	if (strlen(text) >= sizeof(copy))
		return wattle_err_set(err, E2BIG, "the list of caps is too long");
	memcpy(copy, text, strlen(text) + 1);
	while ((word = strsep(&rest, ","))) {
		char *to = strstr(word, ".."), *count = to ? strchr(to, '/') : NULL;
		int rc;

		if (to && !count)
			return wattle_err_set(err, EINVAL, "\"%.40s\": say how many caps, as in 40%%..100%%/7", word);
		if (to) {
			*to = *count = '\0';
			rc = add_range(word, to + 2, count + 1, &values, err);
		} else {
			rc = read_cap(word, &watts, err);
			if (rc == 0)
				rc = add_cap(&values, &watts, err);
		}
		if (rc < 0)
			return rc;
	}
	*ret = values;
	return 0;
}

int sweep_nodes_parse(const char *text, struct sweep_values *ret, struct wattle_err *err)
{
	const char *s = text;
	struct sweep_values values = { .n = 0 };

	for (;;) {
		char *end;
		unsigned long n = *s >= '1' && *s <= '9' ? strtoul(s, &end, 10) : 0;

		if (n == 0 || n > 1000000 || (*end && *end != ',') || (values.n > 0 && n <= values.nodes[values.n - 1]))
			return wattle_err_set(err, EINVAL, "\"%.60s\" is no list of node counts: say them ascending, such as 1,2,4,8", text);
		if (values.n == SWEEP_VALUES_MAX)
			return wattle_err_set(err, E2BIG, "more than %d node counts", SWEEP_VALUES_MAX);
		values.nodes[values.n++] = (uint32_t) n;
		if (!*end)
			break;
		s = end + 1;
	}
	*ret = values;
	return 0;
}

/* --- order ------------------------------------------------------------- */

/* S. Vigna's splitmix64: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Fisher and Yates; the bias of the remainder is 64 in 2^64. */
static void shuffle(uint32_t *index, uint32_t n, uint64_t *state)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t) (next_random(state) % i), was = index[i - 1];

		index[i - 1] = index[j];
		index[j] = was;
	}
}

int sweep_plan(struct sweep *sweep, const struct sweep_values *values, uint32_t repeats, struct wattle_err *err)
{
	uint32_t order[SWEEP_VALUES_MAX];
	uint64_t state = sweep->seed;
	uint64_t n_runs = (uint64_t) values->n * repeats;

	if (n_runs > WATTLE_SWEEP_RUNS_MAX)
		return wattle_err_set(err, E2BIG, "%llu runs are more than the %d of a sweep", (unsigned long long) n_runs,
				      WATTLE_SWEEP_RUNS_MAX);
	sweep->run = calloc(n_runs, sizeof(*sweep->run));
	if (!sweep->run)
		return wattle_err_set(err, ENOMEM, "out of memory");
	sweep->n_runs = 0;
	for (uint32_t repeat = 1; repeat <= repeats; repeat++) {
		for (uint32_t i = 0; i < values->n; i++)
			order[i] = i;
		shuffle(order, values->n, &state);
		for (uint32_t i = 0; i < values->n; i++) {
			struct sweep_run *run = &sweep->run[sweep->n_runs++];
			uint32_t value = order[i];

			run->repeat = repeat;
			run->nodes = values->nodes[value];
			memcpy(run->cap, values->cap[run->nodes ? 0 : value], sizeof(run->cap));
		}
	}
	return 0;
}

/* --- the user's words -------------------------------------------------- */

static bool is_option(const char *word, const char *option)
{
	size_t len = strlen(option);

	return strncmp(word, option, len) == 0 && (word[len] == '\0' || word[len] == '=');
}

const char *sweep_args_check(char *const *args, uint32_t n, bool scaling, char *buf, size_t size)
{
	static const struct {
		const char *option, *why;
	} ours[] = {
		{ "--power", "the sweep sets it: --caps says which" },
		{ "--power-cap", "the sweep sets it: --caps says which" },
		{ "--slowdown", "a sweep is what tells the watts of a slowdown" },
		{ "--parsable", "the sweep reads what sbatch says" },
		{ "--test-only", "nothing would run" },
		{ "--wait", "the sweep waits by itself" },
		{ "--array", "a run of the sweep is one job" },
		{ "--output", "the sweep keeps the jobs' output in its folder" },
		{ "--job-name", "each run has its own; the profile's name is --name or that of -o" },
	};

	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(args[i], "--wrap") == 0 || args[i][0] != '-')
			break; /* the script: what follows is its own */
		for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
			if (is_option(args[i], ours[k].option)) {
				snprintf(buf, size, "leave %s out: %s", ours[k].option, ours[k].why);
				return buf;
			}
		if (scaling && (is_option(args[i], "--nodes") || strncmp(args[i], "-N", 2) == 0)) {
			snprintf(buf, size, "leave %.40s out: --nodes of the sweep says how many", args[i]);
			return buf;
		}
		/* an option's value may look like an operand: then the rest is left to sbatch to judge */
		if (!strchr(args[i], '=') && args[i][1] != '-' && args[i][2] == '\0')
			i++;
	}
	return NULL;
}

/* --- counting ---------------------------------------------------------- */

uint32_t sweep_count(const struct sweep *sweep, enum sweep_stage stage)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < sweep->n_runs; i++)
		n += sweep->run[i].stage == stage;
	return n;
}

const char *sweep_run_label(const struct sweep *sweep, const struct sweep_run *run, char *buf, size_t size)
{
	if (sweep->scaling)
		snprintf(buf, size, "%u node%s, repeat %u", run->nodes, run->nodes == 1 ? "" : "s", run->repeat);
	else
		snprintf(buf, size, "%s, repeat %u", run->cap, run->repeat);
	return buf;
}

void sweep_measured(const struct sweep *sweep, struct wattle_sweep *ret)
{
	ret->relative = sweep->fom[0] != '\0';
	ret->n = 0;
	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		const struct sweep_run *run = &sweep->run[i];

		if (run->stage == SWEEP_DONE)
			ret->run[ret->n++] = (struct wattle_run) { run->cap_w, ret->relative ? 1 / run->fom : run->time_s,
								   run->energy_j };
	}
}

bool sweep_curve(const struct sweep *sweep, struct wattle_scaling *ret)
{
	struct wattle_scaling curve = { .n = 0 };
	uint32_t after = 0;

	for (;;) {
		uint32_t nodes = UINT32_MAX, n = 0;
		struct wattle_scaling_point *point;

		for (uint32_t i = 0; i < sweep->n_runs; i++)
			if (sweep->run[i].nodes > after && sweep->run[i].nodes < nodes)
				nodes = sweep->run[i].nodes;
		if (nodes == UINT32_MAX)
			break;
		if (curve.n == WATTLE_SCALING_MAX)
			return false;
		point = &curve.point[curve.n];
		*point = (struct wattle_scaling_point) { nodes, 0, 0 };
		for (uint32_t i = 0; i < sweep->n_runs; i++) {
			const struct sweep_run *run = &sweep->run[i];

			if (run->nodes != nodes || run->stage != SWEEP_DONE || run->energy_j <= 0)
				continue;
			point->throughput_per_s += sweep->fom[0] ? run->fom : 1 / run->time_s;
			point->power_w += run->energy_j / run->time_s;
			n++;
		}
		if (n == 0)
			return false;
		point->throughput_per_s /= n;
		point->power_w /= n;
		curve.n++;
		after = nodes;
	}
	*ret = curve;
	return true;
}
