/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two plugins: in place, loaded by Slurm's configuration, built for the Slurm that runs. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin.h"
#include "slurm.h"

uint32_t wattle_slurm_version_parse(const char *text)
{
	unsigned long part[3] = { 0 };
	char *end;

	for (int i = 0; i < 3; i++) {
		part[i] = strtoul(text, &end, 10);
		if (end == text || part[i] > 255 || (i < 2 && *end != '.'))
			return 0;
		text = end + 1;
	}
	return (uint32_t) (part[0] << 16 | part[1] << 8 | part[2]);
}

void wattle_slurm_version_format(uint32_t version, char *ret, size_t size)
{
	snprintf(ret, size, "%02u.%02u.%u", version >> 16 & 255, version >> 8 & 255, version & 255);
}

bool wattle_plugstack_find(const char *text, const char *name, bool *ret_required, char *ret_path, size_t path_size, char *ret_args,
			   size_t args_size)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		char word[16], path[256];
		const char *base;
		int used = 0;
		size_t n;

		if (sscanf(line, "%15[a-z] %255[^ \t\r\n]%n", word, path, &used) != 2 ||
		    (strcmp(word, "required") != 0 && strcmp(word, "optional") != 0))
			continue;
		base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
		n = strlen(base);
		if (n > 3 && strcmp(base + n - 3, ".so") == 0)
			n -= 3;
		if (n != strlen(name) || strncmp(base, name, n) != 0)
			continue;
		*ret_required = word[0] == 'r';
		snprintf(ret_path, path_size, "%s", path);
		line += used;
		line += strspn(line, " \t");
		snprintf(ret_args, args_size, "%.*s", (int) strcspn(line, "#\r\n"), line);
		return true;
	}
	return false;
}

/* Finds file in a ':' list of folders. */
static bool find_in(const char *folders, const char *file, char *ret, size_t size)
{
	while (*folders) {
		size_t len = strcspn(folders, ":");

		if (len && (size_t) snprintf(ret, size, "%.*s/%s", (int) len, folders, file) < size && access(ret, F_OK) == 0)
			return true;
		folders += len + (folders[len] == ':');
	}
	return false;
}

static void folders_of(const struct wattle_check *check, char *ret, size_t size)
{
	ret[0] = '\0';
	if (check->slurm_config)
		wattle_scontrol_config(check->slurm_config, "PluginDir", ret, size);
	if (!ret[0])
		snprintf(ret, size, "%s", check->plugin_dir);
}

/* exact: all three numbers must agree, else the first two */
static void check_file(struct wattle_check *check, const char *path, bool exact)
{
	char text[64] = "", built_text[32];
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t built, running;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_uid != 0 || (st.st_mode & 022))) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "%s: others than root can change it (owner %u, mode %04o)", path,
			     st.st_uid, st.st_mode & 07777u);
		wattle_mend(check, "chown root:root %s; chmod 0755 %s", path, path);
	}
	if (wattle_plugin_version(path, &built, &err) < 0) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "%s", err.text);
		wattle_mend(check, "install it again");
		return;
	}
	wattle_slurm_version_format(built, built_text, sizeof(built_text));
	if (check->slurm_config)
		wattle_scontrol_config(check->slurm_config, "SLURM_VERSION", text, sizeof(text));
	running = wattle_slurm_version_parse(text);
	if (!running)
		wattle_found(check, WATTLE_LEVEL_OK, "plugins", "%s, built for Slurm %s (which one runs is not known)", path, built_text);
	else if (exact ? built == running : built >> 8 == running >> 8)
		wattle_found(check, WATTLE_LEVEL_OK, "plugins", "%s, built for Slurm %s", path, built_text);
	else {
		wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "%s is built for Slurm %s and %s runs: %s", path, built_text, text,
			     exact ? "slurmctld does not start with it" : "it is not loaded");
		wattle_mend(check, "build Wattle against the headers of Slurm %s and install it again", text);
	}
}

static void check_job_submit(struct wattle_check *check)
{
	char folders[1024], path[512];

	folders_of(check, folders, sizeof(folders));
	if (find_in(folders, "job_submit_wattle.so", path, sizeof(path))) {
		check_file(check, path, true);
		return;
	}
	wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "no job_submit_wattle.so in %s", folders);
	wattle_mend(check, "`make install` on this host, configured with --with-slurm-plugindir=%s", folders);
}

static void check_spank(struct wattle_check *check)
{
	char folders[1024], said[256], path[512], args[512];
	bool required = false;

	if (!check->plugstack) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "no plugstack.conf found: Slurm loads no SPANK plugin here");
		wattle_mend(check, "write \"required spank_wattle.so\" into plugstack.conf beside slurm.conf");
		return;
	}
	if (!wattle_plugstack_find(check->plugstack, "spank_wattle", &required, said, sizeof(said), args, sizeof(args))) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "%s does not load spank_wattle.so: no --power, no caps", check->plugstack_path);
		wattle_mend(check, "add a line \"required spank_wattle.so\" to it");
		return;
	}
	if (required) {
		wattle_found(check, WATTLE_LEVEL_OK, "plugins", "%s requires %s", check->plugstack_path, said);
	} else {
		wattle_found(check, WATTLE_LEVEL_WARNING, "plugins", "%s has spank_wattle.so as optional", check->plugstack_path);
		wattle_mend(check, "write required: with optional, jobs run uncapped when the plugin can't be loaded");
	}
	folders_of(check, folders, sizeof(folders));
	if (said[0] == '/')
		snprintf(path, sizeof(path), "%s", said);
	else if (!find_in(folders, said, path, sizeof(path)))
		snprintf(path, sizeof(path), "%.250s/%.250s", folders, said);
	if (access(path, F_OK) < 0) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "plugins", "%s: %s", path, strerror(errno));
		wattle_mend(check, "`make install` on this host, configured with --with-slurm-plugindir=%s", folders);
		return;
	}
	check_file(check, path, false);
}

void wattle_check_plugins(struct wattle_check *check)
{
	if (!check->slurm_config && !check->node && !check->controller)
		return;
	if (check->controller)
		check_job_submit(check);
	/* srun and sbatch load it on login hosts, slurmd and slurmstepd on nodes; slurmctld never does */
	if (check->node || !check->controller)
		check_spank(check);
}
