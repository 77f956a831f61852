/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_ROOT_H
#define WATTLE_ROOT_H

/* Root's rights for the length of a hook.
 *
 * slurmstepd takes on its user's euid now and then, in all its threads at once, and not only while it forks tasks: the extern
 * step's X11 thread does so when the job ends, just as slurm_spank_exit runs (seen on 24.11.5: the lease book could not
 * be written, a limit not be restored). From 23.11 on that happens under a lock, which we take. Before, there is
 * none, and such a thread only where the job forwards X11: we wait until root is back, at most two seconds. */

struct wattle_root {
	void (*unlock)(void);
};

void wattle_root_hold(struct wattle_root *ret);
void wattle_root_release(struct wattle_root *root);

#endif
