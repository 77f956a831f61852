/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_REQUEST_H
#define WATTLE_REQUEST_H

/* The first stage of the flow: words become a struct. The same words reach us as Slurm options and as MPIJob annotations. */

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "units.h"

struct wattle_request {
	struct wattle_watts power;
};

#define WATTLE_REQUEST_INIT { { WATTLE_WATTS_NONE, 0 } }

/* word: "power" or its alias "power-cap" ('_' counts as '-'). -ENOENT: no word of ours; -EINVAL/-ERANGE: a value
 * that can't be taken, err says what may be said. On error the request is unchanged. Saying a word again replaces it. */
int wattle_request_set(struct wattle_request *request, const char *word, const char *value, struct wattle_err *err);

/* True if the request says nothing. */
bool wattle_request_empty(const struct wattle_request *request);

#endif
