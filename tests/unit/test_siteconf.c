/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "siteconf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "runner.h"

#define CLASS "[class a]\nbase_w = 60\nmin_w = 100\nmax_w = 400\n"

static const char full[] =
	"; the site\n"
	"[site]\n"
	"charge = both\n"
	"licence = watts\n"
	"gres = pw\n"
	"default_charge = node\n"
	"default_partition = batch\n"
	"on_cap_failure = drain\n"
	"report_dir = /srv/wattle\n"
	"carbon_zone = DE\n"
	"profile_dir = /srv/profiles\n"
	"default_profile = typical\n"
	"budget_w = 5000\n"
	"\n"
	"[carbon]\n"
	"delay_max = 2d\nwithin = 36h\nmargin = 0\nmin_saving_pct = 0\nslot_budget_w = 4000\n"
	"never_partitions = debug, short\nnever_partitions = login\nnever_qos = urgent\n"
	"spread_pct = 10\nresize_overhead = 0s\nswitches_max = 7\n"
	"\n"
	"[class standard]\n"
	"nodes = n[1-64]   ; the old ones\n"
	"nodes = m[1-8]\n"
	"cpus = 64\n"
	"base_w = 60\r\n"
	"min_w = 100\n"
	"max_w = 400\n"
	"default_w = 320\n"
	"[class rest]\n"
	"base_w = 0\nmin_w = 20\nmax_w = 90\n"
	"[partition batch]\n"
	"class = standard\n"
	"max_w = 300\n"
	"default_profile = nbody\n"
	"[partition tiny]\n"
	"class = rest\n"
	"min_w = 30\n"
	"default_charge = share\n"
	"default_w = 40\n"
	"[zone DE]\n"
	"provider = electricitymaps\n"
	"url = https://[::1]:8443/em/\n"
	"signal = average\n"
	"horizon = 48h\n"
	"stale_after = 6h\n"
	"timeout = 5s\n"
	"[zone north]\n"
	"provider = uk\n"
	"provider_zone = 3\n"
	"interval = 30m\n"
	"[zone own]\n"
	"provider = file\n"
	"source = /srv/own.csv";

static void test_full(void)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_limits limits;

	CHECK_INT(wattle_siteconf_parse("x", full, conf, &err), 0);
	CHECK_STRING(err.text, "");
	CHECK_INT(conf->charge, WATTLE_CHARGE_BOTH);
	CHECK_STRING(conf->licence, "watts");
	CHECK_STRING(conf->gres, "pw");
	CU_ASSERT(conf->default_charge_node);
	CHECK_INT(conf->on_cap_failure, WATTLE_CAP_DRAIN);
	CHECK_STRING(conf->report_dir, "/srv/wattle");
	CHECK_STRING(conf->carbon_zone, "DE");
	CHECK_INT(conf->n_zones, 3);
	CHECK_INT(conf->zones[0].provider, WATTLE_PROVIDER_ELECTRICITYMAPS);
	CHECK_STRING(conf->zones[0].provider_zone, "DE");
	CHECK_STRING(conf->zones[0].url, "https://[::1]:8443/em");
	CHECK_INT(conf->zones[0].signal, WATTLE_SIGNAL_AVERAGE);
	CHECK_INT(conf->zones[0].horizon_s, 48 * 3600);
	CHECK_INT(conf->zones[0].stale_after_s, 6 * 3600);
	CHECK_INT(conf->zones[0].timeout_s, 5);
	CHECK_STRING(conf->zones[0].credentials, WATTLE_CREDENTIALS_PATH);
	CHECK_STRING(wattle_siteconf_zone(conf, "north")->provider_zone, "3");
	CHECK_INT(conf->zones[1].interval_s, 1800);
	CHECK_STRING(conf->zones[2].source, "/srv/own.csv");
	CU_ASSERT_PTR_NULL(wattle_siteconf_zone(conf, "FR"));
	CU_ASSERT(conf->carbon_ruled);
	CHECK_INT(conf->carbon.delay_max_s, 172800);
	CHECK_INT(conf->carbon.within_s, 129600);
	CHECK_INT(conf->carbon.margin_s, 0);
	CHECK_INT(conf->carbon.min_saving_pct, 0);
	CHECK_INT(conf->carbon.slot_budget_w, 4000);
	CHECK_STRING(conf->carbon.never_partitions, "debug,short,login");
	CHECK_STRING(conf->carbon.never_qos, "urgent");
	CHECK_INT(conf->carbon.spread_pct, 10);
	CHECK_INT(conf->carbon.resize_overhead_s, 0);
	CHECK_INT(conf->carbon.switches_max, 7);
	CHECK_STRING(conf->profile_dir, "/srv/profiles");
	CHECK_INT(conf->budget_w, 5000);
	CHECK_STRING(wattle_siteconf_default_profile(conf, NULL), "nbody");
	CHECK_STRING(wattle_siteconf_default_profile(conf, ""), "nbody");
	CHECK_STRING(wattle_siteconf_default_profile(conf, "tiny"), "typical");
	CHECK_STRING(wattle_siteconf_default_profile(conf, "tiny,,batch"), "nbody");
	CHECK_STRING(wattle_siteconf_default_profile(conf, "unknown"), "typical");
	CHECK_INT(conf->n_classes, 2);
	CHECK_INT(conf->n_partitions, 2);
	CHECK_STRING(conf->classes[0].nodes, "n[1-64],m[1-8]");
	CHECK_INT(conf->classes[0].base_w, 60);
	CHECK_INT(conf->classes[1].default_w, 90);
	CHECK_STRING(wattle_siteconf_node_class(conf, "m3")->name, "standard");
	CHECK_STRING(wattle_siteconf_node_class(conf, "other")->name, "rest");
	CHECK_STRING(wattle_siteconf_partition_class(conf, NULL)->name, "standard");
	CHECK_STRING(wattle_siteconf_partition_class(conf, "tiny")->name, "rest");
	CHECK_STRING(wattle_siteconf_partition_class(conf, "unknown")->name, "standard");
	CU_ASSERT_PTR_NULL(wattle_siteconf_partition(conf, "unknown"));
	CU_ASSERT_PTR_NULL(wattle_siteconf_class(conf, NULL));
	wattle_siteconf_limits(conf, "batch", &limits);
	CHECK_INT(limits.max_w, 300);
	CHECK_INT(limits.default_w, 300);
	CU_ASSERT(limits.default_charge_node);
	wattle_siteconf_limits(conf, "tiny", &limits);
	CHECK_INT(limits.min_w, 30);
	CHECK_INT(limits.default_w, 40);
	CU_ASSERT(!limits.default_charge_node);
}

static void test_defaults(void)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));

	CHECK_INT(wattle_siteconf_parse("x", CLASS, conf, NULL), 0);
	CHECK_INT(conf->charge, WATTLE_CHARGE_LICENCE);
	CHECK_STRING(conf->licence, "power");
	CHECK_STRING(conf->gres, "power");
	CHECK_STRING(conf->report_dir, "/var/spool/wattle");
	CHECK_INT(conf->on_cap_failure, WATTLE_CAP_FAIL);
	CU_ASSERT(!conf->default_charge_node);
	CU_ASSERT(!conf->carbon_ruled);
	CHECK_INT(conf->ledger.budget_w, 0);
	CHECK_STRING(conf->ledger.reservation, "wattle-ledger");
	CHECK_INT(conf->carbon.delay_max_s, 86400);
	CHECK_INT(conf->carbon.within_s, 0);
	CHECK_INT(conf->carbon.margin_s, 300);
	CHECK_INT(conf->carbon.min_saving_pct, 5);
	CHECK_INT(conf->carbon.slot_budget_w, 0);
	CHECK_STRING(conf->carbon.never_partitions, "");
	CHECK_INT(conf->classes[0].default_w, 400);
	CHECK_INT(conf->budget_w, 0);
	CHECK_STRING(wattle_siteconf_default_profile(conf, "a,b"), "");
	CHECK_STRING(wattle_siteconf_node_class(conf, "whatever")->name, "a");
}

static void evict_after(const char *value, uint32_t wanted_s)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[300];

	snprintf(text, sizeof(text), CLASS "[ledger]\nbudget_w = 9\ncluster_queue = q\n%s%s\n", *value ? "evict_after = " : "", value);
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), 0);
	CHECK_INT(conf->ledger.evict_after_s, wanted_s);
}

static void test_evict_after(void)
{
	evict_after("", 0);
	evict_after("never", 0);
	evict_after("1s", 1);
	evict_after("10m", 600);
}

static void test_mistakes(void)
{
	static const struct { const char *text, *message; } cases[] = {
		{ "", "no [class NAME]" },
		{ "key = 1\n", "x:1: \"key\" stands before any section" },
		{ "[site]\n\n[sites]\n", "x:3: unknown section [sites]" },
		{ "[site]\ncolour = red\n" CLASS, "x:2: unknown key \"colour\"" },
		{ "[site]\ncharge\n" CLASS, "x:2: neither a [section] nor key = value" },
		{ CLASS "[zone a]\n", "x:5: [zone a] lacks provider" },
		{ CLASS "[ledger]\n", "x:5: [ledger] lacks budget_w" },
		{ CLASS "[ledger]\nbudget_w = 9\n", "x:5: [ledger] lacks cluster_queue" },
		{ CLASS "[ledger]\nbudget_w = 9\ncluster_queue = q\nslurm_min_w = 5\nkueue_min_w = 5\n", "more than budget_w together" },
		{ CLASS "[ledger]\nbudget_w = 9\ncluster_queue = q\nkueue_min_w = 5\nkueue_max_w = 4\n", "kueue_max_w is less than its minimum" },
		{ CLASS "[ledger]\nevict_after = 0\n", "x:6: duration \"0\" is out of range: 1 s to 10 years: never, or a duration such as 10m, is wanted" },
		{ CLASS "[ledger]\nevict_after = soon\n", "never, or a duration such as 10m, is wanted" },
		{ CLASS "[ledger]\n[ledger]\n", "x:6: [ledger] stands twice" },
		{ "[site]\ncharge = gres\n" CLASS "[ledger]\nbudget_w = 9\ncluster_queue = q\n", "charge = gres counts none" },
		{ CLASS "[zone a-actual]\n", "does not end in -forecast or -actual" },
		{ CLASS "[zone a]\nprovider = tea\n", "x:6: provider = \"tea\": file, electricitymaps, watttime or uk" },
		{ CLASS "[zone a]\nprovider = file\n", "[zone a] lacks source" },
		{ CLASS "[zone a]\nprovider = watttime\nsource = /x\n", "source is for provider = file" },
		{ CLASS "[zone a]\nprovider = watttime\nurl = http://x\n", "x:7: \"http://x\" is no address" },
		{ CLASS "[zone a]\nprovider = watttime\nurl = https://u:p@x\n", "without user, query or blank" },
		{ CLASS "[zone a]\nprovider = watttime\nhorizon = 96h\n", "at most 72h" },
		{ CLASS "[zone a]\nprovider = electricitymaps\nhorizon = 12h\n", "6h, 24h, 48h and 72h" },
		{ CLASS "[zone a]\nprovider = uk\n", "GB, or the number of a region" },
		{ CLASS "[zone a]\nprovider = uk\nprovider_zone = 18\n", "GB, or the number of a region" },
		{ CLASS "[zone a]\nprovider = uk\nsignal = best\n", "average or marginal" },
		{ CLASS "[zone a]\nprovider = uk\ninterval = 1s\n", "out of range: 60 to" },
		{ CLASS "[zone a]\nprovider = uk\nstale_after = soon\n", "x:7: " },
		{ CLASS "[zone a]\nprovider = file\nsource = /x\n[zone a]\n", "[zone a] stands twice" },
		{ "[site\n" CLASS, "x:1: section without its ']'" },
		{ "[site]\n[site]\n" CLASS, "x:2: [site] stands twice" },
		{ "[carbon]\n[carbon]\n" CLASS, "x:2: [carbon] stands twice" },
		{ "[carbon]\nmargin = -1\n" CLASS, "x:2: " },
		{ "[carbon]\ndelay_max = soon\n" CLASS, "x:2: " },
		{ "[carbon]\nmin_saving_pct = 101\n" CLASS, "x:2: 101 is out of range" },
		{ "[carbon]\nmin_saving_pct = 5%\n" CLASS, "x:2: \"5%\" is no plain number of percent" },
		{ "[carbon]\nnever_qos = a;b,c!\n" CLASS, "x:2: \"a;b,c!\" is no list of names" },
		{ "[carbon]\nmargin = 1m\nmargin = 1m\n" CLASS, "x:3: margin stands twice" },
		{ CLASS CLASS, "x:5: [class a] stands twice" },
		{ CLASS "[partition p]\n[partition p]\n", "x:6: [partition p] stands twice" },
		{ "[class]\n", "is no name" },
		{ "[class a b]\n", "is no name" },
		{ CLASS "[partition p]\nclass = b\n", "x:5: [partition p] names class \"b\"" },
		{ "[class a]\nmin_w = 100W\n", "x:2: \"100W\" is no plain number of watts" },
		{ "[class a]\nmin_w = 99.5\n", "x:2: \"99.5\" is no plain" },
		{ "[class a]\nmin_w = -1\n", "x:2: \"-1\" is no plain" },
		{ "[class a]\nmin_w = 0\n", "x:2: 0 is out of range" },
		{ "[class a]\nmin_w = 99999999999999999999\n", "x:2: 99999999999999999999 is out of range" },
		{ "[class a]\nmin_w = 1\nmin_w = 2\n", "x:3: min_w stands twice" },
		{ "[class a]\nbase_w = 60\nmin_w = 100\n", "x:1: [class a] lacks max_w" },
		{ "[class a]\nbase_w = 100\nmin_w = 100\nmax_w = 400\n", "base_w = 100 must be less than min_w" },
		{ "[class a]\nbase_w = 1\nmin_w = 500\nmax_w = 400\n", "min_w = 500 is more than max_w" },
		{ CLASS "default_w = 99\n", "default_w = 99 is outside" },
		{ CLASS "nodes = n[1-\n", "x:5: host list is malformed" },
		{ CLASS "cpus = many\n", "is no number of CPUs" },
		{ CLASS "[partition p]\nmin_w = 50\n", "min_w = 50 is outside its class a, 100 to 400" },
		{ CLASS "[partition p]\nmax_w = 500\n", "max_w = 500 is outside its class" },
		{ CLASS "[partition p]\nmin_w = 300\nmax_w = 200\n", "min_w = 300 is more than max_w = 200" },
		{ CLASS "[partition p]\nmax_w = 200\ndefault_w = 300\n", "default_w = 300 is outside 100 to 200" },
		{ "[site]\ncharge = money\n" CLASS, "licence, gres or both" },
		{ "[site]\nlicence = a,b\n" CLASS, "is no name" },
		{ "[site]\nlicence =\n" CLASS, "is no name" },
		{ "[site]\ndefault_charge = all\n" CLASS, "share or node" },
		{ CLASS "[partition p]\ndefault_charge = all\n", "share or node" },
		{ "[site]\ninteractive_het = maybe\n" CLASS, "allow or refuse" },
		{ "[site]\non_cap_failure = panic\n" CLASS, "fail, drain or continue" },
		{ "[site]\nprofile_dir = profiles\n" CLASS, "no absolute path" },
		{ "[site]\ndefault_profile = a b\n" CLASS, "x:2: \"a b\" is no name of a profile" },
		{ CLASS "[partition p]\ndefault_profile = ../x\n", "x:6: \"../x\" is no name of a profile" },
		{ "[site]\nbudget_w = 5kW\n" CLASS, "x:2: \"5kW\" is no plain number" },
		{ "[site]\nbudget_w = 0\n" CLASS, "x:2: 0 is out of range: 1 to 2147483647" },
		{ "[site]\nreport_dir = tmp\n" CLASS, "no absolute path" },
		{ "[site]\nreport_dir = /tmp/../etc\n" CLASS, "no absolute path" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf)), *before = malloc(sizeof(*before));
		struct wattle_err err = WATTLE_ERR_INIT;

		memset(conf, 0x5a, sizeof(*conf));
		*before = *conf;
		CHECK_INT(wattle_siteconf_parse("x", cases[i].text, conf, &err), -EINVAL);
		CHECK_HOLDS(err.text, cases[i].message);
		CU_ASSERT(memcmp(conf, before, sizeof(*conf)) == 0);
	}
}

/* Every prefix of a good file, as a half-written one is: taken or refused, never worse. */
static void test_half_written(void)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	char text[sizeof(full)];
	unsigned refused = 0;

	for (size_t n = 0; n < sizeof(full); n++) {
		struct wattle_err err = WATTLE_ERR_INIT;

		memcpy(text, full, n);
		text[n] = '\0';
		if (wattle_siteconf_parse("x", text, conf, &err) < 0) {
			refused++;
			CU_ASSERT(err.code == EINVAL && strncmp(err.text, "x:", 2) == 0);
		}
	}
	CU_ASSERT(refused > 100);
}

static void test_limits_of_size(void)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	cleanup_free char *text = malloc(WATTLE_CONF_BYTES_MAX);
	struct wattle_err err = WATTLE_ERR_INIT;
	size_t used = 0;

	memset(text, 'x', 1000);
	strcpy(text + 1000, "\n" CLASS);
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), -EINVAL);
	CHECK_HOLDS(err.text, "x:1: line of more than");
	err = (struct wattle_err) WATTLE_ERR_INIT;
	for (int i = 0; i <= WATTLE_CLASSES_MAX; i++)
		used += (size_t) sprintf(text + used, "[class c%d]\nbase_w=1\nmin_w=2\nmax_w=3\n", i);
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), -EINVAL);
	CHECK_HOLDS(err.text, "more than 64 classes");
	err = (struct wattle_err) WATTLE_ERR_INIT;
	used = (size_t) sprintf(text, CLASS);
	for (int i = 0; i <= WATTLE_PARTITIONS_MAX; i++)
		used += (size_t) sprintf(text + used, "[partition p%d]\n", i);
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), -EINVAL);
	CHECK_HOLDS(err.text, "more than 256 partitions");
	err = (struct wattle_err) WATTLE_ERR_INIT;
	used = (size_t) sprintf(text, CLASS);
	for (int i = 0; i < 40; i++)
		used += (size_t) sprintf(text + used, "nodes = a-rather-long-name-%d\n", i);
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), -EINVAL);
	CHECK_HOLDS(err.text, "host list of more than");
}

/* The example is taken as it is, and with every key of it in force. */
static void test_example(void)
{
	cleanup_free struct wattle_siteconf *conf = malloc(sizeof(*conf));
	cleanup_free char *text = malloc(WATTLE_CONF_BYTES_MAX);
	struct wattle_err err = WATTLE_ERR_INIT;
	FILE *f = fopen(test_file("../conf/wattle.conf.example"), "r");
	size_t n;

	CU_ASSERT_FATAL(f && conf && text);
	n = fread(text, 1, WATTLE_CONF_BYTES_MAX - 1, f);
	fclose(f);
	text[n] = '\0';
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), 0);
	CHECK_STRING(err.text, "");
	/* a ';' at a line's start is taken away */
	n = 0;
	for (const char *c = text; *c; c++)
		if (*c != ';' || (c > text && c[-1] != '\n'))
			text[n++] = *c;
	text[n] = '\0';
	CHECK_INT(wattle_siteconf_parse("x", text, conf, &err), 0);
	CHECK_STRING(err.text, "");
	CHECK_INT(conf->ledger.kueue_max_w, 40000);
	CHECK_INT(conf->carbon.within_s, 12 * 3600);
}

static const struct test tests[] = {
	{ "all keys", test_full },
	{ "defaults", test_defaults },
	{ "when jobs are stopped for the ledger", test_evict_after },
	{ "mistakes", test_mistakes },
	{ "half-written files", test_half_written },
	{ "limits of size", test_limits_of_size },
	{ "the example", test_example },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("siteconf", tests);
}
