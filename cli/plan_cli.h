/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_PLAN_H
#define WATTLE_CLI_PLAN_H

/* What the files of `wattle plan` and `wattle carbon` share. */

#include "command.h"
#include "forecast.h"
#include "plan.h"
#include "profile_common.h"
#include "scaling.h"

/* The configurations that a job may have, from a scaling curve, a profile, or two words. */
struct plan_sizes {
	uint32_t n;
	uint32_t base;                  /* the nodes of --work at full power, or the nearest that are allowed */
	double work;                    /* in throughput x seconds */
	double resize_s;                /* that a change of size costs by the profile; 0: not known */
	char assumed[128];              /* "": everything was measured */
	struct wattle_plan_config config[WATTLE_PLAN_CONFIGS_MAX];
};

struct plan_sizes_said {
	const char *work;               /* SECONDS@NODES */
	const char *nodes;              /* MIN-MAX, may be NULL */
	const char *curve, *profile;    /* at most one */
	const char *power;              /* of a node, without curve and profile */
	struct profile_place place;
};

/* 0, or an exit status after a line on stderr. */
int plan_sizes_read(const struct plan_sizes_said *said, struct plan_sizes *ret);
/* A scaling curve that any user may name, checked. 0, or an exit status after a line on stderr. */
int plan_curve_read(const char *path, struct wattle_scaling *ret);

/* "3600", in seconds, or "12h", "90m" … false: a line has been printed. */
bool plan_take_seconds(const char *what, const char *text, double *ret_s);

struct plan_printed {
	const struct wattle_forecast *carbon;
	const struct wattle_plan_problem *problem;
	const struct wattle_plan *plan;
	const struct plan_sizes *sizes;
	bool priced;
	const char *unit; /* of the price */
};

void plan_print_json(const struct plan_printed *p);
void plan_print_table(const struct plan_printed *p);

/* "2026-05-08 21:00", or "slot 17" of a series without dates. Returns buf. */
const char *plan_moment(const struct wattle_forecast *f, double at_s, char *buf, size_t size);

int wattle_cmd_carbon_fetch(int argc, char **argv);
int wattle_cmd_carbon_show(int argc, char **argv);

#endif
