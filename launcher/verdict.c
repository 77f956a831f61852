/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict.h"

#include <signal.h>

#define HURRY_MAX 3         /* steps in a row that ended checkpointed, unasked and without progress */
#define IDLE_MAX 5          /* the same, asked: progress may be told in coarse units, and slots be short */
#define IGNORED_MAX 2

bool wattle_takes_part(const struct wattle_state *s)
{
	return s->ignored < IGNORED_MAX && s->crashes < WATTLE_CRASHES_MAX;
}

bool wattle_may_ask(const struct wattle_state *s)
{
	return wattle_takes_part(s) && (s->idle < IDLE_MAX || s->done > s->kept);
}

/* A program that knows of checkpoints: to start another one again would be to begin anew. */
static bool knows_checkpoints(const struct wattle_run *run, const struct wattle_status *status)
{
	return status->first_us || run->state.resizes || run->state.pauses;
}

/* By a signal that nobody sends who wants it to end. Not by SIGKILL alone: the greatest status counts, and where a rank was killed the
 * others may die of a broken pipe. */
static bool was_killed(int status)
{
	return status > 128 && status != 128 + SIGTERM && status != 128 + SIGINT && status != 128 + SIGHUP;
}

/* More than the checkpoints before had: what they had is not what was done when the last step was killed. */
static bool has_advanced(const struct wattle_state *s)
{
	return s->total > 0 && s->done > s->kept;
}

static enum wattle_verdict judge_checkpointed(struct wattle_run *run, int status, bool asked, uint32_t *hurry)
{
	struct wattle_state *s = &run->state;
	bool advanced = has_advanced(s);

	s->ignored = s->crashes = s->killed = 0;
	*hurry = asked || advanced ? 0 : *hurry + 1;
	s->idle = !asked || advanced || s->total == 0 ? 0 : s->idle + 1;
	s->kept = s->done;
	if (*hurry >= HURRY_MAX) {
		wattle_run_say(run, "the program left \"checkpointed\" (%d) %u times without being asked and without progress: given up", status, *hurry);
		return WATTLE_FAILED;
	}
	if (s->idle == IDLE_MAX)
		wattle_run_say(run, "%u checkpoints in a row without progress: asked no more before there is some", s->idle);
	return WATTLE_GO_ON;
}

enum wattle_verdict wattle_judge(struct wattle_run *run, const struct wattle_status *status, int exit_status, bool asked, uint32_t *hurry)
{
	struct wattle_state *s = &run->state;
	bool heard = status->asked > 0, saved = status->saved > 0;

	/* srun ends with 0 or 1 if the step could not be started; a socket of PMIx that a killed slurmstepd left behind is enough */
	if (!asked && exit_status <= 128 && exit_status != run->checkpointed && !status->first_us && s->done < s->total && s->killed < run->restarts_max) {
		s->killed++;
		wattle_run_say(run, "the program ended with %d at %d%%, without a sign of life: started again", exit_status, wattle_state_done_pct(s));
		return WATTLE_GO_ON;
	}
	if (exit_status == 0) {
		if (s->total && s->done < s->total)
			wattle_run_say(run, "the program ended with 0 at %d%%: finished", wattle_state_done_pct(s));
		return WATTLE_FINISHED;
	}
	if (exit_status == run->checkpointed && (!heard || saved))
		return judge_checkpointed(run, exit_status, asked, hurry);
	/* one that dies at the same place again and again may well make a checkpoint on the way there, each time */
	if (saved && (s->total == 0 || has_advanced(s))) {
		s->killed = 0;
		s->kept = s->done;
	}
	if (!asked) {
		if (!was_killed(exit_status) || !knows_checkpoints(run, status))
			return WATTLE_FAILED;
		s->killed++;
		wattle_run_say(run, "the program was killed: %s", s->killed <= run->restarts_max ? "started again from its last checkpoint" :
			       run->restarts_max ? "given up, as the times before" : "given up");
		return s->killed <= run->restarts_max ? WATTLE_GO_ON : WATTLE_FAILED;
	}
	s->crashes++;
	wattle_run_say(run, "the program failed in its checkpoint (exit status %d%s): %s", exit_status, heard && !saved ? ", no checkpoint on disk" : "",
		       s->crashes < WATTLE_CRASHES_MAX ? "started again from the one before" :
		       s->crashes == WATTLE_CRASHES_MAX ? "started again at this size, and asked no more" : "given up");
	return s->crashes > WATTLE_CRASHES_MAX ? WATTLE_FAILED : WATTLE_GO_ON;
}
