/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulated registers and the tree over them behave as Linux's intel_rapl and powercap class do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lab.d/powercapfs/tree.h"
#include "runner.h"

static int parse(const char *text, size_t len, uint64_t *value)
{
	*value = 42;
	return pcfs_parse_u64(text, len, value);
}

static void numbers_parse_as_kstrtoull(void)
{
	static const struct { const char *text; uint64_t value; } good[] = {
		{ "0", 0 }, { "120000000", 120000000 }, { "120000000\n", 120000000 }, { "+5", 5 }, { "007", 7 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = { "", "\n", "+", "-1", " 1", "1 ", "1\n\n", "1x", "0x10", "banana", "1.5" };
	uint64_t value;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CU_ASSERT_EQUAL(parse(good[i].text, strlen(good[i].text), &value), 0);
		CU_ASSERT_EQUAL(value, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(parse(bad[i], strlen(bad[i]), &value), -EINVAL);
		CU_ASSERT_EQUAL(value, 42);
	}
	CU_ASSERT_EQUAL(parse("18446744073709551616", 20, &value), -ERANGE);
}

static void bytes_behind_a_nul_do_not_count(void)
{
	uint64_t value;

	CU_ASSERT_EQUAL(parse("95000000\0\x7f\x01junkjunk", 24, &value), 0);
	CU_ASSERT_EQUAL(value, 95000000);
	CU_ASSERT_EQUAL(parse("95\n\0junk", 8, &value), 0);
	CU_ASSERT_EQUAL(value, 95);
	CU_ASSERT_EQUAL(parse("95\njunk", 7, &value), -EINVAL);
	/* No NUL within the length: the byte after it must not be looked at. */
	CU_ASSERT_EQUAL(parse("959", 2, &value), 0);
	CU_ASSERT_EQUAL(value, 95);
}

static void limits_are_quantised_and_masked(void)
{
	static const struct { uint64_t write_uw, read_uw; } cases[] = {
		{ 0, 0 }, { 124999, 0 }, { 125000, 125000 }, { 120000000, 120000000 }, { 120124999, 120000000 },
		{ 120125000, 120125000 }, { 4095875000, 4095875000 }, { 4096000000, 0 }, { 5000000000, 904000000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(pcfs_power_from_raw(pcfs_power_to_raw(cases[i].write_uw)), cases[i].read_uw);
}

static void windows_take_the_kernels_code(void)
{
	static const struct { uint64_t write_us, read_us; } cases[] = {
		{ 0, 976 }, { 975, 976 }, { 976, 976 }, { 2440, 1952 }, { 999424, 999424 }, { 1000000, 999424 },
		{ 1250000, 1249280 }, { 27983872, 27983872 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(pcfs_window_from_raw(pcfs_window_to_raw(cases[i].write_us)), cases[i].read_us);
	CU_ASSERT_EQUAL(pcfs_window_to_raw(UINT64_MAX), 0x7f);
}

static void energy_wraps_at_its_range(void)
{
	struct pcfs_energy e = { .unit_nj = PCFS_ENERGY_UNIT_NJ };

	CU_ASSERT_EQUAL(pcfs_energy_range_uj(&e), 262143328850ULL);
	pcfs_energy_set_uj(&e, 262143328850ULL - 5000000);
	uint64_t before = pcfs_energy_peek_uj(&e, 0);
	CU_ASSERT(before <= 262143328850ULL - 5000000 && before > 262143328850ULL - 5000000 - 62);
	CU_ASSERT(pcfs_energy_peek_uj(&e, 4.9) > before);
	CU_ASSERT_EQUAL(pcfs_energy_peek_uj(&e, 0), before);
	pcfs_energy_add(&e, 7);
	uint64_t after = pcfs_energy_peek_uj(&e, 0);
	/* What a reader makes of it: 7 J within two counts. */
	uint64_t used = 262143328850ULL - before + after;
	CU_ASSERT(used > 6999800 && used < 7000200);
}

static void energy_keeps_fractions_and_never_falls(void)
{
	struct pcfs_energy e = { .unit_nj = PCFS_ENERGY_UNIT_NJ };

	for (int i = 0; i < 100000; i++)
		pcfs_energy_add(&e, 0.00001);
	CU_ASSERT(pcfs_energy_peek_uj(&e, 0) >= 999900 && pcfs_energy_peek_uj(&e, 0) <= 1000000);
	uint64_t shown = pcfs_energy_peek_uj(&e, 0);
	pcfs_energy_add(&e, -1);
	pcfs_energy_add(&e, 0.0 / 0.0 * 1);
	CU_ASSERT_EQUAL(pcfs_energy_peek_uj(&e, 0), shown);
}

static struct pcfs_tree_config two_packages(void)
{
	return (struct pcfs_tree_config) { .packages = 2, .enabled = true, .tdp_w = 170 };
}

static void read_file(const struct pcfs_tree *tree, const char *path, char *buf, size_t size)
{
	struct pcfs_node node;
	int n = -1;

	buf[0] = '\0';
	if (pcfs_tree_lookup(tree, path, &node) == 0 && node.kind == PCFS_FILE)
		n = pcfs_file_show(tree, &node, 0, buf, size);
	if (n < 0)
		(void)snprintf(buf, size, "failed");
}

static int write_file(struct pcfs_tree *tree, const char *path, const char *text)
{
	struct pcfs_node node;

	CU_ASSERT_EQUAL_FATAL(pcfs_tree_lookup(tree, path, &node), 0);
	return pcfs_file_store(tree, &node, text, strlen(text));
}

#define ASSERT_READS(tree, path, wanted) do { \
		char buf_[64]; \
		read_file(tree, path, buf_, sizeof(buf_)); \
		CU_ASSERT_STRING_EQUAL(buf_, wanted); \
	} while (0)

static void boot_limits_differ_all_over_the_lab(void)
{
	static uint32_t seen[512];
	size_t n = 0;

	for (int i = 0; i < 64; i++) {
		struct pcfs_tree_config config = two_packages();
		struct pcfs_tree tree;
		char name[16];

		(void)snprintf(name, sizeof(name), "%c%d", i % 2 ? 'k' : 'n', i / 2 + 1);
		pcfs_tree_init(&tree, name, &config);
		for (unsigned z = 0; z < tree.zones; z++) {
			const struct pcfs_constraint *c = tree.zone[z].constraint;

			CU_ASSERT(c[0].power_raw >= 172 * 8);
			CU_ASSERT(c[1].power_raw > c[0].power_raw);
			CU_ASSERT(c[1].power_raw <= PCFS_POWER_RAW_MAX);
			for (unsigned k = 0; k < 2; k++) {
				/* In whole watts: a tolerance must not take one for another. */
				for (size_t j = 0; j < n; j++)
					CU_ASSERT_NOT_EQUAL(seen[j] / 8, c[k].power_raw / 8);
				seen[n++] = c[k].power_raw;
			}
		}
	}
	CU_ASSERT_EQUAL(n, 256);
}

static void boot_is_the_same_each_time(void)
{
	struct pcfs_tree_config config = two_packages();
	struct pcfs_tree a, b;

	pcfs_tree_init(&a, "login", &config);
	pcfs_tree_init(&b, "login", &config);
	CU_ASSERT_EQUAL(a.zone[1].constraint[1].power_raw, b.zone[1].constraint[1].power_raw);
	CU_ASSERT_EQUAL(a.zone[0].energy.raw, b.zone[0].energy.raw);
}

static void files_read_as_in_sysfs(void)
{
	struct pcfs_tree_config config = two_packages();
	struct pcfs_tree tree;

	pcfs_tree_init(&tree, "n1", &config);
	ASSERT_READS(&tree, "/intel-rapl/enabled", "1\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/name", "package-0\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/name", "package-1\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_0_name", "long_term\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_1_name", "short_term\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_0_power_limit_uw", "173125000\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_0_max_power_uw", "170000000\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_1_max_power_uw", "0\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_0_time_window_us", "999424\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/constraint_1_time_window_us", "2440\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/max_energy_range_uj", "262143328850\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/uevent", "");
}

static void writes_change_what_the_kernel_lets(void)
{
	struct pcfs_tree_config config = two_packages();
	struct pcfs_tree tree;
	struct pcfs_node node;

	pcfs_tree_init(&tree, "n1", &config);
	CU_ASSERT_EQUAL(write_file(&tree, "/intel-rapl/intel-rapl:1/constraint_0_power_limit_uw", "99999999\n"), 0);
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/constraint_0_power_limit_uw", "99875000\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/constraint_1_power_limit_uw", "324750000\n");
	CU_ASSERT_EQUAL(write_file(&tree, "/intel-rapl/intel-rapl:1/constraint_0_power_limit_uw", "99999999999999999999"), -EINVAL);
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/constraint_0_power_limit_uw", "99875000\n");
	CU_ASSERT_EQUAL(write_file(&tree, "/intel-rapl/intel-rapl:1/enabled", "off"), 0);
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/enabled", "0\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/enabled", "1\n");
	CU_ASSERT_EQUAL(write_file(&tree, "/intel-rapl/intel-rapl:1/enabled", "maybe"), -EINVAL);
	CU_ASSERT_EQUAL(write_file(&tree, "/intel-rapl/enabled", "0"), -ENOSYS);
	CU_ASSERT_EQUAL(write_file(&tree, "/intel-rapl/intel-rapl:1/energy_uj", "0"), -EACCES);
	CU_ASSERT_EQUAL_FATAL(pcfs_tree_lookup(&tree, "/intel-rapl/intel-rapl:0/energy_uj", &node), 0);
	CU_ASSERT_EQUAL(pcfs_node_mode(&node), S_IFREG | 0400);
}

static void paths_that_sysfs_lacks_are_not_found(void)
{
	static const char *const paths[] = {
		"/intel-rapl:2", "/intel-rapl/intel-rapl:2", "/intel-rapl:0/name", "/intel-rapl/name", "/intel-rapl/energy_uj",
		"/intel-rapl/intel-rapl:0/constraint_2_name", "/intel-rapl/intel-rapl:0/constraint_0_",
		"/intel-rapl/intel-rapl:0/constraint__name", "/intel-rapl/intel-rapl:0/intel-rapl:1",
		"/intel-rapl/intel-rapl:0/name/x", "/intel-rapl-mmio", "/intel-rapl/intel-rapl:0/power_limit_uw",
	};
	struct pcfs_tree_config config = two_packages();
	struct pcfs_tree tree;
	struct pcfs_node node;
	char target[64];

	pcfs_tree_init(&tree, "n1", &config);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		CU_ASSERT_EQUAL(pcfs_tree_lookup(&tree, paths[i], &node), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(pcfs_tree_lookup(&tree, "/intel-rapl:1", &node), 0);
	CU_ASSERT_EQUAL(node.kind, PCFS_LINK);
	pcfs_node_target(&tree, &node, target, sizeof(target));
	CU_ASSERT_STRING_EQUAL(target, "intel-rapl/intel-rapl:1");
}

static int count_entry(void *arg, const char *name, const struct pcfs_node *node)
{
	(void)name, (void)node;
	++*(int *)arg;
	return 0;
}

static int entries(const struct pcfs_tree *tree, const char *path)
{
	struct pcfs_node node;
	int n = 0;

	CU_ASSERT_EQUAL_FATAL(pcfs_tree_lookup(tree, path, &node), 0);
	(void)pcfs_tree_list(tree, &node, count_entry, &n);
	return n;
}

static void decoys_appear_when_asked_for(void)
{
	struct pcfs_tree_config config = two_packages();
	struct pcfs_tree tree;

	pcfs_tree_init(&tree, "n1", &config);
	CU_ASSERT_EQUAL(entries(&tree, "/"), 3);
	CU_ASSERT_EQUAL(entries(&tree, "/intel-rapl"), 4);
	CU_ASSERT_EQUAL(entries(&tree, "/intel-rapl/intel-rapl:0"), 13);

	config.dram = config.mmio = config.swap = true;
	pcfs_tree_init(&tree, "n1", &config);
	CU_ASSERT_EQUAL(entries(&tree, "/"), 8);
	CU_ASSERT_EQUAL(entries(&tree, "/intel-rapl/intel-rapl:0"), 14);
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/name", "package-1\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/name", "package-0\n");
	/* The limits go with the package, not with the index. */
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:1/constraint_0_power_limit_uw", "173125000\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/intel-rapl:0:0/name", "dram\n");
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/intel-rapl:0:0/max_energy_range_uj", "65712999613\n");
	ASSERT_READS(&tree, "/intel-rapl-mmio/intel-rapl-mmio:0/name", "package-0\n");
}

static void the_counter_starts_where_asked(void)
{
	struct pcfs_tree_config config = two_packages();
	struct pcfs_tree tree;

	config.energy_start_set = true;
	config.energy_start_uj = 0;
	pcfs_tree_init(&tree, "n1", &config);
	ASSERT_READS(&tree, "/intel-rapl/intel-rapl:0/energy_uj", "0\n");

	config.energy_near_wrap = true;
	config.energy_start_uj = 2000000;
	pcfs_tree_init(&tree, "n1", &config);
	pcfs_energy_add(&tree.zone[0].energy, 1.9);
	CU_ASSERT(pcfs_energy_peek_uj(&tree.zone[0].energy, 0) > 262143000000ULL);
	pcfs_energy_add(&tree.zone[0].energy, 0.2);
	CU_ASSERT(pcfs_energy_peek_uj(&tree.zone[0].energy, 0) < 200000);
}

static const struct test tests[] = {
	{ "numbers parse as kstrtoull", numbers_parse_as_kstrtoull },
	{ "bytes behind a NUL do not count", bytes_behind_a_nul_do_not_count },
	{ "limits are quantised to 1/8 W and masked to 15 bits", limits_are_quantised_and_masked },
	{ "windows take the kernel's code", windows_take_the_kernels_code },
	{ "energy wraps at its range", energy_wraps_at_its_range },
	{ "energy keeps fractions and never falls", energy_keeps_fractions_and_never_falls },
	{ "boot limits differ all over the lab", boot_limits_differ_all_over_the_lab },
	{ "boot is the same each time", boot_is_the_same_each_time },
	{ "files read as in sysfs", files_read_as_in_sysfs },
	{ "writes change what the kernel lets", writes_change_what_the_kernel_lets },
	{ "paths that sysfs lacks are not found", paths_that_sysfs_lacks_are_not_found },
	{ "decoys appear when asked for", decoys_appear_when_asked_for },
	{ "the counter starts where asked", the_counter_starts_where_asked },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("powercapfs_rapl", tests);
}
