/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be wrong around the lease book without anybody being killed by us: hardware that refuses, disks that are
 * full, books that are torn or forged, other people's changes, clocks, pids. Run by tests/fault/lease-tests. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "meter.h"
#include "rig.h"

#define JOB 1u
#define BOOK RIG_RUN_DIR "/book"

/* Every clock of this program goes through here, the lease's too: tests set them, and see which are read. */
static int64_t realtime_off_s, boottime_off_s;
static const char *const REALTIME_READ = "/run/realtime-was-read";

int clock_gettime(clockid_t id, struct timespec *ret)
{
	int rc = (int) syscall(SYS_clock_gettime, id, ret);

	if (id == CLOCK_REALTIME) {
		close(open(REALTIME_READ, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		ret->tv_sec += realtime_off_s;
	}
	if (id == CLOCK_BOOTTIME)
		ret->tv_sec += boottime_off_s;
	return rc;
}

static struct limits boot;
static char why[1024];
static struct actor slurmd, stepd;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fail(const char *format, ...)
{
	va_list args;

	if (why[0])
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
}

static void faults(const char *text)
{
	file_write(RIG_FAULTS, text);
}

static void want_limits(const char *when, const struct limits *want)
{
	struct limits now = limits_read();

	if (!limits_equal(&now, want))
		fail("%s: limits are %s, must be %s", when, limits_text(&now), limits_text(want));
}

static void want_effective(const char *when, uint32_t effective_w)
{
	struct limits want = limits_under(&boot, effective_w);

	want_limits(when, &want);
}

static void want_text(const char *when, const char *found, const char *wanted)
{
	if (!strstr(found, wanted))
		fail("%s: \"%s\" does not say \"%s\"", when, found, wanted);
}

static bool has_event(const struct rig_answer *answer, enum wattle_event_kind kind, const char *holds)
{
	for (uint32_t i = 0; i < answer->outcome.n_events; i++)
		if (answer->outcome.event[i].kind == kind && strstr(answer->outcome.event[i].text, holds))
			return true;
	return false;
}

static void want_event(const char *when, const struct rig_answer *answer, enum wattle_event_kind kind, const char *holds)
{
	if (!has_event(answer, kind, holds))
		fail("%s: no event %d that says \"%s\" among %u: %s", when, (int) kind, holds, (unsigned) answer->outcome.n_events,
		     answer->outcome.n_events ? answer->outcome.event[0].text : "");
}

static void want_rc(const char *when, const struct rig_answer *answer, int rc)
{
	if (answer->rc != rc)
		fail("%s: returned %d, not %d: %s", when, answer->rc, rc, answer->err.text);
}

/* No job, no step, no limit is in the book. */
static void want_clean_book(const char *when)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free struct wattle_book *book = NULL;

	if (wattle_lease_read(&rig_node, &book, &err) < 0)
		fail("%s: %s", when, err.text);
	else if (book->n_jobs || book->n_steps || book->n_pods || book->n_limits)
		fail("%s: the book has %u jobs, %u steps, %u pods, %u limits", when, (unsigned) book->n_jobs, (unsigned) book->n_steps,
		     (unsigned) book->n_pods, (unsigned) book->n_limits);
}

static struct rig_answer begin(uint32_t job_id, uint32_t watts_w)
{
	const struct rig_call call = { .op = RIG_JOB_BEGIN, .job_id = job_id, .watts_w = watts_w, .parent = slurmd.proc };
	struct rig_answer answer;

	if (!once(&call, &answer))
		rig_bail("a prolog died");
	return answer;
}

static struct rig_answer step(enum rig_op op, uint32_t ask_w)
{
	const struct rig_call call = { .op = op, .job_id = JOB, .step_id = 0, .watts_w = ask_w };
	struct rig_answer answer;

	if (!stepd.pid)
		actor_start(&stepd);
	if (!actor_call(&stepd, &call, &answer))
		rig_bail("a stepd died");
	return answer;
}

static struct rig_answer end(uint32_t job_id)
{
	const struct rig_call call = { .op = RIG_JOB_END, .job_id = job_id };
	struct rig_answer answer;

	if (!once(&call, &answer))
		rig_bail("an epilog died");
	return answer;
}

static struct rig_answer sweep(void)
{
	const struct rig_call call = { .op = RIG_SWEEP };
	struct rig_answer answer;

	if (!once(&call, &answer))
		rig_bail("a sweep died");
	return answer;
}

/* A job of 300 W with a step. */
static void run_job(void)
{
	struct rig_answer answer = begin(JOB, 300);

	want_rc("begin", &answer, 0);
	answer = step(RIG_STEP_BEGIN, 0);
	want_rc("step begin", &answer, 0);
	want_effective("running", 300);
}

static void finish(const char *when)
{
	struct rig_answer answer;

	faults("");
	actor_kill(&stepd);
	answer = end(JOB);
	want_rc(when, &answer, 0);
	want_limits(when, &boot);
	want_clean_book(when);
}

/* --- hardware --- */

static void test_no_tree_uncapped(void)
{
	struct rig_answer answer;

	faults("* * * missing\n");
	answer = begin(JOB, 400);
	want_rc("begin", &answer, 0);
	if (answer.outcome.cap_failed || answer.outcome.effective_w != 0)
		fail("a job at full power failed: %s", answer.outcome.cap_failure);
	finish("end");
}

static void test_no_tree(void)
{
	struct rig_answer answer;

	faults("* * * missing\n");
	answer = begin(JOB, 300);
	want_rc("begin", &answer, 0);
	if (!answer.outcome.cap_failed)
		fail("no cap and nothing said");
	want_text("begin", answer.outcome.cap_failure, "node n1");
	want_text("begin", answer.outcome.cap_failure, "wanted 300 W");
	want_text("begin", answer.outcome.cap_failure, "no package zone");
	answer = step(RIG_STEP_BEGIN, 0);
	if (!answer.outcome.cap_failed)
		fail("the step does not know");
	faults("");
	answer = step(RIG_STEP_BEGIN, 0);
	if (answer.outcome.cap_failed)
		fail("still failed with the tree back: %s", answer.outcome.cap_failure);
	want_effective("tree back", 300);
	finish("end");
}

static void test_tree_gone_in_between(void)
{
	struct rig_answer answer;

	run_job();
	faults("* * * missing\n");
	actor_kill(&stepd);
	answer = sweep();
	want_event("sweep", &answer, WATTLE_EVENT_RESTORE_OWED, "package-0");
	answer = sweep();
	if (has_event(&answer, WATTLE_EVENT_RESTORE_OWED, ""))
		fail("told again and again");
	faults("");
	answer = sweep();
	want_event("tree back", &answer, WATTLE_EVENT_RESTORED_LATE, "package-1");
	finish("end");
}

static void test_part_unreadable(void)
{
	struct rig_answer answer;
	struct limits want = limits_under(&boot, 300);

	faults("read package-1 constraint_0_power_limit_uw EIO\n");
	answer = begin(JOB, 300);
	want_rc("begin", &answer, 0);
	if (!answer.outcome.cap_failed)
		fail("half a cap and nothing said");
	want_text("begin", answer.outcome.cap_failure, "node n1 zone package-1 long_term");
	answer = step(RIG_STEP_BEGIN, 0);
	faults("");
	want.uw[1][0] = boot.uw[1][0];
	want_limits("the rest is held", &want);
	finish("end");
}

static void test_name_unreadable(void)
{
	struct rig_answer answer;

	run_job();
	faults("read intel-rapl:1 name EIO\n");
	answer = step(RIG_STEP_BEGIN, 200);
	if (!answer.outcome.cap_failed)
		fail("a zone without a name, and nothing said");
	faults("");
	answer = step(RIG_STEP_BEGIN, 200);
	if (answer.outcome.cap_failed)
		fail("still failed: %s", answer.outcome.cap_failure);
	want_effective("readable again", 200);
	finish("end");
}

static void refused_write(const char *fault, const char *says)
{
	struct rig_answer answer;

	faults(fault);
	answer = begin(JOB, 300);
	want_rc("begin", &answer, 0);
	if (!answer.outcome.cap_failed)
		fail("refused and nothing said");
	want_text("begin", answer.outcome.cap_failure, "node n1 zone package-");
	want_text("begin", answer.outcome.cap_failure, says);
	answer = step(RIG_STEP_BEGIN, 0);
	if (!answer.outcome.cap_failed)
		fail("the step does not know");
	faults("");
	answer = step(RIG_STEP_BEGIN, 0);
	if (answer.outcome.cap_failed)
		fail("still failed: %s", answer.outcome.cap_failure);
	want_effective("fault gone", 300);
	finish("end");
}

static void test_eacces(void)
{
	refused_write("write * constraint_*_power_limit_uw EACCES\n", "wanted 120.000 W, reads 17");
}

static void test_eio(void)
{
	refused_write("write package-1 constraint_1_power_limit_uw EIO\n", "short_term: wanted 120.000 W, reads 324.750 W: Input/output error");
}

static void test_enodata(void)
{
	refused_write("write package-0 constraint_0_power_limit_uw ENODATA\n", "long_term: wanted 120.000 W, reads 173.125 W");
}

static void test_ignored(void)
{
	refused_write("write package-0 constraint_0_power_limit_uw ignored\n", "wanted 120.000 W, reads 173.125 W");
}

static void test_lock(void)
{
	refused_write("* * * lock\n", "enabled says 0");
}

static void test_clamp(void)
{
	refused_write("write package-0 constraint_0_power_limit_uw atleast 150000000\n", "wanted 120.000 W, reads 150.000 W");
}

static void clamped_kill(const char *point)
{
	const struct rig_call call = { .op = RIG_JOB_BEGIN, .job_id = JOB, .watts_w = 300, .parent = slurmd.proc };
	struct rig_answer answer;
	char spec[64];

	faults("write package-* constraint_*_power_limit_uw atleast 150000000\n");
	snprintf(spec, sizeof(spec), "%s skip=3\n", point);
	file_write(RIG_FAULTPOINT, spec);
	if (once(&call, &answer))
		fail("it lived through %s", point);
	unlink(RIG_FAULTPOINT);
	faults("");
	answer = end(JOB);
	want_rc("epilog", &answer, 0);
	finish("end");
}

static void test_clamp_and_kill(void)
{
	clamped_kill("apply.after_write");
}

static void test_owed(void)
{
	struct rig_answer answer;

	run_job();
	faults("write package-1 constraint_0_power_limit_uw EIO\n");
	actor_kill(&stepd);
	answer = sweep();
	want_rc("sweep", &answer, 0);
	want_event("sweep", &answer, WATTLE_EVENT_RESTORE_OWED, "zone package-1 long_term: wanted 174.750 W, reads 120.000 W");
	/* The next job must not take the left-over cap for the zone's own value. */
	answer = begin(JOB, 250);
	want_rc("next job", &answer, 0);
	answer = end(JOB);
	want_rc("next job's end", &answer, 0);
	faults("");
	answer = sweep();
	want_event("sweep", &answer, WATTLE_EVENT_RESTORED_LATE, "package-1");
	finish("end");
}

/* --- other people --- */

static void set_limit(uint32_t zone, uint32_t constraint, uint64_t uw)
{
	struct limits limits = limits_read();

	limits.uw[zone][constraint] = uw;
	limits_write(&limits);
}

static void test_admin_raises(void)
{
	struct limits own = boot;
	struct rig_answer answer;

	own.uw[1][0] = 160000000;
	run_job();
	set_limit(1, 0, own.uw[1][0]);
	answer = sweep();
	want_event("seen", &answer, WATTLE_EVENT_FOREIGN, "zone package-1 long_term: reads 160.000 W, wrote 120.000 W");
	want_effective("the cap holds", 300);
	answer = sweep();
	if (has_event(&answer, WATTLE_EVENT_FOREIGN, ""))
		fail("told twice");
	actor_kill(&stepd);
	answer = sweep();
	want_limits("kept at the end", &own);
	limits_write(&boot);
	finish("end");
}

static void test_admin_lowers(void)
{
	struct limits own = limits_under(&boot, 300), at_end = boot;
	struct rig_answer answer;

	own.uw[0][0] = at_end.uw[0][0] = 90000000;
	run_job();
	set_limit(0, 0, 90000000);
	answer = sweep();
	want_event("seen", &answer, WATTLE_EVENT_FOREIGN, "reads 90.000 W");
	own.uw[1][0] = 150000000; /* what package-0 can't take now goes to package-1 */
	own.uw[0][1] = 90000000;
	own.uw[1][1] = 150000000;
	want_limits("the lower one holds", &own);
	answer = step(RIG_STEP_END, 0);
	want_rc("end", &answer, 0);
	want_limits("kept at the end", &at_end);
	limits_write(&boot);
	finish("end");
}

static void test_admin_unseen_until_end(void)
{
	struct limits at_end = boot;
	struct rig_answer answer;

	at_end.uw[0][1] = 140000000;
	run_job();
	set_limit(0, 1, 140000000);
	answer = end(JOB);
	want_event("seen", &answer, WATTLE_EVENT_FOREIGN, "short_term: reads 140.000 W");
	want_limits("kept", &at_end);
	want_clean_book("kept");
	limits_write(&boot);
	finish("end");
}

/* A step that asks for nothing new leaves the hardware alone; one that changes the cap looks at it first. */
static void test_admin_seen_by_change(void)
{
	struct limits own = limits_under(&boot, 200), at_end = boot;
	struct rig_answer answer;

	at_end.uw[1][0] = 160000000;
	run_job();
	set_limit(1, 0, 160000000);
	answer = step(RIG_STEP_BEGIN, 0);
	if (has_event(&answer, WATTLE_EVENT_FOREIGN, ""))
		fail("a step that changes nothing looked at the hardware");
	answer = step(RIG_STEP_BEGIN, 200);
	want_event("seen", &answer, WATTLE_EVENT_FOREIGN, "zone package-1 long_term: reads 160.000 W");
	want_limits("the new cap", &own);
	actor_kill(&stepd);
	answer = sweep();
	want_limits("kept at the end", &at_end);
	limits_write(&boot);
	finish("end");
}

static void test_admin_sets_back(void)
{
	struct rig_answer answer;

	run_job();
	limits_write(&boot);
	answer = sweep();
	want_event("seen", &answer, WATTLE_EVENT_FOREIGN, "set it back to its baseline");
	want_effective("applied again", 300);
	finish("end");
}

/* --- disk --- */

static void small_disk(void)
{
	mkdir(RIG_RUN_DIR, 0700);
	if (mount("tmpfs", RIG_RUN_DIR, "tmpfs", 0, "size=64k,mode=0700") < 0)
		rig_bail("can't mount a small tmpfs: %s", strerror(errno));
}

static void fill_disk(void)
{
	cleanup_close int fd = open(RIG_RUN_DIR "/ballast", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	char block[4096] = "x";

	while (write(fd, block, sizeof(block)) > 0)
		;
}

static void test_full_at_begin(void)
{
	struct rig_answer answer;

	small_disk();
	fill_disk();
	answer = begin(JOB, 300);
	want_rc("begin", &answer, -ENOSPC);
	want_text("begin", answer.err.text, "No space left on device");
	if (!answer.outcome.cap_failed)
		fail("no cap, and the outcome does not say so");
	want_limits("nothing written without a journal", &boot);
	unlink(RIG_RUN_DIR "/ballast");
	run_job();
	finish("end");
	umount2(RIG_RUN_DIR, MNT_DETACH);
}

static void test_full_at_end(void)
{
	struct rig_answer answer;

	small_disk();
	run_job();
	fill_disk();
	answer = step(RIG_STEP_END, 0);
	want_rc("step end", &answer, -ENOSPC);
	want_limits("restored all the same", &boot);
	actor_kill(&stepd);
	answer = sweep();
	want_rc("still full", &answer, -ENOSPC);
	want_limits("still restored", &boot);
	unlink(RIG_RUN_DIR "/ballast");
	answer = sweep();
	want_rc("room again", &answer, 0);
	if (has_event(&answer, WATTLE_EVENT_FOREIGN, ""))
		fail("our own restore was taken for somebody else's change");
	want_clean_book("room again");
	finish("end");
	umount2(RIG_RUN_DIR, MNT_DETACH);
}

static void test_read_only_at_end(void)
{
	struct rig_answer answer;

	small_disk();
	run_job();
	if (mount(NULL, RIG_RUN_DIR, NULL, MS_REMOUNT | MS_RDONLY, "size=64k") < 0)
		rig_bail("can't remount: %s", strerror(errno));
	actor_kill(&stepd);
	answer = sweep();
	want_rc("sweep", &answer, -EROFS);
	want_limits("restored all the same", &boot);
	answer = begin(JOB, 200);
	want_rc("begin", &answer, -EROFS);
	want_limits("no cap without a journal", &boot);
	mount(NULL, RIG_RUN_DIR, NULL, MS_REMOUNT, "size=64k");
	answer = sweep();
	want_rc("writable again", &answer, 0);
	finish("end");
	umount2(RIG_RUN_DIR, MNT_DETACH);
}

/* --- the book itself --- */

static size_t slurp(const char *path, char *text, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n < 0)
		rig_bail("can't read %s", path);
	text[n] = '\0';
	return (size_t) n;
}

/* A book with a cap in force whose holder is dead, and its previous generation: copies go to /run/kept. */
static void keep_books(void)
{
	char text[16384];

	run_job();
	step(RIG_STEP_BEGIN, 0); /* so that the previous generation knows the step, too */
	actor_kill(&stepd);
	slurp(BOOK, text, sizeof(text));
	file_write("/run/kept", text);
	slurp(BOOK ".prev", text, sizeof(text));
	file_write("/run/kept.prev", text);
}

static void test_torn(void)
{
	char book[16384], prev[16384];
	struct limits capped;
	size_t len;

	keep_books();
	capped = limits_read();
	len = slurp("/run/kept", book, sizeof(book));
	slurp("/run/kept.prev", prev, sizeof(prev));
	for (size_t at = 0; at < len - 1 && !why[0]; at += at + 8 < len ? 7 : 1) {
		struct rig_answer answer;
		char cut[16384];

		memcpy(cut, book, at);
		cut[at] = '\0';
		run_dir_wipe();
		mkdir(RIG_RUN_DIR, 0700);
		limits_write(&capped);
		file_write(BOOK, cut);
		file_write(BOOK ".prev", prev);
		answer = sweep();
		want_rc("torn", &answer, 0);
		want_event("torn", &answer, WATTLE_EVENT_BOOK_BAD, "set aside as /run/wattle/book.bad.1");
		want_limits("torn", &boot);
		want_clean_book("torn");
		if (why[0])
			printf("# cut at byte %zu\n", at);
	}
	finish("end");
}

static void test_lost(void)
{
	struct rig_answer answer;

	keep_books();
	unlink(BOOK);
	answer = sweep();
	want_event("lost", &answer, WATTLE_EVENT_BOOK_BAD, "previous generation");
	want_limits("lost", &boot);
	finish("end");
}

static void test_both_torn(void)
{
	struct limits capped;
	struct rig_answer answer;

	keep_books();
	capped = limits_read();
	file_write(BOOK, "{\"v\":1,");
	file_write(BOOK ".prev", "");
	answer = sweep();
	want_rc("both torn", &answer, 0);
	want_event("both torn", &answer, WATTLE_EVENT_BOOK_BAD, "book.bad.1");
	want_event("both torn", &answer, WATTLE_EVENT_BOOK_BAD, "book.bad.2");
	/* Nobody knows what was there: nothing is invented. */
	want_limits("both torn", &capped);
	limits_write(&boot);
	finish("end");
}

#define HEAD "{\"v\":1,\"boot_id\":\"%s\",\"jobs\":[%s],\"steps\":[%s],\"limits\":[%s]}\n"
#define A_JOB "{\"job\":9,\"uid\":0,\"grant_w\":100,\"pending\":false,\"parent_pid\":0,\"parent_start\":0,\"since_ns\":1," \
	      "\"shared\":false,\"cap_failed\":false,\"cap_failure\":\"\"}"
#define A_STEP "{\"job\":9,\"step\":0,\"ask_w\":0,\"pid\":1,\"start\":%" PRIu64 "}"
#define A_LIMIT(zone, baseline, wrote) "{\"control\":\"intel-rapl\",\"zone\":\"" zone "\",\"constraint\":0,\"baseline_uw\":" baseline \
	",\"wrote_uw\":" wrote ",\"intent_uw\":0,\"intent_open\":false,\"owed\":false}"

static void write_book(const char *jobs, const char *steps, const char *limits)
{
	char boot_id[37], text[8192];

	wattle_boot_id(boot_id);
	snprintf(text, sizeof(text), HEAD, boot_id, jobs, steps, limits);
	mkdir(RIG_RUN_DIR, 0700);
	file_write(BOOK, text);
}

/* A forged book is set aside, told of, and believed in nothing; the next job runs. */
static void hostile(const char *what)
{
	struct rig_answer answer = sweep();

	want_rc(what, &answer, 0);
	want_event(what, &answer, WATTLE_EVENT_BOOK_BAD, "book.bad.1");
	want_limits(what, &boot);
	run_job();
	finish(what);
	run_dir_wipe();
	mkdir(RIG_RUN_DIR, 0700);
}

static void test_hostile_values(void)
{
	static const struct { const char *jobs, *steps, *limits; } cases[] = {
		{ "", "", A_LIMIT("package-0", "1", "173125000") },
		{ "", "", A_LIMIT("package-0", "0", "173125000") },
		{ "", "", A_LIMIT("package-0", "99999999999999", "173125000") },
		{ "", "", A_LIMIT("package-0", "18446744073709551616", "173125000") },
		{ "", "", A_LIMIT("package-0", "-5", "173125000") },
		{ "", "", A_LIMIT("package-0", "1e9", "173125000") },
		{ "", "", A_LIMIT("package-0", "\"120000000\"", "173125000") },
		{ "", "", A_LIMIT("../../../etc", "120000000", "173125000") },
		{ "", "", A_LIMIT("package-0", "120000000", "173125000") "," A_LIMIT("package-0", "90000000", "173125000") },
		{ "", "", "{}" },
		{ "", "", "null" },
		{ "7", "", "" },
		{ "[[[[[[[[[[[[]]]]]]]]]]]]", "", "" },
		{ A_JOB "," A_JOB, "", "" },
		{ "", "{\"job\":9,\"step\":0,\"ask_w\":0,\"pid\":1,\"start\":1}", "" },
		{ A_JOB, "{\"job\":9,\"step\":0,\"ask_w\":0,\"pid\":-1,\"start\":1}", "" },
		{ A_JOB, "{\"job\":9,\"step\":0,\"ask_w\":0,\"pid\":99999999999,\"start\":1}", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && !why[0]; i++) {
		char what[32];

		snprintf(what, sizeof(what), "forged book %zu", i);
		write_book(cases[i].jobs, cases[i].steps, cases[i].limits);
		hostile(what);
	}
}

static void test_hostile_kinds(void)
{
	char *huge = malloc(9 * 1024 * 1024 + 1);

	mkdir(RIG_RUN_DIR, 0700);
	mkdir(BOOK, 0700);
	hostile("a folder");
	if (symlink("/etc/passwd", BOOK) < 0)
		rig_bail("symlink");
	hostile("a symbolic link");
	if (mkfifo(BOOK, 0600) < 0)
		rig_bail("mkfifo");
	hostile("a fifo");
	if (mknod(BOOK, S_IFCHR | 0600, makedev(1, 5)) < 0)
		rig_bail("mknod");
	hostile("a device");
	write_book("", "", "");
	if (chown(BOOK, 1000, 1000) < 0)
		rig_bail("chown");
	hostile("somebody else's file");
	write_book("", "", "");
	chmod(BOOK, 0666);
	hostile("everybody's file");
	memset(huge, ' ', 9 * 1024 * 1024);
	huge[9 * 1024 * 1024] = '\0';
	file_write(BOOK, huge);
	free(huge);
	hostile("a huge file");
	file_write(BOOK, "{\"v\":2}");
	hostile("another version");
	file_write(BOOK, "\xff\xfe\x01\x02 not JSON at all");
	hostile("no text");
}

/* Believable, and wrong: a zone that the node does not have. */
static void test_unknown_zone(void)
{
	struct rig_answer answer;

	write_book("", "", A_LIMIT("package-7", "120000000", "100000000"));
	answer = sweep();
	want_rc("sweep", &answer, 0);
	want_event("sweep", &answer, WATTLE_EVENT_RESTORE_OWED, "zone package-7 long_term: is not there");
	want_limits("sweep", &boot);
	answer = begin(JOB, 300);
	want_rc("begin", &answer, 0);
	answer = end(JOB);
	want_limits("end", &boot);
	run_dir_wipe();
}

static void test_run_dir(void)
{
	struct rig_answer answer;

	run_dir_wipe();
	mkdir("/run/elsewhere", 0700);
	if (symlink("/run/elsewhere", RIG_RUN_DIR) < 0)
		rig_bail("symlink");
	answer = begin(JOB, 300);
	want_rc("a symbolic link", &answer, -ENOTDIR);
	if (access("/run/elsewhere/book", F_OK) == 0)
		fail("it was followed");
	unlink(RIG_RUN_DIR);
	mkdir(RIG_RUN_DIR, 0700);
	if (chown(RIG_RUN_DIR, 1000, 1000) < 0)
		rig_bail("chown");
	answer = begin(JOB, 300);
	want_rc("somebody else's folder", &answer, -EPERM);
	want_text("somebody else's folder", answer.err.text, "/run/wattle belongs to uid 1000");
	want_limits("refused", &boot);
	run_dir_wipe();
}

/* Root's own folder in another mode, by a careless chmod or a tmpfiles.d: no job fails of it, no cap stays on. */
static void test_run_dir_mode(void)
{
	struct rig_answer answer;
	struct stat st;

	mkdir(RIG_RUN_DIR, 0700);
	chmod(RIG_RUN_DIR, 0755);
	answer = begin(JOB, 300);
	want_rc("begin", &answer, 0);
	want_event("begin", &answer, WATTLE_EVENT_FOLDER_MENDED, "/run/wattle had mode 0755");
	want_effective("begin", 300);
	if (stat(RIG_RUN_DIR, &st) < 0 || (st.st_mode & 07777) != 0700)
		fail("its mode is %04o", (unsigned) (st.st_mode & 07777));
	answer = sweep();
	if (has_event(&answer, WATTLE_EVENT_FOLDER_MENDED, ""))
		fail("told again");
	chmod(RIG_RUN_DIR, 01777);
	finish("end");
}

static void test_locked(void)
{
	cleanup_close int fd = -1;
	struct rig_answer answer;
	struct timespec from, to;
	char holder[80];

	mkdir(RIG_RUN_DIR, 0700);
	fd = open(RIG_RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (flock(fd, LOCK_EX) < 0)
		rig_bail("flock");
	clock_gettime(CLOCK_MONOTONIC, &from);
	answer = begin(JOB, 300);
	clock_gettime(CLOCK_MONOTONIC, &to);
	want_rc("locked", &answer, -ETIMEDOUT);
	snprintf(holder, sizeof(holder), "held by process %d, 1 wait in line", (int) getpid());
	want_text("locked", answer.err.text, holder);
	flock(fd, LOCK_UN);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		fail("who gave up waiting has it");
	if (to.tv_sec - from.tv_sec > 4)
		fail("it waited %lld s", (long long) (to.tv_sec - from.tv_sec));
	want_limits("locked", &boot);
}

static unsigned waiting_in_line(void)
{
	cleanup_fclose FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	unsigned n = 0;

	while (locks && fgets(line, sizeof(line), locks))
		n += strstr(line, "->") != NULL;
	return n;
}

/* Who came first is served first, however many come after. */
static void test_line(void)
{
	enum { LINE = 40 };
	cleanup_close int fd = -1;
	struct rig_answer answer;
	unsigned char who, at = 0;
	pid_t child[LINE];
	int turns[2], late = 0;

	run_job();
	fd = open(RIG_RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (flock(fd, LOCK_EX) < 0 || pipe2(turns, O_CLOEXEC) < 0)
		rig_bail("flock, pipe");
	for (unsigned char i = 0; i < LINE; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			struct wattle_node node = rig_node;
			struct wattle_outcome outcome;
			struct wattle_proc self;

			close(fd);
			node.lock_wait_ms = 20000;
			wattle_proc_get(getpid(), &self);
			if (wattle_lease_step_begin(&node, JOB, 10u + i, 150, &self, &outcome, NULL) < 0 || write(turns[1], &i, 1) != 1)
				_exit(1);
			/* Who comes back at once may find the lock free before the next one has woken. */
			sleep(3);
			_exit(wattle_lease_step_end(&node, JOB, 10u + i, &self, &outcome, NULL) < 0);
		}
		for (unsigned n = 0; n < 1000 && waiting_in_line() <= i; n++)
			usleep(5000);
	}
	close(turns[1]);
	flock(fd, LOCK_UN);
	/* Written after the turn, so that on a loaded machine one may come out of order; polling mixed up two in three. */
	for (; read(turns[0], &who, 1) == 1; at++)
		if (who > at + 8 || at > who + 8)
			late++;
	close(turns[0]);
	for (unsigned i = 0; i < LINE; i++) {
		int status;

		waitpid(child[i], &status, 0);
		if (status != 0)
			fail("step %u was not served", i);
	}
	if (at != LINE || late > 4)
		fail("%u of %d were served, %d out of their turn", (unsigned) at, LINE, late);
	answer = sweep();
	want_rc("after the line", &answer, 0);
	want_effective("after the line", 300);
	finish("end");
}

/* --- holders --- */

static void test_pid_reused(void)
{
	struct rig_answer answer;
	pid_t pid, again;
	char text[16];

	run_job();
	pid = stepd.pid;
	actor_kill(&stepd);
	snprintf(text, sizeof(text), "%d", (int) pid - 1);
	/* Of another start time: what names a process is both. */
	usleep(30000);
	file_write("/proc/sys/kernel/ns_last_pid", text);
	again = fork();
	if (again == 0) {
		pause();
		_exit(0);
	}
	if (again != pid)
		fail("the pid could not be had again: %d, not %d", (int) again, (int) pid);
	answer = sweep();
	want_event("reused", &answer, WATTLE_EVENT_SWEPT, "gone without giving it back");
	want_limits("reused", &boot);
	want_clean_book("reused");
	kill(again, SIGKILL);
	waitpid(again, NULL, 0);
	finish("end");
}

static void test_pending(void)
{
	struct rig_answer answer = begin(JOB, 300);

	boottime_off_s = 119;
	answer = sweep();
	want_effective("pending for 119 s", 300);
	boottime_off_s = 122;
	answer = sweep();
	boottime_off_s = 0;
	want_event("pending for 122 s", &answer, WATTLE_EVENT_SWEPT, "no step came after its prolog");
	want_limits("pending for 122 s", &boot);
	answer = begin(JOB, 300);
	want_effective("begun again", 300);
	actor_kill(&slurmd);
	answer = sweep();
	want_event("slurmd is gone", &answer, WATTLE_EVENT_SWEPT, "died before its first step");
	want_limits("slurmd is gone", &boot);
	actor_start(&slurmd);
	finish("end");
}

static void test_wall_clock(void)
{
	struct rig_answer answer;

	unlink(REALTIME_READ);
	run_job();
	realtime_off_s = 10 * 365 * 86400;
	answer = sweep();
	want_effective("ten years later", 300);
	realtime_off_s = -realtime_off_s;
	answer = begin(2, 50);
	want_rc("ten years ago", &answer, 0);
	want_effective("ten years ago", 350);
	answer = end(2);
	want_rc("ten years ago", &answer, 0);
	want_effective("ten years ago, one ended", 300);
	finish("end");
	if (access(REALTIME_READ, F_OK) == 0)
		fail("the wall clock was read");
	realtime_off_s = 0;
}

static void test_requeue(void)
{
	struct rig_answer answer;
	struct actor old;

	run_job();
	old = stepd;
	stepd.pid = 0;
	/* The job comes again while its old slurmstepd is still ending. */
	answer = begin(JOB, 250);
	want_rc("begin again", &answer, 0);
	want_effective("begin again", 250);
	actor_kill(&old);
	answer = sweep();
	want_effective("the old one gone", 250);
	answer = step(RIG_STEP_BEGIN, 0);
	want_rc("new step", &answer, 0);
	want_effective("new step", 250);
	finish("end");
}

static void test_asks(void)
{
	struct rig_answer answer = step(RIG_STEP_BEGIN, 0);

	want_rc("a step without a job", &answer, -ENOENT);
	run_job();
	answer = step(RIG_STEP_BEGIN, 350);
	want_event("above the grant", &answer, WATTLE_EVENT_ASK_ABOVE, "350 W asked for, 300 W granted");
	want_effective("above the grant", 300);
	answer = step(RIG_STEP_BEGIN, 200);
	if (answer.outcome.effective_w != 200 || answer.outcome.job_w != 200 || answer.outcome.job_shared)
		fail("outcome says %u W, job %u W", (unsigned) answer.outcome.effective_w, (unsigned) answer.outcome.job_w);
	want_effective("below the grant", 200);
	answer = step(RIG_STEP_BEGIN, 10);
	want_effective("below what the node takes", rig_node.min_w);
	finish("end");
}

/* Sixteen steps come and go at once. */
static void test_crowd(void)
{
	struct rig_answer answer;
	pid_t child[16];

	run_job();
	for (unsigned i = 0; i < 16; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			struct wattle_outcome outcome;
			struct wattle_err err;
			struct wattle_proc self;
			int rc = 0;

			wattle_proc_get(getpid(), &self);
			for (unsigned n = 0; n < 4 && rc == 0; n++) {
				rc = wattle_lease_step_begin(&rig_node, JOB, 10 + i, 150 + 5 * i, &self, &outcome, &err);
				if (rc == 0)
					rc = wattle_lease_step_end(&rig_node, JOB, 10 + i, &self, &outcome, &err);
			}
			_exit(rc < 0);
		}
	}
	for (unsigned i = 0; i < 16; i++) {
		int status;

		waitpid(child[i], &status, 0);
		if (status != 0)
			fail("step %u failed", i);
	}
	answer = sweep();
	want_rc("after the crowd", &answer, 0);
	want_effective("after the crowd", 300);
	finish("end");
}

/* --- pods --- */

#define POD_UID "00000000-1111-2222-3333-444444444444"

static struct wattle_lease_pod a_pod(uint32_t watts_w, const struct wattle_proc *holder, const struct wattle_proc *keeper)
{
	struct wattle_lease_pod pod = { .uid = POD_UID, .name = "default/pod-0", .watts_w = watts_w };

	if (holder)
		pod.holder = *holder;
	if (keeper)
		pod.keeper = *keeper;
	return pod;
}

static struct rig_answer set(const struct wattle_lease_pod *pods, uint32_t n)
{
	struct rig_answer answer = { .rc = 0 };

	answer.rc = wattle_lease_pods_set(&rig_node, pods, n, &answer.outcome, &answer.err);
	return answer;
}

static void test_pods_add_up(void)
{
	struct wattle_lease_pod pods[2] = { a_pod(150, &slurmd.proc, NULL), a_pod(120, &slurmd.proc, NULL) };
	struct rig_answer answer;

	answer = set(pods, 1);
	want_rc("one pod", &answer, 0);
	want_effective("one pod", 150);
	pods[1].uid[0] = 'f';
	answer = set(pods, 2);
	want_effective("two pods", 270);
	answer = begin(JOB, 130);
	want_effective("and a job, no cap", 0);
	pods[0].watts_w = 100; /* its grant was lowered */
	answer = set(pods, 2);
	want_effective("one lowered", 350);
	answer = end(JOB);
	want_effective("without the job", 220);
	answer = set(NULL, 0);
	want_limits("none", &boot);
	want_clean_book("none");
}

static void test_pods_and_job(void)
{
	struct wattle_lease_pod pod = a_pod(100, &slurmd.proc, NULL);
	struct rig_answer answer = begin(JOB, 150);

	answer = set(&pod, 1);
	want_rc("pod", &answer, 0);
	want_effective("pod and job", 250);
	answer = end(JOB);
	want_effective("pod alone", 100);
	answer = set(NULL, 0);
	want_rc("no pod", &answer, 0);
	want_limits("no pod", &boot);
	want_clean_book("no pod");
}

/* Other calls sweep a pod whose sandbox is dead; the agent's own does not: it says which there are. */
static void test_pod_holder_dies(void)
{
	struct wattle_lease_pod pod = a_pod(150, NULL, &slurmd.proc);
	struct rig_answer answer;
	struct actor sandbox;

	actor_start(&sandbox);
	pod.holder = sandbox.proc;
	answer = set(&pod, 1);
	actor_kill(&sandbox);
	answer = set(&pod, 1);
	want_rc("told again", &answer, 0);
	want_effective("told again", 150);
	answer = sweep();
	want_event("sweep", &answer, WATTLE_EVENT_SWEPT, "pod default/pod-0: its sandbox is gone");
	want_limits("swept", &boot);
	want_clean_book("swept");
}

static void test_pod_pending(void)
{
	struct actor agent;
	struct wattle_lease_pod pod;
	struct rig_answer answer;

	actor_start(&agent);
	pod = a_pod(150, NULL, &agent.proc);
	answer = set(&pod, 1);
	boottime_off_s += WATTLE_PENDING_MAX_S + 1;
	answer = sweep();
	want_effective("its agent lives", 150);
	actor_kill(&agent);
	boottime_off_s = 0;
	answer = sweep();
	want_effective("just begun", 150);
	boottime_off_s += WATTLE_PENDING_MAX_S + 1;
	answer = sweep();
	want_event("long ago", &answer, WATTLE_EVENT_SWEPT, "the agent that knew of it is gone");
	want_limits("swept", &boot);
	boottime_off_s = 0;
}

static void test_pods_refused(void)
{
	struct wattle_lease_pod pods[2] = { a_pod(150, &slurmd.proc, NULL), a_pod(100, &slurmd.proc, NULL) };
	cleanup_free struct wattle_lease_pod *crowd = calloc(WATTLE_PODS_MAX + 1, sizeof(*crowd));
	struct rig_answer answer;

	answer = set(pods, 1);
	answer = set(pods, 2);
	want_rc("twice", &answer, -EINVAL);
	pods[1].uid[0] = 'f';
	pods[1].watts_w = 0;
	answer = set(pods, 2);
	want_rc("0 W", &answer, -EINVAL);
	pods[1].watts_w = 100;
	pods[1].name[3] = '"';
	answer = set(pods, 2);
	want_rc("name", &answer, -EINVAL);
	for (uint32_t i = 0; i <= WATTLE_PODS_MAX; i++) {
		crowd[i] = a_pod(1, &slurmd.proc, NULL);
		snprintf(crowd[i].uid, sizeof(crowd[i].uid), "%08x-1111-2222-3333-444444444444", i);
	}
	answer = set(crowd, WATTLE_PODS_MAX + 1);
	want_rc("too many", &answer, -ENOBUFS);
	want_effective("nothing has changed", 150);
	answer = set(crowd, WATTLE_PODS_MAX);
	want_rc("as many as there may be", &answer, 0);
	want_effective("as many as there may be", 0);
	set(NULL, 0);
	want_clean_book("none");
}

static void test_pods_admin(void)
{
	struct wattle_lease_pod pod = a_pod(150, &slurmd.proc, NULL);
	struct limits raised = boot;
	struct rig_answer answer;

	answer = set(&pod, 1);
	raised.uw[0][0] = 90000000;
	limits_write(&raised);
	answer = set(&pod, 1);
	want_event("told again", &answer, WATTLE_EVENT_FOREIGN, "kept as its baseline");
	answer = set(NULL, 0);
	raised.uw[0][1] = boot.uw[0][1];
	want_limits("kept", &raised);
	want_clean_book("kept");
}

static void test_pods_owed(void)
{
	struct wattle_lease_pod pod = a_pod(150, &slurmd.proc, NULL);
	struct rig_answer answer;

	answer = set(&pod, 1);
	faults("write package-1 constraint_0_power_limit_uw EIO\n");
	answer = set(NULL, 0);
	want_event("end", &answer, WATTLE_EVENT_RESTORE_OWED, "package-1");
	faults("");
	answer = set(NULL, 0);
	want_event("later", &answer, WATTLE_EVENT_RESTORED_LATE, "package-1");
	want_limits("later", &boot);
	want_clean_book("later");
}

/* As of a slurmstepd that is its user for a moment: the counters are root's. */
static void test_meter_begins_blind(void)
{
	struct wattle_meter meter = { 0 };
	struct wattle_zones zones = { .n = 0 };
	struct wattle_err err = WATTLE_ERR_INIT;

	faults("read * energy_uj EACCES\n");
	if (wattle_meter_follow(&meter, &zones, true, &err) != -ENODATA)
		fail("no counter can be read, and a meter that is content");
	faults("");
	for (int i = 0; i < 2; i++)
		if (wattle_meter_follow(&meter, &zones, true, &err) < 0)
			fail("sample %d: %s", i, err.text);
	faults("read * energy_uj EACCES\n");
	(void) wattle_meter_follow(&meter, &zones, true, &err);
	faults("");
	if (wattle_meter_follow(&meter, &zones, true, &err) < 0 || meter.n_samples < 3)
		fail("after a gap: %s", err.text);
}

static const struct { const char *name; void (*run)(void); } TESTS[] = {
	{ "powercap tree missing: a job at full power runs", test_no_tree_uncapped },
	{ "powercap tree missing: cap failure names node, wanted, and mends when the tree is back", test_no_tree },
	{ "powercap tree gone during a job: baselines are owed and given back later", test_tree_gone_in_between },
	{ "one limit unreadable: named, the others are held", test_part_unreadable },
	{ "a zone's name unreadable: failure, then mended", test_name_unreadable },
	{ "EACCES on every write", test_eacces },
	{ "EIO on one write", test_eio },
	{ "ENODATA on a write", test_enodata },
	{ "a write silently ignored", test_ignored },
	{ "registers locked by the BIOS", test_lock },
	{ "firmware that clamps", test_clamp },
	{ "firmware that clamps, and a kill before its answer was written down", test_clamp_and_kill },
	{ "a restore that fails stays owed, and the left-over cap becomes no baseline", test_owed },
	{ "admin raises a limit during a job: kept and reported once", test_admin_raises },
	{ "admin lowers a limit during a job: the lower holds, kept", test_admin_lowers },
	{ "admin's change first seen at the end: kept and reported", test_admin_unseen_until_end },
	{ "admin's change is seen by the step that changes the cap", test_admin_seen_by_change },
	{ "admin puts the baseline back: reported, the cap applies again", test_admin_sets_back },
	{ "ENOSPC at begin: no cap without a journal", test_full_at_begin },
	{ "ENOSPC at end: restored all the same, and the book follows", test_full_at_end },
	{ "EROFS: restored all the same", test_read_only_at_end },
	{ "book torn at any byte: its previous generation restores", test_torn },
	{ "book lost: its previous generation restores", test_lost },
	{ "both generations torn: told, nothing invented", test_both_torn },
	{ "forged books: values", test_hostile_values },
	{ "forged books: folders, links, fifos, devices, owners, sizes", test_hostile_kinds },
	{ "a book that speaks of an unknown zone", test_unknown_zone },
	{ "/run/wattle is a link, or somebody else's: refused", test_run_dir },
	{ "/run/wattle of root's in another mode: mended, told once", test_run_dir_mode },
	{ "book locked by another process: bounded wait", test_locked },
	{ "forty steps in line: each in its turn", test_line },
	{ "a holder's pid given to another process", test_pid_reused },
	{ "pending entries end by time and with slurmd", test_pending },
	{ "wall clock jumps: never read", test_wall_clock },
	{ "a job comes again while its old slurmstepd ends", test_requeue },
	{ "steps lower within the grant and never raise", test_asks },
	{ "sixteen steps at once", test_crowd },
	{ "pods add up, with jobs too", test_pods_add_up },
	{ "a pod and a job: each keeps its own when the other ends", test_pods_and_job },
	{ "a pod whose sandbox is dead is swept, but not by who tells of it", test_pod_holder_dies },
	{ "a pod that never began stays as long as its agent lives", test_pod_pending },
	{ "pods that are none, too many, or twice: refused, nothing changes", test_pods_refused },
	{ "admin raises a limit under a pod: kept and reported", test_pods_admin },
	{ "a pod's end that can't restore: owed, and given back", test_pods_owed },
	{ "a meter that can read no counter at first reads them later", test_meter_begins_blind },
};

int main(void)
{
	boot = limits_read();
	for (size_t i = 0; i < sizeof(TESTS) / sizeof(TESTS[0]); i++) {
		why[0] = '\0';
		run_dir_wipe();
		faults("");
		limits_write(&boot);
		actor_start(&slurmd);
		TESTS[i].run();
		tap(!why[0], why, "%s", TESTS[i].name);
		actor_kill(&stepd);
		actor_kill(&slurmd);
		umount2(RIG_RUN_DIR, MNT_DETACH);
	}
	return tap_done();
}
