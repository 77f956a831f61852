/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_LEASE_PRIVATE_H
#define WATTLE_LEASE_PRIVATE_H

/* What the files of the lease share. lease.c runs the transactions, lease_lock.c is their line, lease_store.c the folder and its two
 * generations, lease_book.c the book's form, lease_entries.c who holds what, lease_apply.c the hardware.
 * doc/adr/0001-lease-book.md says why a kill at any instruction is survived. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lease.h"

#define LEASE_LIMITS_MAX (WATTLE_ZONES_MAX * WATTLE_CONSTRAINTS)
#define LEASE_BOOK_BYTES_MAX (8u * 1024 * 1024)
/* A baseline outside of this was never read from a package: no book is believed that claims so. */
#define LEASE_BASELINE_MIN_UW 1000000u      /* 1 W */
#define LEASE_BASELINE_MAX_UW 65535000000u  /* 65.5 kW */

struct lease {
	const struct wattle_node *node;
	int dirfd;                    /* run_dir, holds the lock; -1: not open */
	struct wattle_book *book;
	char *on_disk;                /* the last generation as it stands on disk, malloc'd; NULL: there is none */
	bool dirty;                   /* the book in hand differs from the one on disk */
	bool light;                   /* the change gives no cause to look at the hardware, if nothing else does */
	uint32_t more_pods;           /* room for that many pods is needed */
	bool pods_told;               /* the change says which pods there are: nothing to sweep among them */
	bool recovered;               /* in hand is the previous generation: the last one was lost */
	uint64_t now_ns;              /* of wattle_boottime_ns, read with the lock held */
	struct wattle_outcome *outcome;
};

void lease_event(struct wattle_outcome *outcome, enum wattle_event_kind kind, uint32_t job_id, uint32_t step_id,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* --- lease_book.c: pure --- */

/* An empty book of this boot with that much room; NULL: no memory. Freed with free(). */
struct wattle_book *lease_book_new(const char *boot_id, uint32_t room_jobs, uint32_t room_steps, uint32_t room_pods);
/* *ret is malloc'd, caller frees; -ENOMEM. */
int lease_book_format(const struct wattle_book *book, char **ret_text, size_t *ret_len);
/* *ret is malloc'd, with room for one more job and step than the text has, if there may be more, and for room_pods pods at least; caller frees.
 * -EINVAL with err: not to be believed, in any part; -ENOMEM. */
int lease_book_parse(const char *text, size_t len, uint32_t room_pods, struct wattle_book **ret, struct wattle_err *err);

/* --- lease_lock.c --- */

/* flock on fd, in line behind those who came before, for at most wait_ms (a thread of this call waits; it ends with the call).
 * -ETIMEDOUT: busy, err says who has it and how many wait. path is for messages. */
int lease_lock(int fd, uint32_t wait_ms, const char *path, struct wattle_err *err);

/* --- lease_store.c --- */

/* Opens run_dir (make: makes it), refuses one that is not root's, and locks it (lock: mends its mode, too). */
int lease_store_open(struct lease *lease, bool make, bool lock, struct wattle_err *err);
/* Unlocks, and frees what is in hand. */
void lease_store_close(struct lease *lease);
/* Puts the book into lease->book: the last generation, else the previous one, else an empty one. */
int lease_store_load(struct lease *lease, struct wattle_err *err);
/* Only looks: -EINVAL and the like if the book can't be believed; *ret empty if there is none of this boot. */
int lease_store_peek(struct lease *lease, struct wattle_book **ret, struct wattle_err *err);
int lease_store_save(struct lease *lease, struct wattle_err *err);

/* --- lease_entries.c: the book in hand, no files --- */

struct wattle_lease_job *lease_job_find(const struct wattle_book *book, uint32_t job_id);
int lease_job_add(struct wattle_book *book, const struct wattle_lease_job *job, struct wattle_err *err);
/* With its steps. False: there was none. */
bool lease_job_remove(struct wattle_book *book, uint32_t job_id);
struct wattle_lease_step *lease_step_find(const struct wattle_book *book, uint32_t job_id, uint32_t step_id,
					  const struct wattle_proc *holder);
int lease_step_add(struct wattle_book *book, const struct wattle_lease_step *step, struct wattle_err *err);
bool lease_step_remove(struct wattle_book *book, uint32_t job_id, uint32_t step_id, const struct wattle_proc *holder);
/* False: jobs of this user have all the steps that one user may have here. */
bool lease_user_has_room(const struct wattle_book *book, uid_t uid);
bool lease_job_has_steps(const struct wattle_book *book, uint32_t job_id);
struct wattle_lease_pod *lease_pod_find(const struct wattle_book *book, const char *uid);
int lease_pod_add(struct wattle_book *book, const struct wattle_lease_pod *pod, struct wattle_err *err);
/* True if uid is a UID (hex digits and '-', 36 of them) and name "NAMESPACE/NAME" of plain characters. */
bool lease_pod_named(const char *uid, const char *name);
/* Removes what nobody holds any more. */
void lease_entries_sweep(struct lease *lease);

/* --- lease_apply.c --- */

/* min(grant, least ask of the job's steps). */
uint32_t lease_job_watts(const struct wattle_book *book, const struct wattle_lease_job *job);
/* Node watts in force for these entries; 0: no cap. */
uint32_t lease_effective_watts(const struct wattle_book *book, const struct wattle_node *node);

enum lease_verdict {
	LEASE_OURS,
	LEASE_SET_BACK,  /* somebody else put the baseline there */
	LEASE_FOREIGN,   /* somebody else's value */
};
/* Whose value a limit holds. recovered: the last generation is lost, and with it what it meant to write. */
enum lease_verdict lease_limit_judge(const struct wattle_lease_limit *limit, uint64_t now_uw, bool recovered);

/* Brings the hardware to what the entries say, journaled. 0, or the error that kept the journal from being written: then baselines
 * were put back all the same and no cap was set. */
int lease_apply(struct lease *lease, struct wattle_err *err);

#endif
