/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A SPANK plugin that does nothing in its hooks: what Slurm itself spends on calling a plugin. Compiled with
 * -DHOOKS='NOOP(init) NOOP(exit) …', those that spank_wattle.so has. */
#include <slurm/spank.h>

SPANK_PLUGIN(noop, 1)

#define NOOP(hook)                                                \
	int slurm_spank_##hook(spank_t spank, int ac, char *av[]) \
	{                                                         \
		(void) spank;                                     \
		(void) ac;                                        \
		(void) av;                                        \
		return ESPANK_SUCCESS;                            \
	}

HOOKS
