/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only a node, or a shared folder, can tell: folders and their modes, the power limits, the leases, the agent. */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agentlock.h"
#include "cap.h"
#include "cleanup.h"
#include "lease.h"

/* --- folders ---------------------------------------------------------------- */

/* True if it is there. mode 0: only that nobody but root may write. */
static bool check_folder(struct wattle_check *check, const char *path, mode_t mode)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno != ENOENT && errno != EACCES)
			wattle_found(check, WATTLE_LEVEL_WRONG, "folders", "%s: %s", path, strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode)) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "folders", "%s is no folder", path);
		wattle_mend(check, "remove it; it is made anew, root's, mode %04o", mode ? mode : 0755u);
		return false;
	}
	if (st.st_uid != 0 || (st.st_mode & 022) || (mode && (st.st_mode & 07777) != mode)) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "folders", "%s: owner %u, mode %04o", path, st.st_uid, st.st_mode & 07777u);
		wattle_mend(check, "chown root:root %s; chmod %04o %s", path, mode ? mode : 0755u, path);
		return true;
	}
	wattle_found(check, WATTLE_LEVEL_OK, "folders", "%s: root's, mode %04o", path, st.st_mode & 07777u);
	return true;
}

static const char *shared_type(const char *path)
{
	static const struct { unsigned long magic; const char *name; } types[] = {
		{ NFS_SUPER_MAGIC, "NFS" }, { SMB_SUPER_MAGIC, "SMB" }, { CEPH_SUPER_MAGIC, "CephFS" }, { AFS_SUPER_MAGIC, "AFS" },
		{ 0x0bd00bd0, "Lustre" },   { 0x47504653, "GPFS" },	{ 0x19830326, "BeeGFS" },	 { 0x01161970, "GFS2" },
		{ 0x7461636f, "OCFS2" },
	};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((unsigned long) fs.f_type == types[i].magic)
			return types[i].name;
	return NULL;
}

/* Does some job's folder hold a file of another node's? Then others write there too. Looks at a few hundred jobs at most. */
static bool others_write_there(const char *path, const char *host)
{
	char own[300];
	DIR *jobs = opendir(path);
	struct dirent *job;
	bool found = false;
	int left = 300;

	snprintf(own, sizeof(own), "%s.jsonl", host);
	while (jobs && !found && left-- > 0 && (job = readdir(jobs))) {
		struct dirent *file;
		DIR *files;
		int fd;

		if (job->d_name[0] < '0' || job->d_name[0] > '9')
			continue;
		fd = openat(dirfd(jobs), job->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		files = fd >= 0 ? fdopendir(fd) : NULL;
		if (!files) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		while (!found && (file = readdir(files)))
			found = strstr(file->d_name, ".jsonl") && strcmp(file->d_name, own) != 0;
		closedir(files);
	}
	if (jobs)
		closedir(jobs);
	return found;
}

static void check_report_dir(struct wattle_check *check, const char *path)
{
	const char *type;

	if (!check_folder(check, path, 01711)) {
		if (check->node) {
			wattle_found(check, WATTLE_LEVEL_OK, "folders", "%s is not there yet: the first record makes it", path);
		} else {
			wattle_found(check, WATTLE_LEVEL_WARNING, "folders", "%s (report_dir) is not there: `wattle report` finds nothing on this host", path);
			wattle_mend(check, "mount the folder that the nodes write their records to");
		}
		return;
	}
	type = shared_type(path);
	if (type)
		wattle_found(check, WATTLE_LEVEL_OK, "folders", "%s is on %s", path, type);
	else if (!check->root)
		wattle_found(check, WATTLE_LEVEL_OK, "folders", "%s is on no network file system: whether it is shared only root can tell", path);
	else if (others_write_there(path, check->host))
		wattle_found(check, WATTLE_LEVEL_OK, "folders", "%s holds records of other hosts too: it is shared", path);
	else {
		wattle_found(check, WATTLE_LEVEL_WARNING, "folders", "%s is on no network file system and holds no other host's records", path);
		wattle_mend(check, "share report_dir among nodes and login hosts; `wattle report` names the nodes whose records it lacks");
	}
}

void wattle_check_folders(struct wattle_check *check)
{
	char folder[256];
	const char *slash = strrchr(check->conf_path, '/');

	if (slash && slash > check->conf_path) {
		snprintf(folder, sizeof(folder), "%.*s", (int) (slash - check->conf_path), check->conf_path);
		check_folder(check, folder, 0);
	}
	if (check->node && !check_folder(check, WATTLE_RUN_DIR, 0700))
		wattle_found(check, WATTLE_LEVEL_OK, "folders", WATTLE_RUN_DIR " is not there yet: the first lease makes it");
	if (check->conf && check->conf->report_dir[0] && (check->node || !check->controller))
		check_report_dir(check, check->conf->report_dir);
}

/* --- power limits ------------------------------------------------------------ */

/* The value of a key in /proc/cpuinfo's first block, "" if there is none. */
static void cpuinfo(const char *key, char *ret, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[4096];

	ret[0] = '\0';
	while (f && fgets(line, sizeof(line), f) && line[0] != '\n')
		if (strncmp(line, key, strlen(key)) == 0 && strchr(line, ':')) {
			snprintf(ret, size, "%s", strchr(line, ':') + 1 + (strchr(line, ':')[1] == ' '));
			ret[strcspn(ret, "\n")] = '\0';
			break;
		}
	if (f)
		fclose(f);
}

static void say_why_no_zones(struct wattle_check *check)
{
	char vendor[64], flags[4096];

	cpuinfo("vendor_id", vendor, sizeof(vendor));
	cpuinfo("flags", flags, sizeof(flags));
	if (strstr(flags, "hypervisor"))
		wattle_mend(check, "this is a virtual machine: the limits are its host's. Nothing can be capped here: what a job does then, "
				   "on_cap_failure says");
	else if (strcmp(vendor, "GenuineIntel") != 0)
		wattle_mend(check, "this processor (%s) has counters and no package limit in powercap: jobs here follow on_cap_failure",
			    vendor[0] ? vendor : "unknown");
	else if (access("/sys/module/intel_rapl_msr", F_OK) < 0 && access("/sys/module/intel_rapl_common", F_OK) < 0)
		wattle_mend(check, "modprobe intel_rapl_msr, and name it in /etc/modules-load.d");
	else
		wattle_mend(check, "the module is loaded and made no package zone: look into the kernel's log for \"rapl\"");
}

/* True if no lease lives and no restore is owed. */
static bool nobody_writes(const struct wattle_check *check)
{
	const struct wattle_node node = { .run_dir = WATTLE_RUN_DIR, .host = check->host };
	cleanup_free struct wattle_book *book = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc;

	rc = wattle_lease_read(&node, &book, &err);
	return rc == -ENOENT || (rc == 0 && book->n_jobs + book->n_pods == 0 && book->n_limits == 0);
}

/* A BIOS lock shows only when one writes. So the value just read is written back to where it was read: that changes nothing, and
 * is done by root alone, on a node without a lease, under the book's own lock, so that no prolog's cap can be undone by it. */
static void check_writable(struct wattle_check *check, const struct wattle_zones *zones)
{
	cleanup_close int lock = -1;
	struct wattle_err err = WATTLE_ERR_INIT;
	unsigned locked = 0;

	if (!check->root) {
		wattle_found(check, WATTLE_LEVEL_OK, "hardware", "whether the limits can be written only root can tell");
		return;
	}
	mkdir(WATTLE_RUN_DIR, 0700); /* as the first lease does: the folder is the lock */
	lock = open(WATTLE_RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0 || !nobody_writes(check)) {
		wattle_found(check, WATTLE_LEVEL_OK, "hardware", "leases live on this node: whether its limits can be written is not tried now");
		return;
	}
	for (uint32_t z = 0; z < zones->n; z++)
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++) {
			const struct wattle_limit *limit = &zones->zone[z].limit[c];
			uint64_t read_uw;

			if (!limit->present || wattle_limit_write(&zones->zone[z], c, limit->now_uw, &read_uw, &err) == 0)
				continue;
			locked++;
			wattle_found(check, WATTLE_LEVEL_WRONG, "hardware", "%s", err.text);
			wattle_mend(check, "unlock package power limits in the BIOS (\"power limit lock\"), or set on_cap_failure");
		}
	if (!locked)
		wattle_found(check, WATTLE_LEVEL_OK, "hardware", "the limits can be written (the value they hold was written back)");
}

static void check_class_fits(struct wattle_check *check, const struct wattle_zones *zones)
{
	const struct wattle_class *class = check->conf ? wattle_siteconf_node_class(check->conf, check->host) : NULL;
	uint64_t max_uw = 0;

	if (!class)
		return;
	for (uint32_t z = 0; z < zones->n; z++) {
		if (!zones->zone[z].limit[0].present || zones->zone[z].limit[0].max_uw == 0)
			return; /* the hardware does not say */
		max_uw += zones->zone[z].limit[0].max_uw;
	}
	if (max_uw / 1000000 + class->base_w < class->max_w) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "hardware", "class %s: max_w = %u, but packages (%.0f W) and base_w (%u W) make %.0f W",
			     class->name, class->max_w, (double) max_uw / 1e6, class->base_w, (double) max_uw / 1e6 + class->base_w);
		wattle_mend(check, "lower max_w: jobs are charged for watts this node can't draw");
	}
}

void wattle_check_hardware(struct wattle_check *check)
{
	static struct wattle_zones zones;
	struct wattle_err err = WATTLE_ERR_INIT;
	unsigned limits = 0, unmetered = 0;
	int rc;

	if (!check->node)
		return;
	rc = wattle_zones_read(&zones, &err);
	if (rc == -EACCES && !check->root) {
		wattle_found(check, WATTLE_LEVEL_OK, "hardware", "only root can read this node's power counters");
		return;
	}
	if (rc < 0) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "hardware", "%s", err.text);
		if (rc == -ENODEV)
			say_why_no_zones(check);
		else
			wattle_mend(check, "look into the kernel's log; jobs here follow on_cap_failure");
		return;
	}
	for (uint32_t z = 0; z < zones.n; z++) {
		limits += zones.zone[z].limit[0].present + zones.zone[z].limit[1].present;
		unmetered += !zones.zone[z].energy_present;
		if (zones.zone[z].disabled) {
			wattle_found(check, WATTLE_LEVEL_WRONG, "hardware", "zone %s: its file enabled says 0, so its limits don't bind",
				     zones.zone[z].name);
			wattle_mend(check, "write 1 there at boot; if it stays 0, unlock package power limits in the BIOS");
		}
	}
	wattle_found(check, WATTLE_LEVEL_OK, "hardware", "%u package%s (%s), %u limit%s", zones.n, zones.n == 1 ? "" : "s",
		     zones.zone[0].control, limits, limits == 1 ? "" : "s");
	if (unmetered && check->root) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "hardware", "%u package%s no readable energy counter", unmetered,
			     unmetered == 1 ? " has" : "s have");
		wattle_mend(check, "joules of jobs on this node are not measured");
	}
	check_class_fits(check, &zones);
	check_writable(check, &zones);
}

/* --- leases and agent ------------------------------------------------------- */

static unsigned books_set_aside(void)
{
	DIR *dir = opendir(WATTLE_RUN_DIR);
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, "book.bad", 8) == 0;
	if (dir)
		closedir(dir);
	return n;
}

void wattle_check_leases(struct wattle_check *check)
{
	const struct wattle_node node = { .run_dir = WATTLE_RUN_DIR, .host = check->host };
	cleanup_free struct wattle_book *book = NULL;
	struct wattle_err err = WATTLE_ERR_INIT;
	unsigned bad, owed = 0, failed = 0;
	int rc;

	if (!check->node || !check->root || access(WATTLE_RUN_DIR, F_OK) < 0)
		return;
	rc = wattle_lease_read(&node, &book, &err);
	if (rc < 0 && rc != -ENOENT) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "leases", "%s", err.text);
		wattle_mend(check, "`wattle lease sweep` sets a bad book aside and restores what can be");
		return;
	}
	for (uint32_t i = 0; book && i < book->n_limits; i++)
		owed += book->limit[i].owed;
	for (uint32_t i = 0; book && i < book->n_jobs; i++)
		failed += book->job[i].cap_failed;
	for (uint32_t i = 0; book && i < book->n_pods; i++)
		failed += book->pod[i].cap_failed;
	if (owed) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "leases", "%u limit%s could not be put back and stay%s off", owed, owed == 1 ? "" : "s",
			     owed == 1 ? "s" : "");
		wattle_mend(check, "`wattle lease list` shows which; mend the cause, then `wattle lease sweep`");
	}
	if (failed) {
		wattle_found(check, WATTLE_LEVEL_WRONG, "leases", "the cap of %u job%s or pod%s here is not in force", failed, failed == 1 ? "" : "s",
			     failed == 1 ? "" : "s");
		wattle_mend(check, "`wattle lease list` shows why");
	}
	bad = books_set_aside();
	if (bad) {
		wattle_found(check, WATTLE_LEVEL_WARNING, "leases", "%u damaged lease book%s set aside in " WATTLE_RUN_DIR, bad, bad == 1 ? " was" : "s were");
		wattle_mend(check, "compare the limits with their boot values, then remove " WATTLE_RUN_DIR "/book.bad.*");
	}
	if (!owed && !failed)
		wattle_found(check, WATTLE_LEVEL_OK, "leases", "%u job%s, %u pod%s, nothing owed", book ? book->n_jobs : 0,
			     book && book->n_jobs == 1 ? "" : "s", book ? book->n_pods : 0, book && book->n_pods == 1 ? "" : "s");
}

void wattle_check_agent(struct wattle_check *check)
{
	int rc;

	if (!check->node)
		return;
	if (!check->root) {
		wattle_found(check, WATTLE_LEVEL_OK, "agent", "whether wattle-agent runs only root can tell");
		return;
	}
	rc = wattle_agent_running(WATTLE_RUN_DIR);
	if (rc > 0) {
		wattle_found(check, WATTLE_LEVEL_OK, "agent", "wattle-agent runs");
		return;
	}
	wattle_found(check, WATTLE_LEVEL_WARNING, "agent", "wattle-agent does not run on this node");
	wattle_mend(check, "systemctl enable --now wattle-agent: without it the cap of a job whose slurmstepd was killed stays until "
			   "the next prolog, step or epilog here");
}
