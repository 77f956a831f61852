/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_RECORDER_H
#define WATTLE_RECORDER_H

/* Writes records from a thread of its own: a shared file system that hangs must not keep limits from being given back. */

#include <stdbool.h>

#include "report.h"

#define WATTLE_RECORDER_ROOM 256 /* records that wait */

struct wattle_recorder;

/* say: called from the thread, with one line of what went wrong. report_dir is copied. NULL: no memory or no thread. */
struct wattle_recorder *wattle_recorder_new(const char *report_dir, void (*say)(bool warning, const char *text));
/* Copied. -ENOBUFS: so many wait already; this one is lost. */
int wattle_recorder_put(struct wattle_recorder *recorder, const struct wattle_pod_record *record);
/* What still waits is written, for two seconds at most; a thread that hangs is left behind with its memory. */
void wattle_recorder_free(struct wattle_recorder *recorder);

#endif
