/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_PROFILE_H
#define WATTLE_CLI_PROFILE_H

/* What the commands of `wattle profile` share. */

#include <stdbool.h>

#include "command.h"
#include "plot.h"
#include "profile.h"
#include "siteconf.h"

/* Where profiles are looked for; NULL: the usual place. */
struct profile_place {
	const char *conf;   /* --conf */
	const char *store;  /* --store: a folder of one's own, of any owner */
};

/* The profile that the user named, by name or by path; the caller frees. On error a line has been printed. ret_path (PATH_MAX bytes, may be
 * NULL) gets its file. */
int profile_open_path(const struct profile_place *place, const char *said, struct wattle_profile **ret, char *ret_path);
int profile_open(const struct profile_place *place, const char *said, struct wattle_profile **ret);

/* The store's folder. 0, or -errno with err. */
int profile_store_dir(const struct profile_place *place, char *ret, size_t size, struct wattle_err *err);

/* A percentage or watts per node from an option. false: a line has been printed. */
bool profile_take_slowdown(const char *text, double *ret_pct);
bool profile_take_watts(const char *text, double *ret_w);

/* T_min of the sweep in its own unit; 0 if it has no runs. */
double profile_time_min(const struct wattle_sweep *sweep);

/* "a = …" as a formula, one line without newline. Returns buf. */
const char *profile_formula(const struct wattle_model *model, char *buf, size_t size);

/* Draws to stdout: in braille where the terminal can show it, unless ascii. */
void profile_plot(const struct wattle_plot *plot, bool ascii);
/* 0, or -errno with err. */
int profile_plot_file(const struct wattle_plot *plot, const char *path, struct wattle_err *err);

int wattle_cmd_profile_fit(int argc, char **argv);
int wattle_cmd_profile_refit(int argc, char **argv);
int wattle_cmd_profile_resize(int argc, char **argv);
int wattle_cmd_profile_show(int argc, char **argv);
int wattle_cmd_profile_list(int argc, char **argv);
int wattle_cmd_profile_watts(int argc, char **argv);
int wattle_cmd_profile_slowdown(int argc, char **argv);

#endif
