/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLURM_SIDE_H
#define WATTLE_SLURM_SIDE_H

/* Slurm's side of the ledger, by Slurm's own commands: a LICENSE_ONLY reservation withholds from licence `power` what is not Slurm's. Needs
 * operator rights. The commands run in a child, each for 10 s at most, so that a dead slurmctld holds nobody up; the child ends with us. */

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_SLURM_SIDE_S 40 /* no report takes longer: then it is one of failure */

struct wattle_slurm_report {
	bool ok;            /* read, whole; else err says why not */
	uint64_t total_w;   /* the licence's */
	uint64_t withheld_w; /* by our reservation */
	uint64_t used_w;    /* by running jobs */
	uint64_t waiting_w; /* what jobs want that could run now but for what they lack */
	struct wattle_err err;
};

struct wattle_slurm_side;

/* Sets the reservation to withhold_w first unless that is UINT64_MAX, then reads. done: once, from the loop, whether that worked or not;
 * whoever frees before is not called. licence, reservation: checked names. NULL: out of memory or processes. */
struct wattle_slurm_side *wattle_slurm_side_ask(struct event_base *base, const char *licence, const char *reservation, uint64_t withhold_w,
						void (*done)(void *arg, const struct wattle_slurm_report *report), void *arg);
void wattle_slurm_side_free(struct wattle_slurm_side *side);

/* Pure. `scontrol show licenses NAME -o`. False: no such line. */
bool wattle_slurm_licence_parse(const char *text, const char *licence, uint64_t *ret_total_w, uint64_t *ret_used_w);
/* `scontrol show reservation NAME -o`: watts of the licence in it. False: no such reservation there. */
bool wattle_slurm_reservation_parse(const char *text, const char *reservation, const char *licence, uint64_t *ret_w);
/* `squeue -h -r -t PD -o "%W|%r"`: jobs that are held, depend on others or begin later want nothing now. */
uint64_t wattle_slurm_waiting_parse(const char *text, const char *licence);

#endif
