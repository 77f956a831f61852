/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <signal.h>
#include <time.h>

#include "bounded.h"

#define STACK_BYTES (256 * 1024)

int wattle_thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	rc = pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	if (!rc)
		rc = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!rc) {
		rc = pthread_create(ret, &attr, run, arg);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	pthread_attr_destroy(&attr);
	return -rc;
}

static void pin_plugin(void)
{
	Dl_info info;

	/* The handle is never closed: that is the point. */
	if (dladdr((void *) (uintptr_t) pin_plugin, &info) && info.dli_fname)
		(void) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

bool wattle_thread_join(pthread_t thread, uint32_t wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long) (wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
		return true;
	pin_plugin();
	pthread_detach(thread);
	return false;
}
