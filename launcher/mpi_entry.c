/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions of wattle.h, and the ranks' agreement. PMPI_ names, so that no profiler takes our messages for the program's. */
#include "wattle.h"

#include <mpi.h>
#include <sched.h>
#include <stdbool.h>

#include "mpi_pmix.h"
#include "mpi_report.h"
#include "mpi_rounds.h"
#include "mpi_signal.h"

#define DEAF_NS 1000000000 /* after a request: the same one may reach another rank later */

static enum { UNTRIED, ALONE, AGREEING } mode = UNTRIED;
static MPI_Comm comm = MPI_COMM_NULL;
static MPI_Request request = MPI_REQUEST_NULL;
static double mine[WATTLE_ROUND_N], agreed[WATTLE_ROUND_N];
static uint64_t calls, next = 1, round_calls;
static int64_t round_ns, cost_ns, deaf_until_ns;

/* At MPI_Finalize (an attribute of MPI_COMM_SELF goes first): a round may be under way. Bounded, should a rank have called less
 * often than the others. */
static int on_finalize(MPI_Comm self, int key, void *value, void *extra)
{
	int64_t until = wattle_mono_ns() + 1000000000;
	int done = 0;

	(void) self, (void) key, (void) value, (void) extra;
	while (request != MPI_REQUEST_NULL && !done && wattle_mono_ns() < until)
		if (PMPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
			break;
	mode = ALONE;
	wattle_pmix_end();
	wattle_report_end();
	return MPI_SUCCESS;
}

/* Collective: every rank's first call. A launcher may have kept our variables from some of them. */
static void meet(void)
{
	int any = wattle_signal_expected(), key, ready = 0;

	mode = ALONE;
	if (PMPI_Initialized(&ready) != MPI_SUCCESS || !ready) {
		mode = UNTRIED;
		return;
	}
	if (PMPI_Finalized(&ready) != MPI_SUCCESS || ready)
		return;
	if (PMPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD) != MPI_SUCCESS || !any)
		return;
	if (PMPI_Comm_dup(MPI_COMM_WORLD, &comm) != MPI_SUCCESS)
		return;
	PMPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
	if (PMPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, on_finalize, &key, NULL) == MPI_SUCCESS)
		PMPI_Comm_set_attr(MPI_COMM_SELF, key, NULL);
	wattle_pmix_listen();
	round_ns = wattle_mono_ns();
	mode = AGREEING;
	next = calls;
}

/* As MPI_Wait, but leaves the CPU to a rank that may be waiting for it. */
static int wait_for_round(void)
{
	int over = 0, rc;

	while ((rc = PMPI_Test(&request, &over, MPI_STATUS_IGNORE)) == MPI_SUCCESS && !over)
		sched_yield();
	return rc;
}

/* Ends the last round and begins the next; true if the last one said to checkpoint. */
static bool round_turn(void)
{
	int64_t begin_ns = wattle_mono_ns(), now_ns;
	uint64_t done, total;
	bool asked = false;

	if (request != MPI_REQUEST_NULL) {
		if (wait_for_round() != MPI_SUCCESS) {
			mode = ALONE;
			return false;
		}
		asked = agreed[WATTLE_ROUND_ASKED] > 0;
		if (agreed[WATTLE_ROUND_DONE] > 0)
			wattle_report_progress((uint64_t) agreed[WATTLE_ROUND_DONE], (uint64_t) agreed[WATTLE_ROUND_TOTAL]);
		next = calls + wattle_round_calls(agreed);
	} else
		next = calls + 1;
	now_ns = wattle_mono_ns();
	if (asked) {
		deaf_until_ns = now_ns + DEAF_NS;
		wattle_report_asked();
	}
	wattle_report_calls(calls);

	wattle_report_latest(&done, &total);
	mine[WATTLE_ROUND_ASKED] = wattle_signal_since(deaf_until_ns) || wattle_pmix_asked_since(deaf_until_ns);
	mine[WATTLE_ROUND_PER_CALL] = calls > round_calls ? (double) (begin_ns - round_ns) / 1e9 / (double) (calls - round_calls) : 0;
	mine[WATTLE_ROUND_COST] = (double) -cost_ns / 1e9;
	mine[WATTLE_ROUND_WAITED] = (double) cost_ns / 1e9;
	mine[WATTLE_ROUND_DONE] = (double) done;
	mine[WATTLE_ROUND_TOTAL] = (double) total;
	if (PMPI_Iallreduce(mine, agreed, WATTLE_ROUND_N, MPI_DOUBLE, MPI_MAX, comm, &request) != MPI_SUCCESS)
		mode = ALONE;
	round_ns = begin_ns;
	round_calls = calls;
	cost_ns = wattle_mono_ns() - begin_ns;
	return asked;
}

int wattle_should_checkpoint(void)
{
	calls++;
	if (calls < next || mode == ALONE)
		return 0;
	if (mode == UNTRIED)
		meet();
	return mode == AGREEING && round_turn();
}

/* For the PMPI layer. */
uint64_t wattle_checkpoint_calls(void);
uint64_t wattle_checkpoint_calls(void)
{
	return calls;
}

int wattle_progress(uint64_t done, uint64_t total)
{
	if (total && done > total)
		return -1;
	wattle_report_progress(done, total);
	return 0;
}

void wattle_checkpoint_done(void)
{
	wattle_report_saved();
}
