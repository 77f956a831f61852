/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --carbon in the real job_submit_wattle.so, called as slurmctld calls it. */
#include "slurmctld_stub.h"

#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "forecast.h"
#include "grant.h"
#include "plan_text.h"
#include "slotload.h"
#include "unit/runner.h"

#define ALICE 1000u
#define FORECAST WATTLE_FORECAST_CACHE_DIR "/DE.json"
#define LOAD WATTLE_SLOTS_DIR "/" WATTLE_SLOTLOAD_FILE
#define SLOT_S 3600

static struct plugin plugin;
static time_t now;

static const char site[] =
	"[site]\ndefault_partition = main\ncarbon_zone = DE\nprofile_dir = /nonexistent\n"
	"[carbon]\nmargin = 1m\nspread_pct = 0\nnever_partitions = debug\nresize_overhead = 0\n"
	"[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n[partition main]\n[partition debug]\n";

/* --- helpers ---------------------------------------------------------------------------------------------------------------- */

struct submission {
	job_desc_msg_t desc;
	char *message;
	int rc;
};

static void begin(struct submission *s, const char *carbon)
{
	char entry[128];

	memset(s, 0, sizeof(*s));
	stub_job_desc_init(&s->desc);
	s->desc.min_nodes = s->desc.max_nodes = 2;
	s->desc.time_limit = 30;
	s->desc.script = stub_string("#!/bin/sh\n");
	stub_add_spank(&s->desc, "_SLURM_SPANK_OPTION_wattle_power_cap=300");
	snprintf(entry, sizeof(entry), "_SLURM_SPANK_OPTION_wattle_carbon=%s", carbon ? carbon : "");
	if (carbon)
		stub_add_spank(&s->desc, entry);
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

static const char *find(char *const *env, uint32_t n, const char *name)
{
	const char *found = NULL;

	for (uint32_t i = 0; i < n; i++)
		if (strncmp(env[i], name, strlen(name)) == 0 && env[i][strlen(name)] == '=')
			found = env[i] + strlen(name) + 1;
	return found;
}

static void read_grant(const struct submission *s, struct wattle_grant *ret)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_grant_parse(find(s->desc.spank_job_env, s->desc.spank_job_env_size, "WATTLE_GRANT"), ret, &err), 0);
}

/* Slots of an hour from the one that holds now on. */
static void put_forecast(const char *values, int64_t issued_s)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"zone\":\"DE\",\"signal\":\"average\",\"unit\":\"gCO2/kWh\",\"issued\":%lld,\"slot_s\":%d,\"start\":%lld,"
		 "\"values\":[%s]}", (long long) issued_s, SLOT_S, (long long) (now - now % SLOT_S), values);
	stub_set_file(FORECAST, text);
}

static time_t slot(int i)
{
	return now - now % SLOT_S + (time_t) i * SLOT_S;
}

static void put_evening(void)
{
	put_forecast("500,500,500,200,100,200,500,500,500,500", now - 600);
}

/* --- start ------------------------------------------------------------------------------------------------------------------ */

static void test_start(void)
{
	struct wattle_grant grant;
	struct submission s;

	put_evening();
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_INT(s.desc.begin_time, slot(4));
	CHECK_HOLDS(s.message, "wattle: 300 W/node x 2 nodes: 600 W, starts ");
	CHECK_HOLDS(s.message, " at the earliest: 80% less CO2");
	CHECK_STRING(s.desc.admin_comment, s.message);
	CHECK_STRING(s.desc.licenses, "power:600");
	read_grant(&s, &grant);
	CHECK_INT(grant.carbon, WATTLE_CARBON_START);
	CHECK_INT(grant.start_s, slot(4));
	CHECK_INT(grant.saving_pct, 80);
	end(&s);
}

static void test_off(void)
{
	static const char *const words[] = { NULL, "off" };
	struct wattle_grant grant;
	struct submission s;

	put_evening();
	for (int i = 0; i < 2; i++) {
		begin(&s, words[i]);
		s.desc.begin_time = slot(1);
		submit(&s);
		CHECK_INT(s.desc.begin_time, slot(1));
		CHECK_STRING(s.message, "wattle: 300 W/node x 2 nodes: 600 W");
		read_grant(&s, &grant);
		CHECK_INT(grant.carbon, WATTLE_CARBON_UNSAID);
		end(&s);
	}

	begin(&s, NULL); /* a bound of nothing: a word was forgotten */
	stub_add_spank(&s.desc, "_SLURM_SPANK_OPTION_wattle_carbon_within=12h");
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	CHECK_HOLDS(s.message, "carbon-within bounds how long a job waits for clean power: say carbon=start or carbon=scale with it");
	CU_ASSERT_PTR_NULL(s.desc.licenses);
	end(&s);

	begin(&s, "off"); /* takes back what the script asked for */
	stub_add_spank(&s.desc, "_SLURM_SPANK_OPTION_wattle_carbon_within=12h");
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_INT(s.desc.begin_time, 0);
	end(&s);
}

static void test_bounds(void)
{
	struct submission s;

	put_evening();
	begin(&s, "start"); /* the user's own --begin is a lower bound */
	s.desc.begin_time = slot(5);
	submit(&s);
	CHECK_INT(s.desc.begin_time, slot(5));
	CHECK_HOLDS(s.message, "starts as --begin says: ");
	end(&s);

	begin(&s, "start"); /* 30 minutes and a margin before the deadline */
	s.desc.deadline = slot(3) + 100;
	submit(&s);
	CU_ASSERT(s.desc.begin_time == 0);
	end(&s);

	begin(&s, "start");
	stub_add_spank(&s.desc, "_SLURM_SPANK_OPTION_wattle_carbon_within=1d");
	s.desc.deadline = slot(4);
	submit(&s);
	CHECK_INT(s.desc.begin_time, slot(3));
	CHECK_HOLDS(s.message, "deadline kept");
	end(&s);

	begin(&s, "start");
	s.desc.partition = stub_string("debug");
	submit(&s);
	CHECK_INT(s.desc.begin_time, 0);
	CHECK_HOLDS(s.message, "starts now: this site puts off no job of partition debug");
	end(&s);

	begin(&s, "start");
	s.desc.time_limit = INFINITE;
	submit(&s);
	CHECK_HOLDS(s.message, "say --time, or --carbon-work");
	end(&s);

	begin(&s, "start");
	s.desc.het_job_offset = 0;
	submit(&s);
	CHECK_INT(s.desc.begin_time, 0);
	CHECK_HOLDS(s.message, "starts now: components of a heterogeneous job start together");
	end(&s);

	begin(&s, "sometime");
	submit(&s);
	CHECK_INT(s.rc, ESLURM_INVALID_TRES);
	end(&s);
}

/* --- forecasts that can't be planned with ------------------------------------------------------------------------------------ */

static void test_bad_forecasts(void)
{
	struct submission s;

	stub_set_file(FORECAST, NULL);
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.desc.begin_time, 0);
	CHECK_HOLDS(s.message, "starts now: there is no forecast for zone DE");
	end(&s);

	stub_set_file(FORECAST, "{\"zone\":\"DE\"");
	stub_log_clear();
	for (int i = 0; i < 3; i++) {
		begin(&s, "start");
		submit(&s);
		CHECK_INT(s.desc.begin_time, 0);
		CHECK_HOLDS(s.message, "starts now: the forecast for zone DE is broken");
		end(&s);
	}
	CHECK_INT(stub_log_lines(), 1);

	put_evening();
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.desc.begin_time, slot(4));
	end(&s);
	stub_set_file(FORECAST, "{\"zone\":\"DE\""); /* the last good one stays in force */
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.desc.begin_time, slot(4));
	CHECK_HOLDS(stub_log_last(), "what was read before stays in force");
	end(&s);
	stub_set_file(FORECAST, NULL); /* what is gone is gone */
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.desc.begin_time, 0);
	end(&s);

	put_forecast("500,500,100,100", now - 13 * 3600);
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.desc.begin_time, 0);
	CHECK_HOLDS(s.message, "starts now: the forecast is 13h old");
	end(&s);

	put_evening();
	stub_set_conf_owner(1000, 0644); /* anybody's file */
	begin(&s, "start");
	submit(&s);
	CHECK_INT(s.desc.begin_time, 0);
	end(&s);
	stub_set_conf_owner(0, 0644);
}

/* --- scale ------------------------------------------------------------------------------------------------------------------ */

static void test_scale(void)
{
	struct wattle_plan_steps plan;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_grant grant;
	struct submission s;

	put_forecast("100,900,900,100,100,900,900", now - 600);
	begin(&s, "scale");
	s.desc.min_nodes = 1;
	s.desc.max_nodes = 4;
	s.desc.time_limit = 150;
	s.desc.environment = slurm_xcalloc(3, sizeof(char *), true, false, "", 0, "");
	s.desc.environment[0] = stub_string("HOME=/home/alice");
	s.desc.environment[1] = stub_string("WATTLE_PLAN=v1 start=1 end=2 slots=0:1000:100000");
	s.desc.env_size = 2;
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_INT(wattle_plan_text_parse(find(s.desc.environment, s.desc.env_size, "WATTLE_PLAN"), &plan, &err), 0);
	CHECK_INT(s.desc.env_size, 2);
	CHECK_INT(plan.step[0].from_s, s.desc.begin_time);
	CHECK_INT(s.desc.min_nodes, plan.step[0].nodes);
	CHECK_INT(s.desc.max_nodes, plan.step[0].nodes);
	CHECK_INT(s.desc.requeue, 1);
	CHECK_INT(s.desc.open_mode, OPEN_MODE_APPEND);
	CHECK_INT(s.desc.time_min, NO_VAL);
	CHECK_STRING(s.desc.licenses, "power:300");
	read_grant(&s, &grant);
	CHECK_INT(grant.carbon, WATTLE_CARBON_SCALE);
	CHECK_INT(grant.nodes_min, 1);
	CHECK_INT(grant.nodes_max, 4);
	CHECK_HOLDS(s.message, "for wattlerun");
	end(&s);

	begin(&s, "scale"); /* Slurm would end it once requeued, but for a least time */
	s.desc.time_limit = 150;
	s.desc.deadline = now + 7 * 3600 - 60;
	submit(&s);
	CHECK_HOLDS(s.message, "for wattlerun");
	CHECK_INT(s.desc.time_min, NO_VAL); /* not one that would lose what it did */
	end(&s);

	for (uint32_t least = 0; least < 2; least++) {
		begin(&s, "scale");
		slurm_xfree((void **) &s.desc.script);
		s.desc.script = stub_string("#!/bin/sh\nwattlerun ./nbody\n");
		s.desc.time_limit = 150;
		s.desc.time_min = least ? 100 : NO_VAL;
		s.desc.deadline = now + 7 * 3600 - 60;
		submit(&s);
		CHECK_INT(s.desc.time_min, least ? 100 : 1);
		end(&s);
	}

	put_evening();
	begin(&s, "scale"); /* salloc */
	slurm_xfree((void **) &s.desc.script);
	submit(&s);
	CU_ASSERT_PTR_NULL(find(s.desc.environment, s.desc.env_size, "WATTLE_PLAN"));
	CHECK_HOLDS(s.message, "not scaled: only batch jobs that may be requeued");
	CHECK_INT(s.desc.min_nodes, 2);
	end(&s);

	begin(&s, NULL); /* a plan that came from the job around */
	s.desc.environment = slurm_xcalloc(2, sizeof(char *), true, false, "", 0, "");
	s.desc.environment[0] = stub_string("WATTLE_PLAN=v1 start=1 end=2 slots=0:1000:100000");
	s.desc.env_size = 1;
	submit(&s);
	CHECK_INT(s.desc.env_size, 0);
	end(&s);
}

/* A curve in the profile of the job's name: as wide as it pays, from the first slot on. */
static void test_scale_wide(void)
{
	static const char wide[] =
		"{\"name\":\"wide\",\"unit\":\"s\",\"scaling\":[{\"nodes\":1,\"throughput\":1,\"power_w\":300},{\"nodes\":2,\"throughput\":1.98,"
		"\"power_w\":600},{\"nodes\":4,\"throughput\":3.9,\"power_w\":1200}],\"fit\":{\"form\":\"hyperbolic\",\"coef\":{\"a\":0.2,\"b\":0.3,"
		"\"c\":0},\"r2\":0.99,\"loo_error_pct\":1,\"cap_min_w\":150,\"cap_max_w\":300,\"time_min_s\":14000,\"caps\":7,\"runs\":21,"
		"\"usable\":true,\"why\":\"\"}}";
	char conf[sizeof(site) + 64], charge[64];
	struct wattle_plan_steps plan;
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_grant grant;
	struct submission s;
	const char *rest = strstr(site, "/nonexistent") + strlen("/nonexistent");

	snprintf(conf, sizeof(conf), "%.*s%s%s", (int) (strstr(site, "/nonexistent") - site), site, STUB_PROFILES, rest);
	stub_set_conf(conf);
	stub_set_profile("wide", wide);
	put_forecast("900,900,100,900,900,900,900", now - 600);
	begin(&s, "scale");
	s.desc.name = stub_string("wide");
	s.desc.min_nodes = 1;
	s.desc.max_nodes = 4;
	s.desc.time_limit = 240;
	submit(&s);
	CHECK_INT(s.rc, 0);
	CHECK_INT(wattle_plan_text_parse(find(s.desc.environment, s.desc.env_size, "WATTLE_PLAN"), &plan, &err), 0);
	CHECK_INT(s.desc.min_nodes, 4);
	CHECK_INT(s.desc.max_nodes, 4);
	CHECK_INT(s.desc.begin_time, slot(2));
	read_grant(&s, &grant);
	CHECK_INT(grant.nodes_min, 1);
	CHECK_INT(grant.nodes_max, 4);
	CU_ASSERT(grant.watts_w <= 300);
	snprintf(charge, sizeof(charge), "power:%u", 4 * grant.watts_w);
	CHECK_STRING(s.desc.licenses, charge);
	/* it names no slowdown, so that its profile predicts, and does not decide */
	CHECK_STRING(grant.profile, "");
	end(&s);
	stub_set_profile("wide", NULL);
	stub_set_conf(site);
}

/* --- slot loads -------------------------------------------------------------------------------------------------------------- */

static void put_load(int64_t made_s, uint64_t watts_w)
{
	static struct wattle_slotload load;
	static char text[WATTLE_SLOTLOAD_BYTES_MAX];

	load = (struct wattle_slotload){ .made_s = made_s, .start_s = slot(0), .slot_s = SLOT_S, .n = 10 };
	wattle_slotload_add(&load, slot(4), slot(5), watts_w);
	wattle_slotload_format(&load, text, sizeof(text));
	stub_set_file(LOAD, text);
}

static time_t start_now(void)
{
	struct submission s;
	time_t start;

	begin(&s, "start");
	submit(&s);
	start = s.desc.begin_time;
	end(&s);
	return start;
}

static void test_load(void)
{
	put_evening();
	stub_set_conf("[site]\ncarbon_zone = DE\n[carbon]\nmargin = 1m\nspread_pct = 0\nslot_budget_w = 1000\n"
		      "[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n");
	stub_set_file(LOAD, NULL);
	CHECK_INT(start_now(), slot(4));
	put_load(now, 400);
	CHECK_INT(start_now(), slot(4));
	put_load(now, 4000); /* 100 g at 4.6 times the budget is worse than 200 */
	CHECK_INT(start_now(), slot(3));
	stub_log_clear();
	put_load(now - 2 * WATTLE_SLOTLOAD_STALE_S, 4000);
	CHECK_INT(start_now(), slot(4));
	CHECK_INT(start_now(), slot(4));
	CHECK_INT(stub_log_lines(), 1);
	CHECK_HOLDS(stub_log_last(), "not counted with");
	stub_set_file(LOAD, "nonsense");
	CHECK_INT(start_now(), slot(4));
	stub_set_file(LOAD, NULL);
	stub_set_conf(site);
}

static void test_burst(void)
{
	unsigned in_slot[10] = { 0 }, most = 0;

	stub_set_conf("[site]\ncarbon_zone = DE\n[carbon]\nmargin = 1m\n[class standard]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n");
	put_forecast("500,500,200,202,204,200,202,204,500,500", now - 600);
	for (int i = 0; i < 60; i++)
		in_slot[(start_now() - slot(0)) / SLOT_S % 10]++;
	for (int i = 0; i < 10; i++)
		most = in_slot[i] > most ? in_slot[i] : most;
	CHECK_INT(in_slot[2] + in_slot[3] + in_slot[4] + in_slot[5] + in_slot[6] + in_slot[7], 60);
	CU_ASSERT(most < 40);
	stub_set_conf(site);
}

/* --- changes ----------------------------------------------------------------------------------------------------------------- */

/* When it may begin is its user's to say; nothing of its charge hangs on it. */
static void test_modify(void)
{
	struct stub_job job = { .pending = true };
	job_desc_msg_t asked;
	struct submission s;
	char *message = NULL;

	put_evening();
	begin(&s, "start");
	submit(&s);
	job.spank_job_env = s.desc.spank_job_env;
	job.spank_job_env_size = s.desc.spank_job_env_size;
	job.licences = s.desc.licenses;
	for (int i = 0; i < 8; i += 7) {
		stub_job_desc_init(&asked);
		asked.begin_time = slot(i);
		CHECK_INT(plugin.modify(&asked, &job, ALICE, &message), 0);
		CHECK_INT(asked.begin_time, slot(i));
		CU_ASSERT_PTR_NULL(asked.licenses);
		stub_job_desc_free(&asked);
	}
	end(&s);
	slurm_xfree((void **) &message);
}

/* --- hostile ----------------------------------------------------------------------------------------------------------------- */

static uint64_t state = 7;

static uint64_t dice(uint64_t sides)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % sides;
}

static time_t any_moment(void)
{
	static const time_t odd[] = { 0, -1, 1, (time_t) NO_VAL, (time_t) INFINITE, INT64_MAX, INT64_MIN, INT64_MAX - 1 };

	return dice(2) ? odd[dice(8)] : now + (time_t) dice(100000) - 1000;
}

static void test_hostile(void)
{
	static const char *const values[] = { "start", "scale", "off", "", "START", "start\n", "1h", "10d", "90s", "-1", "99999999d", "1e9", "0", "%s%n" };
	static const char *const words[] = { "carbon", "carbon_within", "carbon_work", "work", "carbon" };
	long before = stub_blocks();
	unsigned taken = 0, deferred = 0;

	put_evening();
	for (int i = 0; i < 10000; i++) {
		struct submission s;
		struct wattle_grant grant;
		time_t asked;
		char entry[128];

		begin(&s, dice(3) ? values[dice(2)] : NULL);
		for (uint64_t n = dice(4); n > 0; n--) {
			snprintf(entry, sizeof(entry), "_SLURM_SPANK_OPTION_wattle_%s=%s", words[dice(5)], values[dice(dice(2) ? 14 : 9)]);
			stub_add_spank(&s.desc, entry);
		}
		asked = s.desc.begin_time = dice(2) ? 0 : any_moment();
		s.desc.deadline = dice(2) ? 0 : any_moment();
		s.desc.time_limit = dice(2) ? 30 : dice(2) ? (uint32_t) dice(UINT32_MAX) : dice(2) ? 0 : INFINITE;
		s.desc.min_nodes = 1 + (uint32_t) dice(3);
		s.desc.max_nodes = s.desc.min_nodes + (uint32_t) dice(5);
		s.desc.requeue = dice(3) ? NO_VAL16 : (uint16_t) dice(2);
		s.desc.het_job_offset = dice(20) ? NO_VAL : 0;
		s.desc.qos = dice(3) ? NULL : stub_string("a,b,,urgent");
		s.desc.array_inx = dice(5) ? NULL : stub_string("1-10");
		submit(&s);
		if (s.rc == 0) {
			taken++;
			read_grant(&s, &grant);
			deferred += grant.carbon != WATTLE_CARBON_UNSAID;
			if (grant.carbon == WATTLE_CARBON_UNSAID)
				CHECK_INT(s.desc.begin_time, asked);
			else
				CU_ASSERT(s.desc.begin_time >= asked && s.desc.begin_time >= now && s.desc.begin_time <= now + 10 * SLOT_S);
			CU_ASSERT(grant.watts_w <= 300);
		}
		end(&s);
	}
	CHECK_INT(stub_blocks(), before);
	CU_ASSERT(taken > 3000);
	CU_ASSERT(deferred > 300);
}

static const struct test tests[] = {
	{ "start: begin, answer, grant", test_start },
	{ "off, and nothing said", test_off },
	{ "bounds", test_bounds },
	{ "forecasts that can't be planned with", test_bad_forecasts },
	{ "scale: size, plan, what a resize needs", test_scale },
	{ "scale: as wide as its curve says", test_scale_wide },
	{ "the queue's slot loads", test_load },
	{ "a burst is spread", test_burst },
	{ "moving the begin", test_modify },
	{ "10,000 hostile submissions", test_hostile },
	{ NULL, NULL },
};

int main(void)
{
	int rc;

	/* slots are reckoned from here: not within a minute of a slot's end */
	while ((now = time(NULL)) % SLOT_S > SLOT_S - 60)
		sleep(1);
	stub_load_plugin(&plugin);
	stub_set_conf(site);
	plugin.init();
	rc = run_suite("job_submit: carbon", tests);
	plugin.fini();
	stub_set_conf(NULL);
	stub_set_file(FORECAST, NULL);
	return rc;
}
