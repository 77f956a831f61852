/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

const struct wattle_node rig_node = { .run_dir = RIG_RUN_DIR, .host = "n1", .base_w = 60, .min_w = 100, .max_w = 400, .lock_wait_ms = 2000 };

unsigned tap_count, tap_failures;

void rig_bail(const char *format, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

static int set_pods(const struct rig_call *call, struct rig_answer *ret)
{
	struct wattle_lease_pod pods[RIG_PODS] = { { .watts_w = 0 } };
	uint32_t n = 0;

	for (uint32_t i = 0; i < RIG_PODS; i++) {
		if (call->pod_w[i] == 0)
			continue;
		snprintf(pods[n].uid, sizeof(pods[n].uid), "0000000%u-1111-2222-3333-444444444444", i);
		snprintf(pods[n].name, sizeof(pods[n].name), "default/pod-%u", i);
		pods[n].watts_w = call->pod_w[i];
		pods[n].holder = pods[n].keeper = call->parent;
		n++;
	}
	return wattle_lease_pods_set(&rig_node, pods, n, &ret->outcome, &ret->err);
}

static void act(const struct rig_call *call, struct rig_answer *ret)
{
	struct wattle_proc self;

	memset(ret, 0, sizeof(*ret));
	wattle_proc_get(getpid(), &self);
	switch (call->op) {
	case RIG_JOB_BEGIN:
		ret->rc = wattle_lease_job_begin(&rig_node, call->job_id, 1000, call->watts_w, &call->parent, &ret->outcome, &ret->err);
		break;
	case RIG_STEP_BEGIN:
		ret->rc = wattle_lease_step_begin(&rig_node, call->job_id, call->step_id, call->watts_w, &self, &ret->outcome, &ret->err);
		break;
	case RIG_STEP_END:
		ret->rc = wattle_lease_step_end(&rig_node, call->job_id, call->step_id, &self, &ret->outcome, &ret->err);
		break;
	case RIG_JOB_END:
		ret->rc = wattle_lease_job_end(&rig_node, call->job_id, &ret->outcome, &ret->err);
		break;
	case RIG_PODS_SET:
		ret->rc = set_pods(call, ret);
		break;
	case RIG_SWEEP:
		ret->rc = wattle_lease_sweep(&rig_node, &ret->outcome, &ret->err);
		break;
	}
}

static bool write_all(int fd, const void *data, size_t len)
{
	return write(fd, data, len) == (ssize_t) len;
}

static bool read_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len > 0) {
		ssize_t got = read(fd, at, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		len -= (size_t) got;
	}
	return true;
}

__attribute__((noreturn)) static void live(int from, int to)
{
	struct rig_call call;
	struct rig_answer answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read_all(from, &call, sizeof(call))) {
		act(&call, &answer);
		if (!write_all(to, &answer, sizeof(answer)))
			break;
	}
	_exit(0);
}

void actor_start(struct actor *actor)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		rig_bail("pipe: %s", strerror(errno));
	fflush(stdout);
	actor->pid = fork();
	if (actor->pid < 0)
		rig_bail("fork: %s", strerror(errno));
	if (actor->pid == 0) {
		close(to[1]);
		close(from[0]);
		live(to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	actor->to = to[1];
	actor->from = from[0];
	if (wattle_proc_get(actor->pid, &actor->proc) < 0)
		rig_bail("an actor is not there");
}

static void actor_bury(struct actor *actor)
{
	waitpid(actor->pid, NULL, 0);
	close(actor->to);
	close(actor->from);
	actor->pid = 0;
}

int actor_call(struct actor *actor, const struct rig_call *call, struct rig_answer *ret)
{
	if (write_all(actor->to, call, sizeof(*call)) && read_all(actor->from, ret, sizeof(*ret)))
		return 1;
	actor_bury(actor);
	return 0;
}

void actor_kill(struct actor *actor)
{
	if (!actor->pid)
		return;
	kill(actor->pid, SIGKILL);
	actor_bury(actor);
}

int once(const struct rig_call *call, struct rig_answer *ret)
{
	struct actor actor;
	int answered;

	actor_start(&actor);
	answered = actor_call(&actor, call, ret);
	actor_kill(&actor);
	return answered;
}

static void limit_path(char *path, size_t size, uint32_t zone, uint32_t constraint)
{
	snprintf(path, size, "/sys/class/powercap/intel-rapl:%u/constraint_%u_power_limit_uw", zone, constraint);
}

struct limits limits_read(void)
{
	struct limits limits;
	char path[128];

	for (uint32_t z = 0; z < RIG_ZONES; z++)
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++) {
			FILE *file;

			limit_path(path, sizeof(path), z, c);
			file = fopen(path, "re");
			if (!file || fscanf(file, "%" SCNu64, &limits.uw[z][c]) != 1)
				rig_bail("can't read %s", path);
			fclose(file);
		}
	return limits;
}

void limits_write(const struct limits *limits)
{
	char path[128], text[32];

	for (uint32_t z = 0; z < RIG_ZONES; z++)
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++) {
			limit_path(path, sizeof(path), z, c);
			snprintf(text, sizeof(text), "%" PRIu64, limits->uw[z][c]);
			file_write(path, text);
		}
}

bool limits_equal(const struct limits *a, const struct limits *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Written a second time, and not by way of the code under test: shares of two zones by hand, rounded as the hardware does. */
struct limits limits_under(const struct limits *baseline, uint32_t effective_w)
{
	struct limits want = *baseline;
	uint64_t total_uw, share_uw[RIG_ZONES];

	if (effective_w == 0)
		return want;
	total_uw = (uint64_t) (effective_w - rig_node.base_w) * 1000000;
	share_uw[0] = share_uw[1] = total_uw / 2;
	for (uint32_t z = 0; z < RIG_ZONES; z++)
		if (share_uw[z] > baseline->uw[z][0]) {
			share_uw[z] = baseline->uw[z][0];
			share_uw[1 - z] = total_uw - share_uw[z];
		}
	for (uint32_t z = 0; z < RIG_ZONES; z++)
		for (uint32_t c = 0; c < WATTLE_CONSTRAINTS; c++)
			if (share_uw[z] < want.uw[z][c])
				want.uw[z][c] = share_uw[z] / 125000 * 125000;
	return want;
}

const char *limits_text(const struct limits *limits)
{
	static char text[4][128];
	static unsigned turn;
	char *at = text[turn++ % 4];

	snprintf(at, sizeof(text[0]), "%.3f/%.3f %.3f/%.3f W", (double) limits->uw[0][0] / 1e6, (double) limits->uw[0][1] / 1e6,
		 (double) limits->uw[1][0] / 1e6, (double) limits->uw[1][1] / 1e6);
	return at;
}

/* A holder that something else killed is no fault of the book. */
static bool held(const struct wattle_book *book, const struct wattle_lease_job *job, uint32_t *ret_watts_w, char *why, size_t size)
{
	bool any = job->pending && wattle_proc_alive(&job->parent);

	*ret_watts_w = job->grant_w;
	for (uint32_t s = 0; s < book->n_steps; s++) {
		const struct wattle_lease_step *step = &book->step[s];

		if (step->job_id != job->job_id)
			continue;
		any = true;
		if (!wattle_proc_alive(&step->holder)) {
			snprintf(why, size, "stale entry of step %u of job %u: process %d is gone", step->step_id, step->job_id,
				 (int) step->holder.pid);
			return false;
		}
		if (step->ask_w && step->ask_w < *ret_watts_w)
			*ret_watts_w = step->ask_w;
	}
	if (!any)
		snprintf(why, size, "stale entry of job %u", job->job_id);
	return any;
}

bool node_consistent(const struct limits *baseline, uint32_t job_id, bool *ret_there, char *why, size_t size)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free struct wattle_book *book = NULL;
	struct limits now = limits_read(), want;
	uint64_t sum_w = 0;

	if (wattle_lease_read(&rig_node, &book, &err) < 0) {
		snprintf(why, size, "%s", err.text);
		return false;
	}
	for (uint32_t i = 0; i < book->n_jobs; i++) {
		uint32_t watts_w;

		if (!held(book, &book->job[i], &watts_w, why, size))
			return false;
		if (ret_there)
			*ret_there |= book->job[i].job_id == job_id;
		sum_w += watts_w;
	}
	for (uint32_t i = 0; i < book->n_pods; i++) {
		if (!wattle_proc_alive(&book->pod[i].holder)) {
			snprintf(why, size, "stale entry of pod %s", book->pod[i].name);
			return false;
		}
		sum_w += book->pod[i].watts_w;
	}
	if (book->n_jobs + book->n_pods == 0 && book->n_limits != 0) {
		snprintf(why, size, "no job, no pod, and the book still speaks of %u limits", book->n_limits);
		return false;
	}
	if (sum_w && sum_w < rig_node.min_w)
		sum_w = rig_node.min_w;
	want = limits_under(baseline, sum_w >= rig_node.max_w ? 0 : (uint32_t) sum_w);
	if (!limits_equal(&now, &want)) {
		snprintf(why, size, "limits are %s, must be %s (%u W, boot %s)", limits_text(&now), limits_text(&want), (unsigned) sum_w,
			 limits_text(baseline));
		return false;
	}
	return true;
}

void file_write(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || !write_all(fd, text, strlen(text)))
		rig_bail("can't write %s: %s", path, strerror(errno));
}

void boot_id_new(void)
{
	static unsigned boot;
	char text[64];

	/* As long as the one before: the file is bound by its inode and not replaced. */
	snprintf(text, sizeof(text), "00000000-0000-4000-8000-%012u\n", ++boot);
	file_write(RIG_BOOT_ID, text);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void) st;
	(void) kind;
	(void) where;
	return remove(path);
}

void run_dir_wipe(void)
{
	nftw(RIG_RUN_DIR, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void tap(bool ok, const char *why, const char *format, ...)
{
	va_list args;

	tap_count++;
	if (!ok)
		tap_failures++;
	printf("%s %u - ", ok ? "ok" : "not ok", tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!ok)
		printf("# %s\n", why);
	fflush(stdout);
}

int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failures > 0 || tap_count == 0;
}
