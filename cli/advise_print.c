/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer of `wattle advise` for people and for programs. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "advise.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "instant.h"
#include "json_new.h"
#include "table.h"

#define J_PER_KWH 3.6e6
#define BIG_KWH 10000 /* from here on in MWh and tonnes */

typedef unsigned long long ull;

static const char *const names[ADVISE_POLICIES] = { "start", "pause", "scale" };

static double pct(double saved, double of)
{
	return of > 0 ? 100 * saved / of : 0;
}

static bool computed(const struct advise *a, int policy)
{
	return policy != ADVISE_SCALE || a->scale;
}

/* --- people ---------------------------------------------------------------- */

static void put_slack(struct wattle_table *table, const struct advise *a, const struct advise_sum *sum, uint32_t i)
{
	char text[32];

	wattle_table_cell(table, "%s", a->slack[i].said);
	for (int p = 0; p < ADVISE_POLICIES; p++)
		if (computed(a, p))
			wattle_table_cell(table, "%.1f%%", pct(sum->saved[i][p].carbon_g, sum->carbon_g));
	if (a->scale)
		wattle_table_cell(table, "%+.1f%%", -pct(sum->saved[i][ADVISE_SCALE].energy_j, sum->energy_j));
	wattle_table_cell(table, "%llu", (ull) sum->saved[i][ADVISE_START].moved);
	wattle_table_cell(table, "%s", sum->saved[i][ADVISE_START].moved == 0 ? "-" :
			  wattle_text_duration(text, sizeof(text), sum->saved[i][ADVISE_START].later_s / (double) sum->saved[i][ADVISE_START].moved));
}

static void put_sum(struct wattle_table *table, const struct advise *a, const struct advise_sum *sum, double unit)
{
	for (uint32_t i = 0; i < a->n_slacks; i++) {
		if (i == 0) {
			wattle_table_cell(table, "%s", sum->name);
			wattle_table_cell(table, "%llu", (ull) sum->jobs);
			wattle_table_cell(table, "%llu", (ull) sum->deferrable);
			wattle_table_cell(table, "%.5g", sum->energy_j / J_PER_KWH / unit);
			wattle_table_cell(table, "%.5g", sum->carbon_g / 1000 / unit);
		} else {
			for (int c = 0; c < 5; c++)
				wattle_table_cell(table, " ");
		}
		put_slack(table, a, sum, i);
	}
}

static void put_peaks(const struct advise *a)
{
	double was = advise_peak(a, -1, 0);

	if (was < 0)
		return;
	printf("Most nodes at once (mean of a slot): %.5g as it was;", was);
	for (int p = 0; p < ADVISE_POLICIES; p++) {
		if (!computed(a, p))
			continue;
		printf("%s %s", p ? ";" : "", names[p]);
		for (uint32_t i = 0; i < a->n_slacks; i++)
			printf("%s %.5g (%s)", i ? "," : "", advise_peak(a, (int) i, p), a->slack[i].said);
	}
	printf(".\n");
}

void advise_print_table(const struct advise_printed *p)
{
	const struct advise *a = p->advise;
	bool big = a->all.energy_j / J_PER_KWH >= BIG_KWH, worth;
	const char *const fixed[] = { "PARTITION", ">JOBS", ">MAY WAIT", big ? ">MWh" : ">kWh", big ? ">t CO2" : ">kg CO2", ">SLACK", ">START", ">PAUSE" };
	const char *head[WATTLE_TABLE_COLUMNS_MAX];
	struct advise_sum all = a->all;
	struct wattle_table table;
	size_t n = sizeof(fixed) / sizeof(fixed[0]);
	char from[WATTLE_INSTANT_SIZE], to[WATTLE_INSTANT_SIZE], text[512];
	const char *line;

	memcpy(head, fixed, sizeof(fixed));
	if (a->scale) {
		head[n++] = ">SCALE";
		head[n++] = ">ITS ENERGY";
	}
	head[n++] = ">MOVED";
	head[n++] = ">LATER BY";
	wattle_table_begin(&table, head, n);
	for (uint32_t i = 0; i < a->n_partitions; i++)
		put_sum(&table, a, &a->partition[i], big ? 1000 : 1);
	if (a->partition[ADVISE_PARTITIONS_MAX].jobs > 0)
		put_sum(&table, a, &a->partition[ADVISE_PARTITIONS_MAX], big ? 1000 : 1);
	snprintf(all.name, sizeof(all.name), "TOTAL");
	if (a->n_partitions > 1)
		put_sum(&table, a, &all, big ? 1000 : 1);
	printf("%s (%s): %llu jobs, %s to %s. CO2 saved by:\n\n", p->read->name, p->read->format, (ull) a->all.jobs,
	       wattle_instant_format(a->first_s, from), wattle_instant_format(a->last_s, to));
	wattle_table_print(&table, stdout);
	putchar('\n');
	put_peaks(a);
	printf("\nAssumed:\n");
	for (unsigned i = 0; (line = advise_assumed(p, i, text, sizeof(text))); i++)
		if (*line)
			printf("- %s.\n", line);
	printf("\n%s\n", advise_verdict(p, text, sizeof(text), &worth));
}

/* --- programs ------------------------------------------------------------- */

static void put(struct json_object *to, const char *key, struct json_object *value)
{
	json_object_object_add(to, key, value);
}

static struct json_object *number(double value)
{
	return wattle_json_new_estimate(value, 12);
}

static struct json_object *count(uint64_t value)
{
	return json_object_new_int64((int64_t) value);
}

static struct json_object *moment(int64_t s)
{
	char text[WATTLE_INSTANT_SIZE];

	return json_object_new_string(wattle_instant_format(s, text));
}

static struct json_object *saved_json(const struct advise *a, const struct advise_sum *sum, uint32_t i, int policy, bool peak)
{
	const struct advise_saved *s = &sum->saved[i][policy];
	struct json_object *o = json_object_new_object();
	double most = peak ? advise_peak(a, (int) i, policy) : -1;

	put(o, "carbon_g", number(sum->carbon_g - s->carbon_g));
	put(o, "energy_j", number(sum->energy_j - s->energy_j));
	put(o, "saving_pct", number(pct(s->carbon_g, sum->carbon_g)));
	put(o, "energy_saving_pct", number(pct(s->energy_j, sum->energy_j)));
	put(o, "moved", count(s->moved));
	put(o, "later_s", number(s->moved ? s->later_s / (double) s->moved : 0));
	if (peak)
		put(o, "peak_nodes", most < 0 ? NULL : wattle_json_new_estimate(most, 6));
	return o;
}

static struct json_object *sum_json(const struct advise *a, const struct advise_sum *sum, bool all)
{
	struct json_object *o = json_object_new_object(), *array = json_object_new_array();
	double most = all ? advise_peak(a, -1, 0) : -1;

	put(o, "partition", all ? NULL : json_object_new_string(sum->name));
	put(o, "jobs", count(sum->jobs));
	put(o, "may_wait", count(sum->deferrable));
	put(o, "node_s", number(sum->node_s));
	put(o, "mean_wait_s", number(sum->jobs ? sum->wait_s / (double) sum->jobs : 0));
	put(o, "energy_j", number(sum->energy_j));
	put(o, "carbon_g", number(sum->carbon_g));
	put(o, "unscaled", a->scale ? count(sum->unscaled) : NULL);
	if (all)
		put(o, "peak_nodes", most < 0 ? NULL : wattle_json_new_estimate(most, 6));
	for (uint32_t i = 0; i < a->n_slacks; i++) {
		struct json_object *slack = json_object_new_object();

		put(slack, "slack", json_object_new_string(a->slack[i].said));
		put(slack, "no_room", count(sum->no_room[i]));
		for (int p = 0; p < ADVISE_POLICIES; p++)
			put(slack, names[p], computed(a, p) ? saved_json(a, sum, i, p, all) : NULL);
		json_object_array_add(array, slack);
	}
	put(o, "slacks", array);
	return o;
}

static struct json_object *trace_json(const struct advise_printed *p)
{
	struct json_object *o = json_object_new_object();

	put(o, "name", json_object_new_string(p->read->name));
	put(o, "format", json_object_new_string(p->read->format));
	put(o, "from", moment(p->advise->first_s));
	put(o, "to", moment(p->advise->last_s));
	put(o, "lines", count(p->read->lines));
	put(o, "jobs", count(p->read->jobs));
	put(o, "not_run", count(p->read->not_run));
	put(o, "bad_lines", count(p->read->bad));
	put(o, "outside", count(p->advise->outside));
	put(o, "in_gaps", count(p->advise->uncovered));
	return o;
}

static struct json_object *carbon_json(const struct advise_printed *p)
{
	const struct advise *a = p->advise;
	struct json_object *o = json_object_new_object();

	put(o, "name", json_object_new_string(p->carbon_name));
	put(o, "zone", a->carbon.zone[0] ? json_object_new_string(a->carbon.zone) : NULL);
	put(o, "signal", json_object_new_string(wattle_signal_name(a->carbon.signal)));
	put(o, "slot_s", count(a->carbon.slot_s));
	put(o, "slots", count(a->n_slots));
	put(o, "filled", count(a->carbon.n_filled));
	put(o, "period_s", a->period_s ? json_object_new_int64(a->period_s) : NULL);
	return o;
}

static struct json_object *watts_json(const struct advise_power *w)
{
	struct json_object *o = json_object_new_object();

	put(o, "measured", count(w->n_measured));
	put(o, "said", count(w->n_said));
	put(o, "class", count(w->n_class));
	put(o, "assumed", count(w->n_assumed));
	put(o, "not_believed", count(w->n_odd));
	return o;
}

void advise_print_json(const struct advise_printed *p)
{
	const struct advise *a = p->advise;
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	char text[512];
	const char *line;
	bool worth;

	put(o, "trace", trace_json(p));
	put(o, "carbon", carbon_json(p));
	put(o, "watts_of_jobs", watts_json(&a->power));
	put(o, "total", sum_json(a, &a->all, true));
	for (uint32_t i = 0; i < a->n_partitions; i++)
		json_object_array_add(list, sum_json(a, &a->partition[i], false));
	if (a->partition[ADVISE_PARTITIONS_MAX].jobs > 0)
		json_object_array_add(list, sum_json(a, &a->partition[ADVISE_PARTITIONS_MAX], false));
	put(o, "partitions", list);
	list = json_object_new_array();
	for (unsigned i = 0; (line = advise_assumed(p, i, text, sizeof(text))); i++)
		if (*line)
			json_object_array_add(list, json_object_new_string(line));
	put(o, "assumed", list);
	put(o, "verdict", json_object_new_string(advise_verdict(p, text, sizeof(text), &worth)));
	put(o, "worth", json_object_new_boolean(worth));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}
