/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SACCT_DUMP_H
#define WATTLE_SACCT_DUMP_H

/* What `sacct --parsable2` prints, with its header: fields in any order, found by name, others ignored.
 *   SLURM_TIME_FORMAT=%s sacct -a -X -P -S 2025-01-01 -E 2026-01-01 -o WATTLE_SACCT_DUMP_FIELDS
 * Needed: Submit, Start, NNodes or AllocNodes, and ElapsedRaw or End. Times are Unix seconds or ISO 8601; without a zone UTC. A job's
 * ConsumedEnergyRaw is what its steps were measured to consume (tres_alloc's energy: Slurm's sacct/print.c); 0 means not measured.
 * Pure; nothing is allocated. */

#include <stdint.h>

#include "err.h"
#include "trace.h"

#define WATTLE_SACCT_DUMP_FIELDS "JobIDRaw,Partition,Submit,Start,ElapsedRaw,NNodes,NCPUS,State,ConsumedEnergyRaw"

enum wattle_sacct_dump_field {
	WATTLE_DUMP_ID, WATTLE_DUMP_PARTITION, WATTLE_DUMP_SUBMIT, WATTLE_DUMP_START, WATTLE_DUMP_END, WATTLE_DUMP_ELAPSED,
	WATTLE_DUMP_NODES, WATTLE_DUMP_CPUS, WATTLE_DUMP_STATE, WATTLE_DUMP_ENERGY, WATTLE_DUMP_FIELDS,
};

struct wattle_sacct_dump {
	int n;                          /* columns */
	int column[WATTLE_DUMP_FIELDS]; /* -1: not there */
};

/* The header line, without newline; changed. -EINVAL: no header, or one that lacks what is needed: err says what and how to get it. */
int wattle_sacct_dump_begin(struct wattle_sacct_dump *dump, char *header, struct wattle_err *err);

/* One line, without newline; changed. An enum wattle_trace_line, or -EINVAL with a reason that names no line number; then *ret is
 * unspecified. Steps (a '.' in the job id) are WATTLE_TRACE_NOTHING. */
int wattle_sacct_dump_line(const struct wattle_sacct_dump *dump, char *line, struct wattle_trace_job *ret, struct wattle_err *err);

#endif
