/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpi_rounds.h"

#define PER_CALL_S 0.1e-6
#define SHARE 1e-3
#define LATE_S 50e-3
#define LATE_MAX_S 0.5

uint32_t wattle_round_calls(const double agreed[WATTLE_ROUND_N])
{
	double per_call_s = agreed[WATTLE_ROUND_PER_CALL], may_s = SHARE * per_call_s, n, in_step;

	if (!(may_s > PER_CALL_S))
		may_s = PER_CALL_S;
	n = -agreed[WATTLE_ROUND_COST] / may_s;
	in_step = agreed[WATTLE_ROUND_WAITED] / may_s;
	if (in_step * per_call_s > LATE_S)
		in_step = LATE_S / per_call_s;
	if (in_step > n)
		n = in_step;
	if (n * per_call_s > LATE_MAX_S)
		n = LATE_MAX_S / per_call_s;
	if (!(n > 1))
		return 1;
	return n < WATTLE_ROUND_CALLS_MAX ? (uint32_t) n + 1 : WATTLE_ROUND_CALLS_MAX;
}
