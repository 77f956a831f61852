/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLURM_H
#define WATTLE_SLURM_H

/* What Slurm says of jobs and of itself, asked of its own commands: so the cli links no libslurm, runs where Slurm is missing,
 * and a dead slurmctld costs a time-out and not the answer. The *_parse functions are pure. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define WATTLE_SLURM_JOBS_MAX 4096 /* jobs of one report: an array or heterogeneous job has several */

struct wattle_slurm_job {
	uint32_t job_id;      /* the number that records go by */
	char label[340];      /* "12", "12_4", "12+1": as people say it; "mpijob/default/nbody" */
	char name[64], user[64], state[32], partition[64];
	uid_t uid;            /* (uid_t) -1: not known */
	int64_t start_s, end_s; /* UTC seconds; 0: not yet, not known */
	int64_t submit_s, eligible_s; /* of its first run; eligible: when it might start at the earliest */
	char comment[256];    /* AdminComment: what was decided at submission, as far as it fits */
	char reason[96];      /* why it waits; "": not known */
	bool over;            /* the state is a final one */
	char *nodes;          /* host list "n[1-4]" of its last run; may be NULL */
	char *nodes_before;   /* of earlier runs, comma-separated lists: requeued; may be NULL */
};

struct wattle_slurm_jobs {
	size_t n;
	struct wattle_slurm_job *job;
};

void wattle_slurm_jobs_free(struct wattle_slurm_jobs *jobs);

/* "12", "12_4", "12+1". Returns 0 and the number, or -EINVAL. */
int wattle_jobid_parse(const char *text, uint32_t *ret_number, bool *ret_plain, struct wattle_err *err);

/* sacct -D -X -P -n -o <WATTLE_SACCT_FIELDS>; one job per JobIDRaw, the last run counts. -ENOENT: no rows. */
#define WATTLE_SACCT_FIELDS "JobIDRaw,JobID,State,User,UID,Start,End,Submit,Eligible,Partition,NodeList,AdminComment,JobName"
int wattle_sacct_parse(const char *text, struct wattle_slurm_jobs *ret, struct wattle_err *err);
/* squeue -h -a -t all -O <WATTLE_SQUEUE_FIELDS>. Columns of so many bytes, the last one as long as it is (22.05): names of users may hold any byte,
 * line ends too, and (26.05) `scontrol show job` has the whole command line among its fields. Nodes that were cut are left out. -ENOENT: no
 * rows; -EPROTO: no such columns. */
#define WATTLE_SQUEUE_FIELDS "JobID:16,JobArrayID:128,State:32,UserName:64,UserID:16,StartTime:24,EndTime:24,SubmitTime:24," \
	"EligibleTime:24,Partition:64,Reason:96,admin_comment:256,Name:64,NodeList:2000"
int wattle_squeue_parse(const char *text, struct wattle_slurm_jobs *ret, struct wattle_err *err);
/* "Key=value" of a one-line record: copies the value, up to a blank. True if it is there. */
bool wattle_scontrol_field(const char *line, const char *key, char *ret, size_t size);
/* "Key   = value" of scontrol show config: up to the line's end. True if it is there. */
bool wattle_scontrol_config(const char *text, const char *key, char *ret, size_t size);
/* True if word stands in a comma-separated list, whatever its case; "word=…" counts too. */
bool wattle_list_has(const char *list, const char *word);

/* What slurmctld still knows of a job. -ENOENT: nothing; -ENODEV: it does not answer. */
int wattle_slurm_jobs_now(const char *id, struct wattle_slurm_jobs *ret, struct wattle_err *err);

/* Asks sacct, and slurmctld for what sacct does not know or thinks is still running. -ENOENT: Slurm knows no such job;
 * -ENODEV: no Slurm here, or it does not answer: err says which. */
int wattle_slurm_jobs_ask(const char *id, struct wattle_slurm_jobs *ret, struct wattle_err *err);

/* Names in a host list, sorted, without repeats: *ret_names is one block, the caller frees. Plain lists ("n1,n2") need nothing; for brackets
 * `scontrol show hostnames` is asked. */
int wattle_slurm_hosts(const char *list, char ***ret_names, size_t *ret_n, struct wattle_err *err);

/* Runs a command of Slurm's with up to 14 words (NULL ends them) and gives its text (the caller frees). -ENODEV: no such program
 * here, or no answer; -ENOENT: it answered, with an error, which err has. */
int wattle_slurm_ask(const char *program, const char *const *words, char **ret_text, struct wattle_err *err);

/* Runs scontrol with up to three words and gives its text (the caller frees). */
int wattle_scontrol_ask(const char *a, const char *b, const char *c, char **ret_text, struct wattle_err *err);

#endif
