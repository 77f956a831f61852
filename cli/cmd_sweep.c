/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle sweep`: the same job under several caps, then its slowdown model. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "records.h"
#include "sweep_cli.h"

#define CAPS_DEFAULT "40%..100%/7"
#define REPEAT_DEFAULT 3
#define FAILURES_AT_FIRST 3  /* so many without a success: the job itself is at fault */
#define RECORDS_WAIT_S 5     /* a network file system may show them late */
#define LOOK_MIN_S 0.5
#define LOOK_MAX_S 15.0      /* a slurmctld is everybody's */
#define LOOK_SHARE 0.05      /* of the time a job has taken so far */

struct arguments {
	bool json, ascii, any_nodes, share, partial;
	const char *caps, *nodes, *repeat, *parallel, *fom, *form, *output, *name, *dir, *seed, *conf, *report_dir, *resume, *cancel;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void) signal_number;
	stopped = 1;
}

/* No SA_RESTART: a nap ends at once. */
static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = stop };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* --- a new sweep ------------------------------------------------------- */

static bool take_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : max;
	if (errno || *text < '0' || *text > '9' || *end || n < min || n > max) {
		wattle_warn("--%s=%.40s: a whole number of %llu to %llu is wanted", what, text, (unsigned long long) min,
			    (unsigned long long) max);
		return false;
	}
	*ret = n;
	return true;
}

/* The file's name without folder and suffix, if it may name a profile. */
static bool name_from(const char *path, char ret[WATTLE_MODEL_NAME_MAX])
{
	const char *slash = strrchr(path, '/'), *dot;
	size_t len;

	path = slash ? slash + 1 : path;
	dot = strrchr(path, '.');
	len = dot && dot != path ? (size_t) (dot - path) : strlen(path);
	if (len == 0 || len >= WATTLE_MODEL_NAME_MAX)
		return false;
	memcpy(ret, path, len);
	ret[len] = '\0';
	return wattle_model_name_valid(ret);
}

/* --name, else that of -o, else the script's. */
static int find_name(const struct arguments *args, struct sweep *sweep)
{
	if (args->name) {
		if (!wattle_model_name_valid(args->name) || strlen(args->name) >= sizeof(sweep->name))
			return wattle_fail("\"%.60s\" is no profile's name: letters, digits, '.', '_' and '-' are", args->name);
		memcpy(sweep->name, args->name, strlen(args->name) + 1);
		return 0;
	}
	if (args->output && name_from(args->output, sweep->name))
		return 0;
	for (uint32_t i = 0; i < sweep->n_args; i++) {
		struct stat st;

		if (strncmp(sweep->arg[i], "--wrap", 6) == 0)
			break;
		if (sweep->arg[i][0] != '-' && stat(sweep->arg[i], &st) == 0 && S_ISREG(st.st_mode) && name_from(sweep->arg[i], sweep->name))
			return 0;
	}
	memcpy(sweep->name, "sweep", sizeof("sweep"));
	return 0;
}

static int absolute(const char *cwd, const char *path, char *ret, size_t size)
{
	int n = path[0] == '/' ? snprintf(ret, size, "%s", path) : snprintf(ret, size, "%s/%s", cwd, path);

	return n < 0 || (size_t) n >= size ? wattle_fail("the path %.60s... is too long", path) : 0;
}

/* Where the sweep and its profile go. */
static int find_places(const struct arguments *args, struct sweep *sweep)
{
	char folder[WATTLE_MODEL_NAME_MAX + 8], profile[WATTLE_MODEL_NAME_MAX + 8], *slash;
	int status;

	if (!getcwd(sweep->cwd, sizeof(sweep->cwd)))
		return wattle_fail("can't tell the working directory: %s", strerror(errno));
	snprintf(folder, sizeof(folder), "%s.sweep", sweep->name);
	status = absolute(sweep->cwd, args->dir ? args->dir : folder, sweep->dir, sizeof(sweep->dir) - 128);
	if (status == 0 && args->output)
		status = absolute(sweep->cwd, args->output, sweep->output, sizeof(sweep->output));
	if (status == 0 && args->conf)
		status = absolute(sweep->cwd, args->conf, sweep->conf, sizeof(sweep->conf));
	if (status)
		return status;
	/* sbatch would replace them */
	if (strpbrk(sweep->dir, "%\\"))
		return wattle_fail("%s: '%%' and '\\' in a path mean something to sbatch: name another folder with --dir", sweep->dir);
	snprintf(profile, sizeof(profile), "/%s.json", sweep->name);
	if (!args->output && !args->nodes)
		snprintf(sweep->output, sizeof(sweep->output), "%.*s%s", (int) (sizeof(sweep->output) - sizeof(profile)), sweep->dir, profile);
	slash = strrchr(sweep->output, '/');
	if (args->output && slash) { /* said now and not after hours */
		*slash = '\0';
		if (access(slash == sweep->output ? "/" : sweep->output, W_OK) < 0)
			status = wattle_fail("-o %s: %s: %s", args->output, sweep->output, strerror(errno));
		*slash = '/';
	}
	return status;
}

static int take_words(struct sweep *sweep, int n, char **words)
{
	if (n > SWEEP_ARGS_MAX)
		return wattle_fail("more than %d words for sbatch", SWEEP_ARGS_MAX);
	for (int i = 0; i < n; i++) {
		sweep->arg[i] = strdup(words[i]);
		if (!sweep->arg[i])
			return wattle_fail("out of memory");
		sweep->n_args++;
	}
	return 0;
}

/* Asks Slurm about every kind of run before the first is submitted. */
static int try_all(struct sweep *sweep)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		struct sweep_run *run = &sweep->run[i];
		char label[64];

		if (run->repeat > 1) {
			for (uint32_t k = 0; k < i; k++)
				if (strcmp(sweep->run[k].cap, run->cap) == 0 && sweep->run[k].nodes == run->nodes)
					run->asked_w = sweep->run[k].asked_w;
			continue;
		}
		if (sweep_try(sweep, run, &err) < 0)
			return wattle_fail("%s: %s; nothing is submitted", sweep_run_label(sweep, run, label, sizeof(label)), err.text);
		if (!strchr(run->cap, '%') && run->asked_w && (double) run->asked_w != strtod(run->cap, NULL))
			return wattle_fail("%s: Slurm answers %u W per node: does a word of yours, or a line of the script, name watts?; "
					   "nothing is submitted", sweep_run_label(sweep, run, label, sizeof(label)), run->asked_w);
	}
	return 0;
}

/* Reads the words. 0, or an exit status after a line. */
static int plan(const struct arguments *args, struct sweep *sweep)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct sweep_values values = { .n = 0 }, caps = { .n = 0 };
	uint64_t repeat = REPEAT_DEFAULT, parallel = 1, seed = 0;
	char why[200], nothing[1] = "";
	double ignored;

	if ((args->repeat && !take_number("repeat", args->repeat, 1, SWEEP_REPEATS_MAX, &repeat)) ||
	    (args->parallel && !take_number("parallel", args->parallel, 1, WATTLE_SWEEP_RUNS_MAX, &parallel)) ||
	    (args->seed && !take_number("seed", args->seed, 0, INT64_MAX, &seed)))
		return WATTLE_EXIT_USAGE;
	if (sweep_caps_parse(args->caps ? args->caps : args->nodes ? "100%" : CAPS_DEFAULT, &caps, &err) < 0 ||
	    (args->nodes && sweep_nodes_parse(args->nodes, &values, &err) < 0) ||
	    (args->form && wattle_form_parse(args->form, &sweep->form, &err) < 0) ||
	    (args->fom && sweep_fom_find(args->fom, nothing, &ignored, &err) == -EINVAL)) {
		wattle_warn("%s", err.text);
		return WATTLE_EXIT_USAGE;
	}
	if (args->nodes && caps.n != 1) {
		wattle_warn("a scaling curve is measured under one cap: --nodes takes --caps=ONE, or none for full power");
		return WATTLE_EXIT_USAGE;
	}
	if (!args->nodes && caps.n < WATTLE_MODEL_CAPS_MIN) {
		wattle_warn("a slowdown model needs at least %d caps, these are %u: say more, or a range such as %s",
			    WATTLE_MODEL_CAPS_MIN, caps.n, CAPS_DEFAULT);
		return WATTLE_EXIT_USAGE;
	}
	if (sweep_args_check(sweep->arg, sweep->n_args, args->nodes, why, sizeof(why))) {
		wattle_warn("%s", why);
		return WATTLE_EXIT_USAGE;
	}
	if (args->nodes)
		memcpy(values.cap[0], caps.cap[0], sizeof(values.cap[0]));
	if (!args->seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t) time(NULL);
	if (args->fom && strlen(args->fom) >= sizeof(sweep->fom))
		return wattle_fail("--fom: longer than %zu bytes", sizeof(sweep->fom) - 1);
	snprintf(sweep->fom, sizeof(sweep->fom), "%s", args->fom ? args->fom : "");
	sweep->seed = args->seed ? seed : seed & 0xffffffffu; /* it stands in the jobs' names */
	sweep->parallel = (uint32_t) parallel;
	sweep->any_nodes = args->any_nodes;
	sweep->share = args->share;
	sweep->scaling = args->nodes != NULL;
	if (sweep_plan(sweep, args->nodes ? &values : &caps, (uint32_t) repeat, &err) < 0)
		return wattle_fail("%s", err.text);
	return 0;
}

static int begin(const struct arguments *args, int n_words, char **words, struct sweep *sweep)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int status = take_words(sweep, n_words, words);

	if (status == 0)
		status = plan(args, sweep);
	if (status == 0)
		status = find_name(args, sweep);
	if (status == 0)
		status = find_places(args, sweep);
	if (status == 0 && access(sweep->dir, F_OK) == 0)
		return wattle_fail("%s is there already: `wattle sweep --resume %s` goes on with it, --dir names another folder", sweep->dir,
				   sweep->dir);
	if (status == 0)
		status = try_all(sweep);
	if (status)
		return status;
	if (sweep_folder_make(sweep, &err) < 0 || sweep_save(sweep, &err) < 0)
		return wattle_fail("%s", err.text);
	return 0;
}

/* --- an old one -------------------------------------------------------- */

static int resume(const struct arguments *args, struct sweep *sweep)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (sweep_folder_open(args->resume, sweep, &err) < 0)
		return wattle_fail("%s", err.text);
	if (chdir(sweep->cwd) < 0)
		return wattle_fail("the sweep was begun in %s: %s", sweep->cwd, strerror(errno));
	if (args->any_nodes)
		sweep->any_nodes = true;
	if (sweep->any_nodes)
		sweep->pinned[0] = '\0';
	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		struct sweep_run *run = &sweep->run[i];

		if (run->stage == SWEEP_SUBMITTING && sweep_find_lost(sweep, run, &err) < 0)
			return wattle_fail("%s", err.text);
	}
	return 0;
}

/* What is given up is run again; records that were late may be there now. */
static int take_up(struct sweep *sweep, const char *report_dir)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	for (uint32_t i = 0; i < sweep->n_runs; i++) {
		struct sweep_run *run = &sweep->run[i];

		if (run->stage == SWEEP_MISSING)
			sweep_collect(sweep, run, report_dir, 0);
		if (run->stage == SWEEP_MISSING || run->stage == SWEEP_FAILED)
			run->stage = SWEEP_TODO;
	}
	return sweep_save(sweep, &err) < 0 ? wattle_fail("%s", err.text) : 0;
}

static int cancel(const char *dir)
{
	struct sweep sweep = { .lock_fd = -1, .dir_fd = -1 };
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t n = 0;
	int status = WATTLE_EXIT_DONE;

	if (sweep_folder_open(dir, &sweep, &err) < 0)
		status = wattle_fail("%s", err.text);
	for (uint32_t i = 0; i < sweep.n_runs && status == WATTLE_EXIT_DONE; i++) {
		struct sweep_run *run = &sweep.run[i];

		if (run->stage == SWEEP_SUBMITTING && sweep_find_lost(&sweep, run, &err) < 0)
			status = wattle_fail("%s", err.text);
		if (run->stage != SWEEP_QUEUED)
			continue;
		if (sweep_cancel(run, &err) < 0) {
			status = wattle_fail("job %u: %s", run->job_id, err.text);
			continue;
		}
		run->stage = SWEEP_TODO;
		n++;
		if (sweep_save(&sweep, &err) < 0)
			status = wattle_fail("%s", err.text);
	}
	if (status == WATTLE_EXIT_DONE)
		printf("%u job%s cancelled; %u of %u runs are done and kept\n", n, n == 1 ? "" : "s", sweep_count(&sweep, SWEEP_DONE),
		       sweep.n_runs);
	sweep_close(&sweep);
	return wattle_finish(status);
}

/* --- running ----------------------------------------------------------- */

/* A queued run whose job is over gets its result. 1: so it was; 0: not yet; -EIO after a line. */
static int follow(struct sweep *sweep, struct sweep_run *run, const char *report_dir, struct sweep_progress *progress, struct sweep_look *look)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	int rc = sweep_look(run, look, &err);

	if (rc == -ENODEV) { /* slurmctld restarts now and then */
		snprintf(look->state, sizeof(look->state), "unknown");
		snprintf(look->reason, sizeof(look->reason), "Slurm does not answer");
		return 0;
	}
	if (rc == 0 && !look->over)
		return 0;
	sweep_collect(sweep, run, report_dir, RECORDS_WAIT_S);
	if (run->stage == SWEEP_DONE && !sweep->any_nodes && !sweep->scaling && !sweep->pinned[0])
		memcpy(sweep->pinned, run->hosts, sizeof(sweep->pinned));
	if (sweep_save(sweep, &err) < 0) {
		wattle_fail("%s", err.text);
		return -EIO;
	}
	progress->finished++;
	sweep_progress_result(progress, sweep, run, (int64_t) time(NULL));
	return 1;
}

static struct sweep_run *find_stage(const struct sweep *sweep, enum sweep_stage stage)
{
	for (uint32_t i = 0; i < sweep->n_runs; i++)
		if (sweep->run[i].stage == stage)
			return &sweep->run[i];
	return NULL;
}

/* Until it is known where the first run counted, there is one at a time: the others are to go there, too. */
static bool may_submit(const struct sweep *sweep)
{
	uint32_t queued = sweep_count(sweep, SWEEP_QUEUED);

	if (!sweep->any_nodes && !sweep->scaling && !sweep->pinned[0])
		return queued == 0;
	return queued < sweep->parallel;
}

static void rest(const struct sweep_run *run, int64_t now_s)
{
	double s = run ? LOOK_SHARE * (double) (now_s - run->submitted_s) : LOOK_MIN_S;
	struct timespec nap;

	s = s < LOOK_MIN_S ? LOOK_MIN_S : s > LOOK_MAX_S ? LOOK_MAX_S : s;
	nap = (struct timespec) { (time_t) s, (long) ((s - (double) (time_t) s) * 1e9) };
	nanosleep(&nap, NULL);
}

/* Until all runs have ended, or something ends the sweep. 0, or an exit status after a line. */
static int run_all(struct sweep *sweep, const char *report_dir, struct sweep_progress *progress)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t done_before = sweep_count(sweep, SWEEP_DONE);

	progress->start_s = (int64_t) time(NULL);
	while (!stopped) {
		struct sweep_look look = { .over = false }, shown = { .over = false };
		struct sweep_run *at = NULL, *next;

		for (uint32_t i = 0; i < sweep->n_runs && !stopped; i++) {
			int rc = sweep->run[i].stage == SWEEP_QUEUED ? follow(sweep, &sweep->run[i], report_dir, progress, &look) : 1;

			if (rc < 0)
				return WATTLE_EXIT_FAILED;
			if (rc == 0 && (!at || strncmp(look.state, "RUNNING", 7) == 0)) {
				at = &sweep->run[i];
				shown = look;
			}
		}
		if (progress->finished >= FAILURES_AT_FIRST && sweep_count(sweep, SWEEP_DONE) == done_before && done_before == 0)
			return wattle_fail("the first %u jobs gave no result, the last one for this: %s; `wattle sweep --resume %s` tries again",
					   progress->finished, sweep->run[0].why[0] ? sweep->run[0].why : "see above", sweep->dir);
		while (!stopped && may_submit(sweep) && (next = find_stage(sweep, SWEEP_TODO))) {
			if (sweep_submit(sweep, next, &err) < 0)
				return wattle_fail("%s; what is done is kept: `wattle sweep --resume %s` goes on", err.text, sweep->dir);
			if (!at)
				at = next, snprintf(shown.state, sizeof(shown.state), "PENDING");
		}
		if (!at && !find_stage(sweep, SWEEP_QUEUED) && !find_stage(sweep, SWEEP_TODO))
			return 0;
		if (stopped)
			break;
		sweep_progress_draw(progress, sweep, at, &shown, (int64_t) time(NULL));
		rest(at, (int64_t) time(NULL));
	}
	sweep_progress_say(progress, "stopped: %u of %u runs are done and kept", sweep_count(sweep, SWEEP_DONE), sweep->n_runs);
	if (sweep_count(sweep, SWEEP_QUEUED))
		return wattle_fail("%u job%s of the sweep (first: %u) stay%s in the queue: `wattle sweep --resume %s` goes on with %s, "
				   "`wattle sweep --cancel %s` cancels", sweep_count(sweep, SWEEP_QUEUED),
				   sweep_count(sweep, SWEEP_QUEUED) == 1 ? "" : "s", find_stage(sweep, SWEEP_QUEUED)->job_id,
				   sweep_count(sweep, SWEEP_QUEUED) == 1 ? "s" : "", sweep->dir,
				   sweep_count(sweep, SWEEP_QUEUED) == 1 ? "it" : "them", sweep->dir);
	return wattle_fail("no job of the sweep is in the queue: `wattle sweep --resume %s` goes on", sweep->dir);
}

static int run_sweep(const struct arguments *args, int n_words, char **words, struct sweep *sweep)
{
	struct sweep_progress progress = { .tty = isatty(STDERR_FILENO) == 1, .quiet = false };
	char report_dir[256];
	int status;

	catch_signals();
	status = args->resume ? resume(args, sweep) : begin(args, n_words, words, sweep);
	if (status)
		return status;
	if (wattle_report_dir_find(sweep->conf[0] ? sweep->conf : NULL, args->report_dir, report_dir, sizeof(report_dir)) < 0)
		return WATTLE_EXIT_FAILED;
	if (args->partial)
		return sweep_finish(sweep, true, args->json, args->ascii);
	if (args->resume && (status = take_up(sweep, report_dir)))
		return status;
	sweep_progress_say(&progress, "%s: %u of %u runs to do, in the order of seed %llu; everything is kept in %s", sweep->name,
			   sweep->n_runs - sweep_count(sweep, SWEEP_DONE), sweep->n_runs, (unsigned long long) sweep->seed, sweep->dir);
	status = run_all(sweep, report_dir, &progress);
	if (progress.drawn)
		sweep_progress_say(&progress, "%u/%u runs done", sweep_count(sweep, SWEEP_DONE), sweep->n_runs);
	return status ? status : sweep_finish(sweep, false, args->json, args->ascii);
}

int wattle_cmd_sweep(int argc, char **argv)
{
	struct arguments args = { .json = false };
	const struct wattle_option options[] = {
		{ "caps", NULL, "LIST", &args.caps, "caps of a node: 40%..100%/7 (seven of them) [that], or 150,200W,80%" },
		{ "nodes", NULL, "LIST", &args.nodes, "measure a scaling curve instead: 1,2,4,8 nodes" },
		{ "repeat", NULL, "N", &args.repeat, "run each so often [3]" },
		{ "fom", NULL, "REGEX", &args.fom, "a figure of merit in the job's output, higher is better, instead of run time; @measured: by libwattle_mpi" },
		{ "form", NULL, "FORM", &args.form, "of the model: hyperbolic [default] or quadratic (GEOPM's)" },
		{ "output", NULL, "NAME.json", &args.output, "the profile (or -o NAME.json) [in the sweep's folder]" },
		{ "name", NULL, "NAME", &args.name, "the profile's name [that of -o, or of the script]" },
		{ "dir", NULL, "DIR", &args.dir, "the sweep's folder, made [NAME.sweep]" },
		{ "parallel", NULL, "N", &args.parallel, "jobs in the queue at a time [1]" },
		{ "any-nodes", &args.any_nodes, NULL, NULL, "each run where Slurm likes, not on the nodes of the first" },
		{ "share", &args.share, NULL, NULL, "don't ask for whole nodes" },
		{ "seed", NULL, "N", &args.seed, "of the random order [random]" },
		{ "resume", NULL, "DIR", &args.resume, "go on with this sweep: what failed or is missing is run again" },
		{ "partial", &args.partial, NULL, NULL, "with --resume: submit nothing, make the profile of what there is" },
		{ "cancel", NULL, "DIR", &args.cancel, "cancel the jobs of this sweep that are in the queue" },
		{ "ascii", &args.ascii, NULL, NULL, "plot without braille characters" },
		{ "json", &args.json, NULL, NULL, "print JSON at the end" },
		{ "conf", NULL, "PATH", &args.conf, "site configuration [" WATTLE_CONF_PATH "]" },
		{ "report-dir", NULL, "DIR", &args.report_dir, "where step records lie [report_dir of the site configuration]" },
	};
	const struct wattle_usage usage = {
		"wattle sweep", "-- [SBATCH-OPTION…] SCRIPT [ARG…]",
		"Runs a batch job under several power caps, in random order, and fits the slowdown model to what\n"
		"its step records measured. Words after -- are sbatch's. Ctrl-C loses nothing.",
		options, sizeof(options) / sizeof(options[0]), 0, SWEEP_ARGS_MAX, "wattle-sweep(1)",
	};
	struct sweep *sweep;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	if ((args.resume || args.cancel) && (first < argc || args.caps || args.nodes || args.repeat || args.seed || args.fom || args.form ||
					     args.output || args.name || args.dir || args.parallel || args.share || args.conf)) {
		wattle_warn("a sweep that was begun keeps its words: --resume takes --any-nodes, --partial, --json, --ascii and --report-dir only");
		return WATTLE_EXIT_USAGE;
	}
	if (args.resume && args.cancel) {
		wattle_warn("either --resume or --cancel");
		return WATTLE_EXIT_USAGE;
	}
	if (!args.resume && !args.cancel && (first == argc || args.partial)) {
		wattle_warn(args.partial ? "--partial goes with --resume=DIR" : "what is to be run? `wattle sweep -- -N2 job.sh`: words after -- are sbatch's");
		return WATTLE_EXIT_USAGE;
	}
	if (args.cancel)
		return cancel(args.cancel);
	sweep = calloc(1, sizeof(*sweep));
	if (!sweep)
		return wattle_fail("out of memory");
	sweep->lock_fd = sweep->dir_fd = -1;
	status = run_sweep(&args, argc - first, argv + first, sweep);
	sweep_close(sweep);
	free(sweep);
	return status;
}
