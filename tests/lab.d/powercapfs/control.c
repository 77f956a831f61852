/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* On old kernels two writes within one jiffy leave the same time stamp: a younger file is read again to be sure. */
#define RACY_NS 100000000ULL
/* A soak's worth of writes; then the log starts anew with the one before it kept beside. */
#define WRITES_MAX (4 * 1024 * 1024)

uint64_t pcfs_now_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

int pcfs_control_open(struct pcfs_sim *sim, const char *dir, struct pcfs_err *err)
{
	struct stat st;

	sim->control_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sim->control_fd < 0 || fstat(sim->control_fd, &st) < 0)
		return pcfs_err_set(err, errno, "control directory %s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 0077))
		return pcfs_err_set(err, EPERM, "control directory %s: wanted owner %ld and mode 0700, found owner %ld and mode %04o",
				    dir, (long)geteuid(), (long)st.st_uid, (unsigned)st.st_mode & 07777U);
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool settled(const struct stat *st, uint64_t read_ns)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000ULL + (uint64_t)st->st_mtim.tv_nsec + RACY_NS < read_ns;
}

static ssize_t read_faults(const struct pcfs_sim *sim, char *buf, size_t size, struct stat *st)
{
	int fd = openat(sim->control_fd, "faults", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st) < 0)
		n = -errno;
	else if (!S_ISREG(st->st_mode) || st->st_size >= (off_t)size)
		n = -EFBIG;
	else if ((n = pread(fd, buf, size - 1, 0)) < 0)
		n = -errno;
	(void)close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

void pcfs_control_refresh(struct pcfs_sim *sim)
{
	struct stat st = { 0 };
	char text[PCFS_FAULTS_FILE_MAX];
	uint64_t now_ns = pcfs_now_ns(CLOCK_REALTIME);
	ssize_t n;

	if (fstatat(sim->control_fd, "faults", &st, AT_SYMLINK_NOFOLLOW) < 0)
		st = (struct stat) { 0 };
	if (same_file(&st, &sim->faults_stat) && (st.st_ino == 0 || settled(&st, sim->faults_read_ns)))
		return;

	n = read_faults(sim, text, sizeof(text), &st);
	if (n == -ENOENT) {
		st = (struct stat) { 0 };
		text[0] = '\0';
		n = 0;
	}
	sim->faults_read_ns = now_ns;
	if (n < 0) {
		sim->faults.count = 0;
		sim->faults_bad = 1;
		(void)pcfs_err_set(&sim->faults_err, (int)-n, "faults: wanted a regular file below %d bytes: %s",
				   PCFS_FAULTS_FILE_MAX, strerror((int)-n));
		sim->faults_text[0] = '\0';
	} else if (!same_file(&st, &sim->faults_stat) || strcmp(text, sim->faults_text) != 0) {
		/* The same text written again re-arms count=. */
		memcpy(sim->faults_text, text, (size_t)n + 1);
		sim->faults_err.text[0] = '\0';
		sim->faults_bad = pcfs_faults_parse(text, &sim->faults, &sim->faults_err);
	}
	sim->faults_stat = st;
}

void pcfs_control_log_write(struct pcfs_sim *sim, const char *zone, const char *file, const char *buf, size_t len,
			    int result, long pid)
{
	char line[256];
	char value[32];
	struct stat st;
	size_t i;

	for (i = 0; i < len && i < sizeof(value) - 1 && buf[i] > ' ' && buf[i] < 127; i++)
		value[i] = buf[i];
	value[i] = '\0';

	int n = snprintf(line, sizeof(line), "%" PRIu64 " %s/%s value=%s result=%s pid=%ld\n",
			 pcfs_now_ns(CLOCK_REALTIME) / 1000, zone, file, value, result < 0 ? strerrorname_np(-result) : "ok", pid);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	sim->write_count++;
	if (fstatat(sim->control_fd, "writes", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > WRITES_MAX)
		(void)renameat(sim->control_fd, "writes", sim->control_fd, "writes.old");
	int fd = openat(sim->control_fd, "writes", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	/* A log that can't be written (a full tmpfs) is not the hardware's concern. */
	if (write(fd, line, (size_t)n) < 0)
		sim->write_count--;
	(void)close(fd);
}

struct text {
	char *buf;
	size_t size;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text->buf + text->len, text->size - text->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		text->len += (size_t)n < text->size - text->len ? (size_t)n : text->size - text->len - 1;
}

static double package_power_w(const struct pcfs_sim *sim)
{
	double sum_w = 0;

	for (unsigned p = 0; p < sim->tree.packages; p++)
		sum_w += sim->model.package[p].power_w;
	return sum_w;
}

size_t pcfs_control_format(const struct pcfs_sim *sim, char *buf, size_t size)
{
	struct text text = { buf, size, 0 };
	const struct pcfs_model *model = &sim->model;
	double ahead_s = (double)(pcfs_now_ns(CLOCK_MONOTONIC) - sim->stepped_ns) / 1e9;

	add(&text, "powercapfs v1 node=%s time_us=%" PRIu64 "\n", sim->node, pcfs_now_ns(CLOCK_REALTIME) / 1000);
	add(&text, "node power_w=%.3f allowed_w=%.3f util=%.4f cpus=%.4f throttle=%.4f quota_us=%u period_us=%u cgroup=%s "
	    "faults=%u bad_fault_lines=%d writes=%" PRIu64 "\n",
	    model->config.base_w + package_power_w(sim), model->node_allowed_w, model->util, model->used_cpus, model->throttle,
	    sim->quota_us, model->config.period_us, sim->cgroup.ops->name, sim->faults.count, sim->faults_bad,
	    sim->write_count);
	for (unsigned i = 0; i < sim->tree.zones; i++) {
		const struct pcfs_zone *zone = &sim->tree.zone[i];

		add(&text, "zone %s name=%s power_w=%.3f average_w=%.3f energy_uj=%" PRIu64 " enabled=%d", zone->dir, zone->name,
		    zone->power_w, model->average_w[i], pcfs_energy_peek_uj(&zone->energy, zone->power_w * ahead_s), zone->enabled);
		for (unsigned c = 0; c < zone->constraints; c++)
			add(&text, " %s_uw=%" PRIu64 " %s_us=%" PRIu64, zone->constraint[c].name,
			    pcfs_power_from_raw(zone->constraint[c].power_raw), zone->constraint[c].name,
			    pcfs_window_from_raw(zone->constraint[c].window_raw));
		add(&text, "\n");
	}
	const struct pcfs_err *errs[] = { &sim->faults_err, &sim->usage_err, &sim->quota_err };
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		if (errs[i]->text[0])
			add(&text, "error %s\n", errs[i]->text);
	return text.len;
}

void pcfs_control_publish(const struct pcfs_sim *sim, const char *text, size_t len)
{
	int fd = openat(sim->control_fd, "state.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool whole;

	if (fd < 0)
		return;
	whole = write(fd, text, len) == (ssize_t)len;
	(void)close(fd);
	/* Readers keep the last good state when the control directory is full or gone. */
	if (!whole || renameat(sim->control_fd, "state.new", sim->control_fd, "state") < 0)
		(void)unlinkat(sim->control_fd, "state.new", 0);
}
