/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <math.h>

#include "ask.h"

uint32_t wattle_ask_watts(const struct wattle_watts *said, uint32_t step_nodes, uint32_t node_max_w)
{
	double watts = 0;

	switch (said->kind) {
	case WATTLE_WATTS_NONE:
		return 0;
	case WATTLE_WATTS_PER_NODE:
		watts = said->value;
		break;
	case WATTLE_WATTS_PER_JOB:
		watts = said->value / (step_nodes ? step_nodes : 1);
		break;
	case WATTLE_WATTS_PERCENT:
		watts = node_max_w * said->value / 100;
		break;
	}
	/* 70% of 400 W is 280 W, whatever binary fractions make of it. */
	watts = ceil(watts - 1e-6);
	if (!(watts >= 1))
		return 1;
	return watts >= (double) UINT32_MAX ? UINT32_MAX : (uint32_t) watts;
}
