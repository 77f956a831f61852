/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

void wattle_this_node_bare(const char *name, struct wattle_this_node *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (name)
		snprintf(ret->host, sizeof(ret->host), "%s", name);
	else if (gethostname(ret->host, sizeof(ret->host) - 1) < 0)
		snprintf(ret->host, sizeof(ret->host), "localhost");
	if (!name)
		ret->host[strcspn(ret->host, ".")] = '\0';
	ret->node.run_dir = WATTLE_RUN_DIR;
	ret->node.host = ret->host;
}

int wattle_this_node_find(const char *conf_path, const char *name, struct wattle_this_node *ret, struct wattle_err *err)
{
	cleanup_free struct wattle_siteconf *conf = NULL;
	const struct wattle_class *class;
	int rc;

	wattle_this_node_bare(name, ret);
	if (!conf_path)
		conf_path = WATTLE_CONF_PATH;
	rc = wattle_siteconf_read(conf_path, &conf, err);
	if (rc < 0)
		return rc;
	class = wattle_siteconf_node_class(conf, ret->host);
	if (!class)
		return wattle_err_set(err, ENODEV, "%s: no [class …] has node %s in its list: add it, or say --node=NAME", conf_path,
				      ret->host);
	ret->node.base_w = class->base_w;
	ret->node.min_w = class->min_w;
	ret->node.max_w = class->max_w;
	ret->on_cap_failure = conf->on_cap_failure;
	snprintf(ret->report_dir, sizeof(ret->report_dir), "%s", conf->report_dir);
	return 0;
}
