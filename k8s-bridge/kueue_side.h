/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUEUE_SIDE_H
#define WATTLE_KUEUE_SIDE_H

/* Kueue's side of the ledger: what the API's objects say, and the patch that changes a quota. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct wattle_kueue_quota {
	uint64_t limit_w;      /* nominalQuota */
	uint64_t used_w;       /* reserved by admitted workloads, and by such that are about to be */
	char version[64];      /* the ClusterQueue's resourceVersion */
	char flavor_name[254]; /* whose quota it is */
	unsigned group, flavor, resource; /* where in the object it stands */
};

/* A ClusterQueue. flavor "": the first that has the resource. A queue that may borrow (it is in a cohort, without borrowingLimit 0) has no limit of
 * its own: -EINVAL, as is one without the resource; err says so. */
int wattle_kueue_quota_read(struct json_object *cluster_queue, const char *flavor, const char *resource, struct wattle_kueue_quota *ret,
			    struct wattle_err *err);

/* A JSON Patch, valid for that resourceVersion alone: the server answers 409 if anybody changed the queue since. The caller puts it; NULL: out
 * of memory. */
struct json_object *wattle_kueue_quota_patch(const struct wattle_kueue_quota *quota, uint64_t to_w);

#endif
