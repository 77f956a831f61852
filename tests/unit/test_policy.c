/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The golden cases, and what a table can't say. */
#include "policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "runner.h"

enum column {
	NAME, CONF, POWER, SLOWDOWN, PROFILE, PARTITIONS, NODES_MIN, NODES_MAX, TASKS, CPUS_PER_TASK, TASKS_PER_NODE, FLAGS,
	OUTCOME, OUT_WATTS, OUT_NODES_MIN, OUT_NODES_MAX, OUT_BOUNDED, OUT_DEFAULT, OUT_LAST, OUT_PREDICTED,
	OUT_SAYS, COLUMNS
};

/* Site configurations and models by name. */
static const char *const conf_names[] = { "wattle", "node", "budget" };
#define CONFS (sizeof(conf_names) / sizeof(conf_names[0]))
static struct wattle_siteconf *confs[CONFS];

static struct {
	char name[WATTLE_MODEL_NAME_MAX];
	struct wattle_model model;
} models[16];

static struct wattle_siteconf *read_conf(const char *name)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_siteconf *conf = malloc(sizeof(*conf));
	char file[64], *text = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(file, sizeof(file), "golden/%s.conf", name);
	f = fopen(test_file(file), "re");
	if (!f || getdelim(&text, &size, '\0', f) < 0 || !conf || wattle_siteconf_parse(file, text, conf, &err) < 0) {
		fprintf(stderr, "%s: %s\n", test_file(file), err.text);
		exit(1);
	}
	fclose(f);
	free(text);
	return conf;
}

static void read_models(void)
{
	cleanup_fclose FILE *f = fopen(test_file("golden/models.txt"), "re");
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_scaling scaling;
	cleanup_free char *line = NULL;
	size_t size = 0, n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (getline(&line, &size, f) > 0 && n < sizeof(models) / sizeof(models[0])) {
		line[strcspn(line, "\n")] = '\0';
		CHECK_INT(wattle_model_parse(line, models[n].name, &models[n].model, &scaling, &err), 0);
		CHECK_STRING(err.text, "");
		n++;
	}
}

static const struct wattle_model *find_model(const char *name)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (strcmp(models[i].name, name) == 0)
			return &models[i].model;
	return NULL;
}

static const struct wattle_siteconf *find_conf(const char *name)
{
	for (size_t i = 0; i < CONFS; i++)
		if (strcmp(conf_names[i], name) == 0)
			return confs[i];
	return NULL;
}

static uint32_t number(const char *s)
{
	return (uint32_t) strtoul(s, NULL, 10);
}

/* 0 if the case holds, else what was found is printed. */
static int run_case(char *const c[COLUMNS])
{
	const struct wattle_siteconf *conf = find_conf(c[CONF]);
	const struct wattle_facts facts = {
		.partitions = strcmp(c[PARTITIONS], "-") ? c[PARTITIONS] : NULL,
		.nodes_min = number(c[NODES_MIN]), .nodes_max = number(c[NODES_MAX]),
		.tasks = number(c[TASKS]), .cpus_per_task = number(c[CPUS_PER_TASK]),
		.tasks_per_node = number(c[TASKS_PER_NODE]),
		.exclusive = strstr(c[FLAGS], "exclusive") != NULL,
		.packing_unknown = strstr(c[FLAGS], "packing-unknown") != NULL,
		.model = find_model(c[PROFILE]),
		.profile = c[PROFILE],
	};
	struct wattle_request request = WATTLE_REQUEST_INIT;
	struct wattle_decision d = { 0 };
	struct wattle_err err = WATTLE_ERR_INIT;
	char found[1024], wanted[1024], predicted[32] = "-";
	int rc = 0;

	if (!conf || !facts.model != !strcmp(c[PROFILE], "-")) {
		fprintf(stderr, "%s: no site %s, or no profile %s\n", c[NAME], c[CONF], c[PROFILE]);
		return 1;
	}

	if (strcmp(c[POWER], "-"))
		rc = wattle_request_set(&request, "power", c[POWER], &err);
	if (rc == 0 && strcmp(c[SLOWDOWN], "-"))
		rc = wattle_request_set(&request, "slowdown", c[SLOWDOWN], &err);
	if (rc == 0)
		rc = wattle_decide(conf, &request, &facts, &d, &err);
	if (strcmp(c[OUTCOME], "ok")) {
		int code = strcmp(c[OUTCOME], "ERANGE") ? EINVAL : ERANGE;

		if (rc == -code && err.code == code && strstr(err.text, c[OUT_LAST]))
			return 0;
		fprintf(stderr, "%s: wanted -%d \"…%s…\", found %d \"%s\" %u W\n", c[NAME], code, c[OUT_LAST], rc, err.text, d.watts_w);
		return 1;
	}
	snprintf(wanted, sizeof(wanted), "%s %s-%s %s %s %s %s", c[OUT_WATTS], c[OUT_NODES_MIN], c[OUT_NODES_MAX], c[OUT_BOUNDED],
		 c[OUT_DEFAULT], c[OUT_LAST], c[OUT_PREDICTED]);
	if (*d.profile)
		snprintf(predicted, sizeof(predicted), "%.1f", d.slowdown_pct);
	snprintf(found, sizeof(found), "%u %u-%u %d %d %" PRIu64 " %s", d.watts_w, d.nodes_min, d.nodes_max, d.nodes_bounded, d.defaulted,
		 d.charge_w, predicted);
	if (rc == 0 && strcmp(found, wanted) == 0 && (strcmp(c[OUT_SAYS], "-") == 0 || strstr(d.answer, c[OUT_SAYS])))
		return 0;
	fprintf(stderr, "%s: wanted %s \"%s\", found %d %s \"%s%s\"\n", c[NAME], wanted, c[OUT_SAYS], rc, found, d.answer, err.text);
	return 1;
}

static void test_golden(void)
{
	cleanup_fclose FILE *f = fopen(test_file("golden/decisions.tsv"), "re");
	cleanup_free char *line = NULL;
	unsigned cases = 0, failed = 0;
	char *columns[COLUMNS];
	size_t size = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	read_models();
	for (size_t i = 0; i < CONFS; i++)
		confs[i] = read_conf(conf_names[i]);
	while (getline(&line, &size, f) > 0) {
		if (*line == '#')
			continue;
		CHECK_INT(split_tabs(line, columns, COLUMNS), COLUMNS);
		failed += (unsigned) run_case(columns);
		cases++;
	}
	printf("%u golden cases ", cases);
	CHECK_INT(failed, 0);
	CU_ASSERT(cases >= 140);
	for (size_t i = 0; i < CONFS; i++)
		free(confs[i]);
}

static void decide(const char *power, uint32_t min, uint32_t max, struct wattle_decision *ret)
{
	cleanup_free struct wattle_siteconf *conf = read_conf("wattle");
	const struct wattle_facts facts = { .nodes_min = min, .nodes_max = max };
	struct wattle_request request = WATTLE_REQUEST_INIT;

	if (power)
		CHECK_INT(wattle_request_set(&request, "power-cap", power, NULL), 0);
	CHECK_INT(wattle_decide(conf, &request, &facts, ret, NULL), 0);
}

static void test_answer(void)
{
	struct wattle_decision d;

	decide("300", 4, 4, &d);
	CHECK_STRING(d.answer, "wattle: 300 W/node x 4 nodes: 1200 W");
	decide("300", 0, 0, &d);
	CHECK_STRING(d.answer, "wattle: 300 W/node x 1 node: 300 W");
	decide("300", 2, 4, &d);
	CHECK_STRING(d.answer, "wattle: 300 W/node x 2-4 nodes: at most 1200 W");
	decide(NULL, 0, 0, &d);
	CHECK_STRING(d.answer, "wattle: 5 W/node (default) x 1 node: 5 W");
}

static void test_error_leaves_output(void)
{
	cleanup_free struct wattle_siteconf *conf = read_conf("wattle");
	const struct wattle_request request = { .power = { WATTLE_WATTS_PER_NODE, 5000 } };
	const struct wattle_facts facts = { .nodes_min = 1 };
	struct wattle_decision d, before;

	memset(&d, 0x5a, sizeof(d));
	before = d;
	CHECK_INT(wattle_decide(conf, &request, &facts, &d, NULL), -ERANGE);
	CU_ASSERT(memcmp(&d, &before, sizeof(d)) == 0);
}

static void test_many_partitions(void)
{
	cleanup_free struct wattle_siteconf *conf = read_conf("wattle");
	const struct wattle_request request = { .power = { WATTLE_WATTS_PER_NODE, 300 } };
	char list[4096] = "";
	struct wattle_facts facts = { .partitions = list };
	struct wattle_decision d;
	struct wattle_err err = WATTLE_ERR_INIT;

	for (int i = 0; i < 300; i++)
		memcpy(list + 5 * i, "main,", 6);
	CHECK_INT(wattle_decide(conf, &request, &facts, &d, &err), -EINVAL);
	CHECK_HOLDS(err.text, "more than 256 partitions");
	memset(list, 'x', sizeof(list) - 1);
	CHECK_INT(wattle_decide(conf, &request, &facts, &d, &err), 0);
}

static const struct test tests[] = {
	{ "the golden cases", test_golden },
	{ "the answer line", test_answer },
	{ "an error leaves the output alone", test_error_leaves_output },
	{ "a long list of partitions", test_many_partitions },
	{ NULL, NULL },
};

int main(void)
{
	return run_suite("policy", tests);
}
