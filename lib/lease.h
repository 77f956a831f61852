/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_LEASE_H
#define WATTLE_LEASE_H

/* The lease book of a node (/run/wattle, root, 0700): the only owner of the node's power limits.
 *
 * It keeps the baseline of every limit, captured once and only while no lease lives; an entry per job and one per step under
 * it, an entry per pod; the boot id. Each call below is one transaction: lock (flock, in line, at most lock_wait_ms), read, sweep entries whose holders
 * are dead, change, journal the intent (fsync + rename), write the limits, read them back, journal the outcome, unlock.
 * Killed anywhere in between, the next call by anybody finishes or undoes it.
 *
 * effective node watts = sum over jobs of min(grant, least ask of its live steps), and over pods of their watts; no cap while that
 * reaches the node's max_w.
 * Package watts = effective - base_w, split evenly, each limit = min(its share, its baseline), clamped to what the hardware takes.
 * When the last lease goes each limit gets its baseline back only if it still holds what we wrote; another's value is
 * kept and reported. Seen during a lease, it becomes the baseline, and the lower of it and the effective cap applies. A restore that
 * failed stays owed and is retried at each call; no new baseline is taken there meanwhile. After a reboot (boot id) the book is void.
 *
 * A torn, hostile or unreadable book is set aside as book.bad.N and reported: limits are then what they are, and the
 * zones are restored as far as the previous generation of the book (book.prev) can say.
 *
 * Threads: one inside while waiting for the lock, gone when the call returns; callers in several processes exclude each
 * other by the lock. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cap.h"
#include "err.h"
#include "proc.h"

#define WATTLE_RUN_DIR "/run/wattle"
#define WATTLE_JOBS_MAX 1024      /* per node */
#define WATTLE_STEPS_MAX 4096     /* per node */
#define WATTLE_PODS_MAX 1024      /* per node; a kubelet takes 110 unless told otherwise */
#define WATTLE_STEPS_USER_MAX 3072 /* of one user's jobs there: nobody can leave the others without room */
#define WATTLE_STEP_INTERACTIVE 0xfffffffau /* as Slurm numbers them: SLURM_INTERACTIVE_STEP; below are srun's */
#define WATTLE_STEP_BATCH 0xfffffffbu   /* SLURM_BATCH_SCRIPT */
#define WATTLE_STEP_EXTERN 0xfffffffcu  /* SLURM_EXTERN_CONT */
#define WATTLE_PENDING_MAX_S 120  /* how long an entry may live between the prolog and its first slurmstepd */

/* What the caller knows of the node; all strings must outlive the call. */
struct wattle_node {
	const char *run_dir;      /* WATTLE_RUN_DIR; made if missing (0700, root) */
	const char *host;         /* for messages */
	uint32_t base_w, min_w, max_w; /* the node's class */
	uint32_t lock_wait_ms;    /* in line for the book; -ETIMEDOUT after that, of nothing else; 0: 10 s */
};

enum wattle_event_kind {
	WATTLE_EVENT_SWEPT,        /* a job's or step's holder was dead: entry removed */
	WATTLE_EVENT_FOREIGN,      /* somebody else's limit was found, kept, and is the baseline now */
	WATTLE_EVENT_CAP_FAILED,   /* a limit did not take */
	WATTLE_EVENT_RESTORE_OWED, /* a baseline could not be put back; will be retried */
	WATTLE_EVENT_RESTORED_LATE,/* an owed baseline was put back now */
	WATTLE_EVENT_BOOK_BAD,     /* the book could not be believed and was set aside */
	WATTLE_EVENT_ASK_ABOVE,    /* a step named more than the grant: runs at the grant */
	WATTLE_EVENT_FOLDER_MENDED,/* run_dir was root's, but not for root alone: it is now */
};

struct wattle_event {
	enum wattle_event_kind kind;
	uint32_t job_id, step_id;
	char text[256];            /* a whole line for the log or the user */
};

#define WATTLE_EVENTS_MAX 16
struct wattle_outcome {
	uint32_t effective_w;      /* node watts in force; 0: no cap */
	uint32_t job_w;            /* what this job has of it: min(grant, asks); 0: no entry. In *_end calls this, grant_w, cap_failed and
				      job_shared are as they were before the end */
	uint32_t grant_w;          /* the job's grant; 0: no entry */
	bool cap_failed;           /* the effective cap is not in force on some limit (now, or since the job's prolog) */
	bool job_shared;           /* another job had an entry at some time while this job had one */
	char cap_failure[256];     /* which limit, wanted, read */
	uint32_t before_w;         /* node watts in force when the call came, as effective_w: for the *_end calls what held until now */
	uint64_t apply_ns;         /* time spent writing and reading back */
	uint32_t n_events, n_events_lost;
	struct wattle_event event[WATTLE_EVENTS_MAX];
};

/* Each returns 0 or -errno with err (lock, disk, no zones …). A limit that did not take is not an error of the call: it is
 * outcome.cap_failed, and is remembered in the job's entry until a later apply succeeds. outcome is always filled as far as known. */

/* At the job's start on this node, before any slurmstepd: pending until the first holder comes, at most WATTLE_PENDING_MAX_S and no longer than `parent` (slurmd) lives. A job that has an
 * entry (requeue) gets it anew. */
int wattle_lease_job_begin(const struct wattle_node *node, uint32_t job_id, uid_t uid, uint32_t grant_w,
			   const struct wattle_proc *parent, struct wattle_outcome *ret, struct wattle_err *err);
/* A slurmstepd comes: holder of its job. ask_w 0: names no watts. -ENOENT: the job has no entry on this node. */
int wattle_lease_step_begin(const struct wattle_node *node, uint32_t job_id, uint32_t step_id, uint32_t ask_w,
			    const struct wattle_proc *holder, struct wattle_outcome *ret, struct wattle_err *err);
/* It goes; with the last holder the job's entry goes too. No entry: 0. */
int wattle_lease_step_end(const struct wattle_node *node, uint32_t job_id, uint32_t step_id,
			  const struct wattle_proc *holder, struct wattle_outcome *ret, struct wattle_err *err);
/* The job's epilog: entry and steps go whatever lives. */
int wattle_lease_job_end(const struct wattle_node *node, uint32_t job_id, struct wattle_outcome *ret, struct wattle_err *err);
/* Nothing but the sweep (slurmd start, agent, `wattle lease sweep`). */
int wattle_lease_sweep(const struct wattle_node *node, struct wattle_outcome *ret, struct wattle_err *err);
/* The pods that hold leases here, all of them (Kubernetes alone): entries that are not named go, new ones come, in one transaction, so that the
 * limits move once. Of pods are read: uid, name, watts_w (from 1 on), holder, keeper. Whether a pod has ended is for the keeper to
 * say; other calls sweep a pod whose holder is dead, and one that never had a holder WATTLE_PENDING_MAX_S after its begin if its keeper is dead.
 * -EINVAL: a uid or name that is none, a uid twice, no watts; -ENOBUFS: too many; then no entry has changed. */
struct wattle_lease_pod;
int wattle_lease_pods_set(const struct wattle_node *node, const struct wattle_lease_pod *pods, uint32_t n, struct wattle_outcome *ret,
			  struct wattle_err *err);

/* Reading the book without changing anything, for people and for the agent's watch. *ret is malloc'd, caller frees. */
struct wattle_lease_step { uint32_t job_id, step_id, ask_w; struct wattle_proc holder; };
struct wattle_lease_job {
	uint32_t job_id; uid_t uid; uint32_t grant_w; bool pending; struct wattle_proc parent;
	uint64_t since_ns; bool shared, cap_failed; char cap_failure[256];
};
#define WATTLE_POD_UID_MAX 37     /* with the NUL */
#define WATTLE_POD_NAME_MAX 320   /* "NAMESPACE/NAME", with the NUL */
struct wattle_lease_pod {
	char uid[WATTLE_POD_UID_MAX], name[WATTLE_POD_NAME_MAX];
	uint32_t watts_w;              /* what it may draw here */
	struct wattle_proc holder;     /* lives as long as the pod does here; pid 0: not there yet */
	struct wattle_proc keeper;     /* who tells of the pod: the agent */
	uint64_t since_ns; bool shared, cap_failed; char cap_failure[256];
};
struct wattle_lease_limit {
	char control[32], zone[32]; uint32_t constraint; uint64_t baseline_uw, wrote_uw; bool owed;
	uint64_t intent_uw;        /* last asked of the hardware */
	bool intent_open;          /* journaled, not yet known to have been done */
};
struct wattle_book {
	char boot_id[37];
	uint32_t n_jobs, n_steps, n_pods, n_limits;
	uint32_t room_jobs, room_steps, room_pods; /* how many the lists below can hold */
	struct wattle_lease_job *job;     /* point into the same allocation */
	struct wattle_lease_step *step;
	struct wattle_lease_pod *pod;
	struct wattle_lease_limit *limit;
};
/* No book, or one of another boot: an empty one. -EINVAL and the like: the book can't be believed; the next transaction will see to it. */
int wattle_lease_read(const struct wattle_node *node, struct wattle_book **ret, struct wattle_err *err);

#endif
