/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define LINE_MAX_BYTES 4096
#define NODE_MAX 200
#define SUFFIX ".jsonl"
#define TREE_MODE 01711 /* pass through, don't list: whose jobs ran is not everybody's business */

static int file_name(const char *node, char *ret, size_t size, struct wattle_err *err)
{
	size_t len = strnlen(node, NODE_MAX + 1);
	char shown[64];

	if (len == 0 || len > NODE_MAX || node[0] == '.' ||
	    node[strspn(node, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] != '\0')
		return wattle_err_set(err, EINVAL, "not a node's name: %s", wattle_err_quote(shown, sizeof(shown), node));
	snprintf(ret, size, "%s" SUFFIX, node);
	return 0;
}

/* One component below dirfd; never through a link. */
static int open_folder(int dirfd, const char *name, const char *path, struct wattle_err *err)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Who may pass and not list opens it by O_PATH. */
	if (fd < 0 && errno == EACCES)
		fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return wattle_err_set(err, ENOTDIR, "%s: %s is a symbolic link or no folder: nothing is written or read there", path, name);
	if (fd < 0)
		return wattle_err_set(err, errno, "%s: can't open %s: %s", path, name, strerror(errno));
	return fd;
}

/* A folder of the tree that others could have changed is not used. */
static int check_folder(int fd, const char *path, const char *name, struct wattle_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return wattle_err_set(err, errno, "%s: can't stat %s: %s", path, name, strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & 022))
		return wattle_err_set(err, EPERM, "%s: %s belongs to uid %u with mode %04o: it must be root's and not writable by others "
				      "(chown root, chmod 1711)", path, name, (unsigned) st.st_uid, (unsigned) (st.st_mode & 07777));
	return 0;
}

/* Opens a component, making it where missing if mode is not 0. */
static int enter(int dirfd, const char *name, mode_t mode, const char *path, struct wattle_err *err)
{
	cleanup_close int fd = -1;
	bool made = false;
	int keep;

	if (mode) {
		made = mkdirat(dirfd, name, mode) == 0;
		if (!made && errno != EEXIST)
			return wattle_err_set(err, errno, "%s: can't make %s: %s", path, name, strerror(errno));
	}
	fd = open_folder(dirfd, name, path, err);
	if (fd < 0)
		return fd;
	if (made && fchmod(fd, mode) < 0) /* what the umask took */
		return wattle_err_set(err, errno, "%s: can't set the mode of %s: %s", path, name, strerror(errno));
	keep = fd;
	fd = -1;
	return keep;
}

/* Opens report_dir from / on; `make`: makes what is missing. The last component must be root's alone. */
static int open_tree(const char *report_dir, bool make, struct wattle_err *err)
{
	cleanup_close int fd = -1;
	char path[4096], *rest = path, *name;
	int keep, rc;

	if (report_dir[0] != '/' || strlen(report_dir) >= sizeof(path))
		return wattle_err_set(err, EINVAL, "report_dir must be an absolute path");
	snprintf(path, sizeof(path), "%s", report_dir);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return wattle_err_set(err, errno, "can't open /: %s", strerror(errno));
	while ((name = strsep(&rest, "/"))) {
		int next;
		bool last = !rest || rest[strspn(rest, "/")] == '\0';

		if (!*name || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0)
			return wattle_err_set(err, EINVAL, "report_dir %s: no '..' there", report_dir);
		next = enter(fd, name, make ? (last ? TREE_MODE : 0755) : 0, report_dir, err);
		if (next < 0)
			return next;
		close(fd);
		fd = next;
	}
	rc = check_folder(fd, report_dir, "it", err);
	if (rc < 0)
		return rc;
	keep = fd;
	fd = -1;
	return keep;
}

static int open_job(const char *report_dir, uint32_t job_id, bool make, struct wattle_err *err)
{
	cleanup_close int tree = open_tree(report_dir, make, err), job = -1;
	char name[16];
	int rc, keep;

	if (tree < 0)
		return tree;
	snprintf(name, sizeof(name), "%u", (unsigned) job_id);
	job = enter(tree, name, make ? TREE_MODE : 0, report_dir, err);
	if (job < 0)
		return job;
	rc = check_folder(job, report_dir, name, err);
	if (rc < 0)
		return rc;
	keep = job;
	job = -1;
	return keep;
}

static int open_for_append(int dirfd, const char *name, uid_t uid, gid_t gid, struct wattle_err *err)
{
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	cleanup_close int fd = openat(dirfd, name, flags | O_CREAT, 0600);
	struct stat st;
	int keep;

	if (fd < 0 && errno == ELOOP)
		return wattle_err_set(err, ELOOP, "%s is a symbolic link: refused", name);
	if (fd < 0)
		return wattle_err_set(err, errno, "can't open %s: %s", name, strerror(errno));
	if (fstat(fd, &st) < 0)
		return wattle_err_set(err, errno, "can't stat %s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return wattle_err_set(err, EPERM, "%s is no regular file with one name: refused", name);
	/* New, or left by a process that died right here: root's and empty. */
	if (st.st_uid == 0 && st.st_size == 0) {
		if (fchown(fd, uid, gid) < 0 || fchmod(fd, 0640) < 0)
			return wattle_err_set(err, errno, "can't give %s to uid %u: %s", name, (unsigned) uid, strerror(errno));
	} else if (st.st_uid != uid) {
		return wattle_err_set(err, EPERM, "%s belongs to uid %u, the job to uid %u: refused", name, (unsigned) st.st_uid, (unsigned) uid);
	}
	if (st.st_size > WATTLE_REPORT_BYTES_MAX - LINE_MAX_BYTES)
		return wattle_err_set(err, EFBIG, "%s is full (%d bytes): the record is lost", name, WATTLE_REPORT_BYTES_MAX);
	keep = fd;
	fd = -1;
	return keep;
}

int wattle_report_append(const char *report_dir, const struct wattle_record *record, gid_t gid, struct wattle_err *err)
{
	cleanup_close int job = -1, fd = -1;
	char line[LINE_MAX_BYTES], name[NODE_MAX + sizeof(SUFFIX)];
	size_t len;
	ssize_t put;

	if (wattle_record_format(record, line, sizeof(line) - 1) < 0)
		return wattle_err_set(err, ENOSPC, "the record of job %u does not fit a line", (unsigned) record->job_id);
	if (file_name(record->node, name, sizeof(name), err) < 0)
		return -err->code;
	job = open_job(report_dir, record->job_id, true, err);
	if (job < 0)
		return job;
	fd = open_for_append(job, name, record->uid, gid, err);
	if (fd < 0)
		return wattle_err_wrap(err, "%s/%u", report_dir, (unsigned) record->job_id);
	len = strlen(line);
	line[len++] = '\n';
	/* One write a line: steps that end together on a node append to the same file. */
	do
		put = write(fd, line, len);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return wattle_err_set(err, errno, "can't append to %s/%u/%s: %s", report_dir, (unsigned) record->job_id, name, strerror(errno));
	if ((size_t) put < len)
		return wattle_err_set(err, ENOSPC, "only part of a record fitted into %s/%u/%s", report_dir, (unsigned) record->job_id, name);
	return 0;
}

struct reading {
	uint32_t job_id;
	int (*each)(const struct wattle_record *record, void *arg);
	void *arg;
	uint32_t bad, files;
};

static int read_whole(int fd, char **ret_text, size_t *ret_len)
{
	cleanup_free char *text = malloc(WATTLE_REPORT_BYTES_MAX + 1);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	while (len < WATTLE_REPORT_BYTES_MAX) {
		ssize_t got = read(fd, text + len, WATTLE_REPORT_BYTES_MAX - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		len += (size_t) got;
	}
	text[len] = '\0';
	*ret_text = text;
	text = NULL;
	*ret_len = len;
	return 0;
}

/* The file is its owner's to write: a record counts only if it says of itself what the file's place says. */
static int read_lines(char *text, size_t len, const char *node, uid_t owner, struct reading *reading)
{
	char *rest = text, *line;
	struct wattle_record record;

	while (rest && rest < text + len) {
		int rc;

		line = strsep(&rest, "\n");
		if (!*line)
			continue;
		if (wattle_record_parse(line, &record) < 0 || record.job_id != reading->job_id || strcmp(record.node, node) != 0 ||
		    record.uid != owner) {
			reading->bad++;
			continue;
		}
		rc = reading->each(&record, reading->arg);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_node(int dirfd, const char *node, struct reading *reading, struct wattle_err *err)
{
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	char name[NODE_MAX + sizeof(SUFFIX)];
	struct stat st;
	size_t len = 0;
	int rc = file_name(node, name, sizeof(name), err);

	if (rc < 0)
		return rc;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return wattle_err_set(err, errno, "job %u: can't read %s: %s", (unsigned) reading->job_id, name,
				      errno == EACCES ? "not your job's" : strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		reading->bad++;
		return 0;
	}
	rc = read_whole(fd, &text, &len);
	if (rc < 0)
		return wattle_err_set(err, -rc, "job %u: can't read %s: %s", (unsigned) reading->job_id, name, strerror(-rc));
	reading->files++;
	if (st.st_size > WATTLE_REPORT_BYTES_MAX)
		reading->bad++;
	return read_lines(text, len, node, st.st_uid, reading);
}

static int by_text(const void *a, const void *b)
{
	return strverscmp(*(const char *const *) a, *(const char *const *) b);
}

static int read_nodes(int dirfd, const char *const *nodes, size_t n_nodes, struct reading *reading, struct wattle_err *err)
{
	cleanup_free const char **sorted = calloc(n_nodes + 1, sizeof(*sorted));

	if (!sorted)
		return wattle_err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n_nodes; i++)
		sorted[i] = nodes[i];
	qsort(sorted, n_nodes, sizeof(*sorted), by_text);
	for (size_t i = 0; i < n_nodes; i++) {
		int rc = read_node(dirfd, sorted[i], reading, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int is_report(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > strlen(SUFFIX) && strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* Without a list of nodes: whatever files are there, for those who may list them. */
static int read_all(int dirfd, struct reading *reading, struct wattle_err *err)
{
	struct dirent **entry = NULL;
	int n = scandirat(dirfd, ".", &entry, is_report, versionsort), rc = 0;

	if (n < 0)
		return wattle_err_set(err, errno, "job %u: can't list its nodes: %s", (unsigned) reading->job_id, strerror(errno));
	for (int i = 0; i < n; i++) {
		entry[i]->d_name[strlen(entry[i]->d_name) - strlen(SUFFIX)] = '\0';
		if (rc == 0)
			rc = read_node(dirfd, entry[i]->d_name, reading, err);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

int wattle_report_read(const char *report_dir, uint32_t job_id, const char *const *nodes, size_t n_nodes,
		       int (*each)(const struct wattle_record *record, void *arg), void *arg, uint32_t *ret_bad, struct wattle_err *err)
{
	struct reading reading = { .job_id = job_id, .each = each, .arg = arg };
	cleanup_close int job = open_job(report_dir, job_id, false, err);
	int rc;

	if (ret_bad)
		*ret_bad = 0;
	if (job == -ENOENT)
		return wattle_err_set(err, ENOENT, "job %u has no records in %s", (unsigned) job_id, report_dir);
	if (job < 0)
		return job;
	rc = nodes ? read_nodes(job, nodes, n_nodes, &reading, err) : read_all(job, &reading, err);
	if (ret_bad)
		*ret_bad = reading.bad;
	if (rc == 0 && reading.files == 0)
		return wattle_err_set(err, ENOENT, "job %u has no records in %s", (unsigned) job_id, report_dir);
	return rc;
}
