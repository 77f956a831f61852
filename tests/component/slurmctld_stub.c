/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "slurmctld_stub.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <slurm/slurm_errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VISIBLE __attribute__((visibility("default")))

/* --- Slurm's allocator ------------------------------------------------------------------------------------------------------ */

struct block {
	uint64_t magic;
	uint64_t size;
};
#define MAGIC UINT64_C(0x5851f42d4c957f2d)

static long blocks;

VISIBLE void *slurm_xcalloc(size_t count, size_t size, bool clear, bool try_alloc, const char *file, int line, const char *func);
VISIBLE void slurm_xfree(void **item);
VISIBLE char *slurm_xstrdup(const char *str);

void *slurm_xcalloc(size_t count, size_t size, bool clear, bool try_alloc, const char *file, int line, const char *func)
{
	struct block *block = calloc(1, sizeof(*block) + count * size);

	(void) clear, (void) try_alloc, (void) file, (void) line, (void) func;
	if (!block)
		abort();
	block->magic = MAGIC;
	__atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
	return block + 1;
}

void slurm_xfree(void **item)
{
	struct block *block;

	if (!*item)
		return;
	block = (struct block *) *item - 1;
	if (block->magic != MAGIC) {
		fprintf(stderr, "slurm_xfree of what is none of its blocks\n");
		abort();
	}
	block->magic = 0;
	free(block);
	*item = NULL;
	__atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
}

char *slurm_xstrdup(const char *str)
{
	char *copy;

	if (!str)
		return NULL;
	copy = slurm_xcalloc(strlen(str) + 1, 1, true, false, "", 0, "");
	strcpy(copy, str);
	return copy;
}

long stub_blocks(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_RELAXED);
}

char *stub_string(const char *text)
{
	return slurm_xstrdup(text);
}

/* --- the log ---------------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned log_lines;
static char log_last[2048];

static void log_line(const char *format, va_list args)
{
	pthread_mutex_lock(&log_lock);
	log_lines++;
	vsnprintf(log_last, sizeof(log_last), format, args);
	pthread_mutex_unlock(&log_lock);
}

VISIBLE void slurm_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
VISIBLE void slurm_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

void slurm_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

void slurm_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

unsigned stub_log_lines(void)
{
	return log_lines;
}

const char *stub_log_last(void)
{
	return log_last;
}

void stub_log_clear(void)
{
	log_lines = 0;
	*log_last = '\0';
}

/* --- jobs ------------------------------------------------------------------------------------------------------------------- */

VISIBLE char *default_part_name;
VISIBLE char **job_common_env_vars(void *job_ptr, bool is_complete);
VISIBLE int job_alloc_info_ptr(uint32_t uid, void *job_ptr);
VISIBLE bool validate_operator(uid_t uid);
char *default_part_name;

char **job_common_env_vars(void *job_ptr, bool is_complete)
{
	const struct stub_job *job = job_ptr;
	char **env = slurm_xcalloc(job->spank_job_env_size + 2, sizeof(*env), true, false, "", 0, "");
	uint32_t n = 0;

	(void) is_complete;
	for (uint32_t i = 0; i < job->spank_job_env_size; i++) {
		size_t len = strlen(job->spank_job_env[i]) + 7;

		env[n] = slurm_xcalloc(len, 1, true, false, "", 0, "");
		snprintf(env[n++], len, "SPANK_%s", job->spank_job_env[i]);
	}
	if (job->licences) {
		size_t len = strlen(job->licences) + sizeof("SLURM_JOB_LICENSES=");

		env[n] = slurm_xcalloc(len, 1, true, false, "", 0, "");
		snprintf(env[n++], len, "SLURM_JOB_LICENSES=%s", job->licences);
	}
	return env;
}

int job_alloc_info_ptr(uint32_t uid, void *job_ptr)
{
	(void) uid;
	return ((const struct stub_job *) job_ptr)->pending ? ESLURM_JOB_PENDING : 0;
}

bool validate_operator(uid_t uid)
{
	return uid == 0 || uid == STUB_OPERATOR;
}

/* --- files that the plugin reads ------------------------------------------------------------------------------------------- */

static struct {
	char path[128], real[256]; /* what the plugin asks for, and where that is */
} files[1 + STUB_FILES_MAX];
static uid_t file_uid;
static mode_t file_mode = 0644;

void stub_set_file(const char *path, const char *text)
{
	static unsigned generation;
	const char *dir = getenv("TMPDIR");
	size_t i = 0;
	FILE *f;

	while (files[i].path[0] && strcmp(files[i].path, path) != 0)
		if (++i == 1 + STUB_FILES_MAX)
			abort();
	snprintf(files[i].path, sizeof(files[i].path), "%s", path);
	if (files[i].real[0])
		unlink(files[i].real);
	if (!text) {
		snprintf(files[i].real, sizeof(files[i].real), "/nonexistent/wattle");
		return;
	}
	/* another name each time: two files of one size in one tick of the clock would look alike */
	snprintf(files[i].real, sizeof(files[i].real), "%s/wattle-stub-%d.%u", dir ? dir : "/tmp", (int) getpid(), generation++);
	f = fopen(files[i].real, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) < 0) {
		perror(files[i].real);
		exit(1);
	}
}

void stub_set_conf(const char *text)
{
	stub_set_file(WATTLE_CONF_PATH, text);
}

void stub_set_conf_owner(uid_t uid, mode_t mode)
{
	/* while other threads read it */
	__atomic_store_n(&file_uid, uid, __ATOMIC_RELAXED);
	__atomic_store_n(&file_mode, mode, __ATOMIC_RELAXED);
}

/* --- profiles --------------------------------------------------------------------------------------------------------------- */

static char profile_dir[256];
static __thread int profile_fd = -1; /* opened last */

void stub_set_profile(const char *name, const char *text)
{
	static unsigned generation;
	const char *dir = getenv("TMPDIR");
	char path[400], new_path[400];
	FILE *f;

	if (!*profile_dir) {
		snprintf(profile_dir, sizeof(profile_dir), "%s/wattle-profiles-%d", dir ? dir : "/tmp", (int) getpid());
		mkdir(profile_dir, 0700);
	}
	snprintf(path, sizeof(path), "%s/%s.json", profile_dir, name);
	if (!text) {
		unlink(path);
		rmdir(profile_dir); /* with the last one */
		return;
	}
	mkdir(profile_dir, 0700);
	/* beside it first, so that no reader sees half of it, and as another inode each time */
	snprintf(new_path, sizeof(new_path), "%s/new.%u", profile_dir, generation++);
	f = fopen(new_path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) < 0 || rename(new_path, path) < 0) {
		perror(path);
		exit(1);
	}
}

/* The real path of a profile's in buf, or NULL. */
static const char *find_profile(const char *path, char *buf, size_t size)
{
	static const char prefix[] = STUB_PROFILES;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	snprintf(buf, size, "%s%s", profile_dir, path + sizeof(prefix) - 1);
	return buf;
}

VISIBLE DIR *opendir(const char *path);

DIR *opendir(const char *path)
{
	char buf[400];
	const char *real = find_profile(path, buf, sizeof(buf));
	int fd = (int) syscall(SYS_openat, AT_FDCWD, real ? real : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	return fd < 0 ? NULL : fdopendir(fd);
}

/* --- both ------------------------------------------------------------------------------------------------------------------- */

static void dress_profile(struct stat *st)
{
	st->st_uid = 0;
	st->st_mode = (st->st_mode & (mode_t) S_IFMT) | 0644;
}

static void dress(struct stat *st)
{
	st->st_uid = __atomic_load_n(&file_uid, __ATOMIC_RELAXED);
	st->st_mode = (st->st_mode & (mode_t) S_IFMT) | __atomic_load_n(&file_mode, __ATOMIC_RELAXED);
}

/* NULL: none of ours. */
static const char *real_path(const char *path)
{
	for (size_t i = 0; i < 1 + STUB_FILES_MAX; i++)
		if (files[i].path[0] && strcmp(files[i].path, path) == 0)
			return files[i].real;
	return NULL;
}

VISIBLE int lstat(const char *path, struct stat *st);
VISIBLE int fstat(int fd, struct stat *st);
VISIBLE int open(const char *path, int flags, ...);

int lstat(const char *path, struct stat *st)
{
	char buf[400];
	const char *real = real_path(path), *profile = find_profile(path, buf, sizeof(buf));
	int rc = fstatat(AT_FDCWD, real ? real : profile ? profile : path, st, AT_SYMLINK_NOFOLLOW);

	if (rc == 0 && real)
		dress(st);
	if (rc == 0 && profile)
		dress_profile(st);
	return rc;
}

int fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (rc == 0 && fd == profile_fd)
		dress_profile(st);
	for (size_t i = 0; rc == 0 && fd != profile_fd && i < 1 + STUB_FILES_MAX; i++) {
		struct stat ours;

		if (files[i].real[0] && fstatat(AT_FDCWD, files[i].real, &ours, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == st->st_ino &&
		    ours.st_dev == st->st_dev)
			dress(st);
	}
	return rc;
}

int open(const char *path, int flags, ...)
{
	char buf[400];
	const char *real = real_path(path), *profile = find_profile(path, buf, sizeof(buf));
	mode_t mode = 0;
	va_list args;
	int fd;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	fd = (int) syscall(SYS_openat, AT_FDCWD, real ? real : profile ? profile : path, flags, mode);
	if (profile)
		profile_fd = fd;
	else if (fd == profile_fd)
		profile_fd = -1;
	return fd;
}

/* --- the plugin ------------------------------------------------------------------------------------------------------------- */

static void *symbol(void *plugin, const char *name)
{
	void *found = dlsym(plugin, name);

	if (!found) {
		fprintf(stderr, "job_submit_wattle.so lacks %s\n", name);
		exit(1);
	}
	return found;
}

void stub_load_plugin(struct plugin *ret)
{
	void *plugin = dlopen("jobsubmit/.libs/job_submit_wattle.so", RTLD_LAZY);

	if (!plugin) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	ret->init = (int (*)(void)) symbol(plugin, "init");
	ret->fini = (int (*)(void)) symbol(plugin, "fini");
	ret->submit = (int (*)(job_desc_msg_t *, uint32_t, char **)) symbol(plugin, "job_submit");
	ret->modify = (int (*)(job_desc_msg_t *, void *, uint32_t, char **)) symbol(plugin, "job_modify");
}

/* --- job_desc --------------------------------------------------------------------------------------------------------------- */

void stub_job_desc_init(job_desc_msg_t *d)
{
	memset(d, 0, sizeof(*d));
	d->min_nodes = d->max_nodes = d->num_tasks = d->min_cpus = d->max_cpus = NO_VAL;
	d->cpus_per_task = d->ntasks_per_node = d->shared = d->pn_min_cpus = NO_VAL16;
	d->ntasks_per_socket = d->ntasks_per_core = d->ntasks_per_board = d->sockets_per_node = NO_VAL16;
	d->cores_per_socket = d->threads_per_core = d->core_spec = d->plane_size = NO_VAL16;
	d->pn_min_memory = NO_VAL64;
	d->het_job_offset = d->time_limit = d->time_min = NO_VAL;
	d->requeue = NO_VAL16;
}

static void free_list(char ***list, uint32_t size)
{
	for (uint32_t i = 0; *list && i < size; i++)
		slurm_xfree((void **) &(*list)[i]);
	slurm_xfree((void **) list);
}

void stub_job_desc_free(job_desc_msg_t *d)
{
	free_list(&d->spank_job_env, d->spank_job_env_size);
	free_list(&d->environment, d->env_size);
	slurm_xfree((void **) &d->licenses);
	slurm_xfree((void **) &d->tres_per_node);
	slurm_xfree((void **) &d->tres_per_job);
	slurm_xfree((void **) &d->tres_per_socket);
	slurm_xfree((void **) &d->tres_per_task);
	slurm_xfree((void **) &d->admin_comment);
	slurm_xfree((void **) &d->partition);
	slurm_xfree((void **) &d->script);
	slurm_xfree((void **) &d->submit_line);
	slurm_xfree((void **) &d->name);
	slurm_xfree((void **) &d->qos);
	slurm_xfree((void **) &d->array_inx);
}

void stub_add_spank(job_desc_msg_t *d, const char *entry)
{
	char **env = slurm_xcalloc(d->spank_job_env_size + 1, sizeof(*env), true, false, "", 0, "");

	if (d->spank_job_env)
		memcpy(env, d->spank_job_env, d->spank_job_env_size * sizeof(*env));
	slurm_xfree((void **) &d->spank_job_env);
	env[d->spank_job_env_size++] = slurm_xstrdup(entry);
	d->spank_job_env = env;
}
