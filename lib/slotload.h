/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLOTLOAD_H
#define WATTLE_SLOTLOAD_H

/* How many watts of put-off jobs already wait for which time: derived from the queue by `wattle slots serve` every few seconds, read by
 * the job_submit plugin, so that not every job is put off to the same trough. A file, root's:
 *
 *   v1 made=1763776800 start=1763776800 slot_s=900
 *   0 0 1200 4800 …                                 watts in each slot
 *
 * Pure: no I/O, no allocation, no globals, any thread. */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WATTLE_SLOTS_DIR "/var/lib/wattle/slots"
#define WATTLE_SLOTLOAD_FILE "load"
#define WATTLE_SLOTLOAD_MAX 2048u   /* slots */
#define WATTLE_SLOTLOAD_BYTES_MAX (32u * 1024)
#define WATTLE_SLOTLOAD_STALE_S 60  /* an older file says nothing of the queue: the service makes one every few seconds */

struct wattle_slotload {
	int64_t made_s;  /* Unix time */
	int64_t start_s; /* of the first slot */
	uint32_t slot_s;
	uint32_t n;
	uint32_t watts_w[WATTLE_SLOTLOAD_MAX];
};

/* Adds watts to each slot that [from_s, to_s) touches; what lies outside the slots is left out. Saturates. */
void wattle_slotload_add(struct wattle_slotload *load, int64_t from_s, int64_t to_s, uint64_t watts_w);
/* The greatest of the slots that [from_s, to_s) touches; 0 outside. */
uint32_t wattle_slotload_most(const struct wattle_slotload *load, int64_t from_s, int64_t to_s);

/* Bytes written as snprintf counts them, at most WATTLE_SLOTLOAD_BYTES_MAX. */
size_t wattle_slotload_format(const struct wattle_slotload *load, char *text, size_t size);
/* -EINVAL with name; *ret is then unspecified. */
int wattle_slotload_parse(const char *name, const char *text, struct wattle_slotload *ret, struct wattle_err *err);

#endif
