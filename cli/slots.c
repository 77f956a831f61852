/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slots.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tres.h"
#include "units.h"

#define FIELDS 6
#define NO_LIMIT_S 86400 /* a job without a time limit counts for a day */
#define FIELD_MAX 1024
#define HORIZON_S (7 * INT64_C(86400)) /* of 5-minute slots the file has room for just that */

struct job {
	int64_t begin_s, end_s;
	uint64_t watts_w;
};

/* One line into fields; false: it has another number of them, or one that is longer than we care for. */
static bool split(const char *line, size_t len, char field[FIELDS][FIELD_MAX])
{
	unsigned n = 0;
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '|') {
			field[n][used] = '\0';
			used = 0;
			if (++n == FIELDS)
				return false;
			continue;
		}
		if (used + 1 == FIELD_MAX)
			return false;
		field[n][used++] = line[i];
	}
	field[n][used] = '\0';
	return n == FIELDS - 1;
}

static bool named(const char *list)
{
	return *list && strcmp(list, "(null)") != 0 && strcmp(list, "N/A") != 0;
}

/* The licence is of the whole job, gres of each node. */
static uint64_t charge_w(const struct wattle_siteconf *conf, const char *licences, const char *gres, const char *nodes)
{
	uint64_t watts_w = 0;

	if ((conf->charge & WATTLE_CHARGE_LICENCE) && named(licences) && wattle_licence_find(licences, conf->licence, &watts_w, NULL) == 1)
		return watts_w;
	if ((conf->charge & WATTLE_CHARGE_GRES) && named(gres) && wattle_gres_find(gres, conf->gres, &watts_w, NULL) == 1) {
		uint64_t n = strtoull(nodes, NULL, 10);

		return n <= UINT32_MAX && watts_w <= UINT32_MAX ? watts_w * n : 0;
	}
	return 0;
}

/* false: a row of no concern. */
static bool read_job(const char *line, size_t len, const struct wattle_siteconf *conf, int64_t now_s, struct job *ret)
{
	char field[FIELDS][FIELD_MAX], *end;
	struct wattle_err err = WATTLE_ERR_INIT;
	int64_t limit_s = NO_LIMIT_S;

	if (!split(line, len, field) || strcmp(field[0], "BeginTime") != 0)
		return false;
	ret->begin_s = strtoll(field[1], &end, 10);
	if (end == field[1] || *end || ret->begin_s < now_s || ret->begin_s - now_s > INT64_C(10) * 365 * 86400)
		return false;
	if (wattle_duration_parse(field[2], &limit_s, &err) < 0)
		limit_s = NO_LIMIT_S;
	ret->end_s = ret->begin_s + limit_s;
	ret->watts_w = charge_w(conf, field[3], field[4], field[5]);
	return ret->watts_w > 0;
}

void slots_from_squeue(const char *text, const struct wattle_siteconf *conf, int64_t now_s, int64_t epoch_s, uint32_t slot_s,
		       struct wattle_slotload *ret, uint32_t *ret_jobs)
{
	int64_t last_s = now_s, end_s = now_s + (conf->carbon.delay_max_s > HORIZON_S ? conf->carbon.delay_max_s : HORIZON_S), offset_s;
	struct job job;

	memset(ret, 0, sizeof(*ret));
	*ret_jobs = 0;
	/* twice over the text: how far it reaches, then how much it is */
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (read_job(line, strcspn(line, "\n"), conf, now_s, &job) && job.end_s > last_s)
			last_s = job.end_s;
	/* else one user's job of some years would make everybody's slots too long to tell one time from another */
	if (last_s > end_s)
		last_s = end_s;
	while ((last_s - now_s) / slot_s + 2 > WATTLE_SLOTLOAD_MAX)
		slot_s *= 2;
	offset_s = (now_s - epoch_s) % slot_s;
	ret->made_s = now_s;
	ret->start_s = now_s - (offset_s < 0 ? offset_s + slot_s : offset_s);
	ret->slot_s = slot_s;
	ret->n = (uint32_t) ((last_s - ret->start_s + slot_s - 1) / slot_s);
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (read_job(line, strcspn(line, "\n"), conf, now_s, &job)) {
			wattle_slotload_add(ret, job.begin_s, job.end_s, job.watts_w);
			(*ret_jobs)++;
		}
}
