/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One simulated node: what the FUSE threads and the loop thread share. */
#ifndef PCFS_SIM_H
#define PCFS_SIM_H

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "cgroup.h"
#include "nodeconf.h"
#include "fault.h"
#include "model.h"
#include "tree.h"

#define PCFS_FAULTS_FILE_MAX 8192

struct pcfs_sim {
	const char *node;
	struct pcfs_config config;
	int control_fd;         /* directory of `faults`, `state`, `writes` */
	struct timespec started;

	/* lock guards everything below but cgroup, which is the loop thread's own. */
	pthread_mutex_t lock;
	pthread_cond_t kick;    /* a limit changed, or stopping: the loop needn't wait for its tick */
	bool kicked;
	bool stopping;
	struct pcfs_tree tree;
	struct pcfs_model model;
	uint64_t stepped_ns;    /* CLOCK_MONOTONIC of the model's last step */

	struct pcfs_faults faults;
	struct stat faults_stat;
	uint64_t faults_read_ns; /* CLOCK_REALTIME when faults_stat was taken */
	char faults_text[PCFS_FAULTS_FILE_MAX];
	struct pcfs_err faults_err;
	int faults_bad;         /* lines left out */

	uint64_t write_count;
	unsigned quota_us;      /* in force, 0 before the first */
	struct pcfs_err usage_err;
	struct pcfs_err quota_err;

	struct pcfs_cgroup cgroup;
};

uint64_t pcfs_now_ns(clockid_t clock);

/* control.c: the files in the control directory. */

/* Opens the directory, which must belong to us and be writable by nobody else. */
int pcfs_control_open(struct pcfs_sim *sim, const char *dir, struct pcfs_err *err);
/* Takes in `faults` if it isn't what it was. With the lock held, at the start of each operation. */
void pcfs_control_refresh(struct pcfs_sim *sim);
/* Adds a line to `writes`: what was asked of a file, and the answer. With the lock held, so that lines are in order. */
void pcfs_control_log_write(struct pcfs_sim *sim, const char *zone, const char *file, const char *buf, size_t len,
			    int result, long pid);
/* `state` as text into buf; with the lock held. Returns its length, less than size. */
size_t pcfs_control_format(const struct pcfs_sim *sim, char *buf, size_t size);
/* Puts text in place of `state`; without the lock. */
void pcfs_control_publish(const struct pcfs_sim *sim, const char *text, size_t len);

/* loop.c */

/* Takes over the cgroup (its period and quota) and takes the first step. */
int pcfs_loop_prepare(struct pcfs_sim *sim, struct pcfs_err *err);
int pcfs_loop_start(struct pcfs_sim *sim, pthread_t *ret_thread, struct pcfs_err *err);
/* Ends the thread and gives the node its full speed back. */
void pcfs_loop_stop(struct pcfs_sim *sim, pthread_t thread);

#endif
