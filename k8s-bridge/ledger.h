/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_LEDGER_H
#define WATTLE_LEDGER_H

/* One budget of watts over two schedulers. On Slurm's side a LICENSE_ONLY reservation withholds the part of licence `power` that is not Slurm's;
 * on Kubernetes' side the nominalQuota of one ClusterQueue is what Kueue may admit. This is who gets how much, and in which order it is
 * changed: pure, no I/O, no clock.
 *
 * The invariant: what either side may hand out never sums to more than the budget, whatever dies between two steps. A side that is
 * unknown counts with the most it may have been set to, and a side that uses more than it was set to counts with its use. So the receiver is
 * raised only after the giver was seen lowered *and* using no more than that. Each call gives the one next step; after it was tried both sides
 * are read again, and whoever starts from nothing goes on from what is seen.
 *
 * Lowering never evicts by itself (Slurm accepts a reservation over licences in use, Kueue keeps what is admitted): use falls as jobs end.
 * If Kueue's has not after patience_s, caps of its running pods are lowered to what it may have, and given back when it uses no more. That
 * frees nothing: what is reserved counts whole, so nobody has to trust that a cap is in force. Jobs are stopped last, only if the site said so, and
 * come back when there is room. Licences of Slurm's running jobs can't be lowered: people are told. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum wattle_ledger_side { WATTLE_LEDGER_SLURM, WATTLE_LEDGER_KUEUE, WATTLE_LEDGER_SIDES };

/* From wattle.conf, [ledger]. */
struct wattle_ledger_rules {
	uint32_t budget_w;                          /* of both together; 0: there is no ledger */
	uint32_t min_w[WATTLE_LEDGER_SIDES];        /* each side keeps at least so much */
	uint32_t max_w[WATTLE_LEDGER_SIDES];        /* and gets no more; 0: the budget */
	uint32_t grain_w;                           /* smaller shifts are not worth it; >= 1 */
	uint32_t patience_s;                        /* for use to fall by itself */
	uint32_t evict_after_s;                     /* and then, with lowered caps, before jobs are stopped; 0: they never are */
};

/* 0, or -EINVAL with what is wrong: minima above the budget, a minimum above its maximum. */
int wattle_ledger_check(const struct wattle_ledger_rules *rules, struct wattle_err *err);

/* A side as it was last read. */
struct wattle_ledger_view {
	bool known;          /* read, whole, after the last step that was tried there */
	uint64_t limit_w;    /* what it may hand out: set there now */
	uint64_t used_w;     /* handed out now */
	uint64_t wanted_w;   /* what its running and waiting jobs want together, >= used_w */
};

/* What Kueue's jobs have been through, and for how long either side has used more than its limit (0: it does not). */
struct wattle_ledger_past {
	uint64_t over_s[WATTLE_LEDGER_SIDES];
	bool tightened;        /* caps of some of its jobs are lowered */
	uint64_t tightened_s;  /* for so long, of those that run */
	uint64_t leaving_w;    /* of used_w: jobs that were stopped and still hold it */
	uint64_t evicted_w;    /* of the one that was stopped and should come back first; 0: none */
};

enum wattle_ledger_what {
	WATTLE_LEDGER_WAIT,    /* nothing to do, or not yet: why says so */
	WATTLE_LEDGER_LOWER,   /* set side's limit to to_w, less than it is */
	WATTLE_LEDGER_RAISE,   /* set side's limit to to_w: everything that this needs was seen */
	WATTLE_LEDGER_TELL,    /* side uses excess_w more than its limit, and people alone can change it */
	WATTLE_LEDGER_TIGHTEN, /* the same, of Kueue: caps of its pods to be at to_w of what they use; also if they are */
	WATTLE_LEDGER_EVICT,   /* … still: stop jobs worth excess_w */
	WATTLE_LEDGER_LOOSEN,  /* Kueue uses no more than its limit: caps back */
	WATTLE_LEDGER_RESUME   /* … and has room for the first of the stopped */
};

struct wattle_ledger_step {
	enum wattle_ledger_what what;
	enum wattle_ledger_side side;
	uint64_t to_w;
	uint64_t excess_w;
	char why[160];
};

void wattle_ledger_next(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
			const struct wattle_ledger_past *past, struct wattle_ledger_step *ret);

/* How the budget should be split now by demand, within the bounds: each side its wish while they fit, else its fair share (water filling); what
 * nobody wants stays where it is. Sums to the budget at most. */
void wattle_ledger_split(const struct wattle_ledger_rules *rules, const struct wattle_ledger_view view[WATTLE_LEDGER_SIDES],
			 uint64_t ret_w[WATTLE_LEDGER_SIDES]);

#endif
