/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of tests/golden/decisions.tsv as MPIJobs: what the bridge decides, and the same requests as sbatch would say them.
 *
 *   mpijob_decide profiles MODELS DIR    writes the store of the profiles that the rows name
 *   mpijob_decide bridge TABLE CONFS PROFILES   NAME ok|refused ANSWER-OR-MESSAGE, tab-separated, for each row that an MPIJob can say
 *   mpijob_decide table TABLE CONFS PROFILES    the same rows, held against the table's own columns; exit 1 if one differs
 *   mpijob_decide sbatch TABLE           NAME CONF ARG …, for each of those rows that a cluster of 4 nodes can take
 *   mpijob_decide json TABLE             NAME CONF MPIJOB
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mutate.h"
#include "profile.h"

enum column {
	NAME, CONF, POWER, SLOWDOWN, PROFILE, PARTITIONS, NODES_MIN, NODES_MAX, TASKS, CPUS_PER_TASK, TASKS_PER_NODE, FLAGS,
	OUTCOME, OUT_WATTS, OUT_NODES_MIN, OUT_NODES_MAX, OUT_BOUNDED, OUT_DEFAULT, OUT_LAST, OUT_PREDICTED, OUT_SAYS, COLUMNS
};

#define LAB_NODES 4
#define LAB_LICENCES 5000

static struct wattle_mpijob job; /* large */
static struct wattle_ruling ruling;
static struct wattle_profile profile;

static uint32_t number(const char *s)
{
	return (uint32_t) strtoul(s, NULL, 10);
}

static bool said(const char *s)
{
	return strcmp(s, "-") != 0;
}

/* An MPIJob names its workers, has one queue, which is a partition only where the site says so, and knows neither whole nodes nor tasks
 * that choose their nodes. */
static bool has_mpijob(char *const c[COLUMNS])
{
	return !strchr(c[PARTITIONS], ',') && strcmp(c[PARTITIONS], "elsewhere") != 0 && !said(c[FLAGS]) && (!number(c[TASKS]) || number(c[NODES_MAX])) && number(c[NODES_MAX]) < INT32_MAX &&
	       !strpbrk(c[POWER], "\"\\");
}

static uint32_t slots(char *const c[COLUMNS])
{
	uint32_t min = number(c[NODES_MIN]) ? number(c[NODES_MIN]) : 1, tasks = number(c[TASKS]) ? number(c[TASKS]) : 1;
	uint32_t per_node = number(c[TASKS_PER_NODE]) ? number(c[TASKS_PER_NODE]) : (tasks + min - 1) / min;

	return per_node * (number(c[CPUS_PER_TASK]) ? number(c[CPUS_PER_TASK]) : 1);
}

static void annotate(struct json_object *annotations, const char *word, const char *value)
{
	char key[64];

	snprintf(key, sizeof(key), WATTLE_ANNOTATION "%s", word);
	json_object_object_add(annotations, key, json_object_new_string(value));
}

static struct json_object *mpijob_of(char *const c[COLUMNS])
{
	uint32_t min = number(c[NODES_MIN]), max = number(c[NODES_MAX]), workers = max ? max : min ? min : 1;
	struct json_object *object, *annotations, *labels;
	char text[1024], name[64];

	/* Kubernetes has small letters alone in names */
	snprintf(name, sizeof(name), "parity-%s", c[NAME]);
	for (char *s = name; *s; s++)
		*s = (char) tolower((unsigned char) *s);
	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"kubeflow.org/v2beta1\",\"kind\":\"MPIJob\",\"metadata\":{\"name\":\"%s\",\"annotations\":{},\"labels\":{}},\"spec\":{"
		 "\"slotsPerWorker\":%" PRIu32 ",\"runPolicy\":{\"suspend\":true},\"mpiReplicaSpecs\":{"
		 "\"Launcher\":{\"replicas\":1,\"template\":{\"spec\":{\"containers\":[{\"name\":\"launcher\",\"image\":\"none\"}]}}},"
		 "\"Worker\":{\"replicas\":%" PRIu32 ",\"template\":{\"spec\":{\"containers\":[{\"name\":\"worker\",\"image\":\"none\"}]}}}}}}",
		 name, slots(c), workers);
	object = json_tokener_parse(text);
	json_pointer_get(object, "/metadata/annotations", &annotations);
	json_pointer_get(object, "/metadata/labels", &labels);
	if (said(c[POWER]))
		annotate(annotations, "power", c[POWER]);
	if (said(c[SLOWDOWN]))
		annotate(annotations, "slowdown", c[SLOWDOWN]);
	if (said(c[PROFILE]))
		annotate(annotations, "profile", c[PROFILE]);
	if (max && min != max) {
		annotate(annotations, "min-replicas", min ? c[NODES_MIN] : "1");
		annotate(annotations, "max-replicas", c[NODES_MAX]);
	}
	/* a job without a partition is in the default one, and so is this */
	json_object_object_add(labels, WATTLE_KUEUE_QUEUE, json_object_new_string(said(c[PARTITIONS]) ? c[PARTITIONS] : "main"));
	return object;
}

/* --- modes -------------------------------------------------------------------------------------------------------------------------------- */

struct confs {
	const char *dir, *profiles;
	char name[64];
	struct wattle_siteconf *conf;
	struct wattle_k8s_site site;
};

static bool find_conf(struct confs *confs, const char *name)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_fclose FILE *f = NULL;
	cleanup_free char *text = NULL;
	char path[512];
	size_t size = 0;

	if (strcmp(confs->name, name) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/%s.conf", confs->dir, name);
	f = fopen(path, "re");
	free(confs->conf);
	confs->conf = NULL;
	if (!f || getdelim(&text, &size, '\0', f) < 0 || wattle_siteconf_new(path, text, &confs->conf, &err) < 0) {
		fprintf(stderr, "%s: %s\n", path, err.text);
		return false;
	}
	snprintf(confs->name, sizeof(confs->name), "%s", name);
	snprintf(confs->conf->profile_dir, sizeof(confs->conf->profile_dir), "%s", confs->profiles);
	confs->site.conf = confs->conf;
	return true;
}

static const char *text_of_ruling(char *text, size_t size)
{
	return ruling.refused ? ruling.why.text : wattle_mutate_text(&ruling, text, size);
}

static int print_bridge(char *const c[COLUMNS], void *arg)
{
	struct confs *confs = arg;
	struct json_object *object = mpijob_of(c);
	char text[640];

	if (!find_conf(confs, c[CONF]))
		return 1;
	wattle_mpijob_rule(object, &confs->site, 1763776800, &job, &ruling);
	json_object_put(object);
	printf("%s\t%s\t%s\n", c[NAME], ruling.refused ? "refused" : "ok", text_of_ruling(text, sizeof(text)));
	return 0;
}

static int check_table(char *const c[COLUMNS], void *arg)
{
	struct confs *confs = arg;
	struct json_object *object = mpijob_of(c);
	const struct wattle_decision *d = &ruling.verdict.decision;
	char found[512], wanted[512];
	bool ok = strcmp(c[OUTCOME], "ok") == 0, holds;

	if (!find_conf(confs, c[CONF]))
		return 1;
	wattle_mpijob_rule(object, &confs->site, 1763776800, &job, &ruling);
	json_object_put(object);
	if (ok) {
		snprintf(wanted, sizeof(wanted), "%s W x %s-%s, %s W", c[OUT_WATTS], c[OUT_NODES_MIN], c[OUT_NODES_MAX], c[OUT_LAST]);
		snprintf(found, sizeof(found), "%" PRIu32 " W x %" PRIu32 "-%" PRIu32 ", %" PRIu64 " W", d->watts_w, d->nodes_min, d->nodes_max, d->charge_w);
		holds = !ruling.refused && strcmp(found, wanted) == 0 && (!said(c[OUT_SAYS]) || strstr(d->answer, c[OUT_SAYS]));
	} else {
		snprintf(wanted, sizeof(wanted), "refused: …%s…", c[OUT_LAST]);
		snprintf(found, sizeof(found), "%s", ruling.why.text);
		/* without a name there the bridge looks for a profile and finds none */
		holds = ruling.refused && (strstr(ruling.why.text, c[OUT_LAST]) || (said(c[SLOWDOWN]) && !said(c[PROFILE])));
	}
	if (!holds)
		fprintf(stderr, "%s: wanted %s \"%s\", found %s \"%s%s\"\n", c[NAME], wanted, c[OUT_SAYS], found, d->answer, ruling.why.text);
	return !holds;
}

static int print_sbatch(char *const c[COLUMNS], void *arg)
{
	uint32_t min = number(c[NODES_MIN]), max = number(c[NODES_MAX]);
	bool ok = strcmp(c[OUTCOME], "ok") == 0;

	(void) arg;
	if (max && min > max)
		return 0; /* sbatch itself refuses it */
	if (ok && (max > LAB_NODES || number(c[OUT_LAST]) > LAB_LICENCES))
		return 0;
	printf("%s\t%s", c[NAME], c[CONF]);
	if (said(c[POWER]))
		printf("\t--power-cap=%s", c[POWER]);
	if (said(c[SLOWDOWN]))
		printf("\t--slowdown=%s", c[SLOWDOWN]);
	if (said(c[PROFILE]))
		printf("\t--power-profile=%s", c[PROFILE]);
	if (max)
		printf("\t-N%" PRIu32 "-%" PRIu32, min ? min : 1, max);
	else if (min)
		printf("\t-N%" PRIu32, min);
	if (number(c[TASKS]))
		printf("\t-n%s", c[TASKS]);
	if (number(c[TASKS_PER_NODE]))
		printf("\t--ntasks-per-node=%s", c[TASKS_PER_NODE]);
	if (number(c[CPUS_PER_TASK]))
		printf("\t-c%s", c[CPUS_PER_TASK]);
	printf("\t-p%s\t-Jparity-%s\n", said(c[PARTITIONS]) ? c[PARTITIONS] : "main", c[NAME]);
	return 0;
}

static int print_json(char *const c[COLUMNS], void *arg)
{
	struct json_object *object = mpijob_of(c);

	(void) arg;
	printf("%s\t%s\t%s\n", c[NAME], c[CONF], json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	return 0;
}

/* Where nodes show watts, jobs that name none are charged too. */
static void see_node(struct wattle_nodes *nodes)
{
	struct json_object *node = json_tokener_parse("{\"metadata\":{\"name\":\"n1\"},\"status\":{\"capacity\":{\"wattle.hpc/watts\":\"400\"}}}");

	wattle_nodes_put(nodes, node, NULL);
	json_object_put(node);
}

static int for_rows(const char *table, int (*row)(char *const c[COLUMNS], void *arg), void *arg)
{
	cleanup_fclose FILE *f = fopen(table, "re");
	cleanup_free char *line = NULL;
	unsigned rows = 0, said_rows = 0;
	int failed = 0;
	size_t size = 0;

	if (!f)
		return perror(table), 1;
	while (getline(&line, &size, f) > 0) {
		char *c[COLUMNS], *s = line;

		if (*line == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (int i = 0; i < COLUMNS; i++)
			if (!(c[i] = strsep(&s, "\t")))
				return fprintf(stderr, "%s: a row with %d columns\n", table, i), 1;
		rows++;
		if (!has_mpijob(c))
			continue;
		said_rows++;
		failed += row(c, arg);
	}
	fprintf(stderr, "%u of %u rows can be said by an MPIJob, %d failed\n", said_rows, rows, failed);
	return failed > 0;
}

static int write_profiles(const char *models, const char *dir)
{
	cleanup_fclose FILE *f = fopen(models, "re");
	struct wattle_err err = WATTLE_ERR_INIT;
	cleanup_free char *line = NULL;
	char path[512];
	size_t size = 0;

	if (!f)
		return perror(models), 1;
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		memset(&profile, 0, sizeof(profile));
		if (wattle_model_parse(line, profile.name, &profile.model, &profile.scaling, &err) < 0)
			return fprintf(stderr, "%s: %s\n", models, err.text), 1;
		snprintf(path, sizeof(path), "%s/%s.json", dir, profile.name);
		if (wattle_profile_write(path, &profile, &err) < 0)
			return fprintf(stderr, "%s\n", err.text), 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "profiles") == 0 && argc == 4)
		return write_profiles(argv[2], argv[3]);
	if (strcmp(mode, "sbatch") == 0 && argc == 3)
		return for_rows(argv[2], print_sbatch, NULL);
	if (strcmp(mode, "json") == 0 && argc == 3)
		return for_rows(argv[2], print_json, NULL);
	if ((strcmp(mode, "bridge") == 0 || strcmp(mode, "table") == 0) && argc == 5) {
		struct wattle_nodes *nodes = wattle_nodes_new(WATTLE_WATTS_RESOURCE);
		struct confs confs = {
			.dir = argv[3], .profiles = argv[4], .site = { .sources = wattle_sources_open(NULL, NULL), .nodes = nodes },
		};
		int rc;

		see_node(nodes);
		rc = for_rows(argv[2], mode[0] == 'b' ? print_bridge : check_table, &confs);
		wattle_nodes_free(nodes);
		wattle_sources_close(confs.site.sources);
		free(confs.conf);
		return rc;
	}
	fprintf(stderr, "usage: mpijob_decide profiles MODELS DIR | bridge|table TABLE CONFS PROFILES | sbatch|json TABLE\n");
	return 2;
}
