/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger against two schedulers that die, forget and lie late: what both may hand out never sums to more than the budget. */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

#define SLURM WATTLE_LEDGER_SLURM
#define KUEUE WATTLE_LEDGER_KUEUE

static const struct wattle_ledger_rules rules = {
	.budget_w = 10000, .min_w = { 1000, 1000 }, .max_w = { 0, 8000 }, .grain_w = 100, .patience_s = 300,
};

static struct wattle_ledger_view view(uint64_t limit, uint64_t used, uint64_t wanted)
{
	return (struct wattle_ledger_view){ .known = true, .limit_w = limit, .used_w = used, .wanted_w = wanted };
}

static void split(struct wattle_ledger_view a, struct wattle_ledger_view b, uint64_t want_a, uint64_t want_b)
{
	const struct wattle_ledger_view both[] = { a, b };
	uint64_t found[WATTLE_LEDGER_SIDES];

	wattle_ledger_split(&rules, both, found);
	CHECK_INT(found[SLURM], want_a);
	CHECK_INT(found[KUEUE], want_b);
}

static void test_split(void)
{
	/* nobody wants more: all stays */
	split(view(6000, 1000, 1000), view(4000, 0, 0), 6000, 4000);
	/* one wants what the other does not use */
	split(view(6000, 1000, 2000), view(4000, 4000, 7000), 3000, 7000);
	/* more than there is: who wants less than half gets it, else halves */
	split(view(9000, 9000, 20000), view(1000, 1000, 3000), 7000, 3000);
	split(view(9000, 9000, 20000), view(1000, 1000, 30000), 5000, 5000);
	/* bounds hold */
	split(view(6000, 0, 0), view(4000, 4000, 99999), 2000, 8000);
	split(view(9000, 9000, 99999), view(1000, 0, 0), 9000, 1000);
	split(view(0, 0, 0), view(0, 0, 0), 1000, 1000);
}

static struct wattle_ledger_step step_after(const struct wattle_ledger_rules *by, struct wattle_ledger_view a, struct wattle_ledger_view b,
					    struct wattle_ledger_past past)
{
	const struct wattle_ledger_view both[] = { a, b };
	struct wattle_ledger_step found;

	wattle_ledger_next(by, both, &past, &found);
	return found;
}

static struct wattle_ledger_step step(struct wattle_ledger_view a, struct wattle_ledger_view b, uint64_t over_s)
{
	return step_after(&rules, a, b, (struct wattle_ledger_past){ .over_s = { over_s, over_s } });
}

static void test_steps(void)
{
	struct wattle_ledger_view unknown = { .known = false };
	struct wattle_ledger_step found = step(view(6000, 1000, 1000), view(4000, 4000, 6000), 0);

	/* the giver first */
	CHECK_INT(found.what, WATTLE_LEDGER_LOWER);
	CHECK_INT(found.side, SLURM);
	CHECK_INT(found.to_w, 4000);
	found = step(view(4000, 1000, 1000), view(4000, 4000, 6000), 0);
	CHECK_INT(found.what, WATTLE_LEDGER_RAISE);
	CHECK_INT(found.side, KUEUE);
	CHECK_INT(found.to_w, 6000);
	/* what is in use is not there to be given */
	found = step(view(5000, 5500, 9000), view(4000, 4000, 9000), 0);
	CHECK_INT(found.what, WATTLE_LEDGER_RAISE);
	CHECK_INT(found.to_w, 4500);
	found = step(view(4000, 6000, 6000), view(4000, 4000, 9000), 10);
	CHECK_INT(found.what, WATTLE_LEDGER_RAISE); /* Slurm wants its half: 5000, and Kueue has no room */
	CHECK_INT(found.side, SLURM);
	CHECK_INT(found.to_w, 5000);
	found = step(view(5000, 6000, 9000), view(4000, 4000, 9000), 10);
	CHECK_INT(found.what, WATTLE_LEDGER_WAIT);
	CHECK_INT(found.excess_w, 1000);
	CHECK_HOLDS(found.why, "may still end by themselves");
	/* licences of what runs can't be lowered */
	found = step(view(5000, 6000, 9000), view(4000, 4000, 9000), 300);
	CHECK_INT(found.what, WATTLE_LEDGER_TELL);
	CHECK_INT(found.side, SLURM);
	CHECK_INT(found.excess_w, 1000);
	/* nothing is moved while a side is not known */
	found = step(unknown, view(4000, 4000, 9000), 0);
	CHECK_INT(found.what, WATTLE_LEDGER_WAIT);
	CHECK_HOLDS(found.why, "Slurm's side is not known");
	/* set to more than there is, by whomever */
	found = step(view(9990, 0, 0), view(4000, 0, 0), 0);
	CHECK_INT(found.what, WATTLE_LEDGER_LOWER);
	/* not worth it */
	found = step(view(5000, 0, 0), view(4950, 4950, 5040), 0);
	CHECK_INT(found.what, WATTLE_LEDGER_WAIT);
}

/* Kueue uses 1000 W more than its part; Slurm has no more to give. */
#define OVER view(5000, 5000, 9000), view(5000, 6000, 9000)
#define FITS view(5000, 5000, 9000), view(5000, 4600, 9000)

static void test_tighten(void)
{
	struct wattle_ledger_step found = step(OVER, 299);

	CHECK_INT(found.what, WATTLE_LEDGER_WAIT);
	CHECK_HOLDS(found.why, "may still end by themselves");
	found = step(OVER, 300);
	CHECK_INT(found.what, WATTLE_LEDGER_TIGHTEN);
	CHECK_INT(found.side, KUEUE);
	CHECK_INT(found.to_w, 5000);
	CHECK_INT(found.excess_w, 1000);
	/* for how long it was over before is forgotten with the bridge that died, the caps are not */
	found = step_after(&rules, OVER, (struct wattle_ledger_past){ .tightened = true });
	CHECK_INT(found.what, WATTLE_LEDGER_TIGHTEN);
	/* it frees nothing: nobody is raised for it */
	found = step_after(&rules, view(4000, 4000, 9000), view(5000, 6000, 9000), (struct wattle_ledger_past){ .tightened = true, .tightened_s = 9999 });
	CHECK_INT(found.what, WATTLE_LEDGER_TIGHTEN);
	/* never without the site's word */
	found = step_after(&rules, OVER, (struct wattle_ledger_past){ .tightened = true, .tightened_s = 1000000 });
	CHECK_INT(found.what, WATTLE_LEDGER_TIGHTEN);
	/* it fits again: at once */
	found = step_after(&rules, FITS, (struct wattle_ledger_past){ .tightened = true });
	CHECK_INT(found.what, WATTLE_LEDGER_LOOSEN);
	CHECK_INT(found.side, KUEUE);
	found = step_after(&rules, FITS, (struct wattle_ledger_past){ .tightened = false });
	CHECK_INT(found.what, WATTLE_LEDGER_WAIT);
	/* both are over: what can be done is done, though Slurm's patience is over too */
	found = step(view(5000, 6000, 9000), view(5000, 6000, 9000), 300);
	CHECK_INT(found.what, WATTLE_LEDGER_TIGHTEN);
	found = step_after(&rules, view(5000, 6000, 9000), view(5000, 6000, 9000), (struct wattle_ledger_past){ .over_s = { 300, 10 } });
	CHECK_INT(found.what, WATTLE_LEDGER_TELL);
	/* and caps are given back though Slurm is over */
	found = step_after(&rules, view(5000, 6000, 9000), view(5000, 4600, 9000), (struct wattle_ledger_past){ .over_s = { 300, 0 }, .tightened = true });
	CHECK_INT(found.what, WATTLE_LEDGER_LOOSEN);
}

static void test_evict(void)
{
	struct wattle_ledger_rules hard = rules;
	struct wattle_ledger_past past = { .over_s = { 0, 99999 }, .tightened = true, .tightened_s = 59 };
	struct wattle_ledger_step found;

	hard.evict_after_s = 60;
	CHECK_INT(step_after(&hard, OVER, past).what, WATTLE_LEDGER_TIGHTEN);
	past.tightened_s = 60;
	found = step_after(&hard, OVER, past);
	CHECK_INT(found.what, WATTLE_LEDGER_EVICT);
	CHECK_INT(found.side, KUEUE);
	CHECK_INT(found.excess_w, 1000);
	/* never before caps were lowered, however long it was over */
	past.tightened = false;
	CHECK_INT(step_after(&hard, OVER, past).what, WATTLE_LEDGER_TIGHTEN);
	/* who leaves is not stopped twice, nor others in his place */
	past.tightened = true;
	past.leaving_w = 400;
	found = step_after(&hard, OVER, past);
	CHECK_INT(found.what, WATTLE_LEDGER_EVICT);
	CHECK_INT(found.excess_w, 600);
	past.leaving_w = 1000;
	CHECK_INT(step_after(&hard, OVER, past).what, WATTLE_LEDGER_TIGHTEN);
	/* back when there is room for the whole of it, and after the caps of the others */
	past = (struct wattle_ledger_past){ .evicted_w = 400, .tightened = true };
	CHECK_INT(step_after(&hard, FITS, past).what, WATTLE_LEDGER_LOOSEN);
	past.tightened = false;
	CHECK_INT(step_after(&hard, FITS, past).what, WATTLE_LEDGER_RESUME);
	past.evicted_w = 401;
	CHECK_INT(step_after(&hard, FITS, past).what, WATTLE_LEDGER_WAIT);
	CHECK_INT(step_after(&hard, OVER, past).what, WATTLE_LEDGER_WAIT);
}

static void refused(struct wattle_ledger_rules bad, const char *why)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CU_ASSERT(wattle_ledger_check(&bad, &err) < 0);
	CHECK_HOLDS(err.text, why);
}

static void test_rules(void)
{
	CHECK_INT(wattle_ledger_check(&rules, NULL), 0);
	refused((struct wattle_ledger_rules){ .budget_w = 100, .min_w = { 60, 60 }, .grain_w = 1 }, "120 W together, more than budget_w, 100 W");
	refused((struct wattle_ledger_rules){ .budget_w = 100, .min_w = { 60, 0 }, .max_w = { 50, 0 }, .grain_w = 1 }, "Slurm keeps at least 60 W and gets");
	refused((struct wattle_ledger_rules){ .budget_w = 100 }, "grain_w is 0");
}

/* --- a world in which anything dies ----------------------------------------------------------------------------------------------------- */

/* A scheduler: hands out up to its limit; jobs come and go; a limit under what is used evicts nobody. */
struct world {
	uint64_t limit_w[2], used_w[2], waiting_w[2];
	bool tightened;
	uint64_t evicted_w; /* of Kueue's, one after another */
};

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) ((seed >> 33) % n);
}

static void live(struct world *world)
{
	for (int i = 0; i < 2; i++) {
		uint32_t w = 100 + random_below(900);

		if (random_below(3) == 0)
			world->waiting_w[i] += w;
		if (random_below(3) == 0)
			world->used_w[i] -= world->used_w[i] < w ? world->used_w[i] : w; /* some job ended */
		if (world->waiting_w[i] >= w && world->used_w[i] + w <= world->limit_w[i]) {
			world->used_w[i] += w;
			world->waiting_w[i] -= w;
		}
		if (random_below(40) == 0)
			world->waiting_w[i] = 0;
	}
}

static uint64_t held(const struct world *world, int i)
{
	return world->used_w[i] > world->limit_w[i] ? world->used_w[i] : world->limit_w[i];
}

static void test_random_deaths(void)
{
	struct world world = { .limit_w = { 5000, 5000 } };
	struct wattle_ledger_rules hard = rules;
	unsigned moved[WATTLE_LEDGER_RESUME + 1] = { 0 }, broken = 0, wrong = 0, fullest[2] = { 0 };

	hard.evict_after_s = 300;
	seed = 7;
	for (unsigned round = 0; round < 400000; round++) {
		struct wattle_ledger_view both[2];
		struct wattle_ledger_step found;

		live(&world);
		/* what is read is of now, or a side can't be read */
		for (int i = 0; i < 2; i++)
			both[i] = random_below(10) ? view(world.limit_w[i], world.used_w[i],
								  world.used_w[i] + world.waiting_w[i] + (i == KUEUE ? world.evicted_w : 0)) :
				  (struct wattle_ledger_view){ .known = false };
		/* time passes between reading and doing */
		if (random_below(2))
			live(&world);
		wattle_ledger_next(&hard, both,
				   &(struct wattle_ledger_past){ .over_s = { random_below(600), random_below(600) }, .tightened = world.tightened,
								 .tightened_s = random_below(600), .evicted_w = world.evicted_w },
				   &found);
		moved[found.what]++;
		wrong += found.what > WATTLE_LEDGER_TELL && found.side != KUEUE;
		wrong += found.what == WATTLE_LEDGER_LOOSEN && both[KUEUE].used_w > both[KUEUE].limit_w;
		wrong += found.what == WATTLE_LEDGER_EVICT && !world.tightened;
		/* the bridge dies before, or the command fails; else it is done, and whether anybody hears of it does not matter */
		if (random_below(4) == 0)
			;
		else if (found.what == WATTLE_LEDGER_LOWER || found.what == WATTLE_LEDGER_RAISE) {
			world.limit_w[found.side] = found.to_w;
		} else if (found.what == WATTLE_LEDGER_TIGHTEN || found.what == WATTLE_LEDGER_LOOSEN) {
			world.tightened = found.what == WATTLE_LEDGER_TIGHTEN; /* and nothing is freed by it */
		} else if (found.what == WATTLE_LEDGER_EVICT) {
			uint64_t w = found.excess_w < world.used_w[KUEUE] ? found.excess_w : world.used_w[KUEUE];

			world.used_w[KUEUE] -= w;
			world.evicted_w += w;
		} else if (found.what == WATTLE_LEDGER_RESUME) {
			world.waiting_w[KUEUE] += world.evicted_w;
			world.evicted_w = 0;
		}
		broken += held(&world, 0) + held(&world, 1) > rules.budget_w;
		for (int i = 0; i < 2; i++)
			fullest[i] = world.used_w[i] > fullest[i] ? (unsigned) world.used_w[i] : fullest[i];
	}
	CHECK_INT(broken, 0);
	CHECK_INT(wrong, 0);
	/* and it does move watts: else the invariant were easy to keep */
	CU_ASSERT(moved[WATTLE_LEDGER_LOWER] > 1000);
	CU_ASSERT(moved[WATTLE_LEDGER_RAISE] > 1000);
	for (int what = WATTLE_LEDGER_TELL; what <= WATTLE_LEDGER_RESUME; what++)
		CU_ASSERT(moved[what] > 100);
	CU_ASSERT(fullest[0] > 6000 && fullest[1] > 6000);
}

/* From any state, also one over the budget, it comes to rest within few steps if nobody dies. */
static void test_comes_to_rest(void)
{
	seed = 11;
	for (unsigned round = 0; round < 20000; round++) {
		struct wattle_ledger_view both[] = {
			view(random_below(12000), random_below(6000), random_below(15000)), view(random_below(12000), random_below(6000), random_below(15000)),
		};
		struct wattle_ledger_step found;
		uint64_t target[2];
		unsigned steps = 0;

		for (int i = 0; i < 2; i++) {
			if (both[i].used_w > both[i].limit_w)
				both[i].used_w = both[i].limit_w;
			if (both[i].wanted_w < both[i].used_w)
				both[i].wanted_w = both[i].used_w;
		}
		do {
			wattle_ledger_next(&rules, both, &(struct wattle_ledger_past){ .tightened = false }, &found);
			if (found.what == WATTLE_LEDGER_WAIT && found.excess_w > 0)
				both[found.side].used_w = both[found.side].limit_w; /* its jobs ended */
			else if (found.what != WATTLE_LEDGER_WAIT)
				both[found.side].limit_w = found.to_w;
		} while ((found.what != WATTLE_LEDGER_WAIT || found.excess_w > 0) && ++steps < 20);
		CU_ASSERT(steps < 20);
		CU_ASSERT(both[0].limit_w + both[1].limit_w <= rules.budget_w);
		wattle_ledger_split(&rules, both, target);
		for (int i = 0; i < 2; i++)
			CU_ASSERT(both[i].limit_w + rules.grain_w > target[i] || both[1 - i].limit_w + target[i] > rules.budget_w);
	}
}

static const struct test tests[] = {
	{ "the split by demand", test_split },
	{ "one step at a time, the giver first", test_steps },
	{ "caps are lowered, and given back", test_tighten },
	{ "eviction comes last, and ends", test_evict },
	{ "rules that can't be kept", test_rules },
	{ "the sum holds whatever dies", test_random_deaths },
	{ "it comes to rest", test_comes_to_rest },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("ledger", tests);
}
