/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pure parts of `wattle sweep`: which runs, in which order, what is kept of them, and what an output says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "prediction.h"
#include "report_slowdown.h"
#include "runner.h"
#include "sweep_cli.h"

static const char *caps(const char *text, char *ret, size_t size)
{
	struct sweep_values values;
	struct wattle_err err = WATTLE_ERR_INIT;
	size_t used = 0;

	if (sweep_caps_parse(text, &values, &err) < 0) {
		snprintf(ret, size, "refused");
		return err.text[0] ? ret : "refused without a word";
	}
	for (uint32_t i = 0; i < values.n; i++)
		used += (size_t) snprintf(ret + used, size - used, "%s%s", i ? " " : "", values.cap[i]);
	return ret;
}

static void test_caps(void)
{
	static const char *const bad[] = { "", "40%..100%", "100%..40%/3", "40%..100%/1", "40%..100%/x", "40%..100%/2.5", "40%..300W/4",
					   "0", "-5", "120%", "300,300W", "1500W/job", "100,,200", "100..200/65", "50%..", NULL };
	char b[256];

	CHECK_STRING(caps("40%..100%/7", b, sizeof(b)), "40% 50% 60% 70% 80% 90% 100%");
	CHECK_STRING(caps("40..100%/3", b, sizeof(b)), "40% 70% 100%");
	CHECK_STRING(caps("150..400/4", b, sizeof(b)), "150W 233W 317W 400W");
	CHECK_STRING(caps("0.2kW,250,300W,90%", b, sizeof(b)), "200W 250W 300W 90%");
	CHECK_STRING(caps("100,200..300/2", b, sizeof(b)), "100W 200W 300W");
	for (int i = 0; bad[i]; i++)
		if (strcmp(caps(bad[i], b, sizeof(b)), "refused") != 0)
			CHECK_STRING(bad[i], "refused");
}

static void test_nodes(void)
{
	static const char *const bad[] = { "", "0", "1,1", "2,1", "1,", ",1", "1;2", "x", "1 2", "-1", "99999999", NULL };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct sweep_values values;

	CHECK_INT(sweep_nodes_parse("1,2,4,8", &values, &err), 0);
	CHECK_INT(values.n, 4);
	CHECK_INT(values.nodes[3], 8);
	for (int i = 0; bad[i]; i++)
		if (sweep_nodes_parse(bad[i], &values, &err) != -EINVAL)
			CHECK_STRING(bad[i], "refused");
}

static struct sweep *planned(const char *what, uint32_t repeats, uint64_t seed)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	struct wattle_err err = WATTLE_ERR_INIT;
	struct sweep_values values;

	sweep->seed = seed;
	sweep->parallel = 1;
	sweep->lock_fd = sweep->dir_fd = -1;
	snprintf(sweep->name, sizeof(sweep->name), "app");
	sweep->arg[sweep->n_args++] = strdup("a \"word\" with \t and \xc3\xbc");
	CHECK_INT(sweep_caps_parse(what, &values, &err), 0);
	CHECK_INT(sweep_plan(sweep, &values, repeats, &err), 0);
	return sweep;
}

static void drop(struct sweep *sweep)
{
	sweep_close(sweep);
	free(sweep);
}

static void test_order(void)
{
	struct sweep *a = planned("40%..100%/7", 3, 11), *b = planned("40%..100%/7", 3, 11), *c = planned("40%..100%/7", 3, 12);
	uint32_t same = 0, differ = 0, between = 0;

	CHECK_INT(a->n_runs, 21);
	for (uint32_t i = 0; i < 21; i++) {
		same += strcmp(a->run[i].cap, b->run[i].cap) == 0;
		differ += strcmp(a->run[i].cap, c->run[i].cap) != 0;
		between += i < 7 && strcmp(a->run[i].cap, a->run[i + 7].cap) != 0;
		CHECK_INT(a->run[i].repeat, i / 7 + 1);
	}
	CHECK_INT(same, 21);
	CU_ASSERT(differ > 7);
	CU_ASSERT(between > 1); /* each repeat has an order of its own */
	for (uint32_t repeat = 0; repeat < 3; repeat++) /* and every cap once */
		for (uint32_t i = 0; i < 7; i++)
			for (uint32_t k = 0; k < i; k++)
				CU_ASSERT(strcmp(a->run[7 * repeat + i].cap, a->run[7 * repeat + k].cap) != 0);
	drop(a);
	drop(b);
	drop(c);
}

static void test_too_many(void)
{
	struct sweep sweep = { .lock_fd = -1, .dir_fd = -1 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct sweep_values values;

	CHECK_INT(sweep_caps_parse("40%..100%/60", &values, &err), 0);
	CHECK_INT(sweep_plan(&sweep, &values, SWEEP_REPEATS_MAX, &err), -E2BIG);
}

static void test_state(void)
{
	struct sweep *a = planned("100,200,300,400", 2, 5), *b = calloc(1, sizeof(*b));
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free char *text = NULL, *again = NULL;

	b->lock_fd = b->dir_fd = -1;
	a->run[1].stage = SWEEP_QUEUED;
	a->run[1].job_id = 77;
	a->run[2] = (struct sweep_run) { .cap = "200W", .repeat = 1, .stage = SWEEP_DONE, .cap_w = 200, .time_s = 12.345678, .energy_j = 900.5 };
	snprintf(a->run[3].why, sizeof(a->run[3].why), "job 5 ended as FAILED");
	a->run[3].stage = SWEEP_FAILED;
	CHECK_INT(sweep_state_format(a, &text, &err), 0);
	CHECK_INT(sweep_state_parse(text, strlen(text), b, &err), 0);
	CHECK_STRING(b->arg[0], a->arg[0]);
	CHECK_INT(b->n_runs, 8);
	CHECK_INT(b->run[1].stage, SWEEP_QUEUED);
	CHECK_INT(b->run[1].job_id, 77);
	CU_ASSERT(b->run[2].time_s > 12.3456779 && b->run[2].time_s < 12.3456781);
	CHECK_STRING(b->run[3].why, "job 5 ended as FAILED");
	CHECK_INT(sweep_state_format(b, &again, &err), 0);
	CHECK_STRING(text, again);
	drop(a);
	drop(b);
}

/* Whatever byte of a state is changed: read or refused, never a crash; a run that counts has its numbers. */
static void test_state_damaged(void)
{
	struct sweep *a = planned("100,200,300,400", 1, 5);
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free char *text = NULL;
	size_t len, refused = 0;

	a->run[2] = (struct sweep_run) { .cap = "200W", .repeat = 1, .stage = SWEEP_DONE, .cap_w = 200, .time_s = 12.5, .energy_j = 900.5 };
	CHECK_INT(sweep_state_format(a, &text, &err), 0);
	len = strlen(text);
	for (size_t i = 0; i < len; i += 3) {
		struct sweep *b = calloc(1, sizeof(*b));
		char was = text[i];

		b->lock_fd = b->dir_fd = -1;
		text[i] = i % 2 ? '-' : '9';
		if (sweep_state_parse(text, len, b, &err) < 0)
			refused++;
		else
			for (uint32_t k = 0; k < b->n_runs; k++)
				CU_ASSERT(b->run[k].stage != SWEEP_DONE || (b->run[k].cap_w > 0 && b->run[k].time_s > 0));
		text[i] = was;
		drop(b);
	}
	CU_ASSERT(refused > len / 10);
	drop(a);
}

static int fom(const char *regex, const char *output, double *ret)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[400];

	snprintf(text, sizeof(text), "%s", output);
	return sweep_fom_find(regex, text, ret, &err);
}

static void test_fom(void)
{
	double v = 0;

	CHECK_INT(fom("FOM: ([0-9.]+)", "start 5\nFOM: 1.5 Mlups\nFOM: 2.25 Mlups\nend\n", &v), 0);
	CU_ASSERT(v == 2.25); /* the last counts */
	CHECK_INT(fom("rate [^ ]+", "rate =7e3/s", &v), 0);
	CU_ASSERT(v == 7000);
	CHECK_INT(fom("rate", "rate 5", &v), -EINVAL); /* no number in what matches */
	CHECK_INT(fom("rate ([0-9.]+)", "rate 0", &v), -EINVAL);
	CHECK_INT(fom("rate ([0-9.]+)", "nothing", &v), -ENOENT);
	CHECK_INT(fom("(", "x", &v), -EINVAL);
	CHECK_INT(fom("a ([0-9]+)|b ([0-9]+)", "b 5", &v), 0);
	CU_ASSERT(v == 5);
}

static void test_words(void)
{
	char why[200];

#define WHY(scaling, ...) \
	sweep_args_check((char *[]) { __VA_ARGS__ }, sizeof((char *[]) { __VA_ARGS__ }) / sizeof(char *), scaling, why, sizeof(why))
	CU_ASSERT(WHY(false, "-N2", "job.sh", "--power=5") == NULL); /* the script's own */
	CU_ASSERT(WHY(false, "--exclusive", "--wrap", "x") == NULL);
	CU_ASSERT(WHY(false, "-N2", "--power=300", "job.sh") != NULL);
	CU_ASSERT(WHY(false, "-p", "main", "--output=x", "job.sh") != NULL);
	CU_ASSERT(WHY(false, "--array=1-3", "job.sh") != NULL);
	CU_ASSERT(WHY(false, "-N2", "job.sh") == NULL);
	CU_ASSERT(WHY(true, "-N2", "job.sh") != NULL);
}

static void test_results(void)
{
	struct sweep *a = planned("100,200,300,400", 1, 5);
	struct wattle_sweep *measured = calloc(1, sizeof(*measured));
	struct wattle_scaling curve;

	a->run[0].stage = a->run[2].stage = SWEEP_DONE;
	a->run[0].cap_w = 100, a->run[0].time_s = 10, a->run[0].energy_j = 5, a->run[0].fom = 4;
	a->run[2].cap_w = 300, a->run[2].time_s = 8, a->run[2].energy_j = 0, a->run[2].fom = 5;
	sweep_measured(a, measured);
	CHECK_INT(measured->n, 2);
	CU_ASSERT(measured->run[1].time_s == 8 && !measured->relative);
	snprintf(a->fom, sizeof(a->fom), "x");
	sweep_measured(a, measured);
	CU_ASSERT(measured->run[1].time_s == 0.2 && measured->relative);
	a->fom[0] = '\0';
	a->scaling = true;
	for (uint32_t i = 0; i < 4; i++)
		a->run[i] = (struct sweep_run) { .nodes = i / 2 ? 4 : 1, .stage = SWEEP_DONE, .cap_w = 400, .time_s = i / 2 ? 3 : 10 + i,
						 .energy_j = 1100 };
	CU_ASSERT(sweep_curve(a, &curve));
	CHECK_INT(curve.n, 2);
	CHECK_INT(curve.point[1].nodes, 4);
	CU_ASSERT(curve.point[1].throughput_per_s > 0.3333 && curve.point[1].throughput_per_s < 0.3334);
	CU_ASSERT(curve.point[0].power_w == (110 + 100) / 2.0);
	a->run[2].stage = a->run[3].stage = SWEEP_FAILED;
	CU_ASSERT(!sweep_curve(a, &curve));
	free(measured);
	drop(a);
}

/* What job_submit answers, as policy.c writes it. */
static void test_prediction(void)
{
	char name[WATTLE_MODEL_NAME_MAX] = "";
	double pct = -1;

	CU_ASSERT(wattle_prediction_find("wattle: 312 W/node x 4 (slowdown 5.0%, profile nbody)", &pct, name));
	CHECK_STRING(name, "nbody");
	CU_ASSERT(pct == 5);
	CU_ASSERT(wattle_prediction_find("wattle: 160 W/node x 4 (slowdown 12.5%, profile a.b-c; clamped to the lowest cap measured), starts 02:00", &pct, name));
	CHECK_STRING(name, "a.b-c");
	CU_ASSERT(pct == 12.5);
	CU_ASSERT(!wattle_prediction_find("", &pct, name));
	CU_ASSERT(!wattle_prediction_find("wattle: 300 W/node x 4 nodes: 1200 W", &pct, name));
	CU_ASSERT(!wattle_prediction_find("bob says (slowdown 5.0%, profile x)", &pct, name));
	CU_ASSERT(!wattle_prediction_find("wattle: (slowdown x%, profile x)", &pct, name));
	CU_ASSERT(!wattle_prediction_find("wattle: (slowdown 1%, profile )", &pct, name));
}

static const struct test tests[] = {
	{ "a prediction in the answer", test_prediction },
	{ "caps", test_caps },
	{ "node counts", test_nodes },
	{ "random order, from the seed", test_order },
	{ "more runs than a sweep has", test_too_many },
	{ "state, there and back", test_state },
	{ "a damaged state", test_state_damaged },
	{ "figure of merit", test_fom },
	{ "words that are ours", test_words },
	{ "what was measured", test_results },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("sweep", tests);
}
