/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wattlerun [options] [--] PROGRAM ARGS: in a batch script, runs an MPI program after the plan of its job. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "follow.h"
#include "handover.h"
#include "holder.h"
#include "inpod.h"
#include "job.h"
#include "program.h"
#include "rank.h"
#include "replanner.h"
#include "units.h"

#define EX_USAGE_ERROR 2
#define LAUNCH_ARGS_MAX 64
#define SLURM_TRIES 12      /* a slurmctld that is being restarted answers within */
#define SLURM_AGAIN_S 5
#define GRACE_S 60
#define GRACE_POD_S 120     /* the bridge asks a minute ahead at most */
#define LEAVE_SPARE_S 10    /* to requeue the job, before its time limit */

struct options {
	const char *plan, *state, *mpi, *mpirun;
	char *launch_args[LAUNCH_ARGS_MAX + 1];
	int n_launch_args;
	int64_t grace_s, pause_min_s, every_s;
	int signal, checkpointed;
	uint32_t tasks_per_node, restarts_max;
	bool dry_run, quiet, measure;
	char **program;
};

static const char help[] =
	"Usage: wattlerun [options] [--] PROGRAM ARG…           in a batch script\n"
	"       wattlerun [options] [--] mpirun ARG…            in the launcher of an MPIJob\n\n"
	"Runs an MPI program after the plan of its job: asks it for a checkpoint where the plan changes the number of nodes or pauses,\n"
	"gives the job its new size under the same job id, and starts the program again. Watts change without a restart.\n\n"
	"      --plan FILE              follow this plan, what `wattle plan --json` prints (default: that of --carbon=scale)\n"
	"      --ntasks-per-node N      tasks on each node (default: as the job was submitted)\n"
	"      --grace DURATION         that long a program may take for its checkpoint (60s); in an MPIJob: that long one that has\n"
	"                               checkpointed waits to be stopped, before it is started again (2m)\n"
	"      --checkpoint-signal SIG  the signal that asks (URG): a name or a number\n"
	"      --checkpoint-exit N      exit status that says \"checkpointed, start me again\" (85)\n"
	"      --checkpoint-every DURATION   ask for one that often at least (default: where the plan needs one)\n"
	"      --restarts N             start a program that was killed again, at most that often without a checkpoint in between (2)\n"
	"      --min-pause DURATION     shorter gaps of the plan are run through (30s)\n"
	"      --mpi TYPE               srun's --mpi (pmix); none: the site's default\n"
	"      --launcher srun|mpirun   what starts the ranks (srun): Slurm, or Open MPI's mpirun, also with its path\n"
	"      --launch-arg ARG         a further word for that; may be repeated\n"
	"      --state DIR              where progress is kept, on a file system of all nodes (.wattle/JOBID)\n"
	"      --measure                time in MPI, per iteration and units per second of each step, for `wattle report`\n"
	"      --dry-run                say what would be done, and end\n"
	"  -q, --quiet                  no lines about the plan\n"
	"  -h, --help; -V, --version\n\n"
	"The program asks wattle_should_checkpoint() (wattle.h, -lwattle_mpi), or handles the signal itself; checkpoints, and leaves\n"
	"with 85. Exit status: the program's; 1 if it could not be run; 2 for wrong usage.\n";

static int __attribute__((format(printf, 2, 3))) fail(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("wattlerun: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

static int parse_signal(const char *text)
{
	static const struct { const char *name; int number; } names[] = {
		{ "URG", SIGURG }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "TERM", SIGTERM }, { "INT", SIGINT }, { "HUP", SIGHUP },
		{ "ALRM", SIGALRM }, { "CONT", SIGCONT }, { "TSTP", SIGTSTP }, { "QUIT", SIGQUIT },
	};
	char *end;
	long n;

	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(text, names[i].name) == 0)
			return names[i].number;
	n = strtol(text, &end, 10);
	return end != text && !*end && n > 0 && n <= SIGRTMAX && n != SIGKILL && n != SIGSTOP ? (int) n : -1;
}

/* *ret: NULL for srun. */
static int parse_launcher(const char *text, const char **ret)
{
	const char *name = strrchr(text, '/');

	name = name ? name + 1 : text;
	*ret = strcmp(text, "srun") == 0 ? NULL : text;
	return !*ret || strcmp(name, "mpirun") == 0 || strcmp(name, "mpiexec") == 0 ? 0 : -1;
}

static int parse_count(const char *text, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return end != text && !*end && n >= 1 && n <= max ? (int) n : -1;
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	enum { PLAN = 256, TASKS, GRACE, SIGNAL, EXIT, PAUSE, MPI, LAUNCHER, LAUNCH_ARG, STATE, DRY, MEASURE, EVERY, RESTARTS };
	static const struct option longs[] = {
		{ "plan", required_argument, NULL, PLAN }, { "ntasks-per-node", required_argument, NULL, TASKS },
		{ "grace", required_argument, NULL, GRACE }, { "checkpoint-signal", required_argument, NULL, SIGNAL },
		{ "checkpoint-exit", required_argument, NULL, EXIT }, { "min-pause", required_argument, NULL, PAUSE },
		{ "mpi", required_argument, NULL, MPI }, { "launcher", required_argument, NULL, LAUNCHER },
		{ "launch-arg", required_argument, NULL, LAUNCH_ARG }, { "srun-arg", required_argument, NULL, LAUNCH_ARG },
		{ "state", required_argument, NULL, STATE }, { "dry-run", no_argument, NULL, DRY },
		{ "measure", no_argument, NULL, MEASURE }, { "checkpoint-every", required_argument, NULL, EVERY },
		{ "restarts", required_argument, NULL, RESTARTS },
		{ "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	struct wattle_err err = WATTLE_ERR_INIT;
	int c, rc = 0;

	*o = (struct options) { .mpi = "pmix", .grace_s = -1, .pause_min_s = 30, .signal = SIGURG, .checkpointed = WATTLE_RUN_CHECKPOINTED,
				.restarts_max = 2 };
	while ((c = getopt_long(argc, argv, "+qhV", longs, NULL)) != -1) {
		switch (c) {
		case PLAN: o->plan = optarg; break;
		case TASKS:
			rc = parse_count(optarg, 100000);
			if (rc < 0)
				return fail(EX_USAGE_ERROR, "--ntasks-per-node \"%s\": wanted 1 to 100000", optarg);
			o->tasks_per_node = (uint32_t) rc;
			break;
		case GRACE: rc = wattle_duration_parse(optarg, &o->grace_s, &err); break;
		case PAUSE: rc = wattle_duration_parse(optarg, &o->pause_min_s, &err); break;
		case EVERY: rc = wattle_duration_parse(optarg, &o->every_s, &err); break;
		case RESTARTS:
			rc = strcmp(optarg, "0") == 0 ? 0 : parse_count(optarg, 1000);
			if (rc < 0)
				return fail(EX_USAGE_ERROR, "--restarts \"%s\": wanted 0 to 1000", optarg);
			o->restarts_max = (uint32_t) rc;
			break;
		case SIGNAL:
			o->signal = parse_signal(optarg);
			if (o->signal < 0)
				return fail(EX_USAGE_ERROR, "--checkpoint-signal \"%s\": wanted a signal, such as USR1 or 10", optarg);
			break;
		case EXIT:
			o->checkpointed = parse_count(optarg, 125);
			if (o->checkpointed < 0)
				return fail(EX_USAGE_ERROR, "--checkpoint-exit \"%s\": wanted 1 to 125", optarg);
			break;
		case MPI: o->mpi = strcmp(optarg, "none") == 0 ? NULL : optarg; break;
		case LAUNCHER:
			if (parse_launcher(optarg, &o->mpirun) < 0)
				return fail(EX_USAGE_ERROR, "--launcher \"%s\": wanted srun, mpirun, or an mpirun with its path", optarg);
			break;
		case LAUNCH_ARG:
			if (o->n_launch_args == LAUNCH_ARGS_MAX)
				return fail(EX_USAGE_ERROR, "--launch-arg \"%s\": too many of them", optarg);
			o->launch_args[o->n_launch_args++] = optarg;
			break;
		case STATE: o->state = optarg; break;
		case DRY: o->dry_run = true; break;
		case MEASURE: o->measure = true; break;
		case 'q': o->quiet = true; break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("wattlerun " PACKAGE_VERSION);
			return 0;
		default: return fail(EX_USAGE_ERROR, "%s", "try: wattlerun --help");
		}
		if (rc < 0)
			return fail(EX_USAGE_ERROR, "%s", err.text);
	}
	o->program = argv + optind;
	if (!*o->program)
		return fail(EX_USAGE_ERROR, "%s", "which program? Try: wattlerun --help");
	return -1;
}

static uint32_t env_number(const char *name)
{
	const char *text = getenv(name);

	return text ? (uint32_t) strtoul(text, NULL, 10) : 0;
}

static int read_plan(const char *path, struct wattle_course *ret, struct wattle_err *err)
{
	const struct wattle_file_rule rule = { .max_bytes = WATTLE_COURSE_BYTES_MAX, .any_owner = true };
	cleanup_free char *text = NULL;
	size_t len;
	int rc = wattle_file_read(path, &rule, &text, &len, NULL, err);

	if (rc == 0 && (rc = wattle_course_parse(text, len, ret, err)) < 0)
		wattle_err_wrap(err, "plan %s", path);
	return rc;
}

/* The file that was named, else what job_submit handed over or took its place, else none. */
static int take_plan(const struct options *o, struct wattle_run *run, struct wattle_course *course, struct wattle_replanner *replanner,
		     struct wattle_err *err)
{
	const char *text = getenv(WATTLE_PLAN_NAME);
	struct wattle_plan_steps steps;
	int rc = 0;

	if (o->plan) {
		rc = read_plan(o->plan, course, err);
		if (rc == 0)
			run->course = course;
		return rc;
	}
	if (!text || !*text)
		return 0;
	if ((rc = wattle_plan_text_parse(text, &steps, err)) < 0 || (rc = wattle_replanner_open(replanner, run, &steps, NULL, err)) < 0)
		return wattle_err_wrap(err, WATTLE_PLAN_NAME);
	/* Slurm's own, if there is one, was looked at before */
	if (steps.deadline_s && (!(run->deadline_s > 0) || (double) steps.deadline_s < run->deadline_s))
		run->deadline_s = (double) steps.deadline_s;
	return 0;
}

/* --- what is there ---------------------------------------------------------------------------------------------------------- */

/* Until it is time to ask for a checkpoint and requeue the job, so that its time limit finds nothing to end. */
static double leave_by(const struct wattle_job *job, int64_t grace_s)
{
	int64_t left_s = job->end_s - (int64_t) wattle_run_now_s();

	if (!job->end_s || left_s <= 2 * LEAVE_SPARE_S)
		return 0;
	return (double) (job->end_s - LEAVE_SPARE_S - (grace_s < left_s / 4 ? grace_s : left_s / 4));
}

static int ask_slurm(const struct wattle_run *run, struct wattle_job *job, char *comment, size_t size, struct wattle_site *site, struct wattle_err *err)
{
	int rc = wattle_job_ask(run->job_id, job, err);

	if (rc == 0)
		rc = wattle_job_comment(run->job_id, comment, size, err);
	return rc == 0 ? wattle_site_ask(site, err) : rc;
}

static void look_at_slurm(struct wattle_run *run, int tries)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_job job;
	struct wattle_site site;
	char comment[WATTLE_COMMENT_MAX];
	int rc;

	run->can_resize = false;
	while ((rc = ask_slurm(run, &job, comment, sizeof(comment), &site, &err)) < 0 && rc != -ENOENT && --tries > 0)
		sleep(SLURM_AGAIN_S);
	if (rc < 0) {
		snprintf(run->why_not, sizeof(run->why_not), "%.240s", err.text);
		return;
	}
	snprintf(run->comment, sizeof(run->comment), "%s", wattle_comment_own(comment));
	run->restarts = job.restarts;
	if (!run->mpirun)
		run->rank = site.signals_tree ? WATTLE_RANK_TREE : WATTLE_RANK_TASK;
	/* the plan's, if any, has its margin taken off */
	if (job.deadline_s && (!(run->deadline_s > 0) || (double) job.deadline_s < run->deadline_s))
		run->deadline_s = (double) job.deadline_s;
	if (getenv("SLURM_ARRAY_JOB_ID") || getenv("SLURM_HET_SIZE"))
		snprintf(run->why_not, sizeof(run->why_not), "a task of an array or a component of a heterogeneous job keeps its size");
	else if (!job.requeue)
		snprintf(run->why_not, sizeof(run->why_not), "the job may not be requeued (sbatch --requeue)");
	else if (!site.epilog)
		snprintf(run->why_not, sizeof(run->why_not), "this cluster's EpilogSlurmctld is not wattle-resize");
	else {
		run->can_resize = true;
		run->leave_by_s = leave_by(&job, run->grace_s);
	}
}

/* The folder by its full name: the program may change its directory. */
static int open_state(const struct options *o, struct wattle_run *run, char *folder, size_t size, struct wattle_err *err)
{
	char cwd[PATH_MAX - 64];
	int n, rc;

	if (!getcwd(cwd, sizeof(cwd)))
		return wattle_err_set(err, errno, "the working directory: %s", strerror(errno));
	if (!o->state)
		n = snprintf(folder, size, "%s/.wattle/%u", cwd, run->job_id);
	else if (o->state[0] == '/')
		n = snprintf(folder, size, "%s", o->state);
	else
		n = snprintf(folder, size, "%s/%s", cwd, o->state);
	if ((size_t) n >= size)
		return wattle_err_set(err, ENAMETOOLONG, "the state folder's name is too long");
	run->folder = folder;
	if (o->dry_run) {
		run->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (run->folder_fd < 0)
			return 0;
	} else if ((rc = wattle_state_open(folder, &run->folder_fd, err)) < 0)
		return rc;
	rc = wattle_state_load(run->folder_fd, &run->state, err);
	if (rc < 0)
		return rc == -ENOENT ? 0 : wattle_err_wrap(err, "state folder %s", folder);
	/* another job's progress goes on, its plan does not */
	if (run->state.job_id != run->job_id) {
		run->state.plan[0] = '\0';
		run->state.planned_s = 0;
		run->state.replans = run->state.postponed = 0;
	}
	return 0;
}

/* In the job's own working directory, wherever the script has gone and the state is kept: `wattle report` looks there. */
static int place_measured(struct wattle_run *run, char *path, size_t size, struct wattle_err *err)
{
	char id[16], folder[PATH_MAX];
	const char *args[] = { "-h", "-j", id, "-o", "%Z", NULL };
	struct wattle_answer answer;
	int fd, rc;

	snprintf(id, sizeof(id), "%u", run->job_id);
	rc = wattle_slurm_run("squeue", args, &answer, err);
	if (rc < 0)
		return rc;
	answer.text[strcspn(answer.text, "\n")] = '\0';
	if (answer.text[0] != '/' || (size_t) snprintf(folder, sizeof(folder), "%s/.wattle/%u", answer.text, run->job_id) >= sizeof(folder) ||
	    (size_t) snprintf(path, size, "%s/measured.jsonl", folder) >= size)
		rc = wattle_err_set(err, EINVAL, "the job's working directory is not known");
	free(answer.text);
	if (rc < 0 || (rc = wattle_state_open(folder, &fd, err)) < 0)
		return rc;
	close(fd);
	run->measured = path;
	return 0;
}

/* A run that begins: the first, or one after a change of size, a requeue, a node failure. */
static void enter(struct wattle_run *run, const struct options *o)
{
	struct wattle_state *s = &run->state;

	if (!(s->first_start_s > 0))
		s->first_start_s = wattle_run_now_s();
	s->job_id = run->job_id;
	/* without a plan the time limit is the user's word */
	if (!run->course)
		run->leave_by_s = 0;
	if (o->tasks_per_node)
		s->tasks_per_node = o->tasks_per_node;
	if (!s->tasks_per_node)
		s->tasks_per_node = env_number("SLURM_NTASKS_PER_NODE");
	if (!s->tasks_per_node && env_number("SLURM_NTASKS") >= run->nodes)
		s->tasks_per_node = env_number("SLURM_NTASKS") / run->nodes;
	if (!s->tasks_per_node)
		s->tasks_per_node = 1;
	s->refused_nodes = s->wanted_nodes && s->wanted_nodes != run->nodes ? s->wanted_nodes : 0;
	if (s->refused_nodes)
		wattle_run_say(run, "%u nodes were wanted, the job has %u: goes on with those", s->refused_nodes, run->nodes);
	s->wanted_nodes = 0;
	if (s->steps && s->total)
		wattle_run_say(run, "goes on at %.0f%%", 100 * (double) s->done / (double) s->total);
}

static void put_time(double utc_s)
{
	time_t t = (time_t) utc_s;
	struct tm tm;
	char text[32];

	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		fputs(text, stdout);
}

static int print_plan(const struct wattle_run *run)
{
	double base_s, end_s = 0;

	if (!run->course) {
		puts("no plan: the program runs with the nodes it has");
		return 0;
	}
	base_s = run->course->dated ? 0 : wattle_run_now_s();
	if (run->replanner && run->state.planned_s > 0 && run->state.plan[0]) {
		fputs("plan of ", stdout);
		put_time(run->state.planned_s);
		printf(", %u since the job was submitted\n", run->state.replans);
	}
	for (size_t i = 0; i < run->course->n; i++) {
		const struct wattle_leg *leg = &run->course->leg[i];

		if (i > 0 && leg->begin_s - end_s >= (double) run->pause_min_s)
			printf("%19s    pause of %.0f s\n", "", leg->begin_s - end_s);
		end_s = leg->end_s;
		put_time(base_s + leg->begin_s);
		fputs(" to ", stdout);
		put_time(base_s + leg->end_s);
		printf(": %u node%s", leg->nodes, leg->nodes == 1 ? "" : "s");
		if (leg->cap_w > 0)
			printf(", %.0f W each", leg->cap_w);
		putchar('\n');
	}
	if (!run->can_resize)
		printf("no size will be changed: %s\n", run->why_not);
	return 0;
}

int main(int argc, char **argv)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_course course = { 0 };
	struct wattle_replanner replanner = { .path = "" };
	struct wattle_run run = { .folder_fd = -1 };
	struct options o;
	char folder[PATH_MAX], self[PATH_MAX], measured[PATH_MAX + 32], checkpointed[16];
	int status;
	ssize_t n;

	if (wattle_rank_is(argc, argv))
		return wattle_rank_main(argv);
	status = parse_options(argc, argv, &o);
	if (status >= 0)
		return status;
	if (!getenv("SLURM_JOB_ID") && !o.dry_run && wattle_inpod_is())
		return wattle_inpod_run(&(struct wattle_inpod){ .program = o.program, .signal = o.signal, .checkpointed = o.checkpointed,
								.wait_s = o.grace_s < 0 ? GRACE_POD_S : o.grace_s, .quiet = o.quiet });
	run.program = o.program;
	run.launch_args = o.launch_args;
	run.mpi = o.mpi;
	run.mpirun = o.mpirun;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n < 0 ? 0 : n] = '\0';
	run.self = n > 0 ? self : argv[0];
	run.signal = o.signal;
	run.grace_s = o.grace_s < 0 ? GRACE_S : o.grace_s;
	run.every_s = o.every_s;
	run.restarts_max = o.restarts_max;
	run.holder = wattle_holder_find();
	run.pause_min_s = o.pause_min_s;
	run.checkpointed = o.checkpointed;
	snprintf(checkpointed, sizeof(checkpointed), "%d", o.checkpointed);
	run.rank = o.mpirun ? checkpointed : NULL;
	run.quiet = o.quiet;
	run.job_id = env_number("SLURM_JOB_ID");
	run.nodes = env_number("SLURM_NNODES");
	if (run.job_id && run.nodes)
		look_at_slurm(&run, o.dry_run ? 1 : SLURM_TRIES);
	else
		snprintf(run.why_not, sizeof(run.why_not), "this is no batch job of Slurm's");
	if (!o.dry_run && (!run.job_id || !run.nodes))
		return fail(1, "%s: run it in a batch script, or see what it would do with --dry-run", run.why_not);
	if (run.job_id && open_state(&o, &run, folder, sizeof(folder), &err) < 0)
		status = fail(1, "%s", err.text);
	else if (take_plan(&o, &run, &course, &replanner, &err) < 0)
		status = fail(1, "%s", err.text);
	else if (o.dry_run)
		status = print_plan(&run);
	else {
		if (o.measure && place_measured(&run, measured, sizeof(measured), &err) < 0)
			wattle_run_say(&run, "nothing is measured: %s", err.text);
		enter(&run, &o);
		status = wattle_follow(&run);
	}
	wattle_replanner_close(&replanner);
	if (run.folder_fd >= 0)
		close(run.folder_fd);
	wattle_course_free(&course);
	return status;
}
