/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_LOG_H
#define WATTLE_LOG_H

/* A daemon's lines on stderr: with the priority that a journal takes off again (sd-daemon(3)), with the program's name on a terminal. */

enum wattle_log_level { WATTLE_LOG_ERR = 3, WATTLE_LOG_WARNING = 4, WATTLE_LOG_NOTICE = 5, WATTLE_LOG_INFO = 6 };

void wattle_log(enum wattle_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
