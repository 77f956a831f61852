/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "root.h"

void wattle_root_hold(struct wattle_root *ret)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	void (*lock)(void);

	/* Ordinary functions of libslurmfull; hooks that call this are never called with the lock held. */
	*(void **) &lock = dlsym(RTLD_DEFAULT, "auth_setuid_lock");
	*(void **) &ret->unlock = dlsym(RTLD_DEFAULT, "auth_setuid_unlock");
	if (lock && ret->unlock)
		lock();
	else
		ret->unlock = NULL;
	for (int i = 0; geteuid() != 0 && i < 400; i++)
		nanosleep(&pause, NULL);
}

void wattle_root_release(struct wattle_root *root)
{
	if (root->unlock)
		root->unlock();
	root->unlock = NULL;
}
