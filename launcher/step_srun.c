/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Launching by srun. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "step_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "program.h"
#include "rank.h"

void wattle_srun_words(struct wattle_words *w, const struct wattle_launch *l, const char *name)
{
	wattle_words_add(w, "srun");
	wattle_words_make(w, "--job-name=%s", name);
	wattle_words_make(w, "--nodes=%u", l->nodes);
	wattle_words_make(w, "--ntasks=%u", l->nodes * l->tasks_per_node);
	wattle_words_make(w, "--ntasks-per-node=%u", l->tasks_per_node);
	/* a rank that leaves with 85 is no failure; one that died is, and must not leave the others waiting for ever */
	wattle_words_add(w, "--kill-on-bad-exit=0");
	wattle_words_make(w, "--wait=%lld", (long long) l->wait_s);
	if (l->mpi)
		wattle_words_make(w, "--mpi=%.40s", l->mpi);
	wattle_words_all(w, l->launch_args);
	wattle_words_add(w, "--");
	if (l->rank) {
		wattle_words_add(w, l->self);
		wattle_words_add(w, WATTLE_RANK_WORD);
		wattle_words_add(w, l->rank);
	}
	wattle_words_all(w, l->program);
}

int wattle_srun_signal(const struct wattle_step *step, uint32_t job_id, int signal, struct wattle_err *err)
{
	char job[16], number[32], id[64] = "", name[128];
	const char *list[] = { "-h", "-s", "-j", job, "-o", "%i %j", NULL };
	const char *send[] = { number, id, NULL };
	struct wattle_answer answer;
	int rc;

	snprintf(job, sizeof(job), "%u", job_id);
	rc = wattle_slurm_run("squeue", list, &answer, err);
	if (rc < 0)
		return rc;
	for (const char *line = answer.text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%63s %127s", id, name) == 2 && strcmp(name, step->name) == 0)
			break;
		id[0] = '\0';
	}
	free(answer.text);
	if (!id[0])
		return -EAGAIN;
	snprintf(number, sizeof(number), "--signal=%d", signal);
	rc = wattle_slurm_run("scancel", send, &answer, err);
	free(answer.text);
	return rc;
}

