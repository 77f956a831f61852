/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FAULT_RIG_H
#define WATTLE_FAULT_RIG_H

/* What the fault tests of the lease book stand on: a node of its own (a powercap tree, a boot id, a run directory, made by
 * tests/fault/in-node), and actors: processes that play slurmd, a prolog, a slurmstepd, an agent, and that can die. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lease.h"

#define RIG_RUN_DIR "/run/wattle"
#define RIG_FAULTPOINT "/run/wattle-faultpoint"
#define RIG_BOOT_ID "/run/boot_id"    /* bound over the kernel's */
#define RIG_FAULTS "/run/powercapfs/faults"
#define RIG_ZONES 2u
#define RIG_PODS 2u

enum rig_op { RIG_JOB_BEGIN, RIG_STEP_BEGIN, RIG_STEP_END, RIG_JOB_END, RIG_SWEEP, RIG_PODS_SET };

struct rig_call {
	enum rig_op op;
	uint32_t job_id, step_id, watts_w;
	struct wattle_proc parent;    /* of RIG_JOB_BEGIN; of RIG_PODS_SET the pods' sandbox */
	uint32_t pod_w[RIG_PODS];     /* of RIG_PODS_SET; 0: no such pod */
};

struct rig_answer {
	int rc;
	struct wattle_err err;
	struct wattle_outcome outcome;
};

struct actor {
	pid_t pid;                    /* 0: none */
	int to, from;
	struct wattle_proc proc;
};

extern const struct wattle_node rig_node;

/* Ends the program on trouble of the rig itself, in TAP's way. */
__attribute__((format(printf, 1, 2), noreturn)) void rig_bail(const char *format, ...);

void actor_start(struct actor *actor);
/* 1: it answered; 0: it died. A step's holder is the actor itself. */
int actor_call(struct actor *actor, const struct rig_call *call, struct rig_answer *ret);
void actor_kill(struct actor *actor);
/* One call by a process made for it, like a prolog's or an epilog's. */
int once(const struct rig_call *call, struct rig_answer *ret);

/* The node's limits as any reader sees them, in uW: [zone][constraint]. */
struct limits { uint64_t uw[RIG_ZONES][WATTLE_CONSTRAINTS]; };
struct limits limits_read(void);
void limits_write(const struct limits *limits);
bool limits_equal(const struct limits *a, const struct limits *b);
/* What the limits must be while effective_w node watts are in force (0: none) over these baselines. */
struct limits limits_under(const struct limits *baseline, uint32_t effective_w);
const char *limits_text(const struct limits *limits);

/* True if the limits are what the book's own entries call for, computed here again, and each entry has a living holder; no entry, no
 * limit. Else why says what is wrong. ret_there, unless NULL: job_id has an entry. */
bool node_consistent(const struct limits *baseline, uint32_t job_id, bool *ret_there, char *why, size_t size);

void boot_id_new(void);
void run_dir_wipe(void);
void file_write(const char *path, const char *text);

/* TAP */
void tap(bool ok, const char *why, const char *format, ...) __attribute__((format(printf, 3, 4)));
int tap_done(void);
extern unsigned tap_count, tap_failures;

#endif
