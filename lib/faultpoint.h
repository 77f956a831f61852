/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_FAULTPOINT_H
#define WATTLE_FAULTPOINT_H

/* Places at which a test may kill the process: only in a build with --enable-fault-points. */

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef WATTLE_FAULT_POINTS
/* If /run/wattle-faultpoint holds "NAME" or "NAME skip=N" (N: passes to let by): removes the file and dies by SIGKILL. */
void wattle_fault_point(const char *name);
#else
#define wattle_fault_point(name) ((void) 0)
#endif

#endif
