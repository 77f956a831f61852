/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_words.h"

#include <ctype.h>
#include <string.h>

char *wattle_kube_escape(char *dst, size_t size, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	if (size == 0)
		return dst;
	for (; *text; text++) {
		unsigned char c = (unsigned char) *text;

		if (n + 4 > size) {
			n = 0;
			break;
		}
		if (isalnum(c) || strchr("-._~", c))
			dst[n++] = (char) c;
		else {
			dst[n++] = '%';
			dst[n++] = hex[c >> 4];
			dst[n++] = hex[c & 15];
		}
	}
	dst[n] = '\0';
	return dst;
}

bool wattle_kube_name_ok(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (n >= 253 || !(islower((unsigned char) name[n]) || isdigit((unsigned char) name[n]) || (n > 0 && (name[n] == '-' || name[n] == '.'))))
			return false;
	return n > 0 && name[n - 1] != '-' && name[n - 1] != '.';
}
