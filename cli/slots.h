/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_SLOTS_H
#define WATTLE_CLI_SLOTS_H

/* The watts of put-off jobs over time (slotload.h), from what squeue says. Pure: the caller asks squeue. */

#include "siteconf.h"
#include "slotload.h"

/* squeue -h -a -r -t PENDING -o <this>: why it waits, its start in Unix seconds, time limit, licences, gres per node, nodes. */
#define SLOTS_SQUEUE_FIELDS "%r|%S|%l|%W|%b|%D"

/* Jobs that wait for their begin time, from the slot that holds now on. Slots begin at multiples of slot_s from epoch_s, reach at most
 * to the site's longest delay, or a week if that is more, and become longer where they would not fit. Rows that are none of ours, or make no sense, are left out: *ret_jobs counts the others. */
void slots_from_squeue(const char *text, const struct wattle_siteconf *conf, int64_t now_s, int64_t epoch_s, uint32_t slot_s,
		       struct wattle_slotload *ret, uint32_t *ret_jobs);

#endif
