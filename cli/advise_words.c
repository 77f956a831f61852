/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `wattle advise` assumed, and its answer. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "advise.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "instant.h"

#define WORTH_PCT 5.0  /* of all CO2, what waiting must save to be worth a site's effort */
#define LITTLE_PCT 1.0

typedef unsigned long long ull;

static void add(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *buf, size_t size, const char *format, ...)
{
	size_t len = strlen(buf);
	va_list args;

	va_start(args, format);
	vsnprintf(buf + len, size - len, format, args);
	va_end(args);
}

static void say_watts(const struct advise_printed *p, char *buf, size_t size)
{
	const struct advise_power *w = &p->advise->power;

	add(buf, size, "watts, even over a run:");
	if (w->n_measured)
		add(buf, size, " %llu jobs by their measured energy;", (ull) w->n_measured);
	if (w->n_said)
		add(buf, size, " %llu at %g W a node;", (ull) w->n_said, w->said_w);
	if (w->n_class)
		add(buf, size, " %llu at default_w of their node class;", (ull) w->n_class);
	if (w->n_assumed)
		add(buf, size, " %llu at %g W a node, assumed (--watts-per-node);", (ull) w->n_assumed, ADVISE_ASSUMED_W);
	if (w->n_odd)
		add(buf, size, " %llu measured energies that no node draws are not believed;", (ull) w->n_odd);
	buf[strlen(buf) - 1] = '\0';
}

static void say_series(const struct advise_printed *p, char *buf, size_t size)
{
	const struct advise *a = p->advise;
	char at[WATTLE_INSTANT_SIZE];

	add(buf, size, "%.80s: %u slots of %u s, %s signal", p->carbon_name, a->n_slots, a->carbon.slot_s,
	    wattle_signal_name(a->carbon.signal));
	if (a->carbon.n_filled)
		add(buf, size, ", %u of them filled between their neighbours", a->carbon.n_filled);
	if (a->period_s && a->carbon.dated)
		add(buf, size, "; laid over the trace again and again, every %g days", (double) a->period_s / 86400);
	else if (a->period_s)
		add(buf, size, "; it has no dates: its first slot is taken for %s, again every %g days", wattle_instant_format(a->anchor_s, at),
		    (double) a->period_s / 86400);
	add(buf, size, "; taken as known in advance: real forecasts save less");
}

static void say_who(const struct advise *a, char *buf, size_t size)
{
	add(buf, size, "may wait: %s", a->min_s > 0 ? "jobs of at least " : "every job");
	if (a->min_s > 0)
		add(buf, size, "%g s", a->min_s);
	for (uint32_t i = 0; i < a->n_names; i++)
		add(buf, size, "%s%s", i ? ", " : a->n_names > 1 ? " of the partitions " : " of the partition ", a->names[i]);
	add(buf, size, "; the others count as they ran");
}

static void say_left_out(const struct advise_printed *p, char *buf, size_t size)
{
	const struct advise *a = p->advise;

	if (!(a->outside || a->uncovered || p->read->not_run || p->read->bad))
		return;
	add(buf, size, "left out:");
	if (a->outside)
		add(buf, size, " %llu jobs outside the intensities,", (ull) a->outside);
	if (a->uncovered)
		add(buf, size, " %llu in a gap of them,", (ull) a->uncovered);
	if (p->read->not_run)
		add(buf, size, " %llu that never ran or have not ended,", (ull) p->read->not_run);
	if (p->read->bad)
		add(buf, size, " %llu lines that are no jobs,", (ull) p->read->bad);
	buf[strlen(buf) - 1] = '\0';
}

static void say_scale(const struct advise_printed *p, char *buf, size_t size)
{
	if (!p->scale_name) {
		add(buf, size, "scale is not computed: it takes a scaling curve (--curve or --profile)");
		return;
	}
	add(buf, size, "scale: every job that may wait scales as %.80s", p->scale_name);
	if (p->advise->all.unscaled)
		add(buf, size, "; %llu on node counts that it lacks count as start", (ull) p->advise->all.unscaled);
}

static void say_times(const struct advise_printed *p, char *buf, size_t size)
{
	if (p->read->undated)
		add(buf, size, "the trace has no UnixStartTime: it is taken to begin at midnight, 1 January 1970");
	else if (p->read->unzoned)
		add(buf, size, "times of the trace name no zone and are taken as UTC: SLURM_TIME_FORMAT=%%s or TZ=UTC makes sacct say that");
}

static void say_nodes(const struct advise_printed *p, char *buf, size_t size)
{
	if (p->read->format[0] != 'S')
		return;
	if (p->advise->power.cores > 0)
		add(buf, size, "%g processors are a node%s", p->advise->power.cores, p->read->cores > 0 && p->advise->power.cores == p->read->cores ?
		    " (MaxProcs over MaxNodes)" : "");
	else
		add(buf, size, "each processor is taken for a node: --cores-per-node says how many one has");
}

const char *advise_assumed(const struct advise_printed *p, unsigned i, char *buf, size_t size)
{
	const struct advise *a = p->advise;

	buf[0] = '\0';
	switch (i) {
	case 0:
		return "a job starts no earlier than it really did and has ended that long after its submission: its wait in the queue counts";
	case 1:
		return "a job that waits finds its nodes free then: the queue is not simulated";
	case 2:
		say_series(p, buf, size);
		break;
	case 3:
		say_watts(p, buf, size);
		break;
	case 4:
		say_nodes(p, buf, size);
		break;
	case 5:
		say_who(a, buf, size);
		break;
	case 6:
		if (a->overhead_s > 0)
			add(buf, size, "each pause and resize costs %g s without progress", a->overhead_s);
		else
			add(buf, size, "pauses and resizes cost nothing (--resize-overhead)");
		break;
	case 7:
		say_scale(p, buf, size);
		break;
	case 8:
		say_times(p, buf, size);
		break;
	case 9:
		say_left_out(p, buf, size);
		break;
	default:
		return NULL;
	}
	return buf;
}

/* --- the answer ------------------------------------------------------------ */

static double pct(double saved, double of)
{
	return of > 0 ? 100 * saved / of : 0;
}

static double best_pct(const struct advise *a, uint32_t slack)
{
	double best = 0;

	for (int p = 0; p < (a->scale ? ADVISE_POLICIES : ADVISE_SCALE); p++)
		best = fmax(best, pct(a->all.saved[slack][p].carbon_g, a->all.carbon_g));
	return best;
}

static const char *judge(double start_pct, double any_pct)
{
	if (start_pct >= WORTH_PCT)
		return "Worth it here";
	if (any_pct >= WORTH_PCT)
		return "Worth it here for jobs that can pause or scale, little for others";
	return any_pct >= LITTLE_PCT ? "Worth little here" : "Not worth it here";
}

static void say_policy(const struct advise *a, uint32_t slack, enum advise_policy policy, const char *name, char *buf, size_t size)
{
	const struct advise_saved *s = &a->all.saved[slack][policy];
	double energy = pct(s->energy_j, a->all.energy_j);

	add(buf, size, ", %s %.1f%%", name, pct(s->carbon_g, a->all.carbon_g));
	if (fabs(energy) >= 0.05)
		add(buf, size, " with %.1f%% %s energy", fabs(energy), energy < 0 ? "more" : "less");
}

const char *advise_verdict(const struct advise_printed *p, char *buf, size_t size, bool *ret_worth)
{
	const struct advise *a = p->advise;
	uint32_t best = 0;
	double saved_g, saved_pct, was = advise_peak(a, -1, 0), most;

	for (uint32_t i = 1; i < a->n_slacks; i++)
		if (a->all.saved[i][ADVISE_START].carbon_g > a->all.saved[best][ADVISE_START].carbon_g)
			best = i;
	saved_g = a->all.saved[best][ADVISE_START].carbon_g;
	saved_pct = pct(saved_g, a->all.carbon_g);
	*ret_worth = best_pct(a, best) >= WORTH_PCT;
	buf[0] = '\0';
	add(buf, size, "%s: with %s of slack a better start alone would have saved %.1f%% of the CO2 (%.4g of %.4g kg) at the same energy",
	    judge(saved_pct, best_pct(a, best)), a->slack[best].said, saved_pct, saved_g / 1000, a->all.carbon_g / 1000);
	say_policy(a, best, ADVISE_PAUSE, "pauses", buf, size);
	if (a->scale)
		say_policy(a, best, ADVISE_SCALE, "scaling", buf, size);
	most = advise_peak(a, (int) best, ADVISE_START);
	if (was > 0 && most > was * 1.05)
		add(buf, size, "; it takes that %.5g nodes can run at once where %.5g did", most, was);
	add(buf, size, ".");
	return buf;
}
