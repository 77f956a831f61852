/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_PLUGIN_H
#define WATTLE_PLUGIN_H

/* For which Slurm a plugin was built, read from its file: loading it would run its code. */

#include <stdint.h>

#include "err.h"

/* The 32-bit object `plugin_version` of an ELF file. -ENOENT: no file; -ENOEXEC: no ELF of this machine's kind, or damaged; -ENOMSG: no
 * such object. */
int wattle_plugin_version(const char *path, uint32_t *ret_version, struct wattle_err *err);

#endif
