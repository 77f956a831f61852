/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_MPI_PMIX_H
#define WATTLE_MPI_PMIX_H

/* What PMIx has for a rank: requests that come as events, and where it runs. MPI starts and ends PMIx; here it is only used, and only if MPI
 * uses the very library that we are linked with. Without PMIx all of it says that there is nothing. */

#include <stdbool.h>
#include <stdint.h>

/* After MPI_Init. Asks the rank's server for events; its answer is not waited for. Once. */
void wattle_pmix_listen(void);
/* Whether a request came since `after_ns` (monotonic clock). Any thread. */
bool wattle_pmix_asked_since(int64_t after_ns);
/* Before MPI_Finalize. */
void wattle_pmix_end(void);

struct wattle_pmix_place {
	char job[256];                     /* namespace: the launcher's name for this start of the program; "": not known */
	uint32_t nodes, node;              /* nodes of the job; this one's number. nodes 0: not known */
	uint32_t ranks, rank, local_rank;  /* of the job; this one; this one among those of the node */
};
/* False, with *ret untouched: no PMIx. */
bool wattle_pmix_place(struct wattle_pmix_place *ret);

#endif
