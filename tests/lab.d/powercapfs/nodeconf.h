/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a simulated node is made of. Every key has a default; README.md lists them. */
#ifndef PCFS_NODECONF_H
#define PCFS_NODECONF_H

#include "err.h"
#include "model.h"
#include "tree.h"

struct pcfs_config {
	struct pcfs_tree_config tree;
	struct pcfs_model_config model;
	unsigned tick_ms;
	unsigned state_ms;
};

void pcfs_config_default(struct pcfs_config *config);

/* Reads an INI file over what *config holds. 0, or -errno with err naming file, line and what was expected. */
int pcfs_config_read(struct pcfs_config *config, const char *path, struct pcfs_err *err);

#endif
