/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_REPORT_H
#define WATTLE_REPORT_H

/* The last stage: what a step, or a pod, drew on a node, one JSON line. Files are report_dir/JOBID/NODE.jsonl: the folders root's, 1711; the file
 * the job's user's, 0640. Of an MPIJob report_dir/mpijob/NAMESPACE/NAME/NODE.jsonl, root's, 0644: Kubernetes has no users that a host would know, so
 * that whoever can name an MPIJob may read its records, and only root can list which there are. Nothing in that tree is trusted: opened component by component without following links. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "slices.h"

#define WATTLE_REPORT_BYTES_MAX (4 * 1024 * 1024) /* of one file; more is not read, and said */

struct wattle_record {
	uint32_t job_id, step_id;
	char node[256];
	uid_t uid;
	int64_t start_s, end_s;        /* UTC, whole seconds since 1970, from the wall clock */
	double elapsed_s;              /* from the boot clock */
	double energy_j;               /* packages; < 0: not measured */
	double mean_w, peak_w;         /* packages */
	uint32_t grant_w, cap_w;       /* node watts granted and in force at the end; cap_w 0: no cap */
	uint32_t base_w;               /* of the node's class: node energy = energy_j + base_w x elapsed_s */
	double capped_s, at_cap_s, over_s;
	bool cap_held;                 /* in force from first task to last, never over by more than 5% for more than a second */
	bool shared;                   /* other jobs ran on the node: energy is the node's, not the job's */
	char note[256];                /* cap failure, foreign change; may be empty */
	struct wattle_slices slices;   /* when energy_j was drawn, from start_s on; n 0: not known */
};

/* Appends; makes the tree where missing. Errors never name the content. */
int wattle_report_append(const char *report_dir, const struct wattle_record *record, gid_t gid, struct wattle_err *err);

/* Reads the records of one job on those nodes (NULL: on every node that has a file there; takes the right to list the folder, root's):
 * calls each() per record, in file order, nodes sorted by name. Lines that are no records are
 * counted in *ret_bad and skipped. -ENOENT: no records; -EACCES: not the caller's. each() returning non-zero stops with that value. */
int wattle_report_read(const char *report_dir, uint32_t job_id, const char *const *nodes, size_t n_nodes,
		       int (*each)(const struct wattle_record *record, void *arg), void *arg, uint32_t *ret_bad, struct wattle_err *err);

/* One record as a JSON line without newline; -ENOSPC. And back. */
int wattle_record_format(const struct wattle_record *record, char *text, size_t size);
int wattle_record_parse(const char *text, struct wattle_record *ret);

/* A pod of an MPIJob on a node. */
#define WATTLE_MPIJOB_MAX 320 /* "NAMESPACE/NAME", with the NUL */
struct wattle_pod_record {
	struct wattle_record record;   /* job_id and uid 0; step_id: the worker's index, WATTLE_STEP_BATCH of the launcher */
	char job[WATTLE_MPIJOB_MAX];   /* as the pod's labels say */
	char owner[37];                /* UID of what made the pod: of workers the MPIJob */
	char pod[256], pod_uid[37], role[16]; /* "worker", "launcher" */
	char state[16];                /* "Succeeded", "Failed"; "": none was told, or it was deleted first */
	char profile[64];              /* that predicted slowdown_pct; "": none did */
	double slowdown_pct;
	bool whole;                    /* measured from its begin: the agent was not restarted meanwhile */
};

int wattle_report_pod_append(const char *report_dir, const struct wattle_pod_record *record, struct wattle_err *err);

/* Reads the records of one MPIJob. name: NAME or NAMESPACE/NAME; a bare NAME is looked for in all namespaces by those who may list them, else in "default";
 * *ret_job is what was found. nodes: as above. -ENOENT: no records; -ENOTUNIQ: in several namespaces, err names them; each() and *ret_bad as above. */
int wattle_report_pods_read(const char *report_dir, const char *name, const char *const *nodes, size_t n_nodes,
			    int (*each)(const struct wattle_pod_record *record, void *arg), void *arg, char ret_job[WATTLE_MPIJOB_MAX], uint32_t *ret_bad,
			    struct wattle_err *err);

int wattle_pod_record_format(const struct wattle_pod_record *record, char *text, size_t size);
int wattle_pod_record_parse(const char *text, struct wattle_pod_record *ret);

#endif
