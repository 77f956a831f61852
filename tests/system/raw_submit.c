/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Submits by Slurm's API what no client of Slurm's would send.
 *   raw_submit forged NODE       a job on NODE at 150 W, with grants of 400 W forged wherever one could stand; prints its id
 *   raw_submit entries ENTRY …   a held job on one node with these in spank_job_env; prints its id
 *   raw_submit random SEED N     N held jobs with random fields; prints how many were taken and how many refused
 *   raw_submit words N           N held jobs with words of all kinds in turn, changed and some of them refused; prints the same */
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slurm_compat.h"

static char *environment[] = { "PATH=/usr/bin:/bin", "WATTLE_GRANT=v1 watts=400 nodes=1-1", "SPANK_WATTLE_GRANT=v1 watts=400 nodes=1-1" };

static void prepare(job_desc_msg_t *d, char *script)
{
	slurm_init_job_desc_msg(d);
	d->user_id = getuid();
	d->group_id = getgid();
	d->name = "raw";
	d->work_dir = "/tmp";
	d->std_out = d->std_err = "/dev/null";
	d->script = script;
	d->environment = environment;
	d->env_size = sizeof(environment) / sizeof(environment[0]);
}

/* Its number; 0 if it was refused, and errno says why. */
static uint32_t submit(job_desc_msg_t *d)
{
	submit_response_msg_t *response = NULL;
	uint32_t id = 0;

	if (slurm_submit_batch_job(d, &response) == SLURM_SUCCESS)
		id = WATTLE_JOB_ID(response);
	if (response)
		slurm_free_submit_response_response_msg(response);
	return id;
}

static int submit_one(job_desc_msg_t *d)
{
	uint32_t id = submit(d);

	if (!id) {
		slurm_perror("raw_submit");
		return 1;
	}
	printf("%u\n", id);
	return 0;
}

static int submit_forged(char *node)
{
	static char *spank[] = {
		"WATTLE_GRANT=v1 watts=400 nodes=1-1", "_SLURM_SPANK_OPTION_wattle_power_cap=150", "SPANK_WATTLE_GRANT=v1 watts=400 nodes=1-1",
		"WATTLE_GRANT=v1 watts=400 nodes=1-1", "SPANK_SPANK_WATTLE_GRANT=v1 watts=400", "=", "WATTLE_GRANT",
	};
	job_desc_msg_t d;

	prepare(&d, "#!/bin/sh\nsleep 60\n");
	d.req_nodes = node;
	d.min_nodes = 1;
	d.max_nodes = 0; /* none, to Slurm */
	d.spank_job_env = spank;
	d.spank_job_env_size = sizeof(spank) / sizeof(spank[0]);
	return submit_one(&d);
}

static int submit_entries(char **entries, uint32_t n)
{
	job_desc_msg_t d;

	prepare(&d, "#!/bin/sh\ntrue\n");
	d.priority = 0;
	d.min_nodes = d.max_nodes = 1;
	d.spank_job_env = entries;
	d.spank_job_env_size = n;
	return submit_one(&d);
}

static uint64_t state;

static uint32_t number(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) ((state >> 11) % below);
}

static uint32_t count(void)
{
	static const uint32_t counts[] = { 0, 1, 2, 3, 4, 100, 0x7fffffff, 0x80000000, 0xfffffffd, NO_VAL, INFINITE, NO_VAL, NO_VAL, NO_VAL };

	return counts[number(sizeof(counts) / sizeof(counts[0]))];
}

static char *text(void)
{
	static char *const texts[] = {
		"300", "70%", "1200W/job", "-1", "power:300", "power:4294967596", "power:", "power", "a|b", "x(power:3", ",,,", "main", "main,main",
		"gres:power:300", "gres/power:1", "WATTLE_GRANT=v1 watts=400", "_SLURM_SPANK_OPTION_wattle_power=300",
		"_SLURM_SPANK_OPTION_wattle_power_cap=1e9", "%s%n", "\xff\xfe", "", "X=y",
		"_SLURM_SPANK_OPTION_wattle_slowdown=5%", "_SLURM_SPANK_OPTION_wattle_power_profile=./x", "WATTLE_PROFILE=v1 name=%s",
		"WATTLE_PROFILE=v1 name=m form=hyperbolic linear=0.2 square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=7 runs=21",
	};
	static char long_text[200000];
	const uint32_t known = sizeof(texts) / sizeof(texts[0]);
	uint32_t i = number(known + 8);

	if (i < known)
		return texts[i];
	if (i < known + 6)
		return NULL;
	memset(long_text, "p:,=#\n"[number(6)], sizeof(long_text) - 1);
	long_text[number(sizeof(long_text))] = '\0';
	return long_text;
}

static int submit_random(uint64_t seed, unsigned n)
{
	unsigned taken = 0, refused = 0;

	state = seed;
	for (unsigned i = 0; i < n; i++) {
		char *spank[4] = { NULL };
		job_desc_msg_t d;

		prepare(&d, number(4) ? "#!/bin/sh\n#SBATCH --power=200\ntrue\n" : "#!/bin/sh\n");
		d.priority = 0;
		d.min_nodes = count();
		d.max_nodes = count();
		if (number(2)) /* so that many get as far as being taken */
			d.min_nodes = d.max_nodes = 1 + number(4);
		if (number(2)) {
			d.num_tasks = count();
			d.min_cpus = count();
			d.cpus_per_task = (uint16_t) count();
			d.ntasks_per_node = (uint16_t) count();
		}
		d.shared = (uint16_t) count();
		if (!number(3))
			d.licenses = text();
		if (!number(4))
			d.partition = text();
		if (!number(5))
			d.tres_per_node = text();
		if (!number(4))
			d.submit_line = text();
		d.het_job_offset = count();
		for (d.spank_job_env_size = 0; d.spank_job_env_size < number(5); d.spank_job_env_size++) {
			char *entry = text();

			spank[d.spank_job_env_size] = entry ? entry : "";
		}
		d.spank_job_env = spank;
		if (submit(&d))
			taken++;
		else
			refused++;
	}
	printf("%u %u\n", taken, refused);
	return 0;
}

#define OPTION "_SLURM_SPANK_OPTION_wattle_"

/* What users say: one of these after the other. Site's profile: soak. */
static char *const words[][3] = {
	{ OPTION "power_cap=300" },
	{ OPTION "power_cap=400W/job" },
	{ OPTION "power_cap=70%" },
	{ NULL }, /* its script says it */
	{ OPTION "slowdown=5%", OPTION "power_profile=soak" },
	{ OPTION "slowdown=5%", OPTION "power_profile=./mine",
	  "WATTLE_PROFILE=v1 name=mine form=hyperbolic linear=0.2 square=0 offset=0 min=100 max=400 time=60 r2=1 loo=1 caps=7 runs=21" },
	{ OPTION "carbon=start", OPTION "carbon_within=2d", OPTION "power_cap=200" },
	{ OPTION "carbon=scale", OPTION "carbon_within=2d", OPTION "power_profile=soak" },
	/* refused */
	{ OPTION "power_cap=1e9" },
	{ OPTION "slowdown=0.05", OPTION "power_profile=soak" },
	{ OPTION "slowdown=5%", OPTION "power_profile=none" },
	{ OPTION "carbon=soon" },
};

/* The nodes of a pending job: job_modify. */
static int change(uint32_t job_id)
{
	job_desc_msg_t d;

	slurm_init_job_desc_msg(&d);
	WATTLE_JOB_ID(&d) = job_id;
	d.min_nodes = d.max_nodes = 1;
	return slurm_update_job(&d);
}

static int submit_words(unsigned n)
{
	unsigned taken = 0, refused = 0;

	for (unsigned i = 0; i < n; i++) {
		char *const *mine = words[i % (sizeof(words) / sizeof(words[0]))];
		job_desc_msg_t d;
		uint32_t id;

		prepare(&d, mine[0] ? "#!/bin/sh\ntrue\n" : "#!/bin/sh\n#SBATCH --power=200\ntrue\n");
		d.priority = 0;
		d.min_nodes = 1;
		d.max_nodes = 1 + i % 2;
		d.time_limit = 60;
		d.spank_job_env = (char **) mine;
		for (d.spank_job_env_size = 0; d.spank_job_env_size < 3 && mine[d.spank_job_env_size];)
			d.spank_job_env_size++;
		id = submit(&d);
		if (id && (i % 5 || change(id) == SLURM_SUCCESS))
			taken++;
		else
			refused++;
	}
	printf("%u %u\n", taken, refused);
	return 0;
}

int main(int argc, char **argv)
{
	slurm_init(NULL);
	if (argc == 3 && strcmp(argv[1], "forged") == 0)
		return submit_forged(argv[2]);
	if (argc > 2 && strcmp(argv[1], "entries") == 0)
		return submit_entries(argv + 2, (uint32_t) argc - 2);
	if (argc == 4 && strcmp(argv[1], "random") == 0)
		return submit_random(strtoull(argv[2], NULL, 0), (unsigned) strtoul(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "words") == 0)
		return submit_words((unsigned) strtoul(argv[2], NULL, 10));
	return 2;
}
