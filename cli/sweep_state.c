/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sweep's folder and its state. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "sweep_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"
#include "json_new.h"

#define STATE_NAME "state.json"
#define STATE_VERSION 1
#define STATE_BYTES_MAX (4 * 1024 * 1024)

static const char *const stage_names[] = { "todo", "submitting", "queued", "done", "failed", "missing" };
#define N_STAGES (sizeof(stage_names) / sizeof(stage_names[0]))

/* --- as text ----------------------------------------------------------- */

static struct json_object *run_json(const struct sweep_run *run)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "cap", json_object_new_string(run->cap));
	json_object_object_add(o, "asked_w", json_object_new_int64(run->asked_w));
	json_object_object_add(o, "nodes", json_object_new_int64(run->nodes));
	json_object_object_add(o, "repeat", json_object_new_int64(run->repeat));
	json_object_object_add(o, "tries", json_object_new_int64(run->tries));
	json_object_object_add(o, "stage", json_object_new_string(stage_names[run->stage]));
	json_object_object_add(o, "job", json_object_new_int64(run->job_id));
	json_object_object_add(o, "submitted", json_object_new_int64(run->submitted_s));
	json_object_object_add(o, "took", json_object_new_int64(run->took_s));
	json_object_object_add(o, "cap_w", wattle_json_new_number(run->cap_w));
	json_object_object_add(o, "time_s", wattle_json_new_number(run->time_s));
	json_object_object_add(o, "energy_j", wattle_json_new_number(run->energy_j));
	json_object_object_add(o, "fom", wattle_json_new_number(run->fom));
	json_object_object_add(o, "hosts", json_object_new_string(run->hosts));
	json_object_object_add(o, "class", json_object_new_string(run->host_class));
	json_object_object_add(o, "max_w", json_object_new_int64(run->max_w));
	json_object_object_add(o, "why", json_object_new_string(run->why));
	return o;
}

int sweep_state_format(const struct sweep *sweep, char **ret_text, struct wattle_err *err)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	const char *text;

	json_object_object_add(o, "v", json_object_new_int64(STATE_VERSION));
	json_object_object_add(o, "name", json_object_new_string(sweep->name));
	json_object_object_add(o, "seed", json_object_new_int64((int64_t) sweep->seed));
	json_object_object_add(o, "cwd", json_object_new_string(sweep->cwd));
	json_object_object_add(o, "output", json_object_new_string(sweep->output));
	json_object_object_add(o, "conf", json_object_new_string(sweep->conf));
	json_object_object_add(o, "fom", json_object_new_string(sweep->fom));
	json_object_object_add(o, "pinned", json_object_new_string(sweep->pinned));
	json_object_object_add(o, "form", json_object_new_string(wattle_form_name(sweep->form)));
	json_object_object_add(o, "parallel", json_object_new_int64(sweep->parallel));
	json_object_object_add(o, "any_nodes", json_object_new_boolean(sweep->any_nodes));
	json_object_object_add(o, "share", json_object_new_boolean(sweep->share));
	json_object_object_add(o, "scaling", json_object_new_boolean(sweep->scaling));
	for (uint32_t i = 0; i < sweep->n_args; i++)
		json_object_array_add(list, json_object_new_string(sweep->arg[i]));
	json_object_object_add(o, "sbatch", list);
	list = json_object_new_array();
	for (uint32_t i = 0; i < sweep->n_runs; i++)
		json_object_array_add(list, run_json(&sweep->run[i]));
	json_object_object_add(o, "runs", list);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	*ret_text = text ? strdup(text) : NULL;
	json_object_put(o);
	return *ret_text ? 0 : wattle_err_set(err, ENOMEM, "out of memory");
}

/* Any bytes that the user's words and paths may hold, unlike wattle_json_text's. */
static int take_text(struct json_object *o, const char *key, char *ret, size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_string) ||
	    (size_t) json_object_get_string_len(value) >= size ||
	    strlen(json_object_get_string(value)) != (size_t) json_object_get_string_len(value))
		return -EINVAL;
	memcpy(ret, json_object_get_string(value), (size_t) json_object_get_string_len(value) + 1);
	return 0;
}

static int take_u32(struct json_object *o, const char *key, uint32_t max, uint32_t *ret)
{
	uint64_t value;
	int rc = wattle_json_u64(o, key, max, &value);

	if (rc == 0)
		*ret = (uint32_t) value;
	return rc;
}

static int take_run(struct json_object *o, struct sweep_run *run)
{
	char stage[16];
	size_t i;

	if (take_text(o, "cap", run->cap, sizeof(run->cap)) < 0 || take_u32(o, "asked_w", UINT32_MAX, &run->asked_w) < 0 ||
	    take_u32(o, "nodes", UINT32_MAX, &run->nodes) < 0 || take_u32(o, "repeat", SWEEP_REPEATS_MAX, &run->repeat) < 0 ||
	    take_u32(o, "tries", UINT32_MAX, &run->tries) < 0 || take_text(o, "stage", stage, sizeof(stage)) < 0 ||
	    take_u32(o, "job", UINT32_MAX, &run->job_id) < 0 || wattle_json_i64(o, "submitted", &run->submitted_s) < 0 ||
	    wattle_json_i64(o, "took", &run->took_s) < 0 || wattle_json_number(o, "cap_w", &run->cap_w) < 0 ||
	    wattle_json_number(o, "time_s", &run->time_s) < 0 || wattle_json_number(o, "energy_j", &run->energy_j) < 0 ||
	    wattle_json_number(o, "fom", &run->fom) < 0 || take_text(o, "hosts", run->hosts, sizeof(run->hosts)) < 0 ||
	    take_text(o, "class", run->host_class, sizeof(run->host_class)) < 0 || take_u32(o, "max_w", UINT32_MAX, &run->max_w) < 0 ||
	    take_text(o, "why", run->why, sizeof(run->why)) < 0)
		return -EINVAL;
	for (i = 0; i < N_STAGES; i++)
		if (strcmp(stage, stage_names[i]) == 0)
			break;
	if (i == N_STAGES || (i == SWEEP_QUEUED && run->job_id == 0))
		return -EINVAL;
	if (i == SWEEP_DONE && (run->cap_w <= 0 || run->time_s <= 0 || run->energy_j < 0 || run->fom < 0))
		return -EINVAL;
	run->stage = (enum sweep_stage) i;
	return 0;
}

static int take_lists(struct json_object *o, struct sweep *sweep)
{
	struct json_object *args = wattle_json_array(o, "sbatch"), *runs = wattle_json_array(o, "runs");
	size_t n_args = args ? json_object_array_length(args) : 0, n_runs = runs ? json_object_array_length(runs) : 0;

	if (n_args < 1 || n_args > SWEEP_ARGS_MAX || n_runs < 1 || n_runs > WATTLE_SWEEP_RUNS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n_args; i++) {
		struct json_object *word = json_object_array_get_idx(args, i);

		if (!json_object_is_type(word, json_type_string))
			return -EINVAL;
		sweep->arg[sweep->n_args] = strdup(json_object_get_string(word));
		if (!sweep->arg[sweep->n_args])
			return -ENOMEM;
		sweep->n_args++;
	}
	sweep->run = calloc(n_runs, sizeof(*sweep->run));
	if (!sweep->run)
		return -ENOMEM;
	sweep->n_runs = (uint32_t) n_runs;
	for (size_t i = 0; i < n_runs; i++) {
		struct sweep_run *run = &sweep->run[i];

		if (take_run(json_object_array_get_idx(runs, i), run) < 0 || (sweep->scaling && run->nodes == 0) ||
		    (run->stage == SWEEP_DONE && sweep->fom[0] && run->fom <= 0))
			return -EINVAL;
	}
	return 0;
}

int sweep_state_parse(const char *text, size_t len, struct sweep *ret, struct wattle_err *err)
{
	cleanup_json struct json_object *o = wattle_json_parse(text, len, 8);
	char form[16];
	uint64_t version;
	int64_t seed;
	int rc = 0;

	if (!o || wattle_json_u64(o, "v", STATE_VERSION, &version) < 0 || version != STATE_VERSION)
		return wattle_err_set(err, EINVAL, "no state of a sweep by this version of wattle");
	if (take_text(o, "name", ret->name, sizeof(ret->name)) < 0 || !wattle_model_name_valid(ret->name) ||
	    wattle_json_i64(o, "seed", &seed) < 0 || take_text(o, "cwd", ret->cwd, sizeof(ret->cwd)) < 0 ||
	    take_text(o, "output", ret->output, sizeof(ret->output)) < 0 || take_text(o, "conf", ret->conf, sizeof(ret->conf)) < 0 ||
	    take_text(o, "fom", ret->fom, sizeof(ret->fom)) < 0 || take_text(o, "pinned", ret->pinned, sizeof(ret->pinned)) < 0 ||
	    take_text(o, "form", form, sizeof(form)) < 0 || wattle_form_parse(form, &ret->form, err) < 0 ||
	    take_u32(o, "parallel", WATTLE_SWEEP_RUNS_MAX, &ret->parallel) < 0 || ret->parallel == 0 ||
	    wattle_json_bool(o, "any_nodes", &ret->any_nodes) < 0 || wattle_json_bool(o, "share", &ret->share) < 0 ||
	    wattle_json_bool(o, "scaling", &ret->scaling) < 0)
		rc = -EINVAL;
	if (rc == 0)
		rc = take_lists(o, ret);
	if (rc == -ENOMEM)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (rc < 0)
		return wattle_err_set(err, EINVAL, "damaged: a value is missing or out of range");
	ret->seed = (uint64_t) seed;
	return 0;
}

/* --- the folder -------------------------------------------------------- */

static int take_lock(struct sweep *sweep, struct wattle_err *err)
{
	sweep->dir_fd = open(sweep->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sweep->dir_fd < 0)
		return wattle_err_set(err, errno, "%s: %s", sweep->dir, strerror(errno));
	sweep->lock_fd = openat(sweep->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (sweep->lock_fd < 0)
		return wattle_err_set(err, errno, "%s/lock: %s", sweep->dir, strerror(errno));
	/* a file system without locks is no reason to refuse */
	if (flock(sweep->lock_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return wattle_err_set(err, EBUSY, "another wattle works on %s", sweep->dir);
	return 0;
}

int sweep_folder_make(struct sweep *sweep, struct wattle_err *err)
{
	int rc;

	if (mkdir(sweep->dir, 0777) < 0 && errno == EEXIST)
		return wattle_err_set(err, EEXIST, "%s is there already: `wattle sweep --resume %s` goes on with it, --dir names another "
				      "folder", sweep->dir, sweep->dir);
	else if (access(sweep->dir, F_OK) < 0)
		return wattle_err_set(err, errno, "can't make %s: %s", sweep->dir, strerror(errno));
	rc = take_lock(sweep, err);
	if (rc == 0 && mkdirat(sweep->dir_fd, "out", 0777) < 0)
		rc = wattle_err_set(err, errno, "can't make %s/out: %s", sweep->dir, strerror(errno));
	return rc;
}

int sweep_folder_open(const char *dir, struct sweep *ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { STATE_BYTES_MAX, true };
	cleanup_free char *text = NULL, *absolute = realpath(dir, NULL), *path = NULL;
	size_t len;
	int rc;

	if (!absolute)
		return wattle_err_set(err, errno, "no sweep in %s: %s", dir, strerror(errno));
	snprintf(ret->dir, sizeof(ret->dir), "%s", absolute);
	if (asprintf(&path, "%s/" STATE_NAME, absolute) < 0)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) < 0)
		return wattle_err_set(err, ENOENT, "no sweep in %s: there is no " STATE_NAME, dir);
	rc = take_lock(ret, err);
	if (rc == 0)
		rc = wattle_file_read(path, &rule, &text, &len, NULL, err);
	if (rc == 0 && (rc = sweep_state_parse(text, len, ret, err)) < 0)
		wattle_err_wrap(err, "%s", path);
	return rc;
}

int sweep_save(struct sweep *sweep, struct wattle_err *err)
{
	cleanup_free char *text = NULL;
	int rc = sweep_state_format(sweep, &text, err);

	if (rc == 0)
		rc = wattle_file_replace(sweep->dir_fd, STATE_NAME, 0644, text, strlen(text), err);
	return rc;
}

void sweep_close(struct sweep *sweep)
{
	if (sweep->lock_fd >= 0)
		close(sweep->lock_fd);
	if (sweep->dir_fd >= 0)
		close(sweep->dir_fd);
	for (uint32_t i = 0; i < sweep->n_args; i++)
		free(sweep->arg[i]);
	free(sweep->run);
	*sweep = (struct sweep) { .lock_fd = -1, .dir_fd = -1 };
}
