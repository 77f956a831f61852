/* SPDX-License-Identifier: GPL-2.0-or-later */
/* powercapfs: the power hardware of one lab node, simulated. README.md beside this file says how and what for. */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

/* Slow faults hold a worker each. */
#define WORKERS_MAX 64

struct args {
	char mountpoint[PATH_MAX]; /* absolute */
	const char *node;
	const char *cpu;
	const char *cpuacct;
	const char *cgroup2;
	const char *control;
	const char *config;
	bool foreground;
};

static const char usage[] =
	"usage: powercapfs --node NAME --cgroup-cpu DIR --cgroup-cpuacct DIR --control DIR [--config FILE] [-f] MOUNTPOINT\n"
	"       powercapfs --node NAME --cgroup2 DIR --control DIR [--config FILE] [-f] MOUNTPOINT\n";

/* 0, or the exit status to leave with, plus 1. */
static int parse_args(int argc, char **argv, struct args *args)
{
	enum { NODE = 1000, CPU, CPUACCT, CGROUP2, CONTROL, CONFIG };
	static const struct option options[] = {
		{ "node", required_argument, NULL, NODE },
		{ "cgroup-cpu", required_argument, NULL, CPU },
		{ "cgroup-cpuacct", required_argument, NULL, CPUACCT },
		{ "cgroup2", required_argument, NULL, CGROUP2 },
		{ "control", required_argument, NULL, CONTROL },
		{ "config", required_argument, NULL, CONFIG },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "fh", options, NULL)) != -1) {
		switch (c) {
		case NODE: args->node = optarg; break;
		case CPU: args->cpu = optarg; break;
		case CPUACCT: args->cpuacct = optarg; break;
		case CGROUP2: args->cgroup2 = optarg; break;
		case CONTROL: args->control = optarg; break;
		case CONFIG: args->config = optarg; break;
		case 'f': args->foreground = true; break;
		case 'h':
			(void)fputs(usage, stdout);
			return 1;
		default:
			(void)fputs(usage, stderr);
			return 3;
		}
	}
	bool v1 = args->cpu && args->cpuacct && !args->cgroup2;
	bool v2 = args->cgroup2 && !args->cpu && !args->cpuacct;
	if (optind + 1 != argc || !args->node || !args->control || !(v1 || v2)) {
		(void)fputs(usage, stderr);
		return 3;
	}
	struct stat st;
	int errnum = 0;
	if (!realpath(argv[optind], args->mountpoint) || stat(args->mountpoint, &st) < 0)
		errnum = errno;
	else if (!S_ISDIR(st.st_mode))
		errnum = ENOTDIR;
	if (errnum) {
		(void)fprintf(stderr, "powercapfs: mount point %s: %s\n", argv[optind], strerror(errnum));
		return 2;
	}
	return 0;
}

static int init_sim(struct pcfs_sim *sim, const struct args *args, struct pcfs_err *err)
{
	pthread_condattr_t attr;
	int r;

	sim->node = args->node;
	(void)clock_gettime(CLOCK_REALTIME, &sim->started);
	(void)pthread_mutex_init(&sim->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&sim->kick, &attr);
	(void)pthread_condattr_destroy(&attr);

	pcfs_config_default(&sim->config);
	if (args->config) {
		r = pcfs_config_read(&sim->config, args->config, err);
		if (r < 0)
			return r;
	}
	r = pcfs_control_open(sim, args->control, err);
	if (r < 0)
		return r;
	r = pcfs_cgroup_open(&sim->cgroup, args->cpu, args->cpuacct, args->cgroup2, err);
	if (r < 0)
		return r;
	return pcfs_loop_prepare(sim, err);
}

static struct fuse *mount_fs(struct pcfs_sim *sim, const char *mountpoint, struct pcfs_err *err)
{
	/* allow_other with default_permissions: the kernel checks modes, as on sysfs, for every user. */
	char *argv[] = { (char *)"powercapfs",
			 (char *)"-oallow_other,default_permissions,nosuid,nodev,noexec,fsname=powercapfs,subtype=powercapfs", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, argv);
	struct fuse *fuse = fuse_new(&args, &pcfs_operations, sizeof(pcfs_operations), sim);

	if (!fuse) {
		(void)pcfs_err_set(err, ENODEV, "FUSE can't be set up (is /dev/fuse there?)");
	} else if (fuse_mount(fuse, mountpoint) != 0) {
		(void)pcfs_err_set(err, EIO, "can't mount on %s (wanted: an empty directory, root, /dev/fuse)", mountpoint);
		fuse_destroy(fuse);
		fuse = NULL;
	}
	fuse_opt_free_args(&args);
	return fuse;
}

/* Once the mount answers, tells the waiting parent and lets go of the terminal; if it doesn't, ends the session. */
struct herald {
	const char *mountpoint;
	int ready_fd;
	int result;             /* 0 or -errno */
};

static void *announce(void *arg)
{
	struct herald *herald = arg;
	struct stat st;
	char ok = 0;

	/* Answered by our own workers: this can't return before the loop serves. */
	if (stat(herald->mountpoint, &st) < 0) {
		herald->result = -errno;
		(void)kill(getpid(), SIGTERM);
		return NULL;
	}
	if (herald->ready_fd >= 0) {
		int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		/* Every path has been opened or made absolute by now. */
		(void)!chdir("/");
		for (int fd = 0; null_fd >= 0 && fd <= 2; fd++)
			(void)dup2(null_fd, fd);
		if (null_fd > 2)
			(void)close(null_fd);
		(void)!write(herald->ready_fd, &ok, 1);
		(void)close(herald->ready_fd);
	}
	return NULL;
}

static int start_herald(struct herald *herald, pthread_t *ret_thread, struct pcfs_err *err)
{
	sigset_t all, old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret_thread, NULL, announce, herald);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r ? pcfs_err_set(err, r, "thread: %s", strerror(r)) : 0;
}

/* Until SIGTERM, SIGINT or SIGHUP, or until somebody unmounts. */
static int serve(struct pcfs_sim *sim, struct fuse *fuse, struct herald *herald, struct pcfs_err *err)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct fuse_session *session = fuse_get_session(fuse);
	pthread_t loop_thread, herald_thread;
	int r;

	if (!config)
		return pcfs_err_set(err, ENOMEM, "out of memory");
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, WORKERS_MAX);
	fuse_loop_cfg_set_idle_threads(config, 4);
	if (fuse_set_signal_handlers(session) != 0) {
		r = pcfs_err_set(err, EIO, "signal handlers not set");
	} else if ((r = pcfs_loop_start(sim, &loop_thread, err)) == 0) {
		r = start_herald(herald, &herald_thread, err);
		if (r == 0) {
			(void)fuse_loop_mt(fuse, config);
			fuse_unmount(fuse);
			(void)pthread_join(herald_thread, NULL);
			r = herald->result;
			if (r < 0)
				(void)pcfs_err_set(err, -r, "mounted on %s, but it does not answer: %s", herald->mountpoint,
						   strerror(-r));
		}
		pcfs_loop_stop(sim, loop_thread);
	}
	fuse_remove_signal_handlers(session);
	fuse_loop_cfg_destroy(config);
	return r;
}

static int run(const struct args *args, int ready_fd)
{
	struct pcfs_sim *sim = calloc(1, sizeof(*sim));
	struct herald herald = { args->mountpoint, ready_fd, 0 };
	struct pcfs_err err = { "out of memory" };
	struct fuse *fuse = NULL;
	int r = -ENOMEM;

	if (sim)
		r = init_sim(sim, args, &err);
	if (r == 0) {
		fuse = mount_fs(sim, args->mountpoint, &err);
		r = fuse ? serve(sim, fuse, &herald, &err) : -EIO;
	}
	if (r < 0)
		(void)fprintf(stderr, "powercapfs: node %s: %s\n", args->node, err.text);
	if (fuse) {
		fuse_unmount(fuse);
		fuse_destroy(fuse);
	}
	if (sim)
		pcfs_cgroup_close(&sim->cgroup);
	free(sim);
	return r < 0 ? 1 : 0;
}

/* The parent of a daemon: leaves with 0 once the mount answers, with the child's status if it ends before. */
static int wait_ready(pid_t child, int fd)
{
	char byte;
	int status = 0;

	if (read(fd, &byte, 1) == 1)
		return 0;
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	struct args args = { 0 };
	int ready[2];
	int r = parse_args(argc, argv, &args);

	if (r)
		return r - 1;
	if (args.foreground)
		return run(&args, -1);

	if (pipe2(ready, O_CLOEXEC) < 0) {
		perror("powercapfs: pipe");
		return 1;
	}
	/* Before any thread: threads don't survive a fork. */
	pid_t child = fork();
	if (child < 0) {
		perror("powercapfs: fork");
		return 1;
	}
	if (child > 0) {
		(void)close(ready[1]);
		return wait_ready(child, ready[0]);
	}
	(void)close(ready[0]);
	(void)setsid();
	return run(&args, ready[1]);
}
