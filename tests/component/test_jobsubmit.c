/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real job_submit_wattle.so, called as slurmctld calls it. */
#include "slurmctld_stub.h"

#include <pthread.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "grant.h"
#include "slurm_compat.h"
#include "tres.h"
#include "unit/runner.h"

#define ALICE 1000u

static struct plugin plugin;

static const char site[] =
	"[site]\ndefault_partition = main\nprofile_dir = " STUB_PROFILES "\n"
	"[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n"
	"[class fat]\nbase_w = 100\nmin_w = 300\nmax_w = 1200\n"
	"[partition main]\n[partition eco]\nmax_w = 250\n[partition fat]\nclass = fat\n";

static const char site_gres[] =
	"[site]\ncharge = gres\n[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n";
static const char site_both[] =
	"[site]\ncharge = both\n[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n";

#define PROFILE(name, b) \
	"{\"name\":\"" name "\",\"unit\":\"s\",\"fit\":{\"form\":\"hyperbolic\",\"coef\":{\"a\":0.2,\"b\":" b ",\"c\":0},\"r2\":0.99," \
	"\"loo_error_pct\":1,\"cap_min_w\":100,\"cap_max_w\":400,\"time_min_s\":60,\"caps\":7,\"runs\":21,\"usable\":true,\"why\":\"\"}}"
#define CARRIED "WATTLE_PROFILE=v1 name=mine form=hyperbolic linear=0.2 square=0 offset=0 min=100 max=400 time=60 r2=0.99 loo=1 caps=7 runs=21"

/* --- helpers ---------------------------------------------------------------------------------------------------------------- */

/* A submission, its answer, and what became of it. */
struct submission {
	job_desc_msg_t desc;
	char *message;
	int rc;
};

static void begin(struct submission *s)
{
	memset(s, 0, sizeof(*s));
	stub_job_desc_init(&s->desc);
}

static void submit(struct submission *s)
{
	s->rc = plugin.submit(&s->desc, ALICE, &s->message);
}

static void end(struct submission *s)
{
	stub_job_desc_free(&s->desc);
	slurm_xfree((void **) &s->message);
}

static const char *grant_text(const job_desc_msg_t *d)
{
	const char *found = NULL;

	for (uint32_t i = 0; i < d->spank_job_env_size; i++)
		if (strncmp(d->spank_job_env[i], "WATTLE_GRANT=", 13) == 0)
			found = d->spank_job_env[i] + 13;
	return found;
}

static void make_power(struct submission *s, const char *power, uint32_t nodes)
{
	char entry[128];

	begin(s);
	snprintf(entry, sizeof(entry), "_SLURM_SPANK_OPTION_wattle_power_cap=%s", power);
	if (power)
		stub_add_spank(&s->desc, entry);
	if (nodes)
		s->desc.min_nodes = s->desc.max_nodes = nodes;
}

/* An option as SPANK spells it. */
static void say(struct submission *s, const char *word, const char *value)
{
	char entry[256];

	snprintf(entry, sizeof(entry), "_SLURM_SPANK_OPTION_wattle_%s=%s", word, value);
	stub_add_spank(&s->desc, entry);
}

static void make_slowdown(struct submission *s, const char *slowdown, const char *profile, uint32_t nodes)
{
	begin(s);
	say(s, "slowdown", slowdown);
	if (profile)
		say(s, "power_profile", profile);
	s->desc.min_nodes = s->desc.max_nodes = nodes;
}

static void expect_answer(struct submission *s, const char *message)
{
	submit(s);
	CHECK_INT(s->rc, 0);
	CHECK_STRING(s->message, message);
	end(s);
}

static void expect_refusal(struct submission *s, const char *message)
{
	submit(s);
	CHECK_INT(s->rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s->message, message);
	end(s);
}

/* A change of the job that a submission became. */
static int change(const struct submission *s, bool pending, job_desc_msg_t *asked, uint32_t uid, char **message)
{
	struct stub_job job = {
		.spank_job_env = s->desc.spank_job_env, .spank_job_env_size = s->desc.spank_job_env_size,
		.licences = s->desc.licenses, .pending = pending,
	};

	return plugin.modify(asked, &job, uid, message);
}

/* --- submissions ------------------------------------------------------------------------------------------------------------ */

static void test_accepted(void)
{
	struct submission s;

	make_power(&s, "300", 4);
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_STRING(s.desc.licenses, "power:1200");
	CHECK_STRING(grant_text(&s.desc), "v1 watts=300 nodes=4-4");
	CHECK_STRING(s.message, "wattle: 300 W/node x 4 nodes: 1200 W");
	CHECK_STRING(s.desc.admin_comment, s.message);
	CU_ASSERT_PTR_NULL(s.desc.tres_per_node);
	end(&s);
}

static void test_refused(void)
{
	struct submission s;

	make_power(&s, "500", 4);
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_STRING(s.message, "wattle: 500 W per node is out of range: partition main allows 100 to 400 W per node");
	end(&s);
	make_power(&s, "lots", 4);
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s.message, "wattle: power-cap: \"lots\" is no power");
	end(&s);
}

static void test_where_words_stand(void)
{
	struct submission s;

	/* environment only where spank_job_env has nothing */
	begin(&s);
	s.desc.environment = slurm_xcalloc(2, sizeof(char *), true, false, "", 0, "");
	s.desc.environment[0] = stub_string("HOME=/home/alice");
	s.desc.environment[1] = stub_string("_SLURM_SPANK_OPTION_wattle_power=150");
	s.desc.env_size = 2;
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:150");
	end(&s);

	begin(&s);
	s.desc.script = stub_string("#!/bin/sh\n#SBATCH -N 1\n#SBATCH --power=250W\n");
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:250");
	end(&s);

	make_power(&s, "200", 1);
	s.desc.script = stub_string("#!/bin/sh\n#SBATCH --power=250W\n");
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:200");
	end(&s);

	begin(&s);
	s.desc.script = stub_string("#!/bin/sh\n#SBATCH --power=250W\n");
	s.desc.submit_line = stub_string("sbatch --power=220 job.sh --power=9");
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:220");
	end(&s);

	/* a later component has no script of its own */
	begin(&s);
	s.desc.het_job_offset = 1;
	s.desc.submit_line = stub_string("sbatch -N1 --power=220 : -N1 --power 230 job.sh");
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:230");
	end(&s);
}

static void test_explicit_licence(void)
{
	struct submission s;

	begin(&s);
	s.desc.min_nodes = s.desc.max_nodes = 4;
	s.desc.licenses = stub_string("matlab:2,power:1201,ansys@srv:1");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_STRING(s.desc.licenses, "matlab:2,ansys@srv:1,power:1200");
	CHECK_STRING(grant_text(&s.desc), "v1 watts=300 nodes=4-4");
	end(&s);

	make_power(&s, "300", 4);
	s.desc.licenses = stub_string("power:1200");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_STRING(s.desc.licenses, "power:1200");
	end(&s);

	make_power(&s, "300", 4);
	s.desc.licenses = stub_string("power:300");
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s.message, "licence power:300 disagrees with --power=300, which is 1200 W on 4 nodes");
	end(&s);

	make_power(&s, "300", 1);
	s.desc.licenses = stub_string("power:200");
	submit(&s);
	CHECK_HOLDS(s.message, "which is 300 W on 1 node: say");
	end(&s);

	begin(&s);
	s.desc.licenses = stub_string("power:4294967396"); /* 100 in 32 bits */
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	end(&s);

	begin(&s);
	s.desc.licenses = stub_string("a|b");
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s.message, "alternatives");
	end(&s);
}

/* Slurm 24.11 and later count licences per task: beside ours, and unseen by us. */
static void test_licence_as_tres(void)
{
	static const char *const taken[] = { "license/power_meter:1", "license/matlab:1", "cpu=2" };
	static const char *const refused[] = { "license/power:100", "cpu=2,license/power=100", "license/power", "license:power:1" };
	struct submission s;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		make_power(&s, "300", 1);
		s.desc.tres_per_task = stub_string(refused[i]);
		submit(&s);
		CHECK_INT(s.rc, ESLURM_INVALID_TRES);
		CHECK_HOLDS(s.message, "say --power=WATTS");
		end(&s);
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		make_power(&s, "300", 1);
		s.desc.tres_per_task = stub_string(taken[i]);
		submit(&s);
		CHECK_INT(s.rc, 0);
		end(&s);
	}
}

static void test_gres(void)
{
	struct submission s;

	stub_set_conf(site_gres);
	make_power(&s, "300", 2);
	s.desc.tres_per_node = stub_string("gres/gpu:2");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CU_ASSERT_PTR_NULL(s.desc.licenses);
	CHECK_HOLDS(s.desc.tres_per_node, "gres/gpu:2,gres");
	CHECK_HOLDS(s.desc.tres_per_node, "power:300");
	end(&s);

	begin(&s);
	s.desc.tres_per_node = stub_string("gres:power:250");
	submit(&s);
	CHECK_STRING(grant_text(&s.desc), "v1 watts=250 nodes=1-1");
	end(&s);

	begin(&s);
	s.desc.tres_per_task = stub_string("gres/power:1");
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s.message, "counted per node");
	end(&s);

	stub_set_conf(site_both);
	make_power(&s, "300", 2);
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:600");
	CHECK_HOLDS(s.desc.tres_per_node, "power:300");
	end(&s);
	stub_set_conf(site);
}

static void test_forged(void)
{
	struct submission s;

	make_power(&s, "300", 1);
	stub_add_spank(&s.desc, "WATTLE_GRANT=v1 watts=400 nodes=1-1");
	stub_add_spank(&s.desc, "OTHER=kept");
	stub_add_spank(&s.desc, "WATTLE_GRANT");
	stub_add_spank(&s.desc, "SPANK_WATTLE_GRANT=v1 watts=400");
	stub_add_spank(&s.desc, "WATTLE_ANYTHING=1");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_INT(s.desc.spank_job_env_size, 2);
	CHECK_STRING(s.desc.spank_job_env[0], "OTHER=kept");
	CHECK_STRING(s.desc.spank_job_env[1], "WATTLE_GRANT=v1 watts=300 nodes=1-1");
	end(&s);
}

static void test_nodes_bounded(void)
{
	struct submission s;

	make_power(&s, "300", 0);
	s.desc.num_tasks = 100;
	submit(&s);
	CHECK_INT(s.desc.max_nodes, 2);
	CHECK_STRING(s.desc.licenses, "power:600");
	end(&s);

	/* to Slurm a maximum of 0 is none */
	make_power(&s, "300", 0);
	s.desc.min_nodes = 3;
	s.desc.max_nodes = 0;
	submit(&s);
	CHECK_INT(s.desc.max_nodes, 3);
	CHECK_STRING(s.desc.licenses, "power:900");
	end(&s);

	make_power(&s, "300", 0);
	s.desc.min_nodes = INFINITE;
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	end(&s);
}

static void test_default(void)
{
	struct submission s;

	begin(&s);
	s.desc.num_tasks = 16;
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:100");
	CHECK_STRING(grant_text(&s.desc), "v1 watts=100 nodes=1-1 default=1 tasks=16");
	CHECK_STRING(s.message, "wattle: 100 W/node (default) x 1 node: 100 W");
	end(&s);

	begin(&s);
	s.desc.num_tasks = 1;
	s.desc.shared = JOB_SHARED_NONE;
	submit(&s);
	CHECK_STRING(s.desc.licenses, "power:400");
	end(&s);
}

/* --- slowdowns -------------------------------------------------------------------------------------------------------------- */

static void test_slowdown(void)
{
	struct submission s;

	stub_set_profile("nbody", PROFILE("nbody", "0.3"));
	make_slowdown(&s, "5%", "nbody", 4);
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_STRING(s.message, "wattle: 336 W/node x 4 (slowdown 4.9%, profile nbody)");
	CHECK_STRING(s.desc.admin_comment, s.message);
	CHECK_STRING(s.desc.licenses, "power:1344");
	CHECK_STRING(grant_text(&s.desc), "v1 watts=336 nodes=4-4 slowdown=4.898 profile=nbody");
	CHECK_INT(s.desc.spank_job_env_size, 1);
	end(&s);

	make_slowdown(&s, "5%", "nbody", 4);
	say(&s, "power", "250W");
	expect_answer(&s, "wattle: 250 W/node x 4 (slowdown 22.8%, profile nbody; 5% can't be kept under the ceiling of 250 W)");
	/* where Slurm's own --power takes the name, the script has the ceiling */
	make_slowdown(&s, "5%", "nbody", 4);
	s.desc.script = stub_string("#!/bin/sh\n#SBATCH --power=250W\n");
	expect_answer(&s, "wattle: 250 W/node x 4 (slowdown 22.8%, profile nbody; 5% can't be kept under the ceiling of 250 W)");
	make_slowdown(&s, "0.05", "nbody", 4);
	expect_refusal(&s, "wattle: slowdown: 0.05 is a fraction, a slowdown is a percentage: did you mean 5%?");
	make_slowdown(&s, "5%", "nbody", 4);
	s.desc.licenses = stub_string("power:1344");
	expect_answer(&s, "wattle: 336 W/node x 4 (slowdown 4.9%, profile nbody)");
	make_slowdown(&s, "5%", "nbody", 4);
	s.desc.licenses = stub_string("power:1200");
	expect_refusal(&s, "licence power:1200 disagrees with --slowdown=5% --power-profile=nbody, which is 1344 W on 4 nodes");
	/* named beside a licence it decides nothing */
	begin(&s);
	say(&s, "power_profile", "nbody");
	s.desc.licenses = stub_string("power:300");
	expect_answer(&s, "wattle: 300 W/node x 1 (slowdown 10.0%, profile nbody)");
	stub_set_profile("nbody", NULL);
}

static void test_which_profile(void)
{
	static const char with_defaults[] =
		"[site]\ndefault_partition = main\ndefault_profile = typical\nprofile_dir = " STUB_PROFILES "\n"
		"[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n"
		"[partition main]\n[partition eco]\ndefault_profile = slow\n";
	struct submission s;

	stub_set_profile("nbody", PROFILE("nbody", "0.3"));
	make_slowdown(&s, "5%", NULL, 1);
	expect_refusal(&s, "wattle: no profile has the job's name, and there is no default one: say --power-profile=NAME; there are: nbody");
	make_slowdown(&s, "5%", NULL, 1);
	s.desc.name = stub_string("nbody");
	expect_answer(&s, "wattle: 336 W/node x 1 (slowdown 4.9%, profile nbody)");
	make_slowdown(&s, "5%", NULL, 1);
	s.desc.name = stub_string("../../etc/shadow");
	expect_refusal(&s, "no profile has the job's name");
	make_slowdown(&s, "5%", "nbodi", 1);
	s.desc.name = stub_string("nbody");
	expect_refusal(&s, "wattle: there is no profile nbodi; there are: nbody; a file of your own is named with its path, ./FILE.json");

	stub_set_conf(with_defaults);
	stub_set_profile("slow", PROFILE("slow", "0"));
	make_slowdown(&s, "5%", NULL, 1);
	expect_refusal(&s, "there is no profile typical, the default here: tell your administrator");
	make_slowdown(&s, "5%", NULL, 1);
	s.desc.partition = stub_string("main,eco");
	expect_answer(&s, "wattle: 320 W/node x 1 (slowdown 5.0%, profile slow)");
	make_slowdown(&s, "5%", NULL, 1);
	s.desc.name = stub_string("nbody");
	s.desc.partition = stub_string("eco");
	expect_answer(&s, "wattle: 336 W/node x 1 (slowdown 4.9%, profile nbody)");
	stub_set_conf(site);
	stub_set_profile("slow", NULL);
	stub_set_profile("nbody", NULL);
}

static void test_carried(void)
{
	static const char *const damaged[] = {
		"WATTLE_PROFILE=", "WATTLE_PROFILE=v2 name=mine", "WATTLE_PROFILE=v1 name=mine", "WATTLE_PROFILE=v1 name=../x form=hyperbolic",
		"WATTLE_PROFILE=v1 name=m form=hyperbolic linear=nan square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=7 runs=21",
		"WATTLE_PROFILE=v1 name=m form=hyperbolic linear=-1 square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=7 runs=21",
		"WATTLE_PROFILE=v1 name=m form=hyperbolic linear=1e308 square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=7 runs=21",
		"WATTLE_PROFILE=v1 name=m form=quadratic linear=0 square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=7 runs=21",
		"WATTLE_PROFILE=v1 name=m form=hyperbolic linear=0.2 square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=3 runs=21",
		CARRIED " scaling=1:1:1,1:1:1", CARRIED " name=again",
	};
	struct submission s;
	char longest[2 * WATTLE_MODEL_TEXT_MAX];

	make_slowdown(&s, "5%", "./mine.json", 2);
	stub_add_spank(&s.desc, CARRIED);
	stub_add_spank(&s.desc, "WATTLE_PROFILE=v1 name=other");
	stub_add_spank(&s.desc, "OTHER=kept");
	submit(&s);
	CHECK_STRING(s.message, "wattle: 320 W/node x 2 (slowdown 5.0%, profile mine)");
	CHECK_INT(s.desc.spank_job_env_size, 2);
	CHECK_STRING(s.desc.spank_job_env[0], "OTHER=kept");
	CHECK_STRING(grant_text(&s.desc), "v1 watts=320 nodes=2-2 slowdown=5 profile=mine");
	end(&s);

	make_slowdown(&s, "5%", "mine.json", 2);
	expect_refusal(&s, "files are read where a job is submitted, by wattle's plugin there: none came along");
	/* nobody asked for it */
	make_slowdown(&s, "5%", "mine", 2);
	stub_add_spank(&s.desc, CARRIED);
	expect_refusal(&s, "there is no profile mine; there are: none");
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		make_slowdown(&s, "5%", "/x", 2);
		stub_add_spank(&s.desc, damaged[i]);
		expect_refusal(&s, "a profile sent along");
	}
	memset(longest, ' ', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, CARRIED, sizeof(CARRIED) - 1);
	make_slowdown(&s, "5%", "/x", 2);
	stub_add_spank(&s.desc, longest);
	expect_refusal(&s, "a profile sent along is longer than 1023 bytes");
}

/* Replaced, broken and gone while slurmctld runs. */
static void test_profile_changes(void)
{
	struct submission s;

	stub_set_profile("nbody", PROFILE("nbody", "0.3"));
	make_slowdown(&s, "5%", "nbody", 1);
	expect_answer(&s, "wattle: 336 W/node x 1 (slowdown 4.9%, profile nbody)");
	stub_set_profile("nbody", PROFILE("nbody", "0"));
	make_slowdown(&s, "5%", "nbody", 1);
	expect_answer(&s, "wattle: 320 W/node x 1 (slowdown 5.0%, profile nbody)");
	stub_log_clear();
	stub_set_profile("nbody", "{\"name\":");
	for (int i = 0; i < 3; i++) {
		make_slowdown(&s, "5%", "nbody", 1);
		expect_answer(&s, "wattle: 320 W/node x 1 (slowdown 5.0%, profile nbody)");
	}
	CHECK_INT(stub_log_lines(), 1);
	CHECK_HOLDS(stub_log_last(), "the profile read before stays in force");
	stub_set_profile("nbody", NULL);
	make_slowdown(&s, "5%", "nbody", 1);
	expect_refusal(&s, "there is no profile nbody; there are: none");
	stub_set_profile("nbody", "[]");
	make_slowdown(&s, "5%", "nbody", 1);
	expect_refusal(&s, "nbody.json");
	stub_set_profile("nbody", NULL);
}

static void test_budget(void)
{
	static const char few[] = "[site]\nbudget_w = 1000\n[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n";
	struct submission s;
	job_desc_msg_t asked;
	char *message = NULL;

	stub_set_conf(few);
	make_power(&s, "300", 4);
	expect_refusal(&s, "1200 W are more than the 1000 W that there are: on 4 nodes at most 250 W per node can be had");
	make_power(&s, "300", 3);
	submit(&s);
	CHECK_INT(s.rc, 0);
	stub_job_desc_init(&asked);
	asked.min_nodes = asked.max_nodes = 4;
	CU_ASSERT(change(&s, true, &asked, ALICE, &message) != 0);
	if (message)
		CHECK_HOLDS(message, "1200 W are more than the 1000 W that there are: at most 3 nodes can be had, at 300 W each");
	slurm_xfree((void **) &message);
	CHECK_INT(change(&s, true, &asked, STUB_OPERATOR, &message), 0);
	slurm_xfree((void **) &message);
	stub_job_desc_free(&asked);
	end(&s);
	stub_set_conf(site);
}

/* --- the configuration ------------------------------------------------------------------------------------------------------ */

/* Until there was a good one: nobody is charged, nobody is fooled. */
static void test_no_conf(void)
{
	struct submission s;

	plugin.fini();
	stub_set_conf(NULL);
	stub_log_clear();
	CHECK_INT(plugin.init(), 0);
	CHECK_HOLDS(stub_log_last(), "NO JOB IS CHARGED");
	CHECK_INT(stub_log_lines(), 1);

	begin(&s);
	stub_add_spank(&s.desc, "WATTLE_GRANT=v1 watts=400");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_INT(s.desc.spank_job_env_size, 0);
	CU_ASSERT_PTR_NULL(s.desc.licenses);
	CU_ASSERT_PTR_NULL(s.message);
	end(&s);
	CHECK_INT(stub_log_lines(), 1);

	make_power(&s, "300", 1);
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s.message, "can't be honoured");
	end(&s);

	stub_set_conf(site);
	make_power(&s, "300", 1);
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_STRING(s.desc.licenses, "power:300");
	end(&s);
}

static void check_still_300(void)
{
	struct submission s;

	make_power(&s, "300", 1);
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_STRING(s.desc.licenses, "power:300");
	end(&s);
}

/* Whatever becomes of the file: the last good one stays in force, and the log says so once. */
static void test_bad_conf(void)
{
	static const char *const bad[] = { NULL, "", "[class", "[class a]\nbase_w = 10\nmin_w = 1", "garbage\n", "[site]\nlicence = a b\n",
					   "\x7f" "ELF", "[class a]\nmax_w = 99999999999999999999\n" };
	char *large;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stub_set_conf(site);
		check_still_300();
		stub_log_clear();
		stub_set_conf(bad[i]);
		check_still_300();
		check_still_300();
		CHECK_INT(stub_log_lines(), 1);
		CHECK_HOLDS(stub_log_last(), "the configuration read before stays in force");
	}
	large = malloc(300 * 1024);
	memset(large, '#', 300 * 1024 - 1);
	large[300 * 1024 - 1] = '\0';
	stub_set_conf(large);
	free(large);
	check_still_300();
	CHECK_HOLDS(stub_log_last(), "bytes");

	stub_set_conf(site);
	stub_set_conf_owner(1000, 0644);
	check_still_300();
	CHECK_HOLDS(stub_log_last(), "uid 1000");
	stub_set_conf_owner(0, 0664);
	check_still_300();
	CHECK_HOLDS(stub_log_last(), "writable by others");
	stub_set_conf_owner(0, 0644);
	check_still_300();
}

/* --- changes ---------------------------------------------------------------------------------------------------------------- */

/* What a change must come to: the result, and the licences afterwards ("-": untouched). */
static void expect_change(const struct submission *s, bool pending, job_desc_msg_t *asked, uint32_t uid, int rc, const char *licences)
{
	char *message = NULL;

	CHECK_INT(change(s, pending, asked, uid, &message), rc);
	CHECK_STRING(asked->licenses ? asked->licenses : "-", licences);
	slurm_xfree((void **) &message);
	stub_job_desc_free(asked);
	stub_job_desc_init(asked);
}

static void test_change_nodes(void)
{
	struct submission s;
	job_desc_msg_t asked;

	make_power(&s, "300", 2);
	s.desc.licenses = stub_string("matlab:1");
	submit(&s);
	stub_job_desc_init(&asked);
	asked.min_nodes = asked.max_nodes = 4;
	expect_change(&s, true, &asked, ALICE, 0, "matlab:1,power:1200");
	asked.min_nodes = 1;
	asked.max_nodes = 3;
	expect_change(&s, true, &asked, ALICE, 0, "matlab:1,power:900");
	asked.min_nodes = 1;
	expect_change(&s, true, &asked, ALICE, 0, "-");
	asked.min_nodes = 1;
	asked.max_nodes = 0;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.max_nodes = INFINITE;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.tres_per_task = stub_string("license/power:1");
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	/* more than the maximum: Slurm would refuse it only after it raised the CPUs */
	asked.min_nodes = 3;
	asked.max_nodes = NO_VAL;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.min_nodes = 2;
	expect_change(&s, true, &asked, ALICE, 0, "-");
	asked.min_nodes = 1; /* a running job shrinks: Slurm keeps its licences */
	expect_change(&s, false, &asked, ALICE, 0, "-");
	asked.time_limit = 10;
	expect_change(&s, true, &asked, ALICE, 0, "-");
	end(&s);
}

static void test_change_licences(void)
{
	struct submission s;
	job_desc_msg_t asked;

	make_power(&s, "300", 2);
	submit(&s);
	stub_job_desc_init(&asked);
	for (int pending = 0; pending < 2; pending++) {
		asked.licenses = stub_string("");
		expect_change(&s, pending, &asked, ALICE, ESLURM_ACCESS_DENIED, "");
		asked.licenses = stub_string("power:1");
		expect_change(&s, pending, &asked, ALICE, ESLURM_ACCESS_DENIED, "power:1");
		asked.licenses = stub_string("power:0");
		expect_change(&s, pending, &asked, ALICE, ESLURM_ACCESS_DENIED, "power:0");
		asked.licenses = stub_string("matlab:1");
		expect_change(&s, pending, &asked, ALICE, 0, "matlab:1,power:600");
		asked.licenses = stub_string("power:600");
		expect_change(&s, pending, &asked, ALICE, 0, "power:600");
		asked.licenses = stub_string("power:1");
		expect_change(&s, pending, &asked, 0, 0, "power:1");
		asked.licenses = stub_string("");
		expect_change(&s, pending, &asked, STUB_OPERATOR, 0, "");
	}
	/* together: the list must fit the new charge */
	asked.licenses = stub_string("power:900");
	asked.min_nodes = asked.max_nodes = 3;
	expect_change(&s, true, &asked, ALICE, 0, "power:900");
	asked.licenses = stub_string("power:300,a");
	asked.min_nodes = asked.max_nodes = 3;
	expect_change(&s, true, &asked, ALICE, ESLURM_ACCESS_DENIED, "power:300,a");
	end(&s);
}

static void test_change_partition(void)
{
	struct submission s;
	job_desc_msg_t asked;

	make_power(&s, "300", 2);
	submit(&s);
	stub_job_desc_init(&asked);
	asked.partition = stub_string("eco");
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.partition = stub_string("eco");
	expect_change(&s, true, &asked, 0, 0, "-");
	asked.partition = stub_string("fat,main");
	expect_change(&s, true, &asked, ALICE, 0, "-");
	end(&s);
}

/* A job that was charged a share of its node can't grow into the rest of it. */
static void test_change_default(void)
{
	struct submission s;
	job_desc_msg_t asked;

	begin(&s);
	s.desc.num_tasks = 4;
	submit(&s);
	stub_job_desc_init(&asked);
	asked.num_tasks = 64;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.min_cpus = 64;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.cpus_per_task = 2;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.pn_min_cpus = 64;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.shared = JOB_SHARED_NONE;
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.partition = stub_string("fat");
	expect_change(&s, true, &asked, ALICE, ESLURM_INVALID_TRES, "-");
	asked.num_tasks = 2;
	expect_change(&s, true, &asked, ALICE, 0, "-");
	asked.num_tasks = 64;
	expect_change(&s, true, &asked, 0, 0, "-");
	end(&s);

	begin(&s);
	s.desc.shared = JOB_SHARED_NONE;
	submit(&s);
	asked.num_tasks = 64;
	expect_change(&s, true, &asked, ALICE, 0, "-");
	end(&s);
}

static void test_change_without_grant(void)
{
	struct submission s;
	job_desc_msg_t asked;

	begin(&s);
	stub_job_desc_init(&asked);
	asked.licenses = stub_string("");
	expect_change(&s, true, &asked, ALICE, 0, "");
}

static void test_change_gres(void)
{
	struct submission s;
	job_desc_msg_t asked;

	stub_set_conf(site_gres);
	make_power(&s, "300", 2);
	submit(&s);
	stub_job_desc_init(&asked);
	asked.tres_per_node = stub_string("gres:power:100");
	expect_change(&s, true, &asked, ALICE, ESLURM_ACCESS_DENIED, "-");
	asked.tres_per_node = stub_string("");
	CHECK_INT(change(&s, true, &asked, ALICE, NULL), 0);
	CHECK_HOLDS(asked.tres_per_node, "power:300");
	stub_job_desc_free(&asked);
	end(&s);
	stub_set_conf(site);
}

/* --- hostile submissions ---------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t random_number(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t) ((random_state >> 11) % below);
}

static uint32_t random_count(void)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 4, 64, 1000, 0x7fffffff, 0x80000000, 0xfffffffd, NO_VAL, INFINITE, NO_VAL, NO_VAL };
	uint32_t i = random_number(16);

	return i < 14 ? counts[i] : random_number(100);
}

static char *random_text(void)
{
	static const char *const texts[] = {
		"", "300", "300W", "1200W/job", "70%", "0", "-1", "1e9", "power:300", "power:1200", "power", "power:", "power:-5",
		"power:4294967596", "matlab:2,power:300", ",,,", "a|power:3", "power(n1):3", "gres:power:300", "gres/power=300", "main", "eco",
		"fat,main", "gpu:2", "WATTLE_GRANT=v1 watts=9", "WATTLE_GRANT", "SPANK_WATTLE_GRANT=x", "_SLURM_SPANK_OPTION_wattle_power=300",
		"_SLURM_SPANK_OPTION_wattle_power_cap=90%", "_SLURM_SPANK_OPTION_wattle_", "_SLURM_SPANK_OPTION_wattle_power", "X=y",
		"#!/bin/sh\n#SBATCH --power=200\n", "#SBATCH --power", "#SBATCH \"--power=300", "sbatch --power=300 x", "sbatch --power",
		"srun : : : --power=200 x", "%s%n%d", "\xff\xfe\x01",
		"nbody", "_SLURM_SPANK_OPTION_wattle_slowdown=5%", "_SLURM_SPANK_OPTION_wattle_slowdown=5%", "_SLURM_SPANK_OPTION_wattle_slowdown=0.05",
		"_SLURM_SPANK_OPTION_wattle_slowdown=1e3", "_SLURM_SPANK_OPTION_wattle_slowdown=900%", "_SLURM_SPANK_OPTION_wattle_power_profile=nbody",
		"_SLURM_SPANK_OPTION_wattle_power_profile=nbody", "_SLURM_SPANK_OPTION_wattle_power_profile=./x",
		"_SLURM_SPANK_OPTION_wattle_power_profile=../nbody", "_SLURM_SPANK_OPTION_wattle_power_profile=",
		"_SLURM_SPANK_OPTION_wattle_power_profile=broken", "_SLURM_SPANK_OPTION_wattle_carbon=scale",
		"_SLURM_SPANK_OPTION_wattle_carbon_within=0", "_SLURM_SPANK_OPTION_wattle_carbon_work=-1", CARRIED, CARRIED,
		CARRIED " scaling=1:1:1,2:2:2", CARRIED " linear=1", "WATTLE_PROFILE=v1 name=%s form=hyperbolic linear=1e999", "WATTLE_PROFILE=",
		"WATTLE_PROFILE=v1 name=m form=quadratic linear=1 square=1 offset=1e5 min=1 max=1e7 time=0 r2=1 loo=0 caps=4 runs=4",
	};
	const uint32_t known = sizeof(texts) / sizeof(texts[0]);
	uint32_t i = random_number(known + 8);
	char *text;

	if (i < known)
		return stub_string(texts[i]);
	if (i == known) { /* long */
		size_t n = 1 + random_number(300000);

		text = slurm_xcalloc(n + 1, 1, true, false, "", 0, "");
		for (size_t j = 0; j < n; j++)
			text[j] = "power:,=1W%\n #SBATCH--"[random_number(22)];
		return text;
	}
	if (i > known + 4)
		return NULL;
	text = slurm_xcalloc(21, 1, true, false, "", 0, "");
	for (size_t j = 0; j < 20; j++)
		text[j] = (char) (1 + random_number(255));
	return text;
}

static void randomize(job_desc_msg_t *d)
{
	uint32_t n = random_number(6);

	d->min_nodes = random_count();
	d->max_nodes = random_count();
	if (random_number(4)) /* most are not absurd */
		d->min_nodes = d->max_nodes = random_number(2) ? NO_VAL : 1 + random_number(8);
	d->num_tasks = random_count();
	d->min_cpus = random_number(2) ? NO_VAL : random_count();
	d->cpus_per_task = (uint16_t) random_count();
	d->ntasks_per_node = (uint16_t) random_count();
	d->pn_min_cpus = (uint16_t) random_count();
	d->shared = (uint16_t) random_count();
	d->threads_per_core = (uint16_t) random_count();
	d->pn_min_memory = (uint64_t) random_count() << 32;
	d->het_job_offset = random_number(3) ? NO_VAL : random_count();
	/* the charge of a second component stands on the first one, which must live as long: in slurmctld it does */
	if (WATTLE_HET_LICENCES_ON_LEADER && d->het_job_offset == 1)
		d->het_job_offset = 2;
	if (!random_number(3))
		d->licenses = random_text();
	if (!random_number(3))
		d->tres_per_node = random_text();
	if (!random_number(8))
		d->tres_per_task = random_text();
	if (!random_number(3))
		d->partition = random_text();
	if (!random_number(3))
		d->script = random_text();
	if (!random_number(3))
		d->submit_line = random_text();
	if (!random_number(8))
		d->admin_comment = random_text();
	if (!random_number(3))
		d->name = random_text();
	if (!random_number(4)) { /* else few would get as far as a model */
		stub_add_spank(d, "_SLURM_SPANK_OPTION_wattle_slowdown=20%");
		stub_add_spank(d, random_number(2) ? "_SLURM_SPANK_OPTION_wattle_power_profile=nbody" :
						     "_SLURM_SPANK_OPTION_wattle_power_profile=a/b");
		stub_add_spank(d, random_number(2) ? CARRIED : "X=y");
	}
	for (uint32_t i = 0; i < n; i++) {
		char *entry = random_text();

		stub_add_spank(d, entry);
		slurm_xfree((void **) &entry);
	}
}

/* What must hold of each submission that was taken. 0: it does. */
static int check_taken(const struct submission *s, char *const *before, uint32_t before_size, const char *licences_before)
{
	struct wattle_grant grant;
	struct wattle_err err = WATTLE_ERR_INIT;
	const char *text = grant_text(&s->desc);
	char was[WATTLE_TRES_MAX], is[WATTLE_TRES_MAX];
	uint64_t charge_w = 0;
	uint32_t kept = 0;

	if (!text || wattle_grant_parse(text, &grant, &err) < 0)
		return fprintf(stderr, "no grant: %s\n", err.text);
	for (uint32_t i = 0; i < before_size; i++) {
		if (!before[i] || strncmp(before[i], "WATTLE_", 7) == 0 || strncmp(before[i], "SPANK_WATTLE_", 13) == 0 ||
		    strncmp(before[i], "_SLURM_SPANK_OPTION_wattle_", 27) == 0)
			continue;
		if (kept >= s->desc.spank_job_env_size || strcmp(s->desc.spank_job_env[kept++], before[i]) != 0)
			return fprintf(stderr, "entry %u was not kept\n", i);
	}
	if (s->desc.spank_job_env_size != kept + 1)
		return fprintf(stderr, "%u entries, wanted %u\n", s->desc.spank_job_env_size, kept + 1);
	if (s->desc.max_nodes == 0 || s->desc.max_nodes == NO_VAL || s->desc.max_nodes != grant.nodes_max)
		return fprintf(stderr, "max_nodes %u, grant %s\n", s->desc.max_nodes, text);
	if (wattle_licence_find(s->desc.licenses, "power", &charge_w, &err) != 1 || charge_w != (uint64_t) grant.watts_w * grant.nodes_max)
		return fprintf(stderr, "licences %s, grant %s\n", s->desc.licenses, text);
	if (grant.profile[0] && !strstr(s->message, grant.profile))
		return fprintf(stderr, "the answer \"%s\" does not name the profile of %s\n", s->message, text);
	if (wattle_licence_merge(licences_before, "power", 0, was, sizeof(was), &err) < 0 ||
	    wattle_licence_merge(s->desc.licenses, "power", 0, is, sizeof(is), &err) < 0 || strcmp(was, is) != 0)
		return fprintf(stderr, "other licences \"%s\" became \"%s\"\n", was, is);
	return 0;
}

static int check_message(const struct submission *s)
{
	if (s->rc == 0 && s->message && strncmp(s->message, "wattle: ", 8) == 0)
		return 0;
	if (s->rc == ESLURM_INVALID_TRES && s->message && strncmp(s->message, "wattle: ", 8) == 0) {
		for (const char *c = s->message; *c; c++)
			if ((unsigned char) *c < ' ')
				return fprintf(stderr, "control characters in \"%s\"\n", s->message);
		return 0;
	}
	return fprintf(stderr, "rc %d, message %s\n", s->rc, s->message ? s->message : "(none)");
}

/* A random change by its owner; if it is taken, the charge must still be what the nodes come to. */
static int check_random_change(const struct submission *s)
{
	struct wattle_grant grant;
	job_desc_msg_t asked;
	char *message = NULL;
	uint64_t charge_w = 0;
	uint32_t nodes = s->desc.max_nodes;
	int failed = 0;

	stub_job_desc_init(&asked);
	if (random_number(2)) {
		asked.min_nodes = random_count();
		asked.max_nodes = random_number(2) ? asked.min_nodes : random_count();
	}
	if (random_number(2))
		asked.licenses = random_text();
	if (!random_number(4))
		asked.partition = random_text();
	if (!random_number(4))
		asked.num_tasks = random_count();
	if (!random_number(4))
		asked.tres_per_node = random_text();
	if (change(s, true, &asked, ALICE, &message) == 0) {
		if (asked.max_nodes != NO_VAL)
			nodes = asked.max_nodes;
		if (wattle_grant_parse(grant_text(&s->desc), &grant, NULL) < 0 ||
		    wattle_licence_find(asked.licenses ? asked.licenses : s->desc.licenses, "power", &charge_w, NULL) != 1 ||
		    charge_w != (uint64_t) grant.watts_w * nodes)
			failed = fprintf(stderr, "licences \"%s\" after a change to %u nodes of grant %s\n", asked.licenses, nodes,
					 grant_text(&s->desc));
	} else if (!message && WATTLE_JOB_MODIFY_TELLS) {
		failed = fprintf(stderr, "a change refused without a word\n");
	}
	slurm_xfree((void **) &message);
	stub_job_desc_free(&asked);
	return failed;
}

static unsigned hostile_predicted; /* taken, by a profile */

static unsigned hostile_round(unsigned count, unsigned *ret_taken)
{
	unsigned failed = 0;

	for (unsigned i = 0; i < count && failed < 10; i++) {
		uint64_t seed = random_state;
		struct submission s;
		char **before = NULL, *licences;
		uint32_t size;

		begin(&s);
		randomize(&s.desc);
		size = s.desc.spank_job_env_size;
		before = calloc(size + 1, sizeof(*before));
		for (uint32_t j = 0; j < size; j++)
			before[j] = s.desc.spank_job_env[j] ? strdup(s.desc.spank_job_env[j]) : NULL;
		licences = s.desc.licenses ? strdup(s.desc.licenses) : NULL;
		submit(&s);
		if (check_message(&s) || (s.rc == 0 && (check_taken(&s, before, size, licences) || check_random_change(&s)))) {
			fprintf(stderr, "submission %u, WATTLE_TEST_SEED=0x%llx\n", i, (unsigned long long) seed);
			failed++;
		}
		*ret_taken += s.rc == 0;
		hostile_predicted += s.rc == 0 && strstr(s.message, "(slowdown ");
		end(&s);
		for (uint32_t j = 0; j < size; j++)
			free(before[j]);
		free(before);
		free(licences);
	}
	return failed;
}

static void test_hostile(void)
{
	const char *seed = getenv("WATTLE_TEST_SEED");
	long blocks = stub_blocks();
	unsigned taken = 0;

	stub_set_profile("nbody", PROFILE("nbody", "0.3"));
	stub_set_profile("broken", "{");
	random_state = seed ? strtoull(seed, NULL, 0) : UINT64_C(0x9e3779b97f4a7c15);
	CHECK_INT(hostile_round(10000, &taken), 0);
	CHECK_INT(stub_blocks(), blocks);
	stub_set_profile("broken", NULL);
	stub_set_profile("nbody", NULL);
	printf("%u of 10000 taken, %u of them by a profile ", taken, hostile_predicted);
	/* both ways must have been tried in earnest */
	CU_ASSERT(taken > 1000);
	CU_ASSERT(hostile_predicted > 300);
	CU_ASSERT(taken < 9000);
}

/* --- threads ---------------------------------------------------------------------------------------------------------------- */

static int stop;

static void *submit_for_ever(void *arg)
{
	unsigned *wrong = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct submission s;

		make_power(&s, "300", 4);
		submit(&s);
		if (s.rc != 0 || strcmp(s.desc.licenses, "power:1200") != 0)
			(*wrong)++;
		end(&s);
		make_slowdown(&s, "10%", "nbody", 4);
		submit(&s);
		if (s.rc != 0 || strcmp(s.desc.licenses, "power:1200") != 0)
			(*wrong)++;
		end(&s);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[8];
	unsigned wrong[8] = { 0 }, sum = 0;

	stop = 0;
	stub_set_profile("nbody", PROFILE("nbody", "0.3"));
	for (int i = 0; i < 8; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, submit_for_ever, &wrong[i]), 0);
	for (int i = 0; i < 200; i++) {
		/* the file as it is replaced under them: another mode is another state of the same file */
		stub_set_conf_owner(0, i % 2 ? 0644 : 0640);
		if (i % 10 == 0)
			stub_set_conf_owner(1000, 0644); /* refused: the last good one stays */
		if (i % 5 == 0)
			stub_set_profile("nbody", i % 15 == 0 ? "broken" : PROFILE("nbody", "0.3"));
		usleep(1000);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		sum += wrong[i];
	}
	stub_set_conf_owner(0, 0644);
	stub_set_profile("nbody", NULL);
	CHECK_INT(sum, 0);
}

static const struct test tests[] = {
	{ "no configuration", test_no_conf },
	{ "a submission that is taken", test_accepted },
	{ "submissions that are refused", test_refused },
	{ "where words stand", test_where_words_stand },
	{ "licences named by the user", test_explicit_licence },
	{ "licences as TRES", test_licence_as_tres },
	{ "charging by gres", test_gres },
	{ "forged names are stripped", test_forged },
	{ "nodes are bounded", test_nodes_bounded },
	{ "jobs that name no watts", test_default },
	{ "a slowdown", test_slowdown },
	{ "which profile", test_which_profile },
	{ "a profile that travelled", test_carried },
	{ "profiles that change", test_profile_changes },
	{ "a budget", test_budget },
	{ "bad configurations", test_bad_conf },
	{ "changing nodes", test_change_nodes },
	{ "changing licences", test_change_licences },
	{ "changing the partition", test_change_partition },
	{ "a default's share can't grow", test_change_default },
	{ "jobs older than the plugin", test_change_without_grant },
	{ "changing gres", test_change_gres },
	{ "10,000 hostile submissions and changes", test_hostile },
	{ "eight threads while files change", test_threads },
	{ NULL, NULL },
};

int main(void)
{
	int rc;

	stub_load_plugin(&plugin);
	plugin.init();
	rc = run_suite("job_submit", tests);
	plugin.fini();
	stub_set_conf(NULL);
	return rc;
}
