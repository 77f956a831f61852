/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SITECONF_H
#define WATTLE_SITECONF_H

/* The site's configuration: /etc/wattle/wattle.conf, INI.
 *
 *   [site]
 *   charge = licence            ; licence | gres | both
 *   licence = power             ; name of the licence that is the watt budget
 *   gres = power                ; name of the per-node count
 *   default_charge = share      ; share | node: what a job that names no watts is charged
 *   interactive_het = allow     ; allow | refuse: salloc and srun with ':', whose later components Slurm >= 23.02 lets nobody charge
 *   default_partition = main    ; what a job without -p gets; empty: Slurm's own default
 *   on_cap_failure = fail       ; fail | drain | continue
 *   report_dir = /var/spool/wattle
 *   carbon_zone = DE
 *   profile_dir = /etc/wattle/profiles ; missing: "profiles" beside this file
 *   default_profile = typical   ; for a slowdown whose job has none of its own; missing: none
 *   budget_w = 50000            ; the licence's total: a job that wants more is refused at once; missing: it waits for ever
 *
 *   [class standard]            ; kinds of nodes; the first class whose list has the node is its class
 *   nodes = n[1-64]             ; missing: every node
 *   cpus = 64                   ; per node; 0 or missing: unknown
 *   base_w = 60                 ; drawn outside the packages: fans, board, disks, network
 *   min_w = 100                 ; least node cap that may be asked for
 *   max_w = 400                 ; the node at full power; a cap this high is no cap
 *   default_w = 400             ; charged to a job that names no watts; missing: max_w
 *
 *   [partition main]
 *   class = standard            ; missing: the first class
 *   min_w, max_w, default_w     ; narrow the class's
 *   default_profile = nbody     ; missing: the site's
 *   default_charge = node       ; missing: the site's; node where the partition hands out whole nodes
 *
 *   [zone DE]                   ; where `wattle carbon fetch` gets this zone's forecast from
 *   provider = electricitymaps  ; file | electricitymaps | watttime | uk
 *   provider_zone = DE          ; the provider's name of it; missing: NAME (uk: GB, or a region's number, 1 to 17)
 *   source = /srv/carbon/de.csv ; provider file: in any known format
 *   url = https://proxy.site/em ; instead of the provider's own address; https alone
 *   ca_file = /etc/site/ca.pem  ; instead of the system's authorities
 *   credentials = PATH          ; missing: WATTLE_CREDENTIALS_PATH; root's, mode 0600
 *   signal = average            ; average | marginal: no other is taken; missing: what the provider gives
 *   horizon = 72h               ; how far ahead to ask
 *   interval = 1h               ; not asked again before
 *   stale_after = 12h           ; an older forecast is not planned with
 *   timeout = 30s               ; of one request
 *
 *   [carbon]                    ; limits of --carbon; missing: as shown
 *   delay_max = 24h             ; no job is put off for longer
 *   within =                    ; --carbon-within of jobs that say neither that nor --deadline; missing: delay_max alone bounds them
 *   margin = 5m                 ; between a job's latest end and its deadline
 *   min_saving_pct = 5          ; a job that would save less starts at once
 *   never_partitions = debug    ; jobs there are not put off; lists add up; missing: none
 *   never_qos = urgent          ; the same for a QOS that the job names
 *   slot_budget_w = 4000        ; watts of put-off jobs above which a slot counts as fuller than others; missing: no bound
 *   spread_pct = 5              ; slots that cost no more than that above the best are as good
 *   resize_overhead = 60s       ; a resize or resume under --carbon=scale costs that much
 *   switches_max = 3            ; resizes and resumes of one job
 *
 *   [ledger]                    ; one budget for Slurm's licence and the watts of one Kueue ClusterQueue: wattle-bridge moves the split by demand
 *   budget_w = 50000            ; of both together; missing: no ledger
 *   cluster_queue = watts       ; that has them
 *   flavor = default            ; in it; missing: the first that has watts
 *   reservation = wattle-ledger ; of Slurm's, that withholds what is not Slurm's
 *   slurm_min_w, kueue_min_w    ; each side keeps so much; missing: 0
 *   slurm_max_w, kueue_max_w    ; and gets no more; missing: the budget
 *   grain_w = 100               ; smaller shifts are not made
 *   interval = 15s              ; between looks at both sides
 *   patience = 10m              ; for use over a lowered part to fall by itself, before Kueue's pods are tightened, Slurm's use is reported
 *   evict_after = never         ; tightened for so long, as few jobs as suffice are stopped; they come back when there is room
 *
 * Keys *_w are plain watts (integers, no suffix). Unknown section or key, or a unit error: refused with file:line.
 * Durations are those of units.h ("90s", "12h"). `nodes` and the lists of [carbon] may be repeated, they add up; "license" is taken
 * for "licence" as a value of charge. Lines have at most 198 bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "forecast.h"
#include "model.h"

#define WATTLE_NAME_MAX 64
#define WATTLE_CARBON_ZONES_MAX 32
#define WATTLE_CREDENTIALS_PATH "/etc/wattle/carbon.credentials"
#define WATTLE_CLASSES_MAX 64
#define WATTLE_PARTITIONS_MAX 256
#define WATTLE_STALE_AFTER_S (12 * 3600) /* of a zone that names no other age */
#define WATTLE_CONF_BYTES_MAX (256 * 1024)

enum wattle_charge { WATTLE_CHARGE_LICENCE = 1, WATTLE_CHARGE_GRES = 2, WATTLE_CHARGE_BOTH = 3 };
enum wattle_default_charge { WATTLE_DEFAULT_CHARGE_UNSAID, WATTLE_DEFAULT_CHARGE_SHARE, WATTLE_DEFAULT_CHARGE_NODE };
enum wattle_cap_failure { WATTLE_CAP_FAIL, WATTLE_CAP_DRAIN, WATTLE_CAP_CONTINUE };

struct wattle_class {
	char name[WATTLE_NAME_MAX];
	char nodes[512];     /* host list; empty: every node */
	uint32_t cpus;       /* 0: unknown */
	uint32_t base_w, min_w, max_w, default_w;
};

struct wattle_partition {
	char name[WATTLE_NAME_MAX];
	char class_name[WATTLE_NAME_MAX];
	uint32_t min_w, max_w, default_w; /* 0: the class's */
	enum wattle_default_charge default_charge;
	char default_profile[WATTLE_MODEL_NAME_MAX]; /* "": the site's */
};

enum wattle_provider { WATTLE_PROVIDER_NONE, WATTLE_PROVIDER_FILE, WATTLE_PROVIDER_ELECTRICITYMAPS, WATTLE_PROVIDER_WATTTIME, WATTLE_PROVIDER_UK };

struct wattle_carbon_zone {
	char name[WATTLE_NAME_MAX];          /* of its files in the cache; none ends in "-actual" or "-forecast" */
	enum wattle_provider provider;
	char provider_zone[WATTLE_NAME_MAX]; /* never empty */
	char source[256];                    /* of provider file alone */
	char url[256], ca_file[256];         /* "": the provider's, the system's */
	char credentials[256];
	enum wattle_signal signal;           /* WATTLE_SIGNAL_UNKNOWN: any */
	uint32_t horizon_s, interval_s, stale_after_s, timeout_s;
};

/* What a site allows --carbon to do. */
struct wattle_carbon_rules {
	uint32_t delay_max_s;
	uint32_t within_s;           /* 0: none */
	uint32_t margin_s;
	uint32_t min_saving_pct;
	char never_partitions[512];  /* comma-separated */
	char never_qos[512];
	uint32_t slot_budget_w;      /* 0: none */
	uint32_t spread_pct;
	uint32_t resize_overhead_s;
	uint32_t switches_max;
};

struct wattle_ledger_conf {
	uint32_t budget_w;                  /* 0: there is no ledger */
	char cluster_queue[WATTLE_NAME_MAX], flavor[WATTLE_NAME_MAX], reservation[WATTLE_NAME_MAX];
	uint32_t slurm_min_w, slurm_max_w, kueue_min_w, kueue_max_w, grain_w; /* maxima: 0: the budget */
	uint32_t interval_s, patience_s, evict_after_s; /* evict_after_s 0: never */
};

struct wattle_siteconf {
	enum wattle_charge charge;
	char licence[WATTLE_NAME_MAX];
	char gres[WATTLE_NAME_MAX];
	bool default_charge_node;
	bool interactive_het_refused;
	char default_partition[WATTLE_NAME_MAX];
	enum wattle_cap_failure on_cap_failure;
	char report_dir[256];
	char carbon_zone[WATTLE_NAME_MAX];
	bool carbon_ruled;           /* there is a [carbon] */
	struct wattle_carbon_rules carbon;
	struct wattle_ledger_conf ledger;
	char profile_dir[256];  /* "": wattle_siteconf_parse was not told; wattle_siteconf_read sets it */
	char default_profile[WATTLE_MODEL_NAME_MAX];
	uint32_t budget_w;      /* 0: not said */
	uint32_t n_classes, n_partitions, n_zones;
	struct wattle_class classes[WATTLE_CLASSES_MAX];
	struct wattle_partition partitions[WATTLE_PARTITIONS_MAX];
	struct wattle_carbon_zone zones[WATTLE_CARBON_ZONES_MAX];
};

/* Parses text (no file is read; name is for messages). Everything is checked: base_w < min_w <= default_w <= max_w,
 * partitions within their class, host lists, names. On error *ret is untouched and err says name:line. No globals; thread-safe. */
int wattle_siteconf_parse(const char *name, const char *text, struct wattle_siteconf *ret, struct wattle_err *err);

/* The same into a new one: *ret is malloc'd, caller frees with free(). */
int wattle_siteconf_new(const char *name, const char *text, struct wattle_siteconf **ret, struct wattle_err *err);

/* Reads and parses a root-owned file (file.h's rules); profile_dir is then always set. *ret is malloc'd, caller frees with free(). */
int wattle_siteconf_read(const char *path, struct wattle_siteconf **ret, struct wattle_err *err);

/* NULL if there is none. */
const struct wattle_partition *wattle_siteconf_partition(const struct wattle_siteconf *conf, const char *name);
const struct wattle_class *wattle_siteconf_class(const struct wattle_siteconf *conf, const char *name);
const struct wattle_carbon_zone *wattle_siteconf_zone(const struct wattle_siteconf *conf, const char *name);
/* The class of a partition: its own, else the first. name may be NULL (default partition). NULL only without any class. */
const struct wattle_class *wattle_siteconf_partition_class(const struct wattle_siteconf *conf, const char *name);
/* What a job may ask for per node in a partition: the class's range as the partition narrows it. A default_w that the
 * partition does not name is the class's, moved into the range. Without any class: a class of zeros. */
struct wattle_limits {
	const struct wattle_class *class;
	uint32_t min_w, max_w, default_w;
	bool default_charge_node;
};
void wattle_siteconf_limits(const struct wattle_siteconf *conf, const char *name, struct wattle_limits *ret);
/* The profile that a job in these partitions (comma-separated, NULL or "": the site's default one) gets if it names none: that of the first
 * one that has one, else the site's. "" if there is none. */
const char *wattle_siteconf_default_profile(const struct wattle_siteconf *conf, const char *partitions);
/* The class of a node, by host name: NULL if no list has it. */
const struct wattle_class *wattle_siteconf_node_class(const struct wattle_siteconf *conf, const char *host);

#endif
