/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "faultpoint.h"
#include "lease_private.h"

uint32_t lease_job_watts(const struct wattle_book *book, const struct wattle_lease_job *job)
{
	uint32_t watts_w = job->grant_w;

	for (uint32_t i = 0; i < book->n_steps; i++) {
		const struct wattle_lease_step *step = &book->step[i];

		if (step->job_id == job->job_id && step->ask_w != 0 && step->ask_w < watts_w)
			watts_w = step->ask_w;
	}
	return watts_w;
}

uint32_t lease_effective_watts(const struct wattle_book *book, const struct wattle_node *node)
{
	uint64_t sum_w = 0;

	for (uint32_t i = 0; i < book->n_jobs; i++)
		sum_w += lease_job_watts(book, &book->job[i]);
	for (uint32_t i = 0; i < book->n_pods; i++)
		sum_w += book->pod[i].watts_w;
	if (book->n_jobs + book->n_pods == 0 || sum_w >= node->max_w)
		return 0;
	/* Small shares of a node may add up to less than it can be held to. */
	return sum_w < node->min_w ? node->min_w : (uint32_t) sum_w;
}

static bool near(uint64_t a_uw, uint64_t b_uw)
{
	return (a_uw > b_uw ? a_uw - b_uw : b_uw - a_uw) <= WATTLE_CAP_TOLERANCE_UW;
}

static bool between(uint64_t x_uw, uint64_t a_uw, uint64_t b_uw)
{
	return a_uw < b_uw ? x_uw > a_uw && x_uw < b_uw : x_uw > b_uw && x_uw < a_uw;
}

enum lease_verdict lease_limit_judge(const struct wattle_lease_limit *limit, uint64_t now_uw, bool recovered)
{
	if (now_uw == limit->wrote_uw)
		return LEASE_OURS;
	/* An interrupted write: done, or done as far as a firmware that clamps lets it. */
	if (limit->intent_open && (near(now_uw, limit->intent_uw) || between(now_uw, limit->wrote_uw, limit->intent_uw)))
		return LEASE_OURS;
	/* What the lost generation meant to write is not known, but it was no more than the baseline. */
	if (recovered && now_uw <= limit->baseline_uw)
		return LEASE_OURS;
	return now_uw == limit->baseline_uw ? LEASE_SET_BACK : LEASE_FOREIGN;
}

/* One power limit of the node as this transaction sees it: the hardware's side and the book's. */
struct place {
	const struct wattle_zone *zone;
	uint32_t constraint;
	const struct wattle_limit *found;
	struct wattle_lease_limit *limit; /* NULL: nothing of ours there */
	uint64_t target_uw;
	bool write;
};

struct apply {
	struct lease *lease;
	uint32_t effective_w;         /* 0: everything gets its baseline back */
	struct wattle_zones zones;
	uint32_t n_places;
	struct place place[LEASE_LIMITS_MAX];
	bool new_baseline;            /* captured or taken over from somebody: both generations must know it before a write */
	bool failed;                  /* a wanted cap is not in force */
	char failure[256];            /* the first such */
};

static struct wattle_lease_limit *find_limit(const struct wattle_book *book, const struct wattle_zone *zone, uint32_t constraint)
{
	for (uint32_t i = 0; i < book->n_limits; i++) {
		struct wattle_lease_limit *limit = &book->limit[i];

		if (limit->constraint == constraint && strcmp(limit->zone, zone->name) == 0 && strcmp(limit->control, zone->control) == 0)
			return limit;
	}
	return NULL;
}

static void cap_failed(struct apply *apply, const char *why)
{
	const struct wattle_node *node = apply->lease->node;
	char text[sizeof(apply->failure)];

	snprintf(text, sizeof(text), "node %s %s", node->host, why);
	if (!apply->failed)
		memcpy(apply->failure, text, sizeof(text));
	apply->failed = true;
	lease_event(apply->lease->outcome, WATTLE_EVENT_CAP_FAILED, 0, 0, "%s", text);
}

/* Told when it begins to be owed; that it still is stands in the book. */
static void restore_owed(struct apply *apply, struct wattle_lease_limit *limit, const char *why)
{
	if (limit->owed)
		return;
	limit->owed = true;
	apply->lease->dirty = true;
	lease_event(apply->lease->outcome, WATTLE_EVENT_RESTORE_OWED, 0, 0,
		    "node %s %s: its baseline %.3f W is owed and will be tried again at each call", apply->lease->node->host, why,
		    (double) limit->baseline_uw / 1e6);
}

static const char *constraint_name(uint32_t constraint)
{
	return constraint == 0 ? "long_term" : "short_term";
}

static void judge(struct apply *apply, struct place *place)
{
	struct wattle_lease_limit *limit = place->limit;
	struct lease *lease = apply->lease;
	uint64_t now_uw = place->found->now_uw;
	enum lease_verdict verdict = lease_limit_judge(limit, now_uw, lease->recovered);

	bool plausible = now_uw >= LEASE_BASELINE_MIN_UW && now_uw <= LEASE_BASELINE_MAX_UW;

	if (verdict == LEASE_FOREIGN)
		lease_event(lease->outcome, WATTLE_EVENT_FOREIGN, 0, 0, "node %s zone %s %s: reads %.3f W, wrote %.3f W: somebody else's change, %s %.3f W",
			    lease->node->host, limit->zone, constraint_name(place->constraint), (double) now_uw / 1e6,
			    (double) limit->wrote_uw / 1e6, plausible ? "kept as its baseline instead of" : "no plausible limit; its baseline stays",
			    (double) limit->baseline_uw / 1e6);
	else if (verdict == LEASE_SET_BACK && apply->effective_w && !limit->owed)
		lease_event(lease->outcome, WATTLE_EVENT_FOREIGN, 0, 0,
			    "node %s zone %s %s: somebody else set it back to its baseline %.3f W: the cap applies again", lease->node->host,
			    limit->zone, constraint_name(place->constraint), (double) now_uw / 1e6);
	if (verdict == LEASE_FOREIGN && plausible) {
		limit->baseline_uw = now_uw;
		limit->owed = false;
		apply->new_baseline = true;
	}
	if (limit->wrote_uw != now_uw || limit->intent_open) {
		/* An open intent is settled: what it did is what reads now. */
		if (!near(now_uw, limit->intent_uw))
			limit->intent_uw = 0;
		limit->wrote_uw = now_uw;
		limit->intent_open = false;
		lease->dirty = true;
	}
}

/* The baseline, at the one moment when it is known to be the site's own: nothing of ours has been written here. */
static void capture(struct apply *apply, struct place *place)
{
	struct wattle_book *book = apply->lease->book;
	uint64_t now_uw = place->found->now_uw;
	struct wattle_lease_limit *limit;
	char why[160];

	if (now_uw == 0 && place->constraint != 0)
		return; /* the firmware sets no short-term limit: none to lower */
	if (now_uw < LEASE_BASELINE_MIN_UW || now_uw > LEASE_BASELINE_MAX_UW) {
		snprintf(why, sizeof(why), "zone %s %s: reads %.3f W, no limit that could be given back: not touched", place->zone->name,
			 constraint_name(place->constraint), (double) now_uw / 1e6);
		cap_failed(apply, why);
		return;
	}
	if (book->n_limits >= LEASE_LIMITS_MAX) {
		cap_failed(apply, "the lease book has no room for another limit");
		return;
	}
	limit = &book->limit[book->n_limits++];
	memset(limit, 0, sizeof(*limit));
	snprintf(limit->control, sizeof(limit->control), "%s", place->zone->control);
	snprintf(limit->zone, sizeof(limit->zone), "%s", place->zone->name);
	limit->constraint = place->constraint;
	limit->baseline_uw = limit->wrote_uw = now_uw;
	place->limit = limit;
	apply->new_baseline = true;
	apply->lease->dirty = true;
}

static void unreadable(struct apply *apply, struct place *place)
{
	char why[160];

	snprintf(why, sizeof(why), "zone %s %s: can't be read: %s", place->zone->name, constraint_name(place->constraint),
		 place->found->error ? strerror(-place->found->error) : "it is not there any more");
	/* Without a reading nothing is written: whose value we would write over is not known. */
	if (apply->effective_w)
		cap_failed(apply, why);
	else if (place->limit)
		restore_owed(apply, place->limit, why);
}

static void unbinding(struct apply *apply, const struct wattle_zone *zone)
{
	char why[200];

	snprintf(why, sizeof(why), "zone %s: its file enabled says 0, so its limits don't bind (BIOS lock? else write 1 there at boot)",
		 zone->name);
	cap_failed(apply, why);
}

static void look(struct apply *apply)
{
	struct wattle_zones *zones = &apply->zones;

	for (uint32_t i = 0; i < zones->n; i++) {
		if (zones->zone[i].disabled && apply->effective_w)
			unbinding(apply, &zones->zone[i]);
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++) {
			struct place *place = &apply->place[apply->n_places++];

			*place = (struct place) { .zone = &zones->zone[i], .constraint = c, .found = &zones->zone[i].limit[c],
						  .limit = find_limit(apply->lease->book, &zones->zone[i], c) };
			if (!place->found->present) {
				if (place->found->error || place->limit)
					unreadable(apply, place);
			} else if (place->limit) {
				judge(apply, place);
			} else if (apply->effective_w) {
				capture(apply, place);
			}
		}
	}
	wattle_fault_point("apply.looked");
}

/* Limits in the book of zones that the hardware does not show. */
static void look_for_missing(struct apply *apply, const char *why)
{
	struct wattle_book *book = apply->lease->book;

	for (uint32_t i = 0; i < book->n_limits; i++) {
		struct wattle_lease_limit *limit = &book->limit[i];
		bool there = false;
		char text[400];

		for (uint32_t j = 0; j < apply->n_places; j++)
			there |= apply->place[j].limit == limit;
		if (there)
			continue;
		snprintf(text, sizeof(text), "zone %s %s: is not there: %s", limit->zone, constraint_name(limit->constraint), why);
		if (apply->effective_w)
			cap_failed(apply, text);
		else
			restore_owed(apply, limit, text);
	}
}

static void aim(struct apply *apply)
{
	struct wattle_zones *zones = &apply->zones;
	uint64_t ceiling_uw[WATTLE_ZONES_MAX], share_uw[WATTLE_ZONES_MAX] = { 0 };
	const struct wattle_node *node = apply->lease->node;
	uint64_t packages_uw = apply->effective_w > node->base_w ? (uint64_t) (apply->effective_w - node->base_w) * 1000000u : 0;

	for (uint32_t i = 0; i < zones->n; i++)
		ceiling_uw[i] = UINT64_MAX;
	for (uint32_t j = 0; j < apply->n_places; j++)
		if (apply->place[j].constraint == 0 && apply->place[j].limit)
			ceiling_uw[apply->place[j].zone - zones->zone] = apply->place[j].limit->baseline_uw;
	if (apply->effective_w)
		wattle_cap_split(packages_uw, zones->n, ceiling_uw, share_uw);
	for (uint32_t j = 0; j < apply->n_places; j++) {
		struct place *place = &apply->place[j];
		struct wattle_lease_limit *limit = place->limit;
		uint64_t share = share_uw[place->zone - zones->zone];

		if (!limit || !place->found->present)
			continue;
		place->target_uw = apply->effective_w && share < limit->baseline_uw ? share : limit->baseline_uw;
		/* Held if it reads just that, or what the hardware made of it when we last asked for it. */
		place->write = place->found->now_uw != place->target_uw && limit->intent_uw != place->target_uw;
		if (!place->write)
			continue;
		limit->intent_uw = place->target_uw;
		limit->intent_open = true;
		apply->lease->dirty = true;
	}
}

/* Closes the book's account of a limit that holds its own value again. */
static void settle(struct apply *apply, struct wattle_lease_limit *limit)
{
	if (limit->owed)
		lease_event(apply->lease->outcome, WATTLE_EVENT_RESTORED_LATE, 0, 0, "node %s zone %s %s: holds its baseline %.3f W again",
			    apply->lease->node->host, limit->zone, constraint_name(limit->constraint), (double) limit->baseline_uw / 1e6);
	limit->control[0] = '\0'; /* dropped by drop_settled: places point into the list until then */
	apply->lease->dirty = true;
}

static void drop_settled(struct wattle_book *book)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < book->n_limits; i++)
		if (book->limit[i].control[0])
			book->limit[kept++] = book->limit[i];
	book->n_limits = kept;
}

static void write_place(struct apply *apply, struct place *place)
{
	struct wattle_lease_limit *limit = place->limit;
	struct wattle_err why = WATTLE_ERR_INIT;
	uint64_t read_uw = 0;
	int rc;

	wattle_fault_point("apply.before_write");
	rc = wattle_limit_write(place->zone, place->constraint, place->target_uw, &read_uw, &why);
	wattle_fault_point("apply.after_write");
	apply->lease->dirty = true;
	if (rc == 0 || read_uw != 0) {
		limit->wrote_uw = read_uw;
		limit->intent_open = false;
	}
	if (rc == 0) {
		if (apply->effective_w)
			limit->owed = false;
		return;
	}
	/* Not what was asked for: the next call asks again. Not even read back: the intent stays open. */
	if (!limit->intent_open)
		limit->intent_uw = 0;
	if (apply->effective_w)
		cap_failed(apply, why.text);
	else
		restore_owed(apply, limit, why.text);
	place->target_uw = UINT64_MAX;
}

/* journaled: this transaction's intents are on disk. If not, only baselines are put back: what reads as its baseline is known as ours
 * without a word in the book, any other value would look like somebody else's. */
static void write_limits(struct apply *apply, bool journaled)
{
	uint64_t start_ns = wattle_boottime_ns();
	bool wrote = false;

	for (uint32_t j = 0; j < apply->n_places; j++) {
		struct place *place = &apply->place[j];

		if (!place->write)
			continue;
		if (!journaled && place->target_uw != place->limit->baseline_uw) {
			place->limit->intent_uw = 0;
			place->limit->intent_open = false;
			continue;
		}
		write_place(apply, place);
		wrote = true;
	}
	if (wrote)
		apply->lease->outcome->apply_ns = wattle_boottime_ns() - start_ns;
}

static void settle_restored(struct apply *apply)
{
	if (apply->effective_w)
		return;
	for (uint32_t j = 0; j < apply->n_places; j++) {
		struct place *place = &apply->place[j];

		if (place->limit && place->found->present && place->target_uw == place->limit->baseline_uw)
			settle(apply, place->limit);
	}
	drop_settled(apply->lease->book);
}

static void tell(struct apply *apply, bool *failed, char failure[sizeof(apply->failure)])
{
	if (*failed == apply->failed && strcmp(failure, apply->failed ? apply->failure : "") == 0)
		return;
	*failed = apply->failed;
	memcpy(failure, apply->failure, sizeof(apply->failure));
	apply->lease->dirty = true;
}

/* Whether the cap holds concerns everyone who has a share in it. */
static void tell_sharers(struct apply *apply)
{
	struct wattle_book *book = apply->lease->book;

	for (uint32_t i = 0; i < book->n_jobs; i++)
		tell(apply, &book->job[i].cap_failed, book->job[i].cap_failure);
	for (uint32_t i = 0; i < book->n_pods; i++)
		tell(apply, &book->pod[i].cap_failed, book->pod[i].cap_failure);
}

/* Both generations get to know a new baseline before anything is written over it. */
static int journal_intents(struct apply *apply, struct wattle_err *err)
{
	struct lease *lease = apply->lease;
	int rc = 0;

	if (lease->dirty)
		rc = lease_store_save(lease, err);
	wattle_fault_point("apply.journaled_once");
	if (rc == 0 && apply->new_baseline)
		rc = lease_store_save(lease, err);
	wattle_fault_point("apply.journaled");
	return rc;
}

/* The tree as it is; a cap that is wanted and can't be set is told, limits that can't be given back are owed. */
static void read_zones(struct apply *apply)
{
	struct wattle_err why = WATTLE_ERR_INIT;
	/* A baseline is given back whether it binds or not. */
	int rc = wattle_zones_read_parts(&apply->zones, apply->effective_w ? WATTLE_READ_ENABLED : 0, &why);
	char text[400];

	look(apply);
	look_for_missing(apply, rc < 0 ? why.text : "the node has no such zone");
	if (rc == 0 || !apply->effective_w || apply->failed)
		return;
	snprintf(text, sizeof(text), "zone -: wanted %u W for the node, read nothing: %s", (unsigned) apply->effective_w, why.text);
	cap_failed(apply, text);
}

/* The cap stays what it was and nothing is left undone: then a light change leaves the hardware alone, which spares most of
 * a call's time. Whoever changed a limit meanwhile is found by the next one that looks. */
static bool at_rest(const struct lease *lease, uint32_t effective_w)
{
	const struct wattle_book *book = lease->book;

	if (lease->recovered || effective_w != lease->outcome->before_w || (effective_w != 0) != (book->n_limits != 0))
		return false;
	for (uint32_t i = 0; i < book->n_limits; i++)
		if (book->limit[i].intent_open || book->limit[i].owed)
			return false;
	for (uint32_t i = 0; i < book->n_jobs; i++)
		if (book->job[i].cap_failed)
			return false;
	for (uint32_t i = 0; i < book->n_pods; i++)
		if (book->pod[i].cap_failed)
			return false;
	return true;
}

int lease_apply(struct lease *lease, struct wattle_err *err)
{
	struct wattle_err later = WATTLE_ERR_INIT;
	struct apply apply; /* 18 KB, not cleared: most calls use none of its lists */
	int rc;

	apply.lease = lease;
	apply.effective_w = lease_effective_watts(lease->book, lease->node);
	apply.zones.n = apply.n_places = 0;
	apply.new_baseline = apply.failed = false;
	memset(apply.failure, 0, sizeof(apply.failure));
	lease->outcome->effective_w = apply.effective_w;
	/* Nothing to hold down and nothing to give back: a node without any power limit runs such jobs too. */
	if ((apply.effective_w || lease->book->n_limits) && !(lease->light && at_rest(lease, apply.effective_w))) {
		read_zones(&apply);
		aim(&apply);
	}
	rc = journal_intents(&apply, err);
	write_limits(&apply, rc == 0);
	settle_restored(&apply);
	if (rc < 0 && apply.effective_w)
		cap_failed(&apply, err ? err->text : strerror(-rc));
	tell_sharers(&apply);
	wattle_fault_point("apply.written");
	if (rc < 0)
		lease->dirty = true;
	if (lease->dirty && lease_store_save(lease, rc < 0 ? &later : err) < 0 && rc == 0)
		rc = -(err ? err->code : EIO);
	wattle_fault_point("apply.done");
	return rc;
}
