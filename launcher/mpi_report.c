/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mpi_report.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "status.h"

#define EVERY_NS 1000000000

enum { UNTRIED, WRITER, QUIET };

static _Atomic uint64_t done_units, total_units, n_calls, since_units; /* since_units: one more than that, 0 is "nothing said" */
static _Atomic int64_t written_ns;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static int role = UNTRIED, fd = -1;
static struct wattle_status status;

int64_t wattle_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t wattle_wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void become_writer(void)
{
	const char *path = getenv(WATTLE_STATUS_ENV);

	fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	role = fd >= 0 ? WRITER : QUIET;
}

/* With the lock held. What can't be written is not told: the program's own work matters more. */
static void put(void)
{
	char text[WATTLE_STATUS_SIZE];

	if (role == UNTRIED)
		become_writer();
	if (role != WRITER)
		return;
	status.done = atomic_load(&done_units);
	status.total = atomic_load(&total_units);
	status.calls = atomic_load(&n_calls);
	status.last_us = wattle_wall_us();
	if (!status.first_us)
		status.first_us = status.last_us;
	wattle_status_format(&status, text);
	if (pwrite(fd, text, sizeof(text), 0) != (ssize_t) sizeof(text)) {
		close(fd);
		fd = -1;
		role = QUIET;
	}
}

static void put_sometimes(void)
{
	int64_t now = wattle_mono_ns(), last = atomic_load_explicit(&written_ns, memory_order_relaxed);

	if (last && now - last < EVERY_NS)
		return;
	/* one thread at a time; the others have better things to do */
	if (!atomic_compare_exchange_strong(&written_ns, &last, now) || pthread_mutex_trylock(&lock) != 0)
		return;
	put();
	pthread_mutex_unlock(&lock);
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
	uint64_t was = atomic_load_explicit(value, memory_order_relaxed);

	while (was < to && !atomic_compare_exchange_weak(value, &was, to))
		;
}

void wattle_report_progress(uint64_t done, uint64_t total)
{
	if (atomic_load_explicit(&since_units, memory_order_relaxed) == 0) {
		uint64_t unsaid = 0;

		atomic_compare_exchange_strong(&since_units, &unsaid, done + 1);
	}
	raise_to(&done_units, done);
	raise_to(&total_units, total);
	put_sometimes();
}

uint64_t wattle_report_since(void)
{
	uint64_t since = atomic_load(&since_units);

	return since ? since - 1 : 0;
}

void wattle_report_latest(uint64_t *ret_done, uint64_t *ret_total)
{
	*ret_done = atomic_load(&done_units);
	*ret_total = atomic_load(&total_units);
}

void wattle_report_calls(uint64_t calls)
{
	atomic_store_explicit(&n_calls, calls, memory_order_relaxed);
	put_sometimes();
}

void wattle_report_asked(void)
{
	pthread_mutex_lock(&lock);
	status.asked++;
	put();
	pthread_mutex_unlock(&lock);
}

void wattle_report_saved(void)
{
	const char *path = getenv(WATTLE_STATUS_ENV);
	char saved[4096];
	int file;

	pthread_mutex_lock(&lock);
	status.saved++;
	put();
	if (role == QUIET && path && (size_t) snprintf(saved, sizeof(saved), "%s.saved", path) < sizeof(saved)) {
		file = open(saved, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (file >= 0)
			close(file);
	}
	pthread_mutex_unlock(&lock);
}

void wattle_report_end(void)
{
	pthread_mutex_lock(&lock);
	if (role == WRITER)
		put();
	pthread_mutex_unlock(&lock);
}
