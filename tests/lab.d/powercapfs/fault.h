/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults a test asks of the simulated hardware; README.md beside this file has the grammar. Pure: text in, verdict out.
 */
#ifndef PCFS_FAULT_H
#define PCFS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define PCFS_FAULTS_MAX 64
/* Longest `slow`: a test that wants more has lost its patience bound. */
#define PCFS_FAULT_SLOW_MAX_MS 600000U

enum pcfs_fault_op {
	PCFS_OP_READ = 1,
	PCFS_OP_WRITE = 2,
};

enum pcfs_fault_kind {
	PCFS_FAULT_ERRNO,       /* the operation fails with arg */
	PCFS_FAULT_IGNORED,     /* a write succeeds and changes nothing */
	PCFS_FAULT_OFFSET,      /* the value taken or shown is arg more */
	PCFS_FAULT_AT_MOST,     /* the value taken or shown is at most arg */
	PCFS_FAULT_AT_LEAST,
	PCFS_FAULT_TEXT,        /* a read gives this text */
	PCFS_FAULT_SLOW,        /* the operation takes arg ms longer */
	PCFS_FAULT_LOCK,        /* as the kernel behaves under a BIOS lock */
	PCFS_FAULT_MISSING,     /* the file, zone or control type is not there */
};

struct pcfs_fault {
	unsigned ops;           /* PCFS_OP_* */
	char zone[48];          /* glob: the zone's directory or name, or the control type */
	char file[48];          /* glob */
	enum pcfs_fault_kind kind;
	int64_t arg;
	char text[48];
	bool counted;
	uint64_t left;          /* how often it may still strike, if counted */
};

struct pcfs_faults {
	unsigned count;
	struct pcfs_fault fault[PCFS_FAULTS_MAX];
};

/* One line; 1 and *ret filled, 0 for an empty line or comment, or -EINVAL with err saying what was expected. */
int pcfs_fault_parse(const char *line, struct pcfs_fault *ret, struct pcfs_err *err);

/*
 * A whole file (text ends with NUL). Lines that don't parse are left out, the others hold: returns the number of bad
 * lines, with err naming the first.
 */
int pcfs_faults_parse(const char *text, struct pcfs_faults *ret, struct pcfs_err *err);

/* What a directory entry or operation is matched on. zone is the zone's or control type's directory. */
struct pcfs_subject {
	const char *zone;
	const char *zone_name;  /* package-0, or "" */
	const char *file;       /* "" for the directory itself */
};

/* Is it hidden? A rule hides a zone, with all that is in it, when its FILE glob is "*" or ".". */
bool pcfs_faults_missing(const struct pcfs_faults *faults, const struct pcfs_subject *subject);

/*
 * The fault that strikes this operation: the first line that matches and has strikes left, or NULL; its count goes
 * down. `slow` lines are no verdict: the delays of those before the verdict add up in *ret_slow_ms and each counts.
 * `lock` strikes writes of limits and windows, and both reads and writes of a zone's `enabled`.
 */
const struct pcfs_fault *pcfs_faults_strike(struct pcfs_faults *faults, enum pcfs_fault_op op,
					    const struct pcfs_subject *subject, uint64_t *ret_slow_ms);

/* Value after an offset, at-most or at-least fault; never below 0. Other kinds leave it alone. */
uint64_t pcfs_fault_value(const struct pcfs_fault *fault, uint64_t value);

#endif
