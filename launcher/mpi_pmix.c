/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "mpi_pmix.h"

#ifdef HAVE_PMIX

#include <pmix.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "mpi_report.h"

#define NO_HANDLER ((int64_t) -1)

static _Atomic int64_t came_ns;
static _Atomic int64_t handler = NO_HANDLER;
static bool listening;

/* On PMIx's own thread. */
static void on_event(size_t id, pmix_status_t status, const pmix_proc_t *source, pmix_info_t info[], size_t n_info, pmix_info_t results[],
		     size_t n_results, pmix_event_notification_cbfunc_fn_t done, void *arg)
{
	(void) id, (void) status, (void) source, (void) info, (void) n_info, (void) results, (void) n_results;
	atomic_store(&came_ns, wattle_mono_ns());
	if (done)
		done(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, arg);
}

static void on_registered(pmix_status_t status, size_t id, void *arg)
{
	(void) arg;
	if (status == PMIX_SUCCESS)
		atomic_store(&handler, (int64_t) id);
}

void wattle_pmix_listen(void)
{
	pmix_status_t code = PMIX_JCTRL_CHECKPOINT;

	if (listening || !PMIx_Initialized())
		return;
	listening = true;
	PMIx_Register_event_handler(&code, 1, NULL, 0, on_event, on_registered, NULL);
}

bool wattle_pmix_asked_since(int64_t after_ns)
{
	return atomic_load_explicit(&came_ns, memory_order_relaxed) > after_ns;
}

void wattle_pmix_end(void)
{
	int64_t id = atomic_exchange(&handler, NO_HANDLER);

	if (id != NO_HANDLER && PMIx_Initialized())
		PMIx_Deregister_event_handler((size_t) id, NULL, NULL);
}

static bool get_number(const pmix_proc_t *proc, const char *key, uint32_t *ret)
{
	pmix_value_t *value = NULL;
	pmix_status_t rc;

	if (PMIx_Get(proc, key, NULL, 0, &value) != PMIX_SUCCESS || !value)
		return false;
	PMIX_VALUE_GET_NUMBER(rc, value, *ret, uint32_t);
	PMIX_VALUE_RELEASE(value);
	return rc == PMIX_SUCCESS;
}

bool wattle_pmix_place(struct wattle_pmix_place *ret)
{
	struct wattle_pmix_place place = { .nodes = 0 };
	pmix_proc_t self, job;

	/* counted: it only says who we are, where MPI has done it before */
	if (!PMIx_Initialized() || PMIx_Init(&self, NULL, 0) != PMIX_SUCCESS)
		return false;
	PMIX_LOAD_PROCID(&job, self.nspace, PMIX_RANK_WILDCARD);
	snprintf(place.job, sizeof(place.job), "%.*s", (int) sizeof(place.job) - 1, self.nspace);
	place.rank = self.rank;
	if (!get_number(&job, PMIX_NUM_NODES, &place.nodes))
		place.nodes = 0;
	if (!get_number(&job, PMIX_JOB_SIZE, &place.ranks))
		place.ranks = 0;
	get_number(&self, PMIX_LOCAL_RANK, &place.local_rank);
	get_number(&self, PMIX_NODEID, &place.node);
	PMIx_Finalize(NULL, 0);
	*ret = place;
	return true;
}

#else

void wattle_pmix_listen(void)
{
}

bool wattle_pmix_asked_since(int64_t after_ns)
{
	(void) after_ns;
	return false;
}

void wattle_pmix_end(void)
{
}

bool wattle_pmix_place(struct wattle_pmix_place *ret)
{
	(void) ret;
	return false;
}

#endif
