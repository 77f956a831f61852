/* SPDX-License-Identifier: GPL-2.0-or-later */
/* powercapfs's closed loop, with time and CPU use made up, and its two cgroup backends on captured trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lab.d/powercapfs/cgroup.h"
#include "../lab.d/powercapfs/nodeconf.h"
#include "runner.h"

#define TICK_S 0.05

struct bench {
	struct pcfs_config config;
	struct pcfs_tree tree;
	struct pcfs_model model;
};

static void init(struct bench *b)
{
	pcfs_config_default(&b->config);
	pcfs_tree_init(&b->tree, "n1", &b->config.tree);
	pcfs_model_init(&b->model, &b->config.model, &b->tree);
}

static void limit(struct bench *b, unsigned zone, unsigned constraint, uint64_t uw)
{
	b->tree.zone[zone].constraint[constraint].power_raw = pcfs_power_to_raw(uw);
}

static void limit_all(struct bench *b, uint64_t uw)
{
	for (unsigned zone = 0; zone < b->tree.zones; zone++)
		for (unsigned c = 0; c < 2; c++)
			limit(b, zone, c, uw);
}

/* A program that uses share of whatever quota there is. */
static void run_for(struct bench *b, double seconds, double share)
{
	for (double t = 0; t < seconds - TICK_S / 2; t += TICK_S)
		pcfs_model_step(&b->model, &b->tree, TICK_S,
				share * TICK_S * b->model.quota_us / b->config.model.period_us);
}

static double zone_joules(const struct bench *b, unsigned zone)
{
	return (double)pcfs_energy_peek_uj(&b->tree.zone[zone].energy, 0) / 1e6;
}

static void the_curve_slows_as_documented(void)
{
	struct pcfs_config config;

	pcfs_config_default(&config);
	CU_ASSERT_DOUBLE_EQUAL(pcfs_curve_slowdown(&config.model, 400, 400), 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(pcfs_curve_slowdown(&config.model, 500, 400), 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(pcfs_curve_slowdown(&config.model, 300, 400), 0.35 / 3 + 0.05 / 9, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(pcfs_curve_slowdown(&config.model, 200, 400), 0.40, 1e-9);
	/* No watts is very slow, not a division by nothing. */
	CU_ASSERT_TRUE(pcfs_curve_slowdown(&config.model, 0, 400) > 1000);
	CU_ASSERT_TRUE(pcfs_curve_slowdown(&config.model, -5, 400) < 1e6);

	config.model.form = PCFS_CURVE_QUADRATIC;
	config.model.a = 0.8;
	config.model.b = 0.1;
	CU_ASSERT_DOUBLE_EQUAL(pcfs_curve_slowdown(&config.model, 200, 400), 0.25, 1e-9);
	config.model.c = -5;
	CU_ASSERT_DOUBLE_EQUAL(pcfs_curve_slowdown(&config.model, 200, 400), 0, 0);
}

static void an_idle_node_draws_idle_watts_at_full_speed(void)
{
	struct bench b;

	init(&b);
	double before_j = zone_joules(&b, 0);
	run_for(&b, 10, 0);
	CU_ASSERT_DOUBLE_EQUAL(zone_joules(&b, 0) - before_j, 120, 0.1);
	CHECK_INT(b.model.quota_us, 3000);
	CU_ASSERT_DOUBLE_EQUAL(b.model.node_allowed_w, 400, 1e-9);
}

static void a_busy_node_draws_its_maximum(void)
{
	struct bench b;

	init(&b);
	run_for(&b, 3, 1);
	double before_j = zone_joules(&b, 1);
	run_for(&b, 10, 1);
	CU_ASSERT_DOUBLE_EQUAL(zone_joules(&b, 1) - before_j, 1700, 1);
	CHECK_INT(b.model.quota_us, 3000);
}

static void a_cap_binds_at_once_and_slows(void)
{
	struct bench b;

	init(&b);
	run_for(&b, 3, 1);
	limit_all(&b, 120000000);
	run_for(&b, TICK_S, 1);
	/* 60 + 2 x 120 W = 300 W: 3000 us / 1.1222 */
	CHECK_INT(b.model.quota_us, 2673);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 120, 1e-9);
	double before_j = zone_joules(&b, 0);
	run_for(&b, 10, 1);
	CU_ASSERT_DOUBLE_EQUAL(zone_joules(&b, 0) - before_j, 1200, 1);
	CU_ASSERT_DOUBLE_EQUAL(b.model.util, 1, 0.01);

	limit_all(&b, 400000000);
	run_for(&b, TICK_S, 1);
	CHECK_INT(b.model.quota_us, 3000);
}

static void a_limit_above_demand_does_not_bind(void)
{
	struct bench b;

	init(&b);
	limit_all(&b, 120000000);
	run_for(&b, 5, 0.3);
	/* 12 + 0.3 x 158 W */
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 59.4, 0.5);
	limit_all(&b, 40000000);
	run_for(&b, 5, 0.3);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 40, 1e-9);
}

static void the_lower_of_both_constraints_binds(void)
{
	struct bench b;

	init(&b);
	limit(&b, 0, 1, 100000000);
	run_for(&b, 5, 1);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 100, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[1].power_w, 170, 0.5);
	CU_ASSERT_DOUBLE_EQUAL(b.model.node_allowed_w, 60 + 100 + 170, 1e-9);
}

static void long_term_binds_the_average(void)
{
	struct bench b;

	init(&b);
	limit(&b, 0, 0, 100000000);
	run_for(&b, 0.3, 1);
	/* Fresh from idle it may exceed long_term, up to short_term and its own maximum … */
	CU_ASSERT_TRUE(b.tree.zone[0].power_w > 105);
	run_for(&b, 6, 1);
	/* … until a few windows of about a second are over. */
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 100, 1);
}

static void disabled_limits_do_not_bind(void)
{
	struct bench b;

	init(&b);
	limit_all(&b, 50000000);
	b.tree.zone[0].enabled = false;
	run_for(&b, 5, 1);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 170, 0.5);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[1].power_w, 50, 1e-9);
}

static void hardware_has_a_floor_and_never_stalls(void)
{
	struct bench b;

	init(&b);
	limit_all(&b, 0);
	run_for(&b, 5, 1);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 18, 1e-9);
	CU_ASSERT_TRUE(b.model.quota_us >= PCFS_QUOTA_MIN_US);

	b.config.model.full_quota_pct = 5;
	pcfs_model_init(&b.model, &b.config.model, &b.tree);
	CHECK_INT(b.model.quota_us, PCFS_QUOTA_MIN_US);
}

static void a_second_interface_limits_the_same_package(void)
{
	struct bench b;

	init(&b);
	b.config.tree.mmio = true;
	pcfs_tree_init(&b.tree, "n1", &b.config.tree);
	pcfs_model_init(&b.model, &b.config.model, &b.tree);
	limit(&b, 2, 0, 90000000);
	limit(&b, 2, 1, 90000000);
	run_for(&b, 5, 1);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[0].power_w, 90, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(b.tree.zone[1].power_w, 170, 0.5);
}

static void energy_never_falls_between_steps(void)
{
	struct bench b;
	uint64_t last_uj = 0;

	init(&b);
	for (int i = 0; i < 400; i++) {
		const struct pcfs_zone *zone = &b.tree.zone[0];
		/* Busy and idle by turns, caps up and down; read just before each step, as late as can be. */
		uint64_t now_uj = pcfs_energy_peek_uj(&zone->energy, zone->power_w * TICK_S);

		CU_ASSERT_TRUE(now_uj >= last_uj);
		last_uj = now_uj;
		if (i % 7 == 0)
			limit_all(&b, i % 2 ? 60000000 : 200000000);
		pcfs_model_step(&b.model, &b.tree, TICK_S, i % 20 < 10 ? TICK_S * 0.3 : 0);
		now_uj = pcfs_energy_peek_uj(&zone->energy, 0);
		/* A count of 61 uJ may be rounded otherwise on the other path. */
		CU_ASSERT_TRUE(now_uj + 62 >= last_uj);
	}
}

/* --- cgroup backends --------------------------------------------------- */


static void copy_file(const char *fixture, const char *name, const char *dir)
{
	char from[256], to[256], buf[512];
	size_t n;

	(void)snprintf(from, sizeof(from), "lab.d/powercapfs/fixtures/%s/%s", fixture, name);
	(void)snprintf(to, sizeof(to), "%s/%s", dir, name);
	FILE *in = fopen(test_file(from), "re");
	FILE *out = fopen(to, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	n = fread(buf, 1, sizeof(buf), in);
	CU_ASSERT_EQUAL(fwrite(buf, 1, n, out), n);
	(void)fclose(in);
	(void)fclose(out);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *out = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	(void)fputs(text, out);
	(void)fclose(out);
}

static void check_file(const char *dir, const char *name, const char *wanted)
{
	char path[256], buf[64] = "";

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *in = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(in);
	size_t n = fread(buf, 1, sizeof(buf) - 1, in);
	(void)fclose(in);
	buf[n] = '\0';
	CHECK_STRING(buf, wanted);
}

static void remove_tree(const char *dir, const char *const *names)
{
	char path[256];

	for (; *names; names++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, *names);
		(void)unlink(path);
	}
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static void v1_reads_and_writes_a_captured_tree(void)
{
	static const char *const names[] = { "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpuacct.usage", NULL };
	char dir[] = "/tmp/test_powercapfs.XXXXXX";
	struct pcfs_cgroup cg;
	struct pcfs_err err = { "" };
	uint64_t usage_ns = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	for (const char *const *name = names; *name; name++)
		copy_file("v1", *name, dir);
	CHECK_INT(pcfs_cgroup_open(&cg, dir, dir, NULL, &err), 0);
	CHECK_STRING(cg.ops->name, "v1");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), 0);
	CHECK_INT(usage_ns, 6230935072LL);
	CHECK_INT(cg.ops->prepare(&cg, 10000), 0);
	check_file(dir, "cpu.cfs_period_us", "10000");
	check_file(dir, "cpu.cfs_quota_us", "-1");
	CHECK_INT(cg.ops->set_quota(&cg, 2673, 10000), 0);
	check_file(dir, "cpu.cfs_quota_us", "2673");

	put(dir, "cpuacct.usage", "6230935073\n");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), 0);
	CHECK_INT(usage_ns, 6230935073LL);
	put(dir, "cpuacct.usage", "lots\n");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), -EBADMSG);
	put(dir, "cpuacct.usage", "");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), -ENODATA);
	pcfs_cgroup_close(&cg);
	remove_tree(dir, names);
}

static void v2_reads_and_writes_a_captured_tree(void)
{
	static const char *const names[] = { "cpu.max", "cpu.stat", NULL };
	char dir[] = "/tmp/test_powercapfs.XXXXXX";
	struct pcfs_cgroup cg;
	struct pcfs_err err = { "" };
	uint64_t usage_ns = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	for (const char *const *name = names; *name; name++)
		copy_file("v2", *name, dir);
	CHECK_INT(pcfs_cgroup_open(&cg, NULL, NULL, dir, &err), 0);
	CHECK_STRING(cg.ops->name, "v2");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), 0);
	CHECK_INT(usage_ns, 18328000);
	CHECK_INT(cg.ops->prepare(&cg, 10000), 0);
	check_file(dir, "cpu.max", "max 100000\n");
	CHECK_INT(cg.ops->set_quota(&cg, 2673, 10000), 0);
	check_file(dir, "cpu.max", "2673 10000");

	/* The order of keys is not promised. */
	put(dir, "cpu.stat", "nr_periods 7\nnot_usage_usec 5\nusage_usec 99\nuser_usec 1\n");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), 0);
	CHECK_INT(usage_ns, 99000);
	put(dir, "cpu.stat", "user_usec 1\n");
	CHECK_INT(cg.ops->usage_ns(&cg, &usage_ns), -EBADMSG);
	pcfs_cgroup_close(&cg);
	remove_tree(dir, names);
}

static void a_cgroup_without_what_is_needed_is_refused(void)
{
	char dir[] = "/tmp/test_powercapfs.XXXXXX";
	struct pcfs_cgroup cg;
	struct pcfs_err err = { "" };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CHECK_INT(pcfs_cgroup_open(&cg, "/nonexistent", dir, NULL, &err), -ENOENT);
	CHECK_HOLDS(err.text, "/nonexistent");
	CHECK_INT(pcfs_cgroup_open(&cg, NULL, NULL, dir, &err), -ENOENT);
	CHECK_HOLDS(err.text, dir);
	/* cpu.stat is everywhere on v2, cpu.max only where the controller is on. */
	copy_file("v2", "cpu.stat", dir);
	CHECK_INT(pcfs_cgroup_open(&cg, NULL, NULL, dir, &err), 0);
	CHECK_INT(cg.ops->prepare(&cg, 10000), -ENOENT);
	pcfs_cgroup_close(&cg);
	remove_tree(dir, (const char *const[]) { "cpu.stat", NULL });
}

static const struct test tests[] = {
	{ "the curve slows as documented", the_curve_slows_as_documented },
	{ "an idle node draws idle watts at full speed", an_idle_node_draws_idle_watts_at_full_speed },
	{ "a busy node draws its maximum", a_busy_node_draws_its_maximum },
	{ "a cap binds at once and slows", a_cap_binds_at_once_and_slows },
	{ "a limit above demand does not bind", a_limit_above_demand_does_not_bind },
	{ "the lower of both constraints binds", the_lower_of_both_constraints_binds },
	{ "long_term binds the average", long_term_binds_the_average },
	{ "disabled limits do not bind", disabled_limits_do_not_bind },
	{ "hardware has a floor and never stalls", hardware_has_a_floor_and_never_stalls },
	{ "a second interface limits the same package", a_second_interface_limits_the_same_package },
	{ "energy never falls between steps", energy_never_falls_between_steps },
	{ "cgroup v1 on a captured tree", v1_reads_and_writes_a_captured_tree },
	{ "cgroup v2 on a captured tree (not run on a live v2 host)", v2_reads_and_writes_a_captured_tree },
	{ "a cgroup without what is needed is refused", a_cgroup_without_what_is_needed_is_refused },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("powercapfs_loop", tests);
}
