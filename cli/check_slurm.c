/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slurm.conf: what the plugins, the budget and the scheduler need of it. Looks at texts only. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slurm.h"

static const char *key(const struct wattle_check *check, const char *name, char *buf, size_t size)
{
	buf[0] = '\0';
	wattle_scontrol_config(check->slurm_config, name, buf, size);
	return buf;
}

static void check_prolog_flags(struct wattle_check *check)
{
	char value[512];
	bool contain;

	key(check, "PrologFlags", value, sizeof(value));
	contain = wattle_list_has(value, "Contain") || wattle_list_has(value, "X11");
	/* Contain and X11 each switch Alloc on */
	if (contain) {
		wattle_found(check, WATTLE_LEVEL_OK, "slurm.conf", "PrologFlags=%s", value);
		return;
	}
	wattle_found(check, WATTLE_LEVEL_WRONG, "slurm.conf", "PrologFlags=%s: jobs have no extern step on their nodes", value);
	wattle_mend(check, "PrologFlags=Alloc,Contain in slurm.conf, then restart slurmctld and slurmd: without it a node is capped "
			   "only while a step runs there");
}

static void check_scheduler(struct wattle_check *check)
{
	char type[128], value[2048];

	key(check, "SchedulerType", type, sizeof(type));
	key(check, "SchedulerParameters", value, sizeof(value));
	if (strstr(type, "backfill") || !type[0]) {
		if (wattle_list_has(value, "bf_licenses")) {
			wattle_found(check, WATTLE_LEVEL_OK, "slurm.conf", "backfill plans with licences (bf_licenses)");
		} else {
			wattle_found(check, WATTLE_LEVEL_WARNING, "slurm.conf", "SchedulerParameters lacks bf_licenses");
			wattle_mend(check, "add bf_licenses: backfill otherwise plans starts as if watts were free");
		}
	}
	key(check, "PriorityType", type, sizeof(type));
	if (strstr(type, "basic"))
		return;
	key(check, "PriorityFlags", value, sizeof(value));
	if (wattle_list_has(value, "ACCRUE_ALWAYS")) {
		wattle_found(check, WATTLE_LEVEL_OK, "slurm.conf", "jobs that wait for a later start gain age (PriorityFlags=ACCRUE_ALWAYS)");
	} else {
		wattle_found(check, WATTLE_LEVEL_WARNING, "slurm.conf", "PriorityFlags lacks ACCRUE_ALWAYS");
		wattle_mend(check, "add it: a job that waits for cleaner power otherwise loses its place in the queue");
	}
}

static void check_accounting(struct wattle_check *check)
{
	char type[128], tres[2048], enforce[256], wanted[2][WATTLE_NAME_MAX + 16];
	const struct wattle_siteconf *conf = check->conf;
	int n = 0;

	key(check, "AccountingStorageType", type, sizeof(type));
	if (strstr(type, "none") || !type[0]) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "accounting", "no accounting (AccountingStorageType=%s)", type);
		wattle_mend(check, "use slurmdbd: without it there are no quotas by QOS or account, and `wattle report` knows a job "
				   "only as long as slurmctld does");
		return;
	}
	if (!conf)
		return;
	key(check, "AccountingStorageTRES", tres, sizeof(tres));
	key(check, "AccountingStorageEnforce", enforce, sizeof(enforce));
	if (conf->charge & WATTLE_CHARGE_LICENCE)
		snprintf(wanted[n++], sizeof(wanted[0]), "license/%s", conf->licence);
	if (conf->charge & WATTLE_CHARGE_GRES)
		snprintf(wanted[n++], sizeof(wanted[0]), "gres/%s", conf->gres);
	for (int i = 0; i < n; i++) {
		if (wattle_list_has(tres, wanted[i])) {
			wattle_found(check, WATTLE_LEVEL_OK, "accounting", "AccountingStorageTRES has %s", wanted[i]);
		} else {
			wattle_found(check, WATTLE_LEVEL_WARNING, "accounting", "AccountingStorageTRES lacks %s", wanted[i]);
			wattle_mend(check, "add it: it takes GrpTRES=%s=WATTS on a QOS or account, and shows watts in sacct", wanted[i]);
		}
	}
	if (!wattle_list_has(enforce, "limits") && !wattle_list_has(enforce, "safe") && !wattle_list_has(enforce, "all")) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "accounting", "AccountingStorageEnforce=%s: quotas in watts are not enforced", enforce);
		wattle_mend(check, "AccountingStorageEnforce=limits,safe, if queues are to have quotas");
	}
}

void wattle_check_slurm(struct wattle_check *check)
{
	char value[512];

	if (!check->slurm_alive) {
		wattle_found(check, check->slurm_config ? WATTLE_LEVEL_WRONG : WATTLE_LEVEL_WARNING, "Slurm", "%s",
			     check->slurm_why[0] ? check->slurm_why : "no answer");
		wattle_mend(check, "%s", check->slurm_config ? "start slurmctld, look into its log; below, slurm.conf itself was read"
							     : "run this where Slurm's commands work; its part is left out here");
	}
	if (!check->slurm_config)
		return;
	if (check->slurm_alive)
		wattle_found(check, WATTLE_LEVEL_OK, "Slurm", "version %s answers", key(check, "SLURM_VERSION", value, sizeof(value)));
	key(check, "JobSubmitPlugins", value, sizeof(value));
	if (wattle_list_has(value, "wattle") || wattle_list_has(value, "job_submit/wattle")) {
		wattle_found(check, WATTLE_LEVEL_OK, "slurm.conf", "JobSubmitPlugins=%s", value);
	} else {
		wattle_found(check, WATTLE_LEVEL_WRONG, "slurm.conf", "JobSubmitPlugins=%s: no job is granted or charged watts", value);
		wattle_mend(check, "JobSubmitPlugins=%s%swattle in slurm.conf, then restart slurmctld", value, value[0] ? "," : "");
	}
	check_prolog_flags(check);
	check_scheduler(check);
	check_accounting(check);
}

/* --- the budget ------------------------------------------------------------ */

/* "Gres=gpu:2,power:400(S:0)" has that name with a count */
static bool gres_has(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (strncmp(p, name, n) == 0 && p[n] == ':' && strtoul(p + n + 1, NULL, 10) > 0)
			return true;
	return false;
}

static void check_gres(struct wattle_check *check)
{
	const char *name = check->conf->gres;
	unsigned n = 0, lacking = 0;
	char types[512], gres[1024], node[300], first[300] = "";

	key(check, "GresTypes", types, sizeof(types));
	if (!wattle_list_has(types, name)) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "budget", "GresTypes=%s lacks %s (charge = gres)", types, name);
		wattle_mend(check, "GresTypes=%s%s%s in slurm.conf, and Gres=%s:MAX_W on each NodeName line", types, types[0] ? "," : "",
			    name, name);
		return;
	}
	for (const char *line = check->nodes; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (!wattle_scontrol_field(line, "NodeName", node, sizeof(node)))
			continue;
		n++;
		if (wattle_scontrol_field(line, "Gres", gres, sizeof(gres)) && gres_has(gres, name))
			continue;
		if (!lacking++)
			snprintf(first, sizeof(first), "%s", node);
	}
	if (lacking) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "budget", "%u of %u nodes have no gres %s, the first is %s", lacking, n, name, first);
		wattle_mend(check, "Gres=%s:MAX_W on their NodeName lines", name);
	} else if (n) {
		wattle_found(check, WATTLE_LEVEL_OK, "budget", "all %u nodes have gres %s", n, name);
	}
}

void wattle_check_budget(struct wattle_check *check)
{
	if (!check->conf || !check->slurm_alive)
		return;
	if ((check->conf->charge & WATTLE_CHARGE_LICENCE) && check->licences)
		wattle_check_licence(check);
	if (check->conf->charge & WATTLE_CHARGE_GRES)
		check_gres(check);
}
