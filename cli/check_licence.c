/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The budget as a licence: that there is one, that the site's own number is the same, and that slurmctld counts what runs. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "slurm.h"
#include "tres.h"

static void compare_budget(struct wattle_check *check, unsigned long total_w)
{
	uint32_t budget_w = check->conf->budget_w;

	if (budget_w == 0 || budget_w == total_w)
		return;
	wattle_found(check, WATTLE_LEVEL_WRONG, "budget", "budget_w = %u in %s, and licence %s counts %lu: %s", budget_w, check->conf_path,
		     check->conf->licence, total_w, budget_w < total_w ? "jobs that could run are refused" : "jobs that never can run wait");
	wattle_mend(check, "budget_w = %lu, or leave it out", total_w);
}

/* How many of it there are and how many are in use; false: Slurm has none of that name. */
static bool licence_used(const char *licences, const char *name, unsigned long *ret_total_w, unsigned long *ret_used_w)
{
	char text[128];

	for (const char *line = licences; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (!wattle_scontrol_field(line, "LicenseName", text, sizeof(text)) || strcmp(text, name) != 0)
			continue;
		*ret_total_w = wattle_scontrol_field(line, "Total", text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
		*ret_used_w = wattle_scontrol_field(line, "Used", text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;
		return true;
	}
	return false;
}

/* What the jobs that run hold, of those that we may see. */
static unsigned long licence_held(const char *name)
{
	const char *const words[] = { "-h", "-a", "-t", "RUNNING", "-o", "%W", NULL };
	cleanup_free char *text = NULL;
	unsigned long held_w = 0;
	char *rest, *row;

	if (wattle_slurm_ask("squeue", words, &text, NULL) < 0)
		return 0;
	for (rest = text; (row = strsep(&rest, "\n"));) {
		uint64_t count;

		if (wattle_licence_find(row, name, &count, NULL) == 1)
			held_w += count;
	}
	return held_w;
}

/* Before 25.11 a job that slurmctld finds COMPLETING when it starts gives back licences that it was not counted with, and so others than its own
 * (SchedMD's ticket 22215). Jobs begin and end between looks: one that is right is enough. */
static void check_licence_count(struct wattle_check *check, unsigned long used_w)
{
	const char *name = check->conf->licence;
	unsigned long total_w, now_w, held_w = 0;

	for (int look = 0, low = 0; low < 2; look++) {
		cleanup_free char *licences = NULL;

		held_w = licence_held(name);
		if (look == 5 || held_w <= used_w || wattle_scontrol_ask("show", "licenses", NULL, &licences, NULL) < 0 ||
		    !licence_used(licences, name, &total_w, &now_w) || held_w <= now_w)
			return;
		low += used_w == now_w;
		used_w = now_w;
	}
	wattle_found(check, WATTLE_LEVEL_WRONG, "budget", "licence %s counts %lu W in use, and the jobs that run hold %lu W: slurmctld has lost count, "
		     "more runs than the budget allows", name, used_w, held_w);
	wattle_mend(check, "restart slurmctld while `squeue -t CG` shows no job: it counts anew. Up to Slurm 25.05 a restart with a job in CG costs "
		    "its licences");
}

void wattle_check_licence(struct wattle_check *check)
{
	const char *name = check->conf->licence;
	unsigned long total_w, used_w;

	if (licence_used(check->licences, name, &total_w, &used_w)) {
		if (total_w > 0) {
			wattle_found(check, WATTLE_LEVEL_OK, "budget", "licence %s: %lu W in all", name, total_w);
			compare_budget(check, total_w);
			check_licence_count(check, used_w);
			return;
		}
		wattle_found(check, WATTLE_LEVEL_WRONG, "budget", "licence %s counts 0: no job that is charged can start", name);
		wattle_mend(check, "Licenses=%s:WATTS in slurm.conf", name);
		return;
	}
	wattle_found(check, WATTLE_LEVEL_WRONG, "budget", "Slurm has no licence \"%s\": every charged job is refused", name);
	wattle_mend(check, "Licenses=%s:WATTS in slurm.conf, the watts of all nodes together; then `scontrol reconfigure`", name);
}
