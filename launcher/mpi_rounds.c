/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpi_rounds.h"

#define PER_CALL_S 0.5e-6
#define SHARE 1e-3

uint32_t wattle_round_calls(const double agreed[WATTLE_ROUND_N])
{
	double may_s = SHARE * agreed[WATTLE_ROUND_PER_CALL], n;

	if (!(may_s > PER_CALL_S))
		may_s = PER_CALL_S;
	n = -agreed[WATTLE_ROUND_COST] / may_s;
	if (!(n > 1))
		return 1;
	return n < WATTLE_ROUND_CALLS_MAX ? (uint32_t) n + 1 : WATTLE_ROUND_CALLS_MAX;
}
