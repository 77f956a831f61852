/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_JOBSUBMIT_H
#define WATTLE_JOBSUBMIT_H

/* What the files of the job_submit plugin know of each other. All of it runs in slurmctld, under its locks and, from 23.02 on, in
 * several threads at once: no waiting, no exit, bounded work, and no state but the cached configuration and profiles (and, between the
 * components of one heterogeneous job, the first of them). */

#include <slurm/slurm_errno.h>

#include "err.h"
#include "flow.h"
#include "grant.h"
#include "policy.h"
#include "request.h"
#include "siteconf.h"
#include "slurm_compat.h"
#include "slurmctld.h"

#define WATTLE_ENTRIES_MAX 65536 /* of an environment that are looked at */

/* --- conf_cache.c: the site's configuration, read again when the file changes ---------------------------------------------- */

struct wattle_conf; /* a configuration that stays as it is while somebody holds it */

/* Remembers the path and loads it; says in the log what it found. Never fails. */
void wattle_conf_open(const char *path);
/* The newest good configuration, NULL if there never was one; then why says what is wrong. Thread-safe; release it. */
struct wattle_conf *wattle_conf_acquire(struct wattle_err *why);
const struct wattle_siteconf *wattle_conf_site(const struct wattle_conf *conf);
void wattle_conf_release(struct wattle_conf *conf);
void wattle_conf_close(void);

/* --- words.c: what the user said, wherever it was said --------------------------------------------------------------------- */

struct wattle_words {
	struct wattle_request request;
	char said[256];            /* how, for messages: "--slowdown=5% --power=300", "licence power:1200" */
	bool explicit_licence, explicit_gres; /* the user named our licence or gres */
	uint64_t licence_w, gres_w;
	char licence_name[WATTLE_NAME_MAX + 16], gres_name[WATTLE_NAME_MAX + 16]; /* "licence power", "gres power" */
};

/* site may be NULL: then licences and gres are not looked at. -errno: something of ours was said and can't be taken. */
int wattle_words_collect(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_words *ret,
			 struct wattle_err *err);

/* --- script.c: options that only the submission's text still shows; pure functions ----------------------------------------- */

#define WATTLE_SCRIPT_MAX (64 * 1024) /* how far a script is searched */
#define WATTLE_WORD_MAX 64            /* a value with its NUL; a longer one is cut, and then refused as no power */

struct wattle_option {
	char word[16];                /* "power" or "power-cap" */
	char value[WATTLE_WORD_MAX];
};

/* The last --power or --power-cap in the #SBATCH lines of the first component. True if there is one. */
bool wattle_script_option(const char *script, size_t len, struct wattle_option *ret);
/* The same in a command line as Slurm records it, words joined by blanks: options before the program or script of component
 * (0: the first or only one). Words that follow an option of unknown shape are not trusted: it may miss one, never invent one. */
bool wattle_submit_line_option(const char *line, size_t len, uint32_t component, struct wattle_option *ret);

/* --- facts.c: a job_desc in the flow's terms ---------------------------------------------------------------------------------- */

/* Strings point into job_desc, words and Slurm's own. Reads the clock. */
void wattle_submission_of_job(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_words *words,
			      struct wattle_submission *ret);

/* --- carbon.c: when the job starts, how wide ---------------------------------------------------------------------------------- */

/* begin_time, and of a scaled job nodes, requeue, append and WATTLE_PLAN in its environment; any other WATTLE_PLAN goes. */
int wattle_carbon_apply(job_desc_msg_t *job_desc, const struct wattle_carbon_decision *carbon, struct wattle_err *err);

/* --- entries.c: a job's lists of NAME=value, Slurm's memory -------------------------------------------------------------------- */

void wattle_entries_remove(char **entries, uint32_t *n, bool (*unwanted)(const char *entry));
/* -ENOMEM: the list is as it was. */
int wattle_entries_append(char ***entries, uint32_t *n, const char *entry, struct wattle_err *err);

/* --- rewrite.c: the decision, written into the job -------------------------------------------------------------------------- */

/* Removes each WATTLE_*, SPANK_WATTLE_* and option of ours from spank_job_env. -E2BIG: absurdly many entries. */
int wattle_strip_names(job_desc_msg_t *job_desc, struct wattle_err *err);
/* Licences and gres for a charge; keeps what else stands there. */
int wattle_charge_licences(const struct wattle_siteconf *site, const char *present, uint64_t charge_w, char **list, struct wattle_err *err);
int wattle_charge_gres(const struct wattle_siteconf *site, const char *present, uint64_t watts_w, char **list, struct wattle_err *err);
/* All of it: charge, grant, node bound, admin_comment. */
int wattle_rewrite(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, const struct wattle_submission *submission,
		   const struct wattle_verdict *verdict, struct wattle_err *err);
/* Our licence as a TRES per task, node, socket or job, which Slurm 24.11 would count beside the charge: -EINVAL. */
int wattle_check_licence_tres(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_err *err);
/* Our names in a list of gres that are not per node: -EINVAL. */
int wattle_check_other_gres(const job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_err *err);

/* --- het.c: components of a heterogeneous job whose licences must all stand on the first one -------------------------------- */

/* After each component was rewritten (and after any other job): moves its licences' charge to the first component's; where that
 * can't be, takes it away and says so in the decision's answer. */
int wattle_het_charge(job_desc_msg_t *job_desc, const struct wattle_siteconf *site, struct wattle_decision *decision,
		      struct wattle_err *err);

/* --- submit.c, modify.c: the two calls; they return ESLURM_* ---------------------------------------------------------------- */

/* The files that decisions are made from. Never fail: without memory for them jobs that need one are refused. */
void wattle_submit_open(void);
void wattle_submit_close(void);

int wattle_submit(job_desc_msg_t *job_desc, uint32_t submit_uid, char **err_msg);
int wattle_modify(job_desc_msg_t *job_desc, void *job_ptr, uint32_t submit_uid, char **err_msg);

/* Puts "wattle: text" where the user sees it, after what other plugins said; err_msg may be NULL. */
void wattle_tell(char **err_msg, const char *text);

#endif
