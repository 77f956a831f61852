/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_SWEEP_H
#define WATTLE_CLI_SWEEP_H

/* What the files of `wattle sweep` share: the same job run under several caps, or on several node counts, one batch job a run.
 *
 * The sweep lives in a folder: state.json (everything below, replaced after each step), lock, out/ (the jobs' output), and at
 * the end the CSV. A run is never forgotten: its stage is written before the job is submitted, and the job's name is the run's own, so
 * that a sweep killed between the two finds it. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "model.h"
#include "scaling.h"
#include "siteconf.h"
#include "sweep.h"

#define SWEEP_REPEATS_MAX 100
#define SWEEP_ARGS_MAX 256
#define SWEEP_CAP_MAX 24     /* "37.5%", with the NUL */
#define SWEEP_FOM_MEASURED "@measured" /* what libwattle_mpi measures */
#define SWEEP_VALUES_MAX 64  /* caps or node counts */

enum sweep_stage {
	SWEEP_TODO,       /* not submitted */
	SWEEP_SUBMITTING, /* sbatch was about to be called */
	SWEEP_QUEUED,     /* waits or runs */
	SWEEP_DONE,       /* measured */
	SWEEP_FAILED,     /* ended without a measurement that counts: a resume runs it again */
	SWEEP_MISSING,    /* ended well, but records are missing: a resume looks again, then runs it again */
};

struct sweep_run {
	char cap[SWEEP_CAP_MAX]; /* as sbatch gets it: "40%", "250W" */
	uint32_t asked_w;        /* what job_submit made of it; 0: not known */
	uint32_t nodes;          /* -N of a scaling sweep; 0: as the user's words say */
	uint32_t repeat, tries;  /* from 1; jobs submitted for it */
	enum sweep_stage stage;
	uint32_t job_id;         /* the last one */
	int64_t submitted_s;     /* wall clock, for the estimate */
	int64_t took_s;          /* from submission to the end */
	double cap_w, time_s, energy_j; /* measured; energy 0: not */
	double fom;              /* figure of merit, 0: none wanted */
	char hosts[256];         /* where it ran, as Slurm says it */
	char host_class[WATTLE_NAME_MAX]; /* of its nodes; "": not known; "mixed" */
	uint32_t max_w;          /* the greatest of those classes, 0: not known */
	char why[256];           /* SWEEP_FAILED, SWEEP_MISSING */
};

struct sweep {
	char dir[PATH_MAX];        /* absolute; not in the state */
	int lock_fd;               /* held while we work on it; not in the state */
	int dir_fd;                /* not in the state */
	char name[WATTLE_MODEL_NAME_MAX];
	uint64_t seed;
	char cwd[PATH_MAX];        /* where sbatch is called */
	char output[PATH_MAX];     /* the profile; "": none is written */
	char conf[PATH_MAX];       /* --conf, "": the usual one */
	char fom[256];             /* regular expression, or SWEEP_FOM_MEASURED; "": run time counts */
	char pinned[256];          /* nodes all runs are to use, "": not known yet or any */
	enum wattle_form form;
	uint32_t parallel;
	bool any_nodes, share, scaling;
	uint32_t n_args;
	char *arg[SWEEP_ARGS_MAX]; /* the user's words for sbatch; owned */
	uint32_t n_runs;
	struct sweep_run *run;     /* in the order they are run; owned */
};

/* --- plan: pure -------------------------------------------------------- */

struct sweep_values {
	uint32_t n;
	char cap[SWEEP_VALUES_MAX][SWEEP_CAP_MAX];
	uint32_t nodes[SWEEP_VALUES_MAX];
};

/* "40%..100%/7" (seven caps, evenly), "150..400/6", "200W,250,100%". -EINVAL, -E2BIG: err says what to write. */
int sweep_caps_parse(const char *text, struct sweep_values *ret, struct wattle_err *err);
/* "1,2,4,8", strictly ascending. */
int sweep_nodes_parse(const char *text, struct sweep_values *ret, struct wattle_err *err);

/* Fills sweep->run: repeat by repeat, within each all values in random order, so that a drift of the machine falls on all of them
 * alike. The same seed gives the same order. With node counts (values->nodes[0] > 0) each run is on so many nodes under the first cap.
 * -E2BIG, -ENOMEM. */
int sweep_plan(struct sweep *sweep, const struct sweep_values *values, uint32_t repeats, struct wattle_err *err);

/* The words that may not stand among the user's: NULL, or why. */
const char *sweep_args_check(char *const *args, uint32_t n, bool scaling, char *buf, size_t size);

uint32_t sweep_count(const struct sweep *sweep, enum sweep_stage stage);
/* "200W, repeat 2" or "4 nodes, repeat 2" */
const char *sweep_run_label(const struct sweep *sweep, const struct sweep_run *run, char *buf, size_t size);

/* The runs that were measured, as a sweep; n may be 0. */
void sweep_measured(const struct sweep *sweep, struct wattle_sweep *ret);
/* The means of each node count: a scaling curve. False: a node count has no run. */
bool sweep_curve(const struct sweep *sweep, struct wattle_scaling *ret);

/* The last match of a regular expression in a text: its first group, or the number in what it matches. 0, -ENOENT (no match),
 * -EINVAL (not a positive number; no regular expression). text is changed. */
int sweep_fom_find(const char *regex, char *text, double *ret, struct wattle_err *err);

/* --- state ------------------------------------------------------------- */

/* Makes the folder and takes its lock. -EEXIST: there is one. */
int sweep_folder_make(struct sweep *sweep, struct wattle_err *err);
/* Takes the lock and reads the state. -EBUSY: another wattle works on it. */
int sweep_folder_open(const char *dir, struct sweep *ret, struct wattle_err *err);
int sweep_save(struct sweep *sweep, struct wattle_err *err);
void sweep_close(struct sweep *sweep);
/* The two halves of it, pure. format: malloc'd, the caller frees. */
int sweep_state_format(const struct sweep *sweep, char **ret_text, struct wattle_err *err);
int sweep_state_parse(const char *text, size_t len, struct sweep *ret, struct wattle_err *err);

/* --- jobs -------------------------------------------------------------- */

/* sbatch --test-only: would Slurm take this run? Sets asked_w where the answer names it. 0 or -EINVAL with Slurm's words. */
int sweep_try(const struct sweep *sweep, struct sweep_run *run, struct wattle_err *err);
/* Submits and saves. 0 or -errno with Slurm's words; the run is then SWEEP_TODO again. */
int sweep_submit(struct sweep *sweep, struct sweep_run *run, struct wattle_err *err);
/* For a run that was SWEEP_SUBMITTING when wattle died: QUEUED if its job is there, else TODO. */
int sweep_find_lost(struct sweep *sweep, struct sweep_run *run, struct wattle_err *err);
int sweep_cancel(const struct sweep_run *run, struct wattle_err *err);

/* Where the output of a run's last job goes. */
void sweep_output_path(const struct sweep *sweep, const struct sweep_run *run, char *ret, size_t size);
/* Where libwattle_mpi leaves what it measured. */
void sweep_measured_path(const struct sweep *sweep, const struct sweep_run *run, char *ret, size_t size);

struct sweep_look {
	bool over;
	char state[32], reason[64];
	char hosts[256];
};
/* What the job of a queued run does. 0; -ENODEV: Slurm does not answer; -ENOENT: it forgot the job. */
int sweep_look(const struct sweep_run *run, struct sweep_look *ret, struct wattle_err *err);
/* The job is over: reads its records and output, sets stage and results. wait_s: how long for records that are not there yet. */
void sweep_collect(struct sweep *sweep, struct sweep_run *run, const char *report_dir, double wait_s);

/* --- terminal ---------------------------------------------------------- */

struct sweep_progress {
	bool tty, quiet, drawn;
	int64_t start_s;    /* when this wattle began, for the estimate */
	uint32_t finished;  /* runs since then */
	char last[200];     /* plain: what was said last */
};

/* One line in place on a terminal; elsewhere a line whenever a run changes. To stderr. */
void sweep_progress_draw(struct sweep_progress *progress, const struct sweep *sweep, const struct sweep_run *run,
			 const struct sweep_look *look, int64_t now_s);
/* A run has ended: a line that stays. */
void sweep_progress_result(struct sweep_progress *progress, const struct sweep *sweep, const struct sweep_run *run, int64_t now_s);
/* A line that stays. */
void sweep_progress_say(struct sweep_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- the end ----------------------------------------------------------- */

/* Writes the CSV, says what is missing, fits, writes the profile. partial: also without all runs. An exit status. */
int sweep_finish(struct sweep *sweep, bool partial, bool json, bool ascii);

#endif
