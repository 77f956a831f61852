/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applies caps on the node it runs on, through the lease book as a prolog does: `cap_apply N` prints N lines
 * "apply_us call_us": writing and reading back all limits, and the whole transaction with lock, journal and fsync.
 * A book of its own; the last call puts every limit back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lease.h"

#define JOB 4000000000u

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

int main(int argc, char **argv)
{
	/* The lab's class of nodes. */
	const struct wattle_node node = { .run_dir = "/run/wattle-bench", .host = "bench", .base_w = 60, .min_w = 100, .max_w = 400 };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_outcome outcome;
	struct wattle_proc self;
	long n = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	int rc = wattle_proc_get(getpid(), &self);

	if (n < 1 || rc < 0) {
		fprintf(stderr, "usage: cap_apply N\n");
		return 2;
	}
	for (long i = 0; i < n && rc == 0; i++) {
		uint64_t begin_ns = now_ns();

		/* Another cap each time, or there would be nothing to write. */
		rc = wattle_lease_job_begin(&node, JOB, 0, i % 2 ? 200 : 250, &self, &outcome, &err);
		if (rc == 0 && outcome.cap_failed)
			fprintf(stderr, "cap_apply: %s\n", outcome.cap_failure), rc = -EREMOTEIO;
		else if (rc < 0)
			fprintf(stderr, "cap_apply: %s\n", err.text);
		else
			printf("%.1f %.1f\n", (double) outcome.apply_ns / 1e3, (double) (now_ns() - begin_ns) / 1e3);
	}
	if (wattle_lease_job_end(&node, JOB, &outcome, &err) < 0) {
		fprintf(stderr, "cap_apply: limits not put back: %s\n", err.text);
		return 1;
	}
	return rc < 0;
}
