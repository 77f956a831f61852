/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_EVENT_H
#define WATTLE_EVENT_H

#include <sys/types.h>

/* Notifies all processes of the job that mpirun `pid` runs of PMIX_JCTRL_CHECKPOINT, by a helper process of its own: libpmix, and a server
 * that does not answer, stay out of wattlerun. 0: the server has taken it; negative: it has not, or there is no helper (built without
 * PMIx, an mpirun whose PMIx is another one). Returns within seconds. */
int wattle_event_send(pid_t pid);

#endif
