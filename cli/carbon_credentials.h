/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_CREDENTIALS_H
#define WATTLE_CARBON_CREDENTIALS_H

/* The one file with secrets: root's, mode 0600 or less, INI:
 *
 *   [electricitymaps]
 *   token = …
 *   [watttime]
 *   username = …
 *   password = …
 */

#include "err.h"

struct carbon_credentials {
	char token[256];                /* Electricity Maps */
	char username[128], password[128]; /* WattTime */
};

/* Root may run this, others get -EACCES. -EPERM: someone else could read or write it. -EINVAL: file:line, and never what stands there. */
int carbon_credentials_read(const char *path, struct carbon_credentials *ret, struct wattle_err *err);

#endif
