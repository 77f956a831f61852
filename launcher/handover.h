/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_HANDOVER_H
#define WATTLE_HANDOVER_H

/* What wattlerun asks of wattle-resize, in the job's comment: the one thing of a running job that its owner may write and an
 * EpilogSlurmctld sees. The rest of the comment, behind " | ", is the user's own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WATTLE_COMMENT_MAX 1024 /* bytes, with the NUL; longer ones of users are cut */

struct wattle_handover {
	uint32_t run;    /* SLURM_RESTART_COUNT of the run that asks: a comment from before asks for nothing */
	uint32_t nodes;
	int64_t begin_s; /* UTC; 0: at once */
};

/* The words, and " | " with the user's own comment if there is one. */
void wattle_handover_format(const struct wattle_handover *handover, const char *own, char *text, size_t size);
/* False if the comment begins with no such words. */
bool wattle_handover_parse(const char *comment, struct wattle_handover *ret);
/* The user's own part of a comment that may have words of ours before it; never NULL. */
const char *wattle_comment_own(const char *comment);

#endif
