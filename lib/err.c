/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void make_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char) *s < 0x20 || (unsigned char) *s == 0x7f)
			*s = '?';
}

int wattle_err_set(struct wattle_err *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return -code;
	err->code = code;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	make_printable(err->text);
	return -code;
}

int wattle_err_wrap(struct wattle_err *err, const char *format, ...)
{
	char whole[sizeof(err->text)];
	va_list args;
	int n;

	if (!err)
		return -EIO;
	va_start(args, format);
	n = vsnprintf(whole, sizeof(whole), format, args);
	va_end(args);
	if (n >= 0 && (unsigned long) n < sizeof(whole))
		snprintf(whole + n, sizeof(whole) - (unsigned long) n, ": %s", err->text);
	memcpy(err->text, whole, sizeof(err->text));
	make_printable(err->text);
	return -err->code;
}

char *wattle_err_quote(char *dst, unsigned long size, const char *src)
{
	unsigned long n = 0;

	if (size == 0)
		return dst;
	for (; src && src[n] && n < size - 1; n++)
		dst[n] = (unsigned char) src[n] < 0x20 || (unsigned char) src[n] >= 0x7f ? '?' : src[n];
	dst[n] = '\0';
	return dst;
}
