/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_POD_H
#define WATTLE_POD_H

/* What a node must know of a pod, taken from its JSON as the API server has it. The spec's resources were checked by the scheduler and the
 * kubelet and can't be changed later: they are trusted. Labels and annotations are the user's: bounded, and never able to raise anything.
 * Pure; keeps nothing of the JSON. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "grant.h"
#include "lease.h"

#define WATTLE_POD_WATTS "wattle.hpc/watts"
#define WATTLE_POD_WATTS_ALIAS "intel.com/power"     /* counts in pods that have none of the above */
#define WATTLE_POD_GRANT "wattle.hpc/grant"
#define WATTLE_POD_DECISION "wattle.hpc/decision"    /* the words of its job's, for what was predicted */
#define WATTLE_POD_TIGHTENED "wattle.hpc/tightened"  /* the bridge's, while its queue has less than is in use: watts, a whole number */
#define WATTLE_POD_CONTAINERS_MAX 32                 /* whose ids are kept */
#define WATTLE_CONTAINER_ID_MAX 65                   /* 64 hex digits and NUL */
#define WATTLE_POD_WATTS_MAX 10000000u               /* more says no more: no node has that */

enum wattle_pod_phase { WATTLE_POD_PENDING, WATTLE_POD_RUNNING, WATTLE_POD_SUCCEEDED, WATTLE_POD_FAILED, WATTLE_POD_UNKNOWN };

struct wattle_pod {
	char uid[WATTLE_POD_UID_MAX], name[WATTLE_POD_NAME_MAX]; /* "NAMESPACE/NAME" */
	char node[254], owner[WATTLE_POD_UID_MAX]; /* owner: UID of its controller, "": none */
	uint32_t allocated_w;      /* as the scheduler counted them; 0: none */
	struct wattle_grant grant; /* as annotated; watts_w 0: none, or refused; the profile may be the decision's */
	uint32_t tightened_w;      /* as annotated; 0: not, or refused */
	char refused[200];         /* "": nothing; else one line: what of the annotations was refused, and why */
	enum wattle_pod_phase phase;
	bool bound;                /* given to this node by the scheduler, or taken by its kubelet */
	bool deleting;
	bool ends;                 /* restartPolicy Never, and each of its containers has begun: what has ended stays so */
	uint32_t n_ids;
	char id[WATTLE_POD_CONTAINERS_MAX][WATTLE_CONTAINER_ID_MAX]; /* of its containers, those known; the sandbox has none */
	char job[WATTLE_POD_NAME_MAX]; /* the MPIJob it says it is of; "": none */
	char role[16];             /* "worker", "launcher"; "" */
	uint32_t index;            /* among the workers */
};

/* -EINVAL: no pod, or one without a believable uid, namespace and name; *ret is untouched then. */
int wattle_pod_parse(struct json_object *object, struct wattle_pod *ret, struct wattle_err *err);

/* What it may draw: the allocated watts, or the least that an annotation lowers them to. */
uint32_t wattle_pod_watts(const struct wattle_pod *pod);

/* A quantity as Kubernetes writes them ("312", "1k", "2e2", "1500m"), in whole units, rounded up; WATTLE_POD_WATTS_MAX for what is more. -EINVAL: none. */
int wattle_pod_quantity(const char *text, uint32_t *ret);

#endif
