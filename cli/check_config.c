/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The site configuration, by itself and against what Slurm knows of nodes and partitions. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slurm.h"

void wattle_check_config(struct wattle_check *check)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = wattle_siteconf_read(check->conf_path, &check->conf, &err);

	if (rc == 0) {
		wattle_found(check, WATTLE_LEVEL_OK, "config", "%s: %u node class%s, %u partition rule%s", check->conf_path,
			     check->conf->n_classes, check->conf->n_classes == 1 ? "" : "es", check->conf->n_partitions,
			     check->conf->n_partitions == 1 ? "" : "s");
		return;
	}
	if (rc == -EACCES && !check->root) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "config", "%s: users can't read it", check->conf_path);
		wattle_mend(check, "chmod 0644 %s: `wattle report` reads report_dir from it", check->conf_path);
		return;
	}
	wattle_found(check, WATTLE_LEVEL_WRONG, "config", "%s", err.text);
	if (rc == -ENOENT)
		wattle_mend(check, "copy wattle.conf.example there, as root, mode 0644, and edit the classes");
	else if (rc == -EPERM)
		wattle_mend(check, "chown root:root %s; chmod 0644 %s", check->conf_path, check->conf_path);
	else
		wattle_mend(check, "correct that line; wattle.conf(5) lists the keys");
}

struct names {
	char text[256];
	unsigned n;
};

static void name_add(struct names *names, const char *name)
{
	size_t len = strlen(names->text);

	if (names->n++ < 8)
		snprintf(names->text + len, sizeof(names->text) - len, "%s%.40s", len ? ", " : "", name);
	else if (names->n == 9)
		snprintf(names->text + len, sizeof(names->text) - len, ", …");
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

/* A node is capped by its own class and a job judged by its partition's: they had better agree. */
static void check_node_partitions(const struct wattle_check *check, const char *line, const struct wattle_class *class,
				  const char *node, struct names *odd)
{
	char partitions[512], both[160], *save = NULL;

	if (!wattle_scontrol_field(line, "Partitions", partitions, sizeof(partitions)))
		return;
	for (char *p = strtok_r(partitions, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		const struct wattle_class *judged = wattle_siteconf_partition_class(check->conf, p);

		if (judged && strcmp(judged->name, class->name) != 0) {
			snprintf(both, sizeof(both), "%.40s in %.40s", node, p);
			name_add(odd, both);
			return;
		}
	}
}

static void check_nodes(struct wattle_check *check)
{
	struct names orphans = { "", 0 }, odd = { "", 0 }, cpus = { "", 0 };
	unsigned n = 0;

	for (const char *line = check->nodes; line; line = next_line(line)) {
		const struct wattle_class *class;
		char name[300], count[16];

		if (!wattle_scontrol_field(line, "NodeName", name, sizeof(name)))
			continue;
		n++;
		class = wattle_siteconf_node_class(check->conf, name);
		if (!class) {
			name_add(&orphans, name);
			continue;
		}
		if (class->cpus && wattle_scontrol_field(line, "CPUTot", count, sizeof(count)) &&
		    strtoul(count, NULL, 10) != class->cpus)
			name_add(&cpus, name);
		check_node_partitions(check, line, class, name, &odd);
	}
	if (orphans.n) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "classes", "no class has %u of Slurm's %u nodes: %s", orphans.n, n, orphans.text);
		wattle_mend(check, "name them in the nodes= list of a [class …] in %s", check->conf_path);
	}
	if (cpus.n) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "classes", "cpus= differs from Slurm's CPUTot on %u node%s: %s", cpus.n,
			     cpus.n == 1 ? "" : "s", cpus.text);
		wattle_mend(check, "set cpus= of the class to what `scontrol show node` says: shares of a node are charged by it");
	}
	if (odd.n) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "classes", "%u node%s of another class than the partition's: %s", odd.n,
			     odd.n == 1 ? " is" : "s are", odd.text);
		wattle_mend(check, "set class= in [partition …]: jobs there are judged by the ranges of the partition's class");
	}
	if (!orphans.n && !cpus.n && !odd.n)
		wattle_found(check, WATTLE_LEVEL_OK, "classes", "all of Slurm's %u nodes have a class", n);
}

static bool partition_known(const char *text, const char *wanted)
{
	char name[128];

	for (const char *line = text; line; line = next_line(line))
		if (wattle_scontrol_field(line, "PartitionName", name, sizeof(name)) && strcmp(name, wanted) == 0)
			return true;
	return false;
}

/* As scontrol shows it up to 25.11, and since 26.05. */
static bool whole_nodes(const char *line)
{
	char word[32];

	return (wattle_scontrol_field(line, "OverSubscribe", word, sizeof(word)) && strcmp(word, "EXCLUSIVE") == 0) ||
	       (wattle_scontrol_field(line, "Exclusive", word, sizeof(word)) && (strcmp(word, "NODE") == 0 || strcmp(word, "TOPO") == 0));
}

/* job_submit can't see that a partition hands out whole nodes. */
static void check_whole_nodes(struct wattle_check *check)
{
	struct names shares = { "", 0 };

	for (const char *line = check->partitions; line; line = next_line(line)) {
		struct wattle_limits limits;
		char name[128];

		if (!wattle_scontrol_field(line, "PartitionName", name, sizeof(name)) || !whole_nodes(line))
			continue;
		wattle_siteconf_limits(check->conf, name, &limits);
		if (!limits.default_charge_node)
			name_add(&shares, name);
	}
	if (!shares.n)
		return;
	wattle_found(check, WATTLE_LEVEL_WARNING, "partitions", "jobs get whole nodes but are charged shares of them in: %s", shares.text);
	wattle_mend(check, "default_charge = node in [partition …] of %s: Slurm has OverSubscribe=EXCLUSIVE or Exclusive=NODE there", check->conf_path);
}

static void check_partitions(struct wattle_check *check)
{
	struct names unknown = { "", 0 };

	for (uint32_t i = 0; i < check->conf->n_partitions; i++)
		if (!partition_known(check->partitions, check->conf->partitions[i].name))
			name_add(&unknown, check->conf->partitions[i].name);
	if (unknown.n) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "partitions", "Slurm has no partition of that name: %s", unknown.text);
		wattle_mend(check, "correct the [partition …] sections of %s: their rules never apply", check->conf_path);
	}
	if (check->conf->default_partition[0] && !partition_known(check->partitions, check->conf->default_partition)) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "partitions", "default_partition = %s, and Slurm has none of that name",
			     check->conf->default_partition);
		wattle_mend(check, "name the partition that jobs get which ask for none (Default=YES in slurm.conf)");
	} else if (!unknown.n) {
		wattle_found(check, WATTLE_LEVEL_OK, "partitions", "Slurm knows all partitions of the site configuration");
	}
}

void wattle_check_classes(struct wattle_check *check)
{
	const struct wattle_class *class;

	if (!check->conf)
		return;
	if (check->conf->n_classes == 0) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "classes", "no [class …] in %s", check->conf_path);
		wattle_mend(check, "describe at least one kind of node: base_w, min_w, max_w");
		return;
	}
	if (check->node) {
		class = wattle_siteconf_node_class(check->conf, check->host);
		if (class)
			wattle_found(check, WATTLE_LEVEL_OK, "classes", "this node, %s, is of class %s: %u to %u W, base %u W",
				     check->host, class->name, class->min_w, class->max_w, class->base_w);
		else if (!check->nodes) {
			wattle_found(check, WATTLE_LEVEL_WRONG, "classes", "no class has this node, %s", check->host);
			wattle_mend(check, "name it in the nodes= list of a [class …] in %s", check->conf_path);
		}
	}
	if (check->nodes)
		check_nodes(check);
	if (check->partitions) {
		check_partitions(check);
		check_whole_nodes(check);
	}
}
