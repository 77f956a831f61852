/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_good.h"
#include "context.h"

void wattle_arguments_read(struct wattle_spank *ctx, int argc, char *argv[])
{
	if (ctx->arguments_read)
		return;
	ctx->arguments_read = true;
	snprintf(ctx->conf_path, sizeof(ctx->conf_path), "%s", WATTLE_CONF_PATH);
	for (int i = 0; i < argc; i++) {
		const char *value = strncmp(argv[i], "conf=", 5) == 0 ? argv[i] + 5 : NULL;
		if (value && value[0] == '/' && strlen(value) < sizeof(ctx->conf_path))
			snprintf(ctx->conf_path, sizeof(ctx->conf_path), "%s", value);
		else
			slurm_error("wattle: plugstack.conf: \"%s\" is no argument of ours (conf=/PATH is): ignored",
				    argv[i]);
	}
}

/* Slurm's name of this node: said by slurmd to everything it starts, and the short host name within slurmd itself.
 * Users can't reach these processes' own environment. */
static void node_name(char *ret, size_t size)
{
	const char *name = NULL;

	if (spank_context() == S_CTX_REMOTE || spank_context() == S_CTX_JOB_SCRIPT)
		name = getenv("SLURMD_NODENAME");
	if (name && *name) {
		snprintf(ret, size, "%s", name);
		return;
	}
	if (gethostname(ret, size) != 0)
		snprintf(ret, size, "localhost");
	ret[size - 1] = 0;
	ret[strcspn(ret, ".")] = 0;
}

/* In a step what is an error also goes to its user, who can do nothing about it. */
static void say_stands_in(const struct wattle_err *why)
{
	static const char text[] = "wattle: %s; the configuration read before stays in force on this node";

	if (spank_context() == S_CTX_REMOTE)
		slurm_info(text, why->text);
	else
		slurm_error(text, why->text);
}

int wattle_site_load(struct wattle_spank *ctx, struct wattle_err *err)
{
	struct wattle_site *site = &ctx->site;
	struct wattle_err why = WATTLE_ERR_INIT;

	wattle_site_free(ctx);
	node_name(site->host, sizeof(site->host));

	int rc = wattle_conf_good_read(ctx->conf_path, WATTLE_RUN_DIR, &site->conf, &why, err);
	if (rc < 0)
		return rc;
	if (why.code)
		say_stands_in(&why);
	site->class = wattle_siteconf_node_class(site->conf, site->host);
	if (!site->class)
		return wattle_err_set(err, ENOENT, "node %s is in no [class] of %s: add it to one's nodes=", site->host,
				      ctx->conf_path);
	site->node = (struct wattle_node) {
		.run_dir = WATTLE_RUN_DIR,
		.host = site->host,
		.base_w = site->class->base_w,
		.min_w = site->class->min_w,
		.max_w = site->class->max_w,
		.lock_wait_ms = WATTLE_LOCK_WAIT_MS,
	};
	return 0;
}

void wattle_site_free(struct wattle_spank *ctx)
{
	free(ctx->site.conf);
	ctx->site.conf = NULL;
	ctx->site.class = NULL;
}
