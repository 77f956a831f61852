/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_NODE_H
#define WATTLE_NODE_H

/* This machine as a node of the site: its name and its class. */

#include "err.h"
#include "lease.h"
#include "siteconf.h"

struct wattle_this_node {
	char host[256];
	struct wattle_node node; /* node.host points to host: don't copy the struct */
	enum wattle_cap_failure on_cap_failure;
	char report_dir[256];    /* "": the site does not say */
};

/* conf: path or NULL for the built-in; name: or NULL for the host's name up to the first dot. On error err says what to do. */
int wattle_this_node_find(const char *conf, const char *name, struct wattle_this_node *ret, struct wattle_err *err);
/* Name alone, no class: good for reading. */
void wattle_this_node_bare(const char *name, struct wattle_this_node *ret);

#endif
