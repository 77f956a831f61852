/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "json.h"

#define NAME "state.json"
#define BYTES_MAX 65536

int wattle_state_open(const char *folder, int *ret_fd, struct wattle_err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if ((size_t) snprintf(path, sizeof(path), "%s", folder) >= sizeof(path))
		return wattle_err_set(err, ENAMETOOLONG, "state folder: its name is too long");
	for (char *p = path + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			if (mkdir(path, 0700) < 0 && errno != EEXIST)
				return wattle_err_set(err, errno, "state folder %s: %s", path, strerror(errno));
			*p = '/';
		}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return wattle_err_set(err, errno, "state folder %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return wattle_err_set(err, errno, "state folder %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid()) {
		close(fd);
		return wattle_err_set(err, EPERM, "state folder %s is not yours: name another one with --state", path);
	}
	*ret_fd = fd;
	return 0;
}

static uint32_t u32(struct json_object *o, const char *key)
{
	uint64_t v = 0;

	wattle_json_u64(o, key, UINT32_MAX, &v);
	return (uint32_t) v;
}

static double number(struct json_object *o, const char *key)
{
	double v = 0;

	wattle_json_number(o, key, &v);
	return v;
}

static void load_rates(struct json_object *array, struct wattle_state *s)
{
	size_t n = array ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n && s->n_rates < WATTLE_STATE_RATES_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(array, i);
		struct wattle_rate r = { u32(o, "nodes"), number(o, "units"), number(o, "run_s") };

		if (r.nodes > 0 && r.units > 0 && r.run_s > 0)
			s->rate[s->n_rates++] = r;
	}
}

int wattle_state_load(int folder, struct wattle_state *ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = BYTES_MAX, .any_owner = true };
	cleanup_json struct json_object *o = NULL;
	cleanup_free char *text = NULL;
	struct wattle_state s = { 0 };
	char path[64];
	size_t len;
	int rc;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/" NAME, folder);
	rc = wattle_file_read(path, &rule, &text, &len, NULL, err);
	if (rc < 0)
		return rc;
	o = wattle_json_parse(text, len, 4);
	if (!o || u32(o, "wattle_state") != 1)
		return wattle_err_set(err, EINVAL, NAME " is no state of wattlerun's: remove it to begin anew, or name another folder with --state");
	s.job_id = u32(o, "job_id");
	s.steps = u32(o, "steps");
	s.first_start_s = number(o, "first_start_s");
	s.tasks_per_node = u32(o, "tasks_per_node");
	wattle_json_u64(o, "done", UINT64_MAX, &s.done);
	wattle_json_u64(o, "total", UINT64_MAX, &s.total);
	wattle_json_u64(o, "kept", UINT64_MAX, &s.kept);
	s.asked_s = number(o, "asked_s");
	s.left_s = number(o, "left_s");
	s.begin_s = number(o, "begin_s");
	s.wanted_nodes = u32(o, "wanted_nodes");
	s.refused_nodes = u32(o, "refused_nodes");
	s.resizes = u32(o, "resizes");
	s.pauses = u32(o, "pauses");
	s.lost_s = number(o, "lost_s");
	s.lost_n = u32(o, "lost_n");
	s.ignored = u32(o, "ignored");
	s.crashes = u32(o, "crashes");
	s.killed = u32(o, "killed");
	s.idle = u32(o, "idle");
	load_rates(wattle_json_array(o, "rates"), &s);
	if (wattle_json_text(o, "plan", s.plan, sizeof(s.plan)) < 0)
		s.plan[0] = '\0';
	s.planned_s = number(o, "planned_s");
	s.replans = u32(o, "replans");
	s.postponed = u32(o, "postponed");
	*ret = s;
	return 0;
}

static void put_u(struct json_object *o, const char *key, uint64_t v)
{
	json_object_object_add(o, key, json_object_new_uint64(v));
}

static void put_d(struct json_object *o, const char *key, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", v);
	json_object_object_add(o, key, json_object_new_double_s(v, text));
}

int wattle_state_save(int folder, const struct wattle_state *s, struct wattle_err *err)
{
	cleanup_json struct json_object *o = json_object_new_object();
	struct json_object *rates = json_object_new_array();
	const char *text;

	put_u(o, "wattle_state", 1);
	put_u(o, "job_id", s->job_id);
	put_u(o, "steps", s->steps);
	put_d(o, "first_start_s", s->first_start_s);
	put_u(o, "tasks_per_node", s->tasks_per_node);
	put_u(o, "done", s->done);
	put_u(o, "total", s->total);
	put_u(o, "kept", s->kept);
	put_d(o, "asked_s", s->asked_s);
	put_d(o, "left_s", s->left_s);
	put_d(o, "begin_s", s->begin_s);
	put_u(o, "wanted_nodes", s->wanted_nodes);
	put_u(o, "refused_nodes", s->refused_nodes);
	put_u(o, "resizes", s->resizes);
	put_u(o, "pauses", s->pauses);
	put_d(o, "lost_s", s->lost_s);
	put_u(o, "lost_n", s->lost_n);
	put_u(o, "ignored", s->ignored);
	put_u(o, "crashes", s->crashes);
	put_u(o, "killed", s->killed);
	put_u(o, "idle", s->idle);
	for (uint32_t i = 0; i < s->n_rates; i++) {
		struct json_object *r = json_object_new_object();

		put_u(r, "nodes", s->rate[i].nodes);
		put_d(r, "units", s->rate[i].units);
		put_d(r, "run_s", s->rate[i].run_s);
		json_object_array_add(rates, r);
	}
	json_object_object_add(o, "rates", rates);
	if (s->plan[0])
		json_object_object_add(o, "plan", json_object_new_string(s->plan));
	put_d(o, "planned_s", s->planned_s);
	put_u(o, "replans", s->replans);
	put_u(o, "postponed", s->postponed);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	if (!text)
		return wattle_err_set(err, ENOMEM, "out of memory");
	return wattle_file_replace(folder, NAME, 0600, text, strlen(text), err);
}

int wattle_state_done_pct(const struct wattle_state *s)
{
	return s->total ? (int) (100.0 * (double) s->done / (double) s->total) : 0;
}

void wattle_state_learn(struct wattle_state *s, uint32_t nodes, double units, double run_s)
{
	uint32_t i = 0;

	if (!(units > 0) || !(run_s > 0))
		return;
	while (i < s->n_rates && s->rate[i].nodes != nodes)
		i++;
	if (i == WATTLE_STATE_RATES_MAX)
		return;
	if (i == s->n_rates)
		s->rate[s->n_rates++] = (struct wattle_rate) { .nodes = nodes };
	s->rate[i].units += units;
	s->rate[i].run_s += run_s;
}

double wattle_state_rate(uint32_t nodes, const void *arg)
{
	const struct wattle_state *s = arg;
	const struct wattle_rate *best = NULL;
	double per_s;

	for (uint32_t i = 0; i < s->n_rates; i++) {
		const struct wattle_rate *r = &s->rate[i];
		uint32_t off = r->nodes > nodes ? r->nodes - nodes : nodes - r->nodes;

		if (!best || off < (best->nodes > nodes ? best->nodes - nodes : nodes - best->nodes))
			best = r;
	}
	if (!best)
		return 0;
	per_s = best->units / best->run_s;
	return per_s * nodes / best->nodes;
}
