/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SLURM_COMPAT_H
#define WATTLE_SLURM_COMPAT_H

/* All that differs between Slurm's versions, and what its headers lack. A SPANK plugin loads only into the
 * major.minor it was built for, so everything here is decided at compile time. */

/* Slurm dlsyms the hooks and plugin_* of <slurm/spank.h>: the build's -fvisibility=hidden must not reach them. */
#pragma GCC visibility push(default)
#include <slurm/spank.h>
#pragma GCC visibility pop

#include <slurm/slurm.h>

/* Up to 23.11 sbatch, srun and salloc have a --power of their own (it takes only "level"); a SPANK option of that name is
 * disabled there with an error line on every invocation. 24.05 dropped it. */
#if SLURM_VERSION_NUMBER < SLURM_VERSION_NUM(24, 5, 0)
#define WATTLE_SLURM_HAS_POWER 1
#else
#define WATTLE_SLURM_HAS_POWER 0
#endif

/* Steps from here up are the job's own (interactive, extern, batch, pending): the --power they see was the job's
 * request, which is the grant, not an ask. */
#define WATTLE_STEP_FIRST_SPECIAL SLURM_INTERACTIVE_STEP

#endif
