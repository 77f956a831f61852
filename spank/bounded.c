/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>

#include "bounded.h"

static void pin_plugin(void)
{
	Dl_info info;

	/* The handle is never closed: that is the point. */
	if (dladdr((void *) (uintptr_t) pin_plugin, &info) && info.dli_fname)
		(void) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

bool wattle_thread_join(pthread_t thread, uint32_t wait_ms)
{
	if (wattle_thread_wait(thread, wait_ms))
		return true;
	pin_plugin();
	pthread_detach(thread);
	return false;
}
