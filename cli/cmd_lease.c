/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle lease`: the lease book of this node, for people. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "command.h"

#include <errno.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cap.h"
#include "cleanup.h"
#include "lease.h"
#include "node.h"
#include "proc.h"
#include "table.h"
#include "total.h"

struct arguments {
	bool json;
	const char *conf, *node;
};

static void put(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static void print_object(struct json_object *o)
{
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* The limit of the book as the zone holds it now; false if it can't be read. */
static bool limit_now(const struct wattle_zones *zones, const struct wattle_lease_limit *limit, uint64_t *ret_uw)
{
	for (uint32_t i = 0; i < zones->n; i++) {
		const struct wattle_zone *z = &zones->zone[i];

		if (strcmp(z->name, limit->zone) != 0 || limit->constraint >= WATTLE_CONSTRAINTS ||
		    !z->limit[limit->constraint].present)
			continue;
		*ret_uw = z->limit[limit->constraint].now_uw;
		return true;
	}
	return false;
}

static const char *constraint_name(uint32_t constraint)
{
	return constraint == 0 ? "long_term" : "short_term";
}

/* --- list --------------------------------------------------------------- */

static struct json_object *json_proc(const struct wattle_proc *proc)
{
	struct json_object *o = json_object_new_object();

	put(o, "pid", json_object_new_int64(proc->pid));
	put(o, "alive", json_object_new_boolean(wattle_proc_alive(proc)));
	return o;
}

static struct json_object *json_job(const struct wattle_book *book, const struct wattle_lease_job *job, uint64_t now_ns)
{
	struct json_object *o = json_object_new_object(), *steps = json_object_new_array();
	char b[32];

	put(o, "job_id", json_object_new_int64(job->job_id));
	put(o, "uid", json_object_new_int64(job->uid));
	put(o, "grant_w", json_object_new_int64(job->grant_w));
	put(o, "pending", json_object_new_boolean(job->pending));
	snprintf(b, sizeof(b), "%.3f", (double) (now_ns > job->since_ns ? now_ns - job->since_ns : 0) / 1e9);
	put(o, "age_s", json_object_new_double_s(strtod(b, NULL), b));
	put(o, "cap_failure", job->cap_failed ? json_object_new_string(job->cap_failure) : NULL);
	for (uint32_t i = 0; i < book->n_steps; i++) {
		const struct wattle_lease_step *step = &book->step[i];
		struct json_object *s;

		if (step->job_id != job->job_id)
			continue;
		s = json_object_new_object();
		put(s, "step", json_object_new_string(wattle_step_name(step->step_id, b, sizeof(b))));
		put(s, "ask_w", step->ask_w ? json_object_new_int64(step->ask_w) : NULL);
		put(s, "holder", json_proc(&step->holder));
		json_object_array_add(steps, s);
	}
	put(o, "steps", steps);
	return o;
}

static struct json_object *json_pod(const struct wattle_lease_pod *pod, uint64_t now_ns)
{
	struct json_object *o = json_object_new_object();
	char b[32];

	put(o, "pod", json_object_new_string(pod->name));
	put(o, "uid", json_object_new_string(pod->uid));
	put(o, "watts_w", json_object_new_int64(pod->watts_w));
	put(o, "holder", pod->holder.pid > 0 ? json_proc(&pod->holder) : NULL);
	put(o, "keeper", json_proc(&pod->keeper));
	snprintf(b, sizeof(b), "%.3f", (double) (now_ns > pod->since_ns ? now_ns - pod->since_ns : 0) / 1e9);
	put(o, "age_s", json_object_new_double_s(strtod(b, NULL), b));
	put(o, "shared", json_object_new_boolean(pod->shared));
	put(o, "cap_failure", pod->cap_failed ? json_object_new_string(pod->cap_failure) : NULL);
	return o;
}

static void list_json(const struct wattle_book *book, const struct wattle_zones *zones)
{
	struct json_object *o = json_object_new_object(), *jobs = json_object_new_array(), *pods = json_object_new_array(), *limits = json_object_new_array();
	uint64_t now_ns = wattle_boottime_ns(), now_uw;

	for (uint32_t i = 0; i < book->n_jobs; i++)
		json_object_array_add(jobs, json_job(book, &book->job[i], now_ns));
	for (uint32_t i = 0; i < book->n_pods; i++)
		json_object_array_add(pods, json_pod(&book->pod[i], now_ns));
	for (uint32_t i = 0; i < book->n_limits; i++) {
		const struct wattle_lease_limit *limit = &book->limit[i];
		struct json_object *l = json_object_new_object();

		put(l, "zone", json_object_new_string(limit->zone));
		put(l, "constraint", json_object_new_string(constraint_name(limit->constraint)));
		put(l, "baseline_uw", json_object_new_int64((int64_t) limit->baseline_uw));
		put(l, "wrote_uw", limit->wrote_uw ? json_object_new_int64((int64_t) limit->wrote_uw) : NULL);
		put(l, "now_uw", limit_now(zones, limit, &now_uw) ? json_object_new_int64((int64_t) now_uw) : NULL);
		put(l, "owed", json_object_new_boolean(limit->owed));
		json_object_array_add(limits, l);
	}
	put(o, "jobs", jobs);
	put(o, "pods", pods);
	put(o, "limits", limits);
	print_object(o);
}

static void list_jobs(const struct wattle_book *book)
{
	static const char *const head[] = { ">JOB", "STEP", "USER", ">GRANT", ">ASK", ">HOLDER", "ALIVE", ">SINCE" };
	uint64_t now_ns = wattle_boottime_ns();
	struct wattle_table table;
	char b[32];

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0; i < book->n_jobs; i++) {
		const struct wattle_lease_job *job = &book->job[i];
		const struct passwd *pw = getpwuid(job->uid);

		wattle_table_cell(&table, "%u", job->job_id);
		wattle_table_cell(&table, "%s", job->pending ? "(pending)" : "");
		if (pw)
			wattle_table_cell(&table, "%s", pw->pw_name);
		else
			wattle_table_cell(&table, "%u", job->uid);
		wattle_table_cell(&table, "%u W", job->grant_w);
		wattle_table_cell(&table, "%s", "");
		if (job->pending && job->parent.pid > 0)
			wattle_table_cell(&table, "%d", (int) job->parent.pid);
		else
			wattle_table_cell(&table, "%s", "");
		wattle_table_cell(&table, "%s", !job->pending || job->parent.pid <= 0 ? "" : wattle_proc_alive(&job->parent) ? "yes" : "no");
		wattle_table_cell(&table, "%s",
				  wattle_text_duration(b, sizeof(b), (double) (now_ns > job->since_ns ? now_ns - job->since_ns : 0) / 1e9));
		for (uint32_t s = 0; s < book->n_steps; s++) {
			const struct wattle_lease_step *step = &book->step[s];

			if (step->job_id != job->job_id)
				continue;
			wattle_table_cell(&table, "%s", "");
			wattle_table_cell(&table, "%s", wattle_step_name(step->step_id, b, sizeof(b)));
			wattle_table_cell(&table, "%s", "");
			wattle_table_cell(&table, "%s", "");
			if (step->ask_w)
				wattle_table_cell(&table, "%u W", step->ask_w);
			else
				wattle_table_cell(&table, "%s", "-");
			wattle_table_cell(&table, "%d", (int) step->holder.pid);
			wattle_table_cell(&table, "%s", wattle_proc_alive(&step->holder) ? "yes" : "no");
			wattle_table_cell(&table, "%s", "");
		}
	}
	wattle_table_print(&table, stdout);
	for (uint32_t i = 0; i < book->n_jobs; i++)
		if (book->job[i].cap_failed)
			printf("job %u: cap not in force: %s\n", book->job[i].job_id, book->job[i].cap_failure);
}

static void list_pods(const struct wattle_book *book)
{
	static const char *const head[] = { "POD", ">WATTS", ">HOLDER", "ALIVE", ">SINCE" };
	uint64_t now_ns = wattle_boottime_ns();
	struct wattle_table table;
	char b[32];

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0; i < book->n_pods; i++) {
		const struct wattle_lease_pod *pod = &book->pod[i];

		wattle_table_cell(&table, "%s", pod->name);
		wattle_table_cell(&table, "%u W", pod->watts_w);
		if (pod->holder.pid > 0)
			wattle_table_cell(&table, "%d", (int) pod->holder.pid);
		else
			wattle_table_cell(&table, "%s", "(to come)");
		wattle_table_cell(&table, "%s", pod->holder.pid <= 0 ? "" : wattle_proc_alive(&pod->holder) ? "yes" : "no");
		wattle_table_cell(&table, "%s",
				  wattle_text_duration(b, sizeof(b), (double) (now_ns > pod->since_ns ? now_ns - pod->since_ns : 0) / 1e9));
	}
	wattle_table_print(&table, stdout);
	for (uint32_t i = 0; i < book->n_pods; i++)
		if (book->pod[i].cap_failed)
			printf("pod %s: cap not in force: %s\n", book->pod[i].name, book->pod[i].cap_failure);
}

static void cell_uw(struct wattle_table *table, bool known, uint64_t uw)
{
	if (known)
		wattle_table_cell(table, "%.3f W", (double) uw / 1e6);
	else
		wattle_table_cell(table, "%s", "-");
}

static void list_limits(const struct wattle_book *book, const struct wattle_zones *zones)
{
	static const char *const head[] = { "ZONE", "CONSTRAINT", ">BASELINE", ">WROTE", ">NOW", "OWED" };
	struct wattle_table table;
	uint64_t now_uw = 0;

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0; i < book->n_limits; i++) {
		const struct wattle_lease_limit *limit = &book->limit[i];
		bool known = limit_now(zones, limit, &now_uw);

		wattle_table_cell(&table, "%s", limit->zone);
		wattle_table_cell(&table, "%s", constraint_name(limit->constraint));
		cell_uw(&table, true, limit->baseline_uw);
		cell_uw(&table, limit->wrote_uw != 0, limit->wrote_uw);
		cell_uw(&table, known, now_uw);
		wattle_table_cell(&table, "%s", limit->owed ? "yes" : "no");
	}
	wattle_table_print(&table, stdout);
}

static int take_arguments(const char *command, const char *about, int argc, char **argv, struct arguments *args, int *ret_status)
{
	const struct wattle_option options[] = {
		{ "json", &args->json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &args->conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "node", NULL, "NAME", &args->node, "this node's name, if it is not the host's" },
	};
	const struct wattle_usage usage = {
		.command = command, .operands = "", .about = about, .options = options,
		.n_options = sizeof(options) / sizeof(options[0]), .man = "wattle-lease(1)",
	};
	int first;

	if (!wattle_options_take(&usage, argc, argv, &first, ret_status))
		return -1;
	if (geteuid() != 0) {
		*ret_status = wattle_fail("the lease book is root's: run `sudo %s` on the node", command);
		return -1;
	}
	return 0;
}

static int cmd_list(int argc, char **argv)
{
	struct arguments args = { false, NULL, NULL };
	cleanup_free struct wattle_book *book = NULL;
	struct wattle_this_node this;
	struct wattle_zones zones = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	int status, rc;

	if (take_arguments("wattle lease list",
			   "Prints the leases that live on this node, who holds them, and what each power limit was\n"
			   "before, was set to, and reads now. Changes nothing.",
			   argc, argv, &args, &status) < 0)
		return status;
	rc = wattle_this_node_find(args.conf, args.node, &this, &err);
	/* the book can be shown whatever the site config says */
	if (rc < 0)
		wattle_this_node_bare(args.node, &this);
	if (access(WATTLE_RUN_DIR, F_OK) < 0 && errno == ENOENT) {
		if (args.json) {
			list_json(&(struct wattle_book){ .n_jobs = 0 }, &zones);
			return wattle_finish(WATTLE_EXIT_DONE);
		}
		printf("no lease lives on %s\n", this.host);
		return wattle_finish(WATTLE_EXIT_DONE);
	}
	rc = wattle_lease_read(&this.node, &book, &err);
	if (rc < 0 && rc != -ENOENT)
		return wattle_fail("%s", err.text);
	if (wattle_zones_read(&zones, &err) < 0)
		zones.n = 0; /* NOW stays unknown */
	if (args.json) {
		list_json(book ? book : &(struct wattle_book){ .n_jobs = 0 }, &zones);
		return wattle_finish(WATTLE_EXIT_DONE);
	}
	if (!book || book->n_jobs + book->n_pods == 0)
		printf("no lease lives on %s\n", this.host);
	if (book && book->n_jobs > 0)
		list_jobs(book);
	if (book && book->n_pods > 0) {
		printf("%s", book->n_jobs ? "\n" : "");
		list_pods(book);
	}
	if (book && book->n_limits > 0) {
		printf("\n");
		list_limits(book, &zones);
	}
	return wattle_finish(WATTLE_EXIT_DONE);
}

/* --- sweep -------------------------------------------------------------- */

static const char *event_name(enum wattle_event_kind kind)
{
	switch (kind) {
	case WATTLE_EVENT_SWEPT:
		return "swept";
	case WATTLE_EVENT_FOREIGN:
		return "foreign";
	case WATTLE_EVENT_CAP_FAILED:
		return "cap_failed";
	case WATTLE_EVENT_RESTORE_OWED:
		return "restore_owed";
	case WATTLE_EVENT_RESTORED_LATE:
		return "restored_late";
	case WATTLE_EVENT_BOOK_BAD:
		return "book_bad";
	case WATTLE_EVENT_ASK_ABOVE:
		return "ask_above";
	case WATTLE_EVENT_FOLDER_MENDED:
		return "folder_mended";
	}
	return "other";
}

static void sweep_json(const struct wattle_outcome *outcome)
{
	struct json_object *o = json_object_new_object(), *events = json_object_new_array();
	char b[32];

	put(o, "effective_w", outcome->effective_w ? json_object_new_int64(outcome->effective_w) : NULL);
	put(o, "cap_failure", outcome->cap_failed ? json_object_new_string(outcome->cap_failure) : NULL);
	for (uint32_t i = 0; i < outcome->n_events; i++) {
		const struct wattle_event *event = &outcome->event[i];
		struct json_object *e = json_object_new_object();

		put(e, "event", json_object_new_string(event_name(event->kind)));
		put(e, "job_id", event->job_id ? json_object_new_int64(event->job_id) : NULL);
		put(e, "step", event->job_id ? json_object_new_string(wattle_step_name(event->step_id, b, sizeof(b))) : NULL);
		put(e, "text", json_object_new_string(event->text));
		json_object_array_add(events, e);
	}
	put(o, "events", events);
	put(o, "events_lost", json_object_new_int64(outcome->n_events_lost));
	print_object(o);
}

static int cmd_sweep(int argc, char **argv)
{
	struct arguments args = { false, NULL, NULL };
	static struct wattle_outcome outcome;
	struct wattle_this_node this;
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free struct wattle_book *book = NULL;
	unsigned owed = 0;
	int status;

	if (take_arguments("wattle lease sweep",
			   "Removes leases whose holders are dead, and puts back what they leave behind; tries again to\n"
			   "restore limits that are owed. Prints what it did. Exit 1 if a limit is still off.",
			   argc, argv, &args, &status) < 0)
		return status;
	if (wattle_this_node_find(args.conf, args.node, &this, &err) < 0)
		return wattle_fail("%s", err.text);
	if (wattle_lease_sweep(&this.node, &outcome, &err) < 0)
		return wattle_fail("%s", err.text);
	/* what was owed before is no event: the book tells */
	if (wattle_lease_read(&this.node, &book, &err) == 0)
		for (uint32_t i = 0; i < book->n_limits; i++)
			owed += book->limit[i].owed;
	if (args.json) {
		sweep_json(&outcome);
	} else {
		for (uint32_t i = 0; i < outcome.n_events; i++)
			printf("%s\n", outcome.event[i].text);
		if (outcome.n_events_lost)
			printf("and %u more\n", outcome.n_events_lost);
		if (outcome.n_events == 0 && !owed)
			printf("nothing to sweep on %s\n", this.host);
	}
	if (outcome.cap_failed)
		return wattle_finish(wattle_fail("%s", outcome.cap_failure));
	if (owed)
		return wattle_finish(wattle_fail("%u limit%s could not be put back: owed, and tried again at each sweep (`wattle lease list` shows which)",
						 owed, owed == 1 ? "" : "s"));
	return wattle_finish(WATTLE_EXIT_DONE);
}

static const struct wattle_command commands[] = {
	{ "list", cmd_list, "who holds what, and the limits before, set and now" },
	{ "sweep", cmd_sweep, "remove leases of the dead and put back what they left" },
};

int wattle_cmd_lease(int argc, char **argv)
{
	return wattle_command_dispatch("wattle lease", "The leases that cap this node. For root, on the node.", commands,
				       sizeof(commands) / sizeof(commands[0]), argc, argv);
}
