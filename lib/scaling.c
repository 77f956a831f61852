/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scaling.h"

#include <errno.h>
#include <math.h>

#include "units.h"

#define NODES_MAX 1000000u
#define THROUGHPUT_MAX_PER_S 1e18

int wattle_scaling_check(const struct wattle_scaling *scaling, struct wattle_err *err)
{
	if (scaling->n > WATTLE_SCALING_MAX)
		return wattle_err_set(err, ERANGE, "a scaling curve of %u points: at most %d are taken", scaling->n,
				      WATTLE_SCALING_MAX);
	for (uint32_t i = 0; i < scaling->n; i++) {
		const struct wattle_scaling_point *p = &scaling->point[i];

		if (p->nodes < 1 || p->nodes > NODES_MAX)
			return wattle_err_set(err, ERANGE, "%u nodes in a scaling curve: 1 to %u are taken", p->nodes, NODES_MAX);
		if (i > 0 && p->nodes <= p[-1].nodes)
			return wattle_err_set(err, EINVAL, "%u nodes stand twice in a scaling curve, or out of order", p->nodes);
		if (!isfinite(p->throughput_per_s) || !(p->throughput_per_s > 0) || p->throughput_per_s > THROUGHPUT_MAX_PER_S)
			return wattle_err_set(err, ERANGE, "throughput on %u nodes is %g: a positive number is needed", p->nodes,
					      p->throughput_per_s);
		if (!isfinite(p->power_w) || !(p->power_w > 0) || p->power_w > WATTLE_WATTS_MAX)
			return wattle_err_set(err, ERANGE, "power on %u nodes is %g W: a positive number of watts is needed",
					      p->nodes, p->power_w);
	}
	return 0;
}
