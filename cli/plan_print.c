/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan for programs and for people. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "plan_cli.h"

#include <math.h>
#include <string.h>

#include <json-c/json.h>

#include "instant.h"
#include "json_new.h"
#include "table.h"
#include "terminal.h"

#define BAR 24
#define IDLE_SHOWN 2 /* idle slots in a row that are printed one by one */

const char *plan_moment(const struct wattle_forecast *f, double at_s, char *buf, size_t size)
{
	char text[WATTLE_INSTANT_SIZE];

	if (!f->dated) {
		snprintf(buf, size, "slot %.6g", at_s / f->slot_s);
		return buf;
	}
	wattle_instant_format((int64_t) floor(at_s + 0.5), text);
	if (strlen(text) == 20) {
		text[10] = ' ';
		text[f->slot_s % 60 || strncmp(text + 17, "00", 2) != 0 ? 19 : 16] = '\0';
	}
	snprintf(buf, size, "%s", text);
	return buf;
}

/* ISO 8601, or a number of slots. */
static struct json_object *moment_json(const struct wattle_forecast *f, double at_s)
{
	char text[WATTLE_INSTANT_SIZE];

	if (!f->dated)
		return wattle_json_new_estimate(at_s / f->slot_s, 12);
	return json_object_new_string(wattle_instant_format((int64_t) floor(at_s + 0.5), text));
}

static struct json_object *sum_json(const struct plan_printed *p, const struct wattle_plan_sum *sum, const char *policy)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "policy", json_object_new_string(policy));
	json_object_object_add(o, "carbon_g", wattle_json_new_number(sum->carbon_g));
	json_object_object_add(o, "energy_j", wattle_json_new_number(sum->energy_j));
	if (p->priced) /* per MWh */
		json_object_object_add(o, "cost", wattle_json_new_number(sum->cost / 1000));
	json_object_object_add(o, "start", moment_json(p->carbon, sum->start_s));
	json_object_object_add(o, "end", moment_json(p->carbon, sum->end_s));
	json_object_object_add(o, "deadline_met", json_object_new_boolean(sum->deadline_met));
	return o;
}

static struct json_object *slots_json(const struct plan_printed *p)
{
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < p->plan->n_entries; i++) {
		const struct wattle_plan_entry *e = &p->plan->entry[i];
		const struct wattle_plan_slot *s = &p->problem->slot[e->slot];
		const struct wattle_plan_config *c = &p->problem->config[e->config];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "t", moment_json(p->carbon, s->start_s));
		json_object_object_add(o, "nodes", json_object_new_int64(c->nodes));
		json_object_object_add(o, "watts", wattle_json_new_number(c->power_w));
		json_object_object_add(o, "fraction", wattle_json_new_number(fmin(1, e->run_s / s->length_s)));
		json_object_object_add(o, "g_per_kwh", wattle_json_new_number(s->g_per_kwh));
		if (c->cap_w > 0)
			json_object_object_add(o, "cap_w", wattle_json_new_number(c->cap_w));
		if (e->overhead_s > 0)
			json_object_object_add(o, "overhead_s", wattle_json_new_number(e->overhead_s));
		json_object_array_add(array, o);
	}
	return array;
}

void plan_print_json(const struct plan_printed *p)
{
	const struct wattle_plan *plan = p->plan;
	struct json_object *o = sum_json(p, &plan->sum, wattle_plan_policy_name(plan->policy));
	struct json_object *agnostic = sum_json(p, &plan->agnostic, wattle_plan_policy_name(WATTLE_PLAN_NOW));

	json_object_object_add(agnostic, "nodes", json_object_new_int64(p->problem->config[plan->agnostic_config].nodes));
	json_object_object_add(o, "agnostic", agnostic);
	json_object_object_add(o, "saving_pct", wattle_json_new_number(plan->saving_pct));
	json_object_object_add(o, "energy_saving_pct", wattle_json_new_number(plan->energy_saving_pct));
	json_object_object_add(o, "switches", json_object_new_int64(plan->sum.switches));
	json_object_object_add(o, "slot_s", json_object_new_int64(p->carbon->slot_s));
	json_object_object_add(o, "signal", json_object_new_string(wattle_signal_name(p->carbon->signal)));
	json_object_object_add(o, "beyond_forecast_s", wattle_json_new_number(plan->sum.beyond_s));
	json_object_object_add(o, "assumed", p->sizes->assumed[0] ? json_object_new_string(p->sizes->assumed) : NULL);
	json_object_object_add(o, "slots", slots_json(p));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

/* --- the table ------------------------------------------------------------ */

static void put_bar(double share, bool runs, bool utf8)
{
	int n = (int) ceil(share * BAR - 1e-9);
	const char *block = !utf8 ? (runs ? "#" : ".") : runs ? "\xe2\x96\x88" : "\xe2\x96\x91";

	for (int i = 0; i < BAR; i++)
		fputs(i < n ? block : " ", stdout);
}

static void put_idle(const struct plan_printed *p, uint32_t slot, double most, bool utf8)
{
	const struct wattle_plan_slot *s = &p->problem->slot[slot];
	char moment[40];

	printf("%-16s %6.0f ", plan_moment(p->carbon, s->start_s, moment, sizeof(moment)), s->g_per_kwh);
	put_bar(s->g_per_kwh / most, false, utf8);
	printf("      -\n");
}

static void put_entry(const struct plan_printed *p, const struct wattle_plan_entry *e, double most, bool utf8)
{
	const struct wattle_plan_slot *s = &p->problem->slot[e->slot];
	const struct wattle_plan_config *c = &p->problem->config[e->config];
	char moment[40];

	printf("%-16s %6.0f ", plan_moment(p->carbon, s->start_s, moment, sizeof(moment)), s->g_per_kwh);
	put_bar(s->g_per_kwh / most, true, utf8);
	printf(" %6u %9.4g", c->nodes, c->power_w);
	if (c->cap_w > 0)
		printf(" %7.0f", c->cap_w);
	printf(" %5.0f%%", 100 * e->run_s / s->length_s);
	if (e->overhead_s > 0)
		printf("  %.0f s of it to resize", e->overhead_s);
	putchar('\n');
}

static void put_slots(const struct plan_printed *p, bool utf8)
{
	const struct wattle_plan *plan = p->plan;
	uint32_t last = plan->entry[plan->n_entries - 1].slot, slot, n = 0;
	bool capped = p->problem->config[plan->entry[0].config].cap_w > 0;
	double most = 1e-9;

	for (slot = 0; slot < p->problem->n_slots && p->problem->slot[slot].start_s + p->problem->slot[slot].length_s <= p->problem->start_s;)
		slot++;
	for (uint32_t i = slot; i <= last; i++)
		most = fmax(most, p->problem->slot[i].g_per_kwh);
	printf("%-16s %6s %-*s %6s %9s%s %6s\n", p->carbon->dated ? "UTC" : "SLOT", "G/KWH", BAR, "", "NODES", "WATTS", capped ? " CAP/NODE" : "",
	       "OF IT");
	while (slot <= last && n < plan->n_entries) {
		uint32_t idle = plan->entry[n].slot - slot;

		if (idle > IDLE_SHOWN) {
			printf("%16s %u slots not running\n", "...", idle);
			slot += idle;
		}
		for (; slot < plan->entry[n].slot; slot++)
			put_idle(p, slot, most, utf8);
		for (; n < plan->n_entries && plan->entry[n].slot == slot; n++)
			put_entry(p, &plan->entry[n], most, utf8);
		slot++;
	}
}

void plan_print_table(const struct plan_printed *p)
{
	const struct wattle_plan *plan = p->plan;
	char a[40], b[40], run[32], energy[32], other[32];

	put_slots(p, wattle_terminal_has_utf8());
	printf("\n%s: %s to %s (%s)%s\n", wattle_plan_policy_name(plan->policy), plan_moment(p->carbon, plan->sum.start_s, a, sizeof(a)),
	       plan_moment(p->carbon, plan->sum.end_s, b, sizeof(b)),
	       wattle_text_duration(run, sizeof(run), plan->sum.end_s - plan->sum.start_s),
	       plan->sum.deadline_met ? ", deadline kept" : ", DEADLINE MISSED");
	printf("%.4g kg CO2, %s", plan->sum.carbon_g / 1000, wattle_text_energy(energy, sizeof(energy), plan->sum.energy_j));
	if (p->priced)
		printf(", %.4g %.3s", plan->sum.cost / 1000, p->unit);
	printf("; started at once on %u node%s: %.4g kg CO2, %s", p->problem->config[plan->agnostic_config].nodes,
	       p->problem->config[plan->agnostic_config].nodes == 1 ? "" : "s", plan->agnostic.carbon_g / 1000,
	       wattle_text_energy(other, sizeof(other), plan->agnostic.energy_j));
	if (p->priced)
		printf(", %.4g %.3s", plan->agnostic.cost / 1000, p->unit);
	printf("\n%.1f%% %s CO2, %.1f%% %s energy", fabs(plan->saving_pct), plan->saving_pct < 0 ? "more" : "less", fabs(plan->energy_saving_pct),
	       plan->energy_saving_pct < 0 ? "more" : "less");
	if (plan->sum.switches > 0)
		printf(", %u resize%s or pause%s", plan->sum.switches, plan->sum.switches == 1 ? "" : "s", plan->sum.switches == 1 ? "" : "s");
	putchar('\n');
}
