/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_TERMINAL_H
#define WATTLE_TERMINAL_H

#include <stdbool.h>

/* Can the user's terminal show more than ASCII, by the locale? Asked for one moment: numbers keep their point. */
bool wattle_terminal_has_utf8(void);

#endif
