/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpi_signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "mpi_report.h"
#include "status.h"

static _Atomic int64_t came_ns;
static struct sigaction before;
static bool expected;

static void on_signal(int number, siginfo_t *info, void *context)
{
	atomic_store(&came_ns, wattle_mono_ns());
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(number, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(number);
}

/* When the library is loaded, before main: the request may come while MPI starts. */
__attribute__((constructor)) static void expect_signal(void)
{
	const char *text = getenv(WATTLE_SIGNAL_ENV);
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
	char *end;
	long number;

	if (!text)
		return;
	number = strtol(text, &end, 10);
	if (end == text || *end || number < 1 || number > SIGRTMAX || number == SIGKILL || number == SIGSTOP)
		return;
	sigemptyset(&action.sa_mask);
	expected = sigaction((int) number, &action, &before) == 0;
}

bool wattle_signal_expected(void)
{
	return expected;
}

bool wattle_signal_since(int64_t after_ns)
{
	return atomic_load_explicit(&came_ns, memory_order_relaxed) > after_ns;
}
