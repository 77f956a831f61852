/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long job_submit() of the real plugin takes, call by call. Prints, in nanoseconds, the 50th and 99th percentile and the
 * maximum of the time that passed, and the 50th and 99th percentile of the CPU time used (a busy machine adds nothing to it).
 *   bench_jobsubmit [CALLS [start|scale]]
 * The submissions are what sbatch sends: 60 variables, a script of 200 lines, options of other plugins beside ours. With start or scale
 * all of them ask for that, against a week's forecast of half hours and a queue's slot loads. */
#include "slurmctld_stub.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char site[] =
	"[site]\ndefault_partition = main\nprofile_dir = " STUB_PROFILES "\n"
	"[class standard]\nnodes = n[1-1000]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n"
	"[partition main]\n[partition eco]\nmax_w = 250\n";

static const char profile[] =
	"{\"name\":\"nbody\",\"unit\":\"s\",\"fit\":{\"form\":\"hyperbolic\",\"coef\":{\"a\":0.2,\"b\":0.3,\"c\":0},\"r2\":0.99,\"loo_error_pct\":1,"
	"\"cap_min_w\":100,\"cap_max_w\":250,\"time_min_s\":60,\"caps\":7,\"runs\":21,\"usable\":true,\"why\":\"\"}}";

static const char carbon_site[] =
	"[site]\ndefault_partition = main\ncarbon_zone = DE\nprofile_dir = " STUB_PROFILES "\n"
	"[carbon]\nslot_budget_w = 5000\ndelay_max = 6d\n"
	"[class standard]\nnodes = n[1-1000]\ncpus = 64\nbase_w = 60\nmin_w = 100\nmax_w = 400\n"
	"[partition main]\n[partition eco]\nmax_w = 250\n";
#define SLOTS 336

/* Days and nights. */
static void put_carbon_files(void)
{
	static char text[65536];
	long long now = (long long) time(NULL), start = now - now % 1800;
	size_t n = (size_t) sprintf(text, "{\"zone\":\"DE\",\"signal\":\"average\",\"unit\":\"gCO2/kWh\",\"issued\":%lld,\"slot_s\":1800,"
				    "\"start\":%lld,\"values\":[", now, start);

	for (int i = 0; i < SLOTS; i++)
		n += (size_t) sprintf(text + n, "%s%.1f", i ? "," : "", 300 + 150 * cos(i / 48.0 * 6.2832) + i * 37 % 11);
	strcpy(text + n, "]}");
	stub_set_file("/var/lib/wattle/carbon/DE.json", text);
	n = (size_t) sprintf(text, "v1 made=%lld start=%lld slot_s=900\n", now + 30, start);
	for (int i = 0; i < 2 * SLOTS; i++)
		n += (size_t) sprintf(text + n, "%d\n", i * 7919 % 9000);
	stub_set_file("/var/lib/wattle/slots/load", text);
}

enum { KINDS = 5 }; /* --power, #SBATCH only, nothing said, refused, --slowdown by a profile of the job's name */

static void make(job_desc_msg_t *d, unsigned kind, const char *script, const char *carbon)
{
	char text[128];

	stub_job_desc_init(d);
	d->environment = slurm_xcalloc(60, sizeof(char *), true, false, "", 0, "");
	for (d->env_size = 0; d->env_size < 60; d->env_size++) {
		snprintf(text, sizeof(text), "VARIABLE_%u=some value that is about as long as they are", d->env_size);
		d->environment[d->env_size] = stub_string(text);
	}
	stub_add_spank(d, "_SLURM_SPANK_OPTION_pyxis_container_image=ubuntu");
	d->licenses = stub_string("matlab:2,ansys@server:1");
	d->partition = stub_string("main,eco");
	d->script = stub_string(script);
	d->submit_line = stub_string("sbatch -N 4 --time 10:00 --ntasks-per-node=8 job.sh input output");
	d->min_nodes = d->max_nodes = 4;
	d->num_tasks = 32;
	if (carbon) {
		snprintf(text, sizeof(text), "_SLURM_SPANK_OPTION_wattle_carbon=%s", carbon);
		stub_add_spank(d, text);
		d->time_limit = 240;
	}
	if (kind == 0)
		stub_add_spank(d, "_SLURM_SPANK_OPTION_wattle_power_cap=200W");
	if (kind == 4) {
		d->name = stub_string("nbody");
		stub_add_spank(d, "_SLURM_SPANK_OPTION_wattle_slowdown=5%");
	}
	if (kind == 3)
		stub_add_spank(d, "_SLURM_SPANK_OPTION_wattle_power_cap=2000W");
}

static char *make_script(bool with_power)
{
	char *script = calloc(1, 16384);

	strcpy(script, with_power ? "#!/bin/sh\n#SBATCH -N 4\n#SBATCH --power=200\n" : "#!/bin/sh\n#SBATCH -N 4\n");
	for (int i = 0; i < 200; i++)
		strcat(script, "# a comment, as long as comments are in such scripts\n");
	strcat(script, "srun ./app\n");
	return script;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned calls = argc > 1 ? (unsigned) strtoul(argv[1], NULL, 10) : 100000;
	uint64_t *taken_ns = calloc(calls ? calls : 1, sizeof(*taken_ns)), *cpu_ns = calloc(calls ? calls : 1, sizeof(*cpu_ns));
	char *plain = make_script(false), *with_power = make_script(true);
	const char *carbon = argc > 2 ? argv[2] : NULL;
	struct plugin plugin;

	if (!calls || !taken_ns || !cpu_ns || !plain || !with_power)
		return 2;
	stub_load_plugin(&plugin);
	stub_set_conf(carbon ? carbon_site : site);
	stub_set_profile("nbody", profile);
	if (carbon)
		put_carbon_files();
	plugin.init();
	for (unsigned i = 0; i < calls; i++) {
		unsigned kind = i % KINDS;
		char *message = NULL;
		job_desc_msg_t d;
		uint64_t start, cpu_start;
		int rc;

		make(&d, kind, kind == 1 ? with_power : plain, carbon);
		cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);
		start = now_ns(CLOCK_MONOTONIC);
		rc = plugin.submit(&d, 1000, &message);
		taken_ns[i] = now_ns(CLOCK_MONOTONIC) - start;
		cpu_ns[i] = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
		if ((rc != 0) != (kind == 3) || (carbon && kind != 3 && d.begin_time == 0)) {
			fprintf(stderr, "submission %u: %d, %s\n", i, rc, message ? message : "");
			return 1;
		}
		slurm_xfree((void **) &message);
		stub_job_desc_free(&d);
	}
	plugin.fini();
	stub_set_conf(NULL);
	stub_set_profile("nbody", NULL);
	if (carbon) {
		stub_set_file("/var/lib/wattle/carbon/DE.json", NULL);
		stub_set_file("/var/lib/wattle/slots/load", NULL);
	}
	qsort(taken_ns, calls, sizeof(*taken_ns), by_size);
	qsort(cpu_ns, calls, sizeof(*cpu_ns), by_size);
	printf("%llu %llu %llu %llu %llu\n", (unsigned long long) taken_ns[calls / 2],
	       (unsigned long long) taken_ns[(uint64_t) calls * 99 / 100], (unsigned long long) taken_ns[calls - 1],
	       (unsigned long long) cpu_ns[calls / 2], (unsigned long long) cpu_ns[(uint64_t) calls * 99 / 100]);
	free(cpu_ns);
	free(taken_ns);
	free(plain);
	free(with_power);
	return 0;
}
