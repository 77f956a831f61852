/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slurm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cleanup.h"
#include "program.h"

#define ASK_MS 15000
#define ANSWER_MAX (16 * 1024 * 1024)
#define HOSTS_MAX 100000
#define SETTLED_S 300

void wattle_slurm_jobs_free(struct wattle_slurm_jobs *jobs)
{
	for (size_t i = 0; i < jobs->n; i++) {
		free(jobs->job[i].nodes);
		free(jobs->job[i].nodes_before);
	}
	free(jobs->job);
	memset(jobs, 0, sizeof(*jobs));
}

static const char *digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9' && p - s < 10; p++)
		v = v * 10 + (uint64_t) (*p - '0');
	if (p == s)
		return NULL;
	*ret = v;
	return p;
}

int wattle_jobid_parse(const char *text, uint32_t *ret_number, bool *ret_plain, struct wattle_err *err)
{
	uint64_t number = 0, part;
	const char *p = digits(text, &number);
	bool plain = p && !*p;
	char quoted[40];

	if (p && (*p == '_' || *p == '+'))
		p = digits(p + 1, &part);
	if (!p || *p || number == 0 || number > 0xfffffff0u)
		return wattle_err_set(err, EINVAL, "\"%s\" is no job id: say 12, 12_4 (array task) or 12+1 (heterogeneous component)",
				      wattle_err_quote(quoted, sizeof(quoted), text));
	*ret_number = (uint32_t) number;
	*ret_plain = plain;
	return 0;
}

static bool state_over(const char *state)
{
	static const char *const going[] = { "PENDING", "RUNNING",  "SUSPENDED", "COMPLETING", "CONFIGURING",  "REQUEUE",
					     "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED",	   "SPECIAL_EXIT", "RESV_DEL_HOLD" };

	for (size_t i = 0; i < sizeof(going) / sizeof(going[0]); i++)
		if (strncmp(state, going[i], strlen(going[i])) == 0)
			return false;
	return true;
}

static struct wattle_slurm_job *job_find(struct wattle_slurm_jobs *jobs, uint32_t job_id)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (jobs->job[i].job_id == job_id)
			return &jobs->job[i];
	return NULL;
}

static struct wattle_slurm_job *job_add(struct wattle_slurm_jobs *jobs, uint32_t job_id)
{
	struct wattle_slurm_job *job = NULL;

	if (jobs->n >= WATTLE_SLURM_JOBS_MAX)
		return NULL;
	job = realloc(jobs->job, (jobs->n + 1) * sizeof(*job));
	if (!job)
		return NULL;
	jobs->job = job;
	job += jobs->n++;
	memset(job, 0, sizeof(*job));
	job->job_id = job_id;
	job->uid = (uid_t) -1;
	return job;
}

static void copy(char *dst, size_t size, const char *src)
{
	wattle_err_quote(dst, size, src);
}

/* "None assigned" and "(null)" are how Slurm says "none" */
static int nodes_set(struct wattle_slurm_job *job, const char *list)
{
	char *had = job->nodes;

	if (!*list || strcmp(list, "None assigned") == 0 || strcmp(list, "(null)") == 0)
		return 0;
	job->nodes = strdup(list);
	if (!job->nodes) {
		job->nodes = had;
		return -ENOMEM;
	}
	if (had && strcmp(had, list) != 0) {
		char *both = NULL;

		if (job->nodes_before && asprintf(&both, "%s,%s", job->nodes_before, had) < 0)
			both = NULL;
		if (both) {
			free(job->nodes_before);
			free(had);
			job->nodes_before = both;
			return 0;
		}
		if (!job->nodes_before) {
			job->nodes_before = had;
			return 0;
		}
	}
	free(had);
	return 0;
}

static int64_t seconds(const char *s)
{
	uint64_t v;
	const char *end = digits(s, &v);

	return end && !*end ? (int64_t) v : 0;
}

enum { F_RAW, F_ID, F_STATE, F_USER, F_UID, F_START, F_END, F_SUBMIT, F_ELIGIBLE, F_PARTITION, F_NODES, F_COMMENT, F_NAME, N_FIELDS };

/* A requeued job is submitted anew: the first time counts. */
static void times_set(struct wattle_slurm_job *job, int64_t submit_s, int64_t eligible_s)
{
	if (submit_s <= 0 || (job->submit_s > 0 && job->submit_s < submit_s))
		return;
	job->submit_s = submit_s;
	job->eligible_s = eligible_s;
}

static int sacct_row(char *row, struct wattle_slurm_jobs *jobs)
{
	char *field[N_FIELDS], *p = row;
	struct wattle_slurm_job *job;
	uint64_t v;
	const char *end;

	for (int i = 0; i < N_FIELDS; i++) {
		field[i] = p;
		/* the name comes last: it is the user's and may hold the separator */
		if (i < N_FIELDS - 1) {
			p = strchr(p, '|');
			if (!p)
				return 0;
			*p++ = '\0';
		}
	}
	end = digits(field[F_RAW], &v);
	if (!end || *end || v == 0 || v > UINT32_MAX)
		return 0; /* a step, or something newer than we know */
	job = job_find(jobs, (uint32_t) v);
	if (!job)
		job = job_add(jobs, (uint32_t) v);
	if (!job)
		return -ENOMEM;
	copy(job->label, sizeof(job->label), field[F_ID]);
	copy(job->state, sizeof(job->state), field[F_STATE]);
	copy(job->user, sizeof(job->user), field[F_USER]);
	copy(job->partition, sizeof(job->partition), field[F_PARTITION]);
	copy(job->name, sizeof(job->name), field[F_NAME]);
	end = digits(field[F_UID], &v);
	/* a job that slurmdbd has just heard of has a name and, for a moment, uid 0 */
	job->uid = end && !*end && (v != 0 || strcmp(job->user, "root") == 0) ? (uid_t) v : (uid_t) -1;
	job->start_s = seconds(field[F_START]);
	job->end_s = seconds(field[F_END]);
	times_set(job, seconds(field[F_SUBMIT]), seconds(field[F_ELIGIBLE]));
	if (*field[F_COMMENT])
		copy(job->comment, sizeof(job->comment), field[F_COMMENT]);
	job->over = state_over(job->state);
	return nodes_set(job, field[F_NODES]);
}

/* A job a line. */
int wattle_sacct_parse(const char *text, struct wattle_slurm_jobs *ret, struct wattle_err *err)
{
	cleanup_free char *all = strdup(text);
	struct wattle_slurm_jobs jobs = { 0, NULL };
	char *save = NULL;

	if (!all)
		return wattle_err_set(err, ENOMEM, "out of memory");
	for (char *row = strtok_r(all, "\n", &save); row; row = strtok_r(NULL, "\n", &save))
		if (sacct_row(row, &jobs) < 0) {
			wattle_slurm_jobs_free(&jobs);
			return wattle_err_set(err, ENOMEM, "more jobs than can be reported at once (%d)", WATTLE_SLURM_JOBS_MAX);
		}
	if (jobs.n == 0)
		return wattle_err_set(err, ENOENT, "sacct knows no such job");
	*ret = jobs;
	return 0;
}

bool wattle_scontrol_field(const char *line, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	for (const char *p = line; (p = strstr(p, key)) != NULL; p += n)
		if ((p == line || p[-1] == ' ') && p[n] == '=') {
			size_t len = strcspn(p + n + 1, " \n");

			if (len >= size)
				len = size - 1;
			memcpy(ret, p + n + 1, len);
			ret[len] = '\0';
			return true;
		}
	return false;
}

enum { Q_RAW, Q_ID, Q_STATE, Q_USER, Q_UID, Q_START, Q_END, Q_SUBMIT, Q_ELIGIBLE, Q_PARTITION, Q_REASON, Q_COMMENT, Q_NAME, Q_NODES };

/* Widths; and the sum of all but the last one's, which is that of the nodes. */
static size_t columns(size_t *width)
{
	const char *p = WATTLE_SQUEUE_FIELDS;
	size_t sum = 0;

	for (int i = 0; i <= Q_NODES; i++) {
		p = strchr(p, ':') + 1;
		width[i] = strtoul(p, NULL, 10);
		if (i < Q_NODES)
			sum += width[i];
	}
	return sum;
}

/* One column, without the blanks that fill it; "" for Slurm's "none". */
static void column(char *ret, size_t size, const char *text, size_t width)
{
	char buf[260];

	while (width > 0 && text[width - 1] == ' ')
		width--;
	if (width >= sizeof(buf))
		width = sizeof(buf) - 1;
	memcpy(buf, text, width);
	buf[width] = '\0';
	copy(ret, size, strcmp(buf, "(null)") == 0 ? "" : buf);
}

static int squeue_row(const char *row, const size_t *width, const char *nodes, struct wattle_slurm_jobs *jobs)
{
	char text[Q_NODES][260];
	struct wattle_slurm_job *job;
	const char *end;
	uint64_t v;

	for (int i = 0; i < Q_NODES; row += width[i++])
		column(text[i], sizeof(text[i]), row, width[i]);
	end = digits(text[Q_RAW], &v);
	if (!end || *end || v == 0 || v > UINT32_MAX)
		return -EPROTO;
	job = job_add(jobs, (uint32_t) v);
	if (!job)
		return -ENOMEM;
	copy(job->label, sizeof(job->label), text[Q_ID]);
	copy(job->state, sizeof(job->state), text[Q_STATE]);
	copy(job->user, sizeof(job->user), text[Q_USER]);
	copy(job->partition, sizeof(job->partition), text[Q_PARTITION]);
	copy(job->reason, sizeof(job->reason), text[Q_REASON]);
	copy(job->comment, sizeof(job->comment), text[Q_COMMENT]);
	copy(job->name, sizeof(job->name), text[Q_NAME]);
	end = digits(text[Q_UID], &v);
	if (end && !*end)
		job->uid = (uid_t) v;
	job->start_s = seconds(text[Q_START]);
	job->end_s = seconds(text[Q_END]);
	times_set(job, seconds(text[Q_SUBMIT]), seconds(text[Q_ELIGIBLE]));
	job->over = state_over(job->state);
	return nodes_set(job, nodes);
}

int wattle_squeue_parse(const char *text, struct wattle_slurm_jobs *ret, struct wattle_err *err)
{
	struct wattle_slurm_jobs jobs = { 0, NULL };
	size_t width[Q_NODES + 1], sum = columns(width), left = strlen(text);
	int rc = 0;

	while (left > 0 && rc == 0) {
		const char *nodes = text + sum, *end = left > sum ? strchr(nodes, '\n') : NULL;
		cleanup_free char *list = NULL;

		if (!end) {
			rc = -EPROTO;
			break;
		}
		list = strndup(nodes, (size_t) (end - nodes));
		if (list)
			list[strcspn(list, " ")] = '\0';
		if (list && strlen(list) == width[Q_NODES])
			*list = '\0';
		rc = list ? squeue_row(text, width, list, &jobs) : -ENOMEM;
		left -= (size_t) (end + 1 - text);
		text = end + 1;
	}
	if (rc == 0 && jobs.n > 0) {
		*ret = jobs;
		return 0;
	}
	wattle_slurm_jobs_free(&jobs);
	if (rc == -ENOMEM)
		return wattle_err_set(err, ENOMEM, "more jobs than can be reported at once (%d)", WATTLE_SLURM_JOBS_MAX);
	if (rc < 0)
		return wattle_err_set(err, EPROTO, "squeue answered something else than it was asked: \"%.40s\"", text);
	return wattle_err_set(err, ENOENT, "squeue knows no such job");
}

bool wattle_scontrol_config(const char *text, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *p = line + n;
		size_t len;

		if (strncasecmp(line, key, n) != 0)
			continue;
		p += strspn(p, " \t");
		if (*p != '=')
			continue;
		p += 1 + strspn(p + 1, " \t");
		len = strcspn(p, "\n");
		while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\r'))
			len--;
		if (len >= size)
			len = size - 1;
		memcpy(ret, p, len);
		ret[len] = '\0';
		if (strcmp(ret, "(null)") == 0)
			ret[0] = '\0';
		return true;
	}
	return false;
}

bool wattle_list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ",");
		if (len >= n && strncasecmp(list, word, n) == 0 && (len == n || list[n] == '=' || list[n] == ' '))
			return true;
		list += len;
	}
	return false;
}

int wattle_slurm_ask(const char *program, const char *const *words, char **ret_text, struct wattle_err *err)
{
	char path[256];
	const char *argv[16] = { path };
	struct wattle_answer answer;
	int rc;

	for (int i = 0; i < 14 && words[i]; i++)
		argv[i + 1] = words[i];
	if (wattle_program_find(program, path, sizeof(path)) < 0)
		return wattle_err_set(err, ENODEV, "no %s here: Slurm's commands are not installed", program);
	rc = wattle_program_ask(argv, ASK_MS, ANSWER_MAX, &answer, err);
	if (rc < 0)
		return rc == -ENOMEM ? rc : wattle_err_set(err, ENODEV, "%s", err ? err->text : "");
	if (answer.status != 0) {
		free(answer.text);
		return wattle_err_set(err, ENOENT, "%s", answer.said[0] ? answer.said : "no reason given");
	}
	*ret_text = answer.text;
	return 0;
}

int wattle_scontrol_ask(const char *a, const char *b, const char *c, char **ret_text, struct wattle_err *err)
{
	const char *words[] = { "--oneliner", a, b, c, NULL };

	return wattle_slurm_ask("scontrol", words, ret_text, err);
}

static void job_drop(struct wattle_slurm_jobs *jobs, size_t i)
{
	free(jobs->job[i].nodes);
	free(jobs->job[i].nodes_before);
	jobs->job[i] = jobs->job[--jobs->n];
}

int wattle_slurm_jobs_now(const char *id, struct wattle_slurm_jobs *ret, struct wattle_err *err)
{
	static const char fields[] = WATTLE_SQUEUE_FIELDS;
	const char *words[] = { "-h", "-a", "-t", "all", "-O", fields, "-j", id, NULL };
	cleanup_free char *text = NULL;
	int rc = wattle_slurm_ask("squeue", words, &text, err);

	if (rc == 0)
		rc = wattle_squeue_parse(text, ret, err);
	/* asked for one component, squeue shows all */
	for (size_t i = 0; rc == 0 && strchr(id, '+') && i < ret->n;)
		if (strcmp(ret->job[i].label, id) != 0)
			job_drop(ret, i);
		else
			i++;
	if (rc < 0 || ret->n > 0)
		return rc;
	wattle_slurm_jobs_free(ret);
	return wattle_err_set(err, ENOENT, "squeue knows no such job");
}

/* Takes over what slurmctld says: its state is of now, sacct's may lag behind, and lack an array's last tasks. */
static int merge(struct wattle_slurm_jobs *jobs, struct wattle_slurm_jobs *now)
{
	int rc = 0;

	for (size_t i = 0; i < now->n && rc == 0; i++) {
		struct wattle_slurm_job *fresh = &now->job[i], *job = job_find(jobs, fresh->job_id);

		if (!job) {
			job = job_add(jobs, fresh->job_id);
			if (!job)
				return -ENOMEM;
			*job = *fresh;
			fresh->nodes = fresh->nodes_before = NULL;
			continue;
		}
		memcpy(job->label, fresh->label, sizeof(job->label));
		memcpy(job->state, fresh->state, sizeof(job->state));
		memcpy(job->name, fresh->name, sizeof(job->name));
		memcpy(job->user, fresh->user, sizeof(job->user));
		memcpy(job->partition, fresh->partition, sizeof(job->partition));
		if (fresh->uid != (uid_t) -1)
			job->uid = fresh->uid;
		job->over = fresh->over;
		job->start_s = fresh->start_s;
		job->end_s = fresh->over ? fresh->end_s : 0;
		times_set(job, fresh->submit_s, fresh->eligible_s);
		if (fresh->comment[0])
			memcpy(job->comment, fresh->comment, sizeof(job->comment));
		if (fresh->nodes)
			rc = nodes_set(job, fresh->nodes);
	}
	return rc;
}

/* What ended a while ago stands in sacct for good; of the rest it may know little yet: a job without its name, an array without its
 * last tasks. */
static bool settled(const struct wattle_slurm_jobs *jobs, int64_t now_s)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (!jobs->job[i].over || jobs->job[i].end_s == 0 || jobs->job[i].end_s > now_s - SETTLED_S)
			return false;
	return true;
}

static int by_label(const void *a, const void *b)
{
	const struct wattle_slurm_job *x = a, *y = b;

	return strverscmp(x->label, y->label);
}

int wattle_slurm_jobs_ask(const char *id, struct wattle_slurm_jobs *ret, struct wattle_err *err)
{
	const char *words[] = { "-D", "-X", "-P", "-n", "-o", WATTLE_SACCT_FIELDS, "-j", id, NULL };
	cleanup_free char *accounted = NULL;
	struct wattle_err first = WATTLE_ERR_INIT, second = WATTLE_ERR_INIT;
	struct wattle_slurm_jobs jobs = { 0, NULL }, now = { 0, NULL };
	int rc, rc_sacct;

	rc_sacct = wattle_slurm_ask("sacct", words, &accounted, &first);
	if (rc_sacct == 0)
		rc_sacct = wattle_sacct_parse(accounted, &jobs, &first);
	if (rc_sacct == 0 && settled(&jobs, (int64_t) time(NULL))) {
		*ret = jobs;
		return 0;
	}
	rc = wattle_slurm_jobs_now(id, &now, &second);
	if (rc == 0) {
		rc = merge(&jobs, &now);
		wattle_slurm_jobs_free(&now);
		if (rc < 0) {
			wattle_slurm_jobs_free(&jobs);
			return wattle_err_set(err, -rc, "out of memory, or too many jobs to report at once");
		}
	}
	if (jobs.n > 0) {
		qsort(jobs.job, jobs.n, sizeof(*jobs.job), by_label);
		*ret = jobs;
		return 0;
	}
	/* "Invalid job id" is an answer; "Unable to contact" is none */
	if (rc == -ENOENT && (strstr(second.text, "Invalid job id") || strstr(second.text, "knows no such job")))
		return wattle_err_set(err, ENOENT, "Slurm knows no job %s", id);
	if (rc_sacct == -ENOENT && strstr(first.text, "knows no such job"))
		return wattle_err_set(err, ENOENT, "Slurm's accounting knows no job %s", id);
	return wattle_err_set(err, ENODEV, "%s", second.text[0] ? second.text : first.text);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

int wattle_slurm_hosts(const char *list, char ***ret_names, size_t *ret_n, struct wattle_err *err)
{
	cleanup_free char *asked = NULL;
	char **names, *text, *save = NULL;
	size_t n = 1, kept = 0, len;
	int rc;

	if (strpbrk(list, "[]")) {
		rc = wattle_scontrol_ask("show", "hostnames", list, &asked, err);
		if (rc < 0)
			return rc;
		list = asked;
	}
	len = strlen(list);
	for (size_t i = 0; i < len; i++)
		n += list[i] == ',' || list[i] == '\n';
	if (n > HOSTS_MAX)
		return wattle_err_set(err, E2BIG, "more than %d nodes", HOSTS_MAX);
	names = malloc((n + 1) * sizeof(*names) + len + 1);
	if (!names)
		return wattle_err_set(err, ENOMEM, "out of memory");
	text = (char *) (names + n + 1);
	memcpy(text, list, len + 1);
	n = 0;
	for (char *name = strtok_r(text, ",\n ", &save); name; name = strtok_r(NULL, ",\n ", &save))
		names[n++] = name;
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	names[kept] = NULL;
	*ret_names = names;
	*ret_n = kept;
	return 0;
}
