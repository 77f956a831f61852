/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is looked at, gathered once: Slurm's own words, or slurm.conf where slurmctld is dead. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "check.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "slurm.h"

#define CONF_BYTES_MAX (4 * 1024 * 1024)

void wattle_found(struct wattle_check *check, enum wattle_level level, const char *topic, const char *format, ...)
{
	struct wattle_finding *f;
	va_list args;

	if (check->n == WATTLE_FINDINGS_MAX) {
		check->n_lost++;
		return;
	}
	f = &check->finding[check->n++];
	f->level = level;
	f->topic = topic;
	f->mend[0] = '\0';
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

void wattle_mend(struct wattle_check *check, const char *format, ...)
{
	struct wattle_finding *f = &check->finding[check->n ? check->n - 1 : 0];
	va_list args;

	if (check->n_lost)
		return;
	va_start(args, format);
	vsnprintf(f->mend, sizeof(f->mend), format, args);
	va_end(args);
}

/* --- files with includes -------------------------------------------------- */

static int append(char **text, const char *more)
{
	char *both = NULL;

	if (asprintf(&both, "%s%s\n", *text ? *text : "", more) < 0)
		return -ENOMEM;
	free(*text);
	*text = both;
	return 0;
}

/* slurm.conf and plugstack.conf alike: `include PATH`, relative to the file's folder; a pattern in plugstack.conf. */
static int read_with_includes(const char *path, int depth, char **text)
{
	const struct wattle_file_rule rule = { CONF_BYTES_MAX, true };
	cleanup_free char *own = NULL;
	char *save = NULL;
	int rc = wattle_file_read(path, &rule, &own, NULL, NULL, NULL);

	if (rc < 0)
		return rc;
	for (char *line = strtok_r(own, "\n", &save); line && rc == 0; line = strtok_r(NULL, "\n", &save)) {
		char pattern[512], *name = line + strspn(line, " \t");
		glob_t found = { .gl_pathc = 0 };
		const char *slash = strrchr(path, '/');

		if (strncasecmp(name, "include", 7) != 0 || (name[7] != ' ' && name[7] != '\t') || depth >= 4) {
			rc = append(text, line);
			continue;
		}
		name += 7 + strspn(name + 7, " \t");
		name[strcspn(name, " \t\r#")] = '\0';
		if (name[0] == '/' || !slash)
			snprintf(pattern, sizeof(pattern), "%s", name);
		else
			snprintf(pattern, sizeof(pattern), "%.*s/%s", (int) (slash - path), path, name);
		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t i = 0; i < found.gl_pathc; i++)
				read_with_includes(found.gl_pathv[i], depth + 1, text);
		globfree(&found);
	}
	return rc;
}

/* --- Slurm ----------------------------------------------------------------- */

static bool try_slurm_conf(struct wattle_check *check, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *text = NULL;

	if (read_with_includes(path, 0, &text) < 0 || !text) {
		free(text);
		return false;
	}
	if (slash)
		snprintf(check->slurm_conf_dir, sizeof(check->slurm_conf_dir), "%.*s", (int) (slash - path), path);
	if (check->slurm_config)
		free(text); /* slurmctld's word is better */
	else
		check->slurm_config = text;
	return true;
}

static void gather_slurm(struct wattle_check *check)
{
	/* where a configless node keeps what slurmctld sent it, too */
	static const char *const places[] = { "/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf", "/run/slurm/conf/slurm.conf",
					      "/var/spool/slurmd/conf-cache/slurm.conf", "/var/spool/slurm/d/conf-cache/slurm.conf" };
	struct wattle_err err = WATTLE_ERR_INIT;
	const char *said = getenv("SLURM_CONF");

	check->slurm_alive = wattle_scontrol_ask("show", "config", NULL, &check->slurm_config, &err) == 0;
	if (!check->slurm_alive)
		snprintf(check->slurm_why, sizeof(check->slurm_why), "%.255s", err.text);
	if (!(said && try_slurm_conf(check, said)))
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
			if (try_slurm_conf(check, places[i]))
				break;
	if (check->slurm_alive) {
		wattle_scontrol_ask("show", "licenses", NULL, &check->licences, NULL);
		wattle_scontrol_ask("show", "partitions", NULL, &check->partitions, NULL);
		wattle_scontrol_ask("show", "nodes", NULL, &check->nodes, NULL);
	}
}

static void gather_plugstack(struct wattle_check *check)
{
	char path[256] = "";

	if (check->slurm_config)
		wattle_scontrol_config(check->slurm_config, "PlugStackConfig", path, sizeof(path));
	if (path[0] && read_with_includes(path, 0, &check->plugstack) == 0) {
		snprintf(check->plugstack_path, sizeof(check->plugstack_path), "%s", path);
		return;
	}
	/* a configless host has the controller's copy beside its slurm.conf */
	if (check->slurm_conf_dir[0] &&
	    (size_t) snprintf(path, sizeof(path), "%.230s/plugstack.conf", check->slurm_conf_dir) < sizeof(path) &&
	    read_with_includes(path, 0, &check->plugstack) == 0)
		snprintf(check->plugstack_path, sizeof(check->plugstack_path), "%s", path);
}

static bool is_controller(const char *config, const char *host)
{
	size_t n = strlen(host);
	bool found = false;

	/* SlurmctldHost[0] = ctl(10.0.0.1), or SlurmctldHost=ctl; more than one line */
	for (const char *line = config; line && !found; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *eq;

		line += strspn(line, " \t");
		if (strncasecmp(line, "SlurmctldHost", 13) != 0 && strncasecmp(line, "ControlMachine", 14) != 0)
			continue;
		eq = line + strcspn(line, "=\n");
		if (*eq != '=')
			continue;
		eq += 1 + strspn(eq + 1, " \t");
		found = strncmp(eq, host, n) == 0 && strchr("(. ,\r\n", eq[n]);
	}
	return found;
}

static bool is_node(const struct wattle_check *check)
{
	char name[300];

	if (!check->nodes)
		return false;
	for (const char *line = check->nodes; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (wattle_scontrol_field(line, "NodeName", name, sizeof(name)) && strcmp(name, check->host) == 0)
			return true;
	return false;
}

void wattle_check_gather(struct wattle_check *check, const char *role)
{
	check->root = geteuid() == 0;
	gather_slurm(check);
	gather_plugstack(check);
	if (role) {
		check->controller = strcmp(role, "controller") == 0;
		check->node = strcmp(role, "node") == 0;
		return;
	}
	check->controller = check->slurm_config && is_controller(check->slurm_config, check->host);
	check->node = is_node(check);
}

void wattle_check_release(struct wattle_check *check)
{
	free(check->conf);
	free(check->slurm_config);
	free(check->licences);
	free(check->partitions);
	free(check->nodes);
	free(check->plugstack);
}
