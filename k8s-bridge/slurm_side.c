/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slurm_side.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "program.h"
#include "tres.h"

#define COMMAND_MS 10000
#define BYTES_MAX (8u * 1024 * 1024)
#define END "EndTime=now+365days" /* as long as 22.05 lets one last; each change moves it on */

struct wattle_slurm_side {
	void (*done)(void *arg, const struct wattle_slurm_report *report);
	void *arg;
	pid_t pid;
	int fd;
	size_t len;
	struct wattle_slurm_report report;
	struct event *readable;
};

/* --- what Slurm says ------------------------------------------------------------------------------------------------------------------- */

static bool number_after(const char *line, const char *key, uint64_t *ret)
{
	const char *found = strstr(line, key);
	char *end;

	if (!found || (found != line && found[-1] != ' '))
		return false;
	*ret = strtoull(found + strlen(key), &end, 10);
	return end != found + strlen(key);
}

/* The line "KEY=NAME …", cut off: the caller frees. NULL: there is none. */
static char *line_of(const char *text, const char *key, const char *name)
{
	const size_t key_len = strlen(key), name_len = strlen(name);

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n')
		if (strncmp(s, key, key_len) == 0 && strncmp(s + key_len, name, name_len) == 0 && strchr(" \n", s[key_len + name_len]))
			return strndup(s, strcspn(s, "\n"));
	return NULL;
}

bool wattle_slurm_licence_parse(const char *text, const char *licence, uint64_t *ret_total_w, uint64_t *ret_used_w)
{
	cleanup_free char *line = line_of(text, "LicenseName=", licence);

	return line && number_after(line, "Total=", ret_total_w) && number_after(line, "Used=", ret_used_w);
}

bool wattle_slurm_reservation_parse(const char *text, const char *reservation, const char *licence, uint64_t *ret_w)
{
	cleanup_free char *line = line_of(text, "ReservationName=", reservation);
	char *licences = line ? strstr(line, " Licenses=") : NULL;
	uint64_t w = 0;

	if (!licences)
		return false;
	licences += strlen(" Licenses=");
	licences[strcspn(licences, " ")] = '\0';
	if (wattle_licence_find(licences, licence, &w, NULL) < 0)
		return false;
	*ret_w = w;
	return true;
}

uint64_t wattle_slurm_waiting_parse(const char *text, const char *licence)
{
	static const char *const later[] = { "BeginTime", "Dependency", "DependencyNeverSatisfied", "JobHeldUser", "JobHeldAdmin", "JobArrayTaskLimit" };
	uint64_t sum_w = 0;

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		cleanup_free char *line = strndup(s, strcspn(s, "\n"));
		char *reason = line ? strchr(line, '|') : NULL;
		uint64_t w = 0;
		bool waits = reason != NULL;

		if (!reason)
			continue;
		*reason++ = '\0';
		for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
			waits = waits && strcmp(reason, later[i]) != 0;
		if (waits && wattle_licence_find(line, licence, &w, NULL) > 0)
			sum_w += w;
	}
	return sum_w;
}

/* --- in the child ---------------------------------------------------------------------------------------------------------------------- */

/* 0 and the text, the caller frees; what it said on failure is the error's. missing: that word in what it said is no failure, text is "". */
static int ask(const char *name, const char *const *words, const char *missing, char **ret, struct wattle_err *err)
{
	const char *argv[12] = { NULL };
	struct wattle_answer answer;
	char path[512];
	int rc;

	*ret = NULL;
	if (wattle_program_find(name, path, sizeof(path)) < 0)
		return wattle_err_set(err, ENODEV, "there is no %s here", name);
	argv[0] = path;
	for (size_t i = 0; i < 10 && words[i]; i++)
		argv[i + 1] = words[i];
	rc = wattle_program_ask(argv, COMMAND_MS, BYTES_MAX, &answer, err);
	if (rc < 0)
		return rc;
	if (answer.status != 0 && !(missing && (strstr(answer.said, missing) || strstr(answer.text, missing)))) {
		free(answer.text);
		return wattle_err_set(err, EIO, "%s: %s", name, answer.said[0] ? answer.said : "failed and does not say why");
	}
	if (answer.status != 0)
		answer.text[0] = '\0';
	*ret = answer.text;
	return 0;
}

static int set_reservation(const char *licence, const char *reservation, uint64_t withhold_w, struct wattle_err *err)
{
	char name[160], licences[160];
	const char *const update[] = { "update", name, licences, END, NULL };
	const char *const create[] = { "create", "reservation", name, "StartTime=now", "Duration=UNLIMITED", "Flags=LICENSE_ONLY", licences, "Users=root",
				       NULL };
	const char *const show[] = { "show", "reservation", reservation, "-o", NULL };
	cleanup_free char *there = NULL, *said = NULL;
	int rc;

	snprintf(name, sizeof(name), "ReservationName=%s", reservation);
	snprintf(licences, sizeof(licences), "Licenses=%s:%" PRIu64, licence, withhold_w);
	rc = ask("scontrol", show, "not found", &there, err);
	if (rc < 0)
		return rc;
	if (*there)
		return ask("scontrol", update, NULL, &said, err);
	return withhold_w == 0 ? 0 : ask("scontrol", create, NULL, &said, err);
}

static void read_side(const char *licence, const char *reservation, struct wattle_slurm_report *ret)
{
	const char *const show_licence[] = { "show", "licenses", licence, "-o", NULL };
	const char *const show_reservation[] = { "show", "reservation", reservation, "-o", NULL };
	const char *const waiting[] = { "-h", "-r", "-t", "PD", "-o", "%W|%r", NULL };
	cleanup_free char *licences = NULL, *reservations = NULL, *jobs = NULL;

	/* the reservation first: use may then only have grown within what it left */
	if (ask("scontrol", show_reservation, "not found", &reservations, &ret->err) < 0 ||
	    ask("scontrol", show_licence, NULL, &licences, &ret->err) < 0 || ask("squeue", waiting, NULL, &jobs, &ret->err) < 0)
		return;
	if (!wattle_slurm_licence_parse(licences, licence, &ret->total_w, &ret->used_w)) {
		wattle_err_set(&ret->err, ENOENT, "Slurm has no licence %s", licence);
		return;
	}
	if (*reservations && !wattle_slurm_reservation_parse(reservations, reservation, licence, &ret->withheld_w)) {
		wattle_err_set(&ret->err, EINVAL, "reservation %s can't be read", reservation);
		return;
	}
	ret->waiting_w = wattle_slurm_waiting_parse(jobs, licence);
	ret->ok = true;
}

static void __attribute__((noreturn)) child(int fd, const char *licence, const char *reservation, uint64_t withhold_w)
{
	struct wattle_slurm_report report = { .ok = false };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int s = 1; s < 32; s++)
		signal(s, SIG_DFL);
	alarm(WATTLE_SLURM_SIDE_S);
	if (withhold_w == UINT64_MAX || set_reservation(licence, reservation, withhold_w, &report.err) == 0)
		read_side(licence, reservation, &report);
	_exit(write(fd, &report, sizeof(report)) == (ssize_t) sizeof(report) ? 0 : 1);
}

/* --- on the loop ------------------------------------------------------------------------------------------------------------------------ */

static void end_child(struct wattle_slurm_side *side)
{
	if (side->pid <= 0)
		return;
	kill(side->pid, SIGKILL); /* it has said all, or never will */
	waitpid(side->pid, NULL, 0);
	side->pid = -1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct wattle_slurm_side *side = arg;
	ssize_t n = what & EV_READ ? read(fd, (char *) &side->report + side->len, sizeof(side->report) - side->len) : 0;

	if (n > 0)
		side->len += (size_t) n;
	if ((n < 0 && (errno == EAGAIN || errno == EINTR)) || (n > 0 && side->len < sizeof(side->report)))
		return;
	event_del(side->readable);
	end_child(side);
	if (side->len < sizeof(side->report)) {
		side->report = (struct wattle_slurm_report){ .ok = false };
		wattle_err_set(&side->report.err, ETIMEDOUT, "Slurm's commands gave no answer");
	}
	side->done(side->arg, &side->report);
}

struct wattle_slurm_side *wattle_slurm_side_ask(struct event_base *base, const char *licence, const char *reservation, uint64_t withhold_w,
						void (*done)(void *arg, const struct wattle_slurm_report *report), void *arg)
{
	static const struct timeval limit = { WATTLE_SLURM_SIDE_S + 2, 0 };
	struct wattle_slurm_side *side = calloc(1, sizeof(*side));
	int pipe_fd[2];

	if (!side)
		return NULL;
	side->done = done;
	side->arg = arg;
	side->fd = -1;
	if (pipe2(pipe_fd, O_CLOEXEC) < 0) {
		free(side);
		return NULL;
	}
	side->fd = pipe_fd[0];
	side->pid = fork();
	if (side->pid == 0)
		child(pipe_fd[1], licence, reservation, withhold_w);
	close(pipe_fd[1]);
	side->readable = event_new(base, side->fd, EV_READ | EV_PERSIST, on_readable, side);
	if (side->pid < 0 || fcntl(side->fd, F_SETFL, O_NONBLOCK) < 0 || !side->readable || event_add(side->readable, &limit) < 0) {
		wattle_slurm_side_free(side);
		return NULL;
	}
	return side;
}

void wattle_slurm_side_free(struct wattle_slurm_side *side)
{
	if (!side)
		return;
	if (side->readable)
		event_free(side->readable);
	end_child(side);
	wattle_cleanup_close(&side->fd);
	free(side);
}
