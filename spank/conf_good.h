/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_SPANK_CONF_GOOD_H
#define WATTLE_SPANK_CONF_GOOD_H

/* The site's configuration on a node, which an unlucky edit must not turn into one that fails every job: the last file that
 * could be used is kept in the lease book's folder (conf.good, root's, until the next boot) and stands in for one that is broken or
 * missing. */

#include "err.h"
#include "siteconf.h"

/* As wattle_siteconf_read; err and why must not be NULL. 0 with why->code set: `path` could not be used for the reason in why,
 * *ret is the one used before. */
int wattle_conf_good_read(const char *path, const char *run_dir, struct wattle_siteconf **ret, struct wattle_err *why,
			  struct wattle_err *err);

#endif
