/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A job_submit plugin that loads another (-DTARGET='"/…/job_submit_x.so"'), calls it within slurmctld, and writes down the CPU
 * time of each job_submit call: a line of nanoseconds in TIMES, made before by whoever wants them. */
#include <dlfcn.h>
#include <fcntl.h>
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void slurm_error(const char *format, ...); /* declared with SPANK alone */

#define TIMES "/tmp/job-submit-times"

const char plugin_name[] = "calls another and times it";
const char plugin_type[] = "job_submit/timed";
const uint32_t plugin_version = SLURM_VERSION_NUMBER;

static void *other;
static int (*other_submit)(job_desc_msg_t *, uint32_t, char **);
static int (*other_modify)(job_desc_msg_t *, void *, uint32_t, char **);

int init(void)
{
	int (*other_init)(void);

	other = dlopen(TARGET, RTLD_LAZY | RTLD_LOCAL);
	if (!other) {
		slurm_error("timed: %s", dlerror());
		return SLURM_ERROR;
	}
	*(void **) &other_init = dlsym(other, "init");
	*(void **) &other_submit = dlsym(other, "job_submit");
	*(void **) &other_modify = dlsym(other, "job_modify");
	if (!other_submit || !other_modify) {
		slurm_error("timed: " TARGET " is no job_submit plugin");
		return SLURM_ERROR;
	}
	return other_init ? other_init() : SLURM_SUCCESS;
}

void fini(void)
{
	void (*other_fini)(void);

	*(void **) &other_fini = other ? dlsym(other, "fini") : NULL;
	if (other_fini)
		other_fini();
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

int job_submit(job_desc_msg_t *job, uint32_t uid, char **message)
{
	int64_t begin_ns = cpu_ns();
	int rc = other_submit(job, uid, message);
	int64_t spent_ns = cpu_ns() - begin_ns;
	char line[32];
	int n = snprintf(line, sizeof(line), "%lld\n", (long long) spent_ns);
	int fd = open(TIMES, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return rc;
	if (write(fd, line, (size_t) n) != n)
		slurm_error("timed: can't write " TIMES);
	close(fd);
	return rc;
}

/* The last argument came with 23.02. */
int job_modify(job_desc_msg_t *job, void *record, uint32_t uid, char **message)
{
	return other_modify(job, record, uid, message);
}
