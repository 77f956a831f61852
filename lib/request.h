/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_REQUEST_H
#define WATTLE_REQUEST_H

/* The first stage of the flow: words become a struct. The same words reach us as Slurm options and as MPIJob annotations. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "model.h"
#include "units.h"

enum wattle_carbon_word { WATTLE_CARBON_UNSAID = 0, WATTLE_CARBON_OFF, WATTLE_CARBON_START, WATTLE_CARBON_SCALE };

/* Zeros say nothing. */
struct wattle_request {
	struct wattle_watts power;
	double slowdown_pct;                 /* (0,1000]; 0: not said */
	char profile[WATTLE_MODEL_NAME_MAX]; /* of the site's store; "": none was named */
	bool profile_own;                    /* a file of the user's was named instead: its model travels beside the words */
	enum wattle_carbon_word carbon;
	int64_t carbon_within_s;             /* 0: not said; else 1 s to 10 years */
	int64_t carbon_work_s;               /* the same */
};

#define WATTLE_REQUEST_INIT { .power = { WATTLE_WATTS_NONE, 0 } }
#define WATTLE_REQUEST_PATH_MAX 4096 /* bytes of a profile's path, with the NUL */

/* word ('_' counts as '-'): "power" or "power-cap", "slowdown", "power-profile" or "profile", "carbon", "carbon-within", "carbon-work" or
 * "work". -ENOENT: no word of ours; -EINVAL/-ERANGE: a value that can't be taken, err says what may be said. On error the
 * request is unchanged. Saying a word again replaces it. No file is read. */
int wattle_request_set(struct wattle_request *request, const char *word, const char *value, struct wattle_err *err);

/* A profile named so is a file, not one of the store: it has a '/' or ends in ".json". */
bool wattle_profile_is_path(const char *said);

/* True if the request says nothing. */
bool wattle_request_empty(const struct wattle_request *request);
/* True if it says how many watts, or what they may cost: then they are not the site's default. */
bool wattle_request_names_watts(const struct wattle_request *request);

#endif
