/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SPANK_RECORD_H
#define WATTLE_SPANK_RECORD_H

#include <sys/types.h>

#include "err.h"
#include "report.h"

/* wattle_report_append, for at most two seconds: report_dir may be a network file system that hangs. -ETIMEDOUT: then the
 * record may or may not get there. */
int wattle_record_write(const char *report_dir, const struct wattle_record *record, gid_t gid, struct wattle_err *err);

#endif
