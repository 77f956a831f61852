/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle slots`: how many watts of put-off jobs wait for which time. `serve` is the service on the controller that keeps the file which
 * the job_submit plugin reads. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "file.h"
#include "forecast.h"
#include "instant.h"
#include "program.h"
#include "slots.h"
#include "table.h"
#include "units.h"

#define SLOT_S 900            /* where there is no forecast to take the slots from */
#define EVERY_S 5
#define ASK_MS 20000
#define ANSWER_MAX (64u * 1024 * 1024)

static const char dir_path[] = WATTLE_SLOTS_DIR;

/* --- serve ---------------------------------------------------------------- */

struct service {
	const char *conf_path;
	char said[512]; /* the last trouble: each is said once, and when it is over */
};

static int trouble(struct service *service, const char *text)
{
	if (strcmp(service->said, text) != 0)
		wattle_warn("%s", text);
	snprintf(service->said, sizeof(service->said), "%s", text);
	return -1;
}

/* The slots of the zone's forecast: then a load is of the very slot that is planned with. */
static void find_grid(const char *zone, int64_t *ret_epoch_s, uint32_t *ret_slot_s)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_FORECAST_CACHE_BYTES_MAX };
	struct wattle_forecast f = { .room = WATTLE_FORECAST_SLOTS_MAX };
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free double *value = calloc(f.room, sizeof(*value));
	cleanup_free char *text = NULL;
	char path[256];

	*ret_epoch_s = 0;
	*ret_slot_s = SLOT_S;
	snprintf(path, sizeof(path), "%s/%s.json", WATTLE_FORECAST_CACHE_DIR, zone);
	f.value = value;
	if (!*zone || !value || wattle_file_read(path, &rule, &text, NULL, NULL, &err) < 0 ||
	    wattle_forecast_parse_cache(path, text, &f, &err) < 0)
		return;
	*ret_epoch_s = f.start_s;
	*ret_slot_s = f.slot_s;
}

static int ask_squeue(char **ret_text, struct wattle_err *err)
{
	char path[256];
	const char *const argv[] = { path, "-h", "-a", "-r", "-t", "PENDING", "-o", SLOTS_SQUEUE_FIELDS, NULL };
	struct wattle_answer answer;
	int rc;

	if (wattle_program_find("squeue", path, sizeof(path)) < 0)
		return wattle_err_set(err, ENODEV, "no squeue here: Slurm's commands are not installed");
	rc = wattle_program_ask(argv, ASK_MS, ANSWER_MAX, &answer, err);
	if (rc < 0)
		return rc;
	if (answer.status != 0) {
		free(answer.text);
		return wattle_err_set(err, EIO, "squeue: %s", answer.said[0] ? answer.said : "no answer");
	}
	*ret_text = answer.text;
	return 0;
}

static int write_load(const struct wattle_slotload *load, struct wattle_err *err)
{
	cleanup_free char *text = malloc(WATTLE_SLOTLOAD_BYTES_MAX);
	cleanup_close int dir = -1;
	size_t len;

	if (!text)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (mkdir(dir_path, 0755) < 0 && errno != EEXIST)
		return wattle_err_set(err, errno, "can't make %s: %s", dir_path, strerror(errno));
	dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return wattle_err_set(err, errno, "can't open %s: %s", dir_path, strerror(errno));
	len = wattle_slotload_format(load, text, WATTLE_SLOTLOAD_BYTES_MAX);
	return wattle_file_replace(dir, WATTLE_SLOTLOAD_FILE, 0644, text, len, err);
}

static int serve_once(struct service *service)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	cleanup_free struct wattle_slotload *load = malloc(sizeof(*load));
	cleanup_free char *text = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t epoch_s;
	uint32_t slot_s, jobs;

	if (!load)
		return trouble(service, "out of memory");
	if (wattle_siteconf_read(service->conf_path, &conf, &err) < 0 || ask_squeue(&text, &err) < 0)
		return trouble(service, err.text);
	find_grid(conf->carbon_zone, &epoch_s, &slot_s);
	slots_from_squeue(text, conf, (int64_t) time(NULL), epoch_s, slot_s, load, &jobs);
	if (write_load(load, &err) < 0)
		return trouble(service, err.text);
	if (service->said[0])
		wattle_warn("served again: %u jobs wait for their time", jobs);
	service->said[0] = '\0';
	return 0;
}

static int cmd_serve(int argc, char **argv)
{
	struct service service = { .conf_path = WATTLE_CONF_PATH };
	const char *every = NULL, *conf = NULL;
	bool once = false;
	const struct wattle_option options[] = {
		{ "every", NULL, "DURATION", &every, "ask squeue so often [5s]" },
		{ "once", &once, NULL, NULL, "once, then leave; exit 1 if the file could not be written" },
		{ "conf", NULL, "PATH", &conf, "site configuration [" WATTLE_CONF_PATH "]" },
	};
	const struct wattle_usage usage = {
		"wattle slots serve", "",
		"Keeps " WATTLE_SLOTS_DIR "/" WATTLE_SLOTLOAD_FILE ": the watts of jobs that wait for their begin time, slot by slot, so that\n"
		"not all jobs are put off to the same one. Runs on the controller, as root, in the foreground.",
		options, sizeof(options) / sizeof(options[0]), 0, 0, "wattle-slots(8)",
	};
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t every_s = EVERY_S;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (every && wattle_duration_parse(every, &every_s, &err) < 0) {
		wattle_warn("--every: %s", err.text);
		return WATTLE_EXIT_USAGE;
	}
	if (every_s > WATTLE_SLOTLOAD_STALE_S / 2) {
		wattle_warn("--every=%s: a file older than %d s is not counted with, so say at most %d s", every, WATTLE_SLOTLOAD_STALE_S,
			    WATTLE_SLOTLOAD_STALE_S / 2);
		return WATTLE_EXIT_USAGE;
	}
	if (geteuid() != 0)
		return wattle_fail("slurmctld believes root's files only: run it as root, or start wattle-slots.service");
	if (conf)
		service.conf_path = conf;
	setvbuf(stderr, NULL, _IOLBF, 0);
	for (;;) {
		struct timespec wait = { (time_t) every_s, 0 };
		int rc = serve_once(&service);

		if (once)
			return rc < 0 ? WATTLE_EXIT_FAILED : WATTLE_EXIT_DONE;
		nanosleep(&wait, NULL);
	}
}

/* --- show ----------------------------------------------------------------- */

static void print_json(const struct wattle_slotload *load, int64_t age_s, uint32_t budget_w)
{
	struct json_object *o = json_object_new_object(), *slots = json_object_new_array();
	char moment[WATTLE_INSTANT_SIZE];

	json_object_object_add(o, "made", json_object_new_string(wattle_instant_format(load->made_s, moment)));
	json_object_object_add(o, "age_s", json_object_new_int64(age_s));
	json_object_object_add(o, "fresh", json_object_new_boolean(age_s <= WATTLE_SLOTLOAD_STALE_S));
	json_object_object_add(o, "slot_s", json_object_new_int64(load->slot_s));
	json_object_object_add(o, "budget_w", budget_w ? json_object_new_int64(budget_w) : NULL);
	for (uint32_t i = 0; i < load->n; i++) {
		struct json_object *slot;

		if (load->watts_w[i] == 0)
			continue;
		slot = json_object_new_object();
		json_object_object_add(slot, "t", json_object_new_string(wattle_instant_format(load->start_s + (int64_t) i * load->slot_s, moment)));
		json_object_object_add(slot, "watts", json_object_new_int64(load->watts_w[i]));
		json_object_array_add(slots, slot);
	}
	json_object_object_add(o, "slots", slots);
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* Slots that follow each other with equal loads are one row. */
static void print_table(const struct wattle_slotload *load, uint32_t budget_w)
{
	static const char *const head[] = { "FROM (UTC)", "TO", ">WATTS", ">OF BUDGET" };
	struct wattle_table table;
	uint32_t rows = 0;

	wattle_table_begin(&table, head, sizeof(head) / sizeof(head[0]));
	for (uint32_t i = 0, end; i < load->n; i = end) {
		char moment[WATTLE_INSTANT_SIZE];

		for (end = i + 1; end < load->n && load->watts_w[end] == load->watts_w[i]; end++)
			;
		if (load->watts_w[i] == 0)
			continue;
		rows++;
		wattle_table_cell(&table, "%s", wattle_instant_format(load->start_s + (int64_t) i * load->slot_s, moment));
		wattle_table_cell(&table, "%s", wattle_instant_format(load->start_s + (int64_t) end * load->slot_s, moment));
		wattle_table_cell(&table, "%u W", load->watts_w[i]);
		if (budget_w)
			wattle_table_cell(&table, "%.0f%%", 100.0 * load->watts_w[i] / budget_w);
		else
			wattle_table_cell(&table, "%s", "-");
	}
	wattle_table_print(&table, stdout);
	if (rows == 0)
		printf("no job waits for its time\n");
}

static int cmd_show(int argc, char **argv)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_SLOTLOAD_BYTES_MAX };
	static const char path[] = WATTLE_SLOTS_DIR "/" WATTLE_SLOTLOAD_FILE;
	const char *conf_path = NULL;
	bool json = false;
	const struct wattle_option options[] = {
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &conf_path, "site configuration [" WATTLE_CONF_PATH "]" },
	};
	const struct wattle_usage usage = {
		"wattle slots show", "", "How many watts of put-off jobs wait for which time, as slurmctld sees it.",
		options, sizeof(options) / sizeof(options[0]), 0, 0, "wattle-slots(8)",
	};
	cleanup_free struct wattle_siteconf *conf = NULL;
	cleanup_free struct wattle_slotload *load = malloc(sizeof(*load));
	cleanup_free char *text = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	int first, status;
	int64_t age_s;
	uint32_t budget_w;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (!load)
		return wattle_fail("out of memory");
	if (wattle_file_read(path, &rule, &text, NULL, NULL, &err) < 0 || wattle_slotload_parse(path, text, load, &err) < 0)
		return wattle_fail("%s: does wattle-slots.service run on this controller?", err.text);
	if (wattle_siteconf_read(conf_path ? conf_path : WATTLE_CONF_PATH, &conf, &err) < 0)
		return wattle_fail("%s", err.text);
	budget_w = conf->carbon.slot_budget_w;
	age_s = (int64_t) time(NULL) - load->made_s;
	if (age_s > WATTLE_SLOTLOAD_STALE_S)
		wattle_warn("%s is %lld s old and not counted with: does wattle-slots.service run?", path, (long long) age_s);
	if (json)
		print_json(load, age_s, budget_w);
	else
		print_table(load, budget_w);
	return wattle_finish(WATTLE_EXIT_DONE);
}

int wattle_cmd_slots(int argc, char **argv)
{
	static const struct wattle_command commands[] = {
		{ "show", cmd_show, "watts of put-off jobs over time" },
		{ "serve", cmd_serve, "keep the file of them (a service on the controller)" },
	};

	return wattle_command_dispatch("wattle slots", "How full the times are to which jobs are put off.", commands,
				       sizeof(commands) / sizeof(commands[0]), argc, argv);
}
