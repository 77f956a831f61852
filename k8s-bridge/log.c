/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void wattle_log(enum wattle_log_level level, const char *format, ...)
{
	char line[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, line);
	else
		fprintf(stderr, "<%d>%s\n", (int) level, line);
}
