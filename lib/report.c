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
#define MPIJOBS "mpijob"
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

static int open_for_append(int dirfd, const char *name, uid_t uid, gid_t gid, mode_t mode, struct wattle_err *err)
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
		if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
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

/* One write a line: what ends together on a node appends to the same file. */
static int append_line(int fd, char *line, size_t size, const char *name, struct wattle_err *err)
{
	size_t len = strnlen(line, size - 1);
	ssize_t put;

	line[len++] = '\n';
	do
		put = write(fd, line, len);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return wattle_err_set(err, errno, "can't append to %s: %s", name, strerror(errno));
	if ((size_t) put < len)
		return wattle_err_set(err, ENOSPC, "only part of a record fitted into %s", name);
	return 0;
}

int wattle_report_append(const char *report_dir, const struct wattle_record *record, gid_t gid, struct wattle_err *err)
{
	cleanup_close int job = -1, fd = -1;
	char line[LINE_MAX_BYTES], name[NODE_MAX + sizeof(SUFFIX)];
	int rc;

	if (wattle_record_format(record, line, sizeof(line) - 1) < 0)
		return wattle_err_set(err, ENOSPC, "the record of job %u does not fit a line", (unsigned) record->job_id);
	if (file_name(record->node, name, sizeof(name), err) < 0)
		return -err->code;
	job = open_job(report_dir, record->job_id, true, err);
	if (job < 0)
		return job;
	fd = open_for_append(job, name, record->uid, gid, 0640, err);
	rc = fd < 0 ? fd : append_line(fd, line, sizeof(line), name, err);
	return rc < 0 ? wattle_err_wrap(err, "%s/%u", report_dir, (unsigned) record->job_id) : 0;
}

/* A namespace or an MPIJob's name: no more than a DNS name has, and no dots that lead out. */
static bool is_part(const char *text, size_t len)
{
	return len > 0 && len < 254 && text[0] != '.' && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") >= len;
}

/* report_dir/mpijob/NAMESPACE, and below it NAME unless NULL. */
static int open_mpijob(const char *report_dir, const char *space, size_t space_len, const char *name, bool make, struct wattle_err *err)
{
	cleanup_close int tree = open_tree(report_dir, make, err), all = -1, in = -1;
	char part[254];
	mode_t mode = make ? TREE_MODE : 0;
	int rc, fd;

	if (tree < 0)
		return tree;
	if (!is_part(space, space_len) || (name && !is_part(name, strlen(name))))
		return wattle_err_set(err, EINVAL, "not the name of an MPIJob (NAMESPACE/NAME)");
	snprintf(part, sizeof(part), "%.*s", (int) space_len, space);
	all = enter(tree, MPIJOBS, mode, report_dir, err);
	rc = all < 0 ? all : check_folder(all, report_dir, MPIJOBS, err);
	if (rc < 0)
		return rc;
	in = enter(all, part, mode, report_dir, err);
	rc = in < 0 ? in : check_folder(in, report_dir, part, err);
	if (rc < 0)
		return rc;
	/* who can name it may see on which nodes it ran */
	fd = enter(in, name, make ? 0755 : 0, report_dir, err);
	rc = fd < 0 ? fd : check_folder(fd, report_dir, name, err);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

int wattle_report_pod_append(const char *report_dir, const struct wattle_pod_record *record, struct wattle_err *err)
{
	cleanup_close int job = -1, fd = -1;
	char line[LINE_MAX_BYTES], file[NODE_MAX + sizeof(SUFFIX)];
	const char *slash = strchr(record->job, '/');
	int rc;

	if (!slash)
		return wattle_err_set(err, EINVAL, "a record of no MPIJob");
	if (wattle_pod_record_format(record, line, sizeof(line) - 1) < 0)
		return wattle_err_set(err, ENOSPC, "the record of pod %s does not fit a line", record->pod);
	if (file_name(record->record.node, file, sizeof(file), err) < 0)
		return -err->code;
	job = open_mpijob(report_dir, record->job, (size_t) (slash - record->job), slash + 1, true, err);
	if (job < 0)
		return job;
	fd = open_for_append(job, file, 0, 0, 0644, err);
	rc = fd < 0 ? fd : append_line(fd, line, sizeof(line), file, err);
	return rc < 0 ? wattle_err_wrap(err, "%s/" MPIJOBS "/%s", report_dir, record->job) : 0;
}

struct reading {
	uint32_t job_id;
	int (*each)(const struct wattle_record *record, void *arg);
	const char *mpijob; /* NULL: of a job, by job_id */
	int (*each_pod)(const struct wattle_pod_record *record, void *arg);
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

/* As below, of pods: root wrote the file, and names the node and the MPIJob in each line. */
static int read_pod_line(const char *line, const char *node, struct reading *reading)
{
	struct wattle_pod_record record;

	if (wattle_pod_record_parse(line, &record) < 0 || strcmp(record.job, reading->mpijob) != 0 || strcmp(record.record.node, node) != 0) {
		reading->bad++;
		return 0;
	}
	return reading->each_pod(&record, reading->arg);
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
		if (reading->mpijob) {
			rc = read_pod_line(line, node, reading);
			if (rc != 0)
				return rc;
			continue;
		}
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
		return wattle_err_set(err, errno, "can't read %s: %s", name,
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

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Which namespaces have an MPIJob of that name. -EACCES: who asks may not list them. */
static int find_namespace(const char *report_dir, const char *name, char ret_job[WATTLE_MPIJOB_MAX], struct wattle_err *err)
{
	cleanup_close int tree = open_tree(report_dir, false, err), all = -1;
	struct dirent **entry = NULL;
	char several[200] = "";
	int n, found = 0;

	if (tree < 0)
		return tree;
	all = enter(tree, MPIJOBS, 0, report_dir, err);
	if (all == -ENOENT)
		return wattle_err_set(err, ENOENT, "no namespace has records of it");
	if (all < 0)
		return all;
	n = scandirat(all, ".", &entry, no_dots, versionsort);
	if (n < 0)
		return wattle_err_set(err, errno, "can't list the namespaces: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[600];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", entry[i]->d_name, name);
		if (fstatat(all, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
			size_t len = strlen(several);

			snprintf(several + len, sizeof(several) - len, "%s%.63s", found++ ? ", " : "", entry[i]->d_name);
			snprintf(ret_job, WATTLE_MPIJOB_MAX, "%.63s/%s", entry[i]->d_name, name);
		}
		free(entry[i]);
	}
	free(entry);
	if (found > 1)
		return wattle_err_set(err, ENOTUNIQ, "there is one in each of the namespaces %s: say mpijob/NAMESPACE/%s", several, name);
	return found ? 0 : wattle_err_set(err, ENOENT, "no namespace has records of it");
}

int wattle_report_pods_read(const char *report_dir, const char *name, const char *const *nodes, size_t n_nodes,
			    int (*each)(const struct wattle_pod_record *record, void *arg), void *arg, char ret_job[WATTLE_MPIJOB_MAX], uint32_t *ret_bad,
			    struct wattle_err *err)
{
	struct reading reading = { .mpijob = ret_job, .each_pod = each, .arg = arg };
	const char *slash = strchr(name, '/');
	cleanup_close int job = -1;
	int rc = 0;

	if (ret_bad)
		*ret_bad = 0;
	if (!is_part(slash ? slash + 1 : name, strlen(slash ? slash + 1 : name)) || (slash && !is_part(name, (size_t) (slash - name))) ||
	    snprintf(ret_job, WATTLE_MPIJOB_MAX, "%s%s", slash ? "" : "default/", name) >= WATTLE_MPIJOB_MAX)
		return wattle_err_set(err, EINVAL, "not the name of an MPIJob: NAME or NAMESPACE/NAME");
	if (!slash)
		rc = find_namespace(report_dir, name, ret_job, err);
	if (rc < 0 && rc != -EACCES)
		return rc;
	slash = strchr(ret_job, '/');
	job = open_mpijob(report_dir, ret_job, (size_t) (slash - ret_job), slash + 1, false, err);
	if (job == -ENOENT)
		return wattle_err_set(err, ENOENT, "it has no records in %s/" MPIJOBS, report_dir);
	if (job < 0)
		return job;
	rc = nodes ? read_nodes(job, nodes, n_nodes, &reading, err) : read_all(job, &reading, err);
	if (ret_bad)
		*ret_bad = reading.bad;
	if (rc == 0 && reading.files == 0)
		return wattle_err_set(err, ENOENT, "it has no records in %s/" MPIJOBS, report_dir);
	return rc;
}
