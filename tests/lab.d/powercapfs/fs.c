/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file holds is asked for anew each time (direct_io), so that what one process wrote is what the next one reads, and
 * a fault takes effect with the next operation on it. Names and attributes, which sysfs has in memory, the kernel may
 * remember for 10 ms: looked up anew for each part of a path they would cost a reader many times what sysfs does.
 *
 * The lock is held for the registers and faults only, never while a slow fault sleeps: other files stay quick.
 */
#include "fs.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

/* kernfs keeps one page for each open file: what the read at offset 0 found is what later offsets continue. */
struct handle {
	bool filled;
	size_t len;
	char text[128];
};

static struct pcfs_sim *the_sim(void)
{
	return fuse_get_context()->private_data;
}

static bool hidden_dir(const struct pcfs_sim *sim, const char *dir, const char *name)
{
	return pcfs_faults_missing(&sim->faults, &(struct pcfs_subject) { dir, name, "" });
}

/* By a `missing` fault on the node itself or on anything above it. */
static bool hidden(const struct pcfs_sim *sim, const struct pcfs_node *node)
{
	char file[48];

	if (node->kind == PCFS_ROOT)
		return false;
	if (hidden_dir(sim, sim->tree.control[node->control], ""))
		return true;
	for (int zone = node->zone; zone >= 0; zone = sim->tree.zone[zone].parent)
		if (hidden_dir(sim, sim->tree.zone[zone].dir, sim->tree.zone[zone].name))
			return true;
	if (node->kind != PCFS_FILE)
		return false;
	pcfs_node_file_name(node, file, sizeof(file));
	return pcfs_faults_missing(&sim->faults, &(struct pcfs_subject) { pcfs_node_dir(&sim->tree, node),
									  pcfs_node_zone_name(&sim->tree, node), file });
}

/* With the lock held: faults as they are now, and the node if it is there. */
static int find(struct pcfs_sim *sim, const char *path, struct pcfs_node *ret)
{
	int r;

	pcfs_control_refresh(sim);
	r = pcfs_tree_lookup(&sim->tree, path, ret);
	if (r < 0)
		return r;
	return hidden(sim, ret) ? -ENOENT : 0;
}

static void fill_stat(const struct pcfs_sim *sim, const struct pcfs_node *node, struct stat *st)
{
	*st = (struct stat) {
		.st_mode = pcfs_node_mode(node),
		.st_nlink = node->kind == PCFS_FILE || node->kind == PCFS_LINK ? 1 : 2,
		.st_size = node->kind == PCFS_FILE ? PCFS_FILE_SIZE : 0,
		.st_mtim = sim->started,
		.st_ctim = sim->started,
		.st_atim = sim->started,
	};
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct pcfs_sim *sim = the_sim();
	struct pcfs_node node;
	int r;

	(void)fi;
	pthread_mutex_lock(&sim->lock);
	r = find(sim, path, &node);
	pthread_mutex_unlock(&sim->lock);
	if (r == 0)
		fill_stat(sim, &node, st);
	return r;
}

static int op_readlink(const char *path, char *buf, size_t size)
{
	struct pcfs_sim *sim = the_sim();
	struct pcfs_node node;
	int r;

	pthread_mutex_lock(&sim->lock);
	r = find(sim, path, &node);
	if (r == 0 && node.kind != PCFS_LINK)
		r = -EINVAL;
	if (r == 0)
		pcfs_node_target(&sim->tree, &node, buf, size);
	pthread_mutex_unlock(&sim->lock);
	return r;
}

struct listing {
	const struct pcfs_sim *sim;
	fuse_fill_dir_t filler;
	void *buf;
};

static int list_entry(void *arg, const char *name, const struct pcfs_node *node)
{
	const struct listing *listing = arg;
	struct stat st;

	if (hidden(listing->sim, node))
		return 0;
	fill_stat(listing->sim, node, &st);
	return listing->filler(listing->buf, name, &st, 0, 0);
}

static int op_readdir(const char *path, void *buf, fuse_fill_dir_t filler, off_t offset, struct fuse_file_info *fi,
		      enum fuse_readdir_flags flags)
{
	struct pcfs_sim *sim = the_sim();
	struct listing listing = { sim, filler, buf };
	struct pcfs_node node;
	int r;

	(void)offset, (void)fi, (void)flags;
	pthread_mutex_lock(&sim->lock);
	r = find(sim, path, &node);
	if (r == 0 && (filler(buf, ".", NULL, 0, 0) || filler(buf, "..", NULL, 0, 0) ||
		       pcfs_tree_list(&sim->tree, &node, list_entry, &listing)))
		r = -ENOMEM;
	pthread_mutex_unlock(&sim->lock);
	return r;
}

static int op_open(const char *path, struct fuse_file_info *fi)
{
	struct pcfs_sim *sim = the_sim();
	int access = fi->flags & O_ACCMODE;
	struct pcfs_node node;
	mode_t mode;
	int r;

	pthread_mutex_lock(&sim->lock);
	r = find(sim, path, &node);
	pthread_mutex_unlock(&sim->lock);
	if (r < 0)
		return r;
	/* sysfs refuses even root a way that nobody has (KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK). */
	mode = pcfs_node_mode(&node);
	if ((access != O_RDONLY && !(mode & 0222)) || (access != O_WRONLY && !(mode & 0444)))
		return -EACCES;

	struct handle *handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	fi->fh = (uint64_t)(uintptr_t)handle;
	fi->direct_io = 1;
	return 0;
}

static int op_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	free((struct handle *)(uintptr_t)fi->fh);
	return 0;
}

/* In slices, so that SIGTERM needn't wait for a slow fault. */
static void sleep_ms(uint64_t ms)
{
	struct fuse_session *session = fuse_get_session(fuse_get_context()->fuse);
	uint64_t end_ns = pcfs_now_ns(CLOCK_MONOTONIC) + ms * 1000000ULL;

	for (;;) {
		uint64_t now_ns = pcfs_now_ns(CLOCK_MONOTONIC);

		if (now_ns >= end_ns || fuse_session_exited(session))
			return;
		uint64_t left_us = (end_ns - now_ns) / 1000 + 1;
		(void)usleep(left_us > 20000 ? 20000U : (useconds_t)left_us);
	}
}

/*
 * The fault for one read or write, copied (the list may change while a slow one sleeps); kind PCFS_FAULT_SLOW stands
 * for none. Returns 0, or -errno if the file is not there or the fault is an error.
 */
static int meet_fault(struct pcfs_sim *sim, const char *path, enum pcfs_fault_op op, struct pcfs_node *ret_node,
		      struct pcfs_fault *ret)
{
	const struct pcfs_fault *fault = NULL;
	uint64_t slow_ms = 0;
	char file[48];
	int r;

	*ret = (struct pcfs_fault) { .kind = PCFS_FAULT_SLOW };
	pthread_mutex_lock(&sim->lock);
	r = find(sim, path, ret_node);
	if (r == 0) {
		pcfs_node_file_name(ret_node, file, sizeof(file));
		fault = pcfs_faults_strike(&sim->faults, op,
					   &(struct pcfs_subject) { pcfs_node_dir(&sim->tree, ret_node),
								    pcfs_node_zone_name(&sim->tree, ret_node), file },
					   &slow_ms);
		if (fault)
			*ret = *fault;
	}
	pthread_mutex_unlock(&sim->lock);
	/* An open file of a zone that has gone. */
	if (r < 0)
		return -ENODEV;
	if (slow_ms)
		sleep_ms(slow_ms);
	return ret->kind == PCFS_FAULT_ERRNO ? (int)-ret->arg : 0;
}

static double ahead_s(const struct pcfs_sim *sim)
{
	return (double)(pcfs_now_ns(CLOCK_MONOTONIC) - sim->stepped_ns) / 1e9;
}

static int show(struct pcfs_sim *sim, const struct pcfs_node *node, const struct pcfs_fault *fault, char *buf, size_t size)
{
	uint64_t value;
	int n;

	if (fault->kind == PCFS_FAULT_TEXT)
		return snprintf(buf, size, "%s\n", fault->text);
	/* A locked zone says it is not enabled, whatever its register holds (get_domain_enable). */
	if (fault->kind == PCFS_FAULT_LOCK)
		return snprintf(buf, size, "0\n");

	pthread_mutex_lock(&sim->lock);
	n = pcfs_file_show(&sim->tree, node, ahead_s(sim), buf, size);
	pthread_mutex_unlock(&sim->lock);
	if (n > 0 && pcfs_node_numeric(node) && pcfs_parse_u64(buf, (size_t)n, &value) == 0)
		n = snprintf(buf, size, "%" PRIu64 "\n", pcfs_fault_value(fault, value));
	return n;
}

static int op_read(const char *path, char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct pcfs_sim *sim = the_sim();
	struct handle *handle = (struct handle *)(uintptr_t)fi->fh;
	struct pcfs_node node;
	struct pcfs_fault fault;
	char text[sizeof(handle->text)];
	size_t n = 0;
	int r;

	pthread_mutex_lock(&sim->lock);
	bool fresh = offset == 0 || !handle->filled;
	pthread_mutex_unlock(&sim->lock);
	if (fresh) {
		r = meet_fault(sim, path, PCFS_OP_READ, &node, &fault);
		if (r < 0)
			return r;
		r = show(sim, &node, &fault, text, sizeof(text));
		if (r < 0)
			return r;
	}

	pthread_mutex_lock(&sim->lock);
	if (fresh) {
		handle->len = (size_t)r < sizeof(text) ? (size_t)r : sizeof(text) - 1;
		memcpy(handle->text, text, handle->len);
		handle->filled = true;
	}
	if (offset >= 0 && (size_t)offset < handle->len) {
		n = handle->len - (size_t)offset;
		if (n > size)
			n = size;
		memcpy(buf, handle->text + offset, n);
	}
	pthread_mutex_unlock(&sim->lock);
	return (int)n;
}

/* The store function's part of a write; 0 or -errno. */
static int store(struct pcfs_sim *sim, const struct pcfs_node *node, const struct pcfs_fault *fault, const char *text,
		 size_t len)
{
	char changed[32];
	uint64_t value;
	int r;

	if (fault->kind == PCFS_FAULT_IGNORED)
		return 0;
	/*
	 * set_power_limit() and set_domain_enable() answer -EACCES when the BIOS has locked the register, but
	 * powercap_sys.c tells user space -ENODATA for a constraint and -ENOSYS for `enabled`.
	 */
	if (fault->kind == PCFS_FAULT_LOCK)
		return node->file == PCFS_FILE_ENABLED ? -ENOSYS : -ENODATA;
	if (pcfs_node_numeric(node) && pcfs_parse_u64(text, len, &value) == 0) {
		(void)snprintf(changed, sizeof(changed), "%" PRIu64, pcfs_fault_value(fault, value));
		text = changed;
		len = strlen(changed);
	}
	pthread_mutex_lock(&sim->lock);
	r = pcfs_file_store(&sim->tree, node, text, len);
	if (r == 0) {
		sim->kicked = true;
		pthread_cond_signal(&sim->kick);
	}
	pthread_mutex_unlock(&sim->lock);
	return r;
}

/* Like sysfs, takes each write as a whole wherever the file offset stands, and at most a page of it. */
static int op_write(const char *path, const char *buf, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct pcfs_sim *sim = the_sim();
	size_t len = size > PCFS_FILE_SIZE ? PCFS_FILE_SIZE : size;
	struct pcfs_node node;
	struct pcfs_fault fault;
	char file[48];
	int r;

	(void)offset, (void)fi;
	r = meet_fault(sim, path, PCFS_OP_WRITE, &node, &fault);
	if (r == -ENODEV)
		return r;
	if (r == 0)
		r = store(sim, &node, &fault, buf, len);

	pcfs_node_file_name(&node, file, sizeof(file));
	pthread_mutex_lock(&sim->lock);
	pcfs_control_log_write(sim, pcfs_node_dir(&sim->tree, &node), file, buf, len, r, (long)fuse_get_context()->pid);
	pthread_mutex_unlock(&sim->lock);
	return r < 0 ? r : (int)len;
}

/* `echo N > file` truncates first; a sysfs file has nothing to truncate. */
static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	struct stat st;

	(void)size;
	return op_getattr(path, &st, fi);
}

static int op_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	(void)path, (void)mode, (void)fi;
	return -EACCES;
}

static int op_mknod(const char *path, mode_t mode, dev_t dev)
{
	(void)path, (void)mode, (void)dev;
	return -EACCES;
}

static int op_mkdir(const char *path, mode_t mode)
{
	(void)path, (void)mode;
	return -EPERM;
}

static int op_remove(const char *path)
{
	(void)path;
	return -EPERM;
}

static int op_rename(const char *from, const char *to, unsigned flags)
{
	(void)from, (void)to, (void)flags;
	return -EPERM;
}

static void *op_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->attr_timeout = 0.01;
	config->entry_timeout = 0.01;
	config->negative_timeout = 0;
	config->kernel_cache = 0;
	config->direct_io = 1;
	/* A signal for a reader doesn't concern the worker that serves it. */
	config->intr = 0;
	return the_sim();
}

const struct fuse_operations pcfs_operations = {
	.init = op_init,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.readdir = op_readdir,
	.open = op_open,
	.release = op_release,
	.read = op_read,
	.write = op_write,
	.truncate = op_truncate,
	.create = op_create,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_remove,
	.rmdir = op_remove,
	.rename = op_rename,
};
