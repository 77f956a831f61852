/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lease.h"
#include "runner.h"
#include "total.h"

#define T0 1700000000

static struct wattle_record rec(uint32_t step, const char *node, int start, double elapsed, double energy)
{
	struct wattle_record r;

	memset(&r, 0, sizeof(r));
	r.job_id = 7;
	r.step_id = step;
	snprintf(r.node, sizeof(r.node), "%s", node);
	r.start_s = T0 + start;
	r.end_s = T0 + start + (int64_t) elapsed;
	r.elapsed_s = elapsed;
	r.energy_j = energy;
	r.mean_w = elapsed > 0 && energy >= 0 ? energy / elapsed : 0;
	r.peak_w = r.mean_w + 10;
	r.grant_w = 300;
	r.cap_w = 300;
	r.base_w = 50;
	r.capped_s = elapsed;
	r.at_cap_s = elapsed / 2;
	r.cap_held = true;
	return r;
}

static int close_to(double a, double b)
{
	double d = a - b;

	return (d < 0 ? -d : d) < 1e-6;
}

#define CHECK_CLOSE(a, b) do { if (!close_to((a), (b))) { fprintf(stderr, "%s:%d: %.6f, wanted %.6f\n", __FILE__, __LINE__, (double) (a), (double) (b)); CU_FAIL("not close"); } } while (0)

static void test_extern_counts_once(void)
{
	struct wattle_record r[] = {
		rec(0, "n1", 1, 50, 5000), rec(1, "n1", 51, 40, 4400), rec(WATTLE_STEP_BATCH, "n1", 0, 100, 9900),
		rec(WATTLE_STEP_EXTERN, "n1", 0, 101, 10000), rec(WATTLE_STEP_EXTERN, "n2", 0, 101, 8000), rec(0, "n2", 1, 50, 4000),
	};
	struct wattle_total t;

	wattle_total_job(r, 6, &t);
	CHECK_INT(t.n_nodes, 2);
	CHECK_CLOSE(t.energy_j, 18000);
	CHECK_CLOSE(t.node_s, 202);
	CHECK_CLOSE(t.node_energy_j, 18000 + 50 * 202);
	CHECK_CLOSE(t.mean_w, 18000.0 / 202);
	CHECK_CLOSE(t.at_cap_s, 101);
	CHECK_INT(t.cap_held, 1);
	CHECK_INT(t.start_s, T0);
	CHECK_INT(t.end_s, T0 + 101);
}

static void test_steps_in_a_row(void)
{
	struct wattle_record r[] = { rec(0, "n1", 0, 50, 5000), rec(1, "n1", 60, 40, 4000) };
	struct wattle_total t;

	wattle_total_job(r, 2, &t);
	CHECK_CLOSE(t.energy_j, 9000);
	CHECK_CLOSE(t.node_s, 90);
}

static void test_steps_side_by_side(void)
{
	/* both saw the whole node: 100 s at 100 W, of which the second adds 50 s */
	struct wattle_record r[] = { rec(0, "n1", 0, 100, 10000), rec(1, "n1", 50, 100, 10000) };
	struct wattle_total t;

	wattle_total_job(r, 2, &t);
	CHECK_CLOSE(t.node_s, 150);
	CHECK_CLOSE(t.energy_j, 15000);
	CHECK_CLOSE(t.at_cap_s, 75);
}

static void test_batch_spans_steps(void)
{
	struct wattle_record r[] = { rec(0, "n1", 1, 40, 4000), rec(WATTLE_STEP_BATCH, "n1", 0, 100, 10000), rec(1, "n1", 45, 40, 4000) };
	struct wattle_total t;

	wattle_total_job(r, 3, &t);
	CHECK_CLOSE(t.energy_j, 10000);
}

static void test_requeued_runs_add_up(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 100, 10000), rec(WATTLE_STEP_EXTERN, "n1", 500, 100, 12000),
				     rec(0, "n1", 10, 50, 5000), rec(0, "n1", 510, 50, 6000) };
	struct wattle_total t;

	wattle_total_job(r, 4, &t);
	CHECK_CLOSE(t.energy_j, 22000);
	CHECK_INT(t.n_nodes, 1);
}

/* The extern step of the second run was killed: its steps count instead. */
static void test_extern_lost_once(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 100, 10000), rec(0, "n1", 10, 50, 5000), rec(0, "n1", 510, 50, 6000) };
	struct wattle_total t;

	wattle_total_job(r, 3, &t);
	CHECK_CLOSE(t.energy_j, 16000);
}

/* Records start on whole seconds: a step that seems to end after its extern step adds nothing. */
static void test_whole_seconds(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 10.2, 1020), rec(0, "n1", 1, 9.9, 990) };
	struct wattle_total t;

	wattle_total_job(r, 2, &t);
	CHECK_CLOSE(t.energy_j, 1020);
}

static void test_very_short_step(void)
{
	struct wattle_record r[] = { rec(0, "n1", 0, 0.3, 30) };
	struct wattle_total t;

	wattle_total_job(r, 1, &t);
	CHECK_CLOSE(t.energy_j, 30);
	CHECK_CLOSE(t.node_s, 0.3);
	r[0].elapsed_s = 0;
	wattle_total_job(r, 1, &t);
	CHECK_CLOSE(t.energy_j, 30);
	CHECK_CLOSE(t.mean_w, -1);
}

static void test_not_measured(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 100, -1), rec(WATTLE_STEP_EXTERN, "n2", 0, 100, 5000) };
	struct wattle_total t;

	wattle_total_job(r, 2, &t);
	CHECK_INT(t.n_nodes, 2);
	CHECK_INT(t.n_unmeasured, 1);
	CHECK_CLOSE(t.energy_j, 5000);
	CHECK_CLOSE(t.mean_w, 50);
	CHECK_CLOSE(t.node_energy_j, 5000 + 50 * 100);
}

static void test_flags(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 100, 1), rec(WATTLE_STEP_EXTERN, "n2", 0, 100, 1) };
	struct wattle_total t;

	r[1].cap_held = false;
	r[1].grant_w = 250;
	r[1].cap_w = 240;
	r[0].shared = true;
	wattle_total_job(r, 2, &t);
	CHECK_INT(t.cap_held, 0);
	CHECK_INT(t.capped, 1);
	CHECK_INT(t.grant_w, 250);
	CHECK_INT(t.cap_w, 240);
	CHECK_INT(t.shared, 1);
	r[0].cap_held = false;
	r[1].cap_held = true;
	wattle_total_job(r, 2, &t);
	CHECK_INT(t.cap_held, 0);
	/* without a cap there is none to hold */
	r[0].cap_w = r[1].cap_w = 0;
	wattle_total_job(r, 2, &t);
	CHECK_INT(t.capped, 0);
	CHECK_INT(t.cap_held, 0);
}

static void test_nothing(void)
{
	struct wattle_total t;

	wattle_total_job(NULL, 0, &t);
	CHECK_INT(t.n_nodes, 0);
	CHECK_CLOSE(t.energy_j, 0);
	CHECK_CLOSE(t.mean_w, -1);
}

static void test_many_overlaps(void)
{
	static struct wattle_record r[2000];
	struct wattle_total t;

	/* every record overlaps the one before by half: 2000 of 10 s each cover 10 + 1999 x 5 s at 10 W */
	for (int i = 0; i < 2000; i++)
		r[i] = rec((uint32_t) i, "n1", i * 5, 10, 100);
	wattle_total_job(r, 2000, &t);
	CHECK_CLOSE(t.node_s, 10 + 1999 * 5);
	CHECK_CLOSE(t.energy_j, 10 * (10 + 1999 * 5));
}

/* Two runs with a gap, and steps across it: each second counts once whatever came before. */
static void test_across_a_gap(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 10, 100), rec(WATTLE_STEP_EXTERN, "n1", 20, 10, 100),
				     rec(0, "n1", 5, 20, 200), rec(1, "n1", 8, 27, 270) };
	struct wattle_total t;

	wattle_total_job(r, 4, &t);
	CHECK_CLOSE(t.node_s, 35);
	CHECK_CLOSE(t.energy_j, 350);
}

static void test_order_and_names(void)
{
	struct wattle_record r[] = { rec(1, "n1", 5, 1, 1), rec(0, "n2", 1, 1, 1), rec(WATTLE_STEP_EXTERN, "n1", 0, 9, 1), rec(0, "n1", 1, 1, 1),
				     rec(WATTLE_STEP_BATCH, "n1", 0, 8, 1) };
	char *nodes[] = { (char[]){ "n1" }, (char[]){ "n2" }, (char[]){ "n3" } };
	const char *missing[3];
	char b[16];

	wattle_records_sort(r, 5);
	CHECK_STRING(wattle_step_name(r[0].step_id, b, sizeof(b)), "batch");
	CHECK_STRING(wattle_step_name(r[1].step_id, b, sizeof(b)), "extern");
	CHECK_STRING(wattle_step_name(r[2].step_id, b, sizeof(b)), "0");
	CHECK_STRING(r[2].node, "n1");
	CHECK_STRING(r[3].node, "n2");
	CHECK_STRING(wattle_step_name(r[4].step_id, b, sizeof(b)), "1");
	CHECK_INT(wattle_nodes_missing(nodes, 3, r, 5, missing), 1);
	CHECK_STRING(missing[0], "n3");
}

struct drawn {
	int n;
	double from_s[16], to_s[16], energy_j[16], all_j;
};

static void note(double from_s, double to_s, double energy_j, void *arg)
{
	struct drawn *d = arg;

	if (d->n < 16) {
		d->from_s[d->n] = from_s - T0;
		d->to_s[d->n] = to_s - T0;
		d->energy_j[d->n] = energy_j;
	}
	d->n++;
	d->all_j += energy_j;
}

static void test_when_drawn(void)
{
	struct wattle_record r[] = { rec(WATTLE_STEP_EXTERN, "n1", 0, 10, 1000), rec(WATTLE_STEP_BATCH, "n1", 0, 10, 990),
				     rec(WATTLE_STEP_EXTERN, "n1", 100, 6, 600) };
	struct drawn d = { 0 };

	/* idle, then busy; of the second run it is not known when */
	wattle_slices_add(&r[0].slices, 0, 8, 200);
	wattle_slices_add(&r[0].slices, 8, 10, 800);
	wattle_slices_coarsen(&r[0].slices, 5);
	CHECK_INT(wattle_total_energy(r, 3, note, &d), 0);
	CHECK_INT(d.n, 6);
	CHECK_CLOSE(d.all_j, 1600 + 50 * 16);
	for (int i = 0; i < 5; i++) {
		CHECK_CLOSE(d.from_s[i], 2 * i);
		CHECK_CLOSE(d.to_s[i], 2 * i + 2);
		CHECK_CLOSE(d.energy_j[i], (i < 4 ? 50 : 800) + 100);
	}
	CHECK_CLOSE(d.from_s[5], 100);
	CHECK_CLOSE(d.energy_j[5], 900);
}

static void test_drawn_once(void)
{
	/* steps side by side, without an extern one: each moment once */
	struct wattle_record r[] = { rec(0, "n1", 0, 10, 1000), rec(1, "n1", 4, 12, 1200), rec(2, "n1", 30, 5, -1) };
	struct drawn d = { 0 };
	struct wattle_total t;

	wattle_total_job(r, 3, &t);
	CHECK_INT(wattle_total_energy(r, 3, note, &d), 0);
	CHECK_INT(d.n, 2);
	CHECK_CLOSE(d.from_s[1], 10);
	CHECK_CLOSE(d.to_s[1], 16);
	CHECK_CLOSE(d.all_j, t.node_energy_j);
}

static const struct test tests[] = {
	{ "the extern step's joules count, once", test_extern_counts_once },
	{ "steps in a row add up", test_steps_in_a_row },
	{ "steps side by side count once", test_steps_side_by_side },
	{ "the batch step spans its steps", test_batch_spans_steps },
	{ "requeued runs add up", test_requeued_runs_add_up },
	{ "a lost extern step", test_extern_lost_once },
	{ "whole seconds", test_whole_seconds },
	{ "a very short step", test_very_short_step },
	{ "what was not measured", test_not_measured },
	{ "held, shared, least grant", test_flags },
	{ "nothing", test_nothing },
	{ "many overlaps", test_many_overlaps },
	{ "across a gap", test_across_a_gap },
	{ "order and names", test_order_and_names },
	{ "when it was drawn", test_when_drawn },
	{ "when it was drawn, once", test_drawn_once },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("report totals", tests);
}
