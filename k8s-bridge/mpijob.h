/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_K8S_MPIJOB_H
#define WATTLE_K8S_MPIJOB_H

/* An MPIJob (kubeflow.org/v2beta1) in the terms of the flow: annotations become the request, replicas, CPUs and eligible nodes the facts.
 * Everything in it is its user's: types, sizes and texts are checked, nothing is believed. Pure but for what the arguments hold.
 *
 * "Node" means worker pod. A LocalQueue's name (label kueue.x-k8s.io/queue-name) that wattle.conf has as a [partition] is the job's
 * partition; else the classes of the nodes that its workers may land on decide. Time limit: .spec.runPolicy.activeDeadlineSeconds. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "flow.h"
#include "nodes.h"
#include "siteconf.h"

#define WATTLE_ANNOTATION "wattle.hpc/"
#define WATTLE_ANNOTATION_DECISION "wattle.hpc/decision" /* ours, for people: what was decided, or why it was refused */
#define WATTLE_ANNOTATION_GRANT "wattle.hpc/grant"       /* ours: grant.h's line */
#define WATTLE_ANNOTATION_PLAN "wattle.hpc/plan"         /* ours: plan_text.h's line of a scaled job */
#define WATTLE_ANNOTATION_START "wattle.hpc/start"       /* ours: not before, ISO 8601 */
#define WATTLE_ANNOTATION_ASKED "wattle.hpc/asked"       /* ours: wattle_mpijob_digest of what was decided on */
#define WATTLE_ANNOTATION_HELD "wattle.hpc/held"         /* ours: we suspended it, and why: "start", "refused", "watts", "scale"; what others suspend is theirs */
#define WATTLE_ANNOTATION_CHECKPOINT "wattle.hpc/checkpoint" /* ours: a scaled job will be stopped then, ISO 8601 */
#define WATTLE_WATTS_RESOURCE "wattle.hpc/watts"
#define WATTLE_KUEUE_QUEUE "kueue.x-k8s.io/queue-name"
#define WATTLE_KUEUE_GATES "kueue.x-k8s.io/admission-gated-by"
#define WATTLE_KUEUE_GATE "wattle.hpc/start"             /* our name in that list */
#define WATTLE_K8S_NAME_MAX 254

/* Who else may be at work on the cluster; zeros: nobody. */
struct wattle_k8s_site {
	const struct wattle_siteconf *conf;
	struct wattle_sources *sources;
	const struct wattle_nodes *nodes;
	const char *resource;       /* of watts; NULL: WATTLE_WATTS_RESOURCE */
	bool kueue;                 /* Kueue serves MPIJobs here */
	bool kueue_all;             /* … and takes those without a queue's name too (manageJobsWithoutQueueName) */
	/* … or has a LocalQueue "default" in that namespace; NULL: no namespace has. */
	bool (*default_queue)(void *arg, const char *namespace);
	void *arg;
};

struct wattle_mpijob {
	char name[WATTLE_K8S_NAME_MAX];      /* metadata.name, else generateName without its last '-'; never empty */
	char namespace[64];                  /* "": not said */
	char uid[64];                        /* "": not yet */
	char queue[64];                      /* of Kueue, "": none named */
	char container[64];                  /* the worker's first */
	char qos[64], said[256], resource[WATTLE_K8S_NAME_MAX + 16]; /* what submission points to */
	bool kueue;                          /* Kueue owns suspend */
	bool suspended;                      /* .spec.runPolicy.suspend */
	bool gated;                          /* our gate stands in Kueue's list */
	bool clean_pods;                     /* cleanPodPolicy ends workers with the job: Running or All */
	bool clean_all;                      /* … All */
	bool suspend_said;                   /* suspend stands there, either way */
	bool silent;                         /* no annotation of ours: charged the default */
	uint32_t replicas;                   /* workers said, 1 if none were */
	uint32_t watts_w;                    /* that stand on the worker's first container now; 0: none */
	bool watts_granted;                  /* … and were put there by us: a grant says the same */
	struct wattle_grant grant;           /* as annotated; watts_w 0: none, or a bad one. Its annotation is the user's to forge: not believed */
	char warning[256];                   /* for the user: an annotation wattle.hpc/… that is none; "" if all is well */
	const struct wattle_class *classes[WATTLE_CLASSES_MAX]; /* what submission.facts points to */
	uint32_t n_powered;                  /* eligible nodes that show watts */
	struct wattle_submission submission; /* points into this struct: not to be copied by value */
};

/* now_s: the submission's time; of an MPIJob that has a creationTimestamp that one is taken, so that it is decided alike again, later.
 * 0, or negative with err: a request that is refused (names and owner in *ret then hold what could be read); -EPROTO: this is no MPIJob
 * with workers at all. object is borrowed. */
int wattle_mpijob_read(struct json_object *object, const struct wattle_k8s_site *site, int64_t now_s, struct wattle_mpijob *ret,
		       struct wattle_err *err);

/* The whole way: read, then wattle_flow_decide. What a verdict was reached on, or refused. */
struct wattle_ruling {
	bool refused;
	bool untouched;                /* nothing was asked and no eligible node shows watts: the job is left alone */
	struct wattle_err why;         /* refused: one line for the user */
	struct wattle_verdict verdict; /* not refused */
	int64_t start_s;               /* not before; 0: at once */
	uint32_t replicas;             /* that the job should begin with */
};

/* Both structs are large: not for small stacks. Never fails: what can't be decided is refused. */
void wattle_mpijob_rule(struct json_object *object, const struct wattle_k8s_site *site, int64_t now_s, struct wattle_mpijob *ret_job,
			struct wattle_ruling *ret);

/* A program is told to checkpoint so long before it is stopped, or as long as its plan reckons with if that is less. */
#define WATTLE_CHECKPOINT_LEAD_S 60

/* A job that is to be stopped for others: when? Now, but for a scaled one, whose program must have been told in the last recent_s seconds; *ret_tell: it
 * was not, and WATTLE_ANNOTATION_CHECKPOINT should say that moment. */
int64_t wattle_mpijob_stop_at(struct json_object *object, int64_t now_s, int64_t recent_s, bool *ret_tell);

/* Hex of what a user's words in it come to (annotations of ours that are his, replicas, limit, queue): it changes when there is something new to
 * decide. */
void wattle_mpijob_digest(struct json_object *object, char ret[17]);

#endif
