/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle check`: what is wrong with this installation, and how to mend it. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "command.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#ifndef WATTLE_SLURM_PLUGINDIR
#define WATTLE_SLURM_PLUGINDIR "/usr/lib/slurm"
#endif

static void (*const checks[])(struct wattle_check *) = {
	wattle_check_config,  wattle_check_classes,  wattle_check_slurm,  wattle_check_budget, wattle_check_plugins,
	wattle_check_folders, wattle_check_hardware, wattle_check_leases, wattle_check_agent,
	wattle_check_carbon,
};

static const char *const level_name[] = { "ok", "warning", "wrong" };

static unsigned count(const struct wattle_check *check, enum wattle_level level)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < check->n; i++)
		n += check->finding[i].level == level;
	return n;
}

static const char *role_name(const struct wattle_check *check)
{
	if (check->controller)
		return check->node ? "controller and node" : "controller";
	return check->node ? "node" : "login host";
}

static void print_people(const struct wattle_check *check)
{
	unsigned wrong = count(check, WATTLE_LEVEL_WRONG), warnings = count(check, WATTLE_LEVEL_WARNING);

	printf("%s, a %s%s\n\n", check->host, role_name(check), check->root ? "" : ", as a user");
	for (uint32_t i = 0; i < check->n; i++) {
		const struct wattle_finding *f = &check->finding[i];

		printf("%-8s %-10s %s\n", level_name[f->level], f->topic, f->text);
		if (f->mend[0])
			printf("%-19s -> %s\n", "", f->mend);
	}
	if (check->n_lost)
		printf("and %u more\n", check->n_lost);
	if (wrong || warnings)
		printf("\n%u wrong, %u warning%s\n", wrong, warnings, warnings == 1 ? "" : "s");
	else
		printf("\nall well\n");
}

static void print_json(const struct wattle_check *check)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	unsigned wrong = count(check, WATTLE_LEVEL_WRONG);

	json_object_object_add(o, "ok", json_object_new_boolean(wrong == 0));
	json_object_object_add(o, "host", json_object_new_string(check->host));
	json_object_object_add(o, "role", json_object_new_string(role_name(check)));
	json_object_object_add(o, "wrong", json_object_new_int64(wrong));
	json_object_object_add(o, "warnings", json_object_new_int64(count(check, WATTLE_LEVEL_WARNING)));
	for (uint32_t i = 0; i < check->n; i++) {
		const struct wattle_finding *f = &check->finding[i];
		struct json_object *e = json_object_new_object();

		json_object_object_add(e, "level", json_object_new_string(level_name[f->level]));
		json_object_object_add(e, "topic", json_object_new_string(f->topic));
		json_object_object_add(e, "text", json_object_new_string(f->text));
		json_object_object_add(e, "mend", f->mend[0] ? json_object_new_string(f->mend) : NULL);
		json_object_array_add(list, e);
	}
	json_object_object_add(o, "findings", list);
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* plugstack.conf may name another site configuration than the built-in one: that is the one in use. */
static const char *conf_in_use(const struct wattle_check *check, char *buf, size_t size)
{
	char path[256], args[512], *save = NULL;
	bool required;

	if (!check->plugstack ||
	    !wattle_plugstack_find(check->plugstack, "spank_wattle", &required, path, sizeof(path), args, sizeof(args)))
		return WATTLE_CONF_PATH;
	for (char *arg = strtok_r(args, " \t", &save); arg; arg = strtok_r(NULL, " \t", &save))
		if (strncmp(arg, "conf=", 5) == 0) {
			snprintf(buf, size, "%s", arg + 5);
			return buf;
		}
	return WATTLE_CONF_PATH;
}

int wattle_cmd_check(int argc, char **argv)
{
	bool json = false;
	const char *conf = NULL, *role = NULL, *name = NULL;
	const struct wattle_option options[] = {
		{ "json", &json, NULL, NULL, "print JSON" },
		{ "conf", NULL, "PATH", &conf, "site configuration [conf= in plugstack.conf, else " WATTLE_CONF_PATH "]" },
		{ "role", NULL, "ROLE", &role, "controller, node or login, where it can't be told" },
		{ "node", NULL, "NAME", &name, "this host's name in Slurm, if it is not the host's" },
	};
	const struct wattle_usage usage = {
		.command = "wattle check",
		.operands = "",
		.about = "Looks at configuration, plugins, budget, permissions and this host's power limits, and says\n"
			 "what is wrong and how to mend it. Run it on the controller, on a login host and on a node.\n"
			 "Exit 1 if anything is wrong.",
		.options = options,
		.n_options = sizeof(options) / sizeof(options[0]),
		.man = "wattle-check(1)",
	};
	struct wattle_check *check;
	struct wattle_this_node this;
	char path[256];
	unsigned wrong;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if (role && strcmp(role, "controller") != 0 && strcmp(role, "node") != 0 && strcmp(role, "login") != 0) {
		wattle_warn("--role is controller, node or login, not \"%.40s\"", role);
		return WATTLE_EXIT_USAGE;
	}
	check = calloc(1, sizeof(*check));
	if (!check)
		return wattle_fail("out of memory");
	wattle_this_node_bare(name, &this);
	snprintf(check->host, sizeof(check->host), "%s", this.host);
	check->plugin_dir = WATTLE_SLURM_PLUGINDIR;
	wattle_check_gather(check, role);
	check->conf_path = conf ? conf : conf_in_use(check, path, sizeof(path));
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](check);
	if (json)
		print_json(check);
	else
		print_people(check);
	wrong = count(check, WATTLE_LEVEL_WRONG);
	wattle_check_release(check);
	free(check);
	fflush(stdout);
	return wattle_finish(wrong ? wattle_fail("%u finding%s wrong", wrong, wrong == 1 ? " is" : "s are") : WATTLE_EXIT_DONE);
}
