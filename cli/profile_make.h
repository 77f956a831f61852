/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLI_PROFILE_MAKE_H
#define WATTLE_CLI_PROFILE_MAKE_H

/* From a sweep to a profile: fitted, judged, shown and written. Needs GSL; without it all of these print a line that says so. */

#include <json-c/json.h>

#include "profile.h"

struct profile_making {
	enum wattle_form form;
	bool json, plot, ascii;
	const char *output;        /* where the profile goes if it is usable, NULL: nowhere */
	const char *svg;           /* a drawing, NULL: none */
	const char *from;          /* what is fitted, for messages */
	struct json_object *into;  /* with json: gets a member "fit" and nothing is printed; NULL: printed */
};

/* Fits profile->sweep, sets its model and date, prints fit and plot. An exit status, after a line if it is not 0. */
int profile_make(const struct profile_making *making, struct wattle_profile *profile);

#endif
