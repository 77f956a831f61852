/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_JOB_H
#define WATTLE_JOB_H

/* A job as squeue shows it, and changes of it by scontrol: for wattlerun as the user, for wattle-resize as SlurmUser. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct wattle_job {
	char state[32];        /* COMPLETING hides what comes after it */
	uint32_t nodes, tasks, cpus, cpus_per_task, restarts;
	int64_t time_limit_s;  /* 0: none */
	int64_t deadline_s;    /* UTC; 0: none */
	int64_t eligible_s;    /* UTC; 0: not known */
	int64_t end_s;         /* UTC, of a job that runs: where its time limit ends it; 0: nowhere */
	bool requeue;
	char reason[80];
};

/* -ENOENT: Slurm knows no such job; -EIO and others: it could not be asked, err says why. */
int wattle_job_ask(uint32_t job_id, struct wattle_job *ret, struct wattle_err *err);
/* Whether slurmctld says anything about the job. */
bool wattle_slurm_answers(uint32_t job_id);
/* The words of one line of squeue; pure. -EINVAL. */
int wattle_job_parse(const char *line, struct wattle_job *ret);

/* The job's comment, cut to size; "" if there is none. */
int wattle_job_comment(uint32_t job_id, char *ret, unsigned long size, struct wattle_err *err);

struct wattle_answer; /* program.h */

/* Runs a command of Slurm's, its words ended by NULL. -ENOENT: it is not here; -EIO: it failed, err has what it said; ret->text is then NULL.
 * Else the caller frees that. */
int wattle_slurm_run(const char *name, const char *const *args, struct wattle_answer *ret, struct wattle_err *err);
/* `scontrol VERB ARG…`, NULL at the end of args. -EIO with what it said. */
int wattle_scontrol(const char *const *args, struct wattle_err *err);
/* A pending job's begin, job being "JobId=N"; a moment that has passed, or 0, is now. */
int wattle_job_begin(const char *job, int64_t begin_s, struct wattle_err *err);
/* Whether limits on nodes or CPUs stand for any account, user or QOS, and are enforced. An operator's update of a job's size would lift
 * them for that job. On errors it is not known. */
int wattle_job_limits(bool *ret, struct wattle_err *err);
/* Whether a text of `scontrol show assoc_mgr` has such a limit: "cpu=2(0)", where "cpu=N(0)" is none; pure. */
bool wattle_limits_found(const char *text);
struct wattle_site {
	bool epilog;       /* wattle-resize is EpilogSlurmctld */
	bool signals_tree; /* signals go to every process of a step, not just to what slurmstepd started: any ProctrackType but cgroup, and
			    * that, too, with SignalChildrenProcesses=yes */
};

/* slurm.conf, as slurmctld has it. */
int wattle_site_ask(struct wattle_site *ret, struct wattle_err *err);
/* The text of `scontrol show config`; pure. */
void wattle_site_parse(const char *text, struct wattle_site *ret);

#endif
